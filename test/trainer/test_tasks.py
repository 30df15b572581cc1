"""Rewards, successes and ends of every task, against values worked out by hand."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rl_trainer_ros.arm.arm import Arm, StepState
from rl_trainer_ros.environments.make_env import make_robot_env
from rl_trainer_ros.tasks import TASKS, Outcome, Task
from rl_trainer_ros.tasks.button import button_reward
from rl_trainer_ros.tasks.chasing import chasing_reward
from rl_trainer_ros.tasks.circular import circle_error
from rl_trainer_ros.tasks.eight import eight_error, legacy_eight_error
from rl_trainer_ros.tasks.escape import escape_reward
from rl_trainer_ros.tasks.plane import HISTORY, curve_reward
from rl_trainer_ros.tasks.reach import sparse_reward
from rl_trainer_ros.tasks.simple import simple_reward
from rl_trainer_ros.tasks.square import square_error
from robot_interface_ros.config import ConfigError, from_mapping
from robot_interface_ros.errors import RobotError
from robot_interface_ros.robot import Observation
from robot_interface_ros.robot_config import load_robot

UNIT_M = 0.14 / 0.85  # InMoov's arena
CENTRE = np.array([0.25, -0.30, 1.10])


def make_task(name: str, **settings: Any) -> Task:
    kind = TASKS[name]
    arm = Arm(load_robot("inmoov", (), kind.posture))
    return kind(arm, 0.05, from_mapping(kind.Settings, settings, name))


def step_state(hand: Any, target: Any, **signals: float) -> StepState:
    zero = np.zeros(5)
    return StepState(Observation(0, zero, zero, zero, np.array(target), zero, signals=signals), np.array(hand))


def in_arena(x: float, y: float, target: tuple[float, float] = (0.0, 0.0)) -> StepState:
    def place(u: float, v: float) -> Any:
        return CENTRE + np.array((u, v, 0.0)) * UNIT_M

    return step_state(place(x, y), place(*target))


def test_reach_rewards_by_hand() -> None:
    assert sparse_reward([0.02, 0.03, 0.031], 0.03).tolist() == [0.0, 0.0, -1.0]
    near, far = step_state((0, 0, 0.02), (0, 0, 0)), step_state((0, 0, 0.5), (0, 0, 0))
    assert make_task("reach", reward="distance").step(near, far).reward == pytest.approx(-0.5)
    assert make_task("reach", reward="sparse").step(far, near).reward == 0.0
    assert make_task("reach", reward="sparse").step(near, far).reward == -1.0
    assert make_task("reach").step(far, near).reward == pytest.approx(10 * 0.48 + 5.0)
    assert (
        make_task("reach").step(far, near).terminated
        and not make_task("reach", end_at_success=False).step(far, near).terminated
    )
    fixed = make_task("reach", target="fixed", target_xyz=(0.3, -0.3, 1.2))
    assert fixed.draw_target(np.random.default_rng(0)) == (0.3, -0.3, 1.2)


def test_point_to_point_is_the_published_task() -> None:
    task = make_task("point_to_point")
    assert task.max_episode_steps == 1000 and task.world == "tomato"
    assert task.draw_target(np.random.default_rng(0)) == (0.4, -0.4, 1.1)
    outcome = task.step(step_state((0, 0, 0), (0, 0, 1)), step_state((0.0, 0.0, 1.0), (0.0, 0.0, 1.075)))
    assert outcome.reward == pytest.approx(-0.075) and not outcome.terminated  # 1000 of these: the published -75
    here = step_state((0.4, -0.4, 1.1), (0.4, -0.4, 1.1))
    assert task.step(here, here).info["is_success"] and not task.step(here, here).terminated


@pytest.mark.parametrize(
    ("distance", "pressed", "table", "contacts", "shaped", "expected"),
    [
        (0.1, False, False, 0, False, (0.0, False, False)),
        (0.1, True, False, 1, False, (1.0, False, False)),
        (0.1, True, False, 5, False, (1.0, True, True)),
        (0.9, False, False, 0, False, (-1.0, False, False)),  # too far: goes on
        (0.1, True, True, 1, False, (-1.0, False, True)),  # on the table: ends
        (0.1, False, False, 0, True, (-0.1, False, False)),
        (0.1, True, False, 5, True, (50.0, True, True)),
        (0.1, False, True, 0, True, (-250.0, False, True)),
        (0.9, False, False, 0, True, (-250.0, False, False)),
    ],
)
def test_button_rewards_by_hand(
    distance: float, pressed: bool, table: bool, contacts: int, shaped: bool, expected: tuple[float, bool, bool]
) -> None:
    assert button_reward(distance, pressed, table, contacts, shaped, most_m=0.8, enough=5) == expected


def test_the_button_is_a_success_after_five_steps_pressed() -> None:
    task = make_task("button")
    idle = step_state((0, 0, 0), (0, 0, 0.1), button_0=0.0, table_contact=0.0)
    pressed = step_state((0, 0, 0), (0, 0, 0.1), button_0=1.0, table_contact=0.0)
    for _ in range(2):  # a new episode counts from 0
        task.start(idle)
        outcomes = [task.step(idle, after) for after in (pressed, idle, pressed, pressed, pressed, pressed)]
        assert [outcome.reward for outcome in outcomes] == [1.0, 0.0, 1.0, 1.0, 1.0, 1.0]
        assert [outcome.terminated for outcome in outcomes] == [False] * 5 + [True]
        assert [outcome.info["contacts"] for outcome in outcomes] == [1, 1, 2, 3, 4, 5]
        assert outcomes[-1].info["is_success"] and not outcomes[-2].info["is_success"]
    nearer = step_state((0, 0, 0.06), (0, 0, 0.1), button_0=0.0, table_contact=0.0)
    assert make_task("button", reward="progress").step(idle, nearer).reward == pytest.approx(10 * 0.06)
    with pytest.raises(RobotError, match="no signal 'table_contact' .*it has: none"):
        task.step(idle, step_state((0, 0, 0), (0, 0, 0)))


def test_two_buttons_count_presses_in_order() -> None:
    task = make_task("two_buttons")
    task.start(step_state((0, 0, 0), (0, 0, 0.1), presses=0.0, table_contact=0.0))
    seen = [step_state((0, 0, 0), (0, 0, 0.1), presses=presses, table_contact=0.0) for presses in (0.0, 1.0, 1.0, 2.0)]
    outcomes = [task.step(seen[0], after) for after in seen]
    assert [outcome.reward for outcome in outcomes] == [0.0, 1.0, 0.0, 1.0]
    assert [outcome.terminated for outcome in outcomes] == [False, False, False, True]


def test_buttons_are_drawn_on_the_table() -> None:
    middle = np.array(load_robot("inmoov").config.table) + np.array((0.0, 0.0, 0.08))
    drawn = np.array([make_task("button").draw_target(np.random.default_rng(seed)) for seed in range(50)]) - middle
    assert np.abs(drawn).max() <= 0.06 and np.ptp(drawn[:, :2], axis=0).min() > 0.08 and not drawn[:, 2].any()
    assert make_task("button", target="fixed").draw_target(np.random.default_rng(0)) == pytest.approx(middle)
    first = make_task("two_buttons", target="fixed").draw_target(np.random.default_rng(0))
    assert first == pytest.approx(middle - (0.0, 0.08, 0.0))


def test_formulas_in_the_plane_by_hand() -> None:
    assert circle_error(0.6, 0.8) == pytest.approx(1.0 - 0.6125)
    assert square_error(-0.7, 0.2) == pytest.approx(0.7 - 0.6125)
    assert eight_error(0.5, 0.5) == pytest.approx(0.25)  # (.5)^2 - 2 r^2 * 0
    assert eight_error(0.6125 * 2**0.5, 0.0) == pytest.approx(0.0)  # the lemniscate's tip
    assert legacy_eight_error(0.5, 0.5) == pytest.approx(0.5)
    assert curve_reward(0.5, 0.2, False) == pytest.approx(10 * 0.75 * 0.2)
    assert curve_reward(0.0, None, False) == 10.0  # before there is a history
    assert curve_reward(0.0, 0.1, True) == pytest.approx(1.0 - 100.0)
    assert [simple_reward(d, b) for d, b in ((0.19, False), (0.2, False), (0.1, True))] == [1.0, 0.0, -1.0]
    chased = [chasing_reward(d, b) for d, b in ((0.3, False), (0.35, False), (0.4, False), (0.35, True))]
    assert chased == [0.0, 1.0, 0.0, -1.0]
    escaped = [escape_reward(d, b) for d, b in ((0.29, False), (0.3, False), (0.59, False), (0.6, False), (0.4, True))]
    assert escaped == [-1.0, 1.0, 1.0, 0.0, -1.0]


def test_a_plane_task_counts_in_the_arenas_units() -> None:
    task = make_task("circular")
    task.start(in_arena(0.6125, 0.0))
    angles = 0.05 * np.arange(1, 2 * HISTORY + 1)
    outcomes = [task.step(in_arena(0, 0), in_arena(0.6125 * np.cos(a), 0.6125 * np.sin(a))) for a in angles]
    assert [outcome.reward for outcome in outcomes[: HISTORY - 1]] == pytest.approx([10.0] * (HISTORY - 1))
    chord = 2 * 0.6125 * np.sin(0.05 * HISTORY / 2)  # between points that are 10 steps apart
    assert [outcome.reward for outcome in outcomes[HISTORY - 1 :]] == pytest.approx([10.0 * chord] * (HISTORY + 1))
    assert outcomes[-1].info["good_steps"] == HISTORY + 1 and not outcomes[-1].info["is_success"]
    assert outcomes[-1].info["distance"] == pytest.approx(0.6125 * UNIT_M)
    bumped = task.step(in_arena(0, 0), in_arena(0.86, 0.0))
    assert bumped.info["bump"] and bumped.reward < -90.0
    assert not task.step(in_arena(0, 0), in_arena(0.84, 0.0)).info["bump"]


def test_a_success_in_the_plane_is_enough_good_steps() -> None:
    task = make_task("simple", good_steps=3)
    task.start(in_arena(0.5, 0.0))
    outcomes = [task.step(in_arena(0, 0), in_arena(x, 0.0)) for x in (0.1, 0.5, 0.1, 0.1, 0.5)]
    assert [outcome.info["is_success"] for outcome in outcomes] == [False, False, False, True, True]
    task.start(in_arena(0.5, 0.0))
    assert not task.step(in_arena(0, 0), in_arena(0.1, 0.0)).info["is_success"]


def test_a_circle_is_gone_round() -> None:
    def successes(angles: np.ndarray) -> list[bool]:
        task = make_task("circular", good_steps=5)
        task.start(in_arena(0.6125, 0.0))
        places = [in_arena(0.6125 * np.cos(a), 0.6125 * np.sin(a)) for a in angles]
        return [task.step(places[0], place).info["is_success"] for place in places]

    round_once = np.linspace(0.0, 2 * np.pi + 0.01, 100)
    assert successes(round_once).index(True) == 94  # 95 % of the way
    assert not any(successes(np.concatenate([round_once[:90], round_once[89::-1], round_once[:90]])))


def test_an_eight_goes_round_one_of_its_loops() -> None:
    def succeeds(angles: np.ndarray) -> bool:
        """On Bernoulli's lemniscate, by its usual parameter."""
        task = make_task("eight", good_steps=20)
        places = []
        for angle in angles:
            scale = 2**0.5 * 0.6125 * np.cos(angle) / (1.0 + np.sin(angle) ** 2)
            assert abs(eight_error(scale, scale * np.sin(angle))) < 1e-9
            places.append(in_arena(scale, scale * np.sin(angle)))
        task.start(places[0])
        return bool([task.step(places[0], place) for place in places][-1].info["is_success"])

    loop = np.linspace(-0.5 * np.pi, 0.5 * np.pi, 60)  # from the crossing round the right loop and back
    assert succeeds(loop) and succeeds(loop + np.pi)
    assert not succeeds(np.concatenate([loop[20:40], loop[40:20:-1], loop[20:40]]))  # back and forth


@pytest.mark.bad_input
def test_settings_and_robots_that_do_not_fit_are_named() -> None:
    for task, settings, message in (
        (
            "button",
            {"contact": 3},
            "task button: unknown setting 'contact' .did you mean contacts.*; known: max_episode_steps",
        ),
        ("button", {"reward": "dense"}, "task button: unknown reward 'dense'; known: sparse, shaped, progress"),
        ("reach", {"target_xyz": [0, 0, 1]}, "set target to fixed as well"),
        ("eight", {"legacy": 1}, "legacy is 1; expected true or false"),
        ("reach", {"transprot": "topics"}, "unknown setting 'transprot' .did you mean transport"),
    ):
        with pytest.raises(ConfigError, match=message):
            make_robot_env(task, **settings)


def test_the_memory_of_a_curve_tells_its_reward() -> None:
    """Reward and success depend only on the position of the hand and the task's memory."""
    task = make_task("circular", good_steps=20)
    task.start(in_arena(0.0, 0.0))
    numbers = len(task.remembered())
    assert numbers == 1 + 1 + 2 * HISTORY + 1 == len(make_task("circular").remembered())  # before the first episode too
    for step in range(1, 140):
        angle = 0.06 * step
        x, y = 0.6 * np.cos(angle), 0.6 * np.sin(angle)
        outcome = task.step(in_arena(0.0, 0.0), in_arena(x, y))
        good, turns, *ways, full = task.remembered()
        assert len(ways) == 2 * HISTORY and full == pytest.approx(min(step, HISTORY) / HISTORY)
        moved = float(np.hypot(*ways[-2:])) if full == 1.0 else None
        assert outcome.reward == pytest.approx(curve_reward(circle_error(x, y), moved, False))
        assert outcome.info["is_success"] == (good >= 1.0 and abs(turns) >= 0.95)
        assert good * 20 == pytest.approx(outcome.info["good_steps"])
    assert outcome.info["is_success"]
    back = np.array(ways).reshape(HISTORY, 2)[2]  # three steps ago
    then = 0.6 * np.array([np.cos(angle - 0.18), np.sin(angle - 0.18)])
    assert back == pytest.approx(then - (x, y))


@pytest.mark.parametrize("name, numbers", [("button", 1), ("two_buttons", 1), ("eight", 24), ("chasing", 1)])
def test_task_memory_is_in_the_observation(name: str, numbers: int) -> None:
    plain, remembering = (make_robot_env(task=name, task_memory=memory) for memory in (False, True))
    (without, _), (observation, _) = plain.reset(seed=3), remembering.reset(seed=3)
    assert observation.shape == (len(without) + numbers,) and np.array_equal(observation[: len(without)], without)
    action = np.zeros(remembering.action_space.shape, np.float32)
    for _ in range(3):
        observation, *_ = remembering.step(action)
        assert remembering.observation_space.contains(observation)
        memory = np.array(remembering.task.remembered(), np.float32)
        assert np.array_equal(observation[len(without) :], np.clip(memory, -4.0, 4.0))


def test_the_page_of_tasks_names_everything_in_a_moment_and_its_example_runs() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "tasks.md").read_text(encoding="utf-8")
    names = [field.name for cls in (StepState, Observation) for field in fields(cls)] + ["to_target", "distance"]
    assert [name for name in names if f"`{name}`" not in page] == []
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    scope: dict[str, Any] = {"Task": Task, "Outcome": Outcome}
    exec(code, scope)
    task = scope["Lift"](Arm(load_robot("inmoov")), 0.05, Task.Settings())
    target = task.draw_target(np.random.default_rng(0))
    far, near = (step_state(np.add(target, (0.0, 0.0, -way)), target) for way in (0.2, 0.01))
    outcome = task.step(far, near)
    assert outcome.terminated and outcome.reward == pytest.approx(1.9)


@pytest.mark.bad_input
def test_a_memory_that_cannot_be_observed_is_named() -> None:
    with pytest.raises(ConfigError, match="task Reach has no memory"):
        make_robot_env(task_memory=True)
    with pytest.raises(ConfigError, match="task_memory works with observations of numbers"):
        make_robot_env(task="button", observation="raw_pixels", task_memory=True)
