"""Errors of checkpoints."""

from __future__ import annotations

from robot_interface_ros.errors import RobotError


class ModelError(RobotError):
    """A file or folder is not a checkpoint, is damaged, or does not fit; the message has one line."""


class NotSaved(RobotError):
    """The end of a training could not be saved; the message names the reason and the last good checkpoint."""


def one_line(error: BaseException) -> str:
    """Return an error of a library as one short line."""
    return " ".join(str(error).split())[:200] or type(error).__name__
