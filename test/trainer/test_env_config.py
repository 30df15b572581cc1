"""The settings of an environment are defined in one place, and have the same meaning everywhere."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import gymnasium
import pytest

from rl_trainer_ros.bringup.launch_arguments import resolve_values
from rl_trainer_ros.bringup.system import system
from rl_trainer_ros.environments.env_config import SIMULATED, EnvConfig
from rl_trainer_ros.environments.make_env import make_robot_env
from rl_trainer_ros.environments.requirements import simulation_settings
from rl_trainer_ros.training.trainer_config import TrainerConfig
from robot_interface_ros.config import ConfigError

GIVEN = {"task": "button", "action_noise": "0.1", "frame_stack": "2", "imperfection": "mild", "task.contacts": "3"}


def test_a_launch_argument_and_a_keyword_make_the_same_environment(tmp_path: Path) -> None:
    trained = resolve_values(GIVEN).trainer
    environment = gymnasium.make(
        "rl_trainer_ros/InMoovButton-v0", action_noise=0.1, frame_stack=2, imperfection="mild", contacts=3
    )
    made = environment.unwrapped.config  # type: ignore[attr-defined]
    environment.close()
    for field in dataclasses.fields(EnvConfig):
        if not field.name.endswith("_settings"):
            assert getattr(made, field.name) == getattr(trained, field.name), field.name
    assert all(made.settings(part) == trained.settings(part) for part in ("task", "action", "observation"))
    assert made.settings("task") == {"contacts": 3}


@pytest.mark.parametrize("name", SIMULATED)
def test_a_setting_of_the_simulation_reaches_the_simulator_node_as_it_does_one_in_process(name: str) -> None:
    text = {"imperfection": "mild", "world": "tomato"}.get(name, "1")
    node = system({name: text}, {}).processes[0]
    assert node.module == "robot_sim_ros.ros.robot_sim_node"
    assert node.parameters[name] == simulation_settings(resolve_values({name: text}).trainer)[name]
    with pytest.raises(ConfigError, match=f"{name} has no effect with robot_source:=external"):
        system({name: text, "robot_source": "external"}, {})


def test_a_trainings_environment_alone_is_not_held_to_what_else_the_training_is_about() -> None:
    training = TrainerConfig(realtime=True, srl_model="random", log_dir="/x", frame_stack=3)
    alone = training.environment(realtime=False)
    assert type(alone) is EnvConfig and alone.observed == training.observed == "srl_state"
    assert (alone.srl_folder, alone.frame_stack, alone.realtime) == ("/x/srl/random", 3, False)


def test_settings_that_do_not_go_together_are_refused_wherever_an_environment_is_made() -> None:
    for refused in (
        lambda: make_robot_env(frame_stack=2, goal_conditioned=True, reward="sparse"),
        lambda: TrainerConfig(frame_stack=2, goal_conditioned=True),
        lambda: EnvConfig(frame_stack=2, goal_conditioned=True),
    ):
        with pytest.raises(ConfigError, match="frame_stack does not work with goal_conditioned"):
            refused()


def test_settings_are_read_without_gymnasium_torch_or_ros() -> None:
    code = """
import sys
for name in ("gymnasium", "torch", "stable_baselines3", "rclpy"):
    sys.modules[name] = None
import rl_trainer_ros.training.trainer_config, rl_trainer_ros.environments.requirements
assert not [name for name in sys.modules if name.startswith("rl_trainer_ros.training.") and "trainer_config" not in name]
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_an_environment_in_process_needs_no_ros_and_no_training() -> None:
    code = """
import sys
sys.modules["rclpy"] = None
from rl_trainer_ros.environments.make_env import make_robot_env
make_robot_env().close()
assert not [name for name in sys.modules if name.startswith(("rl_trainer_ros.training", "rl_trainer_ros.ros"))]
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
