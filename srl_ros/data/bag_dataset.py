"""Bags as one dataset: the transitions of one or many recordings, which stay as they are."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_interface_ros.bags.bag_reader import find_bags
from robot_interface_ros.bags.episodes import Judge
from srl_ros.data.bag_part import BagPart, read_part
from srl_ros.data.cache import decoded_folder
from srl_ros.data.decoding import HAND, TARGET
from srl_ros.transitions import DatasetError, Transitions

Note = Callable[[str], None]
_BINS = 10
_FEW = 20
_ALIKE = 1.05
"""Ratio of durations of steps up to which bags are alike: real time has some jitter."""


class BagDataset:
    """A `TransitionSource` out of bags. Naming several merges them: nothing is copied, no type is changed.

    Batches hold only parts that every bag has; `notes` lists missing parts and omitted steps.
    """

    def __init__(
        self,
        paths: Sequence[str | Path],
        cameras: Iterable[str] = (),
        judge: Judge | None = None,
        judged_by: str = "",
        note: Note | None = None,
    ):
        """`paths`: bags, or folders of bags. `cameras`: in this order; none: all that every bag has.

        `judge`: gives rewards to plain recordings; `judged_by` names it. `note` gets each note as it comes.
        Raises BagError and DatasetError, one line, for bags that cannot be read or do not go together.
        """
        self.notes: list[str] = []
        self._told_to = note or (lambda line: None)
        bags = [bag for path in paths for bag in find_bags(Path(path), self.tell)]
        if not bags:
            raise DatasetError("no bag is named; give the path of one or more")
        self.parts = self._different([read_part(bag, decoded_folder(bag, judge, judged_by, self.tell)) for bag in bags])
        self._cameras = self._choose(tuple(cameras))
        self._check_alike()
        self.parts = [part.seen_by(self._cameras, self.tell).ordered(self.parts[0]) for part in self.parts]
        lengths = [len(part) for part in self.parts]
        self._ends = np.cumsum(lengths)
        firsts = np.cumsum([0, *(len(part.about["episodes"]) for part in self.parts)])
        self._episodes = np.concatenate([part.arrays["episode"] + first for part, first in zip(self.parts, firsts)])
        self._has, self._truth = self._parts_of_all()

    @property
    def cameras(self) -> tuple[str, ...]:
        """See TransitionSource."""
        return self._cameras

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """See TransitionSource."""
        if not self._cameras:
            return (0, 0, 3)
        height, width = self.parts[0].images[self._cameras[0]].shape[1:3]
        return int(height), int(width), 3

    @property
    def truth_names(self) -> tuple[str, ...]:
        """See TransitionSource."""
        return tuple(name for names in self._truth.values() for name in names)

    @property
    def discrete_actions(self) -> int:
        """See TransitionSource."""
        return int(self.parts[0].about["discrete_actions"]) if "action" in self._has else 0

    @property
    def has(self) -> frozenset[str]:
        """See TransitionSource."""
        return self._has

    @property
    def episodes(self) -> NDArray[np.int64]:
        """See TransitionSource."""
        return self._episodes

    def __len__(self) -> int:
        return int(self._ends[-1])

    def gather(self, indices: NDArray[np.int64]) -> Transitions:
        """See TransitionSource."""
        rows = np.arange(len(self))[indices] if isinstance(indices, slice) else np.asarray(indices, dtype=np.int64)
        if len(self.parts) == 1:
            return self._of_part(self.parts[0], rows, self._episodes[rows])
        owner = np.searchsorted(self._ends, rows, side="right")
        pieces, order = [], []
        for k in np.unique(owner):
            places = np.flatnonzero(owner == k)
            first = self._ends[k - 1] if k else 0
            pieces.append(self._of_part(self.parts[k], rows[places] - first, self._episodes[rows[places]]))
            order.append(places)
        return _merged(pieces, np.argsort(np.concatenate(order)))

    def column(self, name: str) -> NDArray[Any] | None:
        """Return a recorded array of all transitions (reward, terminated, success, action); None where a bag lacks it."""
        columns = [part.arrays.get(name) for part in self.parts]
        return None if any(column is None for column in columns) else np.concatenate(columns)  # type: ignore[arg-type]

    def ground_truth(self) -> NDArray[np.float64] | None:
        """Return the ground truth before every transition, (len, k); None where there is none."""
        if not self._truth:
            return None
        parts = [
            np.concatenate([part.arrays[name][part.arrays["before"]] for name in self._truth], axis=1)
            for part in self.parts
        ]
        return np.concatenate(parts)

    def balanced(
        self, n: int, generator: np.random.Generator, rows: NDArray[np.int64] | None = None
    ) -> NDArray[np.int64]:
        """Return rows, `(n,)`, in which every class of reward is equally frequent; sampled with replacement.

        Classes are the values where there are few, else intervals of equal width. `rows`: of which to choose, None: all.
        Raises DatasetError without rewards.
        """
        reward = self.column("reward")
        if reward is None:
            raise DatasetError("there is no reward to balance by; record with rl_trainer record, or name the task")
        rows = np.arange(len(self)) if rows is None else np.asarray(rows)
        classes = reward_classes(reward[rows])
        members = [rows[classes == k] for k in np.unique(classes)]
        drawn = generator.integers(len(members), size=n)
        return np.array([members[k][generator.integers(len(members[k]))] for k in drawn], dtype=np.int64)

    @property
    def robots(self) -> tuple[str, ...]:
        """Names of the robots in the images; empty: the bags do not say."""
        said = {str(start["robot"]) for start in self._starts() if start.get("robot")}
        return tuple(sorted(said))

    @property
    def gazes(self) -> tuple[str, ...]:
        """Where the eyes looked, `none` where they stood still; empty: the bags do not say."""
        said = {
            str(start.get("gaze") or start["settings"].get("gaze") or "none")
            for start in self._starts()
            if start.get("settings") is not None
        }
        return tuple(sorted(said))

    @property
    def policies(self) -> tuple[str, ...]:
        """Names of the policies that were recorded; empty: the bags do not say."""
        said = {str(start["policy"]) for start in self._starts() if start.get("policy")}
        return tuple(sorted(said))

    def _starts(self) -> Iterator[dict[str, Any]]:
        """What the marks say of the start of each episode."""
        return (episode["start"] for part in self.parts for episode in part.about["episodes"])

    def digest(self) -> str:
        """See TransitionSource."""
        total = hashlib.sha256()
        for part in self.parts:
            digests = part.about["digests"]
            names = ["arrays", *(f"images_{camera}" for camera in self._cameras)]
            total.update(json.dumps([[name, digests[name]] for name in names]).encode())
        return total.hexdigest()

    def tell(self, line: str) -> None:
        """Add a note, once."""
        if line not in self.notes:
            self.notes.append(line)
            self._told_to(line)

    def _different(self, parts: list[BagPart]) -> list[BagPart]:
        """Return the parts without copies of others: what was trained on is no unseen image."""
        found: list[BagPart] = []
        for part in parts:
            same = [other.bag.path for other in found if other.about["digests"] == part.about["digests"]]
            if same:
                self.tell(f"{part.bag.path} has the same content as {same[0]} and is left out")
            else:
                found.append(part)
        return found

    def _choose(self, wanted: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(wanted)) < len(wanted):
            raise DatasetError(f"cameras are {', '.join(wanted)}; name each once")
        there = [set(part.images) for part in self.parts]
        common = set.intersection(*there)
        for camera in wanted:
            if camera not in common:
                lacking = next(part.bag.path for part in self.parts if camera not in part.images)
                known = ", ".join(sorted(common)) or "none"
                raise DatasetError(f"{lacking} has no images of {camera}; cameras of all bags: {known}")
        if not wanted and len(set().union(*there)) > len(common):
            left = ", ".join(sorted(set().union(*there) - common))
            self.tell(f"cameras that some of the bags lack are left out: {left}")
        return wanted or tuple(sorted(common))

    def _check_alike(self) -> None:
        """Raise DatasetError, one line, for bags that do not go together."""
        first = self.parts[0]
        sizes: dict[tuple[int, ...], str] = {}
        for part in self.parts:
            for camera in self._cameras:
                height, width = part.images[camera].shape[1:3]
                sizes.setdefault((width, height), f"{camera} of {part.bag.path}")
        if len(sizes) > 1:
            (a, of_a), (b, of_b) = list(sizes.items())[:2]
            raise DatasetError(
                f"images differ in size: {of_a} has {a[0]}x{a[1]}, {of_b} {b[0]}x{b[1]}; name cameras, or bags, alike"
            )
        shortest, longest = (best(self.parts, key=lambda part: part.step_ns) for best in (min, max))
        if longest.step_ns > _ALIKE * shortest.step_ns:
            self.tell(
                f"steps last {longest.step_ns * 1e-9:.3g} s in {longest.bag.path} and {shortest.step_ns * 1e-9:.3g} s in "
                f"{shortest.bag.path}; losses that learn from steps mix them"
            )
        for part in self.parts[1:]:
            for what, name in (("joints", "joint_names"), ("number of discrete actions", "discrete_actions")):
                here, there = part.about[name], first.about[name]
                if here != there and not (isinstance(here, list) and sorted(here) == sorted(there)):
                    raise DatasetError(
                        f"{part.bag.path} is of another robot or action than {first.bag.path}: its {what} differ"
                    )
            ours, theirs = first.arrays.get("action"), part.arrays.get("action")
            if ours is not None and theirs is not None and ours.shape[1:] != theirs.shape[1:]:
                raise DatasetError(
                    f"{part.bag.path} has actions of {theirs.shape[1]} numbers and {first.bag.path} of {ours.shape[1]}; "
                    "name bags alike"
                )
            labels = [one.about["action_labels"] for one in (part, first)]
            if ours is not None and theirs is not None and sorted(labels[0]) != sorted(labels[1]):
                raise DatasetError(
                    f"{part.bag.path} has actions {', '.join(labels[0][:6])} and {first.bag.path} {', '.join(labels[1][:6])}; "
                    "name bags alike"
                )

    def _parts_of_all(self) -> tuple[frozenset[str], dict[str, tuple[str, ...]]]:
        """The parts of a batch, and the arrays of the ground truth with the names of their columns."""
        truth: dict[str, tuple[str, ...]] = {
            name: names
            for name, names in (("target", TARGET), ("hand", HAND))
            if all(name in part.arrays for part in self.parts)
        }
        has = {"next_images"} if self._cameras else set()
        for ours, theirs in (
            ("action", "action"),
            ("wanted", "action_probabilities"),
            ("reward", "reward"),
            ("terminated", "terminated"),
        ):
            there = [ours in part.arrays for part in self.parts]
            if all(there):
                has.add(theirs)
            elif any(there):
                lacking = next(part.bag.path for part in self.parts if ours not in part.arrays)
                self.tell(f"{theirs} is left out: {lacking} has none")
        if "hand" in truth:
            has |= {"hand", "next_hand"}
        return frozenset(has | ({"ground_truth", "next_ground_truth"} if truth else set())), truth

    def _of_part(self, part: BagPart, rows: NDArray[np.int64], episode: NDArray[np.int64]) -> Transitions:
        arrays, has = part.arrays, self._has
        before, after = arrays["before"][rows], arrays["after"][rows]
        action = arrays["action"][rows] if "action" in has else None
        if action is not None:
            action = action[:, 0].astype(np.int64) if self.discrete_actions else action.astype(np.float32)
        truth = [arrays[name] for name in self._truth]
        hand = arrays["hand"] if "hand" in has else None
        return Transitions(
            images=self._images(part, before),
            episode=episode,
            next_images=self._images(part, after) if "next_images" in has else None,
            action=action,
            action_probabilities=arrays["wanted"][rows].astype(np.float32) if "action_probabilities" in has else None,
            reward=arrays["reward"][rows].astype(np.float32) if "reward" in has else None,
            terminated=arrays["terminated"][rows] > 0.5 if "terminated" in has else None,
            hand=hand[before] if hand is not None else None,
            next_hand=hand[after] if hand is not None else None,
            ground_truth=np.concatenate([values[before] for values in truth], axis=1) if truth else None,
            next_ground_truth=np.concatenate([values[after] for values in truth], axis=1) if truth else None,
        )

    def _images(self, part: BagPart, frames: NDArray[np.int64]) -> NDArray[np.uint8]:
        height, width, _ = self.image_shape
        images = np.empty((len(frames), len(self._cameras), height, width, 3), dtype=np.uint8)
        for c, camera in enumerate(self._cameras):
            images[:, c] = part.images[camera][part.arrays[f"image_{camera}"][frames]]
        return images


def reward_classes(reward: NDArray[np.floating]) -> NDArray[np.int64]:
    """Return the class of each reward, `(n,)`: its value where there are at most 20, else one of ten equal intervals."""
    values, classes = np.unique(np.round(reward, 9), return_inverse=True)
    if len(values) <= _FEW:
        return classes.astype(np.int64)
    edges = np.linspace(reward.min(), reward.max(), _BINS + 1)[1:-1]
    return np.asarray(np.digitize(reward, edges), dtype=np.int64)


def _merged(pieces: list[Transitions], order: NDArray[np.int64]) -> Transitions:
    names = [name for name in Transitions.__dataclass_fields__ if getattr(pieces[0], name) is not None]
    return Transitions(**{name: np.concatenate([getattr(piece, name) for piece in pieces])[order] for name in names})
