"""DrQ: the replay buffer of shifted images, and the encoder that only the critic trains."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from test_algorithms import line, mean_return

from rl_trainer_ros.algorithms import hyperparameters, image_replay
from rl_trainer_ros.algorithms.image_replay import ImageReplayBuffer, shifted
from rl_trainer_ros.algorithms.learner import make_learner
from robot_interface_ros.config import ConfigError

IMAGE, ACTION = spaces.Box(0, 255, (3, 8, 8), np.uint8), spaces.Box(-1.0, 1.0, (1,), np.float32)
QUICK = {"learning_starts": 30, "batch_size": 16, "buffer_size": 400}


def test_an_image_moves_as_a_whole_and_its_border_is_repeated() -> None:
    images = np.random.default_rng(0).integers(0, 255, (500, 6, 8, 8), dtype=np.uint8)
    moved = shifted(images, 2, np.random.RandomState(0))
    assert moved.shape == images.shape and moved.dtype == np.uint8
    found = set()
    for before, after in zip(images, moved):
        places = [
            (down, across)
            for down in range(-2, 3)
            for across in range(-2, 3)
            if np.array_equal(
                after, before[:, np.clip(np.arange(8) + down, 0, 7)][:, :, np.clip(np.arange(8) + across, 0, 7)]
            )
        ]
        assert len(places) == 1
        found.add(places[0])
    assert len(found) == 25  # every shift occurs
    assert np.array_equal(shifted(images, 0), images)


def image(value: int) -> np.ndarray[Any, Any]:
    return np.full((1, 3, 8, 8), value, np.uint8)


def filled(size: int, steps: int, ends: dict[int, bool], absent: tuple[int, ...] = ()) -> ImageReplayBuffer:
    """Return a buffer after `steps` steps of one robot; image and reward count the steps.

    `ends`: step -> whether the episode ended by time there. The image after a step that ends an episode is 200 + step.
    """
    buffer = ImageReplayBuffer(size, IMAGE, ACTION, "cpu", shift=0)
    for step in range(steps):
        after = image(200 + step if step in ends else step + 1)
        info = {"TimeLimit.truncated": ends.get(step, False), **({"absent": "gone"} if step in absent else {})}
        done = np.array([float(step in ends)])
        buffer.add(image(step), after, np.zeros((1, 1)), np.array([float(step)]), done, [info])
    return buffer


def sampled(buffer: ImageReplayBuffer) -> dict[int, tuple[int, int, bool]]:
    """Return reward -> image, next image, done of everything that is sampled."""
    batch = buffer.sample(500)
    images, following = batch.observations[:, 0, 0, 0], batch.next_observations[:, 0, 0, 0]
    return {
        int(reward): (int(one), int(other), bool(done))
        for reward, one, other, done in zip(batch.rewards, images, following, batch.dones)
    }


@pytest.mark.parametrize("size, first", [(50, 0), (10, 3)])
def test_transitions_are_whole_although_each_image_is_stored_once(size: int, first: int) -> None:
    buffer = filled(size, 12, {4: True, 8: False})
    assert buffer.observations.shape == (size, 1, 3, 8, 8) and not hasattr(buffer, "next_observations")
    found = sampled(buffer)
    assert sorted(found) == [step for step in range(first, 12) if step != 4]  # 4 ended by time: no next image is stored
    for step, (one, other, done) in found.items():
        assert one == step and done == (step == 8) and (done or other == step + 1)


def test_absent_robots_are_not_sampled_and_an_empty_buffer_is_refused() -> None:
    assert sorted(sampled(filled(50, 6, {2: True}, absent=(4,)))) == [0, 1, 3, 5]
    with pytest.raises(ValueError, match="raise learning_starts"):
        filled(50, 1, {0: True}).sample(4)


def test_only_the_critic_trains_the_encoder_that_the_actor_uses() -> None:
    learner = make_learner("drq", line(name="drq"), hyperparameters("drq", QUICK), seed=0)
    actor, critic = learner.actor, learner.critic
    assert actor.features_extractor is critic.features_extractor is not learner.critic_target.features_extractor
    encoder = {id(one) for one in critic.features_extractor.parameters()}
    trained = [{id(p) for group in net.optimizer.param_groups for p in group["params"]} for net in (actor, critic)]
    assert not encoder & trained[0] and encoder <= trained[1]
    images = torch.randint(0, 255, (4, 3, 36, 36), dtype=torch.uint8)
    actions, _ = actor.action_log_prob(images)
    sum(value.sum() for value in critic(images, actions)).backward()
    assert all(one.grad is None for one in critic.features_extractor.parameters())
    assert all(one.grad is not None for one in actor.read_out.parameters())
    sum(value.sum() for value in critic(images, actions.detach())).backward()
    assert all(one.grad is not None for one in critic.features_extractor.parameters())


@pytest.mark.algorithms
def test_it_learns_from_images() -> None:
    learner = make_learner(
        "drq", line(name="drq"), hyperparameters("drq", {**QUICK, "learning_starts": 100, "tau": 0.05}), seed=0
    )
    untaught = mean_return(make_learner("random", line(), {}, seed=0), line(), 20)
    learner.learn(450)
    assert mean_return(learner, line(name="drq"), 10) > 0.7 * untaught  # returns are negative


@pytest.mark.bad_input
def test_what_does_not_fit_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="drq has no policy for vector observations; use ppo"):
        make_learner("drq", line(), hyperparameters("drq"))
    for settings, said in (
        ({"image_shift": -1}, "expected a whole number, from 0 to 32"),
        ({"latent_dim": 0}, "from 1 to 4096"),
        ({"n_steps": 3}, "n_steps has no effect"),
    ):
        with pytest.raises(ConfigError, match=said) as error:
            make_learner("drq", line(name="drq"), hyperparameters("drq", {**QUICK, **settings}))
        assert "\n" not in str(error.value)
    monkeypatch.setattr(image_replay, "available_memory", lambda: 100_000_000)
    for name, fits in (("drq", 20_576), ("sac", 10_288)):
        with pytest.raises(ConfigError, match=f"100,000 images take .* use hyperparameters.buffer_size:={fits}"):
            make_learner(name, line(name="drq"), hyperparameters(name, {"buffer_size": 100_000}, kind="pixels"))
