"""A mock robot without boards and simulator; like stock servos, it reports the commanded positions."""

from __future__ import annotations

import numpy as np

from robot_interface_ros.lockstep import first_stamp
from robot_interface_ros.robot import Command, Episode, Observation
from robot_interface_ros.robot_config import RobotDescription


class MockRobot:
    """Servos without feedback: the reported position is the commanded one, one period later.

    Every driver of a stock InMoov reports the same, because its servos return no position. No gravity, no contact.
    """

    def __init__(self, description: RobotDescription, period_ns: int, start_ns: int | None = None):
        """`start_ns`: first stamp, integer nanoseconds; None: the wall clock."""
        self.joint_names, self.period_ns = description.joint_names, period_ns
        self._rest = description.rest
        self._stamp = first_stamp(period_ns) if start_ns is None else start_ns
        self._position, self._velocity = self._rest, np.zeros_like(self._rest)
        self._default_target = description.default_target()
        self._target = self._default_target

    def reset(self, episode: Episode) -> Observation:
        """Set the joints to rest; two periods pass."""
        self._position, self._velocity = self._rest, np.zeros_like(self._rest)
        self._target = self._default_target if episode.target is None else np.array(episode.target, dtype=np.float64)
        self._stamp += 2 * self.period_ns
        return self.receive()

    def send(self, command: Command) -> None:
        """Set the joints to the commanded positions; one period passes."""
        self._velocity = (command.position - self._position) / (self.period_ns * 1e-9)
        self._position = command.position
        self._stamp += self.period_ns

    def receive(self, timeout_s: float | None = None) -> Observation:
        """Return the current observation; efforts are unknown and reported as zero."""
        return Observation(
            self._stamp, self._position, self._velocity, np.zeros_like(self._position), self._target, self._position
        )

    def close(self) -> None:
        """Do nothing: there is nothing to release."""
