"""Objectives: a loss together with the networks that only training needs and the data that it uses. One class each."""

from __future__ import annotations

from srl_ros.objectives.base import Batch, Encoded, Objective, Setup
from srl_ros.objectives.contrasting import Atc, Curl, MaskedLatents, Triplet
from srl_ros.objectives.drawing import Autoencoder, Denoising, Perceptual, Variational
from srl_ros.objectives.predicting import (
    Distillation,
    Estimate,
    Forward,
    Inverse,
    ModelBased,
    Reward,
    Supervised,
    VarianceRegularised,
)
from srl_ros.objectives.principal_components import PrincipalComponents
from srl_ros.objectives.reward_place import RewardPlace
from srl_ros.objectives.shaping import EpisodePrior, FewValues, RewardPrior, RoboticPriors, SmallValues

__all__ = ["OBJECTIVES", "Batch", "Encoded", "Objective", "Setup"]

OBJECTIVES: dict[str, type[Objective]] = {
    "autoencoder": Autoencoder,
    "dae": Denoising,
    "vae": Variational,
    "perceptual": Perceptual,
    "inverse": Inverse,
    "forward": Forward,
    "reward": Reward,
    "priors": RoboticPriors,
    "triplet": Triplet,
    "reward_prior": RewardPrior,
    "episode_prior": EpisodePrior,
    "l1": FewValues,
    "l2": SmallValues,
    "supervised": Supervised,
    "estimate": Estimate,
    "reward_place": RewardPlace,
    "pca": PrincipalComponents,
    "curl": Curl,
    "atc": Atc,
    "vicreg": VarianceRegularised,
    "mrq": ModelBased,
    "mlr": MaskedLatents,
    "distillation": Distillation,
}
"""Name of a loss (`srl_ros.methods.LOSSES`) -> its class."""
