"""The death of a process, and its effects: restarts and their limits, exit codes, systems that can continue."""

from __future__ import annotations

import pytest

from rl_trainer_ros.bringup.system import (
    BringupError,
    Next,
    Process,
    System,
    Verdict,
    after_death,
    exit_code,
    exit_text,
    system,
)


def test_a_system_has_one_end_and_no_two_processes_of_one_name() -> None:
    worker = Process("a", "a", "a")
    end = Process("b", "b", "b", ends_system=True, max_restarts=0)
    assert System((worker, end)).trainer is end
    for wrong in (
        (),
        (worker,),
        (worker, worker, end),
        (end, Process("c", "c", "c", ends_system=True, max_restarts=0)),
    ):
        with pytest.raises(BringupError):
            System(wrong)
    with pytest.raises(BringupError):
        Process("a", "a", "a", ends_system=True)


def test_what_follows_a_death() -> None:
    process = Process("robot_sim", "x", "x", max_restarts=2, restart_window_s=100.0)
    first = after_death(process, -9, (), 0.0)
    assert first == Verdict(Next.RESTART, "robot_sim was killed by SIGKILL; started again (1 of 2)")
    again = after_death(process, 0, (0.0,), 1.0)
    assert (again.next, again.pause_s) == (Next.RESTART, 1.0) and again.line.endswith("started again in 1 s (2 of 2)")
    given_up = after_death(process, 1, (0.0, 2.0), 3.0)
    assert given_up.next is Next.STAY_DOWN
    assert "exited with code 1" in given_up.line and "max_restarts:=2 within 100 s is used up" in given_up.line
    assert after_death(process, 2, (), 0.0).next is Next.END  # bad settings: the next try would end alike


def test_a_crash_now_and_then_does_not_use_up_the_restarts() -> None:
    """A week with a crash every hour; and pauses that grow while crashes follow each other."""
    process, restarts = Process("robot_sim", "x", "x", max_restarts=3), ()  # type: ignore[var-annotated]
    for hour in range(7 * 24):
        verdict = after_death(process, 1, restarts, 3600.0 * hour)
        assert (verdict.next, verdict.pause_s) == (Next.RESTART, 0.0)
        restarts = (*restarts, 3600.0 * hour)
    often = Process("robot_sim", "x", "x", max_restarts=7)
    pauses = [after_death(often, 1, tuple(map(float, range(n))), float(n)).pause_s for n in range(7)]
    assert pauses == [0.0, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0]
    told = system({"max_restarts": "5", "restart_window_s": "60", "frames": "true"}, {}).processes
    assert {(one.max_restarts, one.restart_window_s) for one in told if not one.ends_system} == {(5, 60.0)}


def test_exit_codes_are_those_of_a_shell() -> None:
    assert [exit_code(code) for code in (0, 3, -9, -15)] == [0, 3, 137, 143]
    assert exit_text(-15) == "was killed by SIGTERM"
    assert exit_text(-64) in ("was killed by SIGRTMAX", "was killed by signal 64")


@pytest.mark.many_robots
def test_a_system_can_go_on_while_another_simulator_runs() -> None:
    asked = system({"num_envs": "2", "sim_processes": "2"}, {})
    assert not asked.beyond_hope([])
    assert not asked.beyond_hope(["robot_sim_1"])
    assert asked.beyond_hope(["robot_sim_0", "robot_sim_1"])
