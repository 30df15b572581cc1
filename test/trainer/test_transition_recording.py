"""Transitions for state representations, recorded from a simulator."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rl_trainer_ros.cli.commands.train_srl import TrainSrlOptions, record_and_train, recorded
from rl_trainer_ros.environments import kept_transitions
from rl_trainer_ros.environments.make_env import make_robot_env
from rl_trainer_ros.environments.transition_recording import NAMES, TransitionRecorder, record
from robot_interface_ros.config import ConfigError
from srl_ros.reward_places import reward_places

CAMERAS = ("external", "above")


def test_images_that_are_rendered_on_demand_are_the_same_bits() -> None:
    recorded = []
    for on_demand in (False, True):
        environment = make_robot_env(simulation={"cameras": CAMERAS}, end_at_success=False)
        recorded.append(record(environment, CAMERAS, 15, seed=3, on_demand=on_demand))
        environment.close()
    eager, rendered = recorded
    assert eager.keys() == rendered.keys()
    for name, values in eager.items():
        np.testing.assert_array_equal(values, rendered[name], err_msg=name)
    assert len(np.unique(eager["images"], axis=0)) == 15


class _Interrupted(Exception):
    pass


def test_an_interrupted_recording_goes_on_and_ends_with_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_transitions, "PER_FILE", 5)
    opened: list[int] = []

    def wanted(transitions: int, stop_at: int = 100, seed: int = 3, folder: Path = tmp_path) -> dict[str, Any]:
        def report(done: int) -> None:
            if done >= stop_at:
                raise _Interrupted

        @contextlib.contextmanager
        def simulated() -> Iterator[TransitionRecorder]:
            opened.append(transitions)
            environment = make_robot_env(simulation={"cameras": CAMERAS}, end_at_success=False)
            yield TransitionRecorder(environment, CAMERAS, seed, on_demand=True)
            environment.close()

        return kept_transitions.kept(folder, {"seed": seed}, simulated, transitions, report)

    environment = make_robot_env(simulation={"cameras": CAMERAS}, end_at_success=False)
    whole = record(environment, CAMERAS, 18, seed=3, on_demand=True)
    environment.close()

    with pytest.raises(_Interrupted):
        wanted(18, stop_at=13)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["part-00000.npz", "part-00001.npz"]
    before = [path.stat().st_mtime_ns for path in sorted(tmp_path.iterdir())]
    _equal(wanted(18), whole)
    assert [path.stat().st_mtime_ns for path in sorted(tmp_path.iterdir())][:2] == before
    _equal(wanted(7), {name: values[:7] if len(values) == 18 else values for name, values in whole.items()})
    assert opened == [18, 18]  # nothing was missing the third time

    damaged = tmp_path / "part-00001.npz"
    damaged.write_bytes(damaged.read_bytes()[:100])
    _equal(wanted(18), whole)
    other = wanted(5, seed=4)
    assert opened == [18, 18, 18, 5] and not np.array_equal(other["action"], whole["action"][:5])


def _equal(found: dict[str, Any], whole: dict[str, Any]) -> None:
    assert found.keys() | {"cameras"} == whole.keys()
    for name, values in found.items():
        np.testing.assert_array_equal(values, whole[name], err_msg=name)


def test_the_truth_has_the_places_of_loose_objects_also_after_a_push() -> None:
    environment = make_robot_env("distractors", simulation={"cameras": ("external",)})
    recorded = record(environment, ("external",), 10, seed=0, on_demand=True)
    environment.close()
    names = tuple(f"distractor_{k}_{axis}" for k in range(4) for axis in "xyz")
    assert recorded["names"] == (*NAMES, *names)
    places = recorded["ground_truth"][:, len(NAMES) :].reshape(10, 4, 3)
    assert recorded["next_ground_truth"].shape == recorded["ground_truth"].shape == (10, 18)
    table_top = 0.92
    assert (np.abs(places[..., 2] - table_top - 0.025) < 0.02).all()  # they lie on the table, 5 cm large
    assert (np.linalg.norm(places[0] - places[5], axis=1) > 1e-3).all()  # each episode has other places


def test_rewards_and_hands_of_a_recording_tell_where_its_targets_are() -> None:
    """The hand is that of the joints, and what the rewards say of it fits one place: the target."""
    environment = make_robot_env(simulation={"cameras": ("external",)}, end_at_success=False)
    recorded = record(environment, ("external",), 60, seed=1, on_demand=True)
    environment.close()
    for name in ("hand", "next_hand"):
        truth = recorded["next_ground_truth" if name == "next_hand" else "ground_truth"]
        np.testing.assert_array_equal(recorded[name], truth[:, 3:6])
    reward = recorded["reward"].astype(np.float32).astype(float)
    found = reward_places(recorded["hand"], recorded["next_hand"], reward, recorded["episode"])
    error = np.linalg.norm(found.place - recorded["ground_truth"][:, :3], axis=1)
    assert found.known.mean() > 0.7 and error[found.known].max() < 1e-3


def test_a_recording_that_is_forgotten_leaves_the_files_of_others(tmp_path: Path) -> None:
    for folder, others in (("ours", ()), ("shared", ("mine.npz", "part-1.npz"))):
        place = tmp_path / folder
        place.mkdir()
        for name in ("part-00000.npz", "part-00001.npz", *others):
            (place / name).write_bytes(b"")
        kept_transitions.forget(place)
        assert (sorted(path.name for path in place.iterdir()) if place.exists() else []) == sorted(others)
        assert place.exists() == bool(others)
    kept_transitions.forget(tmp_path / "absent")


def test_tasks_in_the_arena_are_recorded_with_motions_of_the_hand(tmp_path: Path) -> None:
    options = TrainSrlOptions(task="circular")
    object.__setattr__(options, "images", 10)  # an episode that goes to the target, and a random one
    found = recorded(options, ("external",), tmp_path)
    assert found["action"].shape == found["action_probabilities"].shape == (10, 2)
    away = np.linalg.norm(found["ground_truth"][:, :3] - found["hand"], axis=1)
    assert away[:5].max() < 0.02 < away[5:].max()


@pytest.mark.bad_input
def test_a_folder_that_cannot_be_written_is_refused_before_the_recording() -> None:
    with pytest.raises(ConfigError, match="the folder of the encoder is .*/srl/autoencoder, but .* cannot be written"):
        record_and_train(TrainSrlOptions(log_dir="/proc/runs"))
