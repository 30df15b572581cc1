"""How pixels become numbers for a network: one class, used in training, in the SRL node and in process."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

_FLOOR = 16.0  # grey levels: a colour axis of less spread than this holds noise, which must not be blown up
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Mean and deviation of ImageNet's channels, of 1: the usual normalisation of networks that were trained on it."""


class Colours(nn.Module):
    """Levels of 0 to 255 minus a mean colour, times a 3x3 matrix. Both are saved with the encoder's weights.

    `fit` whitens: colour axes are decorrelated and of unit spread over the dataset (ZCA). A robot's surroundings are mostly
    grey: brightness varies by a hundred levels, colour by five, and a small coloured target hardly counts beside the moving
    brightness of an arm. Whitened, it stands far out. ZCA: Bell and Sejnowski 1997, "The 'independent components' of
    natural scenes are edge filters". Without `fit` it is ImageNet's normalisation if `imagenet`, else a plain scaling.
    `memory_format` is that of its planes; see `lay_out`.
    """

    mean: Tensor
    matrix: Tensor

    def __init__(self, imagenet: bool = False) -> None:
        super().__init__()
        self.imagenet = imagenet
        self.memory_format = torch.contiguous_format
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN) * 255.0 if imagenet else torch.full((3,), 127.5))
        scale = torch.diag(1.0 / (torch.tensor(IMAGENET_STD) * 255.0)) if imagenet else torch.eye(3) / 64.0
        self.register_buffer("matrix", scale)

    def fit(self, images: NDArray[np.uint8]) -> None:
        """Take mean and matrix from `images` (..., 3), unless they are ImageNet's."""
        if self.imagenet:
            return
        pixels = images.reshape(-1, 3).astype(np.float64)
        variances, axes = np.linalg.eigh(np.cov(pixels.T))
        spread = np.maximum(np.sqrt(np.maximum(variances, 0.0)), _FLOOR)
        self.mean.copy_(torch.from_numpy(pixels.mean(axis=0)))
        self.matrix.copy_(torch.from_numpy(axes @ np.diag(1.0 / spread) @ axes.T))

    def forward(self, images: Tensor) -> Tensor:
        """`(n, height, width, 3)` levels 0 to 255 to `(n, 3, height, width)`."""
        planes = images.permute(0, 3, 1, 2).contiguous(memory_format=self.memory_format).to(torch.float32)
        # (levels - mean) @ matrix as a 1x1 convolution, which takes a third of the time
        return functional.conv2d(planes, self.matrix.T[:, :, None, None], -(self.mean @ self.matrix))

    def levels(self, planes: Tensor) -> Tensor:
        """The inverse: `(n, 3, height, width)` to `(n, height, width, 3)` uint8, rounded."""
        levels = planes.permute(0, 2, 3, 1) @ torch.linalg.inv(self.matrix) + self.mean
        rounded: Tensor = levels.round().clamp(0, 255).to(torch.uint8)
        return rounded


def lay_out(module: nn.Module, memory_format: torch.memory_format) -> None:
    """Store the weights of convolutions in `module`, and the planes that it makes of images, in a memory format.

    With channels_last, batches take two thirds of the time. The last bits of a state depend on it, so an encoder that is in
    use keeps contiguous_format, in which single images take as long.
    """
    module.to(memory_format=memory_format)  # type: ignore[call-overload]
    for part in module.modules():
        if isinstance(part, Colours):
            part.memory_format = memory_format
