"""Decoded bags, kept beside them: a bag is decoded once, and again where its files have changed."""

from __future__ import annotations

import contextlib
import errno
import glob
import hashlib
import json
import os
import platform
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from robot_interface_ros.bags.bag_reader import Bag
from robot_interface_ros.bags.episodes import Judge
from robot_interface_ros.files import paths
from srl_ros.data.decoding import ABOUT, ARRAYS, FORMAT, decode
from srl_ros.data.image_files import image_file
from srl_ros.transitions import DatasetError

Note = Callable[[str], None]
KEY = "key.json"
_ATTEMPTS = 10
_READ_ONLY = (errno.EACCES, errno.EPERM, errno.EROFS)


def decoded_folder(bag: Bag, judge: Judge | None, judged_by: str, note: Note) -> Path:
    """Return the folder with the arrays of a bag, decoding it where there is none that fits.

    `judged_by`: name of `judge`; with another one the bag is decoded again. Raises BagError, DatasetError.
    """
    key = _key(bag, judged_by)
    places = [beside(bag), *_at_home(bag)]
    for place in places:
        if _fits(place, key):
            for line in json.loads((place / KEY).read_text(encoding="utf-8"))["notes"]:
                note(line)
            return place
    for place in places:
        try:
            return _decoded(bag, place, judge, key, note)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise DatasetError(
                    f"no room for the decoded images of {bag.path} in {place.parent}; make some"
                ) from None
            if error.errno not in _READ_ONLY or place is places[-1]:
                raise DatasetError(
                    f"the decoded images of {bag.path} cannot be kept in {place}: {error.strerror}"
                ) from None
    raise AssertionError


def beside(bag: Bag) -> Path:
    """Return the cache's place beside a bag."""
    return paths.beside(bag.path, ".cache").absolute()


def _at_home(bag: Bag) -> list[Path]:
    """Return the cache's place for a bag in a folder that cannot be written; none for a user without a home folder."""
    try:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError:
        return []
    name = hashlib.sha256(str(bag.path.absolute()).encode()).hexdigest()[:16]
    return [base / "rl_trainer_ros" / "bags" / f"{bag.path.name}-{name}"]


def _key(bag: Bag, judged_by: str) -> dict[str, Any]:
    files = []
    for file in bag.files:
        told = file.stat()
        files.append([file.name, told.st_size, told.st_mtime_ns])
    return {"format": FORMAT, "files": files, "judged_by": judged_by}


def _fits(place: Path, key: dict[str, Any]) -> bool:
    """Whether a folder holds all arrays of exactly these files."""
    try:
        found = json.loads((place / KEY).read_text(encoding="utf-8"))
        about = json.loads((place / ABOUT).read_text(encoding="utf-8"))
        sizes = {camera: n * h * w * c for camera, (n, h, w, c) in about["images"].items()}
        whole = all((place / image_file(camera)).stat().st_size == size for camera, size in sizes.items())
        return whole and (place / ARRAYS).is_file() and {name: found[name] for name in key} == key
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _decoded(bag: Bag, place: Path, judge: Judge | None, key: dict[str, Any], note: Note) -> Path:
    place.parent.mkdir(parents=True, exist_ok=True)
    notes: list[str] = []

    def noted(line: str) -> None:
        notes.append(line)
        note(line)

    _remove_leftovers(place)
    with _temporary(place) as temporary:
        decode(bag, temporary, judge, noted)
        (temporary / KEY).write_text(json.dumps({**key, "notes": notes}), encoding="utf-8")
        _put(temporary, place, key)
    return place


@contextlib.contextmanager
def _temporary(place: Path) -> Iterator[Path]:
    """A new folder beside `place`, which is removed at the end if it is still there."""
    temporary = place.with_name(f".{place.name}.{platform.node()}.{os.getpid()}.{secrets.token_hex(4)}")
    temporary.mkdir()
    try:
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _put(temporary: Path, place: Path, key: dict[str, Any]) -> None:
    """Put a whole folder in its place, unless another process has put an equal one there meanwhile."""
    for _ in range(_ATTEMPTS):
        if _fits(place, key):
            return
        with contextlib.suppress(FileNotFoundError):  # there is none, or another process has just moved it
            old = place.with_name(f"{temporary.name}.old")
            os.replace(place, old)
            shutil.rmtree(old, ignore_errors=True)
        try:
            os.replace(temporary, place)
            return
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):  # another process was faster
                raise
    raise OSError(errno.EBUSY, "other processes keep replacing it; start them one after the other")


def _remove_leftovers(place: Path) -> None:
    """Remove the files beside `place` of this machine's processes that were killed while they decoded."""
    for path in place.parent.glob(f".{glob.escape(place.name)}.{glob.escape(platform.node())}.*"):
        number = path.name.removeprefix(f".{place.name}.{platform.node()}.").partition(".")[0]
        if number.isdecimal() and not _runs(int(number)):
            shutil.rmtree(path, ignore_errors=True)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # of another user
        return True
    return True
