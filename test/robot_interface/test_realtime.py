"""The real-time robot on a simulated clock: holds, stops, ramped resets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from simulated_clock import PERIOD, SECOND, Clock

from robot_driver_ros.mock_robot import MockRobot
from robot_interface_ros.errors import CommandRejected, RobotError
from robot_interface_ros.realtime.realtime_robot import RealTimeConfig, RealTimeRobot, State
from robot_interface_ros.robot import Command, Episode, Observation
from robot_interface_ros.robot_config import load_robot
from robot_interface_ros.safety.safe_robot import SafeRobot

pytestmark = pytest.mark.realtime
INMOOV = load_robot("inmoov")
REST, FAR = INMOOV.rest, INMOOV.limits.upper


class Bench:
    """A robot with its clock; `run` ticks it and checks the limits at every tick."""

    def __init__(self, plant: Any = None, period: int = PERIOD, **settings: Any):
        self.clock, self.period = Clock(), period
        self.plant = plant if plant is not None else MockRobot(INMOOV, period, start_ns=period)
        self.robot = RealTimeRobot(
            SafeRobot(self.plant, INMOOV), RealTimeConfig(**settings), self.clock, lambda: self.clock.now
        )
        self.path = [self.robot.observation.joint_target]
        self.ends: list[Observation | RobotError] = []

    def command(self, position: np.ndarray = FAR) -> None:
        self.robot.command(Command(0, INMOOV.joint_names, position))

    def reset(self, episode: Episode | None = None) -> None:
        self.robot.start_reset(lambda: episode or Episode(), self.ends.append)

    def tick(self, late: int = 0) -> Observation:
        self.clock.now += self.period + late
        observation = self.robot.tick()
        self.path.append(observation.joint_target)
        return observation

    def run(self, seconds: float) -> Observation:
        for _ in range(round(seconds * SECOND / self.period)):
            observation = self.tick()
        return observation

    def track(self, seconds: float, position: np.ndarray = FAR) -> Observation:
        for _ in range(round(seconds * SECOND / self.period)):
            self.command(position)
            observation = self.tick()
        return observation

    @property
    def speed(self) -> float:
        """Speed of the fastest joint in the last tick, rad/s."""
        return float(np.abs(self.path[-1] - self.path[-2]).max() * SECOND / self.period)

    def check_limits(self) -> None:
        steps = np.diff(self.path, axis=0)
        period_s = self.period / SECOND
        assert (np.array(self.path) >= INMOOV.limits.lower).all() and (np.array(self.path) <= INMOOV.limits.upper).all()
        assert (np.abs(steps) <= INMOOV.limits.velocity * period_s + 1e-12).all()
        assert (np.abs(np.diff(steps, axis=0)) <= INMOOV.max_acceleration * period_s**2 + 1e-12).all()


def test_states_come_without_commands_and_nothing_moves() -> None:
    bench = Bench()
    stamps = [bench.tick().stamp for _ in range(5)]
    assert np.diff(stamps).tolist() == [PERIOD] * 4
    assert bench.robot.state is State.HOLDING
    np.testing.assert_array_equal(bench.path[-1], REST)


def test_stamps_never_go_back_when_the_wall_clock_does() -> None:
    bench = Bench()
    before = bench.tick().stamp
    bench.robot._wall_clock = lambda: 5
    assert [bench.tick().stamp - before for _ in range(3)] == [1, 2, 3]


def test_a_killed_trainer_leaves_a_robot_that_holds_within_a_tenth_of_a_second_of_the_timeout() -> None:
    """The command is far away, so only the watchdog ends the motion."""
    bench = Bench()
    bench.track(1.0)
    moving = bench.speed
    silent_since = bench.clock.now - PERIOD  # when it was commanded last
    while bench.robot.state is State.TRACKING:
        bench.tick()
        assert bench.clock.now - silent_since < SECOND
    assert moving > 0.3
    assert 0.3 * SECOND < bench.clock.now - silent_since <= 0.4 * SECOND
    bench.run(0.2)  # braking from the fastest joint's .79 rad/s with 5 rad/s^2
    assert bench.speed == 0.0
    held = bench.path[-1]
    bench.run(5.0)
    np.testing.assert_array_equal(bench.path[-1], held)
    bench.check_limits()


def test_what_was_commanded_before_a_hold_is_forgotten() -> None:
    bench = Bench()
    bench.track(0.5)
    held = bench.run(1.0).joint_target
    bench.robot.command(Command(0, INMOOV.joint_names[:1], held[:1] - 0.01))  # moves one joint, and only that
    np.testing.assert_array_equal(bench.run(0.2).joint_target[1:], held[1:])
    np.testing.assert_allclose(bench.path[-1][0], held[0] - 0.01)


def test_a_command_for_one_joint_right_after_a_stop_moves_that_one_alone() -> None:
    bench = Bench()
    bench.track(0.5)
    bench.robot.emergency_stop()
    bench.robot.enable(True)
    for _ in range(20):  # the first of them before any tick
        bench.robot.command(Command(0, INMOOV.joint_names[:1], REST[:1]))
        bench.tick()
    steps = np.diff(bench.path, axis=0)
    assert steps[-20:, 0].any() and not steps[-5:, 1:].any()
    bench.check_limits()


def test_of_several_commands_between_two_ticks_the_newest_counts() -> None:
    bench = Bench()
    bench.command(FAR)
    bench.command(REST)
    np.testing.assert_array_equal(bench.tick().joint_target, REST)


def test_a_reset_is_a_ramp_that_ends_at_rest_with_the_episode_of_that_moment() -> None:
    bench = Bench()
    away = bench.track(2.0).joint_target
    episodes = [Episode(1, (0.1, 0.2, 0.3))]
    bench.robot.start_reset(lambda: episodes[-1], bench.ends.append)
    episodes.append(Episode(2, (0.3, 0.2, 0.1)))  # set while the robot is on its way
    bench.tick()
    assert bench.robot.state is State.RESETTING and not bench.ends
    with pytest.raises(CommandRejected, match="a reset is running"):
        bench.command()
    began = bench.clock.now
    while not bench.ends:
        bench.tick()
    way_s = (np.abs(away - REST) / INMOOV.limits.velocity).max()
    assert 0.0 <= (bench.clock.now - began) / SECOND - way_s < 0.5  # as fast as the limits allow
    (first,) = bench.ends
    assert isinstance(first, Observation)
    assert first.target_position.tolist() == [0.3, 0.2, 0.1]
    np.testing.assert_array_equal(first.joint_target, REST)
    assert first.stamp == bench.robot.observation.stamp
    assert bench.robot.state is State.HOLDING
    bench.check_limits()


def test_a_reset_does_not_overshoot_at_a_fine_rate() -> None:
    """At 200 Hz braking takes dozens of periods, so it must begin in time."""
    bench = Bench(period=5_000_000)
    bench.track(1.0)
    bench.run(0.6)  # stands
    side = np.sign(bench.path[-1] - REST)
    bench.reset()
    while not bench.ends:
        assert ((bench.tick().joint_target - REST) * side >= -1e-12).all()
    bench.check_limits()


def test_a_second_reset_joins_the_first() -> None:
    bench = Bench()
    bench.track(1.0)
    bench.reset()
    bench.run(0.5)
    bench.reset()
    bench.run(5.0)
    assert len(bench.ends) == 2 and bench.ends[0] is bench.ends[1]


def test_a_stop_in_the_middle_of_a_reset_cuts_it_short() -> None:
    bench = Bench()
    bench.track(2.0)
    bench.reset()
    bench.run(0.5)
    bench.robot.emergency_stop()
    (why,) = bench.ends
    assert isinstance(why, CommandRejected) and "interrupted (emergency stop)" in str(why)
    bench.run(0.2)
    held = bench.path[-1]
    bench.run(5.0)
    np.testing.assert_array_equal(bench.path[-1], held)
    assert np.abs(held - REST).max() > 0.1
    for attempt in (bench.command, bench.reset):
        with pytest.raises(CommandRejected, match="emergency stop"):
            attempt()
    bench.check_limits()


@pytest.mark.parametrize("pause_s", [0.0, 1.0])
def test_enable_goes_on_from_where_the_robot_is(pause_s: float) -> None:
    bench = Bench()
    bench.track(1.0)
    bench.robot.emergency_stop()
    bench.run(pause_s) if pause_s else None
    assert not bench.robot.motion_enabled
    bench.robot.enable(True)
    held = bench.run(2.0).joint_target  # nothing that was commanded before comes back
    assert np.abs(held - FAR).max() > 0.05
    bench.track(1.0, REST)
    bench.check_limits()


@pytest.mark.slow
def test_no_sequence_of_commands_stops_and_resets_crosses_a_limit() -> None:
    generator = np.random.default_rng(0)
    for period in (PERIOD, 20_000_000):
        bench = Bench(period=period)
        for _ in range(8000):
            draw = generator.random()
            try:
                if draw < 0.7:
                    bench.command(generator.normal(0.0, 10.0 ** generator.integers(-2, 4), 5))
                elif draw < 0.73:
                    bench.reset()
                elif draw < 0.76:
                    bench.robot.emergency_stop()
                elif draw < 0.8:
                    bench.robot.enable(bool(generator.random() < 0.8))
                elif draw < 0.82:
                    bench.run(0.4)  # silence
                elif draw < 0.83:
                    bench.command(np.full(5, np.nan))
            except CommandRejected:
                pass
            bench.tick(late=int(generator.exponential(0.05) * SECOND) if draw > 0.95 else 0)
        bench.check_limits()
        assert any(isinstance(end, Observation) for end in bench.ends)
        assert any(isinstance(end, CommandRejected) for end in bench.ends)


class Limp(MockRobot):
    """Servos that sink when their torque is off, or that do not follow commands."""

    relaxed = blocked = False

    def relax(self) -> None:
        self.relaxed = True
        self._position = np.maximum(self._position - 0.01, INMOOV.limits.lower)

    def send(self, command: Command) -> None:
        if self.relaxed:  # no servo jumps when its torque comes back: at most one period's acceleration from a stand
            assert np.abs(command.position - self._position).max() <= 5.0 * 0.05**2 + 1e-12
        self.relaxed = False
        if not self.blocked:
            super().send(command)


def test_a_disabled_robot_relaxes_once_it_stands_and_goes_on_from_where_it_sank_to() -> None:
    bench = Bench(Limp(INMOOV, PERIOD, start_ns=PERIOD))
    bench.track(1.0)
    bench.robot.enable(False)
    bench.tick()
    assert not bench.plant.relaxed  # brakes first
    bench.run(1.0)
    assert bench.plant.relaxed and bench.robot.relaxed
    bench.robot.enable(True)
    sunk = bench.plant.receive().position
    np.testing.assert_array_equal(bench.tick().position, sunk)
    assert not bench.plant.relaxed and not bench.robot.relaxed


def test_the_watchdog_relaxes_after_a_while_where_it_is_told_to() -> None:
    bench = Bench(Limp(INMOOV, PERIOD, start_ns=PERIOD), relax_after_s=2.0)
    bench.track(0.5)
    bench.run(2.0)
    assert not bench.plant.relaxed
    bench.run(0.5)
    assert bench.plant.relaxed
    bench.track(0.2, REST)
    assert not bench.plant.relaxed


def test_a_reset_names_the_joint_that_does_not_arrive() -> None:
    bench = Bench(Limp(INMOOV, PERIOD, start_ns=PERIOD))
    bench.track(1.0)
    bench.plant.blocked = True
    bench.reset()
    bench.run(10.0)
    (why,) = bench.ends
    assert "joint r_" in str(why) and "from its rest pose after a reset (allowed: 0.1); is it blocked" in str(why)
    assert bench.robot.state is State.HOLDING


def test_a_reset_that_takes_too_long_is_given_up() -> None:
    bench = Bench(reset_timeout_s=0.5)
    bench.track(2.0)
    bench.reset()
    bench.run(1.0)
    assert "did not reach the rest pose within 0.5 s" in str(bench.ends[0])


def test_a_fault_of_the_plant_ends_the_reset_and_the_robot_goes_on_after_it() -> None:
    class Faulty(MockRobot):
        unplugged = False

        def receive(self, timeout_s: float | None = None) -> Observation:
            if self.unplugged:
                raise RobotError("the board is gone")
            return super().receive(timeout_s)

    bench = Bench(Faulty(INMOOV, PERIOD, start_ns=PERIOD))
    bench.track(1.0)
    bench.reset()
    bench.plant.unplugged = True
    with pytest.raises(RobotError, match="the board is gone"):
        bench.tick()
    assert str(bench.ends[0]) == "the board is gone"
    bench.plant.unplugged = False
    bench.tick()
    assert bench.robot.state is State.HOLDING


@pytest.mark.bad_input
def test_an_episode_that_is_no_place_is_refused_before_anything_moves() -> None:
    bench = Bench()
    with pytest.raises(RobotError, match="episode target is .*expected three finite numbers"):
        bench.reset(Episode(0, (0.0, float("nan"), 1.0)))
    assert bench.robot.state is State.HOLDING
