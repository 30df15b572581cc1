"""The processes of a recording over topics, as record.launch.py starts them."""

from __future__ import annotations

import pytest

from rl_trainer_ros.bringup.recording import recording, recording_arguments
from rl_trainer_ros.bringup.system import ros_arguments
from robot_interface_ros.config import ConfigError

pytestmark = pytest.mark.recording


def test_simulators_see_what_is_recorded_and_the_recorder_ends_the_system() -> None:
    given = {
        "num_envs": "2",
        "episodes": "7",
        "cameras": "[external, left_eye]",
        "image_width": "96",
        "task.end_at_success": "false",
    }
    system = recording({**given, "sim_processes": "1"}, {})
    simulator, recorder = system.processes
    assert simulator.parameters["cameras"] == ("external", "left_eye") and simulator.parameters["image_width"] == 96
    assert simulator.parameters["namespaces"] == ("/env_0", "/env_1") and simulator.parameters["contact"] is True
    assert system.trainer is recorder and recorder.executable == "rl_trainer"
    words = ros_arguments(recorder)
    assert words[0] == "record" and words[-1] == "--ros-args"
    assert {"transport:=topics", "namespaces:=[/env_0, /env_1]", "episodes:=7", "task.end_at_success:=false"} <= set(
        words
    )


def test_robots_without_cameras_are_recorded_without_images_and_in_real_time() -> None:
    _, recorder = recording({"robot_source": "emulated"}, {}).processes
    assert {"cameras:=[]", "realtime:=true"} <= set(recorder.words)
    (alone,) = recording({"robot_source": "external", "namespaces": "[/arm]"}, {}).processes
    assert "namespaces:=[/arm]" in alone.words


def test_arguments_are_declared_once_and_unknown_ones_refused() -> None:
    names = [argument.name for argument in recording_arguments()]
    assert len(names) == len(set(names)) and {"policy", "robot_source", "num_envs", "keep_last_s"} <= set(names)
    with pytest.raises(ConfigError, match="unknown launch argument"):
        recording({"epsodes": "3"}, {})
