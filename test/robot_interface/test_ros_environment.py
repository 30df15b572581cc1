"""Environments in which ROS cannot start, or nodes cannot find each other: one line with cause and remedy."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rl_trainer_ros.bringup.launch_arguments import BringupError
from rl_trainer_ros.bringup.system import robots, system
from robot_interface_ros.errors import RobotError
from robot_interface_ros.ros_environment import (
    RosEnvironmentError,
    check,
    check_discovery,
    check_middleware,
    discovery_words,
)

REPO = Path(__file__).resolve().parents[2]
HOME = {"HOME": "/home/me"}


@pytest.mark.parametrize(
    "environ, said",
    [
        ({}, "HOME is not set, .*: set HOME, or ROS_LOG_DIR="),
        ({"HOME": ""}, "HOME is not set"),
        (HOME | {"ROS_DOMAIN_ID": "300"}, "ROS_DOMAIN_ID=300 is not a ROS domain: set a whole number from 0 to 232"),
        (HOME | {"ROS_DOMAIN_ID": "-1"}, "ROS_DOMAIN_ID=-1 is no"),
        (HOME | {"ROS_DOMAIN_ID": "5x"}, "ROS_DOMAIN_ID=5x is no"),
        (HOME | {"ROS_STATIC_PEERS": "127.0.0.1;no..host"}, "ROS_STATIC_PEERS has 'no..host', .* or unset it"),
        (HOME | {"FASTDDS_DEFAULT_PROFILES_FILE": "/no/such.xml"}, "cannot be read .*or unset FASTDDS_DEFAULT"),
        (HOME | {"FASTRTPS_DEFAULT_PROFILES_FILE": __file__}, "is not XML .*or unset FASTRTPS_DEFAULT"),
    ],
)
def test_what_ros_could_not_start_with_is_said_with_the_remedy(environ: dict[str, str], said: str) -> None:
    with pytest.raises(RosEnvironmentError, match=said) as error:
        check(environ)
    assert isinstance(error.value, RobotError) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    "environ",
    [
        HOME,
        {"ROS_LOG_DIR": "/tmp/log"},
        HOME | {"ROS_DOMAIN_ID": " 7 "},
        HOME | {"ROS_DOMAIN_ID": "232", "ROS_STATIC_PEERS": "127.0.0.1;"},
        HOME | {"RMW_IMPLEMENTATION": "rmw_cyclonedds_cpp", "FASTDDS_DEFAULT_PROFILES_FILE": "/no/such.xml"},
    ],
)
def test_what_ros_takes_is_taken(environ: dict[str, str]) -> None:
    check(environ)


def test_a_domain_of_the_command_line_is_the_one_that_counts() -> None:
    check(HOME | {"ROS_DOMAIN_ID": "300"}, domain_id=5)


def test_a_discovery_that_is_off_is_said_where_others_are_needed() -> None:
    off = {"ROS_AUTOMATIC_DISCOVERY_RANGE": "OFF"}
    with pytest.raises(
        RosEnvironmentError, match="DISCOVERY_RANGE=OFF: nodes cannot find each other, .*unset it, or set LOCALHOST"
    ):
        check_discovery(off)
    for asked in (lambda: system({}, off), lambda: robots({"namespaces": "[/far]"}, off)):
        with pytest.raises(BringupError, match="DISCOVERY_RANGE=OFF: nodes cannot find each other"):
            asked()
    system({"transport": "in_process"}, off)
    with pytest.raises(BringupError, match="remote:=true, but ROS_LOCALHOST_ONLY=1 keeps ROS on this machine; unset"):
        robots({"remote": "true"}, {"ROS_LOCALHOST_ONLY": "1"})


def test_who_finds_nobody_is_told_the_variables_that_are_set() -> None:
    environ = {
        "ROS_DOMAIN_ID": "7",
        "ROS_LOCALHOST_ONLY": "1",
        "ROS_STATIC_PEERS": "10.0.0.2",
        "FASTDDS_DEFAULT_PROFILES_FILE": "/a.xml",
        "EDITOR": "vi",
    }
    assert discovery_words(environ) == (
        "discovery here: ROS_DOMAIN_ID=7, ROS_LOCALHOST_ONLY=1 (only this machine), ROS_STATIC_PEERS=10.0.0.2, "
        "FASTDDS_DEFAULT_PROFILES_FILE=/a.xml"
    )
    assert discovery_words({}) == "discovery here: nothing is set, so domain 0"


def test_a_middleware_that_lies_where_ros_looks_is_not_tried(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "librmw_fine.so").touch()
    environ = {"RMW_IMPLEMENTATION": "rmw_fine", "AMENT_PREFIX_PATH": str(tmp_path)}
    check_middleware(environ, probe=lambda: "not asked")


@pytest.mark.ros
@pytest.mark.parametrize(
    "module",
    [
        "robot_sim_ros.ros.robot_sim_node",
        "robot_driver_ros.ros.robot_driver_node",
        "robot_interface_ros.ros.frames_node",
        "srl_ros.ros.srl_node",
        "rl_trainer_ros.ros.trainer_node",
    ],
)
def test_a_middleware_that_is_not_there_is_one_line_of_every_program(module: str) -> None:
    """The import of rclpy would end the process, so the error comes before it."""
    code, said = _run({"RMW_IMPLEMENTATION": "rmw_nowhere_cpp"}, "-m", module)
    assert code != 0 and said.startswith("RMW_IMPLEMENTATION=rmw_nowhere_cpp is not installed here: unset"), said
    assert said.count("\n") == 1


@pytest.mark.ros
@pytest.mark.parametrize(
    "environ, words, said",
    [
        ({"HOME": ""}, ["-m", "robot_sim_ros.ros.robot_sim_node"], "robot_sim: HOME is not set"),
        ({"ROS_DOMAIN_ID": "300"}, ["-m", "rl_trainer_ros.cli.main", "stop"], "rl_trainer: ROS_DOMAIN_ID=300 is no"),
        ({"HOME": ""}, ["-m", "rl_trainer_ros.cli.main", "train"], "rl_trainer: HOME is not set"),
        (
            {"RMW_IMPLEMENTATION": "rmw_no"},
            ["-m", "rl_trainer_ros.cli.main", "train"],
            "rl_trainer: RMW_IMPLEMENTATION=rmw_no",
        ),
    ],
)
def test_commands_say_it_before_anything_is_started(environ: dict[str, str], words: list[str], said: str) -> None:
    code, output = _run(environ, *words)
    assert code == 2 and output.startswith(said) and output.count("\n") == 1, output


def _run(environ: dict[str, str], *words: str) -> tuple[int, str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("ROS_HOME", "ROS_LOG_DIR")}
    run = subprocess.run(
        [sys.executable, *words], cwd=REPO, env=kept | environ, capture_output=True, text=True, timeout=120.0
    )
    return run.returncode, run.stdout + run.stderr
