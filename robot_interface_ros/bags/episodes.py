"""The messages of a bag -> frames, steps and episodes of each robot. Images are not decoded here.

A frame is one observation: every stream's message with one stamp. A step goes from the frame that an action answers to the
frame that it led to. In a recording of this project marks, actions and rewards say so; in a plain recording of the
contract's topics each `joint_command` is a step to the next frame, and a gap in the stamps is the end of an episode.
"""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from robot_interface_ros import topics
from robot_interface_ros.bags import decoded, layout
from robot_interface_ros.bags.bag_reader import Bag
from robot_interface_ros.bags.cdr import stamp_of
from robot_interface_ros.bags.decoded import Joints
from robot_interface_ros.bags.errors import BagError
from robot_interface_ros.bags.layout import Recorded
from robot_interface_ros.robot import Array

Note = Callable[[str], None]
ImageSink = Callable[[str, str, int, bytes], None]
"""Called for each image: namespace, camera, stamp (integer ns), serialised message."""
_JOINTS = (
    topics.JOINT_STATES,
    topics.JOINT_COMMAND,
    topics.WORLD_STATE,
    layout.ACTION,
    layout.ACTION_PROBABILITIES,
    layout.REWARD,
)
_NAMES = (*_JOINTS, topics.TARGET_POSE, topics.CONTACT, topics.ROBOT_DESCRIPTION, layout.EPISODE_MARK, topics.EPISODE)
_NEW_EPISODE_PERIODS = 1.5
"""A gap of more periods than this ends an episode of a plain recording; a reset in lockstep takes two."""


@dataclass
class Track:
    """All messages of one robot in a bag except images, by stamp (integer ns)."""

    namespace: str
    joints: dict[str, dict[int, Joints]] = field(default_factory=lambda: {name: {} for name in _JOINTS})
    target: dict[int, Array] = field(default_factory=dict)
    contact: dict[int, Array] = field(default_factory=dict)
    images: dict[str, set[int]] = field(default_factory=dict)
    """Camera -> stamps of its images."""
    marks: list[dict[str, Any]] = field(default_factory=list)
    urdf: str = ""
    drawn: dict[int, dict[str, Any]] = field(default_factory=dict)
    known_names: dict[tuple[str, ...], tuple[str, ...]] = field(default_factory=dict)
    """Names of joints, once for all messages that have the same ones."""
    damaged: Counter[str] = field(default_factory=Counter)
    """Topic -> number of unreadable messages."""

    @property
    def states(self) -> dict[int, Joints]:
        """The joint_states."""
        return self.joints[topics.JOINT_STATES]


@dataclass(frozen=True)
class Episode:
    """One episode of one robot. Stamps are integer ns."""

    namespace: str
    frames: tuple[int, ...]
    """Stamp of each frame that begins or ends a step."""
    steps: tuple[tuple[int, int], ...]
    """Each step's first and last frame, as indices of `frames`."""
    start: dict[str, Any]
    end: dict[str, Any]
    """The marks of the episode; empty if there are none."""


def read_tracks(bag: Bag, images: ImageSink, note: Note, more: Sequence[str] = ()) -> dict[str, Track]:
    """Read a bag to its end; return namespace -> track. Raises BagError if it has no topics of the contract.

    `more`: further topics of JointState messages to read into `Track.joints`, such as joint_target.
    """
    names = (*_NAMES, *more)
    tracks: dict[str, Track] = {}
    places: dict[str, tuple[str, str] | None] = {}
    others: Counter[str] = Counter()
    for message in bag.messages(note):
        if message.topic not in places:
            places[message.topic] = _place(message.topic, names)
        place = places[message.topic]
        if place is None:
            others[message.topic] += 1
            continue
        namespace, name = place
        track = tracks.get(namespace) or tracks.setdefault(namespace, Track(namespace))
        try:
            _take(track, name, message, images, more)
        except BagError:
            track.damaged[name] += 1
        except (UnicodeDecodeError, ValueError, OverflowError):
            track.damaged[name] += 1
    tracks = {namespace: track for namespace, track in tracks.items() if track.states or track.images}
    for track in tracks.values():
        for name, n in track.damaged.items():
            note(
                f"{bag.path}: {n:,} messages on {topics.absolute(track.namespace, name)} cannot be read and are left out"
            )
    if not tracks:
        said = f"; it has {', '.join(list(others)[:5])}" if others else " and is empty"
        raise BagError(f"{bag.path} has neither joint_states nor images of the robot contract{said}")
    return tracks


def episodes_of(track: Track, note: Note, where: str) -> list[Episode]:
    """Return the episodes of a robot in order of time. `where`: the bag's name in notes."""
    if track.marks:
        return _marked(track, note, where)
    return _unmarked(track, note, where)


def _place(topic: str, names: Sequence[str]) -> tuple[str, str] | None:
    """Return namespace and name of a topic of the contract or of a recording; None for other topics."""
    for name in names:
        if topic.endswith(f"/{name}"):
            return topic[: -len(name) - 1] or "/", name
    parts = topic.split("/")
    if len(parts) >= 4 and parts[-3] == topics.CAMERA and parts[-1] == "image_raw":
        return "/".join(parts[:-3]) or "/", "/".join(parts[-3:])
    return None


def _take(track: Track, name: str, message: Recorded, images: ImageSink, more: Sequence[str]) -> None:
    data = message.data
    if name in track.joints or name in more:
        found = decoded.joints(data)
        found = found._replace(names=track.known_names.setdefault(found.names, found.names))
        track.joints.setdefault(name, {}).setdefault(found.stamp, found)  # a repeated message counts once
    elif name == topics.TARGET_POSE:
        stamp, position = decoded.position(data)
        track.target.setdefault(stamp, position)
    elif name == topics.CONTACT:
        stamp, wrench = decoded.wrench(data)
        track.contact.setdefault(stamp, wrench)
    elif name == topics.ROBOT_DESCRIPTION:
        track.urdf = track.urdf or decoded.text(data)
    elif name == layout.EPISODE_MARK:
        track.marks.append(layout.read_mark(decoded.text(data)))
    elif name == topics.EPISODE:
        record = json.loads(decoded.text(data))
        track.drawn[int(record["stamp"])] = dict(record["drawn"])
    else:
        camera, stamp = name.split("/")[1], stamp_of(data)
        stamps = track.images.setdefault(camera, set())
        if stamp not in stamps:
            images(track.namespace, camera, stamp, data)
            stamps.add(stamp)


def _marked(track: Track, note: Note, where: str) -> list[Episode]:
    """Return the episodes between marks: a step begins at an action and ends at a reward."""
    episodes: list[Episode] = []
    actions, rewards = sorted(track.joints[layout.ACTION]), sorted(track.joints[layout.REWARD])
    marks = sorted(track.marks, key=lambda mark: (mark["stamp"], mark["mark"] == layout.START))
    start: dict[str, Any] | None = None
    unfinished = 0
    for mark in marks:
        if mark["mark"] == layout.START:
            unfinished += start is not None
            start = mark
        elif start is not None:
            begin, end = start["stamp"], mark["stamp"]
            own = rewards[bisect_right(rewards, begin) : bisect_right(rewards, end)]
            begun = actions[bisect_left(actions, begin) : bisect_left(actions, end)]
            episodes.append(_episode(track.namespace, begun, own, start, mark))
            start = None
    unfinished += start is not None
    if unfinished:
        note(f"{where}: {unfinished} episode(s) of {track.namespace} have no end and are left out")
    return [episode for episode in episodes if episode.steps]


def _episode(
    namespace: str, actions: list[int], rewards: list[int], start: dict[str, Any], end: dict[str, Any]
) -> Episode:
    """Pair every action with the first reward before the next action; an incomplete step has no reward."""
    stamps: dict[int, int] = {}
    steps = []
    for i, action in enumerate(actions):
        at = bisect_right(rewards, action)
        if at == len(rewards) or (i + 1 < len(actions) and rewards[at] > actions[i + 1]):
            continue
        steps.append((stamps.setdefault(action, len(stamps)), stamps.setdefault(rewards[at], len(stamps))))
    return Episode(namespace, tuple(stamps), tuple(steps), start, end)


def _unmarked(track: Track, note: Note, where: str) -> list[Episode]:
    """Return the episodes of a plain recording: every command is a step, and gaps in the stamps separate episodes."""
    stamps = sorted(track.states or set().union(*track.images.values()))
    if len(stamps) < 2:
        return []
    gaps = np.diff(np.array(stamps, dtype=np.int64))
    period = float(np.median(gaps))
    cuts = [0, *(np.flatnonzero(gaps.astype(np.float64) > _NEW_EPISODE_PERIODS * period) + 1).tolist(), len(stamps)]
    commands = track.joints[topics.JOINT_COMMAND]
    episodes = []
    for first, last in zip(cuts, cuts[1:]):
        frames = tuple(stamps[first:last])
        steps = [(i, i + 1) for i in range(len(frames) - 1) if frames[i] in commands or not commands]
        if steps:
            episodes.append(Episode(track.namespace, frames, tuple(steps), {}, {}))
    rate = 1e9 / period if period else 0.0
    note(
        f"{where}: no episode marks for {track.namespace}; gaps in its {rate:g} Hz of stamps part {len(episodes)} episodes, "
        f"actions are {'the commanded joint positions' if commands else 'left out'}"
    )
    return episodes


class Moments(NamedTuple):
    """One episode of a plain recording as arrays, from which a task computes rewards; `f` frames."""

    stamps: tuple[int, ...]
    joint_names: tuple[str, ...]
    position: Array
    """(f, joints) rad."""
    velocity: Array
    """(f, joints) rad/s; 0 if it is not measured."""
    target: Array
    """(f, 3) m."""
    signals: tuple[dict[str, float], ...]
    steps: tuple[tuple[int, int], ...]


Judge = Callable[[Moments], "tuple[Array, Array] | None"]
"""Rewards and whether the task ended, each `(steps,)`; None if the episode lacks data that the task needs."""


def moments(track: Track, episode: Episode) -> Moments | None:
    """Return an episode as arrays; None if a frame lacks joint states or the target."""
    states, target = track.states, track.target
    if any(stamp not in states or stamp not in target for stamp in episode.frames) or not episode.frames:
        return None
    first = states[episode.frames[0]]
    if any(states[stamp].names != first.names for stamp in episode.frames):
        return None
    zero = np.zeros(len(first.names))
    velocities = [states[stamp].velocity for stamp in episode.frames]
    world = track.joints[topics.WORLD_STATE]
    return Moments(
        episode.frames,
        first.names,
        np.array([states[stamp].position for stamp in episode.frames]),
        np.array([velocity if len(velocity) == len(zero) else zero for velocity in velocities]),
        np.array([target[stamp] for stamp in episode.frames]),
        tuple(decoded.values_by_name(world[stamp]) if stamp in world else {} for stamp in episode.frames),
        episode.steps,
    )
