"""From the target that was commanded to the one that a joint's servo gets."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from robot_interface_ros.robot import Array
from robot_sim_ros.imperfection.draw import Drawn
from robot_sim_ros.imperfection.lines import DelayLine, Play


class Actuation:
    """A delay, play, and a zero that is off, in this order."""

    def __init__(self, drawn: Drawn, joint_names: tuple[str, ...], start: Array):
        """`start`: `(n_joints,)` rad, what was commanded before the episode."""
        self._delay = DelayLine(drawn.command_delay, start)
        self._play = Play(per_joint(drawn.backlash, joint_names), start) if drawn.backlash else None
        self._offset = per_joint(drawn.joint_offset, joint_names)

    def __call__(self, command: Array) -> Array:
        """Return the targets that take effect now, `(n_joints,)` rad, for what is commanded now."""
        target = self._delay(command)
        if self._play is not None:
            target = self._play(target)
        return target + self._offset


def per_joint(values: Mapping[str, float], joint_names: tuple[str, ...], default: float = 0.0) -> Array:
    """Return `(n_joints,)`: the values by name."""
    return np.array([values.get(name, default) for name in joint_names])
