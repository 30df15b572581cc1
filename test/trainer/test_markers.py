"""Markers of a training, compared with hand calculations, without ROS."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from rl_trainer_ros.training.callbacks.markers import (
    GAIN,
    LOSS,
    NEUTRAL,
    REACHED,
    Scene,
    episode_markers,
    episode_text,
    reward_colours,
    workspace_marker,
)
from rl_trainer_ros.training.callbacks.watching import WatchCallback

pytestmark = pytest.mark.frames


def scene(steps: int = 3, radius: float | None = 0.03, succeeded: bool | None = None) -> Scene:
    trail = np.linspace([0, 0, 1], [0.3, 0, 1], steps)
    return Scene(np.array([0.4, 0.0, 1.0]), radius, trail, np.linspace(-0.5, 1.0, steps), 7, succeeded)


def test_target_radius_trail_and_words() -> None:
    markers = {marker.name: marker for marker in episode_markers(scene(succeeded=True))}
    assert list(markers) == ["target", "success_radius", "trail", "episode"]
    assert markers["target"].points.tolist() == [[0.4, 0.0, 1.0]]
    assert markers["success_radius"].size == 0.06  # a diameter
    assert markers["trail"].points.shape == (3, 3)
    assert markers["trail"].colours.shape == (3, 4)
    assert markers["episode"].points[0, 2] > 1.03
    assert markers["episode"].colour == REACHED
    assert markers["episode"].text == "episode 7, step 3\nreturn 0.75, the last one succeeded"


def test_what_there_is_not_is_not_drawn() -> None:
    assert [marker.name for marker in episode_markers(scene(steps=1, radius=None))] == ["target", "episode"]
    assert episode_text(scene(steps=0)) == "episode 7, step 0\nreturn 0.00"


def test_rewards_are_red_yellow_green_and_a_bonus_at_the_end_spoils_no_colour() -> None:
    colours = reward_colours(np.array([-0.2, 0.0, 0.2, 0.1, 5.0]))
    np.testing.assert_allclose(colours[0, :3], LOSS)
    np.testing.assert_allclose(colours[1, :3], NEUTRAL)
    np.testing.assert_allclose(colours[2, :3], GAIN)
    np.testing.assert_allclose(colours[3, :3], (np.array(NEUTRAL) + np.array(GAIN)) / 2)
    np.testing.assert_allclose(colours[4, :3], GAIN)
    assert (colours[:, 3] == 1.0).all()
    assert reward_colours(np.array([])).shape == (0, 4)
    assert np.isfinite(reward_colours(np.array([0.0, np.nan]))).all()


def test_the_workspace_keeps_its_points() -> None:
    points = np.random.default_rng(0).normal(size=(10, 3))
    assert workspace_marker(points).points is points


def test_the_watch_follows_episodes_of_each_robot() -> None:
    def environment(x: float) -> Any:
        observation = SimpleNamespace(target_position=np.array([x, 0.0, 0.0]))
        step_state = SimpleNamespace(hand=np.array([x, 1.0, 2.0]), observation=observation)
        return SimpleNamespace(observed=True, step_state=step_state, task=SimpleNamespace(success_radius_m=None))

    shown: list[tuple[int, Scene]] = []
    watch = WatchCallback([environment(0.0), environment(1.0)], lambda i, seen: shown.append((i, seen)), interval_s=0.0)
    watch.model = SimpleNamespace(get_env=SimpleNamespace)  # type: ignore[assignment]
    for done in (False, False, True, False):
        infos = [{"is_success": True} if done else {}, {}]
        watch.locals = {"rewards": np.array([0.5, 2.0]), "dones": np.array([done, False]), "infos": infos}
        assert watch._on_step()
    (first, second) = (seen for _, seen in shown[-2:])
    assert [i for i, _ in shown] == [0, 1] * 4
    assert (first.episode, first.succeeded, first.rewards.tolist()) == (2, True, [0.5])
    assert (second.episode, second.succeeded, second.rewards.tolist()) == (1, None, [2.0] * 4)
    assert second.trail.tolist() == [[1.0, 1.0, 2.0]] * 4
