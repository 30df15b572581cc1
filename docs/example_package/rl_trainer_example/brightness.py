"""A loss of state representation learning: the state knows how bright each camera image is."""

from __future__ import annotations

from torch import Tensor, nn

from srl_ros.objectives import Encoded, Objective, Setup


class Brightness(Objective):
    """A linear layer reads the mean level of each camera's image out of the state."""

    def __init__(self, setup: Setup):
        super().__init__(setup)
        self.read = nn.Linear(setup.dim, setup.network.cameras)

    def forward(self, encoded: Encoded) -> Tensor:
        """Mean squared error, levels from 0 to 1."""
        brightness = encoded.batch.images.float().mean(dim=(2, 3, 4)) / 255.0
        return ((self.read(encoded.state) - brightness) ** 2).mean()
