"""Parameters from ROS parameter files and a node's command line: those for this node only, and those for all nodes.

ROS gives a node every value whose pattern matches its name, but does not tell which pattern matched. An unknown name is a
mistake if the pattern names the node; under `/**`, or from launch's SetParameter, it may be meant for other nodes.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from robot_interface_ros.config import ConfigError, read_yaml
from robot_interface_ros.files.untrusted_files import FileError, parse_yaml
from robot_interface_ros.names import ros_flags

OF_ROS = ("use_sim_time", "qos_overrides", "start_type_description_service")
"""Parameters that every node has; a dump of a node's parameters also has them."""
_CLOSE = 0.75  # similarity (difflib) above which a name for all nodes is taken as a misspelt parameter of this node
_END = "ros__parameters"


@dataclass
class Given:
    """Values by name: those for this node only, and those for every node."""

    own: dict[str, Any] = field(default_factory=dict)
    for_all: dict[str, Any] = field(default_factory=dict)
    matched: bool = True
    """Whether a pattern in the files matches the node; true without files."""

    @property
    def empty_lists(self) -> list[str]:
        """Names whose value is an empty list, which ROS treats as no value."""
        return [name for name, value in {**self.for_all, **self.own}.items() if value == []]


def of_ros(name: str) -> bool:
    """Whether this is a parameter that every node has."""
    return name.partition(".")[0] in OF_ROS


def from_file(content: Mapping[str, Any], node: str) -> Given:
    """Return the values of a parameter file for a node; `node`: its absolute name, such as /left/trainer."""
    given = Given(matched=False)
    for pattern, parameters in _sections(content, ()):
        if matches(pattern, node):
            given.matched = True
            values = given.own if pattern[-1] not in ("*", "**") else given.for_all
            values.update(_flat(parameters, ""))
    return given


def from_arguments(arguments: Sequence[str], program: str, node: str) -> Given:
    """Return the values of a command line for a node; `program`: its name in the program, `node`: its absolute name."""
    given, files = Given(), 0
    matched = False
    for flag, value in ros_flags(arguments):
        if flag == "--params-file":
            try:
                found = from_file(read_yaml(value), node)
            except (ConfigError, OSError):  # ROS reports this error
                continue
            files, matched = files + 1, matched or found.matched
            given.own.update(found.own)
            given.for_all.update(found.for_all)
        elif flag in ("-p", "--param"):
            left, _, text = value.partition(":=")
            addressee, _, name = left.rpartition(":")
            if addressee in ("", program, node.rpartition("/")[2]):
                (given.own if addressee else given.for_all)[name] = _read(text)
    given.matched = matched or not files
    return given


def misspelt(name: str, known: Sequence[str]) -> bool:
    """Whether a name that was set for all nodes is probably a misspelt one of `known`."""
    return bool(difflib.get_close_matches(name, known, n=1, cutoff=_CLOSE))


def matches(pattern: Sequence[str], node: str) -> bool:
    """Whether a pattern, as parts, matches an absolute name: `*` is any one part, `**` any number of parts."""
    return _matches(tuple(pattern), tuple(node.strip("/").split("/")))


def _matches(pattern: tuple[str, ...], parts: tuple[str, ...]) -> bool:
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(_matches(pattern[1:], parts[i:]) for i in range(len(parts) + 1))
    return bool(parts) and pattern[0] in ("*", parts[0]) and _matches(pattern[1:], parts[1:])


def _sections(content: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    """Yield each pattern of a file, as parts, with its parameters; a pattern may be one key or nested keys."""
    for key, value in content.items():
        if key == _END:
            if path and isinstance(value, Mapping):
                yield path, value
        elif isinstance(value, Mapping):
            yield from _sections(value, (*path, *(part for part in str(key).split("/") if part)))


def _flat(parameters: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in parameters.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = value
    return found


def _read(text: str) -> Any:
    try:
        return parse_yaml(text, "")
    except FileError:
        return text
