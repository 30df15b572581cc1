"""Files from unknown authors: each reader returns the content or raises a one-line error, in a short time.

Each kind of file that we read is made once as it should be, then changed by a seeded hand: a value of another type, a huge
or negative number, NaN, deep nesting, a key too few, a file that is cut, filled with NUL, or of another encoding. Files of
runs are in test/trainer/test_untrusted_runs.py. `FUZZ=200 pytest -k untrusted` makes 200 changes of each kind of file
instead of 15.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from changed_files import CHANGES, ROBOT, STRANGE, answers, broken, changed, fuzz_tree, one_joint_robot, to_yaml

from rl_trainer_ros.bringup.launch_arguments import node_parameters
from robot_driver_ros.servos.hardware import load_hardware
from robot_driver_ros.servos.pulse_journal import Memory
from robot_interface_ros.files.description import share_directory
from robot_interface_ros.robot_config import load_robot
from robot_interface_ros.urdf.robot_model import RobotModel
from robot_sim_ros.imperfection.config import load_imperfection
from robot_sim_ros.world.config import load_world
from srl_ros.dataset import Dataset
from srl_ros.encoder import Encoder
from srl_ros.networks import StateNetwork

pytestmark = [pytest.mark.slow, pytest.mark.bad_input, pytest.mark.xdist_group("untrusted_files")]


@pytest.fixture
def robot(tmp_path: Path) -> Path:
    return one_joint_robot(tmp_path)


def test_robot_files(robot: Path) -> None:
    def read() -> None:
        load_robot.cache_clear()
        load_robot(str(robot))

    fuzz_tree(robot, to_yaml, read)


def test_urdf_text(robot: Path) -> None:
    chance = random.Random(3)
    for _ in range(CHANGES * 2):
        words = ROBOT.split('"')
        words[chance.randrange(1, len(words), 2)] = str(chance.choice(STRANGE)).replace('"', "").replace("<", "")
        text = '"'.join(words)
        (robot.parent / "arm.urdf").write_bytes(chance.choice([text.encode(), broken(ROBOT.encode(), chance)]))
        load_robot.cache_clear()
        answers(lambda: load_robot(str(robot)), text)
        answers(lambda text=text: RobotModel.from_urdf(text), text)  # type: ignore[misc]


def test_hardware_files(robot: Path) -> None:
    path = robot.with_name("arm_hardware.yaml")
    source = yaml.safe_load((share_directory() / "config" / "robots" / "inmoov_hardware.yaml").read_text())
    servo = next(iter(source["servos"].values()))
    board = servo.get("board", next(iter(source["boards"])))
    path.write_text(
        yaml.safe_dump({**source, "may_touch": [], "boards": {board: source["boards"][board]}, "servos": {}})
    )
    values = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump({**values, "servos": {"turn": {**servo, "limits": [20.0, 160.0], "rest": 0.0}}}))

    def read() -> None:
        load_robot.cache_clear()
        load_hardware(str(robot))

    answers(read, "as it is")
    chance, tree = random.Random(5), yaml.safe_load(path.read_text())
    for _ in range(CHANGES):
        path.write_text(to_yaml(changed(tree, chance)))
        answers(read, path.read_text())


@pytest.mark.parametrize("world", ["reach", "button"])
def test_worlds(world: str, tmp_path: Path) -> None:
    path = tmp_path / f"{world}.yaml"
    path.write_text((share_directory() / "config" / "worlds" / f"{world}.yaml").read_text())

    def read() -> None:
        load_world.cache_clear()
        load_world(str(path))

    fuzz_tree(path, to_yaml, read)


def test_imperfections_and_parameter_files(tmp_path: Path) -> None:
    for folder, name, read in (
        ("imperfections", "mild", load_imperfection),
        (".", "robot_sim", lambda path: node_parameters(Path(path), "robot_sim")),
    ):
        path = tmp_path / f"{name}.yaml"
        path.write_text((share_directory() / "config" / folder / f"{name}.yaml").read_text())
        fuzz_tree(path, to_yaml, lambda path=path, read=read: read(str(path)))  # type: ignore[misc]


def test_encoders(tmp_path: Path) -> None:
    torch.manual_seed(0)
    Encoder(StateNetwork(32, 32, 2), (32, 32, 3), "random", {}, {}).save(tmp_path)
    fuzz_tree(tmp_path / "encoder.json", json.dumps, lambda: Encoder.load(tmp_path))
    (weights,) = tmp_path.glob("encoder-*.safetensors")
    whole, chance = weights.read_bytes(), random.Random(13)
    for _ in range(CHANGES):
        weights.write_bytes(broken(whole, chance))
        answers(lambda: Encoder.load(tmp_path), weights)


def test_datasets(tmp_path: Path) -> None:
    path = tmp_path / "images.npz"
    Dataset(np.zeros((4, 8, 8, 3), np.uint8), np.ones((4, 1)), ("x",)).save(path)
    whole, chance = path.read_bytes(), random.Random(17)
    for _ in range(CHANGES):
        path.write_bytes(broken(whole, chance))
        answers(lambda: Dataset.load(path), path)


def test_what_a_driver_left(tmp_path: Path) -> None:
    memory = Memory(["/dev/one"], tmp_path)
    path = memory.path("/dev/one")
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    whole = {"boot": boot, "emergency_stopped": False, "disabled": False, "pulses": {"3": 1500}}
    path.write_text(json.dumps(whole))
    found = memory.recall()
    assert found is not None and found.pulses == {"/dev/one": {3: 1500}}
    fuzz_tree(path, json.dumps, memory.recall)
    path.write_text(json.dumps({**whole, "emergency_stopped": "?"}))
    found = memory.recall()
    assert found is None or found.emergency_stopped  # in doubt it was stopped
    memory.close()
