"""What a policy remembers of encoded states: the last ones, or the target's position while an arm hides it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rl_trainer_ros.environments.make_env import make_robot_env
from rl_trainer_ros.observations.state_memory import LastStates, TargetFilter
from robot_interface_ros.config import ConfigError

PERIOD_NS = 50_000_000
PLACE = np.array([0.3, -0.3, 1.2])


def measured(position: np.ndarray, deviation_m: float) -> np.ndarray:
    return np.concatenate([position, np.full(3, np.log(deviation_m))])


def test_the_last_states_stand_side_by_side_and_begin_anew() -> None:
    memory = LastStates(3)
    memory.begin()
    states = [np.array([float(k), -float(k)]) for k in range(4)]
    seen = [memory.seen(k * PERIOD_NS, state).tolist() for k, state in enumerate(states)]
    assert seen == [[0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 1, -1], [0, 0, 1, -1, 2, -2], [1, -1, 2, -2, 3, -3]]
    assert memory.seen(3 * PERIOD_NS, states[0]).tolist() == seen[3]  # the same moment, asked for again
    memory.begin()
    assert memory.seen(9 * PERIOD_NS, states[2]).tolist() == [2, -2] * 3


def test_the_first_state_of_an_episode_stays() -> None:
    memory = LastStates(2, first=True)
    for episode in (0.0, 10.0):
        memory.begin()
        seen = [memory.seen(k * PERIOD_NS, np.array([episode + k])).tolist() for k in range(4)]
        assert seen == [[episode, *latest] for latest in ([episode] * 2, [episode, episode + 1], [episode + 1, episode + 2],
                                                          [episode + 2, episode + 3])]  # fmt: skip


def test_an_estimate_is_held_while_the_target_is_hidden() -> None:
    """Five images show the target; then an arm hides it for a second, and the encoder guesses the middle of the workspace."""
    filter_ = TargetFilter(wander=0.0, correlation_s=0.5)
    filter_.begin()
    generator, guess = np.random.default_rng(0), np.array([0.1, -0.1, 1.0])
    for k in range(25):
        state = measured(PLACE + generator.normal(0.0, 0.01, 3), 0.01) if k < 5 else measured(guess, 0.3)
        seen = filter_.seen(k * PERIOD_NS, state)
    assert np.abs(seen[:3] - PLACE).max() < 0.015  # the guess is 20 cm away on each axis
    assert 0.003 < seen[3:].max() < 0.01
    filter_.begin()  # another episode: nothing is left of the last one
    np.testing.assert_allclose(filter_.seen(99 * PERIOD_NS, measured(guess, 0.3))[:3], guess)


def test_errors_that_stay_the_same_do_not_make_it_certain() -> None:
    """The deviation that the filter reports is right for errors of the given correlation, which are not independent."""
    generator, r = np.random.default_rng(1), np.exp(-0.05 / 0.5)
    errors, told = [], []
    for _ in range(300):
        filter_, error = TargetFilter(0.0, 0.5), generator.normal(0.0, 0.02, 3)
        filter_.begin()
        for k in range(40):
            seen = filter_.seen(k * PERIOD_NS, measured(PLACE + error, 0.02))
            error = r * error + np.sqrt(1.0 - r**2) * generator.normal(0.0, 0.02, 3)
        errors.append(seen[:3] - PLACE)
        told.append(seen[3:])
    assert 0.7 < np.std(errors) / np.mean(told) < 1.3
    assert np.std(errors) < 0.013  # and better than the 0.02 m of one image


def test_a_target_that_moves_is_followed() -> None:
    still, moving = TargetFilter(0.0, 0.1), TargetFilter(0.3, 0.1)
    for memory in (still, moving):
        memory.begin()
        for k in range(60):
            seen = memory.seen(k * PERIOD_NS, measured(PLACE + 0.01 * max(0, k - 30), 0.01))
        memory.last = seen  # type: ignore[attr-defined]
    end = PLACE + 0.29
    assert np.abs(moving.last[:3] - end).max() < 0.05 < np.abs(still.last[:3] - end).max()  # type: ignore[attr-defined]


@pytest.mark.slow
def test_the_policy_sees_the_way_to_the_estimate(estimating_encoder: str) -> None:
    settings = {"srl_folder": estimating_encoder}
    environment = make_robot_env(**settings, observation_settings={"estimate": True})
    first, _ = environment.reset(seed=3)
    assert environment.observation_space.contains(first) and first.shape == (19,)
    state = environment.step_state.observation.srl_state
    way = state[:3] - environment.step_state.hand
    np.testing.assert_allclose(first[10:13], way, rtol=1e-5)
    np.testing.assert_allclose(first[13:16], way / (np.linalg.norm(way) + 0.02), rtol=1e-5)
    np.testing.assert_allclose(first[16:], np.exp(np.clip(state[3:], np.log(1e-3), np.log(3.0))), rtol=1e-5)
    after = [environment.step(np.full(5, 0.5, np.float32))[0] for _ in range(5)]
    again, _ = environment.reset(seed=3)  # nothing is left of the episode before
    assert again.tobytes() == first.tobytes()
    assert [environment.step(np.full(5, 0.5, np.float32))[0].tobytes() for _ in range(5)] == [
        a.tobytes() for a in after
    ]
    environment.close()
    stacked = make_robot_env(**settings, observation_settings={"states": 4})
    seen, _ = stacked.reset(seed=3)
    assert seen.shape == (10 + 4 * 6,) and seen[10:16].tobytes() == seen[-6:].tobytes()
    stacked.close()
    both = make_robot_env(**settings, observation_settings={"first": True, "hand": True})
    begin, _ = both.reset(seed=3)
    assert both.observation_space.contains(begin) and begin.shape == (10 + 3 + 2 * 6,)
    for _ in range(3):
        seen = both.step(np.full(5, 0.5, np.float32))[0]
    np.testing.assert_allclose(seen[10:13], both.step_state.hand, rtol=1e-6)
    assert seen[13:19].tobytes() == begin[13:19].tobytes() == begin[19:].tobytes() != seen[19:].tobytes()
    both.close()


@pytest.mark.bad_input
def test_settings_without_effect_are_refused(estimating_encoder: str, random_encoder: str) -> None:
    for encoder, given, said in (
        (random_encoder, {"estimate": True}, "train one with srl_model:=reward_place or srl_model:=target_estimate"),
        (estimating_encoder, {"estimate": True, "states": 2}, "states has no effect with estimate"),
        (estimating_encoder, {"estimate": True, "first": True}, "first has no effect with estimate"),
        (estimating_encoder, {"wander": 0.1}, "wander is of the filter and has no effect without estimate"),
        (random_encoder, {"correlation_s": 1.0}, "correlation_s is of the filter and has no effect without estimate"),
        (random_encoder, {"state": 2}, r"observation srl_state: unknown setting 'state' \(did you mean states\?\)"),
        (random_encoder, {"states": 0}, "states is 0; allowed: 1 to 100"),
    ):
        with pytest.raises(ConfigError, match=said):
            make_robot_env(srl_folder=encoder, observation_settings=given)


def test_an_encoder_says_what_it_estimates(estimating_encoder: str, random_encoder: str) -> None:
    from srl_ros.encoder import Encoder

    assert Encoder.load(Path(estimating_encoder)).estimates == ("target_x", "target_y", "target_z")
    assert Encoder.load(random_encoder).estimates == ()
