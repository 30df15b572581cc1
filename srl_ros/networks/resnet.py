"""ResNet-18 (He et al. 2016, "Deep residual learning for image recognition"), untrained."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from srl_ros.networks.convolutional import Convolutional


class Block(nn.Module):
    """Two 3x3 convolutions beside a shortcut."""

    def __init__(self, inputs: int, channels: int, stride: int):
        super().__init__()
        self.first = nn.Sequential(
            nn.Conv2d(inputs, channels, 3, stride=stride, padding=1, bias=False), nn.BatchNorm2d(channels), nn.ReLU()
        )
        self.second = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels))
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, channels, 1, stride=stride, bias=False), nn.BatchNorm2d(channels)
            )

    def forward(self, planes: Tensor) -> Tensor:
        """`(n, inputs, h, w)` to `(n, channels, h / stride, w / stride)`."""
        return functional.relu(self.second(self.first(planes)) + self.shortcut(planes))


def resnet18(height: int, width: int) -> Convolutional:
    """Return the 18 layers up to the mean over all places: 512 features; ImageNet's normalisation."""
    layers: list[nn.Module] = [
        nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.MaxPool2d(3, stride=2, padding=1),
    ]
    for inputs, channels, stride in ((64, 64, 1), (64, 128, 2), (128, 256, 2), (256, 512, 2)):
        layers += [Block(inputs, channels, stride), Block(channels, channels, 1)]
    return Convolutional(height, width, nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1)), imagenet=True)
