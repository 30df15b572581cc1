"""`num_envs:=auto`: the number of robots follows from algorithm and observation, is reported, and is kept by a resumed run."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from rl_trainer_ros.bringup.launch_arguments import help_text, resolve_values
from rl_trainer_ros.bringup.system import BringupError, system
from rl_trainer_ros.training.runs import run_folder
from rl_trainer_ros.training.trainer_config import TrainerConfig
from robot_interface_ros.robot_config import load_robot

SIXTEEN = tuple(f"/env_{i}" for i in range(16))


@pytest.mark.parametrize(
    ("given", "robots", "reason"),
    [
        ({}, 16, "ppo learns to reach in the shortest time"),
        ({"task": "circular", "preset": "many_robots"}, 16, "ppo"),
        ({"transport": "in_process"}, 16, "ppo"),
        ({"algo": "sac"}, 1, "sac was not measured with more"),
        ({"observation": "raw_pixels"}, 1, "robots with cameras were not measured with more"),
        ({"observation.cameras": "[external]"}, 1, "robots with cameras"),
    ],
)
def test_the_number_follows_from_algorithm_and_observation(given: dict[str, str], robots: int, reason: str) -> None:
    started = system({"num_envs": "auto"} | given, {})
    assert started.config.namespaces == SIXTEEN[:robots]
    assert started.trainer.parameters["namespaces"] == SIXTEEN[:robots]
    assert started.note.startswith(f"num_envs:=auto: {robots} robot") and reason in started.note
    simulated = [name for process in started.processes[:-1] for name in process.parameters["namespaces"]]
    assert tuple(simulated) == (SIXTEEN[:robots] if given.get("transport") != "in_process" else ())


def test_a_number_needs_no_report_and_stays_the_default() -> None:
    assert system({"num_envs": "3"}, {}).note == "" == system({}, {}).note
    assert len(system({}, {}).config.namespaces) == 1
    assert "num_envs:=1" in help_text() and "auto: chosen" in help_text()


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"namespaces": "[/left, /right]"}, "namespaces names the robots, so num_envs:=auto has no effect"),
        ({"realtime": "true"}, "not for robots in real time; give the number"),
        ({"robot_source": "emulated"}, "not for robots in real time"),
        ({"robot_source": "mock"}, "not for robot_source:=mock; give the number"),
        ({"robot_source": "external"}, "not for robot_source:=external"),
        ({"algo": "sca", "task": "raech"}, "raech"),
    ],
)
def test_where_the_number_cannot_be_chosen_one_line_says_so(given: dict[str, str], said: str) -> None:
    with pytest.raises(BringupError, match=said) as caught:
        system({"num_envs": "auto"} | given, {})
    assert "\n" not in str(caught.value)


@pytest.mark.bad_input
def test_a_number_that_is_not_that_of_the_named_robots_is_refused() -> None:
    named = {"namespaces": "[/left, /right]"}
    with pytest.raises(BringupError, match="num_envs is 3, but namespaces names 2 robot"):
        system({"num_envs": "3", **named}, {})
    assert system({"num_envs": "2", **named}, {}).config.namespaces == ("/left", "/right")


def test_a_resumed_run_keeps_its_robots(tmp_path: Path) -> None:
    first = resolve_values({"num_envs": "auto", "log_dir": str(tmp_path)}).trainer
    for n in (16, 3):  # 3: as many as an earlier rule may have chosen
        config = dataclasses.replace(first, namespaces=SIXTEEN[:n])
        run = run_folder.create(config, {}, load_robot(TrainerConfig.robot))
        assert run_folder.load_config(run).namespaces == SIXTEEN[:n]
        resumed = resolve_values({"num_envs": "auto", "resume": str(run), "num_timesteps": "200000"})
        assert resumed.trainer.namespaces == SIXTEEN[:n]
        assert resumed.note == f"num_envs:=auto: {n} robots, as in the resumed run"
