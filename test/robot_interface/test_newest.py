"""The newest messages of all streams as an observation of a client in real time."""

from __future__ import annotations

import pytest

from robot_interface_ros.errors import RobotInterrupted
from robot_interface_ros.realtime.newest import Freshness, Newest

pytestmark = pytest.mark.realtime
MS = 1_000_000


class Clocks:
    """A steady clock and a wall clock with a constant difference."""

    def __init__(self) -> None:
        self.steady, self.apart = 500 * MS, 10_000 * MS

    def wall(self) -> int:
        return self.steady + self.apart


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.fixture
def newest(clocks: Clocks) -> Newest:
    return Newest("/env_0", ("a", "b"), Freshness(0.25, 0.15), lambda: clocks.steady, clocks.wall)


def test_ages_count_the_way_and_the_waiting(newest: Newest, clocks: Clocks) -> None:
    newest.offer("a", clocks.wall() - 20 * MS, "a")
    clocks.steady += 30 * MS
    newest.offer("b", clocks.wall() - 10 * MS, "b")
    ages, skew = newest.check()
    assert ages == pytest.approx({"a": 0.05, "b": 0.01})
    assert skew == pytest.approx(0.04)
    assert newest.parts == {"a": "a", "b": "b"}


def test_a_wall_clock_that_is_set_ages_nothing(newest: Newest, clocks: Clocks) -> None:
    for stream in "ab":
        newest.offer(stream, clocks.wall(), "")
    clocks.apart += 3_600_000 * MS
    assert newest.check()[0] == {"a": 0.0, "b": 0.0}


def test_an_overtaken_message_is_left_out(newest: Newest, clocks: Clocks) -> None:
    newest.offer("a", clocks.wall(), "new")
    newest.offer("a", clocks.wall() - MS, "old")
    assert newest.parts == {"a": "new"} and newest.missing == ["b"] and not newest.complete


def test_what_is_too_old_or_too_far_apart_or_from_the_future_is_named(newest: Newest, clocks: Clocks) -> None:
    newest.offer("a", clocks.wall(), "")
    clocks.steady += 160 * MS
    newest.offer("b", clocks.wall(), "")
    with pytest.raises(RobotInterrupted, match="a of /env_0 is 0.160 s behind b, more than max_skew_s:=0.15"):
        newest.check()
    clocks.steady += 100 * MS
    with pytest.raises(RobotInterrupted, match="a of /env_0 is 0.260 s old, more than max_observation_age_s:=0.25"):
        newest.check()
    for stream in "ab":
        newest.offer(stream, clocks.wall() + 300 * MS, "")
    with pytest.raises(RobotInterrupted, match="of /env_0 has a stamp 0.300 s in the future; set the clocks"):
        newest.check()


def test_an_episode_begins_with_what_is_not_older_than_its_reset(newest: Newest, clocks: Clocks) -> None:
    newest.expect_any()
    begin = clocks.wall()
    newest.offer("a", begin - MS, "before")
    newest.offer("b", begin, "first")
    newest.offer("episode", begin, "drawn")
    newest.expect(begin, also=("episode",))
    assert newest.parts == {"b": "first", "episode": "drawn"}
    newest.offer("a", begin - MS, "before")
    assert newest.missing == ["a"]
    newest.offer("a", begin + MS, "after")
    assert newest.complete
    newest.forget_once()
    assert newest.complete and "episode" not in newest.parts


def test_what_comes_once_is_awaited_with_its_own_stamp(newest: Newest, clocks: Clocks) -> None:
    newest.offer("episode", 5, "the last one's")
    newest.expect(7, also=("episode",))
    assert newest.missing == ["a", "b", "episode"]
    newest.offer("episode", 7, "this one's")
    assert newest.missing == ["a", "b"]


def test_an_episode_begins_after_the_robots_clock_was_set_back(newest: Newest, clocks: Clocks) -> None:
    for stream in "ab":
        newest.offer(stream, clocks.wall(), "before")
    clocks.apart -= 5_000 * MS
    newest.expect_any()
    for stream in "ab":
        newest.offer(stream, clocks.wall(), "after")
    assert newest.parts == {"a": "after", "b": "after"}


@pytest.mark.bad_input
def test_a_stray_stamp_from_the_future_is_left_out_while_there_is_one_of_the_present(clocks: Clocks) -> None:
    refused: list[str] = []
    newest = Newest(
        "/env_0",
        ("a",),
        Freshness(0.25, 0.15),
        lambda: clocks.steady,
        clocks.wall,
        refuse=lambda stream, reason: refused.append(f"{stream}: {reason}"),
    )
    newest.offer("a", clocks.wall(), "now")
    for stamp in (clocks.wall() + 3_600_000 * MS, 2**62):
        newest.offer("a", stamp, "a stranger's")
    newest.offer("a", -(2**62), "a stranger's")
    clocks.steady += 50 * MS
    newest.offer("a", clocks.wall(), "later")
    assert newest.parts == {"a": "later"} and newest.check()[0] == {"a": 0.0}
    assert refused[0] == "a: its stamp is 3600.000 s in the future" and len(refused) == 2


@pytest.mark.bad_input
def test_where_two_publish_they_are_named_and_no_clock_is_to_be_set(clocks: Clocks) -> None:
    newest = Newest(
        "/env_0",
        ("a",),
        Freshness(),
        lambda: clocks.steady,
        clocks.wall,
        conflict=lambda stream: f"2 publishers on {stream}",
    )
    newest.offer("a", clocks.wall() + 3_600_000 * MS, "a stranger's")
    with pytest.raises(RobotInterrupted, match="a of /env_0 has a stamp 3600.000 s in the future; 2 publishers on a$"):
        newest.check()
