"""Losses that compare codes of images with each other."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def triplet(anchor: Tensor, positive: Tensor, negative: Tensor, margin: float = 0.2) -> Tensor:
    """Mean of max(0, |a - p|^2 - |a - n|^2 + margin); `(n, d)` each.

    Sermanet et al. 2018, "Time-contrastive networks": anchor and positive are two cameras at one moment, the negative is the
    anchor's camera at another.
    """
    near, far = ((anchor - other).pow(2).sum(dim=1) for other in (positive, negative))
    return functional.relu(near - far + margin).mean()


def info_nce(queries: Tensor, keys: Tensor, similarity: Tensor) -> Tensor:
    """Cross-entropy of finding each query's own key among those of the batch, by q W k.

    `queries`, `keys` (n, d), `similarity` W (d, d). Laskin et al. 2020, "CURL: contrastive unsupervised representations for
    reinforcement learning" (keys: another crop of the same image); Stooke et al. 2020, "Decoupling representation learning
    from reinforcement learning" (ATC; keys: an image a little later).
    """
    logits = queries @ similarity @ keys.T
    logits = logits - logits.max(dim=1, keepdim=True).values.detach()
    return functional.cross_entropy(logits, torch.arange(len(queries), device=queries.device))


def negative_cosine(predicted: Tensor, wanted: Tensor) -> Tensor:
    """2 - 2 cos(predicted, wanted), mean; `(n, d)` each. Grill et al. 2020, "Bootstrap your own latent", eq. 2."""
    return 2.0 - 2.0 * functional.cosine_similarity(predicted, wanted, dim=1).mean()


def random_shift(images: Tensor, pad: int, generator: torch.Generator | None = None) -> Tensor:
    """Return `images` (n, cameras, height, width, 3), each of the n shifted by up to `pad` pixels; edges are repeated.

    A crop of a padded image: Laskin et al. 2020 crop, Kostrikov et al. 2020 (DrQ) and Stooke et al. 2020 pad and crop. All
    cameras of one moment are shifted alike.
    """
    n, _, height, width, _ = images.shape
    offsets = (torch.rand(2, n, 1, generator=generator) * (2 * pad + 1)).long() - pad
    rows = (torch.arange(height) + offsets[0]).clamp(0, height - 1).to(images.device)
    across = (torch.arange(width) + offsets[1]).clamp(0, width - 1).to(images.device)
    each = torch.arange(n, device=images.device)[:, None, None]
    shifted = images.transpose(1, 2).transpose(2, 3)[each, rows[:, :, None], across[:, None, :]]
    return shifted.permute(0, 3, 1, 2, 4)


def masked_cubes(
    images: Tensor, following: Tensor, cells: int, share: float, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """Return two successive images (n, cameras, height, width, 3) with `share` of their `cells` x `cells` patches grey.

    A patch is masked in both, as the cubes of Yu et al. 2022, "Mask-based latent reconstruction for reinforcement learning"
    (MLR), which span space and time.
    """
    n, cameras, height, width, _ = images.shape
    hidden = torch.rand(n, cameras, cells, cells, generator=generator) < share
    rows, across = torch.arange(height) * cells // height, torch.arange(width) * cells // width
    mask = hidden[:, :, rows][:, :, :, across][..., None].to(images.device)
    grey = torch.full_like(images, 127)
    return torch.where(mask, grey, images), torch.where(mask, grey, following)
