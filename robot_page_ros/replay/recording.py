"""A bag in memory, ready to be shown: of each robot the newest values at any time. Images lie in a temporary file."""

from __future__ import annotations

import math
import tempfile
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import zstandard

from robot_interface_ros import topics
from robot_interface_ros.bags import decoded
from robot_interface_ros.bags.bag_reader import find_bags
from robot_interface_ros.bags.decoded import Joints
from robot_interface_ros.bags.episodes import episodes_of
from robot_interface_ros.bags.errors import BagError
from robot_interface_ros.bags.tracks import Track, read_tracks
from robot_page_ros.view import POLICY, Camera, RobotView

NANOSECONDS = 1e9
_LARGEST_IMAGE = 3 * decoded.LARGEST_SIDE**2 + 4096
Note = Callable[[str], None]


class Marked(NamedTuple):
    """One episode; stamps in integer ns."""

    begin: int
    end: int
    success: bool | None
    """None: the bag does not say."""
    text: str
    """As a person reads it."""


class Images:
    """Serialised images, compressed, in a temporary file that goes with this object."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  lives as long as this object
        self._packer = zstandard.ZstdCompressor(level=1)
        self._places: dict[tuple[str, str], dict[int, tuple[int, int, bool]]] = {}

    def take(self, namespace: str, camera: str, stamp: int, data: bytes, compressed: bool) -> None:
        """Keep one image; see `ImageSink`."""
        packed = self._packer.compress(data)
        at = self._file.tell()
        self._file.write(packed)
        self._places.setdefault((namespace, camera), {})[stamp] = (at, len(packed), compressed)

    def get(self, namespace: str, camera: str, stamp: int) -> Any:
        """Return an image, `(height, width, 3)` uint8; None for one that cannot be shown, such as depth."""
        at, size, compressed = self._places[namespace, camera][stamp]
        self._file.seek(at)
        packed = self._file.read(size)
        data = zstandard.ZstdDecompressor().decompress(packed, max_output_size=_LARGEST_IMAGE)
        try:
            return (decoded.compressed_image if compressed else decoded.image)(data)[1]
        except BagError:
            return None

    def close(self) -> None:
        """Remove the file."""
        self._file.close()


class _Stream(NamedTuple):
    """Messages of one topic in order of time."""

    stamps: list[int]
    values: list[Any]

    def at(self, stamp: int) -> tuple[int, Any] | None:
        """Return stamp and value of the newest message at a time; None before the first."""
        i = bisect_right(self.stamps, stamp) - 1
        return (self.stamps[i], self.values[i]) if i >= 0 else None


def _stream(messages: Mapping[int, Any]) -> _Stream:
    stamps = sorted(messages)
    return _Stream(stamps, [messages[stamp] for stamp in stamps])


@dataclass(frozen=True)
class RecordedRobot:
    """One robot of a bag."""

    namespace: str
    urdf: str
    end_effector: str
    frames: list[int]
    """Stamps of the observations, integer ns, in order; never empty."""
    episodes: list[Marked]
    joints: Mapping[str, _Stream]
    target: _Stream
    contact: _Stream
    cameras: Mapping[str, _Stream]
    images: Images

    @property
    def duration_s(self) -> float:
        """From the first observation to the last."""
        return (self.frames[-1] - self.frames[0]) / NANOSECONDS

    def frame_at(self, seconds: float) -> int:
        """Return the stamp of the observation that is shown `seconds` after the first."""
        stamp = self.frames[0] + round(seconds * NANOSECONDS)
        return self.frames[max(0, bisect_right(self.frames, stamp) - 1)]

    def episode_at(self, stamp: int) -> int:
        """Return the number of the episode at a time, -1 before the first."""
        return bisect_right([episode.begin for episode in self.episodes], stamp) - 1

    def positions(self, stamp: int) -> dict[str, float]:
        """Return the joint positions at a time, rad; empty before the first."""
        stream = self.joints.get(topics.JOINT_STATES)
        found = stream.at(stamp) if stream is not None else None
        return _finite(found[1]) if found is not None else {}

    def view(self, stamp: int) -> RobotView:
        """Return the newest messages of the robot at a time, integer ns; of a policy only those of the same episode."""
        view, i = RobotView(), self.episode_at(stamp)
        begin = self.episodes[i].begin if i >= 0 else stamp
        for name, stream in self.joints.items():
            found = stream.at(stamp)
            if found is None:
                continue
            view.arrived[name] = found[0] / NANOSECONDS
            values = _finite(found[1])
            if name == topics.JOINT_STATES:
                view.position = values
            elif name == topics.JOINT_TARGET:
                view.target = values
            elif name == topics.WORLD_STATE:
                view.signals = values
            elif name in POLICY and found[0] >= begin:
                view.policy[name] = values
        at, pushed = self.target.at(stamp), self.contact.at(stamp)
        if at is not None and np.isfinite(at[1]).all():
            view.target_position = at[1]
        if pushed is not None and np.isfinite(pushed[1]).all():
            view.force = pushed[1][:3]
        for camera, stream in self.cameras.items():
            found = stream.at(stamp)
            if found is not None:
                view.cameras[camera] = Camera(self.images.get(self.namespace, camera, found[0]))
        return view


def load(path: Path, urdf: str = "", end_effector: str = "", note: Note = print) -> dict[str, RecordedRobot]:
    """Read the bags of a path; return namespace -> robot, in order of name.

    `urdf`, `end_effector`: for a bag that does not have them. `note` gets one line for each thing that is left out. Raises
    BagError, one line, where nothing can be shown.
    """
    robots: dict[str, RecordedRobot] = {}
    bags = find_bags(path, note)
    for bag in bags:
        images = Images()
        tracks = read_tracks(bag, images.take, note, (topics.JOINT_TARGET, topics.SRL_STATE))
        for namespace, track in sorted(tracks.items()):
            name = namespace if len(bags) == 1 else f"{bag.path.name}:{namespace}"
            robots[name] = _robot(track, images, urdf, end_effector, note, str(bag.path))
    return robots


def _robot(track: Track, images: Images, urdf: str, end_effector: str, note: Note, where: str) -> RecordedRobot:
    description = track.urdf or urdf
    if not description:
        raise BagError(
            f"{where} has no robot_description of {track.namespace}, so the robot cannot be drawn; name it: robot:=inmoov"
        )
    episodes = episodes_of(track, note, where)
    told = next((str(mark["end_effector"]) for mark in track.marks if mark.get("end_effector")), "")
    return RecordedRobot(
        track.namespace,
        description,
        told or end_effector,
        sorted(track.states or set().union(*track.images.values())),
        [_marked(i, episode.frames, episode.start, episode.end) for i, episode in enumerate(episodes)],
        {name: _stream(messages) for name, messages in track.joints.items() if messages},
        _stream(track.target),
        _stream(track.contact),
        {camera: _stream(dict.fromkeys(stamps)) for camera, stamps in track.images.items()},
        images,
    )


def _marked(number: int, frames: tuple[int, ...], start: Mapping[str, Any], end: Mapping[str, Any]) -> Marked:
    success = end.get("success")
    words = [f"{start.get('episode', number)}"]
    words += ["success" if success else "no success"] if isinstance(success, bool) else []
    words += (
        [f"return {end['return']:.2f}"] if isinstance(end.get("return"), float) and math.isfinite(end["return"]) else []
    )
    words += [f"interrupted: {str(end['interrupted'])[:60]}"] if end.get("interrupted") else []
    words += [f"{(frames[-1] - frames[0]) / NANOSECONDS:.1f} s"]
    return Marked(frames[0], frames[-1], success if isinstance(success, bool) else None, ", ".join(words))


def _finite(joints: Joints) -> dict[str, float]:
    return {name: angle for name, angle in zip(joints.names, joints.position.tolist()) if math.isfinite(angle)}
