"""A replay buffer of images: each image is stored once, and shifted at random when it is sampled."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from gymnasium import spaces
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.type_aliases import ReplayBufferSamples
from stable_baselines3.common.vec_env import VecNormalize


def shifted(images: NDArray[np.uint8], shift: int, generator: Any = np.random) -> NDArray[np.uint8]:
    """Return each image moved by -shift to shift pixels in both directions; the border is repeated.

    `images`: (n, channels, height, width); all channels of one image move together. The augmentation of DrQ: pad by 4 pixels,
    crop at random (Kostrikov, Yarats and Fergus 2020, arXiv 2004.13649, section 3.1).
    """
    if not shift:
        return images
    n, _, height, width = images.shape
    padded = np.pad(images, ((0, 0), (0, 0), (shift, shift), (shift, shift)), mode="edge")
    crops = sliding_window_view(padded, (height, width), axis=(2, 3))  # a view: (n, channels, places, places, h, w)
    down, across = generator.randint(0, 2 * shift + 1, size=(2, n))
    moved: NDArray[np.uint8] = crops[np.arange(n), :, down, across]
    return moved


class ImageReplayBuffer(ReplayBuffer):
    """Stores the image of each step once, uint8, and samples transitions whose images are shifted.

    The next image of a transition is the image of the next row. At the end of an episode this is the first image of the next
    episode, so a transition that ends an episode by time is never sampled; one that terminates it needs no next image.
    stable-baselines3's own `optimize_memory_usage` counts both as terminal. Rows of absent robots are never sampled.
    The random generator is NumPy's global one, as in stable-baselines3.
    """

    def __init__(
        self,
        buffer_size: int,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        device: Any = "auto",
        n_envs: int = 1,
        optimize_memory_usage: bool = True,
        shift: int = 4,
    ):
        """`buffer_size`: transitions of all robots together. `shift`: largest shift, pixels; 0: none.

        `optimize_memory_usage` has no effect: memory is always saved.
        """
        super().__init__(buffer_size, observation_space, action_space, device, n_envs, True, False)
        self.handle_timeout_termination = True  # timeouts are recorded, and not sampled
        self.shift = shift

    def add(
        self,
        obs: NDArray[Any],
        next_obs: NDArray[Any],
        action: NDArray[Any],
        reward: NDArray[Any],
        done: NDArray[Any],
        infos: list[dict[str, Any]],
    ) -> None:
        """See ReplayBuffer; a step without any present robot is not stored."""
        absent = np.array(["absent" in info for info in infos])
        if absent.all():
            return
        row = self.pos
        super().add(obs, next_obs, action, reward, done, infos)
        self.timeouts[row, absent] = 1.0

    def sample(self, batch_size: int, env: VecNormalize | None = None) -> ReplayBufferSamples:
        """Return transitions with shifted images. Raises ValueError if there are none yet."""
        rows, robots = self._usable()
        if not len(rows):
            raise ValueError("the replay buffer holds no transition to learn from; raise learning_starts")
        chosen = np.random.randint(0, len(rows), size=batch_size)
        row, robot = rows[chosen], robots[chosen]
        parts = (
            shifted(self.observations[row, robot], self.shift),
            self.actions[row, robot],
            shifted(self.observations[(row + 1) % self.buffer_size, robot], self.shift),
            self.dones[row, robot].reshape(-1, 1),
            self._normalize_reward(self.rewards[row, robot].reshape(-1, 1), env),
        )
        return ReplayBufferSamples(*(self.to_torch(part) for part in parts))

    def _usable(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return rows and robots of all transitions whose next image is stored."""
        filled = self.buffer_size if self.full else self.pos
        usable = self.timeouts[:filled] == 0.0
        if self.full:  # the image of this row belongs to the transition before it
            usable[self.pos] = False
        rows, robots = np.nonzero(usable)
        return rows, robots


class Memory(NamedTuple):
    """Return the size of a replay buffer of images, bytes."""

    needed: int
    available: int


def image_memory(space: spaces.Space[Any], buffer_size: int, stored: int) -> Memory | None:
    """Return the memory for images in a replay buffer, and the free memory; None: not known, or no images.

    `stored`: images for each transition, 1 or 2.
    """
    if not isinstance(space, spaces.Box) or len(space.shape) != 3:
        return None
    available = available_memory()
    if available is None:
        return None
    return Memory(int(np.prod(space.shape)) * space.dtype.itemsize * stored * buffer_size, available)


def available_memory() -> int | None:
    """Return the free memory of this machine, bytes; None where the system does not tell."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            found = [line.split() for line in file if line.startswith("MemAvailable:")]
        return int(found[0][1]) * 1024
    except (OSError, ValueError, IndexError):
        return None
