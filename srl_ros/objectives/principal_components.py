"""Principal components, computed part by part."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from srl_ros.networks import StateNetwork
from srl_ros.objectives.base import Objective


class PrincipalComponents(Objective):
    """The state is the first principal components of the network's features: of the pixels, where it is `linear`.

    The components become the weights of the network's read-out, so features are normalised alike at fit and at run time.
    """

    trains = False

    def fit(self, network: StateNetwork, features: Iterable[Tensor]) -> None:
        """Set the read-out from `features` (n, feature_dim), in parts."""
        assert isinstance(network.head, nn.Linear)
        mean, components = principal_components(features, network.state_dim)
        with torch.no_grad():
            network.head.weight.copy_(components)
            network.head.bias.copy_(-(components @ mean))


def principal_components(parts: Iterable[Tensor], count: int) -> tuple[Tensor, Tensor]:
    """Return mean `(d,)` and the first `count` components `(count, d)`, of length 1, the largest first.

    Incremental: Ross et al. 2008, "Incremental learning for robust visual tracking", section 2.1. Between the parts, about
    twice as many components are kept. Directions that the data do not have are 0.
    """
    seen, mean, kept = 0, torch.zeros(0), torch.zeros(0)
    for part in parts:
        part = part.double()
        new, total = part.mean(dim=0), seen + len(part)
        rows = part - new
        if seen:
            shift = ((seen * len(part)) / total) ** 0.5 * (mean - new)
            rows = torch.cat([kept, rows, shift[None]])
        # the right singular vectors of few long rows: those of a small matrix of products
        values, vectors = torch.linalg.eigh(rows @ rows.T)
        largest = values.argsort(descending=True)[: 2 * count + 32]
        kept = vectors[:, largest].T @ rows  # singular values times components
        mean = (mean * seen + new * len(part)) / total if seen else new
        seen = total
    kept = kept[:count]
    lengths = kept.norm(dim=1, keepdim=True)
    components = torch.where(lengths > 1e-6 * lengths.max(), kept / lengths.clamp_min(1e-12), torch.zeros_like(kept))
    if len(components) < count:
        components = torch.cat([components, components.new_zeros(count - len(components), components.shape[1])])
    return mean.float(), components.float()
