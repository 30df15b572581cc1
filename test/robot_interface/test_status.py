"""`rl_trainer status`: its output for robots that move, are stopped, are silent, exist twice or do not exist."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import pytest

from rl_trainer_ros.cli import main
from robot_interface_ros.errors import RobotTimeout
from robot_interface_ros.robot_status import RobotStatus, Stream, lines

WELL = RobotStatus(
    "/arm",
    ["/arm/driver"],
    ["/trainer"],
    2.0,
    [Stream("joint_states", ["/arm/driver"], 40, 0.03), Stream("camera/eye/image_raw", ["/arm/driver"])],
    True,
    {"elbow": -0.5},
    {"elbow": -0.6},
    {"state": "tracking", "age of last command (s)": "0.05", "pulse (us) elbow": "1200", "pulse (us) jaw": "off"},
    "tracking",
)


def test_a_robot_that_moves_is_shown() -> None:
    said = "\n".join(lines(WELL))
    assert WELL.problems == [] and WELL.real_time
    assert said.startswith("/arm: may move, in real time: tracking\n")
    assert "commanded by  /trainer; the last command, or the start, was 0.1 s ago" in said
    elbow = said.split("elbow")[1].split("\n")[0]
    assert elbow.split() == ["-0.500", "(-28.6", "deg)", "-0.600", "(-34.4", "deg)", "1200", "us"]
    assert said.split("jaw")[1].split("\n")[0].split() == ["-", "-", "off"]
    assert said.split("joint_states")[1].split("\n")[0].split() == ["20.0", "Hz", "0.03", "s", "/arm/driver"]
    assert said.split("image_raw")[1].split() == ["no", "message", "/arm/driver"]


@pytest.mark.parametrize(
    "changes, problem",
    [
        ({"motion_enabled": False}, "it is stopped: rl_trainer enable namespace:=/arm lets it move"),
        ({"servers": ["/a", "/b"]}, "2 robots serve /arm: /a, /b; end one of them"),
        ({"commanders": ["/trainer", "/operator"]}, "2 clients may command it: /trainer, /operator"),
        ({"faulty": True, "message": "board left is lost"}, "board left is lost"),
        ({"position": {}}, "it runs in real time, but no joint_states came"),
    ],
)
def test_what_is_wrong_is_said(changes: dict[str, Any], problem: str) -> None:
    status = dataclasses.replace(WELL, **changes)
    assert status.problems == [problem]
    assert lines(status)[-1] == f"  ! {problem}"


def test_a_silent_robot_waits_for_its_client() -> None:
    silent = RobotStatus("/arm", ["/arm/sim"], [], 1.3, [Stream("joint_states", ["/arm/sim"])], None)
    assert silent.problems == [] and not silent.real_time
    assert lines(silent)[0] == "/arm: does not report whether it may move, in lockstep, or waiting for a client"
    assert lines(silent)[-1] == "  In lockstep a robot is silent until a client commands it."


@pytest.mark.ros
def test_robots_in_both_modes_are_looked_at(start: Callable[..., Any], capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("rclpy")
    start("robot_driver_ros.ros.robot_driver_node", realtime=True, namespaces="[/real]").wait_for("serving")
    start("robot_sim_ros.ros.robot_sim_node", namespaces="[/simulated]").wait_for("serving")

    def status(namespace: str) -> tuple[int, str]:
        code = main.run(["status", f"namespace:={namespace}"])
        return code, capsys.readouterr().out

    code, said = status("/real")
    assert code == 0 and "/real: may move, in real time" in said and "r_elbow_flex_joint" in said
    assert "served by     /robot_driver_topics" in said and "commanded by  nobody" in said
    assert " us\n" in said or " off\n" in said
    assert main.run(["stop", "namespace:=/real"]) == 0
    code, said = status("/real")
    assert code == 1 and "/real: STOPPED" in said
    code, said = status("/simulated")
    assert code == 0 and "/simulated: may move, in lockstep" in said and "In lockstep a robot is silent" in said
    began = time.monotonic()
    with pytest.raises(RobotTimeout, match="nobody publishes /nowhere/joint_states within 0.5 s"):
        main.run(["status", "namespace:=/nowhere", "timeout_s:=0.5"])
    assert time.monotonic() - began < 10.0
