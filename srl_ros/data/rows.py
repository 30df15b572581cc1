"""The frames and steps of all episodes of a bag, as lists that become arrays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_interface_ros.bags import decoded, episodes, layout
from robot_interface_ros.bags.decoded import Joints
from robot_interface_ros.bags.episodes import Episode, Judge, NotJudgedError
from robot_interface_ros.bags.tracks import Track
from robot_interface_ros.errors import ConfigError, RobotError
from robot_interface_ros.urdf.robot_model import RobotModel
from srl_ros.data.image_files import Finder

Note = Callable[[str], None]
_FRAMES = ("position", "target", "hand")
_STEPS = ("action", "wanted", "reward", "terminated", "success")
OF_STEPS = ("before", "after", "episode", *_STEPS)
"""Arrays with a row for each step; the others have one for each frame."""
_MAY_LACK = ("wanted", "success")
"""Columns that some policies and tasks do not have: a step without them is as good as others."""
_SHOWN = {"wanted": "action_probabilities"}
_MOST_LACKING = 0.5
"""If more than this share of the steps lack a part, the part is left out; else these steps are."""


class Rows:
    """Collects frames and steps."""

    def __init__(self, commanded: tuple[str, ...]):
        """`commanded`: joints whose commanded positions are the actions of plain recordings."""
        self.episodes: list[dict[str, Any]] = []
        self.discrete_actions = 0
        self.action_labels: list[str] = list(commanded)
        self._commanded, self._marked = commanded, False
        self._frames: dict[str, list[Any]] = {name: [] for name in ("stamp", *_FRAMES)}
        self._images: list[dict[str, int]] = []
        self._steps: dict[str, list[Any]] = {name: [] for name in ("before", "after", "episode", *_STEPS)}
        self._not_judged: Counter[str] = Counter()

    def add(self, track: Track, episode: Episode, finders: dict[str, Finder], judge: Judge | None) -> None:
        """Add one episode. `finders`: of the image of each camera."""
        number, base = len(self.episodes), len(self._frames["stamp"])
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
            try:
                judged = judge(episodes.moments(track, episode))
            except NotJudgedError as error:
                self._not_judged[str(error)] += 1
        self._add_steps(track, episode, number, base, judged)
        start = {key: episode.start.get(key) for key in ("seed", "target", "policy", "robot", "gaze", "settings")}
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

    def tell_what_is_not_judged(self, note: Note, where: str) -> None:
        """Note why episodes of plain recordings have no rewards."""
        for reason, n in self._not_judged.items():
            note(f"{where}: the task gives no rewards to {n:,} of {len(self.episodes):,} episodes: {reason}")

    def arrays(self, cameras: Sequence[str], note: Note, where: str) -> dict[str, NDArray[Any]]:
        """Return everything as arrays. A part that most steps lack is left out; steps that lack another part are left out.

        `image_<camera>` has -1 for frames without an image: which cameras are used is not known here.
        """
        steps, frames, n = self._steps, self._frames, len(self._steps["episode"])
        before, after = (np.array(steps[name], dtype=np.int64) for name in ("before", "after"))
        kept = np.ones(n, dtype=bool)
        arrays: dict[str, NDArray[Any]] = {"stamp": np.array(frames["stamp"], dtype=np.int64)}
        for camera in cameras:
            arrays[f"image_{camera}"] = np.array([found[camera] for found in self._images], dtype=np.int64)
        for name in (*_FRAMES, *_STEPS):
            recorded = frames[name] if name in _FRAMES else steps[name]
            there = np.array([value is not None for value in recorded], dtype=bool)
            lacks = ~(there[before] & there[after]) if name in _FRAMES else ~there
            if not n or lacks.all():
                continue
            values = _stacked(recorded)
            if values is None or lacks.mean() > (0.0 if name in _MAY_LACK else _MOST_LACKING):
                why = "has several sizes" if values is None else f"is there for {n - lacks.sum():,} of {n:,} steps only"
                note(f"{where}: {_SHOWN.get(name, name)} {why}; it is left out")
                continue
            if lacks.any():
                note(f"{where}: {lacks.sum():,} of {n:,} steps lack {name} and are left out")
            odd = self._odd(name, values)
            odd = (odd[before] | odd[after] if name in _FRAMES else odd) & ~lacks
            if odd.any():
                discrete = (
                    f" or none of the {self.discrete_actions:,}" if name == "action" and self.discrete_actions else ""
                )
                note(
                    f"{where}: {odd.sum():,} steps whose {_SHOWN.get(name, name)} is not finite{discrete} are left out"
                )
            kept &= ~(lacks | odd)
            arrays[name] = values
        for name in _STEPS:
            if name in arrays:
                arrays[name] = arrays[name][kept]
        arrays |= {"before": before[kept], "after": after[kept]}
        arrays["episode"] = np.array(steps["episode"], dtype=np.int64)[kept]
        return arrays

    def _add_steps(self, track: Track, episode: Episode, number: int, base: int, judged: Any) -> None:
        wanted, rewards = track.joints[layout.ACTION_PROBABILITIES], track.joints[layout.REWARD]
        actions = self._actions(track, episode)
        for i, (before, after) in enumerate(episode.steps):
            first, last = episode.frames[before], episode.frames[after]
            said = decoded.values_by_name(rewards[last]) if last in rewards else {}
            if judged is not None:
                said = {"reward": float(judged[0][i]), "terminated": bool(judged[1][i])}
            self._steps["before"].append(base + before)
            self._steps["after"].append(base + after)
            self._steps["episode"].append(number)
            self._steps["action"].append(actions[i])
            self._steps["wanted"].append(_wanted(wanted.get(first), self.discrete_actions))
            self._steps["reward"].append(said.get("reward"))
            self._steps["terminated"].append(said.get("terminated"))
            self._steps["success"].append(said.get("is_success"))

    def _actions(self, track: Track, episode: Episode) -> list[NDArray[np.float64] | None]:
        """The action of each step. In a bag all have the same numbers, in the same order; None: it has others, or none."""
        if not episode.start:
            known = self._commanded and list(self._commanded) == self.action_labels
            return episodes.commanded(track, episode, self._commanded) if known else [None] * len(episode.steps)
        discrete = int(episode.start.get("discrete_actions") or 0)
        recorded = [track.joints[layout.ACTION].get(episode.frames[before]) for before, _ in episode.steps]
        first = next((action for action in recorded if action is not None), None)
        if first is not None and not self._marked:
            self.action_labels, self.discrete_actions, self._marked = list(first.names), discrete, True
        if discrete != self.discrete_actions:
            return [None] * len(recorded)
        return [_ordered(action, self.action_labels) for action in recorded]

    def _odd(self, name: str, values: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which values cannot be used: those that are not finite, and discrete actions that do not exist."""
        odd = ~np.isfinite(values.reshape(len(values), -1)).all(axis=1)
        if name == "action" and self.discrete_actions:
            chosen = values.reshape(len(values), -1)[:, 0]
            odd |= (chosen != np.floor(chosen)) | (chosen < 0) | (chosen >= self.discrete_actions)
        return np.asarray(odd)


def _ordered(message: Joints | None, names: Sequence[str]) -> NDArray[np.float64] | None:
    """Return the numbers of these names in their order; None if there are other names."""
    if message is None or list(message.names) == list(names):
        return None if message is None else message.position
    if sorted(message.names) != sorted(names):
        return None
    return message.position[[message.names.index(name) for name in names]]


def _wanted(message: Any, discrete: int) -> NDArray[np.float64] | None:
    """The probabilities of discrete actions, or the means of continuous ones."""
    if message is None:
        return None
    values: NDArray[np.float64] = message.position
    return values if discrete else values[: len(values) // 2]


def _stacked(values: list[Any]) -> NDArray[np.float64] | None:
    """Return values of one shape as one array, NaN where one is None. None: there are several shapes, or no value."""
    shapes = {np.shape(value) for value in values if value is not None}
    if len(shapes) != 1:
        return None
    nothing = np.full(shapes.pop(), np.nan)
    return np.array([nothing if value is None else value for value in values], dtype=np.float64)


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
