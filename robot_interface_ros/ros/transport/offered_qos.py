"""Quality of service that others offer and ask for: where it hears nothing under the contract's own, it is adopted."""

from __future__ import annotations

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy


def hearing_all(node: Node, topic: str, own: QoSProfile) -> QoSProfile:
    """Return what hears all who publish on `topic`: `own`, or weaker where one of them offers less.

    A reliable reader hears no best-effort writer, and a transient-local reader no volatile one. `topic`: fully resolved.
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
    """Return what all who subscribe to `topic` hear: `own`, or transient local where one of them asks for that.

    Then one message is kept for those who come later. `topic`: fully resolved.
    """
    asked = [ask.qos_profile.durability for ask in node.get_subscriptions_info_by_topic(topic)]
    if own.durability == DurabilityPolicy.TRANSIENT_LOCAL or DurabilityPolicy.TRANSIENT_LOCAL not in asked:
        return own
    return QoSProfile(depth=1, reliability=own.reliability, durability=DurabilityPolicy.TRANSIENT_LOCAL)


def words(qos: QoSProfile) -> str:
    """Return a quality of service as people say it, such as `best effort, volatile`."""
    return f"{qos.reliability.name}, {qos.durability.name}".replace("_", " ").lower()
