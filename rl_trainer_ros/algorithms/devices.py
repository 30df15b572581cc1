"""Where a learner computes: on the processor, or on a graphics card."""

from __future__ import annotations

from typing import Any

import torch
from stable_baselines3.common.preprocessing import is_image_space

from robot_interface_ros.config import ConfigError

AUTO, CPU, CUDA = "auto", "cpu", "cuda"


def check_device(device: str) -> None:
    """Raise ConfigError, one line, for a graphics card that torch does not find."""
    if device == CUDA and not torch.cuda.is_available():
        raise ConfigError("device is cuda, and torch finds no graphics card; use device:=auto or device:=cpu")


def device_for(device: str, space: Any) -> str:
    """Return cpu or cuda for a learner of observations in `space`. Raises ConfigError as `check_device` does.

    `auto`: a graphics card, if there is one, for images. Networks of numbers are so small that a processor is faster.
    """
    check_device(device)
    if device == AUTO:
        return CUDA if is_image_space(space) and torch.cuda.is_available() else CPU
    return device
