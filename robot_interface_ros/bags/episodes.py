"""The messages of a bag -> frames, steps and episodes of each robot. Images are not decoded here.

A frame is one observation: every stream's message with one stamp. A step goes from the frame that an action answers to the
frame that it led to. In a recording of this project marks, actions and rewards say so; in a plain recording of the
contract's topics each frame that a `joint_command` answers begins a step to the next frame, and a gap in the stamps is the
end of an episode. A command answers the newest frame that is not younger than it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from robot_interface_ros import topics
from robot_interface_ros.bags import decoded, layout
from robot_interface_ros.bags.decoded import Joints
from robot_interface_ros.bags.tracks import Note, Track
from robot_interface_ros.robot import Array

_NEW_EPISODE_PERIODS = 1.5
"""A gap of more periods than this ends an episode of a plain recording; a reset in lockstep takes two."""


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


def episodes_of(track: Track, note: Note, where: str) -> list[Episode]:
    """Return the episodes of a robot in order of time. `where`: the bag's name in notes."""
    if track.marks:
        return _marked(track, note, where)
    return _unmarked(track, note, where)


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
    commands = sorted(_commands(track))
    episodes = []
    for first, last in zip(cuts, cuts[1:]):
        frames = tuple(stamps[first:last])
        firsts = [bisect_left(commands, frame) for frame in frames]
        steps = [(i, i + 1) for i in range(len(frames) - 1) if firsts[i] < firsts[i + 1] or not commands]
        if steps:
            episodes.append(Episode(track.namespace, frames, tuple(steps), {}, {}))
    rate = 1e9 / period if period else 0.0
    note(
        f"{where}: no episode marks for {track.namespace}; gaps in its {rate:g} Hz of stamps part {len(episodes)} episodes, "
        f"actions are {'the commanded joint positions' if commands else 'left out'}"
    )
    return episodes


def _commands(track: Track) -> dict[int, Joints]:
    """Return the commands of a plain recording by stamp; those without a stamp by the time of recording, if all are so."""
    return track.joints[topics.JOINT_COMMAND] or track.unstamped


def commanded_joints(tracks: Iterable[Track]) -> tuple[str, ...]:
    """Return the joints that the commands of plain recordings move, those that the robots have, as they come."""
    names: dict[str, None] = {}
    for track in tracks:
        known = set(next(iter(track.states.values())).names) if track.states else None
        for command in _commands(track).values():
            names |= dict.fromkeys(name for name in command.names if known is None or name in known)
    return tuple(names)


def commanded(track: Track, episode: Episode, names: tuple[str, ...]) -> list[Array | None]:
    """Return the joint positions (rad) that are commanded at each step of a plain recording, `(len(names),)` each.

    A command names any of the joints, and the others keep theirs; before its first command a joint has its measured position.
    None: a joint's position is not known.
    """
    commands = _commands(track)
    stamps, frames = sorted(commands), episode.frames
    first = track.states.get(frames[0])
    held = {} if first is None else decoded.values_by_name(first)
    at, found = bisect_left(stamps, frames[0]), list[Array | None]()
    for _, after in episode.steps:
        wanted = dict(held)
        while at < len(stamps) and stamps[at] < frames[after]:
            given = decoded.values_by_name(commands[stamps[at]])
            wanted = held | given
            if np.isfinite(list(given.values())).all():  # the robot refuses others as a whole
                held = wanted
            at += 1
        found.append(np.array([wanted[name] for name in names]) if all(name in wanted for name in names) else None)
    return found


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


Judge = Callable[[Moments], "tuple[Array, Array]"]
"""Rewards and whether the task ended, each `(steps,)`. Raises NotJudgedError if the episode lacks data that the task needs."""


class NotJudgedError(ValueError):
    """An episode has no rewards; the message names the missing part."""


def moments(track: Track, episode: Episode) -> Moments:
    """Return an episode as arrays. Raises NotJudgedError if a frame lacks joint states or the target."""
    states, target = track.states, track.target
    for name, there in ((topics.JOINT_STATES, states), (topics.TARGET_POSE, target)):
        if any(stamp not in there for stamp in episode.frames):
            raise NotJudgedError(f"{name} is missing" + (" at some of their frames" if there else ""))
    first = states[episode.frames[0]]
    if any(states[stamp].names != first.names for stamp in episode.frames):
        raise NotJudgedError("joint_states name other joints from one frame to the next")
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
