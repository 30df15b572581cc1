"""The network that is an encoder: one branch for each camera, a read-out, and the standardisation of states."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from srl_ros.networks.convolutional import small_cnn, toolbox_cnn
from srl_ros.networks.feature_points import FeaturePoints
from srl_ros.networks.flat import linear, mlp
from srl_ros.networks.pretrained import efficientnet_lite0
from srl_ros.networks.resnet import resnet18

SIZE_STEP, SIZE_MIN, SIZE_MAX = 4, 16, 512
DEFAULT_DIM = 64  # values in a state where nothing else says how many
_HIDDEN = 64
_STD_FLOOR = 1e-2  # a third of a pixel at 64: what moves less than this is not blown up to unit variance


@dataclass(frozen=True)
class Kind:
    """A kind of network."""

    branch: Callable[[int, int, int], nn.Module]
    """Height, width and feature points to the network of one camera, which has `colours` and `size` features."""
    hidden: bool = False
    """Whether the read-out has a hidden layer."""
    free: bool = False
    """Whether the features themselves are the state unless a size is asked for."""
    frozen: bool = False
    """Whether training leaves the branches as they are."""


NETWORKS: dict[str, Kind] = {
    "feature_points": Kind(FeaturePoints, hidden=True, free=True),
    "frozen_points": Kind(FeaturePoints, hidden=True, frozen=True),
    "small_cnn": Kind(lambda height, width, _: small_cnn(height, width)),
    "toolbox_cnn": Kind(lambda height, width, _: toolbox_cnn(height, width)),
    "resnet18": Kind(lambda height, width, _: resnet18(height, width)),
    "mlp": Kind(lambda height, width, _: mlp(height, width)),
    "linear": Kind(lambda height, width, _: linear(height, width)),
    "efficientnet_lite0": Kind(lambda height, width, _: efficientnet_lite0(height, width), frozen=True),
}
"""A new network is a file here and a row."""


class StateNetwork(nn.Module):
    """Images of `cameras` cameras to a state whose values have unit spread, as a policy wants them."""

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        height: int,
        width: int,
        points: int = 10,
        outputs: int = 0,
        cameras: int = 1,
        kind: str = "feature_points",
        hidden: int = 0,
    ):
        """`points`: feature points of each camera, where the kind has them. `outputs`: values in a state; 0: as many as
        the kind has of its own. `hidden`: units of the read-out's hidden layer; 0: 64, or as many as there are outputs."""
        super().__init__()
        check_image_size(height, width)
        chosen = NETWORKS[kind]
        self.branches = nn.ModuleList(chosen.branch(height, width, points) for _ in range(cameras))
        if chosen.frozen:
            self.branches.requires_grad_(False)
        self.frozen = chosen.frozen
        count = sum(self.branch_sizes)
        outputs = outputs if outputs or chosen.free else DEFAULT_DIM
        self.head: nn.Module = nn.Identity()
        self.hidden = 0
        if outputs and chosen.hidden:
            self.hidden = hidden or max(_HIDDEN, outputs)
            self.head = nn.Sequential(nn.Linear(count, self.hidden), nn.ReLU(), nn.Linear(self.hidden, outputs))
        elif outputs:
            self.head = nn.Linear(count, outputs)
        self.kind, self.points, self.outputs, self.cameras = kind, points, outputs, cameras
        self.feature_dim, self.state_dim = count, outputs or count
        self.register_buffer("mean", torch.zeros(self.state_dim))
        self.register_buffer("std", torch.ones(self.state_dim))

    @property
    def branch_sizes(self) -> list[int]:
        """Features of each camera."""
        return [int(branch.size) for branch in self.branches]  # type: ignore[arg-type]

    @property
    def drawn_from_points(self) -> bool:
        """Whether the state is feature points, which a decoder can draw as spots."""
        return self.kind == "feature_points" and not self.outputs

    def fit_colours(self, images: NDArray[np.uint8]) -> None:
        """Fit each camera's normalisation on `images` (n, cameras, height, width, 3)."""
        for camera, branch in enumerate(self.branches):
            branch.colours.fit(images[:, camera])  # type: ignore[union-attr, operator]

    def normalised(self, images: Tensor, camera: int) -> Tensor:
        """Normalised pixels of one camera, `(n, 3, height, width)`, of `images` (n, cameras, height, width, 3)."""
        planes: Tensor = self.branches[camera].colours(by_camera(images)[:, camera])  # type: ignore[operator]
        return planes

    def camera_features(self, images: Tensor) -> list[Tensor]:
        """Features of each camera, `(n, size)`."""
        images = by_camera(images)
        return [branch(images[:, camera]) for camera, branch in enumerate(self.branches)]

    def features(self, images: Tensor) -> Tensor:
        """`(n, cameras, height, width, 3)` to `(n, feature_dim)`: those of the first camera, then of the next."""
        return torch.cat(self.camera_features(images), dim=1)

    def raw(self, images: Tensor) -> Tensor:
        """`(n, cameras, height, width, 3)` uint8 to `(n, state_dim)` before standardisation, as the losses use it."""
        states: Tensor = self.head(self.features(images))
        return states

    def standardise_on(self, states: Tensor) -> None:
        """Let `states`, raw ones of the training images, have mean 0 and deviation 1 from now on."""
        self.mean.copy_(states.double().mean(0))
        self.std.copy_(states.double().std(0, unbiased=False).clamp_min(_STD_FLOOR))

    def forward(self, images: Tensor) -> Tensor:
        """`(n, cameras, height, width, 3)` uint8 to standardised `(n, state_dim)` float32."""
        return (self.raw(images) - self.mean) / self.std


def by_camera(images: Tensor) -> Tensor:
    """`(n, height, width, 3)` of one camera as `(n, 1, height, width, 3)`; the latter as it is."""
    return images[:, None] if images.ndim == 4 else images


def check_image_size(height: int, width: int) -> None:
    """Raise ValueError unless both are multiples of 4 from 16 to 512 pixels."""
    if any(size % SIZE_STEP or not SIZE_MIN <= size <= SIZE_MAX for size in (height, width)):
        raise ValueError(
            f"images are {width}x{height} pixels; width and height must be multiples of {SIZE_STEP} "
            f"from {SIZE_MIN} to {SIZE_MAX}"
        )
