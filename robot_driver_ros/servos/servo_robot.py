"""A robot of servos as the real-time loop takes it: `Plant` of robot_interface_ros/realtime/realtime_robot.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from robot_driver_ros.servos.hardware import Hardware
from robot_driver_ros.servos.servo_driver import ServoDriver
from robot_interface_ros.robot import Array, Command, Episode, Observation, Robot
from robot_interface_ros.robot_status import PULSE

Pulses = Callable[[], Mapping[int, int]]
"""What a board that is no real one puts on its pins now: pin -> microseconds."""


class ServoRobot:
    """Servos without feedback are where they were sent; those with a potentiometer where that says. No method waits.

    With a `body`, a simulated robot hangs on the boards: what their pins do moves it, and its joints are what is observed.
    """

    def __init__(
        self,
        hardware: Hardware,
        driver: ServoDriver,
        period_ns: int,
        body: Robot | None = None,
        pulses: Mapping[str, Pulses] | None = None,
    ):
        """`body` and, for each board, its `pulses`: both or neither."""
        self.joint_names, self.period_ns = hardware.description.joint_names, period_ns
        self.driver = driver
        self._body, self._pulses = body, dict(pulses or {})
        self._target = hardware.description.default_target()
        self._told, self._pulsed = hardware.parked, [False] * len(hardware.servos)
        self._position = driver.angles
        self._velocity = np.zeros_like(self._position)
        if body is not None:
            self._seen = body.reset(Episode())

    def reset(self, episode: Episode) -> Observation:
        """Take the episode's target; the joints stand at rest already."""
        if episode.target is not None:
            self._target = np.array(episode.target, dtype=np.float64)
        return self.receive()

    def send(self, command: Command) -> None:
        """Drive all joints one period on towards the command. Raises LinkLost where a board does not answer."""
        try:
            self.driver.drive(command.position)
        finally:  # time goes on for the body, whether or not the boards hear us
            self._pass_period()

    def receive(self, timeout_s: float | None = None) -> Observation:
        """Return what is true now; efforts are unknown and reported as zero, unless a body feels them."""
        if self._body is not None:
            seen = self._seen
            return Observation(0, seen.position, seen.velocity, seen.effort, self._target, seen.joint_target)
        return Observation(
            0, self._position, self._velocity, np.zeros_like(self._position), self._target, self._position
        )

    @property
    def motion(self) -> tuple[Array, Array]:
        """See Plant."""
        return self.driver.motion

    @property
    def report(self) -> Mapping[str, object]:
        """See Plant: what sketch runs on each board, and the pulse of each servo, microseconds."""
        driver = self.driver
        sketches = {f"board {name}": board.firmware for name, board in driver.boards.items()}
        powered = set(driver.powered)
        pulses = {
            f"{PULSE}{servo.joint}": us if servo.joint in powered else "off"
            for servo, us in zip(driver.servos, driver.pulses)
        }
        return sketches | pulses

    def relax(self) -> None:
        """Take the torque off; called at every period as long as nothing is to move."""
        self.driver.poll()
        try:
            self.driver.relax()
        finally:
            self._pass_period()

    def close(self) -> None:
        """Relax and let go of the boards."""
        self.driver.close()
        if self._body is not None:
            self._body.close()

    def _pass_period(self) -> None:
        before, self._position = self._position, self.driver.angles
        self._velocity = (self._position - before) / (self.period_ns * 1e-9)
        if self._body is not None:
            self._told = self._pins_told()
            self._body.send(Command(0, self.joint_names, self._told))
            self._seen = self._body.receive()

    def _pins_told(self) -> Array:
        """Joint angles that the pins ask for; a servo whose pulses end stays where it stood (worms and pistons hold)."""
        pulses = {board: read() for board, read in self._pulses.items()}
        told = self._told.copy()
        for i, servo in enumerate(self.driver.servos):
            us = pulses[servo.config.board].get(servo.config.pin)
            if us is not None:
                told[i] = servo.angle(us)
            elif self._pulsed[i]:
                told[i] = self._seen.position[i]
            self._pulsed[i] = us is not None
        return told
