"""The images of a bag, decoded, one raw file a camera."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np

from robot_interface_ros.bags import decoded

Note = Callable[[str], None]
Finder = Callable[[int], int]
"""Stamp of a frame -> row of its image; -1: there is none."""
LATE_NS = 250_000_000
"""In real time a camera is slower than the control rate: an image that is older than that belongs to no frame."""


def image_file(camera: str) -> str:
    """Return the name of the file of a camera's images."""
    return f"images_{camera}.u8"


class ImageFiles:
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

    def __enter__(self) -> ImageFiles:
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

    def take(self, namespace: str, camera: str, stamp: int, data: bytes, compressed: bool) -> None:
        """Decode and append one image; see `ImageSink`. Raises BagError for one that cannot be read."""
        _, image = decoded.compressed_image(data) if compressed else decoded.image(data)
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

    def keep(self, cameras: set[str]) -> None:
        """Forget the images of other cameras."""
        for camera in set(self._shapes) - cameras:
            del self._shapes[camera], self._hashes[camera], self._counts[camera]
            (self._folder / image_file(camera)).unlink()

    def finder(self, namespace: str, camera: str, late: bool) -> Finder:
        """Return the finder of a camera: of the image of that stamp, or, where `late`, of one that is a little older."""
        rows = self.rows.get((namespace, camera), {})
        stamps = sorted(rows)

        def find(stamp: int) -> int:
            if stamp in rows:
                return rows[stamp]
            at = bisect_right(stamps, stamp) - 1
            return rows[stamps[at]] if late and at >= 0 and stamp - stamps[at] <= LATE_NS else -1

        return find
