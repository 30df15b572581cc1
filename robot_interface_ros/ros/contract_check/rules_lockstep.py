"""The rules of the robot contract for robots in lockstep; see rules.py."""

from __future__ import annotations

import math

from sensor_msgs.msg import JointState

from robot_interface_ros.ros.contract_check.client import ContractClient, RuleBroken
from robot_interface_ros.ros.contract_check.rules import (
    LISTEN_S,
    NO_SUCH_JOINT,
    SMALL_STEP_RAD,
    TARGET,
    Rule,
    begin,
    refused,
    stopped,
    unmoved,
)
from robot_interface_ros.ros.transport import contract, messages


def speed_is_limited(client: ContractClient) -> None:
    """A command to a distant position moves no joint faster than its top speed."""
    state, model = begin(client), client.model
    assert model is not None
    before = client.position(state)
    far = {name: model.joints[name].lower for name in client.joints if math.isfinite(model.joints[name].lower)}
    client.send(client.stamp, list(far), list(far.values()))
    after = client.state_at(client.stamp + _period(client), "after a command")
    position = client.position(after)
    for joint in client.joints:
        most = 1.5 * model.joints[joint].velocity * _period(client) * 1e-9 + 1e-3
        moved = abs(position[joint] - before[joint])
        if moved > most:
            raise RuleBroken(f"expected {joint} to move at most {most:.4f} rad in a period; it moved {moved:.4f}")


def a_command_is_one_period(client: ContractClient) -> None:
    """A command with the current stamp advances the robot one period, and every stream has the new stamp."""
    state = begin(client)
    client.states.clear()
    client.poses.clear()
    client.send(client.stamp, *here(client, state))
    after = client.until(lambda: client.states, "joint_states that answer the command")[-1]
    client.period_ns = messages.stamp_ns(after) - client.stamp
    if client.period_ns <= 0:
        raise RuleBroken(f"expected a stamp after {client.stamp}; it is {messages.stamp_ns(after)}")
    stamp = client.stamp + client.period_ns
    if client.serves(contract.TARGET_POSE):
        client.until(
            lambda: any(messages.stamp_ns(pose) == stamp for pose in client.poses), f"target_pose with stamp {stamp}"
        )
    for k in range(1, 4):
        client.send(client.stamp + k * client.period_ns, *here(client, state))
        client.state_at(client.stamp + (k + 1) * client.period_ns, "after a command with the stamp before it")


def repetitions_move_nothing(client: ContractClient) -> None:
    """After a command with an older stamp or stamp zero, the robot repeats its observation and does not move."""
    state = begin(client)
    client.send(client.stamp, *here(client, state))
    current = client.stamp + _period(client)
    first = client.state_at(current, "after a command")
    for stamp, what in ((client.stamp, "older"), (0, "zero")):
        client.forget()
        client.send(stamp, *here(client, state, SMALL_STEP_RAD))
        again = client.state_at(current, f"again, after a command with {what} stamp")
        if list(again.position) != list(first.position):
            raise RuleBroken(f"expected a command with {what} stamp to move nothing; positions changed")
    client.send(current, *here(client, state))
    client.state_at(current + _period(client), "after these commands, because only one period has passed")


def newer_stamps_are_refused(client: ContractClient) -> None:
    """A command with a newer stamp is refused."""
    state = begin(client)
    stamp = client.stamp + 1_000_000_000
    client.send(stamp, *here(client, state, SMALL_STEP_RAD))
    if not client.serves(contract.COMMAND_REJECTED):
        client.listen(LISTEN_S)
        unmoved(client, client.position(state), client.joints[0], "a command with a newer stamp")
        return
    client.until(lambda: any(text.startswith(f"{stamp}: ") for text in client.rejected), "command_rejected")


def refused_commands_move_nothing(client: ContractClient) -> None:
    """A refused command does not advance the robot: an invalid command, or any command while the robot is stopped."""
    state = begin(client)
    names, away = here(client, state, SMALL_STEP_RAD)
    client.send(client.stamp, [*names, NO_SUCH_JOINT], [*away, 0.0])
    refused(client, "an unknown joint")
    _expect_unmoved(client, state, "a bad command")
    with stopped(client):
        client.rejected.clear()
        client.send(client.stamp, names, away)
        refused(client, "a command after emergency_stop")
    _expect_unmoved(client, state, "a command after emergency_stop")


def a_reset_is_two_periods(client: ContractClient) -> None:
    """A reset advances two periods, and stamps never go back."""
    begin(client)
    before = client.stamp
    begin(client)
    if client.stamp != before + 2 * _period(client):
        raise RuleBroken(f"expected stamp {before + 2 * _period(client)} after a reset; it is {client.stamp}")


def episodes_are_reproducible(client: ContractClient) -> None:
    """The same episode with the same commands gives the same numbers, independently of earlier episodes."""
    runs = []
    for _ in range(2):
        client.set_episode(5, TARGET)
        state, seen = begin(client), []
        for k in range(5):
            stamp = client.stamp + k * _period(client)
            client.send(stamp, *here(client, state, -SMALL_STEP_RAD))
            after = client.state_at(stamp + _period(client), "after a command")
            seen.append((list(after.position), list(after.velocity)))
        runs.append(seen)
    if runs[0] != runs[1]:
        raise RuleBroken("expected an episode to repeat bit for bit; it differs")


def here(client: ContractClient, state: JointState, offset: float = 0.0) -> tuple[list[str], list[float]]:
    """Return the joints that can be commanded and their positions plus `offset`, rad."""
    position = client.position(state)
    return list(client.joints), [position[joint] + offset for joint in client.joints]


def _expect_unmoved(client: ContractClient, state: JointState, what: str) -> None:
    """Raise RuleBroken unless the current observation is still `state`."""
    client.states.clear()
    client.send(0, *here(client, state))
    again = client.state_at(client.stamp, f"again, because {what} was refused")
    if list(again.position) != list(state.position):
        raise RuleBroken(f"expected {what}, which was refused, to move nothing; positions changed")


def _period(client: ContractClient) -> int:
    if not client.period_ns:
        raise RuleBroken("expected a control period; no newer stamp came after any command")
    return client.period_ns


IN_LOCKSTEP: tuple[Rule, ...] = (
    a_command_is_one_period,
    repetitions_move_nothing,
    newer_stamps_are_refused,
    refused_commands_move_nothing,
    a_reset_is_two_periods,
    episodes_are_reproducible,
    speed_is_limited,
)
