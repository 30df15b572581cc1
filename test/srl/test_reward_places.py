"""reward_place: where the target is, from rewards and hand positions; the ground truth has no effect."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest
from helpers.toy_worlds import _drawn
from numpy.typing import NDArray

from robot_interface_ros.config import ConfigError
from srl_ros.config import TrainingConfig
from srl_ros.dataset import Dataset
from srl_ros.reward_places import gained, reward_places
from srl_ros.training import train
from srl_ros.transitions import DatasetError

RADIUS_M = 0.03
TRUTH = ("target_x", "target_y", "target_z")


def dot_in_space(episodes: int, seed: int = 0, noise: float = 0.0) -> Dataset:
    """A red dot at (x, z) of an image whose size tells y; a hand that the image does not show wanders about it.

    Six transitions an episode; the reward is that of reach: 10 for each metre gained and 5 within `RADIUS_M`.
    """
    g = np.random.default_rng(seed)
    target = np.repeat(g.uniform(-0.4, 0.4, (episodes, 3)), 6, axis=0)
    path = np.cumsum(g.normal(0.0, 0.06, (episodes, 7, 3)), axis=1) + g.uniform(-0.3, 0.3, (episodes, 1, 3))
    path[::4] += (target[:: 4 * 6] + 0.01 - path[::4, -1])[:, None]  # these end at their targets
    hand, following = path[:, :-1].reshape(-1, 3), path[:, 1:].reshape(-1, 3)
    before, after = (np.linalg.norm(place - target, axis=1) for place in (hand, following))
    reward = 10.0 * (before - after) + 5.0 * (after <= RADIUS_M) + g.normal(0.0, noise, len(after))
    x, y, z = 2.0 * target.T
    images = _drawn([(x, z, (220, 40, 30)), (x + 0.1 + 0.3 * (y + 1.0), z, (40, 60, 230))])
    return Dataset(
        images=images,
        ground_truth=target,
        names=TRUTH,
        episode=np.repeat(np.arange(episodes), 6),
        reward=reward.astype(np.float32),
        hand=hand,
        next_hand=following,
    )


def _places(
    world: Dataset, reward: NDArray[np.float64] | None = None, **law: object
) -> tuple[NDArray[np.float64], float]:
    """Errors (m) of the places that are known, and the share of those."""
    assert world.hand is not None and world.next_hand is not None and world.reward is not None
    given = world.reward.astype(np.float64) if reward is None else reward
    found = reward_places(world.hand, world.next_hand, given, world.episodes, **law)  # type: ignore[arg-type]
    assert not found.place[~found.known].any()
    return np.linalg.norm(found.place - world.ground_truth, axis=1)[found.known], float(found.known.mean())


def test_rewards_and_hands_determine_the_place() -> None:
    """Exactly where rewards are exact. Where they are not, only places that are certain are taken as known."""
    world = dot_in_space(200)
    error, share = _places(world)
    assert share > 0.85 and error.max() < 1e-4
    error, share = _places(dot_in_space(200, noise=0.01))  # 1 mm of progress
    assert 0.2 < share < 0.9 and np.median(error) < 0.01


def test_each_law_of_the_reward() -> None:
    world = dot_in_space(200)
    assert world.next_hand is not None
    after = np.linalg.norm(world.next_hand - world.ground_truth, axis=1)
    error, share = _places(world, -2.0 * after, law="distance", scale=2.0)
    assert share > 0.9 and error.max() < 1e-6
    error, share = _places(world, -1.0 * (after > RADIUS_M), law="success")
    assert 0.25 <= share < 0.5 and error.max() <= RADIUS_M
    with pytest.raises(DatasetError, match="reward_law success"):  # nothing succeeds; some episodes are punished
        _places(world, -1.0 * (after > 0.8), law="success")
    assert gained(np.array([4.5, -0.3, 10.2]), 10.0, 5.0) == pytest.approx([-0.05, -0.03, 0.02])


def test_successes_at_several_places_give_none() -> None:
    """As of two buttons, or of one that moves: the target is not between them."""
    episode = np.repeat(np.arange(3), 5)
    hand, reward = np.zeros((15, 3)), np.zeros(15)
    reward[[0, 1, 5, 6, 10]] = 1.0  # the hand was there
    hand[[0, 1]], hand[[5, 6]], hand[10] = (0.1, 0.2, 0.3), ((0.1, 0.2, 0.3), (0.4, 0.2, 0.3)), (0.2, 0.2, 0.2)
    found = reward_places(hand, hand, reward, episode, law="success")
    assert found.known.tolist() == [True] * 5 + [False] * 5 + [True] * 5
    assert np.allclose(found.place[0], (0.1, 0.2, 0.3)) and not found.place[5].any()


def test_an_episode_that_leaves_places_open_has_none() -> None:
    """On a straight line, a place and all those around the line explain the rewards; so do too few transitions."""
    world = dot_in_space(40)
    assert world.hand is not None and world.next_hand is not None
    line = world.hand * np.array([1.0, 0.0, 0.0]), world.next_hand * np.array([1.0, 0.0, 0.0])
    before, after = (np.linalg.norm(place - world.ground_truth, axis=1) for place in line)
    rewards = 10.0 * (before - after)
    short = world.episodes * 6 + np.arange(len(world)) % 6 // 3
    for hands, reward, episode in ((line, rewards, world.episodes), ((world.hand, world.next_hand), rewards, short)):
        with pytest.raises(DatasetError, match="reward_place found the target of none of .* reward_law progress"):
            reward_places(*hands, reward, episode)


def test_the_ground_truth_has_no_effect(tmp_path: Path) -> None:
    """Weights are the same bits without the truth, with a wrong one, and other ones with other rewards."""
    world = dot_in_space(30)
    wrong = dataclasses.replace(world, ground_truth=np.flip(world.ground_truth, axis=0) + 7.0)
    none = dataclasses.replace(world, ground_truth=np.zeros((len(world), 0)), names=())
    assert world.reward is not None
    other = dataclasses.replace(world, reward=-world.reward)
    config = TrainingConfig(method="reward_place", epochs=1)
    trained = [
        train(source, config, tmp_path / str(k), lambda line: None, pictures=False)
        for k, source in enumerate((world, wrong, none))
    ]
    first, *others = ({name: value.numpy().tobytes() for name, value in one.weights().items()} for one in trained)
    assert others == [first, first]
    assert trained[2].estimates == TRUTH and trained[2].state_dim == 6
    with pytest.raises(DatasetError, match="reward_place found the target"):
        train(other, config, tmp_path / "other", lambda line: None, pictures=False)


def test_an_encoder_learns_the_place(tmp_path: Path) -> None:
    config = TrainingConfig(method="reward_place", epochs=16)
    told: list[str] = []
    encoder = train(dot_in_space(150), config, tmp_path, told.append, pictures=False)
    assert re.match(r"the rewards place the target in \d+ of 900 images; it learns from these", told[0])
    unseen = dot_in_space(60, seed=1)
    states = encoder.encode_batch(unseen.images)
    error = np.linalg.norm(states[:, :3] - unseen.ground_truth, axis=1)
    assert np.median(error) < 0.1 and (error < 3.0 * np.linalg.norm(np.exp(states[:, 3:]), axis=1)).mean() > 0.9
    assert encoder.metrics["target"]["probe_error_cm"] > 0.0


@pytest.mark.bad_input
def test_data_and_settings_that_do_not_suffice(tmp_path: Path) -> None:
    world = dot_in_space(30)
    without = dataclasses.replace(world, hand=None)
    for source, given, error, said in (
        (without, {}, DatasetError, "loss reward_place needs hand, which these data lack"),
        (
            world,
            {"truth_names": ("seen_x", "seen_y", "seen_z")},
            ConfigError,
            "at least one camera beside the robot",
        ),
        (world, {"truth_names": ("target_x",)}, ConfigError, "three coordinates"),
        (world, {"reward_scale": 20.0}, DatasetError, "do not follow reward_law progress with reward_scale 20"),
    ):
        config = TrainingConfig(**{"method": "reward_place", "epochs": 1, **given})  # type: ignore[arg-type]
        with pytest.raises(error, match=said):
            train(source, config, tmp_path, lambda line: None, pictures=False)
    with pytest.raises(ConfigError, match="did you mean distance"):
        TrainingConfig(method="reward_place", reward_law="distanc")
