"""Which network a policy has, by what it sees."""

from __future__ import annotations

from typing import Any

from gymnasium import spaces
from stable_baselines3.common.preprocessing import is_image_space

MLP, CNN, DICTIONARY = "MlpPolicy", "CnnPolicy", "MultiInputPolicy"


def policy_kind(space: spaces.Space[Any]) -> str:
    """Return stable-baselines3's name of a policy for an observation space: for numbers, pixels or a dictionary."""
    if isinstance(space, spaces.Dict):
        return DICTIONARY
    return CNN if is_image_space(space) else MLP
