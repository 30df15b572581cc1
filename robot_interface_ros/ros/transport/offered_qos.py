"""Adapts quality of service to other nodes, where the contract's would give no connection."""

from __future__ import annotations

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy


def hearing_all(node: Node, topic: str, own: QoSProfile) -> QoSProfile:
    """Return a QoS that receives from all publishers on `topic`: `own`, or weaker if a publisher offers less.

    A reliable subscription gets nothing from a best-effort publisher, and a transient-local one nothing from a volatile
    publisher. `topic`: fully resolved.
    """
    offers = [offer.qos_profile for offer in node.get_publishers_info_by_topic(topic)]
    best_effort = any(offer.reliability == ReliabilityPolicy.BEST_EFFORT for offer in offers)
    volatile = any(offer.durability == DurabilityPolicy.VOLATILE for offer in offers)
    return QoSProfile(
        depth=own.depth,
        history=own.history,
        reliability=ReliabilityPolicy.BEST_EFFORT if best_effort else own.reliability,
        durability=DurabilityPolicy.VOLATILE if volatile else own.durability,
    )


def heard_by_all(node: Node, topic: str, own: QoSProfile) -> QoSProfile:
    """Return a QoS that reaches all subscribers of `topic`: `own`, or transient local if a subscriber requests that.

    With transient local, the last message is kept for late subscribers. `topic`: fully resolved.
    """
    requested = [request.qos_profile.durability for request in node.get_subscriptions_info_by_topic(topic)]
    if own.durability == DurabilityPolicy.TRANSIENT_LOCAL or DurabilityPolicy.TRANSIENT_LOCAL not in requested:
        return own
    return QoSProfile(depth=1, reliability=own.reliability, durability=DurabilityPolicy.TRANSIENT_LOCAL)


def words(qos: QoSProfile) -> str:
    """Return a quality of service as text, such as `best effort, volatile`."""
    return f"{qos.reliability.name}, {qos.durability.name}".replace("_", " ").lower()
