"""Adds file and line to errors in a robot description."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from xml.parsers import expat

from robot_interface_ros.urdf.elements import RobotModelError


@contextmanager
def errors_with_line(file: Path, text: str) -> Iterator[None]:
    """Add `file`, and the line of the faulty element in its content `text`, to every RobotModelError.

    The output of xacro has other lines than its file, so for xacro only the file is named.
    """
    try:
        yield
    except RobotModelError as error:
        line = line_of(text, *error.element) if error.element else None
        place = "" if line is None or file.suffix == ".xacro" else f", line {line}"
        reason = str(error).removeprefix("the robot description, ").removeprefix("the robot description: ")
        separator = ", " if reason.startswith("line ") and not place else ": "
        raise RobotModelError(f"{file}{place}{separator}{reason}") from None


def line_of(text: str, tag: str, attribute: str, value: str) -> int | None:
    """Return the line of the last element `tag` whose `attribute` is `value`; None if there is none."""
    found: list[int] = []
    parser = expat.ParserCreate()

    def begin(name: str, attributes: dict[str, str]) -> None:
        if name == tag and attributes.get(attribute, "") == value:
            found.append(parser.CurrentLineNumber)

    parser.StartElementHandler = begin
    with suppress(expat.ExpatError):  # use the elements found before the error
        parser.Parse(text, True)
    return found[-1] if found else None
