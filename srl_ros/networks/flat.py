"""Networks without convolutions: every pixel is a number of its own."""

from __future__ import annotations

from torch import Tensor, nn

from srl_ros.networks.colours import Colours

_HIDDEN = 256


class Flat(nn.Module):
    """Normalised pixels in one row, through `hidden` fully connected layers of 256 units; 0: the pixels themselves."""

    def __init__(self, height: int, width: int, hidden: int):
        super().__init__()
        self.colours = Colours(imagenet=True)
        sizes = [3 * height * width, *[_HIDDEN] * hidden]
        pairs = zip(sizes, sizes[1:])
        self.layers = nn.Sequential(*(layer for a, b in pairs for layer in (nn.Linear(a, b), nn.ReLU())))
        self.size = sizes[-1]

    def forward(self, images: Tensor) -> Tensor:
        """`(n, height, width, 3)` to `(n, size)`."""
        features: Tensor = self.layers(self.colours(images).flatten(1))
        return features


def mlp(height: int, width: int) -> Flat:
    """Two hidden layers."""
    return Flat(height, width, hidden=2)


def linear(height: int, width: int) -> Flat:
    """No hidden layer: the state is a linear function of the pixels."""
    return Flat(height, width, hidden=0)
