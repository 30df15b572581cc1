"""Algorithms: settings, refusals, and that each one learns, is saved, loaded and continued."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv

from rl_trainer_ros.algorithms import ALGORITHMS, SCHEDULES, algorithm, constructor_arguments, hyperparameters
from rl_trainer_ros.algorithms.hyperparameters import KINDS
from rl_trainer_ros.algorithms.learner import make_learner, policy_name
from rl_trainer_ros.algorithms.registry import CONTINUOUS, DISCRETE
from robot_interface_ros.config import ConfigError
from robot_interface_ros.errors import StopRequested

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_torch_thread")]

QUICK: dict[str, dict[str, Any]] = {
    "ppo": {"n_steps": 64, "batch_size": 64},
    "a2c": {"n_steps": 32},
    "trpo": {"n_steps": 64, "batch_size": 64},
    "recurrent_ppo": {"n_steps": 64, "batch_size": 64, "n_epochs": 1},
    "ars": {"n_delta": 3},
    "cma_es": {"population": 6},
    "random": {},
}


class Line(gymnasium.Env):
    """A point on a line must be moved to the middle in 20 steps; the observation contains the right action, 0 or 1."""

    def __init__(self, discrete: bool):
        self.action_space = spaces.Discrete(2) if discrete else spaces.Box(-1.0, 1.0, (1,), np.float32)
        self.observation_space = spaces.Box(-2.0, 2.0, (2,), np.float32)
        self._x, self._steps = 0.0, 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self._x, self._steps = float(self.np_random.uniform(-1.0, 1.0)), 0
        return self._observation(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        move = 2.0 * float(action) - 1.0 if isinstance(self.action_space, spaces.Discrete) else float(action[0])
        self._x, self._steps = float(np.clip(self._x + 0.2 * np.clip(move, -1.0, 1.0), -2.0, 2.0)), self._steps + 1
        return self._observation(), -abs(self._x), False, self._steps == 20, {}

    def _observation(self) -> Any:
        return np.array([self._x, float(self._x < 0.0)], np.float32)


class SeenLine(Line):
    """The same as an image: a white bar where the point is."""

    def __init__(self, discrete: bool = False):
        super().__init__(discrete)
        self.observation_space = spaces.Box(0, 255, (36, 36, 3), np.uint8)

    def _observation(self) -> Any:
        image, column = np.zeros((36, 36, 3), np.uint8), round((self._x + 2.0) / 4.0 * 35)
        image[:, max(0, column - 1) : column + 2] = 255
        return image


def line_for(name: str, discrete: bool = False) -> Line:
    """Return the line in the form that an algorithm can observe."""
    return SeenLine(discrete) if set(ALGORITHMS[name].policies) == {"cnn"} else Line(discrete)


def line(discrete: bool = False, n: int = 1, name: str = "ppo") -> DummyVecEnv:
    env = DummyVecEnv([lambda: Monitor(line_for(name, discrete))] * n)
    env.seed(0)
    return env


def mean_return(learner: Any, env: DummyVecEnv, episodes: int = 10) -> float:
    env.seed(100)
    returns: list[float] = []
    observation = env.reset()
    while len(returns) < episodes:
        action, _ = learner.predict(observation, deterministic=True)
        observation, _, dones, infos = env.step(action)
        returns += [info["episode"]["r"] for info, done in zip(infos, dones) if done]
    return float(np.mean(returns))


@pytest.mark.algorithms
@pytest.mark.parametrize("name", list(ALGORITHMS))
@pytest.mark.parametrize("kind", [CONTINUOUS, DISCRETE])
def test_trains_saves_loads_goes_on_and_acts(name: str, kind: str, tmp_path: Path) -> None:
    if kind not in ALGORITHMS[name].actions:
        with pytest.raises(ConfigError, match=f"does not support {kind} actions; use ppo"):
            make_learner(name, line(kind == DISCRETE, name=name), hyperparameters(name), seed=0)
        return
    settings = hyperparameters(name, QUICK.get(name, {"learning_starts": 50, "batch_size": 32}))
    learner = make_learner(name, line(kind == DISCRETE, name=name), settings, seed=0)
    before = {key: value.clone() for key, value in learner.policy.state_dict().items()}
    learner.learn(300)
    after = learner.policy.state_dict()
    if name != "random":
        assert any(not before[key].equal(after[key]) for key in before), "no weight has changed"
    steps = learner.num_timesteps
    assert steps >= 300
    learner.save(tmp_path / "model.zip")
    again = type(learner).load(tmp_path / "model.zip", env=line(kind == DISCRETE, name=name), device=learner.device)
    assert all(after[key].equal(value) for key, value in again.policy.state_dict().items())
    observation = line(name=name).reset()
    if name != "random":
        np.testing.assert_array_equal(
            learner.predict(observation, deterministic=True)[0], again.predict(observation, deterministic=True)[0]
        )
    again.learn(100, reset_num_timesteps=False)
    assert again.num_timesteps >= steps + 100
    assert -40.0 < mean_return(again, line(kind == DISCRETE, name=name)) < 0.0


@pytest.mark.algorithms
@pytest.mark.parametrize("name", ["ars", "cma_es"])
def test_populations_learn_with_candidates_spread_over_robots(name: str) -> None:
    env = line(n=3)
    untaught = mean_return(make_learner("random", line(), {}, seed=0), line(), 30)
    quick = {"n_delta": 6, "n_top": 3, "delta_std": 0.2, "learning_rate": 0.2} if name == "ars" else {"sigma": 0.5}
    learner = make_learner(name, env, hyperparameters(name, quick), seed=0)
    learner.learn(8_000)
    assert mean_return(learner, line(), 30) > 0.5 * untaught  # returns are negative


@pytest.mark.algorithms
def test_a_population_counts_each_step_once_and_stops_when_told() -> None:
    from stable_baselines3.common.callbacks import BaseCallback

    class Stop(BaseCallback):
        def _on_step(self) -> bool:
            assert self.num_timesteps == 2 * self.n_calls  # two robots
            return self.n_calls < 15

    learner = make_learner("ars", line(n=2), hyperparameters("ars", QUICK["ars"]), seed=0)
    with pytest.raises(StopRequested):
        learner.learn(1000, callback=Stop())
    assert learner.num_timesteps == 30


def test_schedules() -> None:
    for left, expected in ((1.0, 2.0), (0.5, 1.1), (0.0, 0.2)):  # half way: (2 + .2) / 2, for both
        assert SCHEDULES["linear"](2.0)(left) == pytest.approx(expected)
        assert SCHEDULES["cosine"](2.0)(left) == pytest.approx(expected)
    assert SCHEDULES["cosine"](2.0)(0.75) == pytest.approx(0.2 + 1.8 * (1.0 + 0.5**0.5) / 2.0)
    assert SCHEDULES["constant"](2.0)(0.3) == 2.0


@pytest.mark.parametrize(
    "schedule, share, start_half_end",
    [
        ("linear", 0.0, (1e-3, 5e-4, 0.0)),
        ("cosine", 0.0, (1e-3, 5e-4, 0.0)),
        ("linear", 0.5, (1e-3, 7.5e-4, 5e-4)),
        ("linear", None, (1e-3, 5.5e-4, 1e-4)),
    ],
)
def test_the_share_of_the_learning_rate_at_the_end(
    schedule: str, share: float | None, start_half_end: tuple[float, float, float]
) -> None:
    more = {} if share is None else {"learning_rate_end_share": share}
    given = {"learning_rate": 1e-3, "learning_rate_schedule": schedule, **more}
    learner = make_learner("ppo", line(), hyperparameters("ppo", given), seed=0)
    assert [learner.lr_schedule(left) for left in (1.0, 0.5, 0.0)] == pytest.approx(start_half_end, abs=1e-18)
    assert learner.lr_schedule(-0.01) >= 0.0  # the last rollout ends after the training's number of steps


@pytest.mark.parametrize("name", list(ALGORITHMS))
def test_the_settings_that_the_package_ships_are_the_algorithms_own(name: str) -> None:
    for kind in KINDS:
        constructor_arguments(hyperparameters(name, kind=kind), actions=5)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "name, settings, said",
    [
        ("ppo", {"learnig_rate": 1e-3}, "did you mean learning_rate?"),
        ("ppo", {"buffer_size": 10}, "unknown hyperparameter 'buffer_size'"),
        ("ppo", {"learning_rate": "high"}, "expected a number above 0"),
        (
            "ppo",
            {"learning_rate": "lin_1e-3"},
            "learning_rate_schedule: linear and learning_rate_end_share: 0 let it fall",
        ),
        (
            "ppo",
            {"learning_rate_end_share": "none"},
            "learning_rate_end_share is 'none'; expected a number, from 0 to 1",
        ),
        ("ppo", {"learning_rate_end_share": -0.1}, "learning_rate_end_share is -0.1; expected a number, from 0 to 1"),
        (
            "ppo",
            {"learning_rate_end_share": 0, "learning_rate_schedule": "constant"},
            "add learning_rate_schedule: linear",
        ),
        ("sac", {"learning_rate_end_share": 0.5}, "has no effect with a constant learning rate"),
        ("random", {"learning_rate_end_share": 0.5}, "unknown hyperparameter 'learning_rate_end_share'"),
        ("sac", {"learning_rate_schedule": "steps"}, "known: constant, linear, cosine"),
        ("td3", {"action_noise": "pink"}, "known: none, normal, ou"),
        ("ppo", {"action_noise": "normal"}, "unknown hyperparameter 'action_noise'"),
        ("ppo", {"her": True}, "unknown hyperparameter 'her'"),
        ("ppo", {"gamma": "high"}, "gamma is 'high'; expected a number, from 0 to 1"),
        ("ppo", {"target_kl": "low"}, "target_kl is 'low'; expected a number, above 0"),
        ("ppo", {"clip_range": -0.2}, "clip_range is -0.2; expected a number, above 0"),
        ("sac", {"gamma": 2}, "gamma is 2; expected a number, from 0 to 1"),
        ("ppo", {"ent_coef": "x"}, "ent_coef is 'x'; expected a number, like the default 0.0"),
        ("ppo", {"normalize_advantage": 1}, "normalize_advantage is 1; expected true or false"),
        ("sac", {"her": "yes"}, "her is 'yes'; expected true or false"),
        ("sac", {"her": True, "n_steps": 3}, "n_steps has no effect with her"),
        ("ppo", {"batch_size": 0.5}, "batch_size is 0.5; expected a whole number, 1 or more"),
        # The learners accept these, and then end in the middle, never end, or learn nothing.
        ("sac", {"train_freq": 0}, "train_freq is 0; expected a whole number of steps, 1 or more, or [1, episode]"),
        ("sac", {"train_freq": [0, "step"]}, "train_freq is [0, 'step']; expected"),
        ("sac", {"train_freq": [1, "epoch"]}, "train_freq is [1, 'epoch']; expected"),
        ("sac", {"gradient_steps": 0}, "gradient_steps is 0; expected a whole number, 1 or more, or -1"),
        ("sac", {"target_update_interval": 0}, "target_update_interval is 0; expected a whole number, 1 or more"),
        ("sac", {"tau": 0}, "tau is 0; expected a number, above 0, at most 1"),
        ("td3", {"policy_delay": 0}, "policy_delay is 0; expected"),
        ("td3", {"target_policy_noise": -1}, "target_policy_noise is -1; expected a number, 0 or more"),
        ("tqc", {"top_quantiles_to_drop_per_net": 25}, "expected a whole number, from 0 to 24"),
        ("trpo", {"cg_max_steps": 0}, "cg_max_steps is 0; expected"),
        ("trpo", {"target_kl": None}, "target_kl is None; expected a number, like the default 0.01"),
        ("ars", {"n_delta": 0}, "n_delta is 0; expected a whole number, from 1 to 100000"),
        ("ars", {"n_top": 0}, "n_top is 0; expected"),
        ("ars", {"n_eval_episodes": 0}, "n_eval_episodes is 0; expected"),
        ("cma_es", {"population": 1}, "population is 1; expected a whole number, from 2 to 100000"),
        ("cma_es", {"sigma": 0.0}, "sigma is 0.0; expected a number, above 0"),
        ("ppo", {"stats_window_size": -1}, "stats_window_size is -1; expected a whole number, 1 or more"),
        ("ppo", {"log_std_init": 1000}, "log_std_init is 1000; expected a number, from -20 to 20"),
        ("ppo", {"max_grad_norm": 0}, "max_grad_norm is 0; expected a number, above 0"),
        ("ppo", {"net_arch": {"policy": [8], "value": [8]}}, "layers for each network: {pi: [64, 64], vf: [64, 64]}"),
        ("ppo", {"net_arch": {"pi": [8]}}, "layers for each network"),
        ("sac", {"net_arch": {"pi": [8], "vf": [8]}}, "layers for each network: {pi: [64, 64], qf: [64, 64]}"),
        ("drq", {"arguments": 1}, "unknown hyperparameter 'arguments'"),
    ],
)
def test_bad_hyperparameters(name: str, settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as error:
        hyperparameters(name, settings)
    assert said in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("ppo", {"net_arch": {"pi": [8], "vf": []}, "target_kl": None, "sde_sample_freq": -1}),
        ("sac", {"train_freq": [1, "episode"], "gradient_steps": -1, "net_arch": {"pi": [8], "qf": [8]}}),
        ("qrdqn", {"max_grad_norm": None}),
        ("ars", {"n_top": None}),
    ],
)
def test_hyperparameters_with_a_meaning_of_their_own(name: str, settings: dict[str, Any]) -> None:
    assert {**hyperparameters(name, settings), **settings} == hyperparameters(name, settings)


def test_many_robots_explores_more_at_its_start() -> None:
    learner = make_learner("ppo", line(), hyperparameters("ppo", preset="many_robots"), seed=0)
    assert set(learner.policy.log_std.tolist()) == {0.5} and (learner.n_epochs, learner.gae_lambda) == (6, 0.9)
    assert [learner.lr_schedule(left) for left in (1.0, 0.0)] == pytest.approx([1e-3, 3e-4])


def test_whole_numbers_may_have_an_exponent() -> None:
    settings = hyperparameters("sac", {"buffer_size": "1e5", "gradient_steps": 2.0, "learning_rate": "1e-3"})
    assert [settings[name] for name in ("buffer_size", "gradient_steps", "learning_rate")] == [100_000, 2, 0.001]
    assert isinstance(settings["gradient_steps"], int)


def test_n_steps_of_returns_are_not_shared_out_as_those_of_a_rollout_are() -> None:
    """Off-policy learners have n-step returns for each robot; the rollout of an on-policy learner covers all robots."""
    sac = make_learner("sac", line(n=4), hyperparameters("sac", {"n_steps": 3, "batch_size": 64}), seed=0)
    assert sac.n_steps == 3
    ppo = make_learner("ppo", line(n=4), hyperparameters("ppo", {"n_steps": 256, "batch_size": 64}), seed=0)
    assert ppo.n_steps == 64


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "name, said",
    [
        ("acer", "use ppo, or dqn"),
        ("acktr", "use trpo or ppo"),
        ("ppo1", "num_envs:=N"),
        ("pppo", "did you mean ppo?"),
        ("her", "goal_conditioned:=true"),
    ],
)
def test_names_that_are_gone_say_what_to_use(name: str, said: str) -> None:
    with pytest.raises(ConfigError) as error:
        algorithm(name)
    assert said in str(error.value)


@pytest.mark.bad_input
def test_what_does_not_fit_is_refused_before_anything_starts() -> None:
    with pytest.raises(ConfigError, match="needs a goal-conditioned observation"):
        make_learner("sac", line(), hyperparameters("sac", {"her": True}))
    with pytest.raises(ConfigError, match="needs num_envs:=1"):
        make_learner("sac", line(n=2), hyperparameters("sac", preset="few_steps"))
    with pytest.raises(ConfigError, match="unknown policy 'lstm'; known: mlp, cnn, multi_input"):
        make_learner("ppo", line(), hyperparameters("ppo"), policy="lstm")
    with pytest.raises(ConfigError, match="unknown preset 'fast'; known: few_steps"):
        hyperparameters("sac", preset="fast")
    pixels = spaces.Box(0, 255, (3, 64, 64), np.uint8)
    with pytest.raises(ConfigError, match="crossq has no policy for pixels observations; use ppo"):
        policy_name("crossq", pixels)
    with pytest.raises(ConfigError, match="policy cnn does not support vector observations; leave it out"):
        policy_name("ppo", line().observation_space, "cnn")
    assert (policy_name("ppo", pixels), policy_name("recurrent_ppo", pixels)) == ("CnnPolicy", "CnnLstmPolicy")
