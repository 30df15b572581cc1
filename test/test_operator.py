"""`rl_trainer stop` and `rl_trainer enable`: a person beside a robot, without the `ros2` command."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("rclpy")
from operators import ELBOW, Operator
from std_srvs.srv import Trigger

from rl_trainer_ros import cli
from robot_interface_ros.errors import RobotTimeout

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
    assert cli.run(["stop"]) == 0
    assert "/env_0 is stopped; rl_trainer enable namespace:=/env_0 lets it move again" in capsys.readouterr().out
    answer = operator.call(Trigger, "/env_0/reset")
    assert not answer.success and "emergency stop" in answer.message
    assert cli.run(["stop"]) == 0  # once more does no harm
    assert cli.run(["enable", "motion:=false"]) == 0
    assert not operator.call(Trigger, "/env_0/reset").success
    assert cli.run(["enable", "namespace:=/env_0"]) == 0
    assert operator.call(Trigger, "/env_0/reset").success


def test_a_motion_is_stopped(start: Callable[..., Any], operator: Operator) -> None:
    start(NODES[0][0], realtime=True, control_hz=50.0).wait_for("serving")
    operator.move(ELBOW, -0.6)
    assert cli.run(["stop"]) == 0
    stood = operator.position()
    with pytest.raises(AssertionError, match="did not come"):
        operator.move(ELBOW, -1.0, timeout_s=1.0)
    assert operator.position() == pytest.approx(stood, abs=0.002)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "command, said", [("stop", "nobody hears /arm/emergency_stop"), ("enable", "nobody serves /arm/enable")]
)
def test_a_robot_that_is_not_there_is_named(command: str, said: str, domain: int) -> None:
    with pytest.raises(RobotTimeout, match=f"{said} within 0.3 s; is a robot served in that namespace"):
        cli.run([command, "namespace:=/arm", "timeout_s:=0.3"])
