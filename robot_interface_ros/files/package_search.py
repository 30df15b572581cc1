"""Finds the folder of a ROS package by its name: an installed package, or one near a file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from robot_interface_ros.files.untrusted_files import FileError, read_text

MOST_FOLDERS = 4000
"""Largest number of folders searched for a package.xml, so that a search from a home folder ends soon."""
_NAME = re.compile(r"<name>\s*([^<\s]+)\s*</name>")
REMEDY = "source its setup.bash, or put its folder next to or above the robot file"


@lru_cache(maxsize=256)
def package_folders(package: str, near: Path) -> tuple[Path, ...]:
    """Return every folder that may be `package`, the most likely first.

    An installed package comes first. The search then goes up from the folder `near`: first folders with the package's
    name, then folders whose package.xml has the name, up to two levels below each folder on the way (for workspaces).
    """
    if not package or "/" in package or package in (".", ".."):
        return ()
    installed = ament_share(package)
    found = dict.fromkeys([installed] if installed is not None else [])
    way = [near.absolute(), *near.absolute().parents]
    found |= dict.fromkeys(folder / package for folder in way if (folder / package).is_dir())
    seen = set(way)
    candidates = [*way, *_below(way, seen)]
    found |= dict.fromkeys(folder for folder in candidates if package_name(folder) == package)
    return tuple(found)


def package_name(folder: Path) -> str | None:
    """Return the name in a folder's package.xml; None if the file is missing or unreadable."""
    file = folder / "package.xml"
    try:
        if not file.is_file():
            return None
        match = _NAME.search(re.sub(r"<!--.*?-->", "", read_text(file), flags=re.DOTALL))
    except (FileError, OSError):
        return None
    return match[1] if match else None


def ament_share(package: str) -> Path | None:
    """Return the share folder of an installed ROS package; None if it is not installed."""
    try:
        from ament_index_python.packages import get_package_share_directory
    except ImportError:
        return None
    try:
        return Path(get_package_share_directory(package))
    except (LookupError, ValueError, OSError):  # OSError: no AMENT_PREFIX_PATH
        return None


def _below(way: list[Path], seen: set[Path]) -> Iterator[Path]:
    """Yield the folders up to two levels below those of `way`; the last one, the root folder, is left out."""
    for top in way[:-1]:
        level = [top]
        for _ in range(2):
            level = [child for folder in level for child in _folders(folder) if child not in seen]
            for child in level:
                if len(seen) >= MOST_FOLDERS:
                    return
                seen.add(child)
                yield child


def _folders(folder: Path) -> list[Path]:
    try:
        return sorted(entry for entry in folder.iterdir() if not entry.name.startswith(".") and entry.is_dir())
    except OSError:
        return []
