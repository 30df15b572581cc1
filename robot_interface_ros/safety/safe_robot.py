"""The safety layer of every robot, on the robot's side: in process, in the simulator node, in a driver."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from robot_interface_ros.errors import CommandRejected, RobotError
from robot_interface_ros.robot import Array, Command, Episode, Observation, Robot
from robot_interface_ros.robot_config import RobotDescription
from robot_interface_ros.safety.limits import TargetLimiter

_EMERGENCY_STOP = "emergency stop"

Allows = Callable[[Array, Array], bool]
"""Whether joint targets may move from one posture to another, both `(n_joints,)` rad."""


class SafeRobot:
    """Checks each command as a whole and keeps joint targets within the limits of position, speed and acceleration.

    The wrapped robot receives a full vector of joint targets within all limits. An emergency stop lasts until
    `enable(True)`; until then, commands and resets are refused.

    In lockstep one `send` is one period. In real time a period passes with or without a command: `accept` checks a
    command, and `track`, `hold`, `approach_rest` or `relax` determines the motion of a period (`RealTimeRobot` chooses).
    """

    def __init__(self, robot: Robot, description: RobotDescription, allows: Allows | None = None):
        """`allows`: in real time, whether targets may move from one posture to another; if not, they brake."""
        self._robot, self._allows = robot, allows
        self.joint_names = robot.joint_names
        self.period_ns = robot.period_ns
        self.rest = description.rest
        self._limiter = TargetLimiter(description.limits, description.max_acceleration, robot.period_ns * 1e-9)
        self._given, self._given_step = self._limiter.target, self._limiter.step_taken
        self._why_stopped: str | None = None

    @property
    def plant(self) -> Robot:
        """The wrapped robot. Commands sent to it directly are not limited."""
        return self._robot

    @property
    def motion_enabled(self) -> bool:
        """Whether commands move the robot."""
        return self._why_stopped is None

    @property
    def emergency_stopped(self) -> bool:
        """Whether an emergency stop is active."""
        return self._why_stopped == _EMERGENCY_STOP

    def emergency_stop(self) -> None:
        """Refuse every command and reset until `enable(True)`."""
        self._why_stopped = _EMERGENCY_STOP

    def enable(self, enabled: bool) -> None:
        """Allow motion, which also ends an emergency stop; or stop it."""
        self._why_stopped = None if enabled else self._why_stopped or "disabled"

    def reset(self, episode: Episode) -> Observation:
        """Reset the robot; targets restart at the rest pose."""
        self.check_enabled()
        check_episode(episode)
        observation = self._robot.reset(episode)
        self._stand_at(self.rest)
        return self._with_target(observation)

    def send(self, command: Command) -> None:
        """Check the whole command, then move the targets one period towards it."""
        self.accept(command)
        self._robot.send(Command(command.stamp, self.joint_names, self._limiter.step()))

    def receive(self, timeout_s: float | None = None) -> Observation:
        """Return the wrapped robot's observation, with the joint target after all limits."""
        return self._with_target(self._robot.receive(timeout_s))

    def close(self) -> None:
        """Close the wrapped robot."""
        self._robot.close()

    def check_enabled(self) -> None:
        """Raise CommandRejected while motion is stopped."""
        if self._why_stopped is not None:
            raise CommandRejected(
                f"motion is stopped ({self._why_stopped}); call the enable service with true to continue"
            )

    def stand(self) -> Observation:
        """Return an observation, and restart the joint targets at its positions, for a robot that was not reset.

        Raises RobotError if a position is not finite, because it cannot be a target.
        """
        observation = self._robot.receive()
        for joint in np.flatnonzero(~np.isfinite(observation.position)):
            raise RobotError(
                f"joint {self.joint_names[joint]} stands at {observation.position[joint]} rad; is its sensor broken?"
            )
        self._stand_at(observation.position)
        return self._with_target(observation)

    def accept(self, command: Command) -> None:
        """Check the whole command and keep it for `track`. Raises CommandRejected; then nothing changes."""
        self.check_enabled()
        self._limiter.accept(command)

    def forget(self) -> None:
        """Drop the accepted command: if the next one names only some joints, the others must not move."""
        self._limiter.forget()

    def track(self) -> None:
        """Move the targets one period towards the accepted command."""
        self._give(self._limiter.step())

    def hold(self) -> None:
        """Drop the command; brake until the targets stand still."""
        self._give(self._limiter.brake())

    def approach_rest(self) -> bool:
        """Move the targets one period towards the rest pose; return whether they have arrived."""
        there = self._limiter.approach(self.rest)
        self._give(self._limiter.target)
        return there

    def relax(self) -> bool:
        """Switch the torque off if the robot supports it and its targets stand still; return whether. Then call `stand`."""
        relax = getattr(self._robot, "relax", None)
        if relax is None or self._limiter.moving:
            return False
        relax()
        return True

    def _give(self, target: Array) -> None:
        """Send targets; brake instead if they are not allowed. Braking was found allowed one period ago."""
        limiter = self._limiter
        if not self._may_go_on(target):
            target = limiter.brake_instead(self._given, self._given_step)
        try:
            self._robot.send(Command(0, self.joint_names, target))
        except RobotError:
            limiter.restart(*getattr(self._robot, "motion", (self._given,)))
            self._given, self._given_step = limiter.target, limiter.step_taken
            raise
        self._given, self._given_step = target, limiter.step_taken

    def _may_go_on(self, target: Array) -> bool:
        """Whether the next targets, and the posture in which they would stop after that, are both allowed."""
        if self._allows is None or (target == self._given).all():
            return True
        stop = self._limiter.stop
        if not self._allows(self._given, target):
            return False
        return bool((stop == target).all()) or self._allows(target, stop)

    def _stand_at(self, target: Array) -> None:
        self._limiter.restart(target)
        self._given, self._given_step = self._limiter.target, self._limiter.step_taken

    def _with_target(self, observation: Observation) -> Observation:
        return dataclasses.replace(observation, joint_target=self._limiter.target)


def check_episode(episode: Episode) -> None:
    """Raise RobotError unless the episode's target is None or three finite numbers."""
    if episode.target is not None and (len(episode.target) != 3 or not np.all(np.isfinite(episode.target))):
        raise RobotError(f"episode target is {episode.target}; expected three finite numbers, m")
