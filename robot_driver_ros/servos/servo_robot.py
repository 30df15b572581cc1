"""A robot with servos for the real-time loop: a `Plant` of robot_interface_ros/realtime/realtime_robot.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from robot_driver_ros.servos.hardware import Hardware
from robot_driver_ros.servos.servo_driver import ServoDriver
from robot_interface_ros.robot import Array, Command, Episode, Observation, Robot
from robot_interface_ros.robot_status import PULSE

Pulses = Callable[[], Mapping[int, int]]
"""Returns the current pulses of a mock or emulated board: pin -> microseconds."""


class ServoRobot:
    """Reports measured positions of joints with a potentiometer, and commanded positions of others. No method waits.

    With a `body`, the pulses on the boards' pins move a simulated robot, and its joints are observed.
    """

    def __init__(
        self,
        hardware: Hardware,
        driver: ServoDriver,
        period_ns: int,
        body: Robot | None = None,
        pulses: Mapping[str, Pulses] | None = None,
    ):
        """`body`: a simulated robot; `pulses`: for each board, its pulses. Give both or neither."""
        self.joint_names, self.period_ns = hardware.description.joint_names, period_ns
        self.driver = driver
        self._body, self._pulses = body, dict(pulses or {})
        self._target = hardware.description.default_target()
        self._commanded, self._pulsed = hardware.parked, [False] * len(hardware.servos)
        self._position = driver.angles
        self._velocity = np.zeros_like(self._position)
        if body is not None:
            self._observed = body.reset(Episode())

    def reset(self, episode: Episode) -> Observation:
        """Take the episode's target; the joints are already at rest."""
        if episode.target is not None:
            self._target = np.array(episode.target, dtype=np.float64)
        return self.receive()

    def send(self, command: Command) -> None:
        """Move all joints one period towards the command. Raises LinkLost if a board does not answer."""
        try:
            self.driver.drive(command.position)
        finally:  # time advances for the body, also if a board is lost
            self._pass_period()

    def receive(self, timeout_s: float | None = None) -> Observation:
        """Return the current observation; without a body, efforts are unknown and reported as zero."""
        if self._body is not None:
            body = self._observed
            return Observation(0, body.position, body.velocity, body.effort, self._target, body.joint_target)
        return Observation(
            0, self._position, self._velocity, np.zeros_like(self._position), self._target, self._position
        )

    @property
    def motion(self) -> tuple[Array, Array]:
        """See Plant."""
        return self.driver.motion

    @property
    def report(self) -> Mapping[str, object]:
        """See Plant: the sketch of each board, and the pulse of each servo, microseconds."""
        driver = self.driver
        sketches = {f"board {name}": board.firmware for name, board in driver.boards.items()}
        powered = set(driver.powered)
        pulses = {
            f"{PULSE}{servo.joint}": us if servo.joint in powered else "off"
            for servo, us in zip(driver.servos, driver.pulses)
        }
        return sketches | pulses

    def relax(self) -> None:
        """Switch the torque off; called every period while the robot need not move."""
        self.driver.poll()
        try:
            self.driver.relax()
        finally:
            self._pass_period()

    def close(self) -> None:
        """Switch the torque off and close the boards."""
        self.driver.close()
        if self._body is not None:
            self._body.close()

    def _pass_period(self) -> None:
        before, self._position = self._position, self.driver.angles
        self._velocity = (self._position - before) / (self.period_ns * 1e-9)
        if self._body is not None:
            self._commanded = self._pulsed_angles()
            self._body.send(Command(0, self.joint_names, self._commanded))
            self._observed = self._body.receive()

    def _pulsed_angles(self) -> Array:
        """Return the joint angles of the pulses; a servo whose pulses end keeps its position (its gears hold)."""
        pulses = {board: read() for board, read in self._pulses.items()}
        commanded = self._commanded.copy()
        for i, servo in enumerate(self.driver.servos):
            us = pulses[servo.config.board].get(servo.config.pin)
            if us is not None:
                commanded[i] = servo.angle(us)
            elif self._pulsed[i]:
                commanded[i] = self._observed.position[i]
            self._pulsed[i] = us is not None
        return commanded
