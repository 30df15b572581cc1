"""The rules of the robot contract for robots in real time; see rules.py.

All motions are small. They go towards a joint's farther limit, and only as far as needed to check a rule.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from std_srvs.srv import Trigger

from robot_interface_ros.ros.contract_check import motion
from robot_interface_ros.ros.contract_check.client import ContractClient, RuleBroken
from robot_interface_ros.ros.contract_check.rules import (
    NO_SUCH_JOINT,
    SMALL_STEP_RAD,
    Rule,
    answered_stamp,
    begin,
    refused,
    stopped,
)
from robot_interface_ros.ros.transport import contract, messages

CLOCKS_AGREE_S = 1.0
DELIVERY_S = 0.3
"""Time for a message to reach the robot. A reset that lasts longer was still running when a message arrived."""


def streams_run_by_themselves(client: ContractClient) -> None:
    """joint_states, and joint_target if served, come without commands; their stamps are of the wall clock and rise."""
    client.forget()
    client.until(lambda: len(client.states) >= 10, "ten joint_states without a command")
    stamps = [messages.stamp_ns(state) for state in client.states]
    if any(later <= earlier for earlier, later in zip(stamps, stamps[1:])):
        raise RuleBroken("expected stamps to rise; they do not")
    behind_s = (time.time_ns() - stamps[-1]) * 1e-9
    if abs(behind_s) > CLOCKS_AGREE_S:
        raise RuleBroken(
            f"expected stamps of the wall clock; the newest is {abs(behind_s):.1f} s "
            f"{'behind' if behind_s > 0.0 else 'ahead of'} the clock of this machine"
        )
    motion.target_of(client)


def commands_move(client: ContractClient) -> None:
    """Commands move the robot, and joint_target, if served, follows them."""
    joint = motion.movable(client, begin(client))
    motion.move_to(client, joint, motion.towards_room(client, joint, SMALL_STEP_RAD))


def robot_holds_without_commands(client: ContractClient) -> None:
    """Without commands the robot stops, also far from the last commanded position."""
    joint = motion.movable(client, begin(client))
    speed, start = motion.top_speed(client, joint), motion.target_of(client)[joint]
    goal = motion.towards_room(client, joint, min(1.0 * speed, 0.5))

    def on_its_way() -> bool:
        return abs(motion.target_of(client)[joint] - start) > 0.1 * abs(goal - start)

    motion.command(
        client,
        {joint: goal},
        on_its_way,
        f"{client.motion_topic} of {joint} to leave {start:.3f} rad for {goal:.3f} rad",
    )
    last = motion.target_of(client)[joint]
    client.listen(1.0)
    moved = abs(motion.standing_at(client, joint, "when commands stop") - last)
    if moved > 0.6 * speed:  # the robot may move for 0.3 s; a fast joint may have arrived by then
        raise RuleBroken(f"expected {joint} to hold when commands stop; its target moved on by {moved:.4f} rad")


def speed_is_limited(client: ContractClient) -> None:
    """Commands to distant positions, and resets, move no joint and no joint_target faster than its top speed."""
    begin(client)
    goals = {
        joint: motion.towards_room(client, joint, min(0.5 * motion.top_speed(client, joint), motion.FAR_RAD))
        for joint in client.joints
    }
    client.motion_messages.clear()
    motion.command_for(client, 0.6, goals)
    commanded = list(client.motion_messages)
    begin(client)
    client.until(lambda: len(client.motion_messages) >= 2, f"{client.motion_topic} after a reset")
    motion.check_speed(client, commanded + client.motion_messages)


def refused_commands_move_nothing(client: ContractClient) -> None:
    """A refused command moves nothing: an invalid command, or any command while the robot is stopped."""
    joint = motion.movable(client, begin(client))
    start, goal = motion.target_of(client)[joint], motion.towards_room(client, joint, SMALL_STEP_RAD)

    def insist(goals: Mapping[str, float], what: str) -> None:
        client.rejected.clear()
        motion.command_for(client, 0.4, goals)
        refused(client, what)
        moved = abs(motion.target_of(client)[joint] - start)
        if moved > 0.2 * SMALL_STEP_RAD + client.slack_rad:
            raise RuleBroken(f"expected {what} to move nothing; {client.motion_topic} of {joint} moved {moved:.4f} rad")

    insist({joint: goal, NO_SUCH_JOINT: 0.0}, "a command with an unknown joint")
    with stopped(client):
        insist({joint: goal}, "a command after emergency_stop")


def a_reset_arrives(client: ContractClient) -> None:
    """During a reset commands are refused, and the reset answers when the robot is at rest."""
    joint, rest, away = motion.move_away(client)
    since = messages.stamp_ns(client.motion_messages[-1])
    client.rejected.clear()
    future = client.reset_service.call_async(Trigger.Request())
    motion.command(client, {joint: away}, future.done, "an answer of reset", 10.0 * client.timeout_s)
    stamp = answered_stamp(future.result())
    then = client.until(
        lambda: next((target for target in client.motion_messages if messages.stamp_ns(target) >= stamp), None),
        f"{client.motion_topic} with stamp {stamp}, the answer of reset",
    )
    left = abs(client.position(then)[joint] - rest)
    if left > 0.25 * abs(away - rest):
        raise RuleBroken(
            f"expected reset to answer at rest; {client.motion_topic} of {joint} was {left:.3f} rad from rest"
        )
    if client.serves(contract.COMMAND_REJECTED) and not client.rejected and (stamp - since) * 1e-9 > DELIVERY_S:
        raise RuleBroken("expected commands to be refused during a reset; none was")


def a_stop_interrupts_a_reset(client: ContractClient) -> None:
    """emergency_stop interrupts a reset: the reset is refused, and the robot holds where it stopped."""
    joint, rest, away = motion.move_away(client)
    deadline = time.monotonic() + DELIVERY_S
    future = client.reset_service.call_async(Trigger.Request())

    def may_be_stopped() -> bool:
        moves = abs(motion.target_of(client)[joint] - away) > 0.2 * SMALL_STEP_RAD + client.slack_rad
        return moves or future.done() or time.monotonic() > deadline

    client.until(may_be_stopped, "a reset")
    if future.done():
        return  # too short to be interrupted
    since = messages.stamp_ns(client.motion_messages[-1])
    with stopped(client):
        client.until(future.done, "an answer of reset when emergency_stop interrupts it")
        if future.result().success:
            took_s = (answered_stamp(future.result()) - since) * 1e-9
            if took_s > DELIVERY_S:  # a shorter reset may have ended before the stop came
                raise RuleBroken(
                    f"expected emergency_stop to interrupt a reset; it continued for {took_s:.1f} s and succeeded"
                )
            return
    client.listen(0.5)
    left = abs(motion.standing_at(client, joint, "where emergency_stop stopped it") - rest)
    if left < 0.25 * abs(away - rest):
        raise RuleBroken(f"expected {joint} to hold where emergency_stop stopped it; its target moved on to rest")


IN_REAL_TIME: tuple[Rule, ...] = (
    streams_run_by_themselves,
    commands_move,
    robot_holds_without_commands,
    speed_is_limited,
    refused_commands_move_nothing,
    a_reset_arrives,
    a_stop_interrupts_a_reset,
)
