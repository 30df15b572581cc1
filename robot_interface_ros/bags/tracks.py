"""The messages of a bag -> one track for each robot: all its messages by stamp. Images are not decoded here."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

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
ImageSink = Callable[[str, str, int, bytes, bool], None]
"""Called for each image: namespace, camera, stamp (integer ns), serialised message, whether it is a CompressedImage."""
_JOINTS = (
    topics.JOINT_STATES,
    topics.JOINT_COMMAND,
    topics.WORLD_STATE,
    layout.ACTION,
    layout.ACTION_PROBABILITIES,
    layout.REWARD,
)
_NAMES = (*_JOINTS, topics.TARGET_POSE, topics.CONTACT, topics.ROBOT_DESCRIPTION, layout.EPISODE_MARK, topics.EPISODE)
_SET_BACK_NS = 1_000_000_000
"""A stamp that is older by more than this than the one recorded before it: the robot's clock was set back."""
_NEARLY_ALL = 0.95
_SLOWER = 1.5
"""Messages whose period is longer than so many of joint_states are slower than these."""


@dataclass
class Track:
    """All messages of one robot in a bag except images, by stamp (integer ns)."""

    namespace: str
    """Followed by (2), (3), ... after the robot's clock was set back."""
    joints: dict[str, dict[int, Joints]] = field(default_factory=lambda: {name: {} for name in _JOINTS})
    target: dict[int, Array] = field(default_factory=dict)
    contact: dict[int, Array] = field(default_factory=dict)
    images: dict[str, dict[int, bool]] = field(default_factory=dict)
    """Camera -> stamps of its images, and whether each is a CompressedImage."""
    marks: list[dict[str, Any]] = field(default_factory=list)
    urdf: str = ""
    drawn: dict[int, dict[str, Any]] = field(default_factory=dict)
    known_names: dict[tuple[str, ...], tuple[str, ...]] = field(default_factory=dict)
    """Names of joints, once for all messages that have the same ones."""
    damaged: Counter[str] = field(default_factory=Counter)
    """Topic -> number of unreadable messages."""
    reasons: dict[str, str] = field(default_factory=dict)
    """Topic -> why its first unreadable message cannot be read."""
    unstamped: dict[int, Joints] = field(default_factory=dict)
    """Commands with a stamp of zero, by the time at which they were recorded."""

    @property
    def states(self) -> dict[int, Joints]:
        """The joint_states."""
        return self.joints[topics.JOINT_STATES]


class _Robot:
    """The tracks of one namespace: one, and one more for each time that the robot's clock was set back."""

    def __init__(self, namespace: str):
        self.tracks = [Track(namespace)]
        self._begun: list[int] = []  # times of recording at which the later tracks begin
        self._newest: dict[str, tuple[int, int, int]] = {}  # topic -> time, stamp and track of its newest message

    def track_of(self, topic: str, time: int, stamp: int) -> Track:
        """Return the track of a message with this time of recording and this stamp, both integer ns."""
        track = bisect_right(self._begun, time)
        time_before, stamp_before, track_before = self._newest.get(topic, (time, stamp, track))
        if time >= time_before:  # messages in another order than they were recorded in say nothing about the clock
            track = max(track, track_before)
            if track == track_before and stamp_before - stamp > _SET_BACK_NS:
                track += 1
                if track == len(self.tracks):
                    self.tracks.append(Track(f"{self.tracks[0].namespace} ({track + 1})"))
                    self._begun.append(time)
            self._newest[topic] = (time, stamp, track)
        return self.tracks[track]


def read_tracks(bag: Bag, images: ImageSink, note: Note, more: Sequence[str] = ()) -> dict[str, Track]:
    """Read a bag to its end; return namespace -> track. Raises BagError if it has no topics of the contract.

    `more`: further topics of JointState messages to read into `Track.joints`, such as joint_target.
    """
    names = (*_NAMES, *more)
    robots: dict[str, _Robot] = {}
    places: dict[str, tuple[str, str] | None] = {}
    kinds: dict[str, str] = {}
    foreign: dict[str, str] = {}  # topic -> why it is not read
    others: Counter[str] = Counter()
    for message in bag.messages(note, kinds.__setitem__):
        if message.topic not in places:
            place = _place(message.topic, names)
            if place is not None and (wrong := _other_type(place, kinds.get(message.topic, ""))):
                foreign[message.topic], place = wrong, None
            places[message.topic] = place
        place = places[message.topic]
        if place is None:
            others[message.topic] += 1
            continue
        namespace, name = place
        robot = robots.get(namespace) or robots.setdefault(namespace, _Robot(namespace))
        _take(robot, name, message, images, more)
    for topic, wrong in foreign.items():
        if (place := _place(topic, names)) is not None and place[0] in robots:
            note(f"{bag.path}: {wrong}")
    found = _with_states(bag, robots, note)
    if not found:
        said = f"; it has {', '.join(list(others)[:5])}" if others else " and is empty"
        raise BagError(f"{bag.path} has neither joint_states nor images of the robot contract{said}")
    return found


def _with_states(bag: Bag, robots: dict[str, _Robot], note: Note) -> dict[str, Track]:
    """Return the tracks that are used, by namespace, and report those that are left out."""
    found: dict[str, Track] = {}
    for namespace, robot in robots.items():
        tracks = [track for track in robot.tracks if track.states or track.images]
        for track in tracks:
            track.urdf = track.urdf or robot.tracks[0].urdf
            found[track.namespace] = track
        if len(tracks) > 1:
            note(
                f"{bag.path}: the clock of {namespace} was set back; the {len(tracks)} parts are read one by one, the later "
                f"ones as {', '.join(track.namespace for track in tracks[1:])}"
            )
    if any(track.states for track in found.values()):
        for track in [track for track in found.values() if not track.states]:
            del found[track.namespace]
            note(
                f"{bag.path}: images of {', '.join(track.images)} in {track.namespace} are left out: there are no "
                "joint_states beside them; record a robot's cameras in its namespace"
            )
    for track in found.values():
        for name, n in track.damaged.items():
            topic = topics.absolute(track.namespace, name)
            note(f"{bag.path}: {n:,} messages on {topic} cannot be read and are left out: {track.reasons[name]}")
    return found


def align(track: Track, note: Note, where: str, order: Sequence[str] = ()) -> None:
    """Give all joint_states the same joints in the same order. States that lack one of these joints are left out.

    The joints are the most that nearly all states have, `order` says how they are sorted: first as there, then as recorded.
    """
    found = track.states
    counts = Counter(state.names for state in found.values())
    if not counts or (len(counts) == 1 and (not order or tuple(order) in counts)):
        return
    having = {names: sum(n for other, n in counts.items() if set(names) <= set(other)) for names in counts}
    enough = min(max(having.values()), _NEARLY_ALL * len(found))
    kept = max((names for names in counts if having[names] >= enough), key=len)
    names = (*(name for name in order if name in kept), *(name for name in kept if name not in order))
    places: dict[tuple[str, ...], list[int] | None] = {
        had: [had.index(name) for name in names] if set(names) <= set(had) else None for had in counts
    }
    aligned: dict[int, Joints] = {}
    for stamp, state in found.items():
        at = places[state.names]
        if at is not None:
            velocity = state.velocity[at] if len(state.velocity) == len(state.names) else state.velocity
            aligned[stamp] = state._replace(names=names, position=state.position[at], velocity=velocity)
    if len(aligned) < len(found):
        note(
            f"{where}: {len(found) - len(aligned):,} of {len(found):,} joint_states of {track.namespace} lack some of "
            f"{', '.join(names[:6])}{', ...' if len(names) > 6 else ''} and are left out"
        )
    track.joints[topics.JOINT_STATES] = aligned


def hold(track: Track, note: Note, where: str) -> None:
    """Give each joint_states the newest target and world_state where these have stamps of their own, as in real time."""
    for name, messages in ((topics.TARGET_POSE, track.target), (topics.WORLD_STATE, track.joints[topics.WORLD_STATE])):
        if messages and len(track.states) > 1 and is_late(messages, track.states):
            note(
                f"{where}: {name} of {track.namespace} has other stamps than joint_states; each of these has the newest "
                f"{name} before it"
            )
            stamps = sorted(messages)
            there = {stamp: bisect_right(stamps, stamp) - 1 for stamp in track.states}
            held: dict[int, Any] = {stamp: messages[stamps[at]] for stamp, at in there.items() if at >= 0}
            messages.clear()
            messages.update(held)


def is_late(stamps: Collection[int], states: Collection[int]) -> bool:
    """Whether messages are slower than joint_states or have stamps of their own; in lockstep neither is so."""
    common = sum(stamp in states for stamp in stamps)
    if len(stamps) < 2 or len(states) < 2 or common < _NEARLY_ALL * len(stamps):
        return True
    gap, period = (float(np.median(np.diff(np.array(sorted(one), dtype=np.int64)))) for one in (stamps, states))
    return gap > _SLOWER * period


def _place(topic: str, names: Sequence[str]) -> tuple[str, str] | None:
    """Return namespace and name of a topic of the contract or of a recording; None for other topics."""
    for name in names:
        if topic.endswith(f"/{name}"):
            return topic[: -len(name) - 1] or "/", name
    parts = topic.removesuffix(f"/{layout.COMPRESSED}").split("/")
    if len(parts) >= 4 and parts[-3] == topics.CAMERA and parts[-1] == "image_raw":
        namespace = "/".join(parts[:-3])
        return namespace or "/", topic[len(namespace) + 1 :]
    return None


def _other_type(place: tuple[str, str], kind: str) -> str:
    """Return why a topic is not read: it has another type than the contract's; empty: it has that, or the bag does not say."""
    expected = layout.channel(*place)
    if not kind or kind.replace("/msg/", "/") == expected.kind.name.replace("/msg/", "/"):
        return ""
    return f"{expected.topic} is left out: it is of type {kind}, and that of the robot contract of {expected.kind.name}"


def _take(robot: _Robot, name: str, message: Recorded, images: ImageSink, more: Sequence[str]) -> None:
    """Put a message into the track that it belongs to."""
    track = robot.tracks[0]
    try:
        if name == topics.ROBOT_DESCRIPTION:
            track.urdf = track.urdf or decoded.text(message.data)
        elif name == layout.EPISODE_MARK:
            mark = layout.read_mark(decoded.text(message.data))
            track = robot.track_of(name, message.time, mark["stamp"])
            track.marks.append(mark)
        elif name == topics.EPISODE:
            record = json.loads(decoded.text(message.data))
            track = robot.track_of(name, message.time, int(record["stamp"]))
            track.drawn[int(record["stamp"])] = dict(record["drawn"])
        elif name == topics.JOINT_COMMAND and not stamp_of(message.data):
            track = robot.track_of(f"{name} without a stamp", message.time, message.time)
            track.unstamped[message.time] = decoded.joints(message.data)
        else:
            track = robot.track_of(name, message.time, stamp_of(message.data))
            _take_stamped(track, name, message.data, images, more)
    except (BagError, UnicodeDecodeError, ValueError, OverflowError, KeyError, TypeError) as error:
        track.damaged[name] += 1
        track.reasons.setdefault(name, " ".join(str(error).split())[:200] or type(error).__name__)


def _take_stamped(track: Track, name: str, data: bytes, images: ImageSink, more: Sequence[str]) -> None:
    """Put a message with a header into its track; a repeated one counts once."""
    if name in track.joints or name in more:
        found = decoded.joints(data)
        found = found._replace(names=track.known_names.setdefault(found.names, found.names))
        track.joints.setdefault(name, {}).setdefault(found.stamp, found)
    elif name == topics.TARGET_POSE:
        stamp, position = decoded.position(data)
        track.target.setdefault(stamp, position)
    elif name == topics.CONTACT:
        stamp, wrench = decoded.wrench(data)
        track.contact.setdefault(stamp, wrench)
    else:
        _, camera, *rest = name.split("/")
        stamp, compressed = stamp_of(data), rest[-1] == layout.COMPRESSED
        stamps = track.images.setdefault(camera, {})
        if stamp not in stamps or (stamps[stamp] and not compressed):  # an image as it is, in place of a compressed one
            images(track.namespace, camera, stamp, data, compressed)
            stamps[stamp] = compressed
