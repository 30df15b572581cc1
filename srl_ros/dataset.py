"""Images with what was true when they were taken, in memory and as one `.npz` file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from robot_interface_ros.files.atomic_file import write_atomically
from robot_interface_ros.files.untrusted_arrays import read_npz
from robot_interface_ros.files.untrusted_files import FileError, NoFileError
from srl_ros.transitions import DatasetError

__all__ = ["Dataset", "DatasetError"]

FORMAT = 1
LARGEST = 32 * 2**30  # bytes in memory: a million images of 100 x 100 pixels
_KEYS = ("format", "images", "ground_truth", "names")


@dataclass(frozen=True)
class Dataset:
    """`images` (n, height, width, 3) uint8 rgb; `ground_truth` (n, k) float64, one column per name in `names`.

    The arrays are read-only. Raises DatasetError for shapes or types that do not fit together, and for NaN.
    """

    images: NDArray[np.uint8]
    ground_truth: NDArray[np.float64]
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        images, truth, names = np.asarray(self.images), np.asarray(self.ground_truth), tuple(map(str, self.names))
        if images.ndim != 4 or images.shape[-1] != 3 or images.dtype != np.uint8:
            raise DatasetError(
                f"images are {images.dtype} of shape {images.shape}; expected uint8 of shape (n, height, width, 3)"
            )
        if not np.issubdtype(truth.dtype, np.floating) and not np.issubdtype(truth.dtype, np.integer):
            raise DatasetError(f"ground truth is of type {truth.dtype}; expected numbers")
        if truth.shape != (len(images), len(names)):
            raise DatasetError(
                f"ground truth has shape {truth.shape}; expected {(len(images), len(names))}: one row for each of "
                f"{len(images)} images, one column for each of {', '.join(names) or 'no names'}"
            )
        if len(set(names)) != len(names):
            raise DatasetError(f"ground truth names are not unique: {', '.join(names)}")
        truth = truth.astype(np.float64)
        bad = np.argwhere(~np.isfinite(truth))
        if len(bad):
            row, column = bad[0]
            raise DatasetError(
                f"ground truth {names[column]} of image {row} is {truth[row, column]}, and {len(bad)} values in all are "
                "not finite; leave such images out"
            )
        for name, array in (("images", np.ascontiguousarray(images).view()), ("ground_truth", truth)):
            array.flags.writeable = False
            object.__setattr__(self, name, array)
        object.__setattr__(self, "names", names)

    def __len__(self) -> int:
        return len(self.images)

    def columns(self, names: tuple[str, ...]) -> NDArray[np.float64]:
        """Ground truth `(n, len(names))`; an unknown name is a DatasetError that lists the known ones."""
        unknown = [name for name in names if name not in self.names]
        if unknown:
            known = ", ".join(self.names) or "none"
            raise DatasetError(f"no ground truth '{unknown[0]}' in this dataset; known: {known}")
        return self.ground_truth[:, [self.names.index(name) for name in names]]

    def save(self, path: str | Path) -> None:
        """Write one compressed `.npz`; a kill leaves the old file or the new one."""
        write_atomically(
            Path(path),
            lambda file: np.savez_compressed(
                file,
                format=np.array(FORMAT),
                images=self.images,
                ground_truth=self.ground_truth,
                names=np.array(self.names, dtype=np.str_),
            ),
        )

    @classmethod
    def load(cls, path: str | Path) -> Dataset:
        """Read what `save` wrote; raises DatasetError for a file that is missing, cut short, foreign or newer."""
        path = Path(path)
        try:
            values = read_npz(path, LARGEST)
        except NoFileError:
            raise DatasetError(f"no dataset at {path}; record one first") from None
        except FileError as error:
            raise DatasetError(f"{error}; it is no dataset, or not whole: record again") from None
        if not values.keys() >= set(_KEYS) or values["format"].shape or values["format"].dtype.kind not in "iu":
            raise DatasetError(f"{path} is not a dataset of this project: it lacks some of {', '.join(_KEYS)}")
        if values["format"] > FORMAT:
            raise DatasetError(
                f"{path} has dataset format {values['format']} and this version reads up to {FORMAT}; update, or record again"
            )
        return cls(values["images"], values["ground_truth"], tuple(map(str, np.atleast_1d(values["names"]).tolist())))
