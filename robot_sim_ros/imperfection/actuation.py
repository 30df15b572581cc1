"""From the commanded joint targets to the targets that the servos get."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from robot_interface_ros.robot import Array
from robot_sim_ros.imperfection.draw import Drawn
from robot_sim_ros.imperfection.lines import DelayLine, Play


class Actuation:
    """Applies a delay, backlash and a zero offset, in this order."""

    def __init__(self, drawn: Drawn, joint_names: tuple[str, ...], start: Array):
        """`start`: `(n_joints,)` rad, the command before the episode."""
        self._delay = DelayLine(drawn.command_delay, start)
        self._play = Play(per_joint(drawn.backlash, joint_names), start) if drawn.backlash else None
        self._offset = per_joint(drawn.joint_offset, joint_names)

    def __call__(self, command: Array) -> Array:
        """Return the targets that take effect in this period, `(n_joints,)` rad; `command`: the targets commanded now."""
        target = self._delay(command)
        if self._play is not None:
            target = self._play(target)
        return target + self._offset


def per_joint(values: Mapping[str, float], joint_names: tuple[str, ...], default: float = 0.0) -> Array:
    """Return the values in the order of `joint_names`, `(n_joints,)`."""
    return np.array([values.get(name, default) for name in joint_names])
