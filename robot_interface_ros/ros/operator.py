"""What a person beside a robot does, where there is no `ros2` command: stop it, let it move again, move single joints."""

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
from robot_interface_ros.ros.transport.graph import crowd
from robot_interface_ros.ros.transport.runtime import Runtime
from robot_interface_ros.ros.transport.waiting import Waiter, make_waiter
from robot_interface_ros.ros_environment import check_discovery, discovery_words
from robot_interface_ros.urdf.robot_model import RobotModel

PERIOD_S = 0.05  # well within a robot's patience, 0.3 s
ARRIVED_RAD = 0.002
STANDS_RAD = 0.0005  # in one period
GONE_S = 1.0  # in which a client that has ended is no longer known
SLACK_RAD = 0.005  # beyond a limit: what is rounded to two digits is no wrong unit
MOST_TURNS_RAD = 4.0 * math.pi  # of a joint without limits, either way
MEASURED_RAD = 0.02  # ... where joints are measured, of a robot that publishes no joint_target
SILENT_S = 1.0  # so much longer it is told to a robot that cannot say that it is stopped
TOLD_S = 0.3  # a stop is told again and again for at least so long


def stop(namespace: str, timeout_s: float, domain_id: int | None = None) -> bool:
    """Stop a robot until `enable`; returns when it says that it is stopped. Raises RobotTimeout.

    A robot without motion_enabled cannot say so: it is told for a while, and False is returned.
    """
    topic, answer = absolute(namespace, EMERGENCY_STOP), absolute(namespace, MOTION_ENABLED)
    enabled: list[bool] = []
    with beside(domain_id) as (node, waiter):
        waiter.subscribe(Bool, answer, lambda message: enabled.append(message.data), LATCHED)
        publisher = node.create_publisher(Bool, topic, LATCHED)  # heard also where it is asked for as transient local
        _until(waiter, lambda: publisher.get_subscription_count() > 0, f"nobody hears {topic}", timeout_s)
        told_until = time.monotonic() + TOLD_S

        def stopped() -> bool:  # whoever else listens, the robot may be heard last
            publisher.publish(Bool(data=True))
            silent = not node.count_publishers(answer) and time.monotonic() > told_until + SILENT_S
            return silent or (enabled[-1:] == [False] and time.monotonic() > told_until)

        _until(waiter, stopped, f"{namespace} does not say that it is stopped", timeout_s)
        return enabled[-1:] == [False]


def enable(namespace: str, motion: bool, timeout_s: float, domain_id: int | None = None) -> None:
    """Let a robot move, which ends an emergency stop, or take its torque off. Raises RobotTimeout, RobotError."""
    name = absolute(namespace, ENABLE)
    with beside(domain_id) as (_, waiter):
        client = waiter.client(SetBool, name)
        _until(waiter, client.service_is_ready, f"nobody serves {name}", timeout_s)
        future = client.call_async(SetBool.Request(data=motion))
        _until(waiter, future.done, f"{name} does not answer", timeout_s)
        if not future.result().success:
            raise RobotError(f"{name} refused: {future.result().message}")


def move(namespace: str, goals: Mapping[str, float], timeout_s: float, domain_id: int | None = None) -> None:
    """Command joints of a robot in real time, joint -> rad, until their targets are there.

    Nothing is sent before every goal lies within the limits of the robot's description: an angle in degrees would drive a
    joint to its end stop; nor while another client commands the robot. Raises RobotTimeout, and CommandRejected with the
    robot's own reason or ours.
    """
    descriptions: list[str] = []
    targets: list[JointState] = []
    states: list[JointState] = []
    refused: list[str] = []
    measured = False  # where it is, of a robot that publishes no joint_target

    def hear_refusal(message: String) -> None:
        if message.data.startswith("0: "):
            refused.append(message.data)

    def there() -> bool:
        """Two targets in a row: one alone may be on its way past the goal, for speed is taken off slowly."""
        heard, near = (states[-1:], MEASURED_RAD) if measured else (targets[-2:], ARRIVED_RAD)
        told = [dict(zip(last.name, last.position)) for last in heard]
        whole = measured or len({messages.stamp_ns(last) for last in heard}) == 2
        stands = whole and all(
            abs(told[0].get(joint, math.inf) - told[-1].get(joint, 0.0)) < STANDS_RAD for joint in goals
        )
        return stands and all(abs(told[-1].get(joint, math.inf) - angle) < near for joint, angle in goals.items())

    with beside(domain_id) as (node, waiter):
        name = absolute(namespace, ROBOT_DESCRIPTION)
        target_topic, state_topic = absolute(namespace, JOINT_TARGET), absolute(namespace, JOINT_STATES)
        waiter.subscribe(String, name, lambda message: descriptions.append(message.data), LATCHED)
        waiter.subscribe(JointState, target_topic, targets.append)
        waiter.subscribe(JointState, state_topic, states.append, BEST_EFFORT)
        waiter.subscribe(String, absolute(namespace, COMMAND_REJECTED), hear_refusal)
        command = JointState(name=list(goals), position=list(goals.values()))

        _until(
            waiter,
            lambda: bool(targets or states),
            f"no {target_topic} and no {state_topic}, as in real time,",
            timeout_s,
        )
        with contextlib.suppress(RobotTimeout):  # its states may be heard before
            _until(waiter, lambda: bool(targets), "no joint_target", SILENT_S)
        measured = not targets
        _until(waiter, lambda: bool(descriptions), f"no {name}, which has the limits of the joints,", timeout_s)
        check_goals(goals, descriptions[-1])
        deadline = time.monotonic() + GONE_S
        while others := crowd(node, namespace, JOINT_COMMAND, "this one"):
            if time.monotonic() > deadline:
                raise CommandRejected(others)
            waiter.wait(0.02)
        publisher = node.create_publisher(JointState, absolute(namespace, JOINT_COMMAND), RELIABLE)
        deadline = time.monotonic() + timeout_s
        while not there():
            if others := crowd(node, namespace, JOINT_COMMAND):  # two that began at the same moment
                raise CommandRejected(others)
            if refused:  # ours: they have no stamp
                raise CommandRejected(f"{namespace} refused the command: {refused[-1].partition(': ')[2]}")
            if time.monotonic() > deadline:
                raise RobotTimeout(
                    f"{namespace} is not there within {timeout_s:g} s; are the angles within its limits, rad?"
                )
            publisher.publish(command)
            waiter.wait(PERIOD_S)


def check_goals(goals: Mapping[str, float], urdf: str) -> None:
    """Raise CommandRejected where a goal, rad (m for a prismatic joint), lies beyond its joint's limits. Pure.

    Joints that the description does not know are left to the robot, which knows what it moves.
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
        said = f"{name} goes from {lower:.4g} to {upper:.4g} {unit}, and {goal:g} is beyond; nothing has moved"
        in_rad = math.radians(goal)
        if unit == "rad" and lower <= in_rad <= upper:
            said += f". If that is in degrees: {name}:={in_rad:.4f}, or {name}:={goal:g}deg"
        raise CommandRejected(said)


@contextmanager
def beside(domain_id: int | None) -> Iterator[tuple[Node, Waiter]]:
    """A node of its own, for as long as it is needed."""
    with Runtime(domain_id=domain_id, signals=False) as runtime:
        check_discovery()
        node = runtime.topic_node("operator")
        waiter = make_waiter(node)
        try:
            yield node, waiter
        finally:
            waiter.close()
            node.destroy_node()


def _until(waiter: Waiter, condition: Callable[[], bool], said: str, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            cause = f"is a robot served in that namespace and ROS domain? ({discovery_words()})"
            raise RobotTimeout(f"{said} within {timeout_s:g} s; {cause}")
        waiter.wait(0.02)
