"""Small motions of a robot in real time, for the rules of the contract: commands, and where joint_target goes meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from sensor_msgs.msg import JointState

from robot_interface_ros.ros.contract_check.client import ContractClient, RuleBroken
from robot_interface_ros.ros.contract_check.rules import SMALL_STEP_RAD, begin
from robot_interface_ros.ros.transport import messages

STILL_RAD = 1e-3
"""A target that moves less stands."""
FAR_RAD = 0.25
"""No further than so is any joint sent, where a rule does not say otherwise."""


def movable(client: ContractClient, state: JointState) -> str:
    """The joint that can move for longest to both sides of where it stands."""
    position, model = client.position(state), client.model
    assert model is not None
    joints = model.joints

    def longest_s(name: str) -> float:
        joint = joints[name]
        room = min(position[name] - joint.lower, joint.upper - position[name], np.pi)
        return room / joint.velocity if joint.velocity > 0.0 else 0.0

    return max(client.joints, key=longest_s)


def top_speed(client: ContractClient, joint: str) -> float:
    """How fast a joint may move, rad/s."""
    assert client.model is not None
    return client.model.joints[joint].velocity


def towards_room(client: ContractClient, joint: str, distance: float) -> float:
    """A place so far from where a joint's target is, or at its limit, on the side where it has more room; rad."""
    model, start = client.model, target_of(client)[joint]
    assert model is not None
    below, above = start - model.joints[joint].lower, model.joints[joint].upper - start
    return start + min(distance, above) if above > below else start - min(distance, below)


def target_of(client: ContractClient) -> dict[str, float]:
    """Where the newest joint_target is or, of a robot without, its joints are; joint -> rad."""
    target = client.position(client.until(lambda: client.executed, client.evidence)[-1])
    missing = [joint for joint in client.joints if joint not in target]
    if missing:
        raise RuleBroken(f"expected {client.evidence} of every independent joint; it lacks {', '.join(missing)}")
    return target


def command(
    client: ContractClient,
    goals: Mapping[str, float],
    done: Callable[[], bool],
    expected: str,
    timeout_s: float | None = None,
) -> None:
    """Command joints again and again until something is so."""

    def commanded() -> bool:
        if not done():
            _tell(client, goals)
        return done()

    client.until(commanded, expected, timeout_s)


def command_for(client: ContractClient, seconds: float, goals: Mapping[str, float]) -> None:
    """Command joints again and again for a while."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        _tell(client, goals)


def _tell(client: ContractClient, goals: Mapping[str, float]) -> None:
    """Command once, and leave others their turn."""
    client.send(client.stamp, list(goals), list(goals.values()))
    client.listen(0.03)


def go(client: ContractClient, joint: str, goal: float) -> None:
    """Command a joint until its target is there."""
    command(
        client,
        {joint: goal},
        lambda: abs(target_of(client)[joint] - goal) < 0.1 * SMALL_STEP_RAD + client.slack_rad,
        f"{client.evidence} of {joint} near {goal:.3f} rad, where commands send it",
        3.0 * client.timeout_s,
    )


def stray(client: ContractClient) -> tuple[str, float, float]:
    """Reset, and send a joint away from rest; the joint, where its target was, and where it is."""
    joint = movable(client, begin(client))
    rest, away = target_of(client)[joint], towards_room(client, joint, min(0.7 * top_speed(client, joint), FAR_RAD))
    go(client, joint, away)
    return joint, rest, away


def stand(client: ContractClient, joint: str, when: str) -> float:
    """Where a joint's target stands, rad; RuleBroken when it moves."""
    client.executed.clear()
    client.until(lambda: len(client.executed) >= 5, f"{client.evidence} {when}")
    last = [client.position(target)[joint] for target in client.executed]
    if max(last) - min(last) > STILL_RAD + client.slack_rad:
        raise RuleBroken(f"expected {joint} to hold {when}; its target went on by {max(last) - min(last):.4f} rad")
    return last[-1]


def check_speed(client: ContractClient, targets: Sequence[JointState]) -> None:
    """RuleBroken where a target moves faster between any two stamps than its joint may.

    A message may be late or lost, and its stamp up to a period late beside that of the next, so a period is allowed for.
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
                f"its {client.evidence} moved {moved[when, which]:.4f} rad in {took_s[when]:.3f} s"
            )
