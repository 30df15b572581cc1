"""Small worlds with a known state, for the losses of state representation learning."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from srl_ros.dataset import Dataset

SIZE = 16  # px


def _drawn(dots: list[tuple[NDArray[np.float64], NDArray[np.float64], tuple[int, int, int]]]) -> NDArray[np.uint8]:
    """Soft dots (x, y, colour), places from -1 to 1, on grey; `(n, SIZE, SIZE, 3)`."""
    at = (np.arange(SIZE) + 0.5) / SIZE * 2.0 - 1.0
    image = np.full((len(dots[0][0]), SIZE, SIZE, 3), 110.0)
    for x, y, colour in dots:
        near = np.exp(
            -((at[None, None, :] - x[:, None, None]) ** 2 + (at[None, :, None] - y[:, None, None]) ** 2) / 0.04
        )
        image += near[..., None] * (np.array(colour) - image)
    return image.round().astype(np.uint8)


def dot_on_a_line(count: int, cameras: int = 1, discrete: bool = False, seed: int = 0) -> Dataset:
    """A red dot moves along a line by the action; its place (n, 1) is the truth. Ten transitions an episode.

    The second camera shows it upside down. The reward is 1 in the right third. `action_probabilities`: towards the middle.
    """
    g = np.random.default_rng(seed)
    x = g.uniform(-0.8, 0.8, count)
    index = g.integers(0, 3, count)
    step = (index - 1) * 0.25 if discrete else g.uniform(-0.3, 0.3, count)
    after = np.clip(x + step, -0.9, 0.9)
    y = np.full(count, 0.2)

    def seen(place: NDArray[np.float64]) -> NDArray[np.uint8]:
        views = [_drawn([(place, side * y, (220, 40, 30))]) for side in (1.0, -1.0)[:cameras]]
        return np.stack(views, axis=1)

    wanted = np.clip(-x, -0.3, 0.3)[:, None]
    if discrete:
        best = np.where(x > 0.25, 0, np.where(x < -0.25, 2, 1))
        wanted = 0.05 + 0.85 * np.eye(3)[best]
    return Dataset(
        images=seen(x),
        ground_truth=x[:, None],
        names=("target_x",),
        cameras=("external", "above")[:cameras],
        episode=np.arange(count) // 10,
        next_images=seen(after),
        next_ground_truth=after[:, None],
        action=index if discrete else step[:, None] * 3.0,
        discrete_actions=3 if discrete else 0,
        action_probabilities=wanted,
        reward=(after > 0.3).astype(np.float32),
        terminated=after > 0.8,
    )


def rotating_bar(count: int, seed: int = 0) -> Dataset:
    """A bar turns by the action; the truth is the cosine and sine of its angle. Each episode is ten turns in a row."""
    g = np.random.default_rng(seed)
    turn = g.uniform(-0.6, 0.6, count)
    first = np.repeat(g.uniform(-np.pi, np.pi, -(-count // 10)), 10)[:count]
    before = np.concatenate([np.cumsum(part) - part for part in np.split(turn, range(10, count, 10))])
    angle = first + before

    def seen(a: NDArray[np.float64]) -> NDArray[np.uint8]:
        along = (0.25, 0.45, 0.65)
        return _drawn([(r * np.cos(a), r * np.sin(a), (40, 60, 230)) for r in along])

    def truth(a: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.stack([np.cos(a), np.sin(a)], axis=1)

    after = angle + turn
    return Dataset(
        images=seen(angle),
        ground_truth=truth(angle),
        names=("target_x", "target_y"),
        episode=np.arange(count) // 10,
        next_images=seen(after),
        next_ground_truth=truth(after),
        action=turn[:, None] * 2.0,
        action_probabilities=truth(angle),
        reward=np.cos(after).astype(np.float32),
        terminated=np.zeros(count, np.bool_),
    )


def two_dots(count: int, seed: int = 0) -> Dataset:
    """The action moves a red dot, and the reward is of it; a green dot jumps about. The truth is (red, green)."""
    g = np.random.default_rng(seed)
    red, green = g.uniform(-0.8, 0.8, (2, count))
    step = g.uniform(-0.4, 0.4, count)
    after, jumped = np.clip(red + step, -0.9, 0.9), g.uniform(-0.8, 0.8, count)

    def seen(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.uint8]:
        high, low = np.full(count, -0.4), np.full(count, 0.4)
        return _drawn([(a, high, (230, 40, 30)), (b, low, (40, 200, 60))])

    return Dataset(
        images=seen(red, green),
        ground_truth=np.stack([red, green], axis=1),
        names=("red", "green"),
        episode=np.arange(count) // 10,
        next_images=seen(after, jumped),
        next_ground_truth=np.stack([after, jumped], axis=1),
        action=step[:, None] * 2.5,
        action_probabilities=np.clip(-red, -0.3, 0.3)[:, None],
        reward=after.astype(np.float32),
        terminated=np.zeros(count, np.bool_),
    )


def hidden_dot(count: int, seed: int = 0) -> Dataset:
    """A red dot on a line, which a grey curtain hides in every second image on average; ten images an episode.

    The truth is its place (n, 1) in [-0.8, 0.8]; `hidden` is told by the image alone. Nothing moves.
    """
    g = np.random.default_rng(seed)
    x = np.repeat(g.uniform(-0.8, 0.8, -(-count // 10)), 10)[:count]
    images = _drawn([(x, np.full(count, 0.2), (220, 40, 30))])
    images[g.random(count) < 0.5] = 60
    return Dataset(images=images[:, None], ground_truth=x[:, None], names=("target_x",), episode=np.arange(count) // 10)
