"""Paths as users type them."""

from __future__ import annotations

import csv
import errno
import os
import tempfile
from collections.abc import Sequence
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


def listed_paths(text: str) -> list[str]:
    """Return the paths in a text with commas between them; brackets around it, as around a list in YAML, do not count.

    A path that holds commas stands in double quotes, as in CSV, or alone.
    """
    text = text.strip()
    if text and os.path.lexists(expanded(text)):
        return [text]
    if text.startswith("[") and text.endswith("]"):
        text = text[1:-1]
    rows = csv.reader([" ".join(text.splitlines())], skipinitialspace=True)
    return [part for row in rows for part in (one.strip() for one in row) if part]


def joined_paths(paths: Sequence[str]) -> str:
    """Return paths as one text that `listed_paths` reads."""
    quoted = ['"' + path.replace('"', '""') + '"' if set(path) & set(',"[]\n') else path for path in paths]
    return ",".join(quoted)


def beside(path: Path, ending: str) -> Path:
    """Return the place beside a file or folder whose name has this ending too. `.` and `..` get their folder's name."""
    named = path if path.name not in ("", "..") else path.resolve()
    return named.with_name(f"{named.name}{ending}")


def check_folder(setting: str, given: str | Path) -> None:
    """Raise ConfigError, one line, if nothing can be written in the folder that a setting names. It need not exist yet.

    Called before long work, so that its result is not lost. Nothing is made or left there.
    """
    _check_place(setting, given, expanded(given).absolute())


def check_file(setting: str, given: str | Path) -> None:
    """Raise ConfigError, one line, if the file that a setting names cannot be written or replaced. See check_folder."""
    path = expanded(given).absolute()
    try:
        os.lstat(path)
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise ConfigError(f"{setting} is {given}, which is too long for the name of a file") from None
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
