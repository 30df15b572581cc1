"""SafeRobot: the commands that reach the wrapped robot, and the effect of an emergency stop."""

from __future__ import annotations

import numpy as np
import pytest

from robot_driver_ros.mock_robot import MockRobot
from robot_interface_ros.errors import CommandRejected, RobotError
from robot_interface_ros.robot import Command, Episode
from robot_interface_ros.robot_config import load_robot
from robot_interface_ros.safety.safe_robot import SafeRobot

PERIOD = 50_000_000


def safe_robot() -> SafeRobot:
    description = load_robot("inmoov")
    return SafeRobot(MockRobot(description, PERIOD, start_ns=PERIOD), description)


def test_a_servo_is_never_slammed() -> None:
    """A command to the far limit moves the slowest joint by its top speed times the period, .35 * .05 rad, and no more."""
    robot, description = safe_robot(), load_robot("inmoov")
    observation = robot.reset(Episode())
    lift = description.joint_names.index("r_shoulder_lift_joint")
    for _ in range(50):
        before = observation.position
        robot.send(Command(observation.stamp, robot.joint_names, description.limits.lower))
        observation = robot.receive()
        assert (np.abs(observation.position - before) <= description.limits.velocity * 0.05 + 1e-12).all()
    assert observation.position[lift] == pytest.approx(-50 * 0.35 * 0.05, abs=0.02)
    np.testing.assert_array_equal(observation.joint_target, observation.position)


def test_a_reset_forgets_the_last_command() -> None:
    robot, description = safe_robot(), load_robot("inmoov")
    observation = robot.reset(Episode())
    for _ in range(20):
        robot.send(Command(observation.stamp, robot.joint_names, description.limits.upper))
        observation = robot.receive()
    observation = robot.reset(Episode())
    np.testing.assert_array_equal(observation.joint_target, description.rest)
    robot.send(Command(observation.stamp, ("r_elbow_flex_joint",), description.rest[3:4]))
    np.testing.assert_array_equal(robot.receive().joint_target, description.rest)


def test_an_emergency_stop_holds_until_enable() -> None:
    robot = safe_robot()
    observation = robot.reset(Episode())
    robot.emergency_stop()
    for attempt in (
        lambda: robot.send(Command(observation.stamp, robot.joint_names, observation.position)),
        lambda: robot.reset(Episode()),
    ):
        with pytest.raises(CommandRejected, match=r"motion is stopped \(emergency stop\); call the enable service"):
            attempt()
    assert not robot.motion_enabled
    robot.enable(False)
    assert robot.emergency_stopped  # whoever disables a robot that was stopped ends no stop
    robot.enable(True)
    robot.send(Command(observation.stamp, robot.joint_names, observation.position))
    assert robot.receive().stamp == observation.stamp + PERIOD


@pytest.mark.bad_input
def test_a_target_that_is_no_place_is_refused() -> None:
    with pytest.raises(RobotError, match="episode target is .*expected three finite numbers"):
        safe_robot().reset(Episode(0, (0.0, float("nan"), 1.0)))
