"""What follows `--ros-args` on the command line of a system, or surrounds its launch file: namespace and remappings."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from rl_trainer_ros.bringup.setting_texts import UsageError
from robot_interface_ros.names import (
    Rule,
    check_namespace,
    check_ros_arguments,
    place_of,
    resolve,
    ros_flags,
    rules_of,
    split_ros_arguments,
)

_NOT_FOR_ALL = {"-p": "{0}", "--param": "{0}", "--params-file": "params_file:={0}"}


@dataclass(frozen=True)
class RosArguments:
    """For every process of a system."""

    namespace: str = "/"
    """Where relative namespaces of robots lie, and the nodes."""
    rules: tuple[Rule, ...] = ()
    """All remappings."""
    words: tuple[str, ...] = ()
    """As they are given to each process; empty where the launcher gives them."""


def placed(namespace: str, arguments: Sequence[str] | None = None) -> str:
    """Return a robot's namespace, checked and absolute; a relative one lies in the `__ns` of the command line."""
    check_namespace(namespace)
    return resolve(namespace, place_of(rules_of(sys.argv if arguments is None else arguments), "")[0])


def split(words: Sequence[str]) -> tuple[list[str], RosArguments]:
    """A command line's own words, and what follows `--ros-args`. Raises UsageError, ConfigError."""
    own, ros = split_ros_arguments(words)
    check_ros_arguments(words)
    for flag, value in ros_flags(words):
        if flag in _NOT_FOR_ALL:
            raise UsageError(
                f"{flag} {value} is for one node; write {_NOT_FOR_ALL[flag].format(value)} before --ros-args"
            )
    rules = rules_of(words)
    return own, RosArguments(place_of(rules, "")[0], rules, tuple(ros))
