"""A bag -> arrays in a folder: images as raw files that are mapped into memory, everything else in one .npz."""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_right
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from robot_interface_ros import topics
from robot_interface_ros.bags import decoded, episodes, layout
from robot_interface_ros.bags.bag_reader import Bag
from robot_interface_ros.bags.episodes import Episode, Judge, Track
from robot_interface_ros.errors import ConfigError, RobotError
from robot_interface_ros.urdf.robot_model import RobotModel
from srl_ros.transitions import DatasetError

Note = Callable[[str], None]
ARRAYS, ABOUT = "arrays.npz", "about.json"
FORMAT = 1
_LATE_NS = 250_000_000
"""In real time a camera is slower than the control rate: an image that is older than that belongs to no frame."""
TARGET = ("target_x", "target_y", "target_z")
HAND = ("hand_x", "hand_y", "hand_z")


def decode(bag: Bag, folder: Path, judge: Judge | None, note: Note) -> None:
    """Write the arrays of a bag into `folder`, which is there and empty. Raises BagError, DatasetError, OSError.

    `judge`: gives the rewards of a recording that has none.
    """
    with _ImageFiles(folder, note, str(bag.path)) as images:
        tracks = episodes.read_tracks(bag, images.take, note)
    _check_robots(tracks, bag)
    rows = _Rows()
    for track in tracks.values():
        for episode in episodes.episodes_of(track, note, str(bag.path)):
            rows.add(track, episode, images, judge)
    arrays = rows.arrays(images.cameras, note, str(bag.path))
    if not len(arrays["episode"]):
        raise DatasetError(f"{bag.path} has no whole step with images and states of one stamp; record again")
    np.savez(folder / ARRAYS, **arrays)  # type: ignore[arg-type]
    first = next(iter(tracks.values()))
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


class _ImageFiles:
    """Decoded images, one raw file a camera; images of another size than a camera's first are left out, with a note."""

    def __init__(self, folder: Path, note: Note, where: str):
        self._folder, self._note, self._where = folder, note, where
        self._files: dict[str, IO[bytes]] = {}
        self._shapes: dict[str, tuple[int, int, int]] = {}
        self._hashes: dict[str, Any] = {}
        self._counts: dict[str, int] = {}
        self._refused: dict[str, int] = {}
        self.rows: dict[tuple[str, str], dict[int, int]] = {}
        """Namespace and camera -> stamp -> row."""

    def __enter__(self) -> _ImageFiles:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files.values():
            file.close()
        for camera, n in self._refused.items():
            rows, columns = self._shapes[camera][:2]
            self._note(
                f"{self._where}: {n:,} images of {camera} are not {columns}x{rows} as its first, and are left out"
            )

    @property
    def cameras(self) -> tuple[str, ...]:
        """Cameras with an image at least."""
        return tuple(sorted(self._shapes))

    def shape(self, camera: str) -> tuple[int, int, int, int]:
        """(images, height, width, 3)."""
        height, width, colours = self._shapes[camera]
        return self._counts[camera], height, width, colours

    def digests(self) -> dict[str, str]:
        """Camera -> sha256 of its images."""
        return {f"images_{camera}": value.hexdigest() for camera, value in self._hashes.items()}

    def take(self, namespace: str, camera: str, stamp: int, data: bytes) -> None:
        """Decode and append one image. Raises BagError for one that cannot be read."""
        _, image = decoded.image(data)
        height, width = image.shape[:2]
        if camera not in self._files:
            self._files[camera] = (self._folder / image_file(camera)).open("wb")
            self._shapes[camera] = (height, width, 3)
            self._hashes[camera], self._counts[camera] = hashlib.sha256(), 0
        if image.shape != self._shapes[camera]:
            self._refused[camera] = self._refused.get(camera, 0) + 1
            return
        pixels = np.ascontiguousarray(image)
        self._files[camera].write(pixels.data)
        self._hashes[camera].update(pixels.data)
        self.rows.setdefault((namespace, camera), {})[stamp] = self._counts[camera]
        self._counts[camera] += 1

    def finder(self, namespace: str, camera: str, late: bool) -> Callable[[int], int]:
        """Return a function from stamp to row: the image of that stamp, or, where `late`, a little older one; -1: none."""
        rows = self.rows.get((namespace, camera), {})
        stamps = sorted(rows)

        def find(stamp: int) -> int:
            if stamp in rows:
                return rows[stamp]
            at = bisect_right(stamps, stamp) - 1
            return rows[stamps[at]] if late and at >= 0 and stamp - stamps[at] <= _LATE_NS else -1

        return find


class _Rows:
    """Frames and steps of all episodes, as lists that become arrays."""

    def __init__(self) -> None:
        self.episodes: list[dict[str, Any]] = []
        self.discrete_actions = 0
        self.action_labels: list[str] = []
        self._frames: dict[str, list[Any]] = {name: [] for name in ("stamp", "position", "target", "hand")}
        self._images: list[dict[str, int]] = []
        self._steps: dict[str, list[Any]] = {
            name: [] for name in ("before", "after", "episode", "action", "wanted", "reward", "terminated", "success")
        }

    def add(self, track: Track, episode: Episode, images: _ImageFiles, judge: Judge | None) -> None:
        """Add one episode."""
        number, base = len(self.episodes), len(self._frames["stamp"])
        finders = {
            camera: images.finder(track.namespace, camera, _in_real_time(track, episode, camera))
            for camera in images.cameras
        }
        hand = _hand(track, episode)
        for stamp in episode.frames:
            state = track.states.get(stamp)
            self._frames["stamp"].append(stamp)
            self._frames["position"].append(None if state is None else state.position)
            self._frames["target"].append(track.target.get(stamp))
            self._frames["hand"].append(None if state is None or hand is None else hand(state))
            self._images.append({camera: find(stamp) for camera, find in finders.items()})
        judged = None
        if not episode.start and judge is not None:
            told = episodes.moments(track, episode)
            judged = judge(told) if told is not None else None
        self._add_steps(track, episode, number, base, judged)
        start = {key: episode.start.get(key) for key in ("seed", "target", "policy", "robot", "settings")}
        end = {key: episode.end.get(key) for key in ("return", "terminated", "truncated", "success", "interrupted")}
        self.episodes.append(
            {
                "namespace": track.namespace,
                "steps": len(episode.steps),
                "start": start,
                "end": end,
                "stamp": episode.frames[0],
            }
        )

    def _add_steps(self, track: Track, episode: Episode, number: int, base: int, judged: Any) -> None:
        recorded = bool(episode.start)
        actions = track.joints[layout.ACTION if recorded else topics.JOINT_COMMAND]
        wanted, rewards = track.joints[layout.ACTION_PROBABILITIES], track.joints[layout.REWARD]
        if recorded:
            self.discrete_actions = int(episode.start.get("discrete_actions") or 0)
        for i, (before, after) in enumerate(episode.steps):
            first, last = episode.frames[before], episode.frames[after]
            action = actions.get(first)
            if action is not None and not self.action_labels:
                self.action_labels = list(action.names)
            said = decoded.values_by_name(rewards[last]) if last in rewards else {}
            if judged is not None:
                said = {"reward": float(judged[0][i]), "terminated": bool(judged[1][i])}
            self._steps["before"].append(base + before)
            self._steps["after"].append(base + after)
            self._steps["episode"].append(number)
            self._steps["action"].append(None if action is None else action.position)
            self._steps["wanted"].append(_wanted(wanted.get(first), self.discrete_actions))
            self._steps["reward"].append(said.get("reward"))
            self._steps["terminated"].append(said.get("terminated"))
            self._steps["success"].append(said.get("is_success"))

    def arrays(self, cameras: Sequence[str], note: Note, where: str) -> dict[str, NDArray[Any]]:
        """Return everything as arrays; a part that some step lacks is left out, steps with what is not finite too."""
        steps, frames, n = self._steps, self._frames, len(self._steps["episode"])
        before, after = (np.array(steps[name], dtype=np.int64) for name in ("before", "after"))
        kept = np.ones(n, dtype=bool)
        arrays: dict[str, NDArray[Any]] = {"stamp": np.array(frames["stamp"], dtype=np.int64)}
        for camera in cameras:
            rows = np.array([found[camera] for found in self._images], dtype=np.int64)
            arrays[f"image_{camera}"] = rows
            lacks = (rows[before] < 0) | (rows[after] < 0) if n else np.zeros(0, dtype=bool)
            if lacks.any():
                note(f"{where}: {lacks.sum():,} of {n:,} steps lack an image of {camera} and are left out")
                kept &= ~lacks
        for name in ("position", "target", "hand"):
            values = _stacked(frames[name])
            if values is None:
                continue
            arrays[name] = values
            odd = ~np.isfinite(values[before]).all(axis=1) | ~np.isfinite(values[after]).all(axis=1)
            if odd.any():
                note(f"{where}: {odd.sum():,} steps with a {name} that is not finite are left out")
                kept &= ~odd
        for name in ("action", "wanted", "reward", "terminated", "success"):
            values = _stacked(steps[name])
            if values is None:
                there = sum(value is not None for value in steps[name])
                if there:
                    note(f"{where}: {name} is there for {there:,} of {n:,} steps only, or in several sizes; left out")
                continue
            odd = ~np.isfinite(values.reshape(n, -1)).all(axis=1)
            if odd.any():
                note(f"{where}: {odd.sum():,} steps with a {name} that is not finite are left out")
                kept &= ~odd
            arrays[name] = values
        for name in ("action", "wanted", "reward", "terminated", "success"):
            if name in arrays:
                arrays[name] = arrays[name][kept]
        arrays |= {"before": before[kept], "after": after[kept]}
        arrays["episode"] = np.array(steps["episode"], dtype=np.int64)[kept]
        return arrays


def image_file(camera: str) -> str:
    """Return the name of the file of a camera's images."""
    return f"images_{camera}.u8"


def _wanted(message: Any, discrete: int) -> NDArray[np.float64] | None:
    """The probabilities of discrete actions, or the means of continuous ones."""
    if message is None:
        return None
    values: NDArray[np.float64] = message.position
    return values if discrete else values[: len(values) // 2]


def _stacked(values: list[Any]) -> NDArray[Any] | None:
    """Values of one shape as one array; None where one lacks or is of another shape."""
    if not values or any(value is None for value in values):
        return None
    if len({np.shape(value) for value in values}) > 1:
        return None
    return np.array(values, dtype=np.float64)


def _in_real_time(track: Track, episode: Episode, camera: str) -> bool:
    """Whether images may be older than their frame: in lockstep each frame has an image of its own stamp."""
    if episode.start:
        return bool((episode.start.get("settings") or {}).get("realtime"))
    return len(track.images.get(camera, ())) < 0.8 * len(track.states)


def _hand(track: Track, episode: Episode) -> Callable[[Any], NDArray[np.float64] | None] | None:
    """The forward kinematics of the robot's end effector; None where the recording does not say which it is."""
    effector = episode.start.get("end_effector")
    if not effector or not track.urdf or not track.states:
        return None
    try:
        model = RobotModel.from_urdf(track.urdf)
        chain = model.chain(str(effector))
        names = next(iter(track.states.values())).names
        order = [names.index(name) for name in chain.joint_names]
    except (ConfigError, RobotError, ValueError, KeyError):
        return None

    def hand(state: Any) -> NDArray[np.float64] | None:
        return np.asarray(chain.position(state.position[order])) if state.names == names else None

    return hand


def _check_robots(tracks: dict[str, Track], bag: Bag) -> None:
    """Raise DatasetError where the robots of a bag differ in their joints."""
    names = {track.namespace: next(iter(track.states.values())).names for track in tracks.values() if track.states}
    first = next(iter(names.items()), None)
    for namespace, joints in names.items():
        if first is not None and joints != first[1]:
            raise DatasetError(
                f"{bag.path} holds two kinds of robots: {first[0]} has {len(first[1])} joints, {namespace} {len(joints)}, or "
                "others; record them into a bag each"
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
