"""Values of parameter files and command lines for one node, and for all nodes."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from rl_trainer_ros.bringup.ros_arguments import split
from rl_trainer_ros.bringup.system import BringupError, system
from robot_interface_ros.files.parameter_files import from_arguments, from_file, matches, misspelt

DUMPED = """
/trainer:
  ros__parameters:
    namespaces: [/env_0]
    seed: 7
    robot: inmoov
    qos_overrides:
      /parameter_events:
        publisher: {depth: 1000}
    start_type_description_service: true
    use_sim_time: false
"""


@pytest.mark.parametrize(
    "pattern, node, fits",
    [
        ("/**", "/left/trainer", True),
        ("/**/trainer", "/trainer", True),
        ("/**/trainer", "/left/x/trainer", True),
        ("/*/trainer", "/left/trainer", True),
        ("/*/trainer", "/trainer", False),
        ("trainer", "/trainer", True),
        ("trainer", "/left/trainer", False),
        ("/left/trainer", "/left/trainer", True),
        ("/left/**", "/right/trainer", False),
    ],
)
def test_patterns_are_those_of_ros(pattern: str, node: str, fits: bool) -> None:
    assert matches([part for part in pattern.split("/") if part], node) is fits


def test_own_and_everybodys_values_are_told_apart() -> None:
    given = from_file(
        yaml.safe_load(
            "/**: {ros__parameters: {use_sim_time: true, seed: 1}}\n"
            "left: {trainer: {ros__parameters: {seed: 2, deep: {er: 3}}}}\n"
            "other: {ros__parameters: {seed: 4}}\n"
        ),
        "/left/trainer",
    )
    assert given.own == {"seed": 2, "deep.er": 3}
    assert given.for_all == {"use_sim_time": True, "seed": 1}


def test_a_command_line_is_everybodys_unless_it_names_the_node(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("robot_sim: {ros__parameters: {namespaces: []}}\n")
    words = [
        "x",
        "--ros-args",
        "--params-file",
        str(tmp_path / "p.yaml"),
        "-p",
        "a:=1",
        "-p",
        "robot_sim:b:=[]",
        "-p",
        "c:d:=2",
    ]
    given = from_arguments(words, "robot_sim", "/robot_sim")
    assert (given.own, given.for_all) == ({"namespaces": [], "b": []}, {"a": 1})
    assert sorted(given.empty_lists) == ["b", "namespaces"]
    assert given.matched
    assert not from_arguments(words, "robot_sim", "/left/robot_sim").matched


def test_a_name_like_one_of_ours_is_taken_for_it() -> None:
    known = ["num_timesteps", "seed", "namespaces"]
    assert misspelt("num_timestep", known) and misspelt("sed", known)
    assert not misspelt("use_lidar", known) and not misspelt("robot_radius", known)


def config(tmp_path: Path, text: str, **arguments: str) -> object:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    return system({"params_file": str(path), **arguments}, {}).config


def test_a_dump_of_the_trainers_parameters_is_a_parameter_file(tmp_path: Path) -> None:
    made = config(tmp_path, DUMPED)
    assert (made.seed, made.namespaces) == (7, ("/env_0",))  # type: ignore[attr-defined]
    assert config(tmp_path, DUMPED, num_envs="2").namespaces == ("/env_0", "/env_1")  # type: ignore[attr-defined]


def test_values_for_all_nodes_may_be_others(tmp_path: Path) -> None:
    text = "/**:\n  ros__parameters:\n    use_sim_time: true\n    map_frame: map\n    seed: 5\n"
    assert config(tmp_path, text).seed == 5  # type: ignore[attr-defined]
    assert config(tmp_path, "/**:\n  ros__parameters:\n    use_sim_time: true\n").seed == 0  # type: ignore[attr-defined]


@pytest.mark.parametrize("key", ["/**", "trainer", "/**/trainer"])
def test_a_misspelt_name_of_ours_is_refused(tmp_path: Path, key: str) -> None:
    with pytest.raises(
        BringupError, match=r"unknown setting 'num_timestep' \(did you mean num_timesteps\?\)|num_timestep"
    ):
        config(tmp_path, f"{key}:\n  ros__parameters:\n    num_timestep: 5\n")


def test_a_file_that_does_not_mean_a_node_in_a_namespace_says_what_would(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("trainer:\n  ros__parameters:\n    seed: 5\n")
    _, ros = split(["--ros-args", "-r", "__ns:=/left"])
    with pytest.raises(BringupError, match=r"sets nothing for /left/trainer: no '/\*\*/trainer:'"):
        system({"params_file": str(path)}, {}, ros)
