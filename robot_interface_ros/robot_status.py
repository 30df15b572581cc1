"""The status of a robot, as `rl_trainer status` prints it. No ROS here."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

PULSE = "pulse (us) "
"""Prefix of the key of a servo's pulse in `/diagnostics`, before the joint's name."""


@dataclass(frozen=True)
class Stream:
    """A topic of the robot: its publishers, the number of messages while listening, and the age of the last one."""

    name: str
    publishers: Sequence[str]
    count: int = 0
    age_s: float | None = None


@dataclass(frozen=True)
class RobotStatus:
    """The status of one robot. Positions and targets by joint name, rad (m for a prismatic joint)."""

    namespace: str
    servers: Sequence[str]
    """Full names of the nodes that serve this robot."""
    commanders: Sequence[str]
    """Full names of the nodes that may command this robot."""
    listened_s: float
    streams: Sequence[Stream] = ()
    motion_enabled: bool | None = None
    """None: the robot does not publish it."""
    position: Mapping[str, float] = field(default_factory=dict)
    target: Mapping[str, float] = field(default_factory=dict)
    report: Mapping[str, str] = field(default_factory=dict)
    """The values of the robot's entry in `/diagnostics`, by key."""
    message: str = ""
    """The message of this entry."""
    faulty: bool = False
    """Whether this entry is an error."""

    @property
    def real_time(self) -> bool:
        """Whether the robot runs in real time: `/diagnostics` has its state, or it publishes without a client."""
        ticks = next((stream.count for stream in self.streams if stream.name == "joint_states"), 0)
        return "state" in self.report or (ticks > 1 and not self.commanders)

    @property
    def pulses(self) -> dict[str, str]:
        """Joint -> pulse of its servo, µs, or `off`."""
        return {key.removeprefix(PULSE): value for key, value in self.report.items() if key.startswith(PULSE)}

    @property
    def problems(self) -> list[str]:
        """Problems that need attention, one line each."""
        found = []
        if len(self.servers) > 1:
            found.append(
                f"{len(self.servers)} robots serve {self.namespace}: {', '.join(self.servers)}; end one of them"
            )
        if len(self.commanders) > 1:
            found.append(f"{len(self.commanders)} clients may command it: {', '.join(self.commanders)}")
        if self.motion_enabled is False:
            found.append(f"it is stopped: rl_trainer enable namespace:={self.namespace} lets it move")
        if self.faulty:
            found.append(self.message)
        if self.real_time and not self.position:
            found.append("it runs in real time, but no joint_states came")
        return found


def lines(status: RobotStatus) -> list[str]:
    """Return the status as printed lines."""
    mode = "in real time" if status.real_time else "in lockstep, or waiting for a client"
    stopped = {True: "may move", False: "STOPPED", None: "does not report whether it may move"}[status.motion_enabled]
    shown = [
        f"{status.namespace}: {stopped}, {mode}" + (f": {status.message}" if status.message else ""),
        f"  served by     {', '.join(status.servers) or 'no node that subscribes to joint_command'}",
        f"  commanded by  {', '.join(status.commanders) or 'nobody'}" + _age_of_command(status.report),
        "",
        *_joint_lines(status),
        "",
        f"  {'stream':<28}{'rate':>9}{'age':>10}   from",
    ]
    for stream in status.streams:
        rate = f"{stream.count / status.listened_s:.1f} Hz" if stream.count > 1 else ""
        age = "no message" if stream.age_s is None else f"{stream.age_s:.2f} s"
        shown.append(f"  {stream.name:<28}{rate:>9}{age:>11}  {', '.join(stream.publishers)}")
    if not status.real_time and not status.position:
        shown += ["", "  In lockstep a robot is silent until a client commands it."]
    return shown + (["", *(f"  ! {problem}" for problem in status.problems)] if status.problems else [])


def _age_of_command(report: Mapping[str, str]) -> str:
    age = report.get("age of last command (s)")
    return f"; the last command, or the start, was {float(age):.1f} s ago" if age else ""


def _joint_lines(status: RobotStatus) -> list[str]:
    joints = list(dict.fromkeys([*status.position, *status.target, *status.pulses]))
    if not joints:
        return ["  no joint positions came"]
    width = max(len(joint) for joint in joints) + 2
    pulses = status.pulses
    shown = [f"  {'joint':<{width}}{'position':>20}{'target':>20}" + (f"{'pulse':>12}" if pulses else "")]
    for joint in joints:
        line = f"  {joint:<{width}}{_angle(status.position.get(joint)):>20}{_angle(status.target.get(joint)):>20}"
        pulse = pulses.get(joint, "")
        shown.append(line + (f"{pulse + ' us' if pulse.isdigit() else pulse or '-':>12}" if pulses else ""))
    return shown


def _angle(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f} ({math.degrees(value):.1f} deg)"
