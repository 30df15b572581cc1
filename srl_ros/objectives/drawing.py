"""Objectives that draw images from states."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call

from srl_ros.losses import reconstruction as losses
from srl_ros.networks.convolutional import ImageDecoder
from srl_ros.networks.feature_points import PointDecoder
from srl_ros.objectives.base import Encoded, Objective, Setup

_RAREST = 1e-5  # share of pixels; a colour below it counts as no rarer: single noisy pixels must not rule the loss
_PERCEPTUAL = 0.1  # weight of the distance in features, which are of the size of normalised pixels


class Autoencoder(Objective):
    """A decoder draws the image again, with small things of rare colour counted as much as large ones.

    Loss: mean over pixels of w |drawn - image|^2 in normalised colours. In a plain mean a target of 20 pixels is lost among
    4096, and a state of an arm alone is a good answer. The weight w of a pixel is p^-1/2, p the share of its colour (of
    512) in the dataset, scaled to mean 1: the class rebalancing of Zhang, Isola and Efros 2016, "Colorful image
    colorization", with the square root in place of their smoothing. The variance of a pixel place would not do: it says
    where the arm moves, while a target may be anywhere.
    """

    colour_weights: Tensor

    def __init__(self, setup: Setup):
        super().__init__(setup)
        mean_image = torch.from_numpy(setup.sample.mean(axis=0, dtype=np.float64))[None].float()
        backgrounds = [setup.network.normalised(mean_image, camera) for camera in range(setup.network.cameras)]
        self._spots = setup.whole and setup.network.drawn_from_points
        self._points = setup.config.feature_points
        made = [PointDecoder(one, self._points) if self._spots else ImageDecoder(one, setup.dim) for one in backgrounds]
        self.decoders = nn.ModuleList(made)
        self.register_buffer("colour_weights", torch.from_numpy(colour_weights(setup.sample)))

    def forward(self, encoded: Encoded) -> Tensor:
        """Weighted reconstruction error."""
        return self.error(encoded, self.planes(encoded.state))

    def planes(self, states: Tensor) -> list[Tensor]:
        """The drawing of each camera in normalised colours, `(n, 3, height, width)`."""
        size = 3 * self._points
        parts = [states[:, i * size : (i + 1) * size] if self._spots else states for i in range(len(self.decoders))]
        return [decoder(part) for decoder, part in zip(self.decoders, parts)]

    def error(self, encoded: Encoded, drawn: list[Tensor]) -> Tensor:
        """The loss of drawings, mean over the cameras."""
        images = encoded.batch.images
        weights = self.colour_weights[colour_index(images)]
        each = [
            losses.reconstruction(planes, encoded.network.normalised(images, i), weights[:, i])
            for i, planes in enumerate(drawn)
        ]
        return torch.stack(each).mean()

    def draw(self, encoded: Encoded) -> Tensor | None:
        """See Objective."""
        colours = [branch.colours for branch in encoded.network.branches]
        return torch.stack([c.levels(p) for c, p in zip(colours, self.planes(encoded.state))], dim=1)  # type: ignore[operator, union-attr]


class Denoising(Autoencoder):
    """The whole image from the state of one in which a random rectangle is blank."""

    def forward(self, encoded: Encoded) -> Tensor:
        """Weighted reconstruction error of the whole image."""
        states = encoded.encode(losses.blank_rectangles(encoded.batch.images))
        return self.error(encoded, self.planes(states))


class Variational(Autoencoder):
    """The image from a sample of N(state, variance); the variance is read out of the features beside the state."""

    def __init__(self, setup: Setup):
        super().__init__(setup)
        self._beta = setup.config.beta
        self.log_variance = nn.Linear(setup.network.feature_dim, setup.dim)
        nn.init.zeros_(self.log_variance.weight)
        nn.init.constant_(self.log_variance.bias, -4.0)

    def forward(self, encoded: Encoded) -> Tensor:
        """Reconstruction error of a sample + beta KL."""
        mean, log_variance = encoded.state, self.log_variance(encoded.features).clamp(-12.0, 6.0)
        sampled = (
            mean + torch.randn(mean.shape).to(mean.device) * torch.exp(0.5 * log_variance) if self.training else mean
        )
        return self.error(encoded, self.planes(sampled)) + self._beta * losses.kl_to_normal(mean, log_variance)


class Perceptual(Autoencoder):
    """A drawing that looks right to a denoising autoencoder, which learns beside and is not changed by this loss."""

    def __init__(self, setup: Setup):
        super().__init__(setup)
        self.looks = nn.Sequential(
            nn.Conv2d(3, 16, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.ReLU()
        )
        self.restores = nn.Sequential(
            nn.ConvTranspose2d(32, 16, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(16, 3, 4, stride=2, padding=1),
        )

    def forward(self, encoded: Encoded) -> Tensor:
        """Reconstruction error + distance in the features + the denoising autoencoder's own loss."""
        images, drawn = encoded.batch.images, self.planes(encoded.state)
        blanked = losses.blank_rectangles(images)
        total = self.error(encoded, drawn)
        frozen = {name: value.detach() for name, value in self.looks.named_parameters()}
        for camera, planes in enumerate(drawn):
            wanted = encoded.network.normalised(images, camera)
            seen = [functional_call(self.looks, frozen, (one,)) for one in (planes, wanted)]
            total = total + _PERCEPTUAL * losses.perceptual(seen[0], seen[1]) / len(drawn)
            restored = self.restores(self.looks(encoded.network.normalised(blanked, camera)))
            total = total + ((restored - wanted) ** 2).mean() / len(drawn)
        return total


def colour_index(images: Tensor) -> Tensor:
    """`(..., 3)` uint8 to `(...)` int64: the upper three bits of red, green and blue, 0 to 511."""
    red, green, blue = (images >> 5).long().unbind(-1)
    return red * 64 + green * 8 + blue


def colour_weights(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """`(512,)` weight of each `colour_index`: the square root of its rarity, with mean 1 over the pixels of `images`."""
    counts = torch.zeros(512, dtype=torch.int64)
    for part in np.array_split(images, -(-len(images) // 100)):
        counts += torch.bincount(colour_index(torch.from_numpy(part.copy())).flatten(), minlength=512)
    share = counts.double().numpy() / float(counts.sum())
    weights = np.maximum(share, _RAREST) ** -0.5
    normalised: NDArray[np.float32] = (weights / (weights * share).sum()).astype(np.float32)
    return normalised
