"""DrQ: SAC from pixels with shifted images, and one encoder that the critic trains and the actor uses.

Kostrikov, Yarats and Fergus 2020, "Image augmentation is all you need" (arXiv 2004.13649), with one shift of each image, as if
K = M = 1 there. Its encoder has four convolutions of 32 channels; here two of them have stride 2 instead of one, so that an
update takes a third of the arithmetic.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from gymnasium import spaces
from stable_baselines3 import SAC
from stable_baselines3.common.policies import BasePolicy, ContinuousCritic
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.sac.policies import Actor, SACPolicy
from torch import Tensor, nn

from rl_trainer_ros.algorithms.image_replay import ImageReplayBuffer

_CHANNELS, _STRIDES = 32, (2, 2, 1, 1)
LARGEST_SHIFT = 32


class Convolutions(BaseFeaturesExtractor):
    """The encoder: `(n, channels, height, width)` from 0 to 1 to `(n, features)`."""

    def __init__(self, observation_space: spaces.Box):
        super().__init__(observation_space, features_dim=1)
        layers: list[nn.Module] = []
        channels = observation_space.shape[0]
        for stride in _STRIDES:
            layers += [nn.Conv2d(channels, _CHANNELS, 3, stride=stride), nn.ReLU()]
            channels = _CHANNELS
        self.layers = nn.Sequential(*layers, nn.Flatten())
        with torch.no_grad():
            self._features_dim = int(self.layers(torch.zeros(1, *observation_space.shape)).shape[1])

    def forward(self, images: Tensor) -> Tensor:
        """See BaseFeaturesExtractor."""
        features: Tensor = self.layers(images - 0.5)
        return features


def _read_out(inputs: int, outputs: int) -> nn.Sequential:
    """From convolutions to a small state; actor and critic have one each."""
    return nn.Sequential(nn.Linear(inputs, outputs), nn.LayerNorm(outputs), nn.Tanh())


class DetachedActor(Actor):
    """SAC's actor on the critic's encoder, which its gradient does not reach."""

    def __init__(self, *, features_dim: int, latent_dim: int, **arguments: Any):
        super().__init__(features_dim=latent_dim, **arguments)
        self.read_out = _read_out(features_dim, latent_dim)

    def extract_features(self, obs: Any, features_extractor: BaseFeaturesExtractor) -> Tensor:
        """See BaseModel."""
        with torch.no_grad():
            features = super().extract_features(obs, features_extractor)
        state: Tensor = self.read_out(features)
        return state


class EncodingCritic(ContinuousCritic):
    """SAC's critic, whose loss trains the encoder."""

    def __init__(self, *, features_dim: int, latent_dim: int, **arguments: Any):
        super().__init__(features_dim=latent_dim, **arguments)
        self.read_out = _read_out(features_dim, latent_dim)

    def forward(self, obs: Tensor, actions: Tensor) -> tuple[Tensor, ...]:
        """See ContinuousCritic. With actions of the actor only the actor learns, so the encoder needs no gradient."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not actions.requires_grad):
            features = self.extract_features(obs, self.features_extractor)
        values = torch.cat([self.read_out(features), actions], dim=1)
        return tuple(network(values) for network in self.q_networks)


class DrqPolicy(SACPolicy):
    """Actor and critic of DrQ."""

    def __init__(self, *arguments: Any, latent_dim: int = 50, **named: Any):
        """`latent_dim`: values in the state that actor and critic read out of the encoder."""
        self._latent_dim = latent_dim
        super().__init__(*arguments, **{**named, "features_extractor_class": Convolutions})

    def _build(self, lr_schedule: Any) -> None:
        self.critic = self.make_critic()
        self.critic_target = self.make_critic()
        self.critic_target.load_state_dict(self.critic.state_dict())
        self.critic_target.set_training_mode(False)
        self.actor = self.make_actor(self.critic.features_extractor)
        own = [one for name, one in self.actor.named_parameters() if not name.startswith("features_extractor.")]
        optimiser, rate = self.optimizer_class, lr_schedule(1)
        self.actor.optimizer = optimiser(own, lr=rate, **self.optimizer_kwargs)  # type: ignore[call-arg]
        self.critic.optimizer = optimiser(self.critic.parameters(), lr=rate, **self.optimizer_kwargs)  # type: ignore[call-arg]

    def make_actor(self, features_extractor: BaseFeaturesExtractor | None = None) -> Actor:
        """See SACPolicy."""
        arguments = self._update_features_extractor(self.actor_kwargs, features_extractor)
        return DetachedActor(latent_dim=self._latent_dim, **arguments).to(self.device)

    def make_critic(self, features_extractor: BaseFeaturesExtractor | None = None) -> ContinuousCritic:
        """See SACPolicy."""
        arguments = self._update_features_extractor(self.critic_kwargs, features_extractor)
        return EncodingCritic(latent_dim=self._latent_dim, **arguments).to(self.device)

    def _get_constructor_parameters(self) -> dict[str, Any]:
        return {**super()._get_constructor_parameters(), "latent_dim": self._latent_dim}


class DrQ(SAC):
    """SAC with `ImageReplayBuffer` and `DrqPolicy`."""

    images_per_transition: ClassVar[int] = 1
    policy_aliases: ClassVar[dict[str, type[BasePolicy]]] = {"CnnPolicy": DrqPolicy}

    def __init__(
        self,
        policy: Any,
        env: Any,
        *,
        image_shift: int = 4,
        latent_dim: int = 50,
        policy_kwargs: dict[str, Any] | None = None,
        **arguments: Any,
    ):
        """`image_shift`: largest shift of a sampled image, pixels. `latent_dim`: see DrqPolicy. The rest: see SAC."""
        if not isinstance(image_shift, int) or not 0 <= image_shift <= LARGEST_SHIFT:
            raise ValueError(f"image_shift is {image_shift}; expected a whole number from 0 to {LARGEST_SHIFT}")
        if not isinstance(latent_dim, int) or not 1 <= latent_dim <= 4096:
            raise ValueError(f"latent_dim is {latent_dim}; expected a whole number from 1 to 4096")
        if arguments.get("n_steps", 1) != 1:
            raise ValueError("n_steps has no effect: its replay buffer has returns of one step; leave it out")
        self.image_shift, self.latent_dim = image_shift, latent_dim
        arguments |= {"replay_buffer_class": ImageReplayBuffer, "replay_buffer_kwargs": {"shift": image_shift}}
        super().__init__(policy, env, policy_kwargs={**(policy_kwargs or {}), "latent_dim": latent_dim}, **arguments)
