"""Jog: moves one link by a small step along an axis of the robot's root frame, by inverse kinematics. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from robot_interface_ros.urdf.robot_model import RobotModel

_MOST_MISSED = 0.25
"""Largest distance from the goal, as a fraction of the step."""


def jogged(
    model: RobotModel, link: str, here: Mapping[str, float], commanded: Collection[str], jog: str, step_m: float
) -> tuple[dict[str, float], str]:
    """Return goals (rad) that move `link` by one step, or why there are none.

    `here`: joint -> rad, from which the step goes; `commanded`: the joints that may move; `jog`: axis and sign, as in `x+`.
    """
    if link not in model.links:
        return {}, "choose the link to move first"
    chain, limits = model.chain(link), model.limits()
    moving = [name in commanded for name in chain.joint_names]
    if not any(moving) or any(name not in here for name in chain.joint_names):
        return {}, f"{link} is moved by no joint that can be commanded"
    q = np.array([here[name] for name in chain.joint_names])
    rows = model.index(chain.joint_names)
    lower, upper = np.where(moving, limits.lower[rows], q), np.where(moving, limits.upper[rows], q)
    step = np.zeros(3)
    step["xyz".index(jog[0])] = step_m * (1.0 if jog[1] == "+" else -1.0)
    goal = chain.position(q) + step
    found = chain.inverse(goal, q, lower, upper, restarts=0)
    missed = float(np.linalg.norm(chain.position(found) - goal))
    if missed > _MOST_MISSED * step_m:
        return {}, f"{link} cannot go {jog}: out of reach by {missed * 1000:.0f} mm from here"
    return {name: float(at) for name, at, moves in zip(chain.joint_names, found, moving) if moves}, ""
