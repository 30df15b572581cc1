"""The rules of the robot contract for robots in real time; see contract_rules.py."""

from __future__ import annotations

from robot_interface_ros.ros import messages
from robot_interface_ros.ros.contract_client import ContractClient, RuleBroken
from robot_interface_ros.ros.contract_rules import SMALL_STEP_RAD, Rule, begin


def it_lives(client: ContractClient) -> None:
    """joint_states come at a steady rate without commands, with stamps that rise, and joint_target with them."""
    client.forget()
    client.until(lambda: len(client.states) >= 10, "ten joint_states without a command")
    stamps = [messages.stamp_ns(state) for state in client.states]
    if any(later <= earlier for earlier, later in zip(stamps, stamps[1:])):
        raise RuleBroken("expected stamps that rise; they do not")
    client.until(lambda: client.targets, "joint_target: in real time it tells what is executed")


def commands_move_and_silence_holds(client: ContractClient) -> None:
    """Commands move the robot, and when they stop it comes to a stand."""
    state = begin(client)
    joint, model = _movable(client), client.model
    assert model is not None
    start = client.position(state)[joint]
    goal = start - SMALL_STEP_RAD if start - SMALL_STEP_RAD > model.joints[joint].lower else start + SMALL_STEP_RAD

    def moved() -> bool:
        client.send(0, [joint], [goal])
        return bool(client.targets) and abs(client.position(client.targets[-1])[joint] - goal) < 0.2 * SMALL_STEP_RAD

    client.until(moved, f"joint_target of {joint} near {goal:.3f} rad, where commands send it")
    client.listen(2.0)
    client.targets.clear()
    client.until(lambda: len(client.targets) >= 5, "joint_target after the commands have stopped")
    last = [client.position(target)[joint] for target in client.targets]
    if max(last) - min(last) > 1e-3:
        raise RuleBroken(
            f"expected {joint} to hold when commands stop; its target went on by {max(last) - min(last):.4f}"
        )


def _movable(client: ContractClient) -> str:
    """The joint with the most room around where it stands."""
    position, model = client.position(client.states[-1]), client.model
    assert model is not None
    joints = model.joints
    return max(
        client.joints, key=lambda name: min(position[name] - joints[name].lower, joints[name].upper - position[name])
    )


IN_REAL_TIME: tuple[Rule, ...] = (it_lives, commands_move_and_silence_holds)
