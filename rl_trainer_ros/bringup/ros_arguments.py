"""ROS arguments of a system, from `--ros-args` or from around its launch file: namespace and remappings."""

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
    """ROS arguments for every process of a system."""

    namespace: str = "/"
    """Namespace of the nodes, and of robots with relative namespaces."""
    rules: tuple[Rule, ...] = ()
    """All remappings."""
    words: tuple[str, ...] = ()
    """The words for each process's command line; empty if the launcher adds them."""


def placed(namespace: str, arguments: Sequence[str] | None = None) -> str:
    """Return a robot's namespace, checked and absolute; a relative one is resolved in `__ns` of the command line."""
    check_namespace(namespace)
    return resolve(namespace, place_of(rules_of(sys.argv if arguments is None else arguments), "")[0])


def split(words: Sequence[str]) -> tuple[list[str], RosArguments]:
    """Split a command line into its own words and those after `--ros-args`. Raises UsageError, ConfigError."""
    own, ros = split_ros_arguments(words)
    check_ros_arguments(words)
    for flag, value in ros_flags(words):
        if flag in _NOT_FOR_ALL:
            raise UsageError(
                f"{flag} {value} is for one node; write {_NOT_FOR_ALL[flag].format(value)} before --ros-args"
            )
    rules = rules_of(words)
    return own, RosArguments(place_of(rules, "")[0], rules, tuple(ros))
