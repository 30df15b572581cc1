"""Read the tables of a run's folder (monitor.csv, progress.csv, evaluations.csv).

A power failure may leave lines that are incomplete or filled with NUL bytes. Such rows are left out.
"""

from __future__ import annotations

import codecs
import csv
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from robot_interface_ros.files.atomic_file import write_atomically
from robot_interface_ros.files.checked_values import mapping, number
from robot_interface_ros.files.untrusted_files import FileError, parse_json, read_bytes

TABLE_LIMIT = 2**30
_LONGEST_LINE = 100_000


def read_rows(path: Path) -> list[list[str]]:
    """Return the rows of a CSV file, without lines that are not text. Raises FileError if it is not a regular file."""
    return list(csv.reader(_lines(path), strict=False))


def read_table(path: Path) -> list[dict[str, str]]:
    """Return the complete rows of a table as dictionaries; its first line names the columns, "#" begins a comment.

    Raises FileError if it is not a regular file.
    """
    rows = list(csv.reader(line for line in _lines(path) if not line.startswith("#")))
    return [dict(zip(rows[0], row)) for row in rows[1:] if len(row) == len(rows[0])]


def write_table(file: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows as CSV, whole or not at all, with a column for every name that any row has."""
    text = io.StringIO()
    names = dict.fromkeys(name for row in rows for name in row)
    table = csv.DictWriter(text, list(names), restval="", lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(file, text.getvalue().encode("utf-8", "surrogateescape"))


def first_moment(path: Path) -> float | None:
    """Return the start time of a monitor file, s since the epoch; None if its header is incomplete."""
    try:
        first = next(iter(_lines(path)), "")
        header = mapping(parse_json(first.removeprefix("#"), str(path)), str(path))
        return number(header.get("t_start"), f"{path}: t_start")
    except FileError:
        return None


def number_in(cell: str | None) -> float:
    """Return the number in a cell; NaN if it is empty, incomplete or not a number."""
    if cell in ("True", "False"):
        return float(cell == "True")
    try:
        return float(cell or "nan")
    except ValueError:
        return math.nan


def steps_in(row: dict[str, Any], name: str) -> float:
    """Return the number of steps in a row; infinity if it has none, so that it counts as later than any step."""
    steps = number_in(row.get(name))
    return steps if math.isfinite(steps) else math.inf


def _lines(path: Path) -> list[str]:
    lines = []
    content = read_bytes(path, TABLE_LIMIT).removeprefix(codecs.BOM_UTF8)  # a spreadsheet program may have saved it
    for line in content.split(b"\n"):
        if b"\0" in line or len(line) > _LONGEST_LINE or not line.strip():
            continue
        try:
            lines.append(line.decode("utf-8").rstrip("\r"))
        except UnicodeDecodeError:
            continue
    return lines
