"""What can be wrong with a checkpoint."""

from __future__ import annotations

from robot_interface_ros.errors import RobotError


class ModelError(RobotError):
    """A file or folder that is no checkpoint, not a whole one, or not one that fits; one line."""


class NotSaved(RobotError):
    """The end of a training could not be saved; the line names the reason and the last good checkpoint."""


def one_line(error: BaseException) -> str:
    """An error of a library as one short line."""
    return " ".join(str(error).split())[:200] or type(error).__name__
