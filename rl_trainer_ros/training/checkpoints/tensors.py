"""Nested dictionaries and lists with tensors in them, such as an optimiser's state, as safetensors: nothing is unpickled."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from rl_trainer_ros.training.checkpoints.errors import ModelError, one_line
from rl_trainer_ros.training.checkpoints.network_size import PARAMETERS_LIMIT
from robot_interface_ros.files.untrusted_files import FileError, NoFileError, parse_json, read_bytes

_STRUCTURE = "structure"


def to_bytes(tree: Any) -> bytes:
    """Return dictionaries, lists, tuples, numbers, texts and tensors as one file's content."""
    tensors: dict[str, torch.Tensor] = {}
    structure = json.dumps(_flattened(tree, "", tensors))
    return save(tensors, metadata={_STRUCTURE: structure})


def read(path: Path) -> Any:
    """Read back a file of what `to_bytes` gave. Raises ModelError."""
    try:
        content = read_bytes(path, PARAMETERS_LIMIT)
    except NoFileError:
        raise ModelError(f"{path.parent} is no saved model: it has no {path.name}; use another checkpoint") from None
    except FileError as error:
        raise ModelError(f"{error}; use another checkpoint") from None
    return from_bytes(content, str(path))


def from_bytes(content: bytes, name: str) -> Any:
    """Read back what `to_bytes` gave. Raises ModelError, in which `name` stands for the file."""
    try:
        tensors = load(content)
        header = parse_json(content[8 : 8 + int.from_bytes(content[:8], "little")].decode(), "header")
        tree = _nested(parse_json(header["__metadata__"][_STRUCTURE], _STRUCTURE), tensors)
    except (SafetensorError, KeyError, TypeError, ValueError, IndexError, AttributeError, RuntimeError) as error:
        raise ModelError(f"{name} is damaged or truncated: {one_line(error)}; use another checkpoint") from None
    for key, tensor in tensors.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise ModelError(f"{name} holds numbers that are not finite, in {key}; use another checkpoint")
    return tree


def _flattened(value: Any, path: str, tensors: dict[str, torch.Tensor]) -> Any:
    if isinstance(value, torch.Tensor):
        tensors[path] = value.detach().cpu().contiguous().clone()  # networks may share a tensor under two names
        return {"tensor": path}
    if isinstance(value, dict):
        return {"items": [[key, _flattened(part, f"{path}/{key}", tensors)] for key, part in value.items()]}
    if isinstance(value, (list, tuple)):
        kind = "tuple" if isinstance(value, tuple) else "list"
        return {kind: [_flattened(part, f"{path}/{i}", tensors) for i, part in enumerate(value)]}
    return value


def _nested(value: Any, tensors: dict[str, torch.Tensor]) -> Any:
    if not isinstance(value, dict):
        return value
    if "tensor" in value:
        return tensors[value["tensor"]]
    if "items" in value:
        return {key: _nested(part, tensors) for key, part in value["items"]}
    parts = [_nested(part, tensors) for part in value["list" if "list" in value else "tuple"]]
    return parts if "list" in value else tuple(parts)
