"""One decoded bag of a dataset, read from its cache."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_interface_ros.bags.bag_reader import Bag
from robot_interface_ros.files.untrusted_arrays import read_npz
from robot_interface_ros.files.untrusted_files import FileError
from srl_ros.data.decoding import ABOUT, ARRAYS
from srl_ros.data.image_files import image_file
from srl_ros.data.rows import OF_STEPS
from srl_ros.transitions import DatasetError

_LARGEST = 2**34


@dataclass(frozen=True)
class BagPart:
    """One bag, decoded."""

    bag: Bag
    about: dict[str, Any]
    arrays: dict[str, NDArray[Any]]
    images: dict[str, NDArray[np.uint8]]
    """Camera -> (n, height, width, 3), mapped into memory."""

    def __len__(self) -> int:
        return len(self.arrays["episode"])

    @property
    def step_ns(self) -> float:
        """Duration of a step, ns: an action may last several control periods."""
        stamps = self.arrays["stamp"]
        return float(np.median(stamps[self.arrays["after"]] - stamps[self.arrays["before"]]))

    def seen_by(self, cameras: tuple[str, ...], note: Callable[[str], None]) -> BagPart:
        """Return the bag with those steps alone that have an image of each camera, before and after. Raises DatasetError."""
        before, after = self.arrays["before"], self.arrays["after"]
        kept = np.ones(len(before), dtype=bool)
        for camera in cameras:
            rows = self.arrays[f"image_{camera}"]
            lacks = (rows[before] < 0) | (rows[after] < 0)
            if lacks.any():
                note(
                    f"{self.bag.path}: {lacks.sum():,} of {len(kept):,} steps lack an image of {camera} and are left out"
                )
                kept &= ~lacks
        if not kept.any():
            raise DatasetError(
                f"{self.bag.path} has no whole step with images of {', '.join(cameras)} and states of one stamp; name other "
                "cameras, or record again"
            )
        arrays = {name: values[kept] if name in OF_STEPS else values for name, values in self.arrays.items()}
        return self if kept.all() else replace(self, arrays=arrays)

    def ordered(self, like: BagPart) -> BagPart:
        """Return the bag with joints and actions in the order of another, which has the same ones."""
        arrays, about = dict(self.arrays), dict(self.about)
        for name, names in (("position", "joint_names"), ("action", "action_labels"), ("wanted", "action_labels")):
            here, there = self.about[names], like.about[names]
            if name in arrays and here != there and arrays[name].shape[1:] == (len(here),):
                arrays[name] = arrays[name][:, [here.index(one) for one in there]]
                about[names] = there
        return replace(self, arrays=arrays, about=about)


def read_part(bag: Bag, folder: Path) -> BagPart:
    """Read the cache of a bag. Raises DatasetError."""
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        arrays = read_npz(folder / ARRAYS, _LARGEST)
        if (
            lacking := {"stamp", "before", "after", "episode", *(f"image_{one}" for one in about["images"])}
            - arrays.keys()
        ):
            raise ValueError(f"it has no {min(lacking)}")
        images: dict[str, NDArray[np.uint8]] = {
            camera: np.memmap(folder / image_file(camera), np.uint8, "r", shape=tuple(shape))
            for camera, shape in about["images"].items()
        }
    except (OSError, ValueError, KeyError, FileError) as error:
        raise DatasetError(f"{folder} cannot be read ({error}); delete it, and it is made again") from None
    return BagPart(bag, about, dict(arrays), images)
