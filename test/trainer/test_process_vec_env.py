"""Environments in other processes: several in each, and an error in one of them is one line in the training."""

from __future__ import annotations

import os
import signal
from functools import partial
from typing import Any

import gymnasium
import numpy as np
import pytest

from rl_trainer_ros.environments.vectorised import process_vec_env
from rl_trainer_ros.environments.vectorised.process_vec_env import ProcessVecEnv
from robot_interface_ros.errors import ConfigError, RobotError


class Failing(gymnasium.Env[Any, Any]):
    """Counts its steps; raises RobotError, or is killed, at the third step; with 0, at its reset."""

    observation_space = gymnasium.spaces.Box(-1e9, 1e9, (1,))
    action_space = gymnasium.spaces.Box(-1.0, 1.0, (1,))

    def __init__(self, fails_at: int = -1, killed: bool = False):
        self.fails_at, self.killed, self.steps = fails_at, killed, 0

    def reset(self, **settings: Any) -> tuple[Any, dict[str, Any]]:
        if self.fails_at == 0:
            raise RobotError("/env_1: no answer; is it there?")
        return np.zeros(1, dtype=np.float32), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.steps += 1
        if self.steps == self.fails_at:
            if self.killed:
                os.kill(os.getpid(), signal.SIGKILL)
            raise RobotError("/env_1: no answer; is it there?")
        return np.full(1, self.steps, dtype=np.float32), 1.0, False, False, {}


class Named(Failing):
    """Knows its name, its process and the seed of its reset; its episodes have as many steps as its name says."""

    def __init__(self, name: int):
        super().__init__()
        self.name, self.seed = name, -1

    def reset(self, *, seed: int | None = None, **settings: Any) -> tuple[Any, dict[str, Any]]:
        self.seed, self.steps = seed if seed is not None else self.seed, 0
        return np.full(1, -self.name, dtype=np.float32), {"name": self.name}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        observation, *_ = super().step(action)
        return observation, float(action[0]), False, self.steps == self.name, {}

    def process(self) -> int:
        return os.getpid()


def test_environments_share_processes_and_answer_each_for_itself() -> None:
    vec_env = ProcessVecEnv([partial(Named, name) for name in range(1, 6)], processes=2)
    try:
        vec_env.seed(7)
        assert vec_env.reset().tolist() == [[-1.0], [-2.0], [-3.0], [-4.0], [-5.0]]
        assert vec_env.get_attr("seed") == [7, 8, 9, 10, 11]
        actions = np.arange(5, dtype=np.float32)[:, None] / 10.0
        observations, rewards, dones, infos = vec_env.step(actions)
        assert observations[:, 0].tolist() == [-1.0, 1.0, 1.0, 1.0, 1.0] and dones.tolist() == [True, *4 * [False]]
        assert rewards.tolist() == actions[:, 0].astype(float).tolist()
        assert infos[0]["terminal_observation"].tolist() == [1.0] and infos[0]["TimeLimit.truncated"]
        assert vec_env.reset_infos[0] == {"name": 1}
        assert vec_env.env_method("process", indices=[4, 0]) == [process.pid for process in vec_env.processes[::-1]]
        assert len(set(vec_env.env_method("process"))) == 2
        vec_env.set_attr("name", 40, indices=[3])
        assert vec_env.get_attr("name", indices=[3, 2, 0]) == [40, 3, 1]
        assert vec_env.has_attr("fails_at") and not vec_env.has_attr("missing")
        assert vec_env.env_is_wrapped(gymnasium.wrappers.TimeLimit) == 5 * [False]
    finally:
        vec_env.close()


def test_there_are_no_more_processes_than_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    vec_env = ProcessVecEnv([Failing, partial(Failing, 1, killed=True)])
    try:
        assert len(vec_env.processes) == 1
        vec_env.reset()
        with pytest.raises(RobotError, match=r"^the process of environment 0, 1 \(exit code -9\) has ended"):
            vec_env.step(np.zeros((2, 1), dtype=np.float32))
    finally:
        vec_env.close()


def test_requests_to_the_environments_of_a_process_fit_into_its_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise both sides would wait for each other."""
    monkeypatch.setattr(process_vec_env, "_MOST", 2)
    vec_env = ProcessVecEnv(5 * [Failing], processes=1)
    try:
        assert len(vec_env.processes) == 3 and vec_env.reset().tolist() == 5 * [[0.0]]
    finally:
        vec_env.close()


def test_an_error_of_a_robot_is_the_trainings() -> None:
    vec_env = ProcessVecEnv([Failing, partial(Failing, 3)], processes=2)
    try:
        assert vec_env.reset().tolist() == [[0.0], [0.0]]
        actions = np.zeros((2, 1), dtype=np.float32)
        for step in (1, 2):
            assert vec_env.step(actions)[0].tolist() == [[step], [step]]
        with pytest.raises(RobotError, match=r"^environment 1: /env_1: no answer; is it there\?$"):
            vec_env.step(actions)
    finally:
        vec_env.close()
        vec_env.close()
    assert not any(process.is_alive() for process in vec_env.processes)


def cannot_be_made(error: Exception) -> gymnasium.Env[Any, Any]:
    raise error


def test_an_environment_that_cannot_be_made_says_why(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigError, match="^unknown camera 'moon'$"):
        ProcessVecEnv([partial(cannot_be_made, ConfigError("unknown camera 'moon'"))])
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize("killed", [False, True])
def test_a_failed_reset_and_a_killed_process_are_named(killed: bool) -> None:
    vec_env = ProcessVecEnv([Failing, partial(Failing, 1 if killed else 0, killed)], processes=2)
    said = (
        "^the process of environment 1 .exit code -9. has ended; was it killed" if killed else "^environment 1: /env_1"
    )

    def begin() -> None:
        vec_env.reset()
        vec_env.step(np.zeros((2, 1), dtype=np.float32))

    try:
        with pytest.raises(RobotError, match=said):
            begin()
    finally:
        vec_env.close()
    assert not any(process.is_alive() for process in vec_env.processes)
