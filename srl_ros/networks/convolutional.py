"""Convolutional networks, and the decoder that draws an image from any state."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from srl_ros.networks.colours import Colours


class Convolutional(nn.Module):
    """Normalised pixels through `layers`, flattened to `size` features."""

    def __init__(self, height: int, width: int, layers: nn.Sequential, imagenet: bool):
        super().__init__()
        self.colours = Colours(imagenet)
        self.layers = layers
        training = layers.training
        with torch.no_grad():
            self.size = int(layers.eval()(torch.zeros(1, 3, height, width)).numel())
        layers.train(training)

    def forward(self, images: Tensor) -> Tensor:
        """`(n, height, width, 3)` to `(n, size)`."""
        return torch.flatten(self.layers(self.colours(images)), 1)


def small_cnn(height: int, width: int) -> Convolutional:
    """Three strided convolutions, whitened colours: the fastest of the convolutional networks."""
    layers = nn.Sequential(
        nn.Conv2d(3, 16, 5, stride=2, padding=2),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(32, 32, 3, stride=2, padding=1),
        nn.ReLU(),
    )
    return Convolutional(height, width, layers, imagenet=False)


def toolbox_cnn(height: int, width: int) -> Convolutional:
    """The custom CNN of the S-RL Toolbox (Raffin et al. 2018, arXiv 1809.09369), ImageNet's normalisation.

    Convolutions 7x7/2, 3x3, 3x3/2 of 64 channels, each with batch normalisation and 3x3/2 pooling.
    """

    def block(channels: int, kernel: int, stride: int) -> list[nn.Module]:
        return [
            nn.Conv2d(channels, 64, kernel, stride=stride, padding=kernel // 2, bias=False),
            nn.BatchNorm2d(64),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2, padding=1),
        ]

    return Convolutional(
        height, width, nn.Sequential(*block(3, 7, 2), *block(64, 3, 1), *block(64, 3, 2)), imagenet=True
    )


class ImageDecoder(nn.Module):
    """Draws the image of one camera from a state: a linear layer and five convolutions, two of them transposed.

    Only what moves has to be drawn, on top of the mean image. After the deconvolution decoder of the S-RL Toolbox, with two
    doublings in place of five, because images here are 64 pixels wide and not 224.
    """

    background: Tensor

    def __init__(self, background: Tensor, state_dim: int, channels: int = 24):
        """`background`: the normalised mean image, `(1, 3, height, width)`."""
        super().__init__()
        self._height, self._width, self._channels = background.shape[2] // 4, background.shape[3] // 4, channels
        self.spread = nn.Linear(state_dim, channels * self._height * self._width)
        self.layers = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(channels, channels, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(channels, channels // 2, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(channels // 2, 3, 3, padding=1),
        )
        self.register_buffer("background", background)

    def forward(self, state: Tensor) -> Tensor:
        """`(n, state_dim)` to normalised `(n, 3, height, width)`."""
        planes = functional.relu(self.spread(state)).view(-1, self._channels, self._height, self._width)
        drawn: Tensor = self.background + self.layers(planes)
        return drawn
