"""The error text for two robots, or two clients of one robot, in one namespace. No ROS here."""

from __future__ import annotations

from collections.abc import Sequence


def conflict_text(namespace: str, topic: str, publishers: Sequence[str]) -> str:
    """Return text that names the publishers and the remedy; empty for fewer than two publishers.

    `publishers`: names of the nodes that publish on `topic`, one for each publisher.
    """
    if len(publishers) < 2:
        return ""
    return (
        f"{len(publishers)} publishers on {topic} ({', '.join(sorted(publishers))}): two robots (or two clients) serve "
        f"{namespace}. End one (one that was killed and restarted counts twice for 20 s); two trainings at the same time need "
        "domain_id:=, namespaces:= or transport:=in_process (docs/many_robots.md)"
    )
