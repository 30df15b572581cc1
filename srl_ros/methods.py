"""The methods by which a state network learns: one class each, and the table of them.

A method holds the `network` that will be the encoder and whatever is needed only to train it. A new method is a class
like these and one row in METHODS.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from srl_ros.dataset import Dataset
from srl_ros.models import PointDecoder, StateNetwork

if TYPE_CHECKING:
    from srl_ros.config import TrainingConfig

_SAMPLE = 2000  # images that colour statistics are taken from
_RAREST = 1e-5  # share of pixels; a colour below it counts as no rarer: single noisy pixels must not rule the loss


class Method(nn.Module):
    """A state network in training. Weights are drawn from torch's generator, which the caller has seeded."""

    trains = True

    def __init__(self, config: TrainingConfig, training: Dataset, outputs: int = 0):
        super().__init__()
        _, height, width, _ = training.images.shape
        self.network = StateNetwork(height, width, config.feature_points, outputs)
        self.network.features.colours.fit(sample(training.images))

    def loss(self, images: Tensor, truth: Tensor) -> Tensor:
        """Scalar loss of `images` (n, height, width, 3) uint8 with their `truth` (n, k), all ground truth columns."""
        raise NotImplementedError

    def reconstruct(self, images: Tensor) -> Tensor | None:
        """Draw `images` from their states, `(n, height, width, 3)` uint8; None for a method that does not draw."""
        return None


class Autoencoder(Method):
    """Whatever lets a decoder draw the image again, with small things of rare colour counted as much as large ones.

    Loss: mean over pixels of w |drawn - image|^2 in whitened colours. In a plain mean a target of 20 pixels is lost among
    4096, and a state of an arm alone is a good answer. The weight w of a pixel is p^-1/2, p the share of its colour (of
    512) in the dataset, scaled to mean 1: the class rebalancing of Zhang, Isola and Efros 2016, "Colorful image
    colorization", with the square root in place of their smoothing. The variance of a pixel place would not do: it says
    where the arm moves, while a target may be anywhere.
    """

    colour_weights: Tensor

    def __init__(self, config: TrainingConfig, training: Dataset):
        super().__init__(config, training)
        mean_image = torch.from_numpy(sample(training.images).mean(axis=0, dtype=np.float64))[None]
        self.decoder = PointDecoder(self.network.features.colours(mean_image), config.feature_points)
        self.register_buffer("colour_weights", torch.from_numpy(colour_weights(sample(training.images))))

    def loss(self, images: Tensor, truth: Tensor) -> Tensor:
        """Weighted reconstruction error; `truth` is not used."""
        error = (self.decoder(self.network.raw(images)) - self.network.features.colours(images)) ** 2
        weighted: Tensor = (self.colour_weights[colour_index(images)] * error.mean(dim=1)).mean()
        return weighted

    def reconstruct(self, images: Tensor) -> Tensor | None:
        """The decoder's drawing, back in levels of 0 to 255."""
        colours = self.network.features.colours
        drawn = self.decoder(self.network.raw(images)).permute(0, 2, 3, 1) @ torch.linalg.inv(colours.matrix)
        levels: Tensor = (drawn + colours.mean).round().clamp(0, 255).to(torch.uint8)
        return levels


class Supervised(Method):
    """The state is an estimate of the ground truth columns `config.truth_names`, in deviations from their mean.

    Loss: mean squared error. It asks for a ground truth that a physical robot seldom has.
    """

    truth_mean: Tensor
    truth_std: Tensor

    def __init__(self, config: TrainingConfig, training: Dataset):
        truth = training.columns(config.truth_names)
        super().__init__(config, training, outputs=len(config.truth_names))
        self._columns = [training.names.index(name) for name in config.truth_names]
        self.register_buffer("truth_mean", torch.from_numpy(truth.mean(0)).float())
        self.register_buffer("truth_std", torch.from_numpy(np.maximum(truth.std(0), 1e-6)).float())

    def loss(self, images: Tensor, truth: Tensor) -> Tensor:
        """Mean squared error in standard deviations of the truth."""
        wanted = (truth[:, self._columns] - self.truth_mean) / self.truth_std
        return ((self.network.raw(images) - wanted) ** 2).mean()


class RandomFeatures(Method):
    """The autoencoder's network as it was drawn: what a learned state has to beat."""

    trains = False


METHODS: dict[str, type[Method]] = {
    "autoencoder": Autoencoder,
    "supervised": Supervised,
    "random": RandomFeatures,
}


def sample(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """At most 2000 images, evenly spaced."""
    return images[:: -(-len(images) // _SAMPLE)]


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
