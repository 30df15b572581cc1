"""No command exceeds a limit, and no command is applied in part."""

from __future__ import annotations

import numpy as np
import pytest

from robot_interface_ros.errors import CommandRejected
from robot_interface_ros.robot import Command
from robot_interface_ros.safety.limits import TargetLimiter, command_indices, stoppable
from robot_interface_ros.urdf.elements import JointLimits

NAMES = ("a", "b")
PERIOD_S = 0.05
LIMITS = JointLimits(
    NAMES,
    lower=np.array([-1.0, -0.3]),
    upper=np.array([1.0, 0.2]),
    velocity=np.array([0.4, 0.8]),
    effort=np.array([1.0, 1.0]),
)


def advance(targets: TargetLimiter, commanded: np.ndarray) -> np.ndarray:
    targets.accept(Command(1, NAMES, commanded))
    return targets.step()


def limiter(acceleration: float = 4.0) -> TargetLimiter:
    return TargetLimiter(LIMITS, np.full(2, acceleration), PERIOD_S)


def test_ramp_by_hand() -> None:
    """From rest with 4 rad/s^2 the step grows by 4 * .05^2 = .01 rad a period, up to .4 * .05 = .02 rad."""
    targets = limiter()
    path = [advance(targets, np.array([1.0, 0.0]))[0] for _ in range(4)]
    np.testing.assert_allclose(path, [0.01, 0.03, 0.05, 0.07], atol=1e-15)


def test_a_far_command_is_reached_and_then_held() -> None:
    targets = limiter()
    for _ in range(100):
        advance(targets, np.array([0.5, 0.1]))
    np.testing.assert_array_equal(targets.target, [0.5, 0.1])


@pytest.mark.slow
def test_no_command_crosses_position_speed_or_acceleration_limits() -> None:
    generator = np.random.default_rng(0)
    targets, before, step_before = limiter(), np.zeros(2), np.zeros(2)
    brake = 4.0 * PERIOD_S**2
    for k in range(20_000):
        scale = 10.0 ** generator.integers(-3, 6)
        target = advance(targets, generator.normal(0.0, scale, 2) if k % 400 < 300 else np.full(2, 1e6))
        step = target - before
        assert (target >= LIMITS.lower).all() and (target <= LIMITS.upper).all()
        assert (np.abs(step) <= LIMITS.velocity * PERIOD_S + 1e-12).all()
        assert (np.abs(step - step_before) <= brake + 1e-12).all()  # also where a limit stops it: it brakes in time
        before, step_before = target, step


def test_joints_that_are_not_named_keep_their_command() -> None:
    targets = limiter(1e6)
    advance(targets, np.array([0.5, 0.1]))
    targets.accept(Command(1, ("b",), np.array([-0.2])))
    for _ in range(60):
        targets.step()
    np.testing.assert_allclose(targets.target, [0.5, -0.2])


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("names", "position", "reason"),
    [
        (("a", "c"), [0.0, 0.0], "unknown joint 'c'; known: a, b"),
        (("a", "a"), [0.0, 0.0], "joint 'a' is named twice"),
        (("a",), [0.0, 0.0], "1 joint names but 2 positions"),
        (("a", "b"), [0.0, float("nan")], "position of joint 'b' is nan"),
        (("b",), [float("inf")], "position of joint 'b' is inf"),
    ],
)
def test_a_bad_command_is_refused_whole(names: tuple[str, ...], position: list[float], reason: str) -> None:
    targets = limiter()
    advance(targets, np.array([0.3, 0.1]))
    before = targets.target
    with pytest.raises(CommandRejected, match=reason):
        targets.accept(Command(1, names, np.array(position)))
    np.testing.assert_array_equal(targets.target, before)


def test_nobody_else_can_move_a_target() -> None:
    targets = limiter()
    command = np.array([0.5, 0.1])
    targets.accept(Command(1, NAMES, command))
    command += 5.0  # the caller's own array, after it was accepted
    for _ in range(60):
        targets.step()
    np.testing.assert_array_equal(targets.target, [0.5, 0.1])
    with pytest.raises(ValueError, match="read-only"):
        targets.target += 5.0


def test_a_joint_without_limits_still_has_a_top_speed() -> None:
    limits = JointLimits(("a",), np.array([-np.inf]), np.array([np.inf]), np.array([0.4]), np.array([1.0]))
    targets = TargetLimiter(limits, np.array([4.0]), PERIOD_S)
    targets.accept(Command(1, ("a",), np.array([1e9])))
    path = [targets.step()[0] for _ in range(4)]
    np.testing.assert_allclose(path, [0.01, 0.03, 0.05, 0.07], atol=1e-15)


def test_a_room_that_is_not_a_number_gives_no_step() -> None:
    assert np.isnan(stoppable(float("nan"), 0.01))  # a command with it is refused by the robot, with the joint's name


def test_indices_follow_the_robots_order() -> None:
    assert command_indices(("b", "a"), np.zeros(2), NAMES) == [1, 0]
