"""Names the file and the line of what is wrong in a robot description."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from xml.parsers import expat

from robot_interface_ros.urdf.robot_model import RobotModelError


@contextmanager
def naming(file: Path, text: str) -> Iterator[None]:
    """Put `file` before every RobotModelError, and the line where `text`, the file's content, has the element.

    What xacro has made of a file has other lines than the file: then only the file is named.
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
    """Return the line of the last element `tag` whose `attribute` is `value`; None where there is none."""
    found: list[int] = []
    parser = expat.ParserCreate()

    def begin(name: str, attributes: dict[str, str]) -> None:
        if name == tag and attributes.get(attribute, "") == value:
            found.append(parser.CurrentLineNumber)

    parser.StartElementHandler = begin
    with suppress(expat.ExpatError):  # what was found before it counts
        parser.Parse(text, True)
    return found[-1] if found else None
