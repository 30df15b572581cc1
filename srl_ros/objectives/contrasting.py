"""Objectives that compare the states of images with each other."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from srl_ros.losses import contrastive as losses
from srl_ros.networks import StateNetwork
from srl_ros.objectives.base import Encoded, Objective, Setup, SlowCopy, perceptron

_RATE = 0.05  # of the slow copy, as CURL's
_SHIFT = 16  # images are shifted by up to a sixteenth of their height: 4 pixels of 64, as in DrQ and ATC
_MASKED, _CELLS = 0.5, 8  # share of masked patches, patches along a side; MLR masks half of 8x8


class Curl(Objective):
    """Recognise the same image after another shift, among those of the batch."""

    def __init__(self, setup: Setup):
        super().__init__(setup)
        self.slow = SlowCopy(setup.network, _RATE)
        self.similarity = nn.Parameter(torch.eye(setup.dim))

    def forward(self, encoded: Encoded) -> Tensor:
        """InfoNCE."""
        images = encoded.batch.images
        pad = max(1, images.shape[2] // _SHIFT)
        queries = encoded.encode(losses.random_shift(images, pad))
        with torch.no_grad():
            keys = encoded.encode(losses.random_shift(images, pad), self.slow.network)
        return losses.info_nce(queries, keys, self.similarity)

    def after_step(self, network: StateNetwork) -> None:
        """See SlowCopy."""
        self.slow.follow(network)


class Atc(Objective):
    """Recognise the image that comes next, among those of the batch; both are shifted at random."""

    needs = ("next_images",)

    def __init__(self, setup: Setup):
        super().__init__(setup)
        self.slow = SlowCopy(setup.network, _RATE)
        self.ahead = perceptron(setup.dim, setup.dim, hidden=max(64, 2 * setup.dim))
        self.similarity = nn.Parameter(torch.eye(setup.dim))

    def forward(self, encoded: Encoded) -> Tensor:
        """InfoNCE of s + h(s) with the next image's state."""
        batch = encoded.batch
        pad = max(1, batch.images.shape[2] // _SHIFT)
        anchors = encoded.encode(losses.random_shift(batch.images, pad))
        with torch.no_grad():
            keys = encoded.encode(losses.random_shift(batch.next_images, pad), self.slow.network)
        return losses.info_nce(anchors + self.ahead(anchors), keys, self.similarity)

    def after_step(self, network: StateNetwork) -> None:
        """See SlowCopy."""
        self.slow.follow(network)


class MaskedLatents(Objective):
    """From two successive images of which half is masked, the states of the whole ones.

    MLR (Yu et al. 2022) over two moments in place of 16, with a perceptron in place of its transformer.
    """

    needs = ("next_images", "action")

    def __init__(self, setup: Setup):
        super().__init__(setup)
        self.slow = SlowCopy(setup.network, _RATE)
        self.project = nn.Linear(setup.dim, setup.dim)
        self.restore = perceptron(2 * setup.dim + setup.action_dim, 2 * setup.dim, hidden=128)

    def forward(self, encoded: Encoded) -> Tensor:
        """2 - 2 cos of restored and true states, mean over both moments."""
        batch = encoded.batch
        masked = losses.masked_cubes(batch.images, batch.next_images, _CELLS, _MASKED)
        here, there = (self.project(encoded.encode(images)) for images in masked)
        restored = self.restore(torch.cat([here, there, batch.action], dim=1)).chunk(2, dim=1)
        with torch.no_grad():
            true = [encoded.encode(images, self.slow.network) for images in (batch.images, batch.next_images)]
            true = [one - one.mean(dim=0) for one in true]  # without it one direction is the answer to all
        return 0.5 * sum(map(losses.negative_cosine, restored, true), torch.zeros((), device=here.device))

    def after_step(self, network: StateNetwork) -> None:
        """See SlowCopy."""
        self.slow.follow(network)


class Triplet(Objective):
    """States out of one camera alone: those of two cameras at one moment are alike, those of two moments are not.

    Where the features themselves are the state, they are compared after a linear map: they are places in different images.
    """

    needs = ("next_images",)
    cameras = 2

    def __init__(self, setup: Setup, width: int = 32):
        super().__init__(setup)
        self.embed = nn.ModuleList(nn.Linear(size, width) for size in setup.network.branch_sizes)

    def forward(self, encoded: Encoded) -> Tensor:
        """Mean over the other cameras; negatives are of another episode, or of the next moment, in turn."""
        codes, later = (self._codes(encoded.network, images) for images in encoded.batch[:2])
        elsewhere = codes[0].roll(1, dims=0)
        near = torch.arange(len(elsewhere), device=elsewhere.device)[:, None] % 2 == 0
        negative = torch.where(near, elsewhere, later[0])
        each = [losses.triplet(codes[0], other, negative) for other in codes[1:]]
        return torch.stack(each).mean()

    def _codes(self, network: StateNetwork, images: Tensor) -> list[Tensor]:
        features = network.camera_features(images)
        if network.outputs:
            hidden = [torch.zeros_like(one) for one in features]
            alone = [[*hidden[:i], one, *hidden[i + 1 :]] for i, one in enumerate(features)]
            return [network.head(torch.cat(parts, dim=1)) for parts in alone]
        return [nn.functional.normalize(embed(one), dim=1) for embed, one in zip(self.embed, features)]
