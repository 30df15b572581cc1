"""The numbers of a policy beside the robot: right for every kind of algorithm, on the page's topics and in films."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import sb3_contrib
import stable_baselines3
import torch
from PIL import Image

from rl_trainer_ros.algorithms import policy_numbers
from rl_trainer_ros.cli.commands.on_page import enjoy as command
from rl_trainer_ros.cli.commands.on_page.enjoy import EnjoyOptions, enjoy
from rl_trainer_ros.environments.make_env import make_environment
from rl_trainer_ros.evaluation.film_file import check_film, mp4
from rl_trainer_ros.evaluation.film_numbers import Row, beside
from rl_trainer_ros.evaluation.policy_runner import PolicyRunner
from rl_trainer_ros.recording.policy_streams import PolicyStreams, rows
from rl_trainer_ros.training import trained_policy
from rl_trainer_ros.training.checkpoints.errors import ModelError
from robot_interface_ros.config import ConfigError

SHIPPED = "config/policies/reach"
BOX = gymnasium.spaces.Box(-1.0, 1.0, (3,), np.float32)


class Still(gymnasium.Env[Any, Any]):
    observation_space = BOX

    def __init__(self, discrete: bool):
        self.action_space = (
            gymnasium.spaces.Discrete(4) if discrete else gymnasium.spaces.Box(-2.0, 2.0, (2,), np.float32)
        )


@pytest.mark.parametrize("name", ["PPO", "A2C", "SAC", "TD3", "DQN", "QRDQN", "TQC", "TRPO", "PPO-discrete"])
def test_value_and_distribution_are_those_of_the_algorithms_own_networks(name: str) -> None:
    torch.manual_seed(0)
    kind = name.removesuffix("-discrete")
    discrete = kind in ("DQN", "QRDQN") or name.endswith("-discrete")
    algorithm = (getattr(stable_baselines3, kind, None) or getattr(sb3_contrib, kind))("MlpPolicy", Still(discrete))
    policy, seen = algorithm.policy, np.array([0.1, -0.2, 0.3], np.float32)
    action, _ = algorithm.predict(seen, deterministic=True)
    tensor = torch.as_tensor(seen)[None]
    found, wanted = policy_numbers.value(policy, seen, action), policy_numbers.distribution(policy, seen)
    with torch.no_grad():
        if kind in ("PPO", "A2C", "TRPO"):
            expected = policy.value_net(policy.mlp_extractor(policy.extract_features(tensor))[1])
        elif kind == "DQN":
            expected = algorithm.q_net(tensor)[0, int(action)]
        elif kind == "QRDQN":
            expected = algorithm.quantile_net(tensor)[0].mean(dim=0)[int(action)]
        else:  # critics take actions in -1 to 1, and these are in -2 to 2
            several = algorithm.critic(tensor, torch.as_tensor(action)[None] / 2.0)
            expected = several.mean() if kind == "TQC" else torch.minimum(*several)
    assert found == pytest.approx(float(expected), abs=1e-5)
    if kind in ("DQN", "QRDQN", "TD3"):
        assert wanted is None
    elif discrete:
        assert wanted is not None
        assert wanted.sum() == pytest.approx(1.0)
        assert int(wanted.argmax()) == int(action)
    else:
        assert wanted is not None
        mean = wanted[:2] * (2.0 if kind in ("SAC", "TQC") else 1.0)
        np.testing.assert_allclose(np.clip(mean, -2.0, 2.0), action, atol=1e-5)
        assert (wanted[2:] > 0.0).all()


def test_the_numbers_have_the_names_of_joints_and_belong_to_the_action() -> None:
    found = trained_policy.load(SHIPPED, "final", "runs")
    environment = make_environment(found.config.environment())
    try:
        act = PolicyRunner(found.policy.algorithm, found.policy.normalisation.apply)
        numbers = PolicyStreams(found.policy.algorithm.policy, environment, act)
        observation, _ = environment.reset(seed=3)
        act.begin()
        action = act(observation, environment)
        streams = numbers.after(action, observation)
    finally:
        environment.close()
    names = list(streams["action"])
    assert "r_elbow_flex_joint" in names
    np.testing.assert_allclose(list(streams["action"].values()), action)
    means = [streams["action_probabilities"][f"mean_{name}"] for name in names]
    np.testing.assert_allclose(np.clip(means, -1.0, 1.0), action, atol=1e-6)
    np.testing.assert_allclose(list(streams["observation"].values()), observation)
    assert -50.0 < streams["value"]["value"] < 50.0
    lines = rows(streams)
    wanted = streams["action_probabilities"]
    told = f"{wanted['mean_r_elbow_flex_joint']:.3f} ± {wanted['std_r_elbow_flex_joint']:.3f}"
    assert Row("  r_elbow_flex_joint", told) in lines
    assert Row("  value", f"{streams['value']['value']:.3f}") in lines
    assert [line.name for line in lines if not line.text] == [
        "action:",
        "distribution of actions:",
        "value:",
        "observation:",
    ]


def test_a_robot_that_is_still_keeps_its_joint_targets_whatever_the_action() -> None:
    config = trained_policy.load(SHIPPED, "final", "runs").config
    environment = make_environment(config.environment(random_start=0))
    try:
        environment.reset(seed=3)
        environment.step(np.ones(5))
        there = environment.step_state.observation.joint_target.copy()
        environment.still = True
        environment.step(np.ones(5))
        np.testing.assert_array_equal(environment.step_state.observation.joint_target, there)
        environment.still = False
        environment.step(np.ones(5))
        assert (environment.step_state.observation.joint_target != there).any()
    finally:
        environment.close()


def test_probabilities_have_bars_in_a_film() -> None:
    picture = np.zeros((100, 200, 3), np.uint8)
    column = beside(picture, rows({"action_probabilities": {"left": 0.25, "right": 0.75}}))[:, 200:]
    coloured = [int((column[y] == (190, 208, 250)).all(axis=1).sum()) for y in range(100)]
    assert max(coloured) == pytest.approx(0.75 * (200 - 14), abs=30)
    assert (beside(picture, [Row("x", "y")] * 1000)[:, :200] == picture).all()


def test_enjoy_films_with_the_numbers_beside_the_robot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "_FILM_SIZE", 64)
    film = tmp_path / "reach.gif"
    assert enjoy(EnjoyOptions(run=SHIPPED, video=str(film), episodes=1)) == 0
    with Image.open(film) as gif:
        assert gif.size == (128, 64)
        assert getattr(gif, "n_frames", 1) > 3
        gif.seek(2)
        assert np.asarray(gif.convert("RGB"))[:, 64:].std() > 5.0


def test_an_mp4_has_every_image_and_the_robots_speed(tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    pictures = [np.full((33, 65, 3), 20 * i, np.uint8) for i in range(10)]
    (tmp_path / "a.mp4").write_bytes(mp4([pictures], 20.0))
    with av.open(str(tmp_path / "a.mp4")) as container:
        stream = container.streams.video[0]
        shown = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
        assert stream.average_rate == 20
    assert len(shown) == 10 + 20  # the last image stays for a second
    assert shown[0].shape == (32, 64, 3)
    np.testing.assert_allclose([int(picture.mean()) for picture in shown[:10]], [20 * i for i in range(10)], atol=4)


def test_a_film_that_cannot_be_written_is_refused_before_the_episodes(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, said in (("a.avi", r"\.gif or \.mp4 file"), ("/no/such/a.gif", "no folder /no/such")):
        with pytest.raises(ConfigError, match=said):
            check_film(name)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="pip install av; or name a .gif"):
        check_film("a.mp4")


def test_another_encoder_or_robot_than_in_training_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = trained_policy.load(SHIPPED, "final", "runs")
    config = dataclasses.replace(found.config, srl_model="autoencoder", srl_folder=str(tmp_path), observation="")
    policy = dataclasses.replace(found.policy, about={**found.policy.about, "encoder": "old"})
    monkeypatch.setattr("rl_trainer_ros.factories.load_encoder", lambda folder: type("Encoder", (), {"id": "new"}))
    with pytest.raises(ModelError, match="trained with encoder old, but .* holds new"):
        trained_policy.check_encoder(dataclasses.replace(found, config=config, policy=policy))
    environment = make_environment(found.config.environment(observation="joints"))
    try:
        with pytest.raises(ModelError, match="another observation space than robot inmoov"):
            trained_policy.check_observation(found, environment)
    finally:
        environment.close()
    monkeypatch.setattr(
        "rl_trainer_ros.training.runs.robot_files.difference", lambda run, robot: "inmoov.urdf has changed"
    )
    with pytest.raises(ConfigError, match=r"inmoov.urdf has changed; put the old file back"):
        enjoy(EnjoyOptions(run=SHIPPED))
