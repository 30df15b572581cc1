"""Networks: images to feature points to states, and feature points back to images."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

SIZE_STEP, SIZE_MIN, SIZE_MAX = 4, 16, 512
VALUES_PER_POINT = 3  # x, y, size
_COLOUR_FLOOR = 16.0  # grey levels: a colour axis of less spread than this holds noise, which must not be blown up
_SHARPNESS = 3.0  # of the softmax over places; 1.5 to 6 made no difference in what the states know
_STD_FLOOR = 1e-2  # a third of a pixel at 64: what moves less than this is not blown up to unit variance


class WhitenedColours(nn.Module):
    """Pixels whose three colour axes are decorrelated and of unit spread over the dataset (ZCA).

    A robot's surroundings are mostly grey: brightness varies by a hundred levels, colour by five, and a small coloured
    target hardly counts beside the moving brightness of an arm. Whitened, it stands far out. ZCA: Bell and Sejnowski
    1997, "The 'independent components' of natural scenes are edge filters".
    """

    mean: Tensor
    matrix: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.full((3,), 127.5))
        self.register_buffer("matrix", torch.eye(3) / 64.0)

    def fit(self, images: NDArray[np.uint8]) -> None:
        """Take mean and matrix from `images` (n, height, width, 3)."""
        pixels = images.reshape(-1, 3).astype(np.float64)
        variances, axes = np.linalg.eigh(np.cov(pixels.T))
        spread = np.maximum(np.sqrt(np.maximum(variances, 0.0)), _COLOUR_FLOOR)
        self.mean.copy_(torch.from_numpy(pixels.mean(axis=0)))
        self.matrix.copy_(torch.from_numpy(axes @ np.diag(1.0 / spread) @ axes.T))

    def forward(self, images: Tensor) -> Tensor:
        """`(n, height, width, 3)` levels 0 to 255 to `(n, 3, height, width)`."""
        planes = images.permute(0, 3, 1, 2).contiguous().to(torch.float32)
        # (levels - mean) @ matrix as a 1x1 convolution, which takes a third of the time
        return functional.conv2d(planes, self.matrix.T[:, :, None, None], -(self.mean @ self.matrix))


class FeaturePoints(nn.Module):
    """Convolutions whose maps are read as points: where each map is active, and how much.

    Places come from a spatial softmax (Finn et al. 2016, "Deep spatial autoencoders for visuomotor learning"): the mean
    place under softmax(map), (x, y) in -1 to 1, finer than a cell. That alone does not tell how far a thing is, so the
    logarithm of the softmax's denominator is kept as well: it grows with the logarithm of the area that excites the map,
    and a thing's area goes with 1 / distance^2.
    """

    cells: Tensor

    def __init__(self, height: int, width: int, points: int, channels: int = 16):
        super().__init__()
        self.colours = WhitenedColours()
        self.layers = nn.Sequential(
            nn.Conv2d(3, channels, 5, stride=2, padding=2),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(channels, points, 3, padding=1),
        )
        y, x = torch.meshgrid(cell_centres(height // 4), cell_centres(width // 4), indexing="ij")
        self.register_buffer("cells", torch.stack([x.flatten(), y.flatten()], dim=1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """`(n, height, width, 3)` to `(n, 3 points)`: x and y of each point in turn, then all sizes."""
        maps = _SHARPNESS * self.layers(self.colours(images)).flatten(2)
        places = torch.softmax(maps, dim=2) @ self.cells
        sizes = torch.logsumexp(maps, dim=2) - math.log(len(self.cells))
        return torch.cat([places.flatten(1), sizes], dim=1)


class StateNetwork(nn.Module):
    """Feature points, an optional read-out of them, and the standardisation that gives a policy values of unit spread."""

    mean: Tensor
    std: Tensor

    def __init__(self, height: int, width: int, points: int, outputs: int = 0):
        """`outputs`: values of the read-out; 0 means that the feature points are the state."""
        super().__init__()
        check_image_size(height, width)
        self.features = FeaturePoints(height, width, points)
        count = VALUES_PER_POINT * points
        self.head: nn.Module = nn.Identity()
        if outputs:
            self.head = nn.Sequential(nn.Linear(count, 64), nn.ReLU(), nn.Linear(64, outputs))
        self.points, self.outputs, self.state_dim = points, outputs, outputs or count
        self.register_buffer("mean", torch.zeros(self.state_dim))
        self.register_buffer("std", torch.ones(self.state_dim))

    def raw(self, images: Tensor) -> Tensor:
        """`(n, height, width, 3)` uint8 to `(n, state_dim)` before standardisation: what the losses work on."""
        states: Tensor = self.head(self.features(images))
        return states

    def standardise_on(self, states: Tensor) -> None:
        """Let `states`, raw ones of the training images, have mean 0 and deviation 1 from now on."""
        self.mean.copy_(states.double().mean(0))
        self.std.copy_(states.double().std(0, unbiased=False).clamp_min(_STD_FLOOR))

    def forward(self, images: Tensor) -> Tensor:
        """`(n, height, width, 3)` uint8 to standardised `(n, state_dim)` float32."""
        return (self.raw(images) - self.mean) / self.std


class PointDecoder(nn.Module):
    """Draws an image from feature points: each becomes a Gaussian spot, and convolutions colour the spots.

    Only what moves has to be drawn, on top of the mean image. Points drawn as spots: Jakab et al. 2018, "Unsupervised
    learning of object landmarks through conditional image generation". How strong and wide a spot is comes from the whole
    state, so that sizes are worth knowing.
    """

    background: Tensor
    x: Tensor
    y: Tensor

    def __init__(self, background: Tensor, points: int, channels: int = 24):
        """`background`: the whitened mean image, `(1, 3, height, width)`."""
        super().__init__()
        height, width = background.shape[2] // 2, background.shape[3] // 2
        self._points = points
        self.spots = nn.Sequential(nn.Linear(VALUES_PER_POINT * points, 64), nn.ReLU(), nn.Linear(64, 2 * points))
        self.mix = nn.Conv2d(points, channels, 3, padding=1)
        self.place_bias = nn.Parameter(torch.zeros(1, channels, height, width))
        self.draw = nn.Conv2d(channels, 3 * 4, 3, padding=1)
        self.register_buffer("background", background)
        self.register_buffer("x", cell_centres(width))
        self.register_buffer("y", cell_centres(height))

    def forward(self, points: Tensor) -> Tensor:
        """`(n, 3 points)` to whitened `(n, 3, height, width)`."""
        count = self._points
        places = points[:, : 2 * count].reshape(-1, count, 2)
        shape = self.spots(points)
        strength = 1.0 + shape[:, :count, None]
        narrowness = 40.0 * torch.exp(shape[:, count:, None].clamp(-3.0, 3.0))  # 1 / (2 sigma^2)
        across = strength * torch.exp(-narrowness * (self.x - places[..., :1]) ** 2)
        down = torch.exp(-narrowness * (self.y - places[..., 1:]) ** 2)
        spots = down[..., :, None] * across[..., None, :]
        drawn = self.draw(functional.relu(self.mix(spots) + self.place_bias))
        return self.background + functional.pixel_shuffle(drawn, 2)


def check_image_size(height: int, width: int) -> None:
    """Raise ValueError unless both are multiples of 4 from 16 to 512 pixels."""
    if any(size % SIZE_STEP or not SIZE_MIN <= size <= SIZE_MAX for size in (height, width)):
        raise ValueError(
            f"images are {width}x{height} pixels; width and height must be multiples of {SIZE_STEP} "
            f"from {SIZE_MIN} to {SIZE_MAX}"
        )


def cell_centres(count: int) -> Tensor:
    """Centres of `count` equal cells from -1 to 1."""
    return (torch.arange(count) + 0.5) / count * 2.0 - 1.0
