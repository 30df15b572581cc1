"""The pure parts of worlds: motions, buttons, layouts. No PyBullet."""

from __future__ import annotations

import numpy as np
import pytest

from robot_interface_ros.errors import RobotError
from robot_interface_ros.robot_config import Arena, load_robot
from robot_sim_ros.world.buttons import Panel
from robot_sim_ros.world.config import load_world
from robot_sim_ros.world.kinds import Bounce, Button, Distractors, Pursue, Still, Table
from robot_sim_ros.world.layout import anchor_of, button_offsets, first_target, generator_of, scattered
from robot_sim_ros.world.motion import bounced, make_mover, pursued
from robot_sim_ros.world.wandering import Wanderers, slid

ARENA = Arena((0.25, -0.3, 1.1), 0.17)  # 0.2 m to a unit of the tasks in it
MIDDLE = np.array(ARENA.centre)
TOP = (0.4, -0.3, 0.9)


def test_a_bounce_turns_back_at_either_end() -> None:
    place, way, seen = 0.0, 1.0, []
    for _ in range(8):
        place, way = bounced(place, way, 0.5, 1.0)
        seen.append(place)
    assert seen == [0.5, 1.0, 0.5, 0.0, -0.5, -1.0, -0.5, 0.0]
    assert bounced(0.75, 1.0, 0.5, 1.0) == (0.75, -1.0)  # 0.25 to the end and 0.25 back


def test_the_swept_target_is_back_after_175_steps() -> None:
    mover = make_mover(load_world("chasing").target.motion, MIDDLE, ARENA)
    mover.start(MIDDLE, np.random.default_rng(0))
    path = np.array([mover.step(None) for _ in range(350)])
    np.testing.assert_allclose(path[174], MIDDLE, atol=1e-12)
    np.testing.assert_allclose(path[175:], path[:175], atol=1e-12)
    assert np.ptp(path[:, 1]) == pytest.approx(2 * 0.875 * 0.2, abs=0.0041)  # it turns between two steps
    assert (path[:, [0, 2]] == MIDDLE[[0, 2]]).all()
    np.testing.assert_allclose(np.abs(np.diff(path[:40, 1])), 0.02 * 0.2, atol=1e-12)


def test_a_target_beyond_its_range_comes_back_into_it() -> None:
    mover = make_mover(Bounce("y", 0.01, 0.1), np.zeros(3), None)
    for side in (-1.0, 1.0):
        mover.start(np.array([0.0, side * 0.2, 0.0]), np.random.default_rng(0))
        path = np.array([mover.step(None)[1] for _ in range(60)]) * side
        np.testing.assert_allclose(path[:30], 0.2 - 0.01 * np.arange(1, 31), atol=1e-12)
        assert np.abs(path[30:]).max() <= 0.1 + 1e-12


def test_which_way_first_is_the_seeds_to_say() -> None:
    mover, ways = make_mover(Bounce("y", 0.01, 0.1), np.zeros(3), None), []
    for seed in range(8):
        mover.start(np.zeros(3), generator_of(seed))
        ways.append(float(mover.step(None)[1]))
    assert set(ways) == {-0.01, 0.01}


def test_a_pursuer_steps_towards_the_hand_and_stays_in_the_arena() -> None:
    hand = np.array([0.25 + 0.03, -0.3 + 0.04, 1.5])
    np.testing.assert_allclose(pursued(MIDDLE, hand, 0.01, ARENA), np.add(MIDDLE, [0.006, 0.008, 0.0]), atol=1e-15)
    np.testing.assert_allclose(pursued(MIDDLE, hand, 0.2, ARENA)[:2], hand[:2], atol=1e-15)  # no further than the hand
    np.testing.assert_array_equal(pursued(MIDDLE, MIDDLE, 0.01, ARENA), MIDDLE)
    mover = make_mover(Pursue(0.05, "arena"), MIDDLE, ARENA)
    mover.start(MIDDLE, np.random.default_rng(0))
    for _ in range(50):
        place = mover.step(np.add(MIDDLE, [1.0, 0.0, 0.0]))
    np.testing.assert_allclose(place, np.add(MIDDLE, [0.17, 0.0, 0.0]), atol=1e-15)


def test_a_still_target_stays() -> None:
    mover = make_mover(Still(), np.zeros(3), None)
    mover.start(MIDDLE, np.random.default_rng(0))
    assert mover.step(None) is MIDDLE and not mover.moves


def test_a_button_trembling_between_its_thresholds_is_pressed_once() -> None:
    panel = Panel(Button(travel=0.02, pressed_at=0.6, released_at=0.3))
    seen = []
    for depth in (0.0, 0.011, 0.013, 0.007, 0.013, 0.0059, 0.011, 0.0121):
        panel.update([depth], [True])
        seen.append((panel.pressed[0], panel.presses))
    assert [pressed for pressed, _ in seen] == [False, False, True, True, True, False, False, True]
    assert [presses for _, presses in seen] == [0, 0, 1, 1, 1, 1, 1, 2]
    panel.restart()
    assert (panel.pressed, panel.presses) == ([False], 0)


def test_only_the_robot_presses_a_button_and_only_in_turn_does_it_count() -> None:
    panel = Panel(Button(count=2))
    panel.update([0.02, 0.0], [False, False])
    assert panel.pressed == [False, False]
    panel.update([0.0, 0.02], [False, True])  # the second before the first
    assert (panel.pressed, panel.presses, panel.next) == ([False, True], 0, 0)
    panel.update([0.02, 0.0], [True, False])
    assert (panel.pressed, panel.presses, panel.next) == ([True, False], 1, 1)
    panel.update([0.0, 0.02], [False, True])
    assert (panel.pressed, panel.presses, panel.next) == ([False, True], 2, 0)


def test_a_row_of_buttons_goes_towards_the_anchor() -> None:
    button, anchor = Button(count=2, spacing=(0.0, 0.16, 0.0)), np.array(TOP)
    left, right = np.add(anchor, [0.0, 0.1, 0.0]), np.subtract(anchor, [0.0, 0.1, 0.0])
    np.testing.assert_array_equal(button_offsets(button, left, anchor)[1], [0.0, -0.16, 0.0])
    np.testing.assert_array_equal(button_offsets(button, right, anchor)[1], [0.0, 0.16, 0.0])


def test_a_target_is_where_the_episode_says_and_else_drawn_around_the_anchor() -> None:
    target, anchor = load_world("escape").target, np.array(TOP)
    named = first_target(target, anchor, (0.1, 0.2, 0.3), generator_of(0))
    assert named.tolist() == [0.1, 0.2, 0.3]
    drawn = np.array([first_target(target, anchor, None, generator_of(seed)) for seed in range(50)]) - anchor
    assert np.abs(drawn).max() <= 0.1 and np.ptp(drawn[:, :2], axis=0).min() > 0.15 and not drawn[:, 2].any()
    again = first_target(target, anchor, None, generator_of(3)) - anchor
    np.testing.assert_array_equal(again, drawn[3])


def test_distractors_lie_on_the_table_apart_from_each_other_and_the_button() -> None:
    distractors, table, button = Distractors(count=4), Table(), Button()
    place = np.array([0.42, -0.25, 0.98])
    layouts = [scattered(distractors, table, TOP, [place], button, seed) for seed in range(40)]
    assert scattered(distractors, table, TOP, [place], button, 7) == layouts[7] and layouts[7] != layouts[8]
    for layout in layouts:
        points = np.array([point for point, _ in layout])
        assert (np.abs(points[:, :2] - TOP[:2]) <= np.array(table.size) / 2 - distractors.size / 2).all()
        np.testing.assert_allclose(
            points[:, 2], TOP[2] + np.array([0.075, 0.05, 0.075, 0.075]) / 2
        )  # the second is a ball
        gaps = np.linalg.norm(points[:, None, :2] - points[None, :, :2], axis=-1) + np.eye(4)
        assert gaps.min() > np.sqrt(2) * distractors.size
        assert np.linalg.norm(points[:, :2] - place[:2], axis=1).min() > button.radius + distractors.size / 2


@pytest.mark.bad_input
def test_a_table_that_is_too_full_is_named() -> None:
    with pytest.raises(
        RobotError, match=r"no room on the table for 50 distractors of 0.05 m; choose fewer or smaller ones"
    ):
        scattered(Distractors(count=50), Table(), TOP, [], None, 0)


def test_anchors_are_the_robots() -> None:
    description = load_robot("inmoov")
    config = description.config
    for name, expected in (("button", config.table), ("chasing", config.arena.centre), ("tomato", (0.0, 0.0, 0.0))):
        target = load_world(name).target
        np.testing.assert_allclose(anchor_of(target, description), np.array(expected) + target.offset, atol=1e-15)
    np.testing.assert_array_equal(anchor_of(load_world("reach").target, description), description.default_target())


def test_an_object_slides_on_is_reflected_at_the_edge_and_turns_back_in_front_of_another() -> None:
    low, high, east = np.array([-1.0, -1.0]), np.array([1.0, 1.0]), np.array([1.0, 0.0])
    here, way = slid(np.zeros(2), east, 0.1, low, high, [(np.array([0.5, 0.0]), 0.35)])
    np.testing.assert_allclose((here, way), ((0.1, 0.0), east))
    here, way = slid(here, way, 0.1, low, high, [(np.array([0.5, 0.0]), 0.35)])
    np.testing.assert_allclose((here, way), ((0.1, 0.0), -east))  # 0.2 would be too near
    here, way = slid(here, way, 0.1, low, high, [(np.array([0.3, 0.0]), 0.35)])
    np.testing.assert_allclose((here, way), ((0.0, 0.0), -east))  # away from it, though it is too near
    here, way = slid(np.array([0.95, 0.0]), np.array([0.6, 0.8]), 0.1, low, high, [])
    np.testing.assert_allclose((here, way), ((0.89, 0.08), (-0.6, 0.8)))


def test_objects_that_left_the_table_do_not_slide_and_directions_are_the_seeds_to_say() -> None:
    low, high = np.array([-1.0, -1.0]), np.array([1.0, 1.0])
    paths = []
    for seed in (0, 0, 1):
        wanderers = Wanderers(3, 0.01)
        wanderers.start(generator_of(seed, 2))
        places = [np.zeros(2), None, np.array([0.5, 0.5])]
        for _ in range(50):
            places = wanderers.step(places, low, high, [], 0.1)
        assert places[1] is None and places[0] is not None and np.linalg.norm(places[0]) > 0.1
        paths.append(places[0].tobytes())
    assert paths[0] == paths[1] != paths[2]
