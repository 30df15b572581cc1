"""Feature points: images to places of a few things, and places back to images."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from srl_ros.networks.colours import Colours

VALUES_PER_POINT = 3  # x, y, size
_SHARPNESS = 3.0  # of the softmax over places; 1.5 to 6 made no difference in what the states know


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
        self.colours = Colours()
        self.size = VALUES_PER_POINT * points
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
        drawn = self.draw(functional.relu(self._mixed(down, across) + self.place_bias))
        return self.background + functional.pixel_shuffle(drawn, 2)

    def _mixed(self, down: Tensor, across: Tensor) -> Tensor:
        """`self.mix` of spots `down[..., :, None] * across[..., None, :]`, `(n, channels, height, width)`.

        The convolution of such a product needs no spots: along x it is one of `across`, and along y a matrix product with
        `down` shifted by -1, 0 and 1 cells. That is a third of the multiplications.
        """
        n, points, width = across.shape
        channels, _, rows, columns = self.mix.weight.shape
        shifted = [functional.pad(one, (1, 1)).unfold(2, size, 1) for one, size in ((down, rows), (across, columns))]
        along_x = shifted[1].transpose(0, 1).reshape(points, n * width, columns)
        weights = self.mix.weight.permute(1, 3, 2, 0).reshape(points, columns, rows * channels)
        mixed = torch.bmm(along_x, weights).view(points, n, width, rows, channels)
        mixed = mixed.permute(1, 0, 3, 2, 4).reshape(n, points * rows, width * channels)
        along_y = shifted[0].transpose(2, 3).reshape(n, points * rows, -1).transpose(1, 2)
        planes = torch.bmm(along_y, mixed).view(n, -1, width, channels).permute(0, 3, 1, 2)
        assert self.mix.bias is not None
        return planes + self.mix.bias[:, None, None]


def cell_centres(count: int) -> Tensor:
    """Centres of equal cells from -1 to 1, `(count,)`."""
    return (torch.arange(count) + 0.5) / count * 2.0 - 1.0
