"""Files from unknown authors: each reader returns the content or raises a one-line error, in a short time.

Each kind of file that we read is made once as it should be, then changed by a seeded hand: a value of another type, a huge
or negative number, NaN, deep nesting, a key too few, a file that is cut, filled with NUL, or of another encoding.
`FUZZ=200 pytest test/robot_interface/test_untrusted_files.py` makes 200 changes of each kind of file instead of 15.
"""

from __future__ import annotations

import copy
import dataclasses
import io
import json
import math
import os
import random
import shutil
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from rl_trainer_ros.algorithms.sb3_learner import Sb3Learner
from rl_trainer_ros.bringup.launch_arguments import BringupConfig, node_parameters
from rl_trainer_ros.cli.commands.curves import CurvesOptions
from rl_trainer_ros.cli.commands.evaluate import EvaluateOptions
from rl_trainer_ros.cli.commands.robot.calibrate import CalibrateOptions
from rl_trainer_ros.cli.commands.robot.ros2_control import Ros2ControlOptions
from rl_trainer_ros.cli.commands.train_srl import TrainSrlOptions
from rl_trainer_ros.environments.make_env import make_environment
from rl_trainer_ros.training.callbacks.evaluation_log import EvaluationLog
from rl_trainer_ros.training.checkpoints import contents, folders, resume, trained_models
from rl_trainer_ros.training.checkpoints.errors import ModelError
from rl_trainer_ros.training.curves.episodes import read_episodes, read_evaluations
from rl_trainer_ros.training.runs import robot_files, run_folder
from rl_trainer_ros.training.runs.run_tables import read_table
from rl_trainer_ros.training.train import TrainingRun
from rl_trainer_ros.training.trainer_config import TrainerConfig
from robot_driver_ros.driver_config import DriverNodeConfig
from robot_driver_ros.servos.hardware import load_hardware
from robot_driver_ros.servos.pulse_journal import Memory
from robot_interface_ros.config import ConfigError, from_mapping, read_yaml
from robot_interface_ros.errors import RobotError
from robot_interface_ros.files.description import share_directory
from robot_interface_ros.files.untrusted_arrays import read_npz
from robot_interface_ros.files.untrusted_files import (
    FileError,
    parse_json,
    parse_xml,
    parse_yaml,
    read_bytes,
    read_json,
    read_text,
)
from robot_interface_ros.robot_config import RobotConfig, load_robot
from robot_interface_ros.urdf.elements import RobotModelError
from robot_interface_ros.urdf.robot_model import RobotModel
from robot_sim_ros.imperfection.config import load_imperfection
from robot_sim_ros.sim_config import SimConfig
from robot_sim_ros.world.config import load_world
from srl_ros.dataset import Dataset, DatasetError
from srl_ros.encoder import Encoder, EncoderError
from srl_ros.networks import StateNetwork

pytestmark = [pytest.mark.slow, pytest.mark.bad_input, pytest.mark.xdist_group("untrusted_files")]
CHANGES = int(os.environ.get("FUZZ", "15"))
SHORT_S = 20.0  # processor time, of which a reader takes less than 1 s; a hang takes all of it
OURS = (ConfigError, RobotError, EncoderError, DatasetError, RobotModelError, FileNotFoundError)
STRANGE: tuple[Any, ...] = (
    *(None, True, "", "text", "line\nline", "\0", "~", -1, 0, 3, -(10**18), 10**18, 10**60, 1e308, -1e308, 0.5),
    *(math.nan, math.inf, [], {}, [[]], [[1], [1, 2]], {"a": {"b": []}}, ["sac"], [200_000, 200_000], "x" * 5000),
)


def deep(depth: int) -> Any:
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


@pytest.fixture
def robot(tmp_path: Path) -> Path:
    """A robot with one joint: its robot file, which names its URDF."""
    (tmp_path / "arm.urdf").write_text(ROBOT)
    path = tmp_path / "arm.yaml"
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


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of a training that took a second, with a replay buffer."""
    config = TrainerConfig(
        transport="in_process",
        algo="sac",
        log_dir=str(tmp_path_factory.mktemp("runs")),
        num_timesteps=120,
        checkpoint_every_steps=100,
        hyperparameters="{learning_starts: 60, batch_size: 32, net_arch: [16, 16], buffer_size: 150}",
    )
    return TrainingRun(config, lambda _: make_environment(config)).run(report=lambda line: None).folder


@pytest.fixture
def checkpoint(run: Path, tmp_path: Path) -> Path:
    """A copy of its last checkpoint."""
    return Path(shutil.copytree((run / "final").resolve(), tmp_path / "checkpoint"))


def loaded(checkpoint: Path) -> trained_models.Policy:
    """Read everything in a checkpoint, as resume and evaluate do."""
    contents.check_whole(folders.read(checkpoint))
    return trained_models.load(checkpoint)


def test_checkpoints(checkpoint: Path) -> None:
    def read() -> None:
        loaded(checkpoint)

    for name in (folders.ABOUT, contents.STATISTICS, contents.RANDOM):
        fuzz_tree(checkpoint / name, json.dumps, read)
    path, chance = checkpoint / contents.PARAMETERS, random.Random(7)
    whole = path.read_bytes()
    for _ in range(CHANGES):
        header = whole[:8] + broken(whole[8:2000], chance) + whole[2000:]
        path.write_bytes(chance.choice([broken(whole, chance), header]))
        answers(read, path)


def test_replay_buffers(checkpoint: Path) -> None:
    policy = trained_models.load(checkpoint)
    found = folders.read(checkpoint)
    path, chance = checkpoint / contents.REPLAY, random.Random(9)
    whole = path.read_bytes()
    for _ in range(CHANGES):
        path.write_bytes(broken(whole, chance))
        answers(lambda: contents.load_replay(found, Sb3Learner(policy.algorithm)), path)


def test_run_folders(run: Path, tmp_path: Path) -> None:
    (tmp_path / "versions.txt").write_text("")
    path = tmp_path / "config.yaml"
    path.write_text((run / "config.yaml").read_text())

    def read() -> None:
        run_folder.load_config(tmp_path)
        run_folder.hyperparameters_of(tmp_path)

    fuzz_tree(path, to_yaml, read)
    path = tmp_path / "result.json"
    path.write_text((run / "result.json").read_text())
    fuzz_tree(path, json.dumps, lambda: run_folder.training_s_of(tmp_path))


def test_a_run_whose_settings_are_cut_is_refused(run: Path, tmp_path: Path) -> None:
    """Wherever the file ends within its settings: else those after that place would take their defaults."""
    lines = (run / "config.yaml").read_text().splitlines(keepends=True)
    path = tmp_path / "config.yaml"
    for end in range(2, lines.index("hyperparameters:\n") + 1):
        path.write_text("".join(lines[:end]))
        with pytest.raises(ConfigError, match=f"^{path}.*(lacks hyperparameters, robot|not valid YAML)") as caught:
            run_folder.load_config(tmp_path)
        assert "\n" not in str(caught.value)
    path.write_text("trainer:\n  task: button\n")
    with pytest.raises(ConfigError, match=r"is cut, it lacks .*; trainer lacks .*robot, .* and \d+ more: restore it"):
        run_folder.load_config(tmp_path)


@pytest.mark.parametrize("name, said", [("checkpoints", "is not a folder"), ("monitor.csv", "is not a regular file")])
def test_what_stands_in_the_place_of_a_runs_files_is_told_before_a_resume(
    name: str, said: str, run: Path, tmp_path: Path
) -> None:
    place = shutil.copytree(run, tmp_path / "run", symlinks=True) / name
    if place.is_dir():
        shutil.rmtree(place)
        place.touch()
    else:
        place.unlink()
        place.mkdir()
    with pytest.raises((ModelError, FileError), match=f"{place} {said}"):
        resume.start(TrainerConfig(resume=str(place.parent), num_timesteps=10**6))


def test_tables(run: Path, tmp_path: Path) -> None:
    chance = random.Random(11)
    header = "steps,episodes,success_rate,success_rate_low,success_rate_high\n"
    for name, whole in (
        ("monitor.csv", (run / "monitor.csv").read_bytes()),
        ("progress.csv", (run / "progress.csv").read_bytes() or b"a,b\n1,2\n"),
        ("evaluations.csv", (header + "100,20,0.5,0.4,0.6\n200,20,0.6,0.5,0.7\n").encode()),
    ):
        path = tmp_path / name
        for _ in range(CHANGES):
            path.write_bytes(broken(whole, chance))
            answers(lambda path=path: read_table(path), path.read_bytes())  # type: ignore[misc]
            answers(lambda: read_episodes(tmp_path), path)
            answers(lambda: read_evaluations(tmp_path), path)
            answers(lambda: EvaluationLog(tmp_path, 150), path)
    path = tmp_path / "progress.csv"
    path.write_bytes(b"time/total_timesteps,loss\n64,0.5\n" + b"\0" * 4096 + b"\n128,0.25\n")
    assert [row["loss"] for row in read_table(path)] == [
        "0.5",
        "0.25",
    ]  # what a power failure filled with NUL is left out


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


@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "loop", "missing", "nul", "large"])
def test_what_is_no_regular_file_is_refused_at_once(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "file.yaml"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "loop":
        path.symlink_to(path)
    elif kind == "large":
        with path.open("wb") as stream:
            stream.truncate(2**40)
    name = {"device": "/dev/zero", "nul": "a\0b"}.get(kind, str(path))
    expected = {
        "pipe": "a named pipe",
        "device": "a device",
        "folder": "a folder",
        "loop": "refers to itself",
        "missing": "no file",
        "nul": "cannot be opened",
        "large": r"has 1,048,576.0 MiB; the limit",
    }
    for read in (read_text, read_bytes, read_json, read_yaml, lambda name: read_npz(name, 100)):
        with pytest.raises(FileError, match=expected[kind]):
            read(name)


def test_yaml_that_grows_is_refused() -> None:
    laughs = "a: &a [1,1,1,1,1,1,1,1,1]\n" + "".join(
        f"{chr(98 + i)}: &{chr(98 + i)} [{','.join([f'*{chr(97 + i)}'] * 9)}]\n" for i in range(8)
    )
    for text, complaint in (
        (laughs, "more than 1,000,000 values, counting aliases"),
        ("a: &a [*a]", "line 1: an alias refers to a value that contains it"),
        ("[" * 65 + "]" * 65, "nested too deeply"),
        ("a: " + "9" * 5000, "line 1.*a number of 5000 digits"),
        ("!!python/object/apply:os.system [true]", "line 1.*could not determine a constructor"),
        ("a: b: c", "line 1, column 5"),
        ("a: 1\nb: {c: 2,\n  'c': 2}", "line 3: 'c' is given twice, first in line 2; keep one"),
        ("a: &a {x: 1}\nb: [*a, {x: 1, x: 1}]", "line 2: 'x' is given twice"),
        ("a: 2020-99-99", "not valid YAML: month must be in"),
        *(
            (f"a: !!{tag} '{text}'", "not valid YAML")
            for tag in ("int", "float", "bool", "timestamp")
            for text in ("", "x")
        ),
    ):
        with pytest.raises(FileError, match=f"^here.*{complaint}") as caught:
            parse_yaml(text, "here")
        assert str(caught.value).count("here, ") + str(caught.value).count("here:") <= 1
    assert parse_yaml("a: &a [1]\nb: *a\nc: {<<: {d: 0x1F}}", "") == {"a": [1], "b": [1], "c": {"d": 31}}
    assert parse_yaml("a: &a {x: 1, y: 1}\nb: {<<: *a, x: 2}\n1: 1\n'1': 1", "") == {
        "a": {"x": 1, "y": 1},
        "b": {"x": 2, "y": 1},
        1: 1,
        "1": 1,
    }


def test_json_and_xml_are_refused_with_the_line() -> None:
    for text, complaint in (
        ('{"a":\n 1,}', "line 2, column 4"),
        ("[" * 100_000, "nested too deeply"),
        ("9" * 5000, "a number of 5000 digits"),
    ):
        with pytest.raises(FileError, match=f"^here.*{complaint}"):
            parse_json(text, "here")
    bomb = '<!DOCTYPE r [<!ENTITY a "aaaa">\n<!ENTITY b "&a;&a;">]><robot>&b;</robot>'
    for text, complaint in (
        (bomb, "line 1: it declares the entity 'a'"),
        ("<a>" * 300 + "</a>" * 300, "nested deeper than 200"),
        ("<robot>\n<link>\n</robot>", "line 3: not XML: mismatched tag"),
    ):
        with pytest.raises(FileError, match=f"^here.*{complaint}"):
            parse_xml(text, "here")


def test_text_says_where_it_is_no_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "robot.urdf"
    for content, complaint in (
        ("<a>\né</a>".encode("latin-1"), "line 2: byte 0xe9 is not UTF-8; save the file as UTF-8"),
        ("é".encode("utf-16"), "is UTF-16 text; save it as UTF-8"),
        (b"a\n\0", "line 2: it has a NUL byte"),
    ):
        path.write_bytes(content)
        with pytest.raises(FileError, match=complaint):
            read_text(path)
    path.write_bytes(b"\xef\xbb\xbfa\r\nb")
    assert read_text(path) == "a\nb"


def test_arrays_claim_no_more_than_is_there(tmp_path: Path) -> None:
    """A header of 4e12 floats allocates no memory: its size is compared with the file first."""
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (4000000000000,), }"
    header += b" " * (118 - len(header)) + b"\n"
    path = tmp_path / "replay.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("rewards.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(16))
    with pytest.raises(FileError, match=r"'rewards' claims shape \(4000000000000,\) of float32, .* the file has 16"):
        read_npz(path, 10**15)
    stream = io.BytesIO()
    np.savez_compressed(stream, zeros=np.zeros(10**7))
    path.write_bytes(stream.getvalue())
    with pytest.raises(
        FileError, match=r"1 arrays of 76.3 MiB; expected at most 976.6 MiB|expected at most 1,000 bytes"
    ):
        read_npz(path, 1000)
    np.savez(path, a=np.arange(6).reshape(2, 3), text=np.array(["x"]), b=np.asfortranarray(np.eye(3)))
    found = read_npz(path, 10**6)
    assert (
        found["a"].tolist() == [[0, 1, 2], [3, 4, 5]]
        and found["text"].tolist() == ["x"]
        and (found["b"] == np.eye(3)).all()
    )
    np.savez(path, a=np.array([{}], dtype=object))
    with pytest.raises(FileError, match="holds object; expected numbers or text"):
        read_npz(path, 10**6)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"algo": ["sac"]}, r"about.json: algo is \['sac'\]; expected text"),
        ({"saved_ns": "yesterday"}, "about.json: saved_ns is 'yesterday'; expected a whole number"),
        ({"num_timesteps": 10**40}, "about.json: num_timesteps is 1000"),
        ({"num_timesteps": -1}, "num_timesteps is -1; expected a whole number from 0"),
        ({"training_s": math.nan}, "training_s is nan; expected a number from 0"),
        ({"logs": {"monitor.csv": "9"}}, "logs: monitor.csv is '9'; expected a whole number"),
        ({"counters": {"_n_updates": []}}, r"counters: _n_updates is \[\]; expected a whole number"),
        ({"hyperparameters": {"net_arch": [200_000, 200_000]}}, "net_arch has a layer of 200000 to 200000 neurons"),
        ({"hyperparameters": {"learning_rate": "fast"}}, "learning_rate is 'fast'; expected a number above 0"),
        (
            {"observation_space": {"box": [10**9], "dtype": "float32", "low": 0, "high": 1}},
            "observation_space: box is 1",
        ),
        ({"action_space": {"discrete": 10**9, "start": 0}}, "action_space: discrete is 1000000000"),
    ],
)
def test_what_is_wrong_in_a_checkpoint_is_named(checkpoint: Path, changes: dict[str, Any], complaint: str) -> None:
    path = checkpoint / folders.ABOUT
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    with pytest.raises((ModelError, ConfigError), match=complaint) as caught:
        loaded(checkpoint)
    assert str(checkpoint) in str(caught.value)


def test_numbers_without_a_range_are_bounded(robot: Path) -> None:
    for value in (math.nan, math.inf, 1e308):
        with pytest.raises(ConfigError, match=r"rest.turn is .*; expected a finite number from -1e\+15 to 1e\+15"):
            from_mapping(RobotConfig, {"rest": {"turn": value}}, "here")


def test_resume_leaves_out_what_is_damaged_and_names_it(
    run: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    copied = Path(shutil.copytree(run, tmp_path / "run", symlinks=True))
    config = dataclasses.replace(run_folder.load_config(copied), resume=str(copied), num_timesteps=1000)
    newest, *older = folders.all_of(copied)
    path = newest.folder / folders.ABOUT
    path.write_text(json.dumps({**newest.about, "saved_ns": "yesterday"}))
    chosen = resume.start(config)
    assert chosen is not None and chosen.folder == older[0].folder
    (line,) = caplog.messages
    assert line.startswith(f"left out: {newest.folder} is damaged") and "saved_ns is 'yesterday'" in line
    for one in older:
        (one.folder / contents.RANDOM).write_text(json.dumps({"python": [3, [], None]}))
    with pytest.raises(ModelError, match=f"no checkpoint of {copied} is complete, 2 cannot be read"):
        resume.start(config)
    assert all((one.folder / contents.PARAMETERS).is_file() for one in (newest, *older))


def test_a_robot_that_changed_since_a_run_is_told(robot: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / robot_files.FILE).write_text(json.dumps(robot_files.record(str(robot))))
    assert robot_files.difference(run, str(robot)) == ""
    own, urdf = robot.read_text(), robot.with_name("arm.urdf")
    robot.write_text("# a comment changes nothing\n" + own)
    assert robot_files.difference(run, str(robot)) == ""
    robot.write_text(own.replace("max_acceleration: 3.0", "max_acceleration: 4.0"))
    with pytest.raises(
        ConfigError, match=rf"{robot} has changed since the run was trained .*; put the old file back, or X"
    ):
        robot_files.check(run, str(robot), "X")
    robot.write_text(own)
    urdf.write_text(ROBOT.replace('upper="1"', 'upper="2"'))
    assert f"{urdf} has changed since the run was trained" in robot_files.difference(run, str(robot))
    urdf.write_text(ROBOT)
    (tmp_path / "elsewhere").mkdir()
    moved, _ = [file.rename(tmp_path / "elsewhere" / file.name) for file in (robot, urdf)]
    assert robot_files.difference(run, str(moved)) == ""
    assert robot_files.difference(run, str(robot)).startswith(
        f"no file {robot}; the run was trained on {robot} (sha256 "
    )
    (run / robot_files.FILE).unlink()
    assert robot_files.difference(run, str(robot)) == ""  # a run of an earlier version


def test_a_home_folder_is_known_in_every_path(
    robot: Path, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load_robot("~/arm.yaml").model.name == "arm"
    robot.write_text(robot.read_text().replace("urdf: arm.urdf", "urdf: ~/arm.urdf"))
    load_robot.cache_clear()
    assert load_robot(str(robot)).model.name == "arm"
    shutil.copytree(run, tmp_path / "runs" / "reach" / "ground_truth" / "sac" / "now", symlinks=True)
    assert run_folder.find("latest", "~/runs").name == "now"
    assert run_folder.find("~/runs/reach/ground_truth/sac/now/final").name == "now"
    for cls, names in (
        (
            TrainerConfig,
            ("robot", "world", "imperfection", "log_dir", "srl_folder", "srl_models", "resume", "load_model"),
        ),
        (BringupConfig, ("hardware", "params_file", "sim_params_file", "driver_params_file", "rviz_config")),
        (EvaluateOptions, ("run", "robot", "world", "imperfection", "video", "log_dir")),
        (CurvesOptions, ("file", "log_dir")),
        (TrainSrlOptions, ("robot", "imperfection", "log_dir", "srl_models")),
        (CalibrateOptions, ("robot", "hardware", "output")),
        (Ros2ControlOptions, ("robot", "folder")),
        (SimConfig, ("robot", "world", "imperfection")),
        (DriverNodeConfig, ("robot", "hardware")),
    ):
        paths = {field.name for field in dataclasses.fields(cls) if field.metadata.get("path")}
        assert paths == set(names), cls
        assert all(hasattr(cls, name) for name in names)
    assert from_mapping(EvaluateOptions, {"video": "~/reach.gif"}, "").video == f"{tmp_path}/reach.gif"
    with pytest.raises(ConfigError, match=r"video: ~nobody_here/x.gif begins with ~nobody_here, but this machine"):
        from_mapping(EvaluateOptions, {"video": "~nobody_here/x.gif"}, "evaluate")
