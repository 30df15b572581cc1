"""Settings on command lines, `name:=value`: convert text to the values of a settings class, and print help lines."""

from __future__ import annotations

import dataclasses
import itertools
import re
import shlex
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import yaml

from rl_trainer_ros.bringup import toolbox_spellings
from robot_interface_ros.config import ConfigError, from_mapping
from robot_interface_ros.files.untrusted_files import parse_yaml

T = TypeVar("T")
_OPTION = re.compile(r"(?P<dashes>--)?(?P<name>[A-Za-z][\w.-]*)(?:=(?P<value>.+))?")


class UsageError(ConfigError):
    """The command line has wrong words."""


def parse_words(words: Iterable[str]) -> dict[str, str]:
    """Convert words `name:=value` to a mapping. Raises UsageError."""
    values, words = {}, list(words)
    for i, word in enumerate(words):
        _check_encoding(word)
        name, separator, value = word.partition(":=")
        if not separator or not name:
            typed_so, equals, its_value = word.partition("=")
            hint = toolbox_spellings.options([one for one in words[i:] if ":=" not in one]) or (
                toolbox_spellings.setting(typed_so, its_value) if equals else ""
            )
            meant = _as_meant(word, words[i + 1 :])
            raise UsageError(
                f"cannot read '{word}'; "
                + (hint or f"write settings as name:=value, such as {meant}, without spaces around :=")
            )
        if name in ("__ns", "__node", "__name"):
            raise UsageError(f"{word} is a remapping of ROS; write it at the end: --ros-args -r {word}")
        if name in values:
            raise UsageError(f"{name} is given twice")
        values[name] = value
    return values


def _check_encoding(word: str) -> None:
    """Raise UsageError for a word with bytes that are not UTF-8: files of runs are in UTF-8 and could not keep it."""
    try:
        word.encode("utf-8")
    except UnicodeEncodeError:
        shown = word.encode("utf-8", "backslashreplace").decode("utf-8")
        raise UsageError(
            f"'{shown}' is not UTF-8; rename the file or folder, or give it a link with another name"
        ) from None


def _as_meant(word: str, others: Sequence[str]) -> str:
    """Return the likely meaning of --name, --name=value, name=value or --name value as a setting, for an error."""
    option = _OPTION.fullmatch(word)
    if not option or not (option["dashes"] or option["value"]):
        return "seed:=1"
    following = list(itertools.takewhile(lambda one: not one.startswith("-") and ":=" not in one, others))
    value = option["value"] or ",".join(following) or "..."
    return f"{option['name'].replace('-', '_')}:={shlex.quote(value)}"


def from_words(cls: type[T], words: Iterable[str], where: str) -> T:
    """Make a settings dataclass from words `name:=value`; `where`: prefix of its errors."""
    return from_mapping(cls, typed(cls, parse_words(words)), where)


def typed(cls: type[Any], texts: Mapping[str, str]) -> dict[str, Any]:
    """Convert texts to the types of the fields of `cls`. Unknown names are kept, and refused later by name."""
    hints = typing.get_type_hints(cls)
    return {name: value_of(hints.get(name, str), text) for name, text in texts.items()}


def value_of(hint: Any, text: str) -> Any:
    """Convert text to a value of type `hint`, including numbers such as 1e-3 and, for an integer, 1e5.

    A list of texts may be written a,b or [a,b]. A text that cannot be converted is returned unchanged, and refused later.
    """
    kinds = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    if str in kinds:
        return text
    try:
        for number in (float, int):
            if number in kinds:
                return whole(text) if number is int else number(text)
        value = parse_yaml(text, "")
    except ValueError:
        return text
    if isinstance(value, str) and typing.get_args(hint)[:1] == (str,) and typing.get_origin(hint) is tuple:
        return [word.strip() for word in value.split(",")]  # a shell takes a,b as it is, and [a,b] for a pattern
    return value


def whole(text: str) -> int:
    """Convert text such as 150000 or 1.5e5 to an integer. Raises ValueError for others."""
    try:
        return int(text)
    except ValueError:
        number = float(text)
        if not number.is_integer():
            raise
        return int(number)


def yaml_value(text: str) -> Any:
    """Convert YAML text to a value, including 1e-3 to a number. Invalid YAML is returned as text, and refused later."""
    try:
        value = parse_yaml(text, "")
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return text


def setting_line(field: dataclasses.Field[Any]) -> str:
    """Return a line of help: name, default, meaning and, if there are few, the allowed values."""
    return f"  {f'{field.name}:={default_text(field)}':<27} {description(field)}"


def description(field: dataclasses.Field[Any]) -> str:
    """Return the meaning of a setting and, if there are few, the allowed values."""
    meaning: str = field.metadata["description"]
    choices = field.metadata["choices"]
    return meaning + (f" ({' | '.join(choices)})" if choices else "")


def default_text(field: dataclasses.Field[Any]) -> str:
    """Return a field's default as on a command line; empty for None and the empty text."""
    default = list(field.default) if isinstance(field.default, tuple) else field.default
    if default is None or isinstance(default, str):
        return default or ""
    text: str = yaml.safe_dump(default, default_flow_style=True).removesuffix("\n").removesuffix("\n...")
    return text
