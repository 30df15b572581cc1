"""The rules of the robot contract that every robot keeps, each a function that raises RuleBroken; its docstring is the rule."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator

from sensor_msgs.msg import JointState
from std_msgs.msg import Bool
from std_srvs.srv import SetBool, Trigger

from robot_interface_ros.robot_model import RobotModel, RobotModelError
from robot_interface_ros.ros import contract
from robot_interface_ros.ros.contract_client import ContractClient, RuleBroken
from robot_interface_ros.ros.graph import has_parameter_node

TARGET = (0.25, -0.3, 1.1)
SMALL_STEP_RAD = 0.05
LISTEN_S = 0.3
NO_SUCH_JOINT = "no_such_joint"

Rule = Callable[[ContractClient], None]


def begin(client: ContractClient) -> JointState:
    """Reset, and return the first state. Raises RuleBroken."""
    client.forget()
    client.stamp = answered_stamp(client.reset())
    return client.state_at(client.stamp, "after the reset that answered it")


def answered_stamp(answer: Trigger.Response) -> int:
    """Return the stamp that a reset has answered. Raises RuleBroken."""
    if not answer.success:
        raise RuleBroken(f"expected reset to succeed; it answered '{answer.message}'")
    if not answer.message.isdecimal():
        raise RuleBroken(f"expected reset to answer the new observation's stamp in ns; it answered '{answer.message}'")
    return int(answer.message)


def refused(client: ContractClient, what: str) -> None:
    """Wait until a command with the current stamp is refused. Raises RuleBroken."""
    said = client.until(lambda: client.rejected, f"command_rejected for {what}")[-1]
    if not said.startswith(f"{client.stamp}: "):
        raise RuleBroken(f"expected command_rejected to begin with '{client.stamp}: '; it is '{said}'")


@contextlib.contextmanager
def stopped(client: ContractClient) -> Iterator[None]:
    """Stop the robot, and let it go on in the end, whatever happens. Raises RuleBroken."""
    client.enabled.clear()
    try:
        client.stop.publish(Bool(data=True))
        client.until(lambda: client.enabled and not client.enabled[-1], "motion_enabled false after emergency_stop")
        yield
    finally:
        client.call(client.enable_service, SetBool.Request(data=True))
    client.until(lambda: client.enabled[-1:] == [True], "motion_enabled true after enable")


def endpoints(client: ContractClient) -> None:
    """It publishes and hears every topic and serves every service of the contract."""

    def missing() -> list[str]:
        node = client.node
        published = (
            contract.JOINT_STATES,
            contract.TARGET_POSE,
            contract.COMMAND_REJECTED,
            contract.MOTION_ENABLED,
            contract.ROBOT_DESCRIPTION,
        )
        names = [f"a publisher of {client.name(n)}" for n in published if not node.count_publishers(client.name(n))]
        heard = (contract.JOINT_COMMAND, contract.EMERGENCY_STOP)
        names += [f"a subscription of {client.name(n)}" for n in heard if not node.count_subscribers(client.name(n))]
        services = (client.reset_service, client.enable_service)
        return names + [f"service {service.srv_name}" for service in services if not service.service_is_ready()]

    try:
        client.until(lambda: not missing(), "all endpoints")
    except RuleBroken:
        raise RuleBroken(f"expected {', '.join(missing())}; nothing within {client.timeout_s:g} s") from None


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
    for name, kind in expected.items():
        if found.get(client.name(name)) != [kind]:
            raise RuleBroken(f"expected {client.name(name)} to be {kind}; it is {found.get(client.name(name))}")


def described(client: ContractClient) -> None:
    """robot_description is latched and holds a URDF."""
    text = client.until(lambda: client.descriptions, "robot_description, also long after it was published")[-1]
    try:
        client.model = RobotModel.from_urdf(text)
    except RobotModelError as error:
        raise RuleBroken(f"expected a URDF on robot_description; {error}") from None
    client.joints = client.model.joint_names


def announced(client: ContractClient) -> None:
    """motion_enabled is latched, and says true at first."""
    if client.until(lambda: client.enabled, "motion_enabled, also long after it was published")[-1] is not True:
        raise RuleBroken("expected motion_enabled to be true; is it stopped? Call enable with true, then check again")


def resets(client: ContractClient) -> None:
    """reset answers the stamp of an observation, whose joint_states come."""
    state = begin(client)
    if set(state.name) != set(client.joints):
        raise RuleBroken(
            f"expected joint_states of the description's independent joints {', '.join(client.joints)}; "
            f"it has {', '.join(state.name)}"
        )


FIRST: tuple[Rule, ...] = (endpoints, types, described, announced, resets)


def states_are_whole(client: ContractClient) -> None:
    """joint_states hold finite positions, velocities and efforts within the joints' limits."""
    state, model = begin(client), client.model
    assert model is not None
    for label in ("position", "velocity", "effort"):
        values = getattr(state, label)
        if len(values) != len(state.name):
            raise RuleBroken(f"expected {len(state.name)} entries of {label}; there are {len(values)}")
        if not all(math.isfinite(value) for value in values):
            raise RuleBroken(f"expected finite {label}; it is {list(values)}")
    for joint, value in client.position(state).items():
        low, high = model.joints[joint].lower, model.joints[joint].upper
        if not low - 0.05 <= value <= high + 0.05:
            raise RuleBroken(f"expected {joint} within {low:g} to {high:g} rad; it is at {value:g}")


def poses_are_framed(client: ContractClient) -> None:
    """target_pose carries the namespace in its frame_id."""
    begin(client)
    pose, model = client.pose_since(client.stamp), client.model
    assert model is not None
    expected = contract.frame(client.namespace, model.root)
    if pose.header.frame_id != expected:
        raise RuleBroken(f"expected frame_id {expected}; it is '{pose.header.frame_id}'")


def episodes_are_told(client: ContractClient) -> None:
    """episode.target, where the robot takes it, is where target_pose is then, exactly."""
    client.listen(LISTEN_S)
    if not (client.parameters.service_is_ready() or has_parameter_node(client.node, client.namespace)):
        return  # a robot without them chooses its targets itself
    client.set_episode(3, TARGET)
    begin(client)
    pose = client.pose_since(client.stamp).pose.position
    if (pose.x, pose.y, pose.z) != TARGET:
        raise RuleBroken(f"expected the target at {TARGET}; it is at {(pose.x, pose.y, pose.z)}")


def bad_commands_are_refused(client: ContractClient) -> None:
    """NaN, an unknown, mimic or fixed joint, a joint named twice and a wrong length refuse the command, with the reason."""
    state, model = begin(client), client.model
    assert model is not None
    before, joint = client.position(state), client.joints[0]
    bad = {
        "NaN": ([joint], [math.nan]),
        "an unknown joint": ([joint, NO_SUCH_JOINT], [before[joint], 0.0]),
        "a joint named twice": ([joint, joint], [before[joint], before[joint]]),
        "two names with one position": (list(client.joints[:2]) if len(client.joints) > 1 else [joint, joint], [0.0]),
    }
    fixed = [entry for entry in model.joints.values() if entry.type == "fixed"]
    for what, joints in (("a mimic joint", model.mimic_joints), ("a fixed joint", fixed)):
        if joints:
            bad[what] = ([joint, joints[0].name], [before[joint], 0.0])
    for what, (names, position) in bad.items():
        client.rejected.clear()
        client.send(client.stamp, names, position)
        refused(client, what)


def stops(client: ContractClient) -> None:
    """emergency_stop ends motion until enable is called with true, and a reset is refused meanwhile."""
    begin(client)
    with stopped(client):
        if client.reset().success:
            raise RuleBroken("expected reset to be refused after emergency_stop; it succeeded")
        client.stop.publish(Bool(data=False))
        client.listen(LISTEN_S)
        if client.reset().success:
            raise RuleBroken("expected emergency_stop false to do nothing; it ended the stop")
    begin(client)


BOTH: tuple[Rule, ...] = (states_are_whole, poses_are_framed, episodes_are_told, bad_commands_are_refused)
LAST: tuple[Rule, ...] = (stops,)
