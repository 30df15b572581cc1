"""Valid files that are changed at random, and the check of their readers."""

from __future__ import annotations

import copy
import json
import math
import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from robot_interface_ros.config import ConfigError
from robot_interface_ros.errors import RobotError
from robot_interface_ros.urdf.elements import RobotModelError
from srl_ros.dataset import DatasetError
from srl_ros.encoder import EncoderError

CHANGES = int(os.environ.get("FUZZ", "15"))
SHORT_S = 20.0  # processor time, of which a reader takes less than 1 s; a hang takes all of it
OURS = (ConfigError, RobotError, EncoderError, DatasetError, RobotModelError, FileNotFoundError)
STRANGE: tuple[Any, ...] = (
    *(None, True, "", "text", "line\nline", "\0", "~", -1, 0, 3, -(10**18), 10**18, 10**60, 1e308, -1e308, 0.5),
    *(math.nan, math.inf, [], {}, [[]], [[1], [1, 2]], {"a": {"b": []}}, ["sac"], [200_000, 200_000], "x" * 5000),
)


def deep(depth: int) -> Any:
    """Return lists and mappings inside of each other."""
    value: Any = 1
    for level in range(depth):
        value = [value] if level % 2 else {"a": value}
    return value


def places(tree: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths of all values in nested mappings and lists; of long lists only the first two."""
    found = [at]
    if isinstance(tree, dict):
        for key, value in tree.items():
            found += places(value, (*at, key))
    elif isinstance(tree, list):
        for index, value in enumerate(tree[:2]):
            found += places(value, (*at, index))
    return found


def changed(tree: Any, chance: random.Random) -> Any:
    """Return the tree with one value replaced or removed."""
    at = chance.choice(places(tree))
    value = copy.deepcopy(chance.choice((*STRANGE, deep(50), deep(300))))
    if not at:
        return value
    tree = copy.deepcopy(tree)
    holder = tree
    for key in at[:-1]:
        holder = holder[key]
    if chance.random() < 0.15:
        del holder[at[-1]]
    else:
        holder[at[-1]] = value
    return tree


def broken(content: bytes, chance: random.Random) -> bytes:
    """Return the content shortened, with changed bytes, in another encoding, or with additional bytes."""
    place = chance.randrange(len(content) + 1)
    return chance.choice(
        [
            content[:place],
            content[:place] + bytes(chance.randrange(256) for _ in range(4)) + content[place + 4 :],
            content[:place] + b"\0" * 20 + content[place:],
            content.decode("utf-8", "replace").encode("utf-16"),
            b"\xef\xbb\xbf" + content,
            content + b"\xff\xfe",
            b"[" * 100_000,
            b"{a: " * 5_000,
            b"",
        ]
    )


def answers(read: Callable[[], object], told: object) -> None:
    """Check that `read` succeeds or raises a one-line error, in a short time."""
    begin = time.process_time()
    try:
        read()
    except OURS as error:
        text = str(error)
        assert text and "\n" not in text and len(text) < 1500, (told, text)
    except BaseException as error:
        raise AssertionError(f"{type(error).__name__} {error} of {str(told)[:500]}") from error
    assert time.process_time() - begin < SHORT_S, told


def fuzz_tree(path: Path, write: Callable[[Any], str], read: Callable[[], object], seed: int = 0) -> None:
    """Change the values of a YAML or JSON file, and then its bytes."""
    whole = path.read_text(encoding="utf-8")
    tree = yaml.safe_load(whole) if path.suffix == ".yaml" else json.loads(whole)
    read()
    chance = random.Random(f"{path.name} {seed}")
    try:
        for _ in range(CHANGES):
            tree_now = changed(tree, chance)
            path.write_text(write(tree_now), encoding="utf-8")
            answers(read, tree_now)
            content = broken(whole.encode(), chance)
            path.write_bytes(content)
            answers(read, content)
    finally:
        path.write_text(whole, encoding="utf-8")


def to_yaml(tree: Any) -> str:
    """Return a tree as YAML, or as JSON, which is YAML too, where it is nested too deeply for the writer of YAML."""
    return yaml.safe_dump(tree) if _shallow(tree) else json.dumps(tree)


def _shallow(tree: Any, depth: int = 0) -> bool:
    if depth > 60:
        return False
    parts = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    return all(_shallow(part, depth + 1) for part in parts)


ROBOT = """<robot name="arm"><link name="base"><inertial><mass value="1"/>
<inertia ixx="1" iyy="1" izz="1" ixy="0" ixz="0" iyz="0"/></inertial></link>
<link name="hand"><inertial><mass value="0.2"/><inertia ixx=".1" iyy=".1" izz=".1" ixy="0" ixz="0" iyz="0"/>
</inertial><collision><geometry><box size=".1 .1 .1"/></geometry></collision></link>
<joint name="turn" type="revolute"><parent link="base"/><child link="hand"/><origin xyz="0 0 .3" rpy="0 0 0"/>
<axis xyz="0 0 1"/><limit lower="-1" upper="1" velocity="2" effort="10"/></joint></robot>"""


def one_joint_robot(folder: Path) -> Path:
    """Write a robot with one joint, and return its robot file, which names its URDF `arm.urdf`."""
    (folder / "arm.urdf").write_text(ROBOT)
    path = folder / "arm.yaml"
    path.write_text(
        yaml.safe_dump(
            {
                "urdf": "arm.urdf",
                "end_effector": "hand",
                "groups": {"arm": ["turn"]},
                "articulated": ["arm"],
                "rest": {"turn": 0.1},
                "max_velocity": {"turn": 1.0},
                "max_acceleration": 3.0,
                "floor": -0.2,
                "arena": {"centre": [0.0, 0.0, 0.3], "half_width": 0.2},
                "table": [0.1, 0.2, 0.3],
                "postures": {"up": {"turn": 0.3}},
            }
        )
    )
    return path
