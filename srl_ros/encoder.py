"""A trained image encoder, in memory and as a folder: `encoder.json` and one file of weights.

`encoder.json` says what the encoder is and, through the hash in it, which `encoder-<hash>.safetensors` are its weights. It is
renamed into place last, so a kill while saving leaves the old encoder or the new one. No code in the files is run.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save as safetensors_bytes
from torch import Tensor

from robot_interface_ros.config import ConfigError
from robot_interface_ros.files.atomic_file import write_atomically
from robot_interface_ros.files.checked_values import shown
from robot_interface_ros.files.paths import expanded
from srl_ros.encoder_files import (
    EncoderError,
    EncoderValues,
    command_for,
    estimated,
    first_line,
    read_values,
    read_weights,
    weights_hash,
    weights_name,
)
from srl_ros.networks import StateNetwork
from srl_ros.threads import torch_threads

__all__ = ["FORMAT", "Encoder", "EncoderError", "weights_hash"]
FORMAT = 2
_HASH_DIGITS = 12
_BATCH = 256


class Encoder:
    """Encodes the rgb images of one moment into a state.

    `id`: the method, and a hash of weights, input, method and data: equal where and only where these are. `cameras`: names of
    the cameras whose images are encoded together. `image_shape`: (height, width, 3) of each. `state_dim`: values in a state,
    each about of mean 0 and deviation 1 over the training images. `method`, `config`, `metrics`: how it was made, and what it
    was found to know (see `srl_ros.training.evaluation`). `estimates`: names of the ground truth that the state estimates,
    values first, then the logarithms of their deviations; empty: it is another state.
    `dataset`: sha256 of the data; empty: not known.
    """

    def __init__(
        self,
        network: StateNetwork,
        image_shape: tuple[int, int, int],
        method: str,
        config: Mapping[str, Any],
        metrics: Mapping[str, Any],
        cameras: tuple[str, ...] = ("external",),
        dataset: str = "",
    ):
        self._network = network.eval().requires_grad_(False)
        self._hash = weights_hash(network.state_dict())
        self.image_shape, self.state_dim, self.cameras = image_shape, network.state_dim, tuple(cameras)
        self.method, self.config, self.metrics, self.dataset = method, dict(config), dict(metrics), dataset
        self.estimates = estimated(method, self.config, self.state_dim)
        about = json.dumps([self._hash, method, network.kind, list(image_shape), list(self.cameras), dataset])
        self.id = f"{method}-{hashlib.sha256(about.encode()).hexdigest()[:_HASH_DIGITS]}"

    def weights(self) -> dict[str, Tensor]:
        """Return the weights of the network, with the scale of states."""
        return dict(self._network.state_dict())

    def encode(self, image: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Encode `(cameras, height, width, 3)` uint8 rgb, or `(height, width, 3)` of one camera, into a state.

        Returns `(state_dim,)` float64, each value exactly a float32. Runs on one thread whatever torch is set to, so the same
        image gives the same bits in every process of a machine that uses the same build of torch. Another build, or a
        processor with other vector instructions, adds in another order (docs/srl.md). Raises EncoderError for an image of
        another shape or type.
        """
        several = image if image.ndim == 4 else image[None]
        if several.shape != (len(self.cameras), *self.image_shape) or image.dtype != np.uint8:
            height, width, _ = self.image_shape
            raise EncoderError(
                f"got an image of shape {image.shape}, {image.dtype}; {self.id} was trained on {self.image_shape}, uint8, of "
                f"{', '.join(self.cameras)}: set the camera to {width}x{height} rgb, or train an encoder on its images"
            )
        state: NDArray[np.float64] = self._run(several[None])[0]
        return state

    def encode_images(self, images: Mapping[str, NDArray[np.uint8]]) -> NDArray[np.float64]:
        """Encode the images of one moment by camera; others than `cameras` are ignored. Raises EncoderError."""
        missing = [camera for camera in self.cameras if camera not in images]
        if missing:
            raise EncoderError(
                f"{self.id} needs an image of {', '.join(missing)}; there are {', '.join(images) or 'none'}"
            )
        for camera in self.cameras:
            if images[camera].shape != self.image_shape or images[camera].dtype != np.uint8:
                height, width, _ = self.image_shape
                raise EncoderError(
                    f"got an image of shape {images[camera].shape}, {images[camera].dtype} of camera {camera}; {self.id} was "
                    f"trained on {self.image_shape}, uint8: set the camera to {width}x{height} rgb, or train an encoder on "
                    "its images"
                )
        return self.encode(np.stack([images[camera] for camera in self.cameras]))

    def encode_batch(self, images: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Encode `(n, cameras, height, width, 3)` into `(n, state_dim)`: `encode` of each up to the last bits, and faster.

        `(n, height, width, 3)` of one camera is accepted too.
        """
        several = images if images.ndim == 5 else images[:, None]
        if several.shape[1:] != (len(self.cameras), *self.image_shape) or images.dtype != np.uint8:
            raise EncoderError(
                f"got images of shape {images.shape}, {images.dtype}; expected uint8 of shape "
                f"{('n', len(self.cameras), *self.image_shape)}"
            )
        parts = [self._run(several[start : start + _BATCH]) for start in range(0, len(images), _BATCH)]
        return np.concatenate(parts) if parts else np.empty((0, self.state_dim))

    def _run(self, images: NDArray[np.uint8]) -> NDArray[np.float64]:
        with torch_threads(1), torch.inference_mode():  # the copy: torch takes no read-only array, as messages hold
            states: Tensor = self._network(torch.from_numpy(np.array(images)))
        return states.numpy().astype(np.float64)

    def save(self, folder: str | Path) -> None:
        """Save into `folder`, in place of an encoder that is there; makes the folder where needed."""
        folder, weights = Path(folder), weights_name(self._hash, FORMAT)
        network = self._network
        values = {
            "format": FORMAT,
            "id": self.id,
            "method": self.method,
            "weights_sha256": self._hash,
            "cameras": list(self.cameras),
            "image_shape": list(self.image_shape),
            "state_dim": self.state_dim,
            "network": network.kind,
            "feature_points": network.points,
            "outputs": network.outputs,
            "hidden": network.hidden,
            "dataset_sha256": self.dataset,
            "config": self.config,
            "metrics": _finite(self.metrics),
        }
        text = json.dumps(values, indent=2, allow_nan=False) + "\n"
        content = safetensors_bytes({name: value.contiguous() for name, value in network.state_dict().items()})
        write_atomically(folder / weights, lambda file: file.write(content))
        write_atomically(folder / "encoder.json", text)
        for old in (*folder.glob("encoder-*.pt"), *folder.glob("encoder-*.safetensors")):
            if old.name != weights:
                old.unlink(missing_ok=True)

    @classmethod
    def load(cls, folder: str | Path) -> Encoder:
        """Load an encoder that `save` of this version or of an older one wrote.

        Raises EncoderError when there is none, when a file is cut short, foreign, edited or of a newer version, and when the
        weights are not finite, or not the ones that encoder.json means.
        """
        folder = expanded(folder)
        again = f"train again: {command_for(folder)}"
        values = read_values(folder / "encoder.json", command_for(folder), FORMAT)
        path = folder / weights_name(values.weights_sha256, values.format)
        weights = read_weights(path, values.format, again)
        if weights_hash(weights) != values.weights_sha256:
            raise EncoderError(f"{path} does not hold the weights that encoder.json was written with; {again}")
        try:
            network = _network(values)
            network.load_state_dict(weights if values.format > 1 else _renamed(weights))
        except (RuntimeError, TypeError, ValueError, KeyError) as error:
            raise EncoderError(
                f"{folder} holds weights and an encoder.json that do not fit together ({first_line(error)}); {again}"
            ) from None
        if not _usable(network):
            raise EncoderError(f"{path} has weights that are not finite, or a state without a scale; {again}")
        if network.state_dim != values.state_dim:
            raise EncoderError(f"{folder / 'encoder.json'} contradicts itself in image_shape or state_dim; {again}")
        made = cls(
            network, values.image_shape, values.method, values.config, values.metrics, values.cameras, values.dataset
        )
        if values.format == 1:  # its runs know it by this name
            made.id = f"{values.method}-{values.weights_sha256[:_HASH_DIGITS]}"
        if values.id and values.id != made.id:
            raise EncoderError(
                f"{folder / 'encoder.json'} was changed after it was saved: it has the id {shown(values.id)}, and its method, "
                f"cameras, image_shape, network and data are those of {made.id}; restore it, or {again}"
            )
        return made


def _usable(network: StateNetwork) -> bool:
    """Whether all weights are finite and every value of a state has a scale."""
    finite = all(bool(torch.isfinite(value).all()) for value in network.state_dict().values())
    return finite and bool((network.std > 0.0).all())


def _finite(value: Any) -> Any:
    """Return figures as JSON has them: None for those that are not finite, such as of values that overflow."""
    if isinstance(value, dict):
        return {name: _finite(entry) for name, entry in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _network(values: EncoderValues) -> StateNetwork:
    height, width, _ = values.image_shape
    with torch.random.fork_rng(devices=[]):  # first weights are drawn, and a training's generator is not ours
        try:
            return StateNetwork(
                height,
                width,
                values.feature_points,
                values.outputs,
                len(values.cameras),
                values.network,
                values.hidden,
            )
        except ConfigError as error:
            raise EncoderError(str(error)) from None


def _renamed(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of format 1, which had one camera: its features are now the first branch."""
    return {
        f"branches.0.{name.removeprefix('features.')}" if name.startswith("features.") else name: value
        for name, value in weights.items()
    }
