"""Checks of single values from a file: each returns the value, or raises FileError with one line."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from robot_interface_ros.files.untrusted_files import FileError as FileError

LARGEST_COUNT = 10**15
"""Largest number of steps, rows or bytes; no training reaches it."""
LARGEST_NS = 2**63 - 1


def shown(value: object) -> str:
    """Return a value as text for an error: one line of at most 80 characters."""
    text = " ".join((value if isinstance(value, str) else repr(value))[:400].split())
    text = f"'{text}'" if isinstance(value, str) else text
    return text if len(text) <= 80 else f"{text[:76]} ..."


def whole(value: Any, where: str, low: int = 0, high: int = LARGEST_COUNT) -> int:
    """Return a whole number from `low` to `high`."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise FileError(f"{where} is {shown(value)}; expected a whole number from {low} to {high}")
    return value


def number(value: Any, where: str, low: float = -1e30, high: float = 1e30) -> float:
    """Return a finite number from `low` to `high`."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise FileError(f"{where} is {shown(value)}; expected a number from {low:g} to {high:g}")
    return float(value)


def text(value: Any, where: str) -> str:
    """Return text of one line."""
    if not isinstance(value, str) or len(value) > 4096 or "\n" in value or "\0" in value:
        raise FileError(f"{where} is {shown(value)}; expected text of one line")
    return value


def mapping(value: Any, where: str) -> dict[str, Any]:
    """Return a mapping whose keys are texts."""
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise FileError(f"{where} is {shown(value)}; expected a mapping of names")
    return dict(value)


def listed(value: Any, where: str, length: int | None = None) -> list[Any]:
    """Return a list; `length`: its required number of entries."""
    if not isinstance(value, list) or (length is not None and len(value) != length):
        expected = "a list" if length is None else f"a list of {length}"
        raise FileError(f"{where} is {shown(value)}; expected {expected}")
    return value


def number_or_none(value: Any, where: str) -> float | None:
    """Return a number, None or NaN; NaN stands for a value that was not measured."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return value
    return number(value, where)
