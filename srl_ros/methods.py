"""The table of methods: name -> losses with weights, network and size of the state. Data only: torch is not loaded here.

A sum of losses is `autoencoder:1 inverse:2`. A split gives each loss values of its own in the state: `name:weight:size`, in
the order of the state; size -1 means the values of the loss before it. A new method is a row here, or an entry point.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from robot_interface_ros.config import ConfigError, unknown_name
from robot_interface_ros.registry import Registry

LOSSES = {
    "autoencoder": "reconstruct the image from the state",
    "dae": "reconstruct the whole image from the state of a copy with a blank rectangle",
    "vae": "reconstruct the image from a sampled state; states are normally distributed",
    "perceptual": "reconstruct the image; images are compared by features of a frozen network",
    "inverse": "predict the action between two states",
    "forward": "predict the next state from state and action",
    "reward": "predict the class of the reward from two states",
    "priors": "robotic priors: slow changes, rewards have causes, actions have like effects",
    "triplet": "two cameras at one moment give like states, two moments do not (two cameras)",
    "reward_prior": "states correlate with the reward",
    "episode_prior": "states do not tell which episode they are of",
    "l1": "few values of the state differ from 0",
    "l2": "the values of the state are small",
    "supervised": "predict the ground truth",
    "estimate": "predict the ground truth and how certain the prediction is",
    "reward_place": "predict the place that explains the rewards, and how certain the prediction is",
    "pca": "principal components of the network's features; not trained by gradients",
    "curl": "recognise the same image after a shift (CURL)",
    "atc": "recognise the image that comes next (augmented temporal contrast)",
    "vicreg": "predict the next state; values vary and do not repeat each other (VICReg)",
    "mrq": "predict next state, reward and end of the episode from state and action (MR.Q)",
    "mlr": "predict the states of whole images from images with masked patches (MLR)",
    "distillation": "predict the actions of a policy that knew the ground truth",
}
"""Name -> meaning. `srl_ros.objectives` implements them under the same names."""

KINDS = (
    "feature_points",
    "frozen_points",
    "small_cnn",
    "toolbox_cnn",
    "resnet18",
    "mlp",
    "linear",
    "efficientnet_lite0",
)
"""Names of the networks (`srl_ros.networks.NETWORKS`, which loads torch)."""

LARGEST_STATE = 4096
ONE_PER_TRUTH, TWO_PER_TRUTH = -1, -2
"""As `state_dim`: values for each name of the ground truth that is learned."""


@dataclass(frozen=True)
class Method:
    """How a state is learned, or which observation stands for it."""

    summary: str
    """One line for lists."""
    losses: str = ""
    """Such as `autoencoder:1 inverse:2`; empty: nothing is trained."""
    network: str = "feature_points"
    state_dim: int = 0
    """Values in a state; 0: as many as the network has of its own, or the sum of a split's sizes."""
    cameras: tuple[str, ...] = ("external",)
    """Cameras that are used unless others are asked for."""
    observation: str = ""
    """The observation that this name stands for; such a method has no encoder."""
    own_losses: Mapping[str, str] = field(default_factory=dict)
    """Losses of another package: name -> `module:Class`, a subclass of `srl_ros.objectives.Objective`."""


def check_method(thing: object) -> None:
    """Raise TypeError or ConfigError if this is no Method that another package may add."""
    if not isinstance(thing, Method):
        raise TypeError(f"is {thing!r}; expected an srl_ros.methods.Method")
    if thing.observation:
        raise TypeError("its observation must be empty: only methods of this package stand for an observation")
    for name in ("summary", "losses", "network"):
        if not isinstance(value := getattr(thing, name), str):
            raise TypeError(f"its {name} is {value!r}; expected a text")
    if thing.network not in KINDS:
        raise ConfigError(unknown_name("network", thing.network, KINDS))
    if type(thing.state_dim) is not int or not TWO_PER_TRUTH <= thing.state_dim <= LARGEST_STATE:
        raise TypeError(
            f"its state_dim is {thing.state_dim!r}; expected 0 to {LARGEST_STATE}, ONE_PER_TRUTH or TWO_PER_TRUTH"
        )
    cameras, own = thing.cameras, thing.own_losses
    if not isinstance(cameras, tuple) or not cameras or not all(isinstance(camera, str) for camera in cameras):
        raise TypeError(f"its cameras are {cameras!r}; expected a tuple of names, such as ('external',)")
    if not isinstance(own, Mapping) or not all(isinstance(part, str) for row in own.items() for part in row):
        raise TypeError(f"its own_losses are {own!r}; expected a mapping of names to 'module:Class'")
    if taken := [name for name in own if name in LOSSES]:
        raise TypeError(f"its own_losses have the name of a loss of this package: {', '.join(taken)}; rename yours")
    parse_losses(thing.losses, own)


TWO = ("external", "above")
METHODS: Registry[Method] = Registry(
    "srl_model",
    {
        "ground_truth": Method("the target's position is given; no camera", observation="ground_truth"),
        "raw_pixels": Method("no encoder: the policy sees the images", observation="raw_pixels"),
        "joints": Method("no encoder: joint positions and velocities alone", observation="joints"),
        "joints_position": Method("no encoder: joint positions alone", observation="joints_position"),
        "autoencoder": Method("reconstructs the image", "autoencoder:1"),
        "supervised": Method("predicts the target's position", "supervised:1", state_dim=ONE_PER_TRUTH),
        "target_estimate": Method(
            "predicts the target's position and its certainty", "estimate:1", state_dim=TWO_PER_TRUTH
        ),
        "reward_place": Method(
            "predicts where the rewards tell that the target is, and its certainty",
            "reward_place:1",
            state_dim=TWO_PER_TRUTH,
        ),
        "random": Method("nothing: the network untrained, a baseline"),
        "vae": Method("reconstructs the image from a sampled state", "vae:1"),
        "dae": Method("reconstructs images from copies with a blank rectangle", "dae:1"),
        "pca": Method("principal components of the pixels", "pca", network="linear", state_dim=32),
        "robotic_priors": Method("robotic priors", "priors:1"),
        "inverse": Method("predicts the action", "inverse:2"),
        "forward": Method("predicts the next state", "forward:1"),
        "reward": Method("predicts the reward", "reward:1"),
        "multi_view_srl": Method(
            "time-contrastive over two cameras, and reconstructs", "triplet:1 autoencoder:1", cameras=TWO
        ),
        "srl_combination": Method("reconstruction, reward and action", "autoencoder:1 reward:1 inverse:2"),
        "autoencoder_inverse": Method("reconstruction and action", "autoencoder:1 inverse:2"),
        "autoencoder_reward": Method("reconstruction and reward", "autoencoder:1 reward:1"),
        "autoencoder_forward": Method("reconstruction and next state", "autoencoder:1 forward:1"),
        "random_inverse": Method(
            "predicts the action from an untrained network's features", "inverse:2", "frozen_points"
        ),
        "reward_inverse": Method("reward and action", "reward:1 inverse:2"),
        "srl_splits": Method("split: reconstruction and reward, action", "autoencoder:1:198 reward:1:-1 inverse:2:2"),
        "srl_split_forward": Method(
            "split: reconstruction and reward, next state", "autoencoder:1:20 reward:1:-1 forward:1:20"
        ),
        "srl_3_splits": Method(
            "split: reconstruction and reward, next state, action",
            "autoencoder:1:20 reward:1:-1 forward:1:60 inverse:5:20",
        ),
        "perceptual": Method("reconstructs images, compared by features of a frozen network", "perceptual:1"),
        "triplet": Method("time-contrastive over two cameras", "triplet:1", cameras=TWO),
        "reward_prior": Method("states that correlate with the reward", "reward_prior:10"),
        "episode_prior": Method("robotic priors, blind to the episode", "priors:1 episode_prior:1"),
        "autoencoder_l1": Method("reconstruction from few values", "autoencoder:1 l1:0.01"),
        "autoencoder_l2": Method("reconstruction from small values", "autoencoder:1 l2:0.01"),
        "curl": Method("contrastive over shifts (CURL)", "curl:1"),
        "atc": Method("contrastive over time (ATC)", "atc:1"),
        "vicreg": Method("next state, with an anti-collapse term (VICReg)", "vicreg:1"),
        "mrq": Method("next state, reward and end (MR.Q)", "mrq:1"),
        "mlr": Method("masked latent reconstruction (MLR)", "mlr:1"),
        "inverse_forward": Method("action and next state", "inverse:2 forward:1"),
        "distillation": Method("the actions of a policy that knew the state", "distillation:1"),
        "pretrained": Method(
            "principal components of a network trained on ImageNet", "pca", network="efficientnet_lite0", state_dim=64
        ),
    },
    "rl_trainer_ros.srl_methods",
    check_method,
)


def encoded() -> tuple[str, ...]:
    """Names of the methods that have an encoder; those of other packages are not imported for it."""
    return tuple(name for name in METHODS if name not in METHODS.ours or not METHODS.ours[name].observation)


class Loss(NamedTuple):
    """A loss of a method, and the values of the state that it works on."""

    name: str
    weight: float
    begin: int
    end: int | None
    """None: up to the end of the state."""


def parse_losses(text: str, own: Mapping[str, str] | None = None) -> tuple[Loss, ...]:
    """Read `name[:weight[:size]]`, separated by spaces. Raises ConfigError, one line, for any other text."""
    known = [*LOSSES, *(own or {})]
    losses: list[Loss] = []
    for part in text.split():
        name, *numbers = part.split(":")
        if name not in known:
            raise ConfigError(unknown_name("loss", name, known))
        try:
            weight, size = float(numbers[0]) if numbers else 1.0, int(numbers[1]) if len(numbers) > 1 else 0
        except ValueError:
            raise ConfigError(
                f"loss {part}: expected name, name:weight or name:weight:size, such as inverse:2:20"
            ) from None
        if len(numbers) > 2 or not 0.0 <= weight <= 1e9 or not math.isfinite(weight) or not -1 <= size <= 4096:
            raise ConfigError(f"loss {part}: weight must be 0 to 1e9, size 1 to 4096, or -1 for the loss before it")
        if len(numbers) > 1 and size == 0:
            raise ConfigError(f"loss {part}: size must be 1 to 4096, or -1 for the values of the loss before it")
        if size == -1:
            if not losses or losses[-1].end is None:
                raise ConfigError(
                    f"loss {part}: size -1 means the values of the loss before it, and there is none with a size"
                )
            losses.append(Loss(name, weight, losses[-1].begin, losses[-1].end))
        else:
            begin = max((loss.end or 0 for loss in losses), default=0)
            losses.append(Loss(name, weight, begin if size else 0, begin + size if size else None))
    if len({loss.end is None for loss in losses}) > 1:
        raise ConfigError(f"losses '{text}': give every loss a size, or none")
    if len({loss.name for loss in losses}) < len(losses):
        raise ConfigError(f"losses '{text}': one loss stands twice")
    if "pca" in (names := [loss.name for loss in losses]) and len(names) > 1:
        raise ConfigError(f"losses '{text}': pca is not trained by gradients and goes with no other loss")
    return tuple(losses)


def split_size(losses: tuple[Loss, ...]) -> int:
    """Values of a state that is split; 0: it is not."""
    return max((loss.end or 0 for loss in losses), default=0)
