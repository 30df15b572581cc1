"""A bag -> arrays in a folder: images as raw files that are mapped into memory, everything else in one .npz."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_interface_ros.bags import episodes, tracks
from robot_interface_ros.bags.bag_reader import Bag
from robot_interface_ros.bags.episodes import Judge
from robot_interface_ros.bags.tracks import Track, is_late
from srl_ros.data.image_files import LATE_NS, Finder, ImageFiles
from srl_ros.data.rows import Rows
from srl_ros.transitions import DatasetError

Note = Callable[[str], None]
ARRAYS, ABOUT = "arrays.npz", "about.json"
FORMAT = 2
TARGET = ("target_x", "target_y", "target_z")
HAND = ("hand_x", "hand_y", "hand_z")


def decode(bag: Bag, folder: Path, judge: Judge | None, note: Note) -> None:
    """Write the arrays of a bag into `folder`, which is there and empty. Raises BagError, DatasetError, OSError.

    `judge`: gives the rewards of a recording that has none.
    """
    with ImageFiles(folder, note, str(bag.path)) as images:
        found = tracks.read_tracks(bag, images.take, note)
    where = str(bag.path)
    for track in found.values():
        tracks.align(track, note, where, _joint_names(found))
        tracks.hold(track, note, where)
    _check_robots(found, bag)
    rows = Rows(episodes.commanded_joints(track for track in found.values() if not track.marks))
    for track in found.values():
        finders = _finders(track, images, note, where)
        for episode in episodes.episodes_of(track, note, where):
            rows.add(track, episode, finders, judge)
    if judge is not None:
        rows.tell_what_is_not_judged(note, where)
    images.keep({camera for track in found.values() for camera in track.images})
    arrays = rows.arrays(images.cameras, note, where)
    if not len(arrays["episode"]):
        why = "record again"
        if any(set(track.states) == {0} for track in found.values()):
            why = "all stamps of its joint_states are 0; have the robot stamp its messages"
        raise DatasetError(f"{bag.path} has no whole step with images and states of one stamp; {why}")
    np.savez(folder / ARRAYS, **arrays)  # type: ignore[arg-type]
    first = next(iter(found.values()))
    about = {
        "format": FORMAT,
        "images": {camera: list(images.shape(camera)) for camera in images.cameras},
        "digests": images.digests() | {"arrays": _digest(arrays)},
        "joint_names": list(next(iter(first.states.values())).names) if first.states else [],
        "episodes": rows.episodes,
        "period_ns": _period(first),
        "robot": next((episode["start"]["robot"] for episode in rows.episodes if episode["start"].get("robot")), ""),
        "urdf_sha256": hashlib.sha256(first.urdf.encode()).hexdigest() if first.urdf else "",
        "discrete_actions": rows.discrete_actions,
        "action_labels": rows.action_labels,
    }
    (folder / ABOUT).write_text(json.dumps(about), encoding="utf-8")


def _finders(track: Track, images: ImageFiles, note: Note, where: str) -> dict[str, Finder]:
    """Return camera -> the function that finds the image of a frame. In lockstep each frame has one of its own stamp."""
    found: dict[str, Finder] = {}
    for camera in images.cameras:
        stamps = track.images.get(camera, {})
        if track.marks:
            late = any(bool((mark.get("settings") or {}).get("realtime")) for mark in track.marks)
        else:
            late = bool(stamps) and len(track.states) > 1 and is_late(stamps, track.states)
            if late:
                note(
                    f"{where}: images of {camera} have other stamps than joint_states; each of these has the newest image that "
                    f"is at most {LATE_NS // 1_000_000} ms older"
                )
        found[camera] = images.finder(track.namespace, camera, late)
    return found


def _joint_names(found: dict[str, Track]) -> tuple[str, ...]:
    """Return the joints of the first robot, in its order."""
    return next((next(iter(track.states.values())).names for track in found.values() if track.states), ())


def _check_robots(found: dict[str, Track], bag: Bag) -> None:
    """Raise DatasetError where the robots of a bag differ in their joints."""
    names = {track.namespace: next(iter(track.states.values())).names for track in found.values() if track.states}
    first = next(iter(names.items()), None)
    for namespace, joints in names.items():
        if first is not None and joints != first[1]:
            other = sorted(set(joints) ^ set(first[1]))
            raise DatasetError(
                f"{bag.path} holds two kinds of robots: {first[0]} has {len(first[1])} joints, {namespace} {len(joints)}, and "
                f"only one of them has {', '.join(other[:4])}; record them into a bag each"
            )


def _period(track: Track) -> int:
    stamps = sorted(track.states or set().union(*track.images.values()))
    return int(np.median(np.diff(np.array(stamps[:2000], dtype=np.int64)))) if len(stamps) > 1 else 0


def _digest(arrays: dict[str, NDArray[Any]]) -> str:
    total = hashlib.sha256()
    for name in sorted(arrays):
        total.update(f"{name}{arrays[name].shape}{arrays[name].dtype}".encode())
        total.update(np.ascontiguousarray(arrays[name]).data)
    return total.hexdigest()
