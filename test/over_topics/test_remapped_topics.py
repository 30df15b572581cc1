"""Nodes in other namespaces and with remapped topics, as ROS users do with any node."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytestmark = pytest.mark.ros

from rl_trainer_ros.environments.make_env import make_robot_env  # noqa: E402
from rl_trainer_ros.ros.robot_client.timeouts import Timeouts  # noqa: E402
from robot_interface_ros.errors import RobotTimeout  # noqa: E402
from robot_interface_ros.ros.transport.runtime import Runtime  # noqa: E402

REMAPPED = ("joint_states:=/arm/joint_states", "joint_command:=cmd", "reset:=/home", "robot/set_parameters:=/seed")


def remap(*rules: str) -> list[str]:
    return ["--ros-args", *(word for rule in rules for word in ("-r", rule))]


NODES = {"/left/robot_sim", "/left/robot_sim_topics", "/left/env_0/robot"}


def node_names(node: Any) -> set[str]:
    return {f"{namespace.rstrip('/')}/{name}" for name, namespace in node.get_node_names_and_namespaces()}


def test_both_sides_in_one_namespace_with_the_same_remappings_meet(start: Callable, domain: int) -> None:
    """The graph has only the remapped names; the numbers are those without remapping."""
    rules = remap("__ns:=/left", *REMAPPED)
    start("robot_sim_ros.ros.robot_sim_node", *rules).wait_for("serving /left/env_0 in lockstep")
    with Runtime(["x", *rules], domain_id=domain, signals=False) as runtime:
        remapped = make_robot_env(transport="topics", namespace="/left/env_0", runtime=runtime)
        alone = make_robot_env()
        try:
            for environment in (remapped, alone):
                environment.reset(seed=4)
            action = np.full(alone.action_space.shape, 0.5, dtype=np.float32)
            steps = [[environment.step(action)[0].tobytes() for _ in range(3)] for environment in (remapped, alone)]
            watcher = runtime.topic_node("watcher")
            topics = {name for name, _ in watcher.get_topic_names_and_types()}
            services = {name for name, _ in watcher.get_service_names_and_types()}
            deadline = time.monotonic() + 10.0  # nodes are discovered after their topics
            while not (nodes := node_names(watcher)) >= NODES and time.monotonic() < deadline:
                time.sleep(0.02)
        finally:
            remapped.close()
            alone.close()
    assert steps[0] == steps[1]
    assert {"/arm/joint_states", "/left/env_0/cmd", "/left/env_0/target_pose"} <= topics
    assert not {"/left/env_0/joint_states", "/left/env_0/joint_command", "/env_0/joint_states"} & topics
    assert {"/home", "/seed"} <= services and "/left/env_0/reset" not in services
    assert nodes >= NODES


def test_an_error_names_the_topic_that_was_looked_for(domain: int) -> None:
    arguments = ["x", *remap("joint_states:=/arm/joint_states", "reset:=/home")]
    with Runtime(arguments, domain_id=domain, signals=False) as runtime:
        timeouts = Timeouts(start_timeout_s=0.2)
        robot = make_robot_env(transport="topics", runtime=runtime, timeouts=timeouts)
        with pytest.raises(RobotTimeout, match="/env_0: nobody serves /arm/joint_states, .*/home within 0.2 s"):
            robot.reset()
        robot.close()


def test_a_node_refuses_a_remapping_that_would_join_its_robots(start: Callable) -> None:
    words = [*remap("joint_states:=/arm/joint_states"), "-p", "namespaces:=[/a, /b]"]
    node = start("robot_sim_ros.ros.robot_sim_node", *words)
    assert node.wait() == 2
    assert "would give /a and /b one joint_states; remap it for each robot: /a/joint_states:=" in node.lines[-1]


def test_parameters_for_all_nodes_are_taken_and_a_misspelt_one_is_not(start: Callable, tmp_path: Path) -> None:
    """As passed on by launch's SetParameter and a file with `/**`; also a dump of parameters, which has empty lists."""
    (tmp_path / "all.yaml").write_text("/**:\n  ros__parameters:\n    use_sim_time: true\n    map_frame: map\n")
    (tmp_path / "dump.yaml").write_text(
        "/left/robot_sim:\n  ros__parameters:\n    cameras: []\n    start_type_description_service: true\n"
        "    qos_overrides: {/clock: {subscription: {depth: 1}}}\n    namespaces: [arm]\n"
    )
    files = ["--params-file", str(tmp_path / "all.yaml"), "--params-file", str(tmp_path / "dump.yaml")]
    node = start("robot_sim_ros.ros.robot_sim_node", *remap("__ns:=/left"), *files, "-p", "robot_radius:=0.2")
    node.wait_for("serving /left/arm in lockstep")
    assert any("parameter map_frame was set for all nodes; this node does not have it" in line for line in node.lines)
    misspelt = start("robot_sim_ros.ros.robot_sim_node", "--ros-args", "-p", "contrl_hz:=20.0")
    assert misspelt.wait() == 2
    assert "did you mean control_hz?" in misspelt.lines[-1]
