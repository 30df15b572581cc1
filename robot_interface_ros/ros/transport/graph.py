"""Robots and clients of a namespace, as the ROS graph shows them."""

from __future__ import annotations

from collections import Counter
from typing import Any

from rclpy.node import Node

from robot_interface_ros.ros.transport import contract
from robot_interface_ros.ros.transport.conflicts import conflict_text
from robot_interface_ros.ros.transport.contract import absolute

_UNKNOWN = "_NODE_NAME_UNKNOWN_"  # node name of an endpoint that was discovered before its node


def publishers(node: Node, topic: str) -> list[str]:
    """Return the full names of the nodes that publish on a topic, one for each publisher."""
    return _names(node.get_publishers_info_by_topic(node.resolve_topic_name(topic)))


def robots(node: Node, namespace: str) -> list[str]:
    """Return the full names of the nodes that publish joint_states and subscribe to joint_command, one for each robot."""
    publishing = Counter(publishers(node, absolute(namespace, contract.JOINT_STATES)))
    commands = node.resolve_topic_name(absolute(namespace, contract.JOINT_COMMAND))
    subscribed = Counter(_names(node.get_subscriptions_info_by_topic(commands)))
    return sorted((publishing & subscribed).elements())


def conflict(node: Node, namespace: str, name: str, newcomer: str = "") -> str:
    """Return text that names the publishers on a topic of a namespace if there are several; otherwise empty.

    `newcomer`: text for a further publisher that is about to start.
    """
    topic = node.resolve_topic_name(absolute(namespace, name))
    if node.count_publishers(topic) + bool(newcomer) < 2:
        return ""
    return conflict_text(namespace, topic, [*publishers(node, topic), *filter(None, [newcomer])])


def has_parameter_node(node: Node, namespace: str) -> bool:
    """Whether the node with a robot's episode parameters exists; it may not answer yet."""
    wanted = absolute(namespace, contract.PARAMETER_NODE)
    return any(absolute(found, name) == wanted for name, found in node.get_node_names_and_namespaces())


def is_named(node: Node, topic: str) -> bool:
    """Whether the node names of all publishers of a topic are known; endpoints are discovered before their nodes."""
    infos = node.get_publishers_info_by_topic(node.resolve_topic_name(topic))
    return bool(infos) and all(info.node_name != _UNKNOWN for info in infos)


def _names(infos: list[Any]) -> list[str]:
    return sorted(
        "a node that is not discovered yet"
        if info.node_name == _UNKNOWN
        else absolute(info.node_namespace, info.node_name)
        for info in infos
    )
