"""All registered environments, the lists of names, and entry points of other packages."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import warnings
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env as gymnasium_check
from stable_baselines3.common.env_checker import check_env as stable_baselines3_check

from rl_trainer_ros.bringup.launch_arguments import resolve_values
from rl_trainer_ros.cli.commands.list import SECTIONS, ListOptions, text
from rl_trainer_ros.environments.make_env import make_env
from rl_trainer_ros.environments.registration import combinations, env_id
from rl_trainer_ros.observations import OBSERVATIONS, ObservationSpace
from rl_trainer_ros.tasks import TASKS, Outcome, Task
from rl_trainer_ros.tasks.reach import Reach
from robot_interface_ros.config import ConfigError
from robot_interface_ros.errors import RobotError
from robot_interface_ros.registry import Registry, subclass_check

pytestmark = [pytest.mark.registry, pytest.mark.slow]
REPO = Path(__file__).resolve().parents[2]
IDS = [env_id(robot, task) for robot, task in combinations()]


def test_every_task_is_registered_for_every_robot() -> None:
    assert len(IDS) == 13 * 2 and set(IDS) <= set(gymnasium.registry)
    assert env_id("inmoov", "two_buttons") == "rl_trainer_ros/InMoovTwoButtons-v0"


@pytest.mark.parametrize("name", IDS)
def test_both_libraries_checks_pass(name: str) -> None:
    environment = gymnasium.make(name)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gymnasium_check(environment.unwrapped, skip_render_check=True)
        stable_baselines3_check(environment)
    environment.close()


@pytest.mark.parametrize(
    "settings",
    [
        {"action": "plane_discrete"},
        *({"goal_conditioned": True, "reward": reward} for reward in ("sparse", "distance")),
    ],
)
def test_both_checks_pass_with_other_parts(settings: dict[str, object]) -> None:
    environment = gymnasium.make(IDS[0], **settings).unwrapped
    stable_baselines3_check(environment)
    environment.close()


@pytest.mark.equality
@pytest.mark.parametrize("task", list(TASKS.ours))
def test_the_same_seed_replays_bit_by_bit(task: str) -> None:
    def rows() -> list[bytes]:
        environment = gymnasium.make(env_id("inmoov", task), random_start=3, action_noise=0.05)
        environment.action_space.seed(3)
        found = [environment.reset(seed=7)[0].tobytes()]
        for _ in range(60):
            observation, reward, terminated, truncated, info = environment.step(environment.action_space.sample())
            found += [observation.tobytes(), np.float64(reward).tobytes(), repr(sorted(info.items())).encode()]
            if terminated or truncated:
                found.append(environment.reset()[0].tobytes())
        environment.close()
        return found

    assert rows() == rows()


def test_the_list_names_everything() -> None:
    said = text(ListOptions())
    assert all(f"{section}:" in said for section in SECTIONS)
    assert all(name in said for name in (*TASKS, "plane_discrete", "raw_pixels", "ppo", "autoencoder", "kuka_iiwa"))
    assert all(f"{name}\n" in said for name in IDS) and "moving_button" in text(ListOptions(what="worlds"))
    assert "contacts:=5" in text(ListOptions(what="tasks", settings=True))
    assert "states:=1" in text(ListOptions(what="observations", settings=True))  # of srl_state, which an encoder gives


def test_settings_of_parts_are_launch_arguments(tmp_path: Path) -> None:
    given = {"task": "button", "task.contacts": "3", "task.reward": "shaped", "action.force_down": "true"}
    trainer = resolve_values(given).trainer
    assert (trainer.task_settings, trainer.action_settings) == ("{contacts: 3, reward: shaped}", "{force_down: true}")
    both = resolve_values({"task_settings": "{contacts: 3, spread_m: 0.0}", "task.spread_m": "1e-2"}).trainer
    assert both.task_settings == "{contacts: 3, spread_m: 0.01}"
    mine = tmp_path / "mine.yaml"
    mine.write_text("trainer:\n  ros__parameters:\n    task: button\n    task_settings: '{contacts: 7}'\n")
    values = resolve_values({"params_file": str(mine), "task.spread_m": "0.0"})
    assert values.told["task_settings"] == "{contacts: 7, spread_m: 0.0}"
    with pytest.raises(ConfigError, match="unknown launch argument 'tsk.contacts'"):
        resolve_values({"tsk.contacts": "3"})


EXAMPLE = """
import gymnasium, rl_trainer_ros, sys
from rl_trainer_ros.environments.make_env import make_robot_env
for name in ("InMoovRaiseHand", "CraneReach", "CraneRaiseHand"):
    environment = gymnasium.make(f"rl_trainer_ros/{name}-v0")
    environment.reset(seed=0)
    for k in range(120):
        truncated = environment.step(environment.action_space.sample())[3]
    print(name, truncated)
print(make_robot_env("raise_hand", "crane", height_m=0.4).reset(seed=0)[1]["distance"])
"""


BRIGHTNESS = """
import numpy as np, sys
from rl_trainer_ros import factories
from srl_ros.training.metrics import linear_r2
levels = np.random.default_rng(0).uniform(60.0, 190.0, 600)
spots = np.random.default_rng(1).uniform(-10.0, 10.0, (600, 16, 16, 3))
images = (levels[:, None, None, None] + spots).astype(np.uint8)
parts = {"images": images, "ground_truth": levels[:, None], "names": ("level",), "episode": np.arange(600) // 10}
config = factories.training_config("brightness", losses="brightness:1", network="small_cnn", epochs=16, state_dim=4)
encoder = factories.train_encoder(factories.dataset(**parts), config, sys.argv[1], pictures=False)
again = factories.load_encoder(sys.argv[1])
states = np.array([again.encode(image) for image in images])
print(again.id.split("-")[0], linear_r2(states[:300], levels[:300, None], states[300:], levels[300:, None])[0])
"""


@pytest.mark.timeout(400)  # five programs, two of which import torch
def test_a_package_of_ones_own_brings_a_task_a_robot_an_algorithm_and_a_state(tmp_path: Path) -> None:
    shutil.copytree(REPO / "docs" / "example_package", tmp_path / "source")
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--target", str(tmp_path / "site"), str(tmp_path / "source")], check=True, timeout=100)
    found = {**os.environ, "PYTHONPATH": f"{REPO}{os.pathsep}{tmp_path / 'site'}"}

    def run(*words: str) -> str:
        command = [sys.executable, *words]
        result = subprocess.run(command, cwd=REPO, env=found, capture_output=True, text=True, timeout=200, check=False)
        assert result.returncode == 0, result.stderr
        return result.stdout

    said = run("-c", EXAMPLE).splitlines()
    assert said[:3] == ["InMoovRaiseHand True", "CraneReach True", "CraneRaiseHand True"]
    assert float(said[3]) == pytest.approx(0.4)
    listed = run("-m", "rl_trainer_ros.cli.main", "list")
    assert "random changes of the policy; keeps the best" in listed and "knows how bright it is" in listed
    words = ["algo:=hill_climbing", "hyperparameters.n_delta:=2", "num_timesteps:=600", f"log_dir:={tmp_path}"]
    assert "finished" in run("-m", "rl_trainer_ros.cli.main", "train", "transport:=in_process", *words)
    assert "rl_trainer_ros/CraneRaiseHand-v0" in listed and "lacks arena, postures.arena" in listed
    *_, learned = run("-c", BRIGHTNESS, str(tmp_path / "encoder")).splitlines()
    assert learned.split()[0] == "brightness" and float(learned.split()[1]) > 0.95


def test_a_package_that_brings_nonsense_is_an_error_where_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    def registry(value: str) -> Registry[type[Task]]:
        made: Registry[type[Task]] = Registry("task", TASKS.ours, "rl_trainer_ros.tasks", subclass_check(Task))
        made.__dict__["brought"] = {"mine": EntryPoint("mine", value, "rl_trainer_ros.tasks")}
        return made

    missing = registry("no_such_package:Mine")
    assert "mine" in missing and "reach" in missing and list(missing)[-1] == "mine" and len(missing) == 14
    with pytest.raises(
        ConfigError, match="task 'mine' of entry point rl_trainer_ros.tasks: no_such_package:Mine: No module"
    ):
        missing["mine"]
    with pytest.raises(ConfigError, match="expected a subclass of rl_trainer_ros.tasks.task.Task"):
        registry("pathlib:Path")["mine"]
    twice: Registry[type[Task]] = Registry("task", TASKS.ours, "rl_trainer_ros.tasks", subclass_check(Task))
    point = EntryPoint("mine", "rl_trainer_ros.tasks.reach:Reach", "rl_trainer_ros.tasks")
    twice.__dict__["_points"] = [point, point]  # a package that is installed in two ways
    assert twice["mine"] is TASKS["reach"]
    twice = Registry("task", TASKS.ours, "rl_trainer_ros.tasks", subclass_check(Task))
    twice.__dict__["_points"] = [point, EntryPoint("mine", "another:Mine", "rl_trainer_ros.tasks")]
    with pytest.raises(
        ConfigError, match="task 'mine' .* is in several packages: another:Mine, rl_trainer_ros.*; keep one"
    ):
        twice["mine"]


def test_a_package_with_many_faults_leaves_all_other_names_usable(tmp_path: Path) -> None:
    package = tmp_path / "faulty-0.1.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: faulty\nVersion: 0.1\n")
    (package / "entry_points.txt").write_text(
        "[rl_trainer_ros.tasks]\nreach = faulty:Lift\nReach = faulty:Lift\nlift it = faulty:Lift\nends = faulty_end:X\n"
        "unnamed = faulty:Unnamed\nalone = faulty:Alone\nabstract = faulty:Abstract\n"
        "[rl_trainer_ros.robots]\ninmoov = faulty:NOWHERE\ngone = faulty:NOWHERE\n"
        "[rl_trainer_ros.algorithms]\nodd = faulty:Lift\nmissing = faulty:MISSING\n"
    )
    (tmp_path / "faulty_end.py").write_text("raise SystemExit('goodbye')\n")
    (tmp_path / "faulty.py").write_text(
        "from rl_trainer_ros.algorithms import Algorithm\n"
        "from rl_trainer_ros.tasks import Task\n"
        "from rl_trainer_ros.tasks.reach import Reach\n"
        "NOWHERE = '/nowhere/robot.yaml'\nMISSING = Algorithm('no_such_module:X', ('discrete',))\n"
        "class Lift(Reach):\n    summary = 'bring the hand up'\n    needs = ('tabel',)\n"
        "class Unnamed(Reach):\n    summary = None\n"
        "class Alone(Reach):\n    needs = 'table'\n"
        "class Abstract(Task):\n    summary = 'nothing'\n    def step(self, before, after): pass\n"
    )
    found = {**os.environ, "PYTHONPATH": f"{REPO}{os.pathsep}{tmp_path}"}

    def run(*words: str, code: int = 0) -> str:
        command = [sys.executable, *words]
        result = subprocess.run(command, cwd=REPO, env=found, capture_output=True, text=True, timeout=100, check=False)
        assert result.returncode == code, result.stderr
        return result.stdout + result.stderr

    listed = run("-m", "rl_trainer_ros.cli.main", "list")
    for line in (
        "task 'reach' of entry point rl_trainer_ros.tasks: faulty:Lift is ignored, because this package has the task of that",
        "task 'ends' of entry point rl_trainer_ros.tasks: faulty_end:X: goodbye",
        "task 'unnamed' of entry point rl_trainer_ros.tasks: faulty:Unnamed: its summary is None; expected a text",
        "faulty:Alone: its needs is 'table'; expected a tuple of texts",
        "faulty:Abstract: has no draw_target",
        "robot 'gone' of entry point rl_trainer_ros.robots: faulty:NOWHERE: is '/nowhere/robot.yaml'",
        "algo 'odd' of entry point rl_trainer_ros.algorithms: faulty:Lift: is <class 'faulty.Lift'>",
        "proximal policy optimisation",
        "lacks tabel",
    ):
        assert line in listed, line
    ours = "import gymnasium, rl_trainer_ros; print(gymnasium.make('rl_trainer_ros/InMoovReach-v0').unwrapped.task)"
    assert "rl_trainer_ros.tasks.reach.Reach" in run("-c", ours)
    ids = "import gymnasium, rl_trainer_ros; print('rl_trainer_ros/InMoovLiftIt-v0' in gymnasium.registry)"
    assert "True" in run("-c", ids)
    words = ["algo:=missing", "action:=joint_discrete", "transport:=in_process", "num_timesteps:=100"]
    assert "algorithm no_such_module:X: No module named 'no_such_module'\n" in run(
        "-m", "rl_trainer_ros.cli.main", "train", *words, f"log_dir:={tmp_path}", code=2
    )


class Mine(Reach):
    """A task whose parts the tests replace."""


@pytest.mark.parametrize(
    ("method", "returned", "said"),
    [
        ("draw_target", None, "draw_target returned None; expected a position"),
        ("draw_target", (0.3, 0.2), "draw_target returned (0.3, 0.2)"),
        ("step", (1.0, False, {}), "step returned (1.0, False, {}); expected an Outcome"),
        ("step", Outcome(1.0, False, {"distance": 0.1}), "the info of its Outcome has no is_success"),
        ("step", Outcome(1.0, False, {"is_success": False}), "the info of its Outcome has no distance"),
        ("step", Outcome(np.ones(1), False, {"distance": 0.1, "is_success": False}), "reward of its Outcome is array"),
        (
            "step",
            Outcome(1.0, np.zeros(3), {"distance": 0.1, "is_success": False}),
            "terminated of its Outcome is array",
        ),
        ("step", Outcome(1.0, False, {"distance": 0.1, "is_success": 0.5}), "is_success of its Outcome is 0.5"),
    ],
)
def test_what_a_task_must_not_return_is_one_line(
    method: str, returned: Any, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TASKS.ours, "mine", Mine)  # type: ignore[index]
    monkeypatch.setattr(Mine, method, lambda *arguments: returned, raising=False)
    environment = make_env(task="mine")

    def episode() -> None:
        environment.reset(seed=0)
        environment.step(environment.action_space.sample())

    with pytest.raises(RobotError, match=re.escape(said)):
        episode()


@pytest.mark.parametrize(
    ("returned", "kind"),
    [(np.zeros(1, np.float32), np.float32), (np.full(3, 0.5, np.float32), np.uint8), ([0.0] * 3, np.float32)],
)
def test_an_observation_of_another_shape_or_type_is_one_line(
    returned: Any, kind: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Odd(ObservationSpace):
        summary = "odd"
        space = gymnasium.spaces.Box(0, 1, (3,), kind)

        def encode(self, step_state: Any) -> Any:
            return returned

    monkeypatch.setitem(OBSERVATIONS.ours, "odd", Odd)  # type: ignore[index]
    with pytest.raises(RobotError, match=r"observation Odd returned .*; its space has shape \(3,\) and type"):
        make_env(observation="odd").reset(seed=0)
