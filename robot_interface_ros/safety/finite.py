"""Refuses observations with NaN or infinity before a task or a learner uses them. No ROS here."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from robot_interface_ros.errors import NotFiniteReading
from robot_interface_ros.robot import Array, Observation

_AXES = ("x", "y", "z")
_WRENCH = ("force x", "force y", "force z", "torque x", "torque y", "torque z")


def check_finite(observation: Observation, joint_names: Sequence[str], robot: str) -> None:
    """Raise NotFiniteReading, with robot, stream and joint, if an observation has a NaN or infinite number.

    Only depths may be +infinity: nothing is there (REP 118).
    """
    o = observation
    # One sum checks all numbers, because NaN and infinity stay in it. It overflows for huge numbers, so the slow
    # check, which names the faulty value, decides.
    total = sum(o.position.tolist()) + sum(o.velocity.tolist()) + sum(o.effort.tolist())
    total += sum(o.target_position.tolist()) + sum(o.joint_target.tolist())
    if o.contact is not None:
        total += sum(o.contact.tolist())
    if o.srl_state is not None:
        total += sum(o.srl_state.tolist())
    if o.signals:
        total += sum(o.signals.values())
    wrong = _depths(o.depths) if math.isfinite(total) else _not_finite(o, joint_names)
    for fault in wrong:
        raise NotFiniteReading(f"{robot}: {fault}; is a sensor broken, or the simulation unstable?")


def _not_finite(o: Observation, joint_names: Sequence[str]) -> Iterator[str]:
    for quantity, values in (("position", o.position), ("velocity", o.velocity), ("effort", o.effort)):
        yield from _named(f"joint_states: {quantity} of joint", joint_names, values)
    yield from _named("target_pose:", _AXES, o.target_position)
    yield from _named("joint_target: joint", joint_names, o.joint_target)
    if o.contact is not None:
        yield from _named("contact:", _WRENCH, o.contact)
    yield from _named("world_state: signal", list(o.signals), np.array(list(o.signals.values()), dtype=np.float64))
    if o.srl_state is not None:
        yield from _named("srl_state:", [f"state_{i}" for i in range(len(o.srl_state))], o.srl_state)
    yield from _depths(o.depths)


def _named(label: str, names: Sequence[str], values: Array) -> Iterator[str]:
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        more = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
        yield f"{label} {names[bad[0]]} is {values[bad[0]]}{more}"


def _depths(depths: Mapping[str, Any]) -> Iterator[str]:
    for camera, depth in depths.items():
        bad = int(np.count_nonzero(np.isnan(depth) | np.isneginf(depth)))
        if bad:
            yield f"depth of camera {camera}: {bad} of {depth.size} pixels are NaN or -infinity"
