"""Reads the two files of an encoder, which may be damaged or malicious."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load as load_safetensors
from torch import Tensor

from robot_interface_ros.command_lines import command_line
from robot_interface_ros.files.checked_values import listed, whole
from robot_interface_ros.files.untrusted_files import FileError, NoFileError, read_bytes, read_json
from srl_ros.methods import KINDS, METHODS

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
_KEYS_2: dict[str, type] = {"cameras": list, "network": str, "hidden": int, "dataset_sha256": str}
_HASH_DIGITS = 12
WEIGHTS_LIMIT = 256 * 2**20  # bytes; feature points have 40 KiB, two cameras through ResNet-18 90 MiB
MOST_PIXELS, MOST_VALUES, MOST_CAMERAS = 4096, 4096, 16


class EncoderError(ValueError):
    """An encoder that cannot be used, or an image that it cannot encode; one line with cause and remedy."""


@dataclass(frozen=True)
class EncoderValues:
    """The checked values of an encoder.json."""

    format: int
    method: str
    weights_sha256: str
    image_shape: tuple[int, int, int]
    state_dim: int
    feature_points: int
    outputs: int
    config: dict[str, Any]
    metrics: dict[str, Any]
    cameras: tuple[str, ...] = ("external",)
    network: str = "feature_points"
    hidden: int = 64
    dataset: str = ""
    id: str = ""
    """Empty: the file does not say."""


def estimated(method: str, config: Mapping[str, Any], state_dim: int) -> tuple[str, ...]:
    """Return the names of the ground truth that a state estimates with its certainty; empty: it is no such estimate."""
    losses = config.get("losses") or (METHODS[method].losses if method in METHODS else "")
    names = config.get("truth_names", ())
    estimates = {loss.split(":")[0] for loss in str(losses).split()} & {"estimate", "reward_place"}
    fit = isinstance(names, (list, tuple)) and state_dim == 2 * len(names)
    return tuple(map(str, names)) if estimates and fit else ()


def weights_hash(weights: Mapping[str, Tensor]) -> str:
    """sha256 over names, types, shapes and bytes of `weights`: of their values, and not of a file's layout."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        array = weights[name].detach().cpu().numpy()
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def weights_name(sha256: str, format_number: int) -> str:
    """Name of the file of weights."""
    return f"encoder-{sha256[:_HASH_DIGITS]}.{'pt' if format_number == 1 else 'safetensors'}"


def command_for(folder: Path) -> str:
    """The command that makes the encoder of `folder`, which is named after its method unless a user chose otherwise."""
    parent = folder.parent
    log_dir = [f"log_dir:={parent.parent}"] if parent.name == "srl" and str(parent.parent) != "runs" else []
    known = folder.name in METHODS and not (folder.name in METHODS.ours and METHODS.ours[folder.name].observation)
    return command_line("train_srl", f"srl_model:={folder.name if known else 'autoencoder'}", *log_dir)


def first_line(error: Exception) -> str:
    """The first line of an error's text."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(":.")


def read_values(path: Path, command: str, newest: int) -> EncoderValues:
    """Return the checked values of an encoder.json; `newest`: the newest format that is known."""
    try:
        values = read_json(path)
    except NoFileError:
        raise EncoderError(f"no trained encoder at {path.parent}; make one with: {command}") from None
    except FileError as error:
        raise EncoderError(f"{error}; train again: {command}") from None
    version = values.get("format") if isinstance(values, dict) else None
    if not isinstance(version, int) or version < 1:
        raise EncoderError(f"{path} was not written by this project: it has no format number; train again: {command}")
    if version > newest:
        raise EncoderError(
            f"{path} has format {version} and this version reads up to {newest}; update rl_trainer_ros, or train again: "
            f"{command}"
        )
    keys = _KEYS if version == 1 else _KEYS | _KEYS_2
    wrong = [key for key, kind in keys.items() if not isinstance(values.get(key), kind)]
    sha256 = values.get("weights_sha256")
    if not wrong and not (len(sha256) == 64 and set(sha256) <= set("0123456789abcdef")):
        wrong = ["weights_sha256"]  # it becomes part of a file name
    if not wrong and version > 1 and values["network"] not in KINDS:
        wrong = ["network"]
    if not wrong and version > 1 and not _names(values["cameras"]):
        wrong = ["cameras"]
    if wrong:
        raise EncoderError(f"{path} lacks a valid {', '.join(wrong)}; train again: {command}")
    try:
        for side, length in enumerate(listed(values.get("image_shape"), "image_shape", 3)):
            whole(length, f"image_shape[{side}]", 1, MOST_PIXELS)
        for key in ("state_dim", "feature_points", "outputs", *(("hidden",) if version > 1 else ())):
            whole(values.get(key), key, 0, MOST_VALUES * (3 * MOST_CAMERAS if key == "state_dim" else 1))
    except FileError as error:
        raise EncoderError(f"{path}: {error}; train again: {command}") from None
    height, width, channels = values["image_shape"]
    if channels != 3:
        raise EncoderError(f"{path} contradicts itself in image_shape or state_dim; train again: {command}")
    newer = (
        {}
        if version == 1
        else {
            "cameras": tuple(values["cameras"]),
            "network": values["network"],
            "hidden": values["hidden"],
            "dataset": values["dataset_sha256"],
        }
    )
    same = {key: values[key] for key in _KEYS if key != "image_shape"}
    said = values.get("id")
    return EncoderValues(
        format=version, image_shape=(height, width, 3), id=said if isinstance(said, str) else "", **same, **newer
    )


def read_weights(path: Path, format_number: int, again: str) -> dict[str, Tensor]:
    """Return the tensors in `path` by name. Runs no code of the file."""
    try:
        content = read_bytes(path, WEIGHTS_LIMIT)
    except NoFileError:
        raise EncoderError(f"{path} is missing, though encoder.json names it; {again}") from None
    except FileError as error:
        raise EncoderError(f"{error}; {again}") from None
    try:
        if format_number > 1:
            return dict(load_safetensors(content))
        weights = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # a cut or foreign file makes torch raise nearly anything
        raise EncoderError(
            f"{path} is cut short or no file of weights ({type(error).__name__} while reading it); {again}"
        ) from None
    if not isinstance(weights, dict) or not all(isinstance(entry, Tensor) for entry in weights.values()):
        raise EncoderError(f"{path} holds something else than weights; {again}")
    return weights


def _names(cameras: list[Any]) -> bool:
    known = {camera for camera in cameras if isinstance(camera, str) and camera}
    return 0 < len(cameras) <= MOST_CAMERAS and len(known) == len(cameras)
