"""Who is there: what the ROS graph says of the robots and clients of a namespace."""

from __future__ import annotations

from collections import Counter

from rclpy.node import Node

from robot_interface_ros.ros.transport import contract
from robot_interface_ros.ros.transport.contract import absolute
from robot_interface_ros.ros.transport.two_of_a_kind import two_of_a_kind

_UNKNOWN = "_NODE_NAME_UNKNOWN_"  # of an endpoint that was discovered before its node


def publishers(node: Node, topic: str) -> list[str]:
    """Return the full names of the nodes that publish on a topic, one for each publisher."""
    return _names(node.get_publishers_info_by_topic(node.resolve_topic_name(topic)))


def robots(node: Node, namespace: str) -> list[str]:
    """Return the full names of the nodes that publish joint_states and hear joint_command, one for each robot."""
    says = Counter(publishers(node, absolute(namespace, contract.JOINT_STATES)))
    commands = node.resolve_topic_name(absolute(namespace, contract.JOINT_COMMAND))
    hears = Counter(_names(node.get_subscriptions_info_by_topic(commands)))
    return sorted((says & hears).elements())


def crowd(node: Node, namespace: str, name: str, newcomer: str = "") -> str:
    """Say who publishes on a topic of a namespace, where there are several; else empty.

    `newcomer`: who is about to publish there too, as it is to be called.
    """
    topic = node.resolve_topic_name(absolute(namespace, name))
    if node.count_publishers(topic) + bool(newcomer) < 2:
        return ""
    return two_of_a_kind(namespace, topic, [*publishers(node, topic), *filter(None, [newcomer])])


def has_parameter_node(node: Node, namespace: str) -> bool:
    """Whether the node that holds the parameters of a robot's episodes is there, whether or not it answers yet."""
    wanted = absolute(namespace, contract.PARAMETER_NODE)
    return any(absolute(there, name) == wanted for name, there in node.get_node_names_and_namespaces())


def is_named(node: Node, topic: str) -> bool:
    """Whether the nodes of all publishers of a topic are known by name; endpoints are discovered before their nodes."""
    infos = node.get_publishers_info_by_topic(node.resolve_topic_name(topic))
    return bool(infos) and all(info.node_name != _UNKNOWN for info in infos)


def _names(infos: list[object]) -> list[str]:
    return sorted(absolute(info.node_namespace, info.node_name) for info in infos)  # type: ignore[attr-defined]
