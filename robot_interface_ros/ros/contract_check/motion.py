"""Small motions of a robot in real time, for the contract check: sends commands and observes joint_target."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from sensor_msgs.msg import JointState

from robot_interface_ros.ros.contract_check.client import ContractClient, RuleBroken
from robot_interface_ros.ros.contract_check.rules import SMALL_STEP_RAD, begin
from robot_interface_ros.ros.transport import messages

STILL_RAD = 1e-3
"""A target that moves less than this stands still."""
FAR_RAD = 0.25
"""Largest motion of a joint, unless a rule needs another one."""


def movable(client: ContractClient, state: JointState) -> str:
    """Return the joint that can move for the longest time in both directions from its position."""
    position, model = client.position(state), client.model
    assert model is not None
    joints = model.joints

    def longest_s(name: str) -> float:
        joint = joints[name]
        room = min(position[name] - joint.lower, joint.upper - position[name], np.pi)
        return room / joint.velocity if joint.velocity > 0.0 else 0.0

    return max(client.joints, key=longest_s)


def top_speed(client: ContractClient, joint: str) -> float:
    """Return the top speed of a joint, rad/s."""
    assert client.model is not None
    return client.model.joints[joint].velocity


def towards_room(client: ContractClient, joint: str, distance: float) -> float:
    """Return a position at `distance` from a joint's target (at most at its limit), towards its farther limit; rad."""
    model, start = client.model, target_of(client)[joint]
    assert model is not None
    below, above = start - model.joints[joint].lower, model.joints[joint].upper - start
    return start + min(distance, above) if above > below else start - min(distance, below)


def target_of(client: ContractClient) -> dict[str, float]:
    """Return the newest joint_target or, if the robot lacks it, joint_states; joint -> rad."""
    target = client.position(client.until(lambda: client.motion_messages, client.motion_topic)[-1])
    missing = [joint for joint in client.joints if joint not in target]
    if missing:
        raise RuleBroken(f"expected {client.motion_topic} of every independent joint; it lacks {', '.join(missing)}")
    return target


def command(
    client: ContractClient,
    goals: Mapping[str, float],
    done: Callable[[], bool],
    expected: str,
    timeout_s: float | None = None,
) -> None:
    """Repeat a command until `done` returns true. Raises RuleBroken."""

    def commanded() -> bool:
        if not done():
            _send_once(client, goals)
        return done()

    client.until(commanded, expected, timeout_s)


def command_for(client: ContractClient, seconds: float, goals: Mapping[str, float]) -> None:
    """Repeat a command for a time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        _send_once(client, goals)


def _send_once(client: ContractClient, goals: Mapping[str, float]) -> None:
    """Send a command once, then receive messages for a moment."""
    client.send(client.stamp, list(goals), list(goals.values()))
    client.listen(0.03)


def move_to(client: ContractClient, joint: str, goal: float) -> None:
    """Command a joint until its target has arrived."""
    command(
        client,
        {joint: goal},
        lambda: abs(target_of(client)[joint] - goal) < 0.1 * SMALL_STEP_RAD + client.slack_rad,
        f"{client.motion_topic} of {joint} near {goal:.3f} rad, where commands send it",
        3.0 * client.timeout_s,
    )


def move_away(client: ContractClient) -> tuple[str, float, float]:
    """Reset, and move a joint away from rest; return the joint, its target at rest and its new target, rad."""
    joint = movable(client, begin(client))
    rest, away = target_of(client)[joint], towards_room(client, joint, min(0.7 * top_speed(client, joint), FAR_RAD))
    move_to(client, joint, away)
    return joint, rest, away


def standing_at(client: ContractClient, joint: str, when: str) -> float:
    """Return the position at which a joint's target stands still, rad. Raises RuleBroken if it moves."""
    client.motion_messages.clear()
    client.until(lambda: len(client.motion_messages) >= 5, f"{client.motion_topic} {when}")
    last = [client.position(target)[joint] for target in client.motion_messages]
    if max(last) - min(last) > STILL_RAD + client.slack_rad:
        raise RuleBroken(f"expected {joint} to hold {when}; its target moved on by {max(last) - min(last):.4f} rad")
    return last[-1]


def check_speed(client: ContractClient, targets: Sequence[JointState]) -> None:
    """Raise RuleBroken if a target moves faster between any two stamps than its joint's top speed.

    A message may be late or lost, and its stamp may be up to a period too late, so one more period is allowed.
    """
    stamps_s = np.array([messages.stamp_ns(target) - messages.stamp_ns(targets[0]) for target in targets]) * 1e-9
    positions = np.array([[client.position(target)[joint] for joint in client.joints] for target in targets])
    top_speeds = np.array([top_speed(client, joint) for joint in client.joints])
    period_s = float(np.median(np.diff(stamps_s)))
    for apart in range(1, len(targets)):
        took_s = stamps_s[apart:] - stamps_s[:-apart]
        moved = np.abs(positions[apart:] - positions[:-apart])
        excess = moved - np.outer(1.3 * took_s + period_s, top_speeds) - STILL_RAD - 2.0 * client.slack_rad
        when, which = np.unravel_index(excess.argmax(), excess.shape)
        if excess[when, which] > 0.0:
            raise RuleBroken(
                f"expected {client.joints[which]} to move at most {top_speeds[which]:.3g} rad/s; "
                f"its {client.motion_topic} moved {moved[when, which]:.4f} rad in {took_s[when]:.3f} s"
            )
