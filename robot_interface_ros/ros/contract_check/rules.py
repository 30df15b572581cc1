"""The rules of the robot contract for every robot. A rule is a function that raises RuleBroken; its docstring is its text."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Mapping

from sensor_msgs.msg import JointState
from std_msgs.msg import Bool
from std_srvs.srv import SetBool, Trigger

from robot_interface_ros.ros.contract_check.client import ContractClient, RuleBroken
from robot_interface_ros.ros.transport import contract, messages, offered_qos
from robot_interface_ros.ros.transport.graph import conflict, has_parameter_node
from robot_interface_ros.urdf.elements import RobotModelError
from robot_interface_ros.urdf.robot_model import RobotModel

TARGET = (0.25, -0.3, 1.1)
SMALL_STEP_RAD = 0.05
LISTEN_S = 0.3
NO_SUCH_JOINT = "no_such_joint"
FURTHER_S = 1.0  # additional time to find optional names
LATE = 3.0  # factor of timeout_s for discovery and for robot_description, which nodes may publish late

REPEATED_S = 0.3  # time for which a stop is repeated to a robot without motion_enabled
LACKING = {  # optional name -> consequence for a robot without it
    contract.TARGET_POSE: "the trainer uses the target that it samples, which does not move",
    contract.JOINT_TARGET: "in real time actions start from commands and measured positions; the check uses joint_states",
    contract.COMMAND_REJECTED: "clients do not learn why a command is refused; the check tests whether the robot moves",
    contract.MOTION_ENABLED: "clients do not learn whether the robot is stopped; the check tests whether it refuses resets",
    f"{contract.PARAMETER_NODE}/set_parameters": "episodes cannot be repeated by their seed",
}

Rule = Callable[[ContractClient], str | None]
"""May return a remark on a rule that is kept."""


def begin(client: ContractClient) -> JointState:
    """Reset, and return the first joint state of the episode. Raises RuleBroken.

    In real time, a robot that is already at rest may answer with the stamp of an observation from before the call.
    """
    before = [] if client.lockstep else list(client.states)
    client.forget()
    answer = client.reset()
    if client.stop_unseen and not answer.success:  # a topic's message may be taken after a later call of a service
        client.call(client.enable_service, SetBool.Request(data=True))
        answer = client.reset()
    client.stamp, client.stop_unseen = answered_stamp(answer), False
    client.states[:0] = [state for state in before if messages.stamp_ns(state) == client.stamp]
    return client.state_at(client.stamp, "after the reset that answered it")


def answered_stamp(answer: Trigger.Response) -> int:
    """Return the stamp in the answer of a reset. Raises RuleBroken."""
    if not answer.success:
        raise RuleBroken(f"expected reset to succeed; it answered '{answer.message}'")
    if not answer.message.isdecimal():
        raise RuleBroken(f"expected reset to answer the new observation's stamp in ns; it answered '{answer.message}'")
    return int(answer.message)


def refused(client: ContractClient, what: str) -> None:
    """Wait until command_rejected refuses a command with the current stamp, if the robot serves it. Raises RuleBroken."""
    if not client.serves(contract.COMMAND_REJECTED):
        client.listen(LISTEN_S)
        return
    text = client.until(lambda: client.rejected, f"command_rejected for {what}")[-1]
    if not text.startswith(f"{client.stamp}: "):
        raise RuleBroken(f"expected command_rejected to begin with '{client.stamp}: '; it is '{text}'")


@contextlib.contextmanager
def stopped(client: ContractClient) -> Iterator[None]:
    """Stop the robot, and enable it at the end, also after an error. Raises RuleBroken."""
    client.enabled.clear()
    if not client.serves(contract.MOTION_ENABLED):
        try:
            for _ in range(3):
                client.stop.publish(Bool(data=True))
                client.listen(REPEATED_S / 3.0)
            yield
        finally:
            client.call(client.enable_service, SetBool.Request(data=True))
            client.stop_unseen = True
        return
    try:
        client.stop.publish(Bool(data=True))
        client.until(lambda: client.enabled and not client.enabled[-1], "motion_enabled false after emergency_stop")
        yield
    finally:
        client.call(client.enable_service, SetBool.Request(data=True))
    client.until(lambda: client.enabled[-1:] == [True], "motion_enabled true after enable")


def endpoints(client: ContractClient) -> str:
    """The robot serves every required name of the contract, and no other client commands it."""

    def served(name: str) -> bool:
        if name == contract.RESET:
            return bool(client.reset_service.service_is_ready())
        if name == contract.ENABLE:
            return bool(client.enable_service.service_is_ready())
        if name in (contract.JOINT_COMMAND, contract.EMERGENCY_STOP):
            return bool(client.node.count_subscribers(client.name(name)))
        if name.startswith(contract.PARAMETER_NODE + "/"):
            return client.parameters.service_is_ready() or has_parameter_node(client.node, client.namespace)
        return bool(client.node.count_publishers(client.name(name)))

    with contextlib.suppress(RuleBroken):
        client.until(lambda: all(map(served, contract.REQUIRED)), "all endpoints", LATE * client.timeout_s)
        others = [name for name in LACKING if name != contract.JOINT_TARGET]  # in lockstep it is not needed
        client.until(lambda: all(map(served, others)), "all else", min(client.timeout_s, FURTHER_S))
    client.unusable = {name for name in (*contract.REQUIRED, *LACKING) if not served(name)}
    for name in client.step_topics:
        client.adopt(name)
    missing = [name for name in contract.REQUIRED if name in client.unusable]
    if missing:
        raise RuleBroken(
            f"required, but missing: {', '.join(map(client.kind_of, missing))}; nothing within {LATE * client.timeout_s:g} s"
        )
    deadline = time.monotonic() + client.timeout_s
    while clients := conflict(client.node, client.namespace, contract.JOINT_COMMAND):
        if time.monotonic() > deadline:
            raise RuleBroken(f"expected no other client; {clients}")
        client.listen(0.05)
    optional = [name for name in LACKING if client.serves(name)]
    return f"required: {', '.join(contract.REQUIRED)}; optional, and served: {', '.join(optional) or 'nothing'}"


def types(client: ContractClient) -> None:
    """Topics have the types of the contract."""
    expected = {
        contract.JOINT_STATES: "sensor_msgs/msg/JointState",
        contract.JOINT_COMMAND: "sensor_msgs/msg/JointState",
        contract.JOINT_TARGET: "sensor_msgs/msg/JointState",
        contract.TARGET_POSE: "geometry_msgs/msg/PoseStamped",
        contract.COMMAND_REJECTED: "std_msgs/msg/String",
        contract.MOTION_ENABLED: "std_msgs/msg/Bool",
        contract.EMERGENCY_STOP: "std_msgs/msg/Bool",
        contract.ROBOT_DESCRIPTION: "std_msgs/msg/String",
    }
    found = dict(client.node.get_topic_names_and_types())
    wrong = {
        name: found.get(client.name(name))
        for name, kind in expected.items()
        if client.serves(name) and found.get(client.name(name)) != [kind]
    }
    client.unusable |= wrong.keys()
    if wrong:
        faults = (
            f"expected {client.name(name)} to be {expected[name]}; it is {kinds}" for name, kinds in wrong.items()
        )
        raise RuleBroken("; ".join(faults))


def robot_description_is_latched(client: ContractClient) -> None:
    """robot_description is latched (transient local) and has a URDF."""
    expected = "robot_description, also long after it was published"
    latched = True
    try:
        client.until(lambda: client.descriptions, expected, LATE * client.timeout_s)
    except RuleBroken:
        qos = client.adopt(contract.ROBOT_DESCRIPTION)
        if qos is None:
            raise
        latched = False
        client.until(lambda: client.descriptions, f"{expected}; it is {offered_qos.words(qos)}, not transient local")
    try:
        client.model = RobotModel.from_urdf(client.descriptions[-1])
    except RobotModelError as error:
        raise RuleBroken(f"expected a URDF on robot_description; {error}") from None
    client.joints = client.only or client.model.joint_names
    unknown = [joint for joint in client.joints if joint not in client.model.joint_names]
    if unknown:
        known = ", ".join(client.model.joint_names)
        raise RuleBroken(f"expected joints {', '.join(unknown)} in the description; its independent joints: {known}")
    if not latched:
        raise RuleBroken(
            "expected robot_description transient local: a late subscriber gets it only if it is published again"
        )


def motion_is_enabled(client: ContractClient) -> None:
    """motion_enabled is latched (transient local), and true at first."""
    try:
        enabled = client.until(lambda: client.enabled, "motion_enabled, also long after it was published")[-1]
    except RuleBroken:
        client.adopt(contract.MOTION_ENABLED)
        raise
    if not enabled:
        client.unusable.add(contract.RESET)  # all rules that move the robot need it
        raise RuleBroken("expected motion_enabled to be true; is it stopped? Call enable with true, then check again")


def reset_answers_a_stamp(client: ContractClient) -> str | None:
    """reset answers with the stamp of an observation, and joint_states with this stamp come."""
    state = begin(client)
    missing = [joint for joint in client.joints if joint not in state.name]
    client.joints = tuple(joint for joint in client.joints if joint in state.name)
    if not client.joints or (client.only and missing):
        raise RuleBroken(
            f"expected joint_states of {', '.join(missing)}, joints of robot_description; it has {', '.join(state.name)}"
        )
    return f"joint_states lack {', '.join(missing)}: these joints cannot be trained" if missing else None


FIRST: tuple[Rule, ...] = (
    endpoints,
    types,
    robot_description_is_latched,
    motion_is_enabled,
    reset_answers_a_stamp,
)


def quality_of_service(client: ContractClient) -> None:
    """Topics connect with the contract's quality of service."""
    unlike = {
        name: qos for name in client.step_topics if client.serves(name) and (qos := client.adopt(name)) is not None
    }
    for name in (contract.JOINT_COMMAND, contract.EMERGENCY_STOP):
        if name in unlike:
            raise RuleBroken(
                f"expected a volatile subscription to {client.name(name)}; it is transient local, so it gets nothing from an "
                "ordinary publisher, and after a restart it gets old messages again"
            )
    for name, qos in unlike.items() if client.lockstep else ():
        raise RuleBroken(
            f"expected {client.name(name)} reliable in lockstep; it is {offered_qos.words(qos)}, and each lost message "
            "delays the trainer until it repeats its command"
        )


def joint_states_are_complete(client: ContractClient) -> None:
    """joint_states have finite positions within the joints' limits; velocities and efforts, if present, are finite."""
    state, model = begin(client), client.model
    assert model is not None
    for label in ("position", "velocity", "effort"):
        values = getattr(state, label)
        if not len(values) and label != "position":
            continue
        if len(values) != len(state.name):
            raise RuleBroken(f"expected {len(state.name)} entries of {label}; there are {len(values)}")
        if not all(math.isfinite(value) for value in values):
            raise RuleBroken(f"expected finite {label}; it is {list(values)}")
    position = client.position(state)
    for joint in client.joints:
        value = position[joint]
        low, high = model.joints[joint].lower, model.joints[joint].upper
        if not low - 0.05 <= value <= high + 0.05:
            raise RuleBroken(f"expected {joint} within {low:g} to {high:g} rad; it is at {value:g}")


def target_pose_has_its_frame(client: ContractClient) -> None:
    """The frame_id of target_pose is the root frame with the namespace as prefix."""
    begin(client)
    pose, model = client.pose_since(client.stamp), client.model
    assert model is not None
    expected = contract.frame(client.namespace, model.root)
    if pose.header.frame_id != expected:
        raise RuleBroken(f"expected frame_id {expected}; it is '{pose.header.frame_id}'")


def episode_target_is_published(client: ContractClient) -> str | None:
    """A robot that accepts episode.target publishes exactly this position as target_pose."""
    client.listen(LISTEN_S)
    if not client.set_episode(3, TARGET):
        return f"optional: node {client.name(contract.PARAMETER_NODE)} has no such parameters"
    if not client.serves(contract.TARGET_POSE):
        return "it has the parameters, but no target_pose, so this was not checked"
    begin(client)
    pose = client.pose_since(client.stamp).pose.position
    if (pose.x, pose.y, pose.z) != TARGET:
        raise RuleBroken(f"expected the target at {TARGET}; it is at {(pose.x, pose.y, pose.z)}")
    return None


def bad_commands_are_refused(client: ContractClient) -> None:
    """A command is refused for NaN, an unknown, mimic or fixed joint, a joint named twice, or a wrong length."""
    state, model = begin(client), client.model
    assert model is not None
    before, joint = client.position(state), client.joints[0]
    away = before[joint] + (0.0 if client.serves(contract.COMMAND_REJECTED) else SMALL_STEP_RAD)  # to show a motion
    both = list(client.joints[:2]) if len(client.joints) > 1 else [joint, joint]
    bad = {
        "NaN": ([joint], [math.nan]),
        "an unknown joint": ([joint, NO_SUCH_JOINT], [away, 0.0]),
        "a joint named twice": ([joint, joint], [away, away]),
        "two names with one position": (both, [away]),
    }
    fixed = [entry for entry in model.joints.values() if entry.type == "fixed"]
    for what, joints in (("a mimic joint", model.mimic_joints), ("a fixed joint", fixed)):
        if joints:
            bad[what] = ([joint, joints[0].name], [away, 0.0])
    for what, (names, position) in bad.items():
        client.rejected.clear()
        client.send(client.stamp, names, position)
        refused(client, what)
        if not client.serves(contract.COMMAND_REJECTED):
            unmoved(client, before, joint, f"a command with {what}")


def unmoved(client: ContractClient, before: Mapping[str, float], joint: str, what: str) -> None:
    """Raise RuleBroken if a joint has moved, or if in lockstep time has advanced."""
    client.states.clear()
    if client.lockstep:
        client.send(0, [joint], [before[joint]])
        state = client.state_at(client.stamp, f"again, because {what} must be refused")
    else:
        state = client.until(lambda: client.states, "joint_states")[-1]
    moved = abs(client.position(state)[joint] - before[joint])
    if moved > 0.2 * SMALL_STEP_RAD + client.slack_rad:
        raise RuleBroken(f"expected {what} to move nothing; {joint} moved {moved:.4f} rad")


def emergency_stop_lasts(client: ContractClient) -> None:
    """emergency_stop stops motion until enable is called with true; resets are refused meanwhile."""
    begin(client)
    with stopped(client):
        if client.reset().success:
            raise RuleBroken("expected reset to be refused after emergency_stop; it succeeded")
        client.stop.publish(Bool(data=False))
        client.listen(LISTEN_S)
        if client.reset().success:
            raise RuleBroken("expected emergency_stop false to do nothing; it ended the stop")
    begin(client)


BOTH: tuple[Rule, ...] = (
    quality_of_service,
    joint_states_are_complete,
    target_pose_has_its_frame,
    episode_target_is_published,
    bad_commands_are_refused,
)
LAST: tuple[Rule, ...] = (emergency_stop_lasts,)

_MOTION = (contract.JOINT_STATES, contract.JOINT_COMMAND, contract.RESET, contract.ROBOT_DESCRIPTION)
STOPPING = (*_MOTION, contract.EMERGENCY_STOP, contract.ENABLE)
NEEDS: dict[str, tuple[str, ...]] = {  # rule -> names that its check needs; default: _MOTION
    "endpoints": (),
    "types": (),
    "robot_description_is_latched": (contract.ROBOT_DESCRIPTION,),
    "motion_is_enabled": (contract.MOTION_ENABLED,),
    "reset_answers_a_stamp": (contract.JOINT_STATES, contract.RESET, contract.ROBOT_DESCRIPTION),
    "quality_of_service": (),
    "target_pose_has_its_frame": (contract.TARGET_POSE, *_MOTION),
    "episode_target_is_published": (f"{contract.PARAMETER_NODE}/set_parameters", *_MOTION),
    "refused_commands_move_nothing": STOPPING,
    "a_stop_interrupts_a_reset": STOPPING,
    "emergency_stop_lasts": STOPPING,
}


def needs(rule: Rule) -> tuple[str, ...]:
    """Return the names that the check of a rule needs."""
    return NEEDS.get(rule.__name__, _MOTION)
