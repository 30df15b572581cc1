"""The rules of the robot contract for robots in real time; see contract_rules.py.

All motions are small: they lead to where a joint has most room, and no further than it takes to see whether a rule is kept.
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
TELLING_S = 0.3
"""What lasts longer, by the robot's stamps, was under way when a message came that was sent at its beginning."""


def it_lives(client: ContractClient) -> None:
    """joint_states come without commands, with stamps of the wall clock that rise, and joint_target, where it is served."""
    client.forget()
    client.until(lambda: len(client.states) >= 10, "ten joint_states without a command")
    stamps = [messages.stamp_ns(state) for state in client.states]
    if any(later <= earlier for earlier, later in zip(stamps, stamps[1:])):
        raise RuleBroken("expected stamps that rise; they do not")
    behind_s = (time.time_ns() - stamps[-1]) * 1e-9
    if abs(behind_s) > CLOCKS_AGREE_S:
        raise RuleBroken(
            f"expected stamps of the wall clock; the newest is {abs(behind_s):.1f} s "
            f"{'behind' if behind_s > 0.0 else 'ahead of'} the clock of this machine"
        )
    motion.target_of(client)


def commands_move(client: ContractClient) -> None:
    """Commands move the robot, and joint_target, where it is served, tells how far."""
    joint = motion.movable(client, begin(client))
    motion.go(client, joint, motion.towards_room(client, joint, SMALL_STEP_RAD))


def silence_holds(client: ContractClient) -> None:
    """Without commands the robot comes to a stand, however far the last one sent it."""
    joint = motion.movable(client, begin(client))
    speed, start = motion.top_speed(client, joint), motion.target_of(client)[joint]
    goal = motion.towards_room(client, joint, min(1.0 * speed, 0.5))

    def on_its_way() -> bool:
        return abs(motion.target_of(client)[joint] - start) > 0.1 * abs(goal - start)

    motion.command(
        client, {joint: goal}, on_its_way, f"{client.evidence} of {joint} to leave {start:.3f} rad for {goal:.3f} rad"
    )
    last = motion.target_of(client)[joint]
    client.listen(1.0)
    went = abs(motion.stand(client, joint, "when commands stop") - last)
    if went > 0.6 * speed:  # 0.3 s of it are the robot's; a faster joint may be where it was sent by then
        raise RuleBroken(f"expected {joint} to hold when commands stop; its target went on by {went:.4f} rad")


def speed_is_limited(client: ContractClient) -> None:
    """Neither a command far away nor a reset moves a joint, or its joint_target, faster than its top speed."""
    begin(client)
    goals = {
        joint: motion.towards_room(client, joint, min(0.5 * motion.top_speed(client, joint), motion.FAR_RAD))
        for joint in client.joints
    }
    client.executed.clear()
    motion.command_for(client, 0.6, goals)
    commanded = list(client.executed)
    begin(client)
    client.until(lambda: len(client.executed) >= 2, f"{client.evidence} after a reset")
    motion.check_speed(client, commanded + client.executed)


def refused_commands_move_nothing(client: ContractClient) -> None:
    """A refused command moves nothing: neither a bad one, nor any while the robot is stopped."""
    joint = motion.movable(client, begin(client))
    start, goal = motion.target_of(client)[joint], motion.towards_room(client, joint, SMALL_STEP_RAD)

    def insist(goals: Mapping[str, float], what: str) -> None:
        client.rejected.clear()
        motion.command_for(client, 0.4, goals)
        refused(client, what)
        moved = abs(motion.target_of(client)[joint] - start)
        if moved > 0.2 * SMALL_STEP_RAD + client.slack_rad:
            raise RuleBroken(f"expected {what} to move nothing; {client.evidence} of {joint} moved {moved:.4f} rad")

    insist({joint: goal, NO_SUCH_JOINT: 0.0}, "a command with an unknown joint")
    with stopped(client):
        insist({joint: goal}, "a command after emergency_stop")


def a_reset_arrives(client: ContractClient) -> None:
    """A reset refuses commands on its way, and answers when the robot is at rest."""
    joint, rest, away = motion.stray(client)
    since = messages.stamp_ns(client.executed[-1])
    client.rejected.clear()
    future = client.reset_service.call_async(Trigger.Request())
    motion.command(client, {joint: away}, future.done, "an answer of reset", 10.0 * client.timeout_s)
    stamp = answered_stamp(future.result())
    then = client.until(
        lambda: next((target for target in client.executed if messages.stamp_ns(target) >= stamp), None),
        f"{client.evidence} with stamp {stamp}, which reset answered",
    )
    left = abs(client.position(then)[joint] - rest)
    if left > 0.25 * abs(away - rest):
        raise RuleBroken(
            f"expected reset to answer at rest; {client.evidence} of {joint} was {left:.3f} rad from there"
        )
    if client.serves(contract.COMMAND_REJECTED) and not client.rejected and (stamp - since) * 1e-9 > TELLING_S:
        raise RuleBroken("expected commands to be refused while a reset is on its way; none was")


def a_stop_cuts_a_reset_short(client: ContractClient) -> None:
    """emergency_stop cuts a reset short: the reset is refused, and the robot stays where it was caught."""
    joint, rest, away = motion.stray(client)
    timeouts = time.monotonic() + TELLING_S
    future = client.reset_service.call_async(Trigger.Request())

    def may_be_stopped() -> bool:
        moves = abs(motion.target_of(client)[joint] - away) > 0.2 * SMALL_STEP_RAD + client.slack_rad
        return moves or future.done() or time.monotonic() > timeouts

    client.until(may_be_stopped, "a reset")
    if future.done():
        return  # too short to be cut
    since = messages.stamp_ns(client.executed[-1])
    with stopped(client):
        client.until(future.done, "an answer of reset when emergency_stop cuts it short")
        if future.result().success:
            took_s = (answered_stamp(future.result()) - since) * 1e-9
            if took_s > TELLING_S:  # else it may have ended before the stop came
                raise RuleBroken(
                    f"expected emergency_stop to cut a reset short; it went on for {took_s:.1f} s, to success"
                )
            return
    client.listen(0.5)
    left = abs(motion.stand(client, joint, "where emergency_stop caught it") - rest)
    if left < 0.25 * abs(away - rest):
        raise RuleBroken(f"expected {joint} to hold where emergency_stop caught it; its target went on to rest")


IN_REAL_TIME: tuple[Rule, ...] = (
    it_lives,
    commands_move,
    silence_holds,
    speed_is_limited,
    refused_commands_move_nothing,
    a_reset_arrives,
    a_stop_cuts_a_reset_short,
)
