"""Commands of an operator, which need no `ros2` program: stop a robot, enable it, move single joints."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool, String
from std_srvs.srv import SetBool

from robot_interface_ros.errors import CommandRejected, RobotError, RobotTimeout
from robot_interface_ros.ros.transport import messages
from robot_interface_ros.ros.transport.contract import (
    BEST_EFFORT,
    COMMAND_REJECTED,
    EMERGENCY_STOP,
    ENABLE,
    JOINT_COMMAND,
    JOINT_STATES,
    JOINT_TARGET,
    LATCHED,
    MOTION_ENABLED,
    RELIABLE,
    ROBOT_DESCRIPTION,
    absolute,
)
from robot_interface_ros.ros.transport.graph import conflict
from robot_interface_ros.ros.transport.repeated_call import RepeatedCall
from robot_interface_ros.ros.transport.runtime import Runtime
from robot_interface_ros.ros.transport.waiting import Waiter, make_waiter
from robot_interface_ros.ros_environment import check_discovery, discovery_words
from robot_interface_ros.urdf.robot_model import RobotModel

PERIOD_S = 0.05  # time between two commands; robots hold after 0.3 s without one
ARRIVED_RAD = 0.002  # largest distance of a joint target from its goal on arrival
STANDS_RAD = 0.0005  # largest motion in one period of a joint that stands still
GONE_S = 1.0  # time for discovery to remove a client that has ended
SLACK_RAD = 0.005  # allowed beyond a limit: a goal that was rounded to two digits is not in the wrong unit
MOST_TURNS_RAD = 4.0 * math.pi  # largest goal of a joint without limits, in both directions
MEASURED_RAD = 0.02  # as ARRIVED_RAD, for measured positions of a robot without joint_target
SILENT_S = 1.0  # additional time to repeat a stop to a robot without motion_enabled; time to wait for joint_target
REPEATED_S = 0.3  # shortest time in which a stop is repeated


def stop(namespace: str, timeout_s: float, domain_id: int | None = None) -> bool:
    """Stop a robot until `enable`, and return True when the robot reports that it is stopped. Raises RobotTimeout.

    A robot without motion_enabled cannot report it: the stop is repeated for a while, and False is returned.
    """
    topic, answer = absolute(namespace, EMERGENCY_STOP), absolute(namespace, MOTION_ENABLED)
    enabled: list[bool] = []
    with operator_node(domain_id) as (node, waiter):
        waiter.subscribe(Bool, answer, lambda message: enabled.append(message.data), LATCHED)
        publisher = node.create_publisher(Bool, topic, LATCHED)  # also reaches a transient local subscriber
        _until(waiter, lambda: publisher.get_subscription_count() > 0, f"nobody subscribes to {topic}", timeout_s)
        repeat_until = time.monotonic() + REPEATED_S

        def stopped() -> bool:  # repeat: another subscriber may be discovered before the robot
            publisher.publish(Bool(data=True))
            silent = not node.count_publishers(answer) and time.monotonic() > repeat_until + SILENT_S
            return silent or (enabled[-1:] == [False] and time.monotonic() > repeat_until)

        _until(waiter, stopped, f"{namespace} does not report that it is stopped", timeout_s)
        return enabled[-1:] == [False]


def enable(namespace: str, motion: bool, timeout_s: float, domain_id: int | None = None) -> None:
    """Allow motion, which ends an emergency stop, or switch the torque off. Raises RobotTimeout, RobotError."""
    name = absolute(namespace, ENABLE)
    with operator_node(domain_id) as (_, waiter):
        client = waiter.client(SetBool, name)
        _until(waiter, client.service_is_ready, f"nobody serves {name}", timeout_s)
        call = RepeatedCall(client, SetBool.Request(data=motion))  # allowing motion twice is allowing it once
        _until(waiter, call.answered, f"{name} does not answer", timeout_s)
        if not call.answer.success:
            raise RobotError(f"{name} refused: {call.answer.message}")


def move(namespace: str, goals: Mapping[str, float], timeout_s: float, domain_id: int | None = None) -> None:
    """Command joints of a robot in real time, joint -> rad, until their targets have arrived.

    Nothing is sent if a goal is beyond the limits in the robot description (an angle in degrees would drive a joint to
    its end stop), or while another client commands the robot. Raises RobotTimeout, and CommandRejected with the reason.
    """
    descriptions: list[str] = []
    targets: list[JointState] = []
    states: list[JointState] = []
    refused: list[str] = []
    measured = False  # whether arrival is judged by measured positions, because there is no joint_target

    def on_refusal(message: String) -> None:
        if message.data.startswith("0: "):
            refused.append(message.data)

    def there() -> bool:
        """Check two targets in a row: a single one may be passing the goal, because braking takes time."""
        last, near = (states[-1:], MEASURED_RAD) if measured else (targets[-2:], ARRIVED_RAD)
        positions = [dict(zip(message.name, message.position)) for message in last]
        complete = measured or len({messages.stamp_ns(message) for message in last}) == 2
        stands = complete and all(
            abs(positions[0].get(joint, math.inf) - positions[-1].get(joint, 0.0)) < STANDS_RAD for joint in goals
        )
        return stands and all(abs(positions[-1].get(joint, math.inf) - angle) < near for joint, angle in goals.items())

    with operator_node(domain_id) as (node, waiter):
        name = absolute(namespace, ROBOT_DESCRIPTION)
        target_topic, state_topic = absolute(namespace, JOINT_TARGET), absolute(namespace, JOINT_STATES)
        waiter.subscribe(String, name, lambda message: descriptions.append(message.data), LATCHED)
        waiter.subscribe(JointState, target_topic, targets.append)
        waiter.subscribe(JointState, state_topic, states.append, BEST_EFFORT)
        waiter.subscribe(String, absolute(namespace, COMMAND_REJECTED), on_refusal)
        command = JointState(name=list(goals), position=list(goals.values()))

        _until(
            waiter,
            lambda: bool(targets or states),
            f"no {target_topic} and no {state_topic}, as in real time,",
            timeout_s,
        )
        with contextlib.suppress(RobotTimeout):  # joint_states may come before joint_target
            _until(waiter, lambda: bool(targets), "no joint_target", SILENT_S)
        measured = not targets
        _until(waiter, lambda: bool(descriptions), f"no {name}, which has the limits of the joints,", timeout_s)
        check_goals(goals, descriptions[-1])
        deadline = time.monotonic() + GONE_S
        while others := conflict(node, namespace, JOINT_COMMAND, "this one"):
            if time.monotonic() > deadline:
                raise CommandRejected(others)
            waiter.wait(0.02)
        publisher = node.create_publisher(JointState, absolute(namespace, JOINT_COMMAND), RELIABLE)
        deadline = time.monotonic() + timeout_s
        while not there():
            if others := conflict(node, namespace, JOINT_COMMAND):  # two clients that started at the same moment
                raise CommandRejected(others)
            if refused:  # a refusal of this client, whose commands have the stamp zero
                raise CommandRejected(f"{namespace} refused the command: {refused[-1].partition(': ')[2]}")
            if time.monotonic() > deadline:
                raise RobotTimeout(
                    f"{namespace} did not arrive within {timeout_s:g} s; are the angles within its limits, rad?"
                )
            publisher.publish(command)
            waiter.wait(PERIOD_S)


def check_goals(goals: Mapping[str, float], urdf: str) -> None:
    """Raise CommandRejected if a goal, rad (m for a prismatic joint), is beyond its joint's limits.

    Joints that are not in the description are not checked; the robot checks them.
    """
    joints = RobotModel.from_urdf(urdf).joints
    for name, goal in goals.items():
        joint = joints.get(name)
        if joint is None:
            continue
        most = MOST_TURNS_RAD if joint.type == "continuous" else math.inf
        lower, upper = max(joint.lower, -most), min(joint.upper, most)
        if lower - SLACK_RAD <= goal <= upper + SLACK_RAD:
            continue
        unit = "m" if joint.type == "prismatic" else "rad"
        reason = f"{name} goes from {lower:.4g} to {upper:.4g} {unit}, and {goal:g} is beyond; nothing has moved"
        in_rad = math.radians(goal)
        if unit == "rad" and lower <= in_rad <= upper:
            reason += f". If that is in degrees: {name}:={in_rad:.4f}, or {name}:={goal:g}deg"
        raise CommandRejected(reason)


@contextmanager
def operator_node(domain_id: int | None) -> Iterator[tuple[Node, Waiter]]:
    """Yield a temporary node and its waiter."""
    with Runtime(domain_id=domain_id, signals=False) as runtime:
        check_discovery()
        node = runtime.topic_node("operator")
        waiter = make_waiter(node)
        try:
            yield node, waiter
        finally:
            waiter.close()
            node.destroy_node()


def _until(waiter: Waiter, condition: Callable[[], bool], fault: str, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            cause = f"is a robot served in that namespace and ROS domain? ({discovery_words()})"
            raise RobotTimeout(f"{fault} within {timeout_s:g} s; {cause}")
        waiter.wait(0.02)
