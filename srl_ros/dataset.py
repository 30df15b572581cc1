"""Transitions in memory and as one `.npz` file, straight from a simulator."""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_interface_ros.files.atomic_file import write_atomically
from robot_interface_ros.files.untrusted_arrays import read_npz
from robot_interface_ros.files.untrusted_files import FileError, NoFileError
from srl_ros.transitions import OPTIONAL, DatasetError, Transitions

__all__ = ["Dataset", "DatasetError"]
FORMAT = 2
LARGEST = 32 * 2**30  # bytes in memory: a million images of 100 x 100 pixels
_KEYS = ("format", "images", "ground_truth", "names")
_BLOCKS = 50  # episodes of a dataset whose episodes are not known: stretches of neighbouring images


@dataclass(frozen=True)
class Dataset:
    """A `TransitionSource` whose arrays are in memory.

    `images`: (n, height, width, 3) uint8 rgb of one camera, or (n, cameras, height, width, 3); kept in the second shape.
    `ground_truth`: (n, k) float64, one column per name in `names`. The rest are the parts of `Transitions`; None: not known.
    The arrays are read-only. Raises DatasetError for shapes or types that do not fit together, and for NaN.
    """

    images: NDArray[np.uint8]
    ground_truth: NDArray[np.float64]
    names: tuple[str, ...]
    cameras: tuple[str, ...] = ("external",)
    episode: NDArray[np.int64] | None = None
    next_images: NDArray[np.uint8] | None = None
    next_ground_truth: NDArray[np.float64] | None = None
    action: NDArray[Any] | None = None
    """(n, k) numbers of continuous actions, or (n,) integers of discrete ones."""
    discrete_actions: int = 0
    """Number of actions of a discrete action space; 0: continuous."""
    action_probabilities: NDArray[np.float32] | None = None
    reward: NDArray[np.float32] | None = None
    terminated: NDArray[np.bool_] | None = None
    hand: NDArray[np.float64] | None = None
    next_hand: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        names, cameras = tuple(map(str, self.names)), tuple(map(str, self.cameras))
        images = _images(self.images, "images")
        if images.shape[1] != len(cameras):
            raise DatasetError(f"images are of {images.shape[1]} cameras, and names of {len(cameras)} are given")
        if len(set(names)) != len(names):
            raise DatasetError(f"ground truth names are not unique: {', '.join(names)}")
        n = len(images)
        arrays: dict[str, NDArray[Any] | None] = {
            "images": images,
            "ground_truth": _truth(self.ground_truth, n, names, "ground truth"),
            "episode": _column(np.arange(n) * _BLOCKS // max(n, 1) if self.episode is None else self.episode, n, "i8"),
        }
        if self.next_images is not None:
            arrays["next_images"] = _images(self.next_images, "next_images")
            if arrays["next_images"].shape != images.shape:  # type: ignore[union-attr]
                raise DatasetError(f"next_images have shape {np.shape(self.next_images)}; expected that of images")
        if self.next_ground_truth is not None:
            arrays["next_ground_truth"] = _truth(self.next_ground_truth, n, names, "next ground truth")
        if self.action is not None:
            arrays["action"] = _column(self.action, n, "i8" if self.discrete_actions else "f4", "action")
        optional = {"action_probabilities": "f4", "reward": "f4", "terminated": "?", "hand": "f8", "next_hand": "f8"}
        for name, kind in optional.items():
            if getattr(self, name) is not None:
                arrays[name] = _column(getattr(self, name), n, kind, name)
        for name, array in arrays.items():
            assert array is not None
            array.flags.writeable = False
            object.__setattr__(self, name, array)
        object.__setattr__(self, "names", names)
        object.__setattr__(self, "cameras", cameras)

    def __len__(self) -> int:
        return len(self.images)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """See TransitionSource."""
        height, width = self.images.shape[2:4]
        return height, width, 3

    @property
    def truth_names(self) -> tuple[str, ...]:
        """See TransitionSource."""
        return self.names

    @property
    def has(self) -> frozenset[str]:
        """See TransitionSource."""
        there = {name for name in OPTIONAL if getattr(self, name) is not None}
        return frozenset(there if self.names else there - {"ground_truth", "next_ground_truth"})

    @property
    def episodes(self) -> NDArray[np.int64]:
        """See TransitionSource."""
        assert self.episode is not None
        return self.episode

    def gather(self, indices: NDArray[np.int64]) -> Transitions:
        """See TransitionSource."""
        parts = {name: getattr(self, name)[indices] for name in self.has}
        return Transitions(self.images[indices], self.episodes[indices], **parts)

    def digest(self) -> str:
        """See TransitionSource."""
        digest = hashlib.sha256(repr((self.names, self.cameras, self.discrete_actions)).encode())
        for name, array in sorted(self._arrays().items()):
            digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
            digest.update(array.data)
        return digest.hexdigest()

    def columns(self, names: tuple[str, ...]) -> NDArray[np.float64]:
        """Ground truth `(n, len(names))`; an unknown name is a DatasetError that lists the known ones."""
        return self.ground_truth[:, columns(self.names, names)]

    def save(self, path: str | Path) -> None:
        """Write one compressed `.npz`; a kill leaves the old file or the new one."""
        values: dict[str, Any] = {
            "format": np.array(FORMAT),
            "names": np.array(self.names, dtype=np.str_),
            "cameras": np.array(self.cameras, dtype=np.str_),
            "discrete_actions": np.array(self.discrete_actions),
            **self._arrays(),
        }
        write_atomically(Path(path), lambda file: np.savez_compressed(file, **values))

    @classmethod
    def load(cls, path: str | Path) -> Dataset:
        """Read a file of `save`; raises DatasetError for a file that is missing, incomplete, foreign or newer."""
        path = Path(path)
        try:
            values = read_npz(path, LARGEST)
        except NoFileError:
            raise DatasetError(f"no dataset at {path}; record one first") from None
        except FileError as error:
            raise DatasetError(f"{error}; record the dataset again") from None
        if not values.keys() >= set(_KEYS) or values["format"].shape or values["format"].dtype.kind not in "iu":
            raise DatasetError(f"{path} is not a dataset of this project: it lacks some of {', '.join(_KEYS)}")
        if values["format"] > FORMAT:
            raise DatasetError(
                f"{path} has dataset format {values['format']} and this version reads up to {FORMAT}; update, or record again"
            )
        known = {field.name for field in dataclasses.fields(cls)}
        parts: dict[str, Any] = {name: value for name, value in values.items() if name in known}
        for name in ("names", "cameras"):
            if name in parts:
                parts[name] = tuple(map(str, np.atleast_1d(parts[name]).tolist()))
        if "discrete_actions" in parts:
            parts["discrete_actions"] = int(np.asarray(parts["discrete_actions"], dtype=np.int64).reshape(-1)[0])
        return cls(**parts)

    def _arrays(self) -> dict[str, NDArray[Any]]:
        found = ((field.name, getattr(self, field.name)) for field in dataclasses.fields(self))
        return {name: value for name, value in found if isinstance(value, np.ndarray)}


def columns(known: tuple[str, ...], names: tuple[str, ...]) -> list[int]:
    """Return where `names` stand in `known`; an unknown name is a DatasetError that lists the known ones."""
    unknown = [name for name in names if name not in known]
    if unknown:
        raise DatasetError(f"no ground truth '{unknown[0]}' in this dataset; known: {', '.join(known) or 'none'}")
    return [known.index(name) for name in names]


def _images(values: Any, name: str) -> NDArray[np.uint8]:
    """A view `(n, cameras, height, width, 3)` that may be made read-only."""
    images = np.asarray(values)
    if images.ndim not in (4, 5) or images.shape[-1] != 3 or images.dtype != np.uint8:
        raise DatasetError(
            f"{name} are {images.dtype} of shape {images.shape}; expected uint8 of shape (n, height, width, 3), or "
            "(n, cameras, height, width, 3)"
        )
    images = np.ascontiguousarray(images)
    return images[:, None].view() if images.ndim == 4 else images.view()


def _truth(values: Any, n: int, names: tuple[str, ...], what: str) -> NDArray[np.float64]:
    truth = np.asarray(values)
    if not np.issubdtype(truth.dtype, np.floating) and not np.issubdtype(truth.dtype, np.integer):
        raise DatasetError(f"{what} is of type {truth.dtype}; expected numbers")
    if truth.shape != (n, len(names)):
        raise DatasetError(
            f"{what} has shape {truth.shape}; expected {(n, len(names))}: one row for each of {n} images, one column for "
            f"each of {', '.join(names) or 'no names'}"
        )
    truth = truth.astype(np.float64)
    bad = np.argwhere(~np.isfinite(truth))
    if len(bad):
        row, column = bad[0]
        raise DatasetError(
            f"{what} {names[column]} of image {row} is {truth[row, column]}, and {len(bad)} values in all are "
            "not finite; leave such images out"
        )
    return truth


def _column(values: Any, n: int, kind: str, name: str = "episode") -> NDArray[Any]:
    array = np.asarray(values)
    if array.dtype.kind not in "biuf" or array.ndim not in (1, 2) or len(array) != n:
        raise DatasetError(
            f"{name} is {array.dtype} of shape {array.shape}; expected numbers, one row for each of {n} images"
        )
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise DatasetError(f"{name} has values that are not finite; leave such images out")
    return np.array(array, dtype=kind)
