"""Frozen dataclasses from mappings and YAML files. An unknown name is an error that lists the known ones."""

from __future__ import annotations

import dataclasses
import difflib
import re
import types
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from robot_interface_ros.errors import ConfigError as ConfigError
from robot_interface_ros.files import untrusted_files
from robot_interface_ros.files.checked_values import shown
from robot_interface_ros.files.paths import expanded

T = TypeVar("T")
_MAPPINGS = (dict, Mapping)
_EXPONENT = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)[eE][-+]?[0-9]{1,3}")
_WORD = re.compile(r"[\w./~-]{1,80}")
_IN_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}

LARGEST = 1e15
"""Largest value of a setting without a range: more than any length, angle or time, and its square is still finite."""


def option(
    default: Any,
    description: str,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    choices: Iterable[str] | None = None,
    path: bool = False,
) -> Any:
    """Return a documented dataclass field; the same metadata checks values and describes ROS parameters.

    `path`: the text names a file or folder, and a leading ~ in it means the home folder.
    """
    metadata = {
        "description": description,
        "minimum": minimum,
        "maximum": maximum,
        "choices": tuple(choices) if choices is not None else None,
        "path": path,
    }
    if isinstance(default, (list, dict)):
        return dataclasses.field(default_factory=lambda: type(default)(default), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def unknown_name(kind: str, name: object, known: Iterable[str]) -> str:
    """Return one line: the unknown name, the known name closest to it, and all known names."""
    names = [str(entry) for entry in known]
    lower = {entry.lower(): entry for entry in reversed(names)}
    close = difflib.get_close_matches(str(name).lower(), lower, n=1, cutoff=0.5)
    hint = f" (did you mean {lower[close[0]]}?)" if close else ""
    return f"unknown {kind} {shown(str(name))}{hint}; known: {', '.join(filter(None, names)) or 'none'}"


def check_range(name: str, value: Any, minimum: float | None, maximum: float | None) -> None:
    """Raise ConfigError unless minimum <= value <= maximum, for every entry of a tuple; NaN is refused."""
    if value is None or (minimum is None and maximum is None):
        return
    low, high = minimum if minimum is not None else -float("inf"), maximum if maximum is not None else float("inf")
    if not all(low <= entry <= high for entry in (value if isinstance(value, tuple) else (value,))):
        span = f"{_plain(low)} or more" if high == float("inf") else f"{_plain(low)} to {_plain(high)}"
        raise ConfigError(f"{name} is {shown(value)}; allowed: {span}")


def _plain(limit: float) -> str:
    """Return a limit of a range in plain notation: 2147483647, not 2.14748e+09."""
    return str(int(limit)) if abs(limit) < LARGEST and limit == int(limit) else f"{limit:g}"


def as_number(value: Any) -> float | None:
    """Return a float, also for text such as 1e5, which YAML 1.1 (PyYAML, ROS parameter files) reads as text; or None."""
    if isinstance(value, float) or (isinstance(value, str) and _EXPONENT.fullmatch(value)):
        return float(value)
    return None


def from_mapping(cls: type[T], values: Mapping[str, Any] | None, where: str) -> T:
    """Create the dataclass `cls` from `values`; check names, types, ranges and choices. `where`: the source, for errors."""
    fields = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    hints = typing.get_type_hints(cls)
    checked: dict[str, Any] = {}
    if values is not None and not isinstance(values, Mapping):
        raise ConfigError(f"{where}: expected a mapping of settings, got {type(values).__name__}")
    for name, value in (values or {}).items():
        if name not in fields:
            raise ConfigError(f"{where}: {unknown_name('setting', name, fields)}")
        meta = fields[name].metadata
        value = _convert(hints[name], value, f"{where}: {name}")
        if meta.get("choices") is not None and value not in meta["choices"]:
            raise ConfigError(f"{where}: {unknown_name(name, value, meta['choices'])}")
        check_range(f"{where}: {name}", value, meta.get("minimum"), meta.get("maximum"))
        _check_finite(f"{where}: {name}", value)
        if meta.get("path") and isinstance(value, str):
            value = _expanded(value, f"{where}: {name}")
        checked[name] = value
    missing = [
        name
        for name, field in fields.items()
        if name not in checked
        and field.init
        and field.default is dataclasses.MISSING
        and field.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise ConfigError(f"{where}: missing setting(s) {', '.join(missing)}")
    return cls(**checked)


def read_yaml(path: str | Path) -> dict[str, Any]:
    """Read a YAML file that holds a mapping; errors name the file and the line."""
    values = untrusted_files.read_yaml(path)
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: expected a mapping of settings, got {type(values).__name__}")
    for key in values:
        if not isinstance(key, str):
            raise ConfigError(f"{path}: {shown(key)} is not the name of a setting; expected text")
    return values


def _check_finite(where: str, value: Any) -> None:
    """Raise ConfigError for a number that is not finite or beyond LARGEST, also within lists and mappings."""
    if isinstance(value, (int, float)):
        if not abs(value) <= LARGEST:
            raise ConfigError(f"{where} is {shown(value)}; expected a finite number from {-LARGEST:g} to {LARGEST:g}")
    elif isinstance(value, tuple):
        for i, entry in enumerate(value):
            _check_finite(f"{where}[{i}]", entry)
    elif isinstance(value, Mapping):
        for key, entry in value.items():
            _check_finite(f"{where}.{key}", entry)


def _expanded(value: str, where: str) -> str:
    try:
        return str(expanded(value)) if value.startswith("~") else value
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None


def _convert(hint: Any, value: Any, where: str) -> Any:
    """Convert a value from YAML, a command line or a ROS parameter to the field's type. Raises ConfigError."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        kinds = [entry for entry in arguments if entry is not type(None)]
        mappings = [entry for entry in kinds if typing.get_origin(entry) in _MAPPINGS]
        return _convert(mappings[0] if mappings and isinstance(value, Mapping) else kinds[0], value, where)
    if dataclasses.is_dataclass(hint):
        if not isinstance(value, Mapping):
            known = ", ".join(field.name for field in dataclasses.fields(hint))
            raise ConfigError(f"{where} is {shown(value)}; expected a mapping with {known}")
        try:
            return from_mapping(typing.cast(type, hint), value, where)
        except (
            ConfigError
        ) as error:  # the dataclass itself, about values that do not fit each other, does not know where
            raise error if str(error).startswith(where) else ConfigError(f"{where}: {error}") from None
    if origin is tuple:
        if isinstance(value, (str, Mapping)) or not isinstance(value, Iterable):  # a mapping would lose its values
            such = f", such as [{value}]" if isinstance(value, str) and _WORD.fullmatch(value) else ""
            raise ConfigError(f"{where} is {shown(value)}; expected a list{such}")
        entries = list(value)
        kinds = [arguments[0]] * len(entries) if arguments[-1] is Ellipsis else list(arguments)
        if len(kinds) != len(entries):
            raise ConfigError(f"{where} has {len(entries)} entries; expected {len(kinds)}")
        return tuple(_convert(kind, entry, f"{where}[{i}]") for i, (kind, entry) in enumerate(zip(kinds, entries)))
    if origin in _MAPPINGS:
        if not isinstance(value, Mapping):
            raise ConfigError(f"{where} is {shown(value)}; expected a mapping")
        return {str(key): _convert(arguments[1], entry, f"{where}.{key!s:.80}") for key, entry in value.items()}
    if hint is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if hint is Any or (isinstance(value, hint) and not (hint is int and isinstance(value, bool))):
        return value
    if hint in (int, float) and (number := as_number(value)) is not None and (hint is float or number.is_integer()):
        return hint(number)
    raise ConfigError(f"{where} is {shown(value)}; expected {_IN_WORDS.get(hint, getattr(hint, '__name__', hint))}")
