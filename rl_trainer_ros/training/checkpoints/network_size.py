"""Whether the network that a checkpoint describes is the one that it holds, before memory is taken for it.

Someone else's checkpoint may ask for layers of any size. Each layer's weights, `(outputs, inputs)`, are in its
parameters.safetensors, whose header tells their shapes, so that what is not there is not made.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from gymnasium import spaces

from robot_interface_ros.files.checked_values import FileError, listed, mapping, whole
from robot_interface_ros.files.untrusted_files import MEBIBYTE, open_regular, parse_json

Shapes = set[tuple[int, ...]]
PARAMETERS_LIMIT = 8 * 1024 * MEBIBYTE
_HEADER_LIMIT = 16 * MEBIBYTE


def stored_shapes(path: Path) -> Shapes:
    """Shapes of the tensors in a safetensors file, from its header alone. Raises FileError."""
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
                    f"{where}: net_arch has a layer of {before} to {after} neurons, and no such weights are stored"
                )
        if sizes and not any(len(shape) == 2 and shape[0] == sizes[0] and shape[1] >= inputs for shape in shapes):
            raise FileError(f"{where}: net_arch begins with {sizes[0]} neurons, and no such weights are stored")


def _inputs(space: spaces.Space[Any]) -> int:
    """Numbers that go into the first layer at least; those of an image go through convolutions first."""
    parts: Iterable[Any] = space.spaces.values() if isinstance(space, spaces.Dict) else (space,)
    return sum(math.prod(part.shape) for part in parts if isinstance(part, spaces.Box) and len(part.shape) == 1)


def _layer_lists(value: Any) -> Iterator[list[Any]]:
    """The lists of layers in a net_arch: one, or one for each network."""
    if isinstance(value, Mapping):
        for part in value.values():
            yield from _layer_lists(part)
    elif isinstance(value, list):
        yield [size for size in value if not isinstance(size, (list, Mapping))]
        for part in value:
            if isinstance(part, (list, Mapping)):
                yield from _layer_lists(part)
