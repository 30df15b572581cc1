"""Paths as users type them."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from robot_interface_ros.errors import ConfigError


def expanded(path: str | Path) -> Path:
    """Return the path with a leading ~ or ~user replaced by the home folder. Raises ConfigError if there is none."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        home = Path(path).parts[0]
        raise ConfigError(
            f"{path} begins with {home}, but this machine has no such home folder; write the full path"
        ) from None


def check_folder(setting: str, given: str | Path) -> None:
    """Raise ConfigError, one line, if nothing can be written in the folder that a setting names. It need not exist yet.

    Called before long work, so that its result is not lost. Nothing is made or left there.
    """
    _check_place(setting, given, expanded(given).absolute())


def check_file(setting: str, given: str | Path) -> None:
    """Raise ConfigError, one line, if the file that a setting names cannot be written or replaced. See check_folder."""
    path = expanded(given).absolute()
    if path.is_dir():
        raise ConfigError(f"{setting} is {given}, which is a folder; give the name of a file")
    _check_place(setting, given, path.parent)


def _check_place(setting: str, given: str | Path, folder: Path) -> None:
    there = next(place for place in (folder, *folder.parents) if os.path.lexists(place))
    if not there.is_dir():
        raise ConfigError(f"{setting} is {given}, but {there} is not a folder; give another path")
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise ConfigError(
            f"{setting} is {given}, but {there} cannot be written to ({error.strerror}); give another path"
        ) from None
