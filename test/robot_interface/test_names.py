"""Namespaces are checked before processes start, and remappings apply to each robot's names."""

from __future__ import annotations

import pytest

from rl_trainer_ros.bringup import ros_arguments
from rl_trainer_ros.bringup.setting_texts import UsageError
from rl_trainer_ros.bringup.system import BringupError, Process, robots, system
from rl_trainer_ros.bringup.system import ros_arguments as words_of
from rl_trainer_ros.training.trainer_config import TrainerConfig
from robot_interface_ros.config import ConfigError
from robot_interface_ros.names import check_namespaces, parse_rule, place_of, resolve, robot_rules, rules_of

NS_LEFT = ["x", "--ros-args", "-r", "__ns:=/left"]


@pytest.mark.parametrize("good", ["/", "/env_0", "env_0", "/left/arm", "left/_x9", "/R2D2"])
def test_a_namespace_of_ros_is_taken(good: str) -> None:
    check_namespaces((good,))


@pytest.mark.parametrize(
    "bad, said",
    [
        ("", "namespace '' is empty; write '/'"),
        (
            "/my-robot",
            "namespace '/my-robot' has '-' in it; only a-z, A-Z, 0-9, _ and / are allowed; write '/my_robot'",
        ),
        ("/1robot", "has the part '1robot', which begins with a digit; write '/robot_1robot'"),
        ("/robot/", "ends with a slash; write '/robot'"),
        ("//robot", "has two slashes in a row; write '/robot'"),
        ("/left//arm", "has two slashes in a row; write '/left/arm'"),
        ("/bras_gauché", "has 'é' in it"),
        ("/left arm", "has ' ' in it"),
        ("~/arm", "has '~' in it"),
        ("/{node}", "has '{' in it"),
        ("/²", "has '²' in it"),
        ("/" + 200 * "a", "has 201 characters; at most 180 are allowed"),
    ],
)
def test_what_is_no_namespace_is_named_with_one_that_would_do(bad: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_namespaces(("/env_0", bad))
    assert said in str(caught.value)
    with pytest.raises(ConfigError):
        TrainerConfig(namespaces=(bad,))  # long before a robot is waited for


@pytest.mark.parametrize("twice", [("/a", "/a"), ("/a", "a")])
def test_a_robot_is_not_served_twice(twice: tuple[str, str]) -> None:
    with pytest.raises(ConfigError, match="listed twice"):
        check_namespaces(twice)


def test_a_relative_name_lies_in_the_namespace_and_an_absolute_one_does_not() -> None:
    assert (resolve("env_0", "/left"), resolve("env_0"), resolve("/env_0", "/left")) == (
        "/left/env_0",
        "/env_0",
        "/env_0",
    )


def expanded(
    rule: str, namespaces: tuple[str, ...] = ("/env_0",), place: tuple[str, str] = ("/", "robot_sim")
) -> list[str]:
    return robot_rules([parse_rule(rule)], "robot_sim", place, namespaces, ("joint_states", "reset"))


def test_a_relative_remapping_is_for_each_robot_and_for_the_node() -> None:
    assert expanded("joint_states:=arm/joint_states", ("/a", "/b")) == [
        "/a/joint_states:=/a/arm/joint_states",
        "/b/joint_states:=/b/arm/joint_states",
        "/joint_states:=/arm/joint_states",
    ]
    assert expanded("/tf:=tf", place=("/left", "frames")) == ["/tf:=/left/tf"]
    assert expanded("rosservice://reset:=home")[0] == "rosservice:///env_0/reset:=/env_0/home"
    assert expanded("~/x:=y", place=("/left", "robot_sim")) == ["/left/robot_sim/x:=/left/y"]


def test_a_remapping_is_for_the_node_that_it_names() -> None:
    assert expanded("robot_sim:joint_states:=/arm/joint_states")[0] == "/env_0/joint_states:=/arm/joint_states"
    assert expanded("trainer:joint_states:=/arm/joint_states") == []
    assert expanded("__ns:=/left") == expanded("__node:=other") == []


def test_two_robots_never_share_a_topic() -> None:
    with pytest.raises(
        ConfigError, match="would give /a and /b one joint_states; remap it for each robot: /a/joint_states:="
    ):
        expanded("joint_states:=/arm/joint_states", ("/a", "/b"))
    assert expanded("joint_states:=/arm/joint_states", ("/a",))
    assert expanded("chatter:=/talk", ("/a", "/b"))  # no robot's


def test_the_first_rule_for_a_place_counts() -> None:
    rules = rules_of(
        ["n", "--ros-args", "-r", "other:__ns:=/no", "--remap", "__ns:=/left", "-r", "__ns:=/late", "--", "-r", "x:=y"]
    )
    assert place_of(rules, "trainer") == ("/left", "trainer")
    assert len(rules) == 3


@pytest.mark.parametrize("bad", ["joint_states", ":=x", "x:=", "__ns:=/my-robot", "__ns:=left"])
def test_what_is_no_remapping_is_one_line(bad: str) -> None:
    with pytest.raises(ConfigError):
        parse_rule(bad)


@pytest.mark.parametrize(
    "words, said",
    [
        (["-x"], "unknown ROS argument '-x'"),
        (["--log-levl", "debug"], "(did you mean --log-level?)"),
        (["--log-level", "debugg"], "unknown log level 'debugg' (did you mean debug?)"),
        (["--log-level", "rcl:=loud"], "unknown log level 'loud'"),
    ],
)
def test_what_ros_would_refuse_is_refused_in_one_line(words: list[str], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        ros_arguments.split(["--ros-args", *words])
    assert said in str(caught.value) and "\n" not in str(caught.value)
    ros_arguments.split(["--ros-args", "--log-level", "rcl:=DEBUG", "--log-level", "info", "--disable-stdout-logs"])


def test_a_system_in_a_namespace_has_its_robots_its_clock_and_its_nodes_there() -> None:
    own, ros = ros_arguments.split(["num_envs:=2", "--ros-args", "-r", "__ns:=/left", "--log-level", "debug"])
    assert own == ["num_envs:=2"]
    started = {process.name: process for process in system({"num_envs": "2", "sim_processes": "1"}, {}, ros).processes}
    for process in started.values():
        assert process.parameters["namespaces"] == ("/left/env_0", "/left/env_1")
        assert words_of(process, ros.words)[:5] == ["--ros-args", "-r", "__ns:=/left", "--log-level", "debug"]
    assert started["robot_sim"].remappings == {"/left/env_0/clock": "/left/clock"}
    served = robots({}, {}, ros)
    assert served.processes[0].parameters["namespaces"] == ("/left/env_0",)
    assert served.ros_words == ("-r", "__ns:=/left", "--log-level", "debug")


def test_an_absolute_namespace_stays_where_it_is() -> None:
    _, ros = ros_arguments.split(NS_LEFT)
    (sim, trainer) = system(
        {"namespaces": "[/arm, hand]", "robot_source": "sim", "sim_processes": "1"}, {}, ros
    ).processes
    assert sim.parameters["namespaces"] == trainer.parameters["namespaces"] == ("/arm", "/left/hand")


def test_a_users_remapping_comes_before_ours_but_not_before_a_nodes_own_place() -> None:
    process = Process("f", "f", "m", remappings={"__ns": "/left/env_0", "/left/env_0/clock": "/clock"})
    words = words_of(process, ("-r", "__ns:=/left", "-r", "clock:=/other"))
    assert [word for word in words if ":=" in word] == [
        "__ns:=/left/env_0",
        "__ns:=/left",
        "clock:=/other",
        "/left/env_0/clock:=/clock",
    ]


def test_a_remapping_that_would_join_two_robots_is_refused_before_anything_starts() -> None:
    _, ros = ros_arguments.split(["x", "--ros-args", "-r", "joint_states:=/arm/joint_states"])
    assert system({}, {}, ros).processes
    with pytest.raises((BringupError, ConfigError), match="would give /env_0 and /env_1 one joint_states"):
        system({"num_envs": "2"}, {}, ros)


@pytest.mark.parametrize(
    "words, said",
    [(["-p", "seed:=3"], "write seed:=3 before"), (["--params-file", "a.yaml"], "write params_file:=a.yaml before")],
)
def test_what_is_for_one_node_has_its_own_spelling(words: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        ros_arguments.split(["--ros-args", *words])


def test_an_operators_robot_lies_in_the_command_lines_namespace() -> None:
    assert ros_arguments.placed("env_0", NS_LEFT) == "/left/env_0"
    assert ros_arguments.placed("/arm", NS_LEFT) == "/arm"
    with pytest.raises(ConfigError, match="write '/my_robot'"):
        ros_arguments.placed("/my-robot", NS_LEFT)
