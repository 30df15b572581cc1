"""A trained image encoder, in memory and as a folder: `encoder.json` and one file of weights.

`encoder.json` says what the encoder is and, through the hash in it, which `encoder-<hash>.pt` are its weights. It is
renamed into place last, so a kill while saving leaves the old encoder or the new one. The weights are read by torch's
weights-only reader: no code in the file is run.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from robot_interface_ros.command_lines import command_line
from robot_interface_ros.files.atomic_file import write_atomically
from robot_interface_ros.files.checked_values import listed, whole
from robot_interface_ros.files.paths import expanded
from robot_interface_ros.files.untrusted_files import FileError, NoFileError, read_bytes, read_json
from srl_ros.methods import METHODS
from srl_ros.models import StateNetwork
from srl_ros.threads import torch_threads

FORMAT = 1
_KEYS: dict[str, type] = {
    "method": str,
    "weights_sha256": str,
    "image_shape": list,
    "state_dim": int,
    "feature_points": int,
    "outputs": int,
    "config": dict,
    "metrics": dict,
}
_HASH_DIGITS = 12
WEIGHTS_LIMIT = 64 * 2**20  # bytes; ours have 40 KiB
MOST_PIXELS, MOST_VALUES = 4096, 4096
_BATCH = 256


class EncoderError(ValueError):
    """An encoder that cannot be used, or an image that it cannot encode; one line says what is wrong and what to do."""


class Encoder:
    """Encodes rgb images into states.

    `id`: method and hash of the weights, equal where and only where the weights are. `image_shape`: (height, width, 3).
    `state_dim`: values in a state, each about of mean 0 and deviation 1 over the training images. `method`, `config`,
    `metrics`: how it was made, and what it was found to know (see `srl_ros.metrics`).
    """

    def __init__(
        self,
        network: StateNetwork,
        image_shape: tuple[int, int, int],
        method: str,
        config: Mapping[str, Any],
        metrics: Mapping[str, Any],
    ):
        self._network = network.eval().requires_grad_(False)
        self._hash = weights_hash(network.state_dict())
        self.image_shape, self.state_dim = image_shape, network.state_dim
        self.method, self.config, self.metrics = method, dict(config), dict(metrics)
        self.id = f"{method}-{self._hash[:_HASH_DIGITS]}"

    def encode(self, image: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Encode `image` (height, width, 3) uint8 rgb into `(state_dim,)` float64, each value exactly a float32.

        Runs on one thread whatever torch is set to, so the same image gives the same bits in every process of a machine that
        uses the same build of torch. Another build, or a processor with other vector instructions, adds in another order
        (docs/srl.md). Raises EncoderError for an image of another shape or type.
        """
        if image.shape != self.image_shape or image.dtype != np.uint8:
            height, width, _ = self.image_shape
            raise EncoderError(
                f"got an image of shape {image.shape}, {image.dtype}; {self.id} was trained on {self.image_shape}, uint8: "
                f"set the camera to {width}x{height} rgb, or train an encoder on its images"
            )
        state: NDArray[np.float64] = self._run(image[None])[0]
        return state

    def encode_batch(self, images: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Encode `(n, height, width, 3)` into `(n, state_dim)`: `encode` of each up to the last bits, and faster."""
        if images.shape[1:] != self.image_shape or images.dtype != np.uint8:
            raise EncoderError(
                f"got images of shape {images.shape}, {images.dtype}; expected (n, *{self.image_shape}), uint8"
            )
        parts = [self._run(images[start : start + _BATCH]) for start in range(0, len(images), _BATCH)]
        return np.concatenate(parts) if parts else np.empty((0, self.state_dim))

    def _run(self, images: NDArray[np.uint8]) -> NDArray[np.float64]:
        with torch_threads(1), torch.inference_mode():  # the copy: torch takes no read-only array, as messages hold
            states: Tensor = self._network(torch.from_numpy(np.array(images)))
        return states.numpy().astype(np.float64)

    def save(self, folder: str | Path) -> None:
        """Save into `folder`, in place of an encoder that is there; makes the folder where needed."""
        folder, weights = Path(folder), _weights_name(self._hash)
        values = {
            "format": FORMAT,
            "id": self.id,
            "method": self.method,
            "weights_sha256": self._hash,
            "image_shape": list(self.image_shape),
            "state_dim": self.state_dim,
            "feature_points": self._network.points,
            "outputs": self._network.outputs,
            "config": self.config,
            "metrics": self.metrics,
        }
        text = json.dumps(values, indent=2, allow_nan=False) + "\n"
        write_atomically(folder / weights, lambda file: torch.save(self._network.state_dict(), file))
        write_atomically(folder / "encoder.json", text)
        for old in folder.glob("encoder-*.pt"):
            if old.name != weights:
                old.unlink(missing_ok=True)

    @classmethod
    def load(cls, folder: str | Path) -> Encoder:
        """Load what `save` wrote.

        Raises EncoderError when there is none, when a file is cut short, foreign or of a newer version, and when the
        weights are not the ones that encoder.json means.
        """
        folder = expanded(folder)
        again = f"train again: {_command(folder)}"
        values = _read_json(folder / "encoder.json", _command(folder))
        path = folder / _weights_name(values["weights_sha256"])
        weights = _read_weights(path, again)
        if weights_hash(weights) != values["weights_sha256"]:
            raise EncoderError(f"{path} does not hold the weights that encoder.json was written with; {again}")
        try:
            height, width, channels = values["image_shape"]
            with torch.random.fork_rng(devices=[]):  # first weights are drawn, and a training's generator is not ours
                network = StateNetwork(height, width, values["feature_points"], values["outputs"])
            network.load_state_dict(weights)
        except (RuntimeError, TypeError, ValueError) as error:
            raise EncoderError(
                f"{folder} holds weights and an encoder.json that do not fit together ({_first_line(error)}); {again}"
            ) from None
        if network.state_dim != values["state_dim"] or channels != 3:
            raise EncoderError(f"{folder / 'encoder.json'} contradicts itself in image_shape or state_dim; {again}")
        return cls(network, (height, width, 3), values["method"], values["config"], values["metrics"])


def weights_hash(weights: Mapping[str, Tensor]) -> str:
    """sha256 over names, types, shapes and bytes of `weights`: of their values, and not of a file's layout."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        array = weights[name].detach().cpu().numpy()
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _weights_name(sha256: str) -> str:
    return f"encoder-{sha256[:_HASH_DIGITS]}.pt"


def _command(folder: Path) -> str:
    """The command that makes the encoder of `folder`, which is named after its method unless a user chose otherwise."""
    parent = folder.parent
    log_dir = [f"log_dir:={parent.parent}"] if parent.name == "srl" and str(parent.parent) != "runs" else []
    return command_line("train_srl", f"srl_model:={folder.name if folder.name in METHODS else 'autoencoder'}", *log_dir)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(":.")


def _read_json(path: Path, command: str) -> dict[str, Any]:
    """Return the checked values of an encoder.json."""
    try:
        values = read_json(path)
    except NoFileError:
        raise EncoderError(f"no trained encoder at {path.parent}; make one with: {command}") from None
    except FileError as error:
        raise EncoderError(f"{error}; train again: {command}") from None
    version = values.get("format") if isinstance(values, dict) else None
    if not isinstance(version, int):
        raise EncoderError(f"{path} was not written by this project: it has no format number; train again: {command}")
    if version > FORMAT:
        raise EncoderError(
            f"{path} has format {version} and this version reads up to {FORMAT}; update rl_trainer_ros, or train again: "
            f"{command}"
        )
    wrong = [key for key, kind in _KEYS.items() if not isinstance(values.get(key), kind)]
    sha256 = values.get("weights_sha256")
    if not wrong and not (len(sha256) == 64 and set(sha256) <= set("0123456789abcdef")):
        wrong = ["weights_sha256"]  # it becomes part of a file name
    if wrong:
        raise EncoderError(f"{path} lacks a valid {', '.join(wrong)}; train again: {command}")
    try:
        for side, length in enumerate(listed(values.get("image_shape"), "image_shape", 3)):
            whole(length, f"image_shape[{side}]", 1, MOST_PIXELS)
        for key in ("state_dim", "feature_points", "outputs"):
            whole(values.get(key), key, 0, MOST_VALUES)
    except FileError as error:
        raise EncoderError(f"{path}: {error}; train again: {command}") from None
    checked: dict[str, Any] = values
    return checked


def _read_weights(path: Path, again: str) -> dict[str, Tensor]:
    """Return the tensors in `path` by name."""
    try:
        content = read_bytes(path, WEIGHTS_LIMIT)
    except NoFileError:
        raise EncoderError(f"{path} is missing, though encoder.json names it; {again}") from None
    except FileError as error:
        raise EncoderError(f"{error}; {again}") from None
    try:
        weights = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # a cut or foreign file makes torch raise nearly anything
        raise EncoderError(
            f"{path} is cut short or no file of weights ({type(error).__name__} while reading it); {again}"
        ) from None
    if not isinstance(weights, dict) or not all(isinstance(entry, Tensor) for entry in weights.values()):
        raise EncoderError(f"{path} holds something else than weights; {again}")
    return weights
