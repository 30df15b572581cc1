"""Losses that compare a drawn image with the camera's."""

from __future__ import annotations

import torch
from torch import Tensor


def reconstruction(drawn: Tensor, wanted: Tensor, pixel_weights: Tensor) -> Tensor:
    """Mean over pixels of w |drawn - wanted|^2 / 3.

    `drawn`, `wanted`: (n, 3, height, width); `pixel_weights`: (n, height, width). With weights of 1 it is the autoencoder's
    loss of the S-RL Toolbox (Raffin et al. 2018, arXiv 1809.09369).
    """
    return (pixel_weights * ((drawn - wanted) ** 2).mean(dim=1)).mean()


def blank_rectangles(images: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Return `images` (n, cameras, height, width, 3) uint8, one rectangle of each image of each camera grey.

    Each side is 1 pixel to half the image's. The denoising autoencoder of the S-RL Toolbox (DAE; after Vincent et al. 2008,
    "Extracting and composing robust features with denoising autoencoders").
    """
    n, cameras, height, width, _ = images.shape

    def along(length: int) -> Tensor:
        size = 1 + (torch.rand(n, cameras, 1, generator=generator) * (length // 2)).long()
        begin = (torch.rand(n, cameras, 1, generator=generator) * (length - size + 1)).long()
        place = torch.arange(length)
        return ((place >= begin) & (place < begin + size)).to(images.device)

    inside = along(height)[..., :, None] & along(width)[..., None, :]
    return torch.where(inside[..., None], torch.full_like(images, 127), images)


def kl_to_normal(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL divergence of N(mean, exp(log_variance)) from N(0, 1), summed over the state, mean over the batch.

    Kingma and Welling 2014, "Auto-encoding variational Bayes", appendix B. Times beta: Higgins et al. 2017, "beta-VAE".
    """
    return -0.5 * (1.0 + log_variance - mean**2 - log_variance.exp()).sum(dim=1).mean()


def perceptual(drawn_features: Tensor, wanted_features: Tensor) -> Tensor:
    """Mean squared distance between what a frozen network makes of the drawing and of the image, `(n, k)` each.

    Johnson et al. 2016, "Perceptual losses for real-time style transfer and super-resolution"; in the S-RL Toolbox the frozen
    network is a denoising autoencoder's.
    """
    return ((drawn_features - wanted_features) ** 2).mean()
