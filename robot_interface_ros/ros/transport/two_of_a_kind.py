"""What is said where two robots, or two clients of one robot, meet in one namespace. No ROS here."""

from __future__ import annotations

from collections.abc import Sequence


def two_of_a_kind(namespace: str, topic: str, publishers: Sequence[str]) -> str:
    """Return who they are and how two are kept apart; empty where there are not two.

    `publishers`: the nodes that publish on `topic`, one name for each publisher.
    """
    if len(publishers) < 2:
        return ""
    return (
        f"{len(publishers)} publishers on {topic} ({', '.join(sorted(publishers))}): two robots (or two clients) serve "
        f"{namespace}. End one (one that was killed is forgotten after 20 s); two trainings beside each other need "
        "domain_id:=, namespaces:= or transport:=in_process (docs/many_robots.md)"
    )
