"""`rl_trainer stop` and `rl_trainer enable`: an operator without the `ros2` command."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("rclpy")
from operators import ELBOW, Operator
from std_srvs.srv import Trigger

from rl_trainer_ros.bringup.setting_texts import UsageError
from rl_trainer_ros.cli import main
from robot_interface_ros.config import ConfigError
from robot_interface_ros.errors import CommandRejected, RobotTimeout

pytestmark = pytest.mark.ros
NODES: list[tuple[str, dict[str, Any]]] = [
    ("robot_driver_ros.ros.robot_driver_node", {"realtime": True}),
    ("robot_sim_ros.ros.robot_sim_node", {}),
]


@pytest.mark.parametrize("module, parameters", NODES)
def test_a_stopped_robot_moves_only_when_it_is_enabled(
    module: str,
    parameters: dict[str, Any],
    start: Callable[..., Any],
    operator: Operator,
    capsys: pytest.CaptureFixture[str],
) -> None:
    start(module, **parameters).wait_for("serving")
    assert main.run(["stop"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("/env_0 is stopped; ")
    assert "rl_trainer enable namespace:=/env_0 allows it to move again" in said
    answer = operator.call(Trigger, "/env_0/reset")
    assert not answer.success and "emergency stop" in answer.message
    assert main.run(["stop"]) == 0  # once more does no harm
    assert main.run(["enable", "motion:=false"]) == 0
    assert not operator.call(Trigger, "/env_0/reset").success
    assert main.run(["enable", "namespace:=/env_0"]) == 0
    assert operator.call(Trigger, "/env_0/reset").success


def test_a_motion_is_stopped(start: Callable[..., Any], operator: Operator) -> None:
    start(NODES[0][0], realtime=True, control_hz=50.0).wait_for("serving")
    operator.move(ELBOW, -0.6)
    assert main.run(["stop"]) == 0
    operator.until(lambda: operator.position() == operator.position())  # it has braked
    stood = operator.position()
    with pytest.raises(AssertionError, match="did not come"):
        operator.move(ELBOW, -1.0, timeout_s=1.0)
    assert operator.position() == pytest.approx(stood, abs=0.002)


def test_joints_are_moved_and_the_robots_own_reason_is_said_where_not(
    start: Callable[..., Any], operator: Operator, capsys: pytest.CaptureFixture[str]
) -> None:
    start(NODES[0][0], realtime=True, control_hz=50.0).wait_for("serving")
    assert main.run(["move", f"{ELBOW}:=-0.6", "namespace:=/env_0", "r_wrist_roll_joint:=-1.4"]) == 0
    assert f"{ELBOW} is sent to -0.6 rad, r_wrist_roll_joint is sent to -1.4 rad" in capsys.readouterr().out
    assert operator.position() == pytest.approx(-0.6, abs=0.003)
    assert operator.position("r_wrist_roll_joint") == pytest.approx(-1.4, abs=0.003)
    with pytest.raises(CommandRejected, match=r"/env_0 refused the command: unknown joint 'r_elbow' .*did you mean"):
        main.run(["move", "r_elbow:=-0.6"])
    before = operator.position()
    for wrong, hint in (
        ("-30", f"If that is in degrees: {ELBOW}:=-0.5236, or {ELBOW}:=-30deg"),
        ("1.0", "and 1 is beyond; nothing has moved"),
    ):
        with pytest.raises(CommandRejected, match=hint):
            main.run(["move", f"{ELBOW}:={wrong}", "timeout_s:=8"])
    assert operator.position() == before
    assert main.run(["move", f"{ELBOW}:=-30deg"]) == 0
    assert operator.position() == pytest.approx(-0.5236, abs=0.003)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "words, said",
    [
        ([], "no joint is named; write joint:=rad"),
        (["namespace:=/env_0"], "no joint is named"),
        (["elbow:=up"], "elbow is 'up'; expected an angle: rad, or degrees with deg at the end"),
        (["elbow:=nan"], "elbow is 'nan'; expected an angle"),
        (["elbow:=1", "timeout_s:=soon"], "timeout_s is 'soon'; expected a number"),
        (
            ["elbow:=1", "namespace:=/arm", "timeout_s:=0.3"],
            "no /arm/joint_target and no /arm/joint_states, as in real time, within 0.3 s",
        ),
    ],
)
def test_a_move_that_cannot_be_is_said(words: list[str], said: str, domain: int) -> None:
    with pytest.raises((UsageError, ConfigError, RobotTimeout), match=said):
        main.run(["move", *words])


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "command, said", [("stop", "nobody subscribes to /arm/emergency_stop"), ("enable", "nobody serves /arm/enable")]
)
def test_a_robot_that_is_not_there_is_named(command: str, said: str, domain: int) -> None:
    with pytest.raises(RobotTimeout, match=f"{said} within 0.3 s; is a robot served in that namespace"):
        main.run([command, "namespace:=/arm", "timeout_s:=0.3"])
