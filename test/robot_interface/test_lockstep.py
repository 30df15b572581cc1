"""Both sides of lockstep without ROS: stamps that are executed, repeated, refused, awaited or ignored."""

from __future__ import annotations

import time

import numpy as np
import pytest

from robot_interface_ros.errors import CommandRejected, RobotInterrupted
from robot_interface_ros.lockstep import LockstepRobot, StampCollector, first_stamp, period_of
from robot_interface_ros.robot import Command, Episode, Observation

PERIOD = 50_000_000


class CountingRobot:
    """A robot that only counts."""

    joint_names = ("a",)
    period_ns = PERIOD

    def __init__(self) -> None:
        self.stamp, self.steps, self.episode = 1000 * PERIOD, 0, Episode()

    def reset(self, episode: Episode) -> Observation:
        self.stamp, self.episode = self.stamp + 2 * PERIOD, episode
        return self.receive()

    def send(self, command: Command) -> None:
        self.stamp, self.steps = self.stamp + PERIOD, self.steps + 1

    def receive(self, timeout_s: float | None = None) -> Observation:
        value = np.array([float(self.steps)])
        return Observation(self.stamp, value, value, value, np.zeros(3), value)

    def close(self) -> None:
        pass


def command(stamp: int, name: str = "a", value: float = 0.1) -> Command:
    return Command(stamp, (name,), np.array([value]))


def test_a_command_is_executed_once_and_repeated_as_often_as_it_comes() -> None:
    robot = CountingRobot()
    lockstep = LockstepRobot(robot)
    first = lockstep.observation.stamp
    answer = lockstep.command(command(first))
    assert (answer.stamp, robot.steps) == (first + PERIOD, 1)
    for _ in range(3):
        assert lockstep.command(command(first)) is answer
    assert robot.steps == 1


def test_zero_asks_for_the_current_observation_and_moves_nothing() -> None:
    robot = CountingRobot()
    lockstep = LockstepRobot(robot)
    assert lockstep.command(Command(0, (), np.zeros(0))) is lockstep.observation
    assert robot.steps == 0


@pytest.mark.bad_input
def test_newer_stamps_and_bad_joints_are_refused() -> None:
    robot = CountingRobot()
    lockstep = LockstepRobot(robot)
    lockstep.command(command(lockstep.observation.stamp))
    with pytest.raises(CommandRejected, match="newer than the current .* restarted"):
        lockstep.command(command(lockstep.observation.stamp + PERIOD))
    with pytest.raises(CommandRejected, match="unknown joint 'z'"):
        lockstep.command(command(lockstep.observation.stamp - PERIOD, name="z"))
    assert robot.steps == 1


def test_reset_advances_two_periods() -> None:
    lockstep = LockstepRobot(CountingRobot())
    before = lockstep.observation.stamp
    assert lockstep.reset(Episode(3)).stamp == before + 2 * PERIOD


def test_awaited_takes_only_the_exact_stamp() -> None:
    awaited = StampCollector("/env_0", ["x", "y"], PERIOD)
    awaited.expect(5 * PERIOD)
    awaited.offer("x", 4 * PERIOD, "old")
    assert awaited.missing == ["x", "y"] and awaited.oldest == 4 * PERIOD
    awaited.offer("x", 5 * PERIOD, "first")
    awaited.offer("x", 5 * PERIOD, "duplicate")
    assert awaited.missing == ["y"] and not awaited.complete
    awaited.offer("y", 5 * PERIOD, "second")
    assert awaited.complete and awaited.parts == {"x": "first", "y": "second"}


def test_a_stream_may_be_awaited_once_and_is_ignored_when_it_is_not() -> None:
    awaited = StampCollector("/env_0", ["x"], PERIOD)
    awaited.expect(5 * PERIOD, also=("episode",))
    awaited.offer("x", 5 * PERIOD, "first")
    assert awaited.missing == ["episode"] and not awaited.complete
    awaited.offer("episode", 5 * PERIOD, "drawn")
    assert awaited.complete and awaited.parts["episode"] == "drawn"
    awaited.expect(6 * PERIOD)
    awaited.offer("episode", 6 * PERIOD, "not asked for")
    assert awaited.missing == ["x"] and not awaited.complete


def test_a_newer_stamp_means_an_interruption() -> None:
    awaited = StampCollector("/env_0", ["x"], PERIOD)
    awaited.expect(5 * PERIOD)
    with pytest.raises(
        RobotInterrupted, match=r"/env_0 sent x with a stamp 0.1 s after .* restarted, or reset or commanded by another"
    ):
        awaited.offer("x", 7 * PERIOD, "new")


@pytest.mark.bad_input
def test_newer_stamps_between_two_periods_cut_and_name_the_rate_or_who_publishes() -> None:
    awaited = StampCollector("/env_0", ["x"], PERIOD)
    awaited.expect(5 * PERIOD)
    with pytest.raises(
        RobotInterrupted, match="sent x with a stamp 0.02 s after .* another control rate than the 20 Hz expected here"
    ):
        awaited.offer("x", 5 * PERIOD + 20_000_000, "new")
    conflicting = StampCollector("/env_0", ["x"], PERIOD, conflict=lambda stream: f"2 publishers on /env_0/{stream}")
    conflicting.expect(5 * PERIOD)
    with pytest.raises(RobotInterrupted, match="after the awaited one: 2 publishers on /env_0/x$"):
        conflicting.offer("x", 5 * PERIOD + 20_000_000, "new")


@pytest.mark.bad_input
@pytest.mark.parametrize("stamp", [0, 1, -(10**18), 5 * PERIOD - 25_000_000, 4 * PERIOD])
def test_older_stamps_are_ignored_whatever_their_grid(stamp: int) -> None:
    awaited = StampCollector("/env_0", ["x"], PERIOD)
    awaited.expect(5 * PERIOD)
    awaited.offer("x", stamp, "old")
    awaited.offer("x", 5 * PERIOD, "awaited")
    assert awaited.parts == {"x": "awaited"}


@pytest.mark.bad_input
def test_a_robot_of_a_higher_rate_repeats_itself_before_the_awaited_answer() -> None:
    awaited = StampCollector("/env_0", ["x", "y"], PERIOD)
    awaited.expect(5 * PERIOD)
    for stream in ("x", "y"):
        awaited.offer(stream, 5 * PERIOD - PERIOD // 2, "its answer")
    with pytest.raises(RobotInterrupted, match="/env_0 runs at another control rate than the 20 Hz expected here"):
        awaited.offer("x", 5 * PERIOD - PERIOD // 2, "its answer again")


@pytest.mark.bad_input
def test_an_awaited_message_that_is_refused_leaves_room_for_the_next() -> None:
    awaited = StampCollector(
        "/env_0", ["x"], PERIOD, read=lambda stream, message: None if message == "bad" else message
    )
    awaited.expect_any()
    for message in ("bad", "good", "better"):
        awaited.offer("x", 5 * PERIOD, message)
    awaited.expect(5 * PERIOD)
    assert awaited.parts == {"x": "good"}


def test_what_comes_before_a_resets_answer_is_kept() -> None:
    awaited = StampCollector("/env_0", ["x"], PERIOD)
    awaited.expect(5 * PERIOD)
    awaited.expect_any()
    awaited.offer("x", 5 * PERIOD, "of an older reset")
    awaited.offer("x", 7 * PERIOD, "of this reset")
    awaited.expect(7 * PERIOD)
    assert awaited.parts == {"x": "of this reset"}


def test_time_starts_at_the_wall_clock_rounded_up() -> None:
    before = time.time_ns()
    stamp = first_stamp(PERIOD)
    assert stamp % PERIOD == 0
    assert before <= stamp < time.time_ns() + PERIOD


@pytest.mark.parametrize(
    ("rate_hz", "period_ns"), [(20.0, 50_000_000), (50.0, 20_000_000), (240.0, None), (30.0, None)]
)
def test_periods_are_whole_nanoseconds(rate_hz: float, period_ns: int | None) -> None:
    if period_ns is None:
        with pytest.raises(ValueError, match="not a whole number of nanoseconds"):
            period_of(rate_hz)
    else:
        assert period_of(rate_hz) == period_ns
