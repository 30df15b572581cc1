"""The launch files, with stand-ins for launch: processes, restarts, refusals, includes."""

from __future__ import annotations

import importlib.util
import logging
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType, ModuleType, SimpleNamespace
from typing import Any

import pytest

from rl_trainer_ros.bringup import preflight
from rl_trainer_ros.bringup.launch_arguments import arguments
from rl_trainer_ros.bringup.system import system
from rl_trainer_ros.training.trainer_config import TrainerConfig
from robot_interface_ros.config import ConfigError

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]


def load_launch_file(name: str = "train") -> ModuleType:
    """launch/<name>.launch.py as a module, on whatever `launch` there is."""
    spec = importlib.util.spec_from_file_location(f"{name}_launch", ROOT / "launch" / f"{name}.launch.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Recorded:
    """Replaces any class of launch; keeps its arguments."""

    def __init__(self, *positional: Any, **named: Any) -> None:
        self.positional, self.named = positional, named


STUBS = {
    "launch": ("LaunchContext", "LaunchDescription"),
    "launch.actions": (
        "DeclareLaunchArgument",
        "EmitEvent",
        "OpaqueFunction",
        "RegisterEventHandler",
        "Shutdown",
        "TimerAction",
    ),
    "launch.event_handlers": ("OnProcessExit",),
    "launch.events": ("matches_action",),
    "launch.events.process": ("ProcessExited", "ShutdownProcess"),
    "launch.launch_description_entity": ("LaunchDescriptionEntity",),
    "launch_ros": (),
    "launch_ros.actions": ("Node",),
}


@pytest.fixture
def stubbed_launch_file(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The launch file with recording stubs, so that it also runs on machines without ROS."""
    for name, classes in STUBS.items():
        stub = ModuleType(name)
        for kind in classes:
            setattr(stub, kind, type(kind, (Recorded,), {}))
        monkeypatch.setitem(sys.modules, name, stub)
    said = ModuleType("launch.logging")
    said.get_logger = logging.getLogger  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "launch.logging", said)
    monkeypatch.delitem(sys.modules, "rl_trainer_ros.ros.launch_actions", raising=False)
    yield load_launch_file()
    sys.modules.pop("rl_trainer_ros.ros.launch_actions", None)  # it was made with the stubs


def started_by(
    launch_file: ModuleType, around: Mapping[str, Any] = MappingProxyType({}), **given: str
) -> dict[str, tuple[Recorded, Any]]:
    """Process name -> its action, and what happens at its exit, as a function of (event, context).

    `around`: launch configurations of a launch file that includes ours; none: ours is launched itself.
    """
    description = launch_file.generate_launch_description()
    *declared, function = description.positional[0]
    assert [action.positional[0] for action in declared] == [argument.name for argument in arguments()]
    configurations = {action.positional[0]: action.named["default_value"] for action in declared} | given
    place = SimpleNamespace(current_launch_file_path=str(ROOT / "launch" / "train.launch.py"))
    context = SimpleNamespace(launch_configurations={**around, **configurations}, locals=place if around else None)
    return paired(function.named["function"](context))


def paired(actions: list[Recorded]) -> dict[str, tuple[Recorded, Any]]:
    handlers, nodes = actions[::2], actions[1::2]
    handled = [handler.positional[0].named for handler in handlers]
    assert [entry["target_action"] for entry in handled] == nodes  # the handler is there before the process is
    return {node.named["exec_name"]: (node, entry["on_exit"]) for node, entry in zip(nodes, handled)}


UP = SimpleNamespace(is_shutdown=False)
GOING_DOWN = SimpleNamespace(is_shutdown=True)


def exit_with(returncode: int) -> SimpleNamespace:
    return SimpleNamespace(returncode=returncode)


def test_the_launch_file_starts_one_action_for_each_process(stubbed_launch_file: ModuleType) -> None:
    started = started_by(
        stubbed_launch_file, srl_model="random", srl_folder=str(ROOT), control_hz="50", physics_hz="250"
    )
    assert list(started) == ["robot_sim", "srl", "trainer"]
    node = started["robot_sim"][0]
    assert (node.named["package"], node.named["executable"]) == ("rl_trainer_ros", "robot_sim_node")
    assert "physics_hz:=250.0" in node.named["arguments"]
    assert float(started["trainer"][0].named["sigterm_timeout"]) >= 60.0  # it saves


def test_the_launch_file_refuses_early_what_no_training_can_be(
    stubbed_launch_file: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match="did you mean reach"):
        started_by(stubbed_launch_file, task="reac")
    asked: list[TrainerConfig] = []
    monkeypatch.setattr(preflight, "check_learner", asked.append)
    started_by(stubbed_launch_file, preset="few_step", algo="sac")
    assert [config.preset for config in asked] == ["few_step"]  # what the learner says of it: test_bad_input.py


def test_the_launch_file_fails_when_the_trainer_does(stubbed_launch_file: ModuleType) -> None:
    _, trainer_ended = started_by(stubbed_launch_file)["trainer"]
    with pytest.raises(RuntimeError, match="trainer exited with code 3"):
        trainer_ended(exit_with(3), UP)
    (action,) = trainer_ended(exit_with(0), UP)
    assert type(action).__name__ == "Shutdown"


def test_a_launch_file_may_include_ours_with_arguments_and_names_of_its_own(stubbed_launch_file: ModuleType) -> None:
    around = {
        "robot_name": "bob",
        "namespace": "",
        "ros_namespace": "/left",
        "ros_remaps": [("joint_states", "/arm/joint_states")],
        "global_params": [("use_sim_time", "True"), ("map_frame", "map")],
    }
    started = started_by(stubbed_launch_file, around, seed="3")
    simulator, trainer = started["robot_sim"][0], started["trainer"][0]
    assert 'namespaces:=["/left/env_0"]' in simulator.named["arguments"]
    assert simulator.named["remappings"] == [("/left/env_0/clock", "/left/clock")]  # launch_ros puts the user's first
    assert "seed:=3" in trainer.named["arguments"]
    assert not any("robot_name" in word or "map_frame" in word for word in trainer.named["arguments"])
    ends = started["trainer"][1](exit_with(0), UP)  # its own processes alone: there may be other systems
    assert [type(action).__name__ for action in ends] == ["EmitEvent", "EmitEvent"]
    assert started["robot_sim"][1](exit_with(-2), UP) == []


def test_under_launch_an_unknown_name_and_a_bad_training_are_refused_before_anything_starts(
    stubbed_launch_file: ModuleType,
) -> None:
    with pytest.raises(ValueError, match=r"unknown launch argument 'nmu_envs' \(did you mean num_envs\?\)"):
        started_by(stubbed_launch_file, nmu_envs="2")
    with pytest.raises(ValueError, match=r"unknown algo 'ppi' \(did you mean ppo\?\)"):
        started_by(stubbed_launch_file, algo="ppi")
    around = {"ros_namespace": "/left", "ros_remaps": [("joint_states", "/arm/joint_states")]}
    with pytest.raises(ValueError, match="would give /left/env_0 and /left/env_1 one joint_states"):
        started_by(stubbed_launch_file, around, num_envs="2")


def test_the_launch_file_starts_a_dead_simulator_again_as_often_as_it_may(stubbed_launch_file: ModuleType) -> None:
    _, died = started_by(stubbed_launch_file, max_restarts="1")["robot_sim"]
    assert died(exit_with(-9), GOING_DOWN) == []
    with pytest.raises(RuntimeError, match="cannot run with its settings"):
        died(exit_with(2), UP)
    again, died_again = paired(died(exit_with(-9), UP))["robot_sim"]
    assert again.named["executable"] == "robot_sim_node"
    (timer,) = died_again(exit_with(-9), UP)
    assert timer.named["period"] > 90.0  # s; before that the trainer ends with its own error
    (action,) = timer.named["actions"]
    with pytest.raises(RuntimeError, match="robot_sim stays down"):
        action.named["function"](UP)


def test_the_launch_file_pauses_before_it_starts_a_simulator_again_that_died_lately(
    stubbed_launch_file: ModuleType,
) -> None:
    _, died = started_by(stubbed_launch_file, max_restarts="2")["robot_sim"]
    (timer,) = paired(died(exit_with(-9), UP))["robot_sim"][1](exit_with(-9), UP)
    assert type(timer).__name__ == "TimerAction" and timer.named["period"] == 1.0
    again, _ = paired(timer.named["actions"])["robot_sim"]
    assert again.named["executable"] == "robot_sim_node"


def test_one_of_several_simulators_may_stay_down(stubbed_launch_file: ModuleType) -> None:
    started = started_by(stubbed_launch_file, max_restarts="0", num_envs="2", sim_processes="2")
    assert list(started) == ["robot_sim_0", "robot_sim_1", "trainer"]
    assert started["robot_sim_0"][1](exit_with(-9), UP) == []
    (timer,) = started["robot_sim_1"][1](exit_with(-9), UP)
    assert type(timer).__name__ == "TimerAction"


def test_robots_are_launched_without_a_trainer(stubbed_launch_file: ModuleType) -> None:
    started = started_by(load_launch_file("robots"), namespaces="[/far_0, /far_1]", sim_processes="1")
    assert list(started) == ["robot_sim"]
    assert 'namespaces:=["/far_0", "/far_1"]' in started["robot_sim"][0].named["arguments"]


def test_namespaces_of_a_params_file_are_those_of_the_launched_robots(
    stubbed_launch_file: ModuleType, tmp_path: Path
) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("trainer:\n  ros__parameters:\n    namespaces: [/left, /right]\n")
    started = started_by(stubbed_launch_file, params_file=str(mine), sim_processes="1")
    assert 'namespaces:=["/left", "/right"]' in started["robot_sim"][0].named["arguments"]


@pytest.fixture
def launch_file() -> ModuleType:
    """launch/train.launch.py with ROS's launch, if installed (the name `launch` may also find our folder)."""
    try:
        from launch import LaunchDescription  # noqa: F401
    except ImportError:
        pytest.skip("needs ROS's launch")
    return load_launch_file()


@pytest.mark.ros
def test_the_launch_file_declares_every_argument(launch_file: ModuleType) -> None:
    declared = {action.name: action for action in launch_file.generate_launch_description().get_launch_arguments()}
    assert list(declared) == [argument.name for argument in arguments()]
    assert declared["robot_source"].default_value[0].text == "sim"


@pytest.mark.ros
def test_the_launch_file_refuses_an_unknown_argument(launch_file: ModuleType) -> None:
    from launch import LaunchContext

    from rl_trainer_ros.ros.launch_actions import start_all

    context = LaunchContext()
    context.launch_configurations.update({"launch-prefix": "", "num_timestep": "3"})
    with pytest.raises(ValueError, match="did you mean num_timesteps"):
        start_all(system, context)
