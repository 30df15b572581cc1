"""parameters.safetensors: nested dictionaries and lists with tensors, such as the state of an optimiser.

Nothing is unpickled. A checkpoint of unknown origin may describe layers of any size. The header of the file holds the shapes
of all stored weights, `(outputs, inputs)` for a layer, so a network is compared with them before memory is allocated for it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from gymnasium import spaces
from safetensors import SafetensorError
from safetensors.torch import load, save

from rl_trainer_ros.training.checkpoints.errors import ModelError, one_line
from robot_interface_ros.files.checked_values import listed, mapping, whole
from robot_interface_ros.files.untrusted_files import (
    MEBIBYTE,
    FileError,
    NoFileError,
    open_regular,
    parse_json,
    read_bytes,
)

_STRUCTURE = "structure"
PARAMETERS_LIMIT = 8 * 1024 * MEBIBYTE


def to_bytes(tree: Any) -> bytes:
    """Return the content of a file with dictionaries, lists, tuples, numbers, texts and tensors."""
    tensors: dict[str, torch.Tensor] = {}
    structure = json.dumps(_flattened(tree, "", tensors))
    return save(tensors, metadata={_STRUCTURE: structure})


def read(path: Path) -> Any:
    """Read a file with the result of `to_bytes`. Raises ModelError."""
    try:
        content = read_bytes(path, PARAMETERS_LIMIT)
    except NoFileError:
        raise ModelError(f"{path.parent} is not a saved model: it has no {path.name}; use another checkpoint") from None
    except FileError as error:
        raise ModelError(f"{error}; use another checkpoint") from None
    return from_bytes(content, str(path))


def from_bytes(content: bytes, name: str) -> Any:
    """Read the result of `to_bytes`; `name`: of the file, for errors. Raises ModelError."""
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


Shapes = set[tuple[int, ...]]
_HEADER_LIMIT = 16 * MEBIBYTE


def stored_shapes(path: Path) -> Shapes:
    """Return the shapes of the tensors in a safetensors file, from its header only. Raises FileError."""
    with open_regular(path, PARAMETERS_LIMIT) as stream:
        length = int.from_bytes(stream.read(8), "little")
        if length > _HEADER_LIMIT:
            raise FileError(f"{path} is damaged or truncated, or no safetensors file: its header has {length:,} bytes")
        header = mapping(parse_json(stream.read(length).decode("utf-8", "replace"), str(path)), str(path))
    found: Shapes = set()
    for name, entry in header.items():
        if name != "__metadata__":
            shape = listed(mapping(entry, f"{path}: {name:.80}").get("shape"), f"{path}: {name:.80}: shape")
            found.add(tuple(whole(length, f"{path}: {name:.80}: shape") for length in shape))
    return found


def check_network(
    hyperparameters: Mapping[str, Any], observation: spaces.Space[Any], shapes: Shapes, where: str
) -> None:
    """Raise FileError unless the layers of `net_arch` are among the stored `shapes`."""
    inputs = _inputs(observation)
    for layers in _layer_lists(hyperparameters.get("net_arch", [])):
        sizes = [whole(size, f"{where}: net_arch", 1, 10**6) for size in layers]
        for before, after in zip(sizes, sizes[1:]):
            if (after, before) not in shapes:
                raise FileError(
                    f"{where}: net_arch has a layer of {before} to {after} neurons, but no such weights are stored"
                )
        if sizes and not any(len(shape) == 2 and shape[0] == sizes[0] and shape[1] >= inputs for shape in shapes):
            raise FileError(f"{where}: net_arch begins with {sizes[0]} neurons, but no such weights are stored")


def _inputs(space: spaces.Space[Any]) -> int:
    """Return the least number of inputs of the first layer. Images are not counted: they pass convolutions first."""
    parts: Iterable[Any] = space.spaces.values() if isinstance(space, spaces.Dict) else (space,)
    return sum(math.prod(part.shape) for part in parts if isinstance(part, spaces.Box) and len(part.shape) == 1)


def _layer_lists(value: Any) -> Iterator[list[Any]]:
    """Yield the lists of layers in a net_arch: one, or one for each network."""
    if isinstance(value, Mapping):
        for part in value.values():
            yield from _layer_lists(part)
    elif isinstance(value, list):
        yield [size for size in value if not isinstance(size, (list, Mapping))]
        for part in value:
            if isinstance(part, (list, Mapping)):
                yield from _layer_lists(part)
