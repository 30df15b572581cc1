"""ROS names: checks of namespaces, and remappings that apply in each robot's namespace. Nothing here needs ROS.

The rules are those of https://design.ros2.org/articles/topic_and_service_names.html and
https://design.ros2.org/articles/static_remapping.html. One node may serve several robots, so a relative name in a remapping
is resolved first in each robot's namespace, then in the node's.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from robot_interface_ros.config import ConfigError, unknown_name

Config = TypeVar("Config")
LONGEST_NAMESPACE = (
    180  # characters; rmw allows 247 for a whole topic, and a robot's longest is camera/<name>/depth/image_raw
)
_TOKEN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NODE_NAMES = ("__node", "__name")
_FLAGS_WITH_VALUE = (
    "-r",
    "--remap",
    "-p",
    "--param",
    "--params-file",
    "--log-level",
    "--log-config-file",
    "--log-file-name",
    "-e",
    "--enclave",
)
_FLAGS_ALONE = tuple(
    f"--{switch}-{sink}-logs" for sink in ("rosout", "stdout", "external-lib") for switch in ("enable", "disable")
)
LOG_LEVELS = ("debug", "info", "warn", "error", "fatal", "unset")


def check_namespace(namespace: str) -> None:
    """Raise ConfigError, one line with a valid name, unless this is a ROS namespace, absolute or relative."""
    why = _namespace_problem(namespace)
    if why:
        hint = _near_namespace(namespace)
        raise ConfigError(f"namespace '{namespace}' {why}; write '{hint}'")
    if len(namespace) > LONGEST_NAMESPACE:
        raise ConfigError(
            f"namespace '{namespace[:20]}...' has {len(namespace)} characters; at most {LONGEST_NAMESPACE} are allowed"
        )


def check_namespaces(namespaces: Sequence[str]) -> None:
    """Raise ConfigError unless every entry is a ROS namespace, absolute or relative, and listed once."""
    if not namespaces:
        raise ConfigError("namespaces is empty; name at least one, such as [/env_0]")
    for namespace in namespaces:
        check_namespace(namespace)
    if len({name.lstrip("/") for name in namespaces}) != len(namespaces):
        raise ConfigError(f"a namespace is listed twice in {list(namespaces)}")


def check_camera(camera: str) -> None:
    """Raise ConfigError unless a topic can be named after this camera: camera/<name>/image_raw."""
    if camera.startswith("/") or _namespace_problem(camera):
        raise ConfigError(
            f"camera {camera!r}: a topic is named after it; expected letters, digits, _ and / between them, and no digit "
            "first"
        )


def resolve(name: str, base: str = "/") -> str:
    """Return the absolute name; a relative name is resolved in the namespace `base`."""
    return name if name.startswith("/") else f"{base.rstrip('/')}/{name}"


def in_namespace(config: Config, base: str) -> Config:
    """Return a node's settings with absolute namespaces of robots. `base`: the namespace of the node."""
    known = {field.name for field in dataclasses.fields(config)}  # type: ignore[arg-type]
    changed: dict[str, Any] = {}
    if "namespaces" in known:
        changed["namespaces"] = tuple(resolve(name, base) for name in config.namespaces)  # type: ignore[attr-defined]
    if "eval_namespace" in known and config.eval_namespace:  # type: ignore[attr-defined]
        changed["eval_namespace"] = resolve(config.eval_namespace, base)  # type: ignore[attr-defined]
    return dataclasses.replace(config, **changed) if changed else config  # type: ignore[type-var]


def _namespace_problem(namespace: str) -> str:
    if not namespace:
        return "is empty"
    if namespace == "/":
        return ""
    if namespace.endswith("/"):
        return "ends with a slash"
    if "//" in namespace:
        return "has two slashes in a row"
    for token in namespace.removeprefix("/").split("/"):
        if token[0] in "0123456789":
            return f"has the part '{token}', which begins with a digit"
        if not _TOKEN.fullmatch(token):
            wrong = next(letter for letter in token if not re.fullmatch("[A-Za-z0-9_]", letter))
            return f"has {wrong!r} in it; only a-z, A-Z, 0-9, _ and / are allowed"
    return ""


def _near_namespace(namespace: str) -> str:
    """Return a valid name close to this one."""
    tokens = [re.sub("[^A-Za-z0-9_]", "_", token) for token in namespace.strip().split("/") if token.strip()]
    tokens = [f"robot_{token}" if token[0] in "0123456789" else token for token in tokens]
    return "/" + "/".join(tokens)


@dataclass(frozen=True)
class Rule:
    """One remapping of a command line: `[node:][rostopic://]source:=target`."""

    source: str
    target: str
    node: str = ""
    """Name of the node that the rule applies to; empty: every node."""
    kind: str = ""
    """`rostopic://` or `rosservice://`; empty: both."""

    def __str__(self) -> str:
        return f"{self.node and self.node + ':'}{self.kind}{self.source}:={self.target}"


def rules_of(arguments: Sequence[str]) -> tuple[Rule, ...]:
    """Return the remappings on a command line with `--ros-args`. Raises ConfigError for an invalid one."""
    return tuple(parse_rule(value) for flag, value in ros_flags(arguments) if flag in ("-r", "--remap"))


def parse_rule(text: str) -> Rule:
    """Read one remapping. Raises ConfigError."""
    left, found, target = text.partition(":=")
    if not found or not left or not target:
        raise ConfigError(f"cannot read the remapping '{text}'; write old_name:=new_name, such as __ns:=/left")
    node, kind = "", ""
    for prefix in ("rostopic://", "rosservice://"):
        if prefix in left:
            kind = prefix
            node, _, left = left.partition(prefix)
    if not kind and ":" in left:
        node, _, left = left.partition(":")
    rule = Rule(left, target, node.rstrip(":"), kind)
    if rule.source == "__ns":
        check_namespace(resolve(target))
        if not target.startswith("/"):
            raise ConfigError(f"the remapping '{text}' gives a relative namespace; write '{rule.source}:=/{target}'")
    return rule


def split_ros_arguments(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return two lists of words: those outside and those after `--ros-args` (up to `--`)."""
    own: list[str] = []
    ros: list[str] = []
    inside = False
    for word in words:
        if word == "--ros-args":
            inside = True
        elif inside and word == "--":
            inside = False
        else:
            (ros if inside else own).append(word)
    return own, ros


def ros_flags(arguments: Sequence[str]) -> Iterable[tuple[str, str]]:
    """Yield each flag after `--ros-args` with its value; the value is empty for a flag without one."""
    words = iter(split_ros_arguments(arguments)[1])
    for word in words:
        yield word, next(words, "") if word in _FLAGS_WITH_VALUE else ""


def check_ros_arguments(arguments: Sequence[str]) -> None:
    """Raise ConfigError for an unknown flag after `--ros-args`, or an unknown log level."""
    for flag, value in ros_flags(arguments):
        if flag not in (*_FLAGS_WITH_VALUE, *_FLAGS_ALONE):
            raise ConfigError(unknown_name("ROS argument", flag, (*_FLAGS_WITH_VALUE, *_FLAGS_ALONE)))
        if flag == "--log-level" and value.rpartition(":=")[2].lower() not in LOG_LEVELS:
            raise ConfigError(unknown_name("log level", value.rpartition(":=")[2], LOG_LEVELS))


def place_of(rules: Iterable[Rule], name: str) -> tuple[str, str]:
    """Return the namespace and the name that rules give to the node `/<name>`; the first matching rule applies."""
    found: dict[str, str] = {}
    for rule in rules:
        if rule.node in ("", name):
            if rule.source == "__ns":
                found.setdefault("namespace", rule.target)
            elif rule.source in _NODE_NAMES:
                found.setdefault("name", rule.target)
    return found.get("namespace", "/"), found.get("name", name)


def robot_rules(
    rules: Iterable[Rule], name: str, place: tuple[str, str], namespaces: Sequence[str], topics: Iterable[str] = ()
) -> list[str]:
    """Return the rules for a node that has the topics of several robots, each rule with absolute names.

    `name`: the node's name in the program; `place`: its namespace and name after the rules (`place_of`). `topics`: relative
    names that each robot has. Raises ConfigError for a rule that would give one of these topics to two robots.
    """
    own, found = set(topics), []
    for rule in rules:
        if rule.node not in ("", name, place[1]) or rule.source in ("__ns", *_NODE_NAMES):
            continue
        if rule.source.startswith("~"):
            source = rule.source.replace("~", resolve(place[1], place[0]), 1)
            found.append(f"{rule.kind}{source}:={_target(rule, place[0], place)}")
            continue
        if rule.source.startswith("/"):
            found.append(f"{rule.kind}{rule.source}:={_target(rule, place[0], place)}")
            continue
        targets = [_target(rule, namespace, place) for namespace in namespaces]
        if rule.source in own and len(targets) > len(set(targets)):
            first, second = namespaces[:2]
            raise ConfigError(
                f"the remapping '{rule}' would give {' and '.join((first, second))} one {rule.source}; "
                f"remap it for each robot: {resolve(rule.source, first)}:=..., {resolve(rule.source, second)}:=..."
            )
        for base, target in zip((*namespaces, place[0]), (*targets, _target(rule, place[0], place))):
            found.append(f"{rule.kind}{resolve(rule.source, base)}:={target}")
    return list(dict.fromkeys(found))


def _target(rule: Rule, base: str, place: tuple[str, str]) -> str:
    if rule.target.startswith("~"):
        return rule.target.replace("~", resolve(place[1], place[0]), 1)
    return resolve(rule.target, base)
