"""Keeps images of a robot's episodes, for an encoder that learns. In process and over topics it keeps the same ones."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

STRIDE = 8
"""The images of every STRIDE-th step of an episode are kept: neighbours differ too little to teach anything."""


class ImageKeeper:
    """The images of some cameras, of every STRIDE-th observation of each episode."""

    def __init__(self, cameras: tuple[str, ...]):
        self._cameras = cameras
        self._keeps, self._step, self._episode = False, 0, 0
        self._kept: list[tuple[int, NDArray[np.uint8]]] = []

    def keep(self) -> None:
        """Keep images from now on."""
        self._keeps = True

    def begin(self) -> None:
        """Begin an episode, before its first observation."""
        self._step, self._episode = 0, self._episode + 1

    def see(self, images: Mapping[str, NDArray[np.uint8]]) -> None:
        """Take the images of the next observation."""
        self._step += 1
        if self._keeps and self._step % STRIDE == 0:
            self._kept.append((self._episode, np.stack([images[camera] for camera in self._cameras])))

    def take(self) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Return the images since the last call, (n, cameras, height, width, 3), and the episode of each from 0, (n,)."""
        kept, self._kept = self._kept, []
        if not kept:
            return np.zeros((0, 0, 0, 0, 3), np.uint8), np.zeros(0, np.int64)
        _, episodes = np.unique([episode for episode, _ in kept], return_inverse=True)
        return np.stack([images for _, images in kept]), episodes.astype(np.int64)
