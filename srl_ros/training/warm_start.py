"""Continue the training of an encoder that is in use: the parts that a new training takes over from the old one."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import save as safetensors_bytes
from torch import Tensor

from robot_interface_ros.files.atomic_file import write_atomically
from srl_ros.encoder import Encoder
from srl_ros.encoder_files import EncoderError, read_weights
from srl_ros.training.learner import Learner

OBJECTIVES = "objectives.safetensors"
"""Weights that only training needs, such as a decoder's, beside an encoder that continues to learn."""


def begin(learner: Learner, folder: Path) -> None:
    """Load the network of the encoder in `folder`, and the weights of its objectives where there are any.

    The scale of states stays: a policy continues to act on them. Raises EncoderError.
    """
    learner.network.load_state_dict(Encoder.load(folder).weights())
    if (folder / OBJECTIVES).is_file():
        try:
            learner.objectives.load_state_dict(read_weights(folder / OBJECTIVES, 2, "remove it"))
        except RuntimeError as error:
            raise EncoderError(f"{folder / OBJECTIVES} does not fit: {' '.join(str(error).split())}") from None


def save(learner: Learner, folder: Path) -> None:
    """Save the weights of the objectives."""
    weights: dict[str, Tensor] = {k: v.cpu().contiguous() for k, v in learner.objectives.state_dict().items()}
    write_atomically(folder / OBJECTIVES, lambda file: file.write(safetensors_bytes(weights)))
