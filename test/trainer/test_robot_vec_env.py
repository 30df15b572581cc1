"""The vectorised environment with robots that fail on request: waiting, and the rows of a learner. Without ROS."""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from greenlet import getcurrent

from rl_trainer_ros.algorithms import constructor_arguments, steps_each
from rl_trainer_ros.environments.vectorised.absence import (
    PresentMeanStd,
    leave_out_of_replay,
    replace_absent,
)
from rl_trainer_ros.environments.vectorised.fibers import Fibers, Inbox
from rl_trainer_ros.environments.vectorised.robot_vec_env import RobotVecEnv
from rl_trainer_ros.environments.vectorised.statistics import RowMeanStd, replace_statistics
from robot_interface_ros.errors import RobotError, RobotTimeout

pytestmark = [pytest.mark.many_robots, pytest.mark.slow]
BOX = gymnasium.spaces.Box(-np.inf, np.inf, (2,), np.float32)


class World:
    """Fibers whose wait fills the next list of inboxes in `letters`; when there is none left, only time passes."""

    def __init__(self) -> None:
        self.letters: list[Inbox] = []
        self.fibers = Fibers(self.wait)

    def wait(self, timeout_s: float) -> None:
        if self.letters:
            self.letters.pop(0).filled = True
        else:
            time.sleep(min(timeout_s, 0.001))


class FakeEnv(gymnasium.Env):  # type: ignore[type-arg]
    """Observes [its number, steps since reset]; an episode ends at `length`; `held` makes it wait or fail first."""

    observation_space, action_space = BOX, gymnasium.spaces.Box(-1.0, 1.0, (1,), np.float32)

    def __init__(self, world: World, number: int, length: int = 1000):
        self.world, self.number, self.length = world, number, length
        self.inbox, self.steps, self.seeds, self.resets = Inbox(), 0, [], 0
        self.held: dict[str, Callable[[], None]] = {}

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        if seed is not None:
            self.seeds.append(seed)
        self.held.get("reset", lambda: None)()
        self.steps, self.resets = 0, self.resets + 1
        return self.observe(), {}

    def step(self, action: Any) -> Any:
        self.steps += 1
        info: dict[str, Any] = {"number": self.number}
        try:
            self.held.get("step", lambda: None)()
        except InterruptedError as error:
            return self.observe(), 0.0, False, True, {"interrupted": str(error), "episode": {"l": self.steps}}
        return self.observe(), 1.0, self.steps == self.length, False, info

    def observe(self) -> Any:
        return np.array([self.number, self.steps], dtype=np.float32)

    def hold(self) -> None:
        """Wait until `release`."""
        self.released = False
        while not self.released:
            self.world.fibers.pause(self.inbox, 10.0)

    def release(self) -> None:
        self.released = self.inbox.filled = True
        self.held = {}


def many(n: int, length: int = 1000, absent_after_s: float = 0.01) -> tuple[World, list[FakeEnv], RobotVecEnv]:
    world = World()
    environments = [FakeEnv(world, i, length) for i in range(n)]
    vec_env = RobotVecEnv(environments, world.fibers, absent_after_s, [f"/env_{i}" for i in range(n)])
    vec_env.seed(10)
    vec_env.reset()
    return world, environments, vec_env


def step(vec_env: RobotVecEnv) -> tuple[Any, ...]:
    return vec_env.step(np.zeros((vec_env.num_envs, 1), dtype=np.float32))


def test_fibers_use_greenlets_again_and_keep_nothing_of_the_last_function() -> None:
    world, seen, inbox = World(), [], Inbox()

    def failing() -> None:
        seen.append(getcurrent())
        raise ValueError("first")

    def waiting(number: int) -> int:
        seen.append(getcurrent())
        world.letters.append(inbox)
        world.fibers.pause(inbox, 10.0)
        return number

    failed = world.fibers.start(failing)
    assert failed.done and isinstance(failed.error, ValueError)
    for number in range(3):
        fiber = world.fibers.start(partial(waiting, number))
        assert not fiber.done
        world.fibers.turn(1.0)
        assert fiber.result() == number
    assert len(set(map(id, seen))) == 1


def test_idle_greenlets_do_not_keep_their_fibers() -> None:
    world = World()
    world.fibers.start(lambda: None)
    kept = weakref.ref(world.fibers)
    del world.fibers
    assert kept() is None


def test_every_robot_has_a_seed_of_its_own_once() -> None:
    _, environments, vec_env = many(3, length=2)
    step(vec_env)
    step(vec_env)
    assert [environment.seeds for environment in environments] == [[10], [11], [12]]
    assert [environment.resets for environment in environments] == [2, 2, 2]


def test_answers_are_gathered_whatever_their_order() -> None:
    world, environments, vec_env = many(3, absent_after_s=60.0)

    def once(environment: FakeEnv) -> Callable[[], None]:
        return lambda: world.fibers.pause(environment.inbox, 60.0)

    for environment in environments:
        environment.held["step"] = once(environment)
    world.letters = [environments[i].inbox for i in (2, 0, 1)]
    observations, rewards, dones, _ = step(vec_env)
    assert observations.tolist() == [[0, 1], [1, 1], [2, 1]]
    assert rewards.tolist() == [1, 1, 1] and not dones.any() and not world.letters


def test_the_end_of_an_episode_resets_that_robot_alone() -> None:
    _, environments, vec_env = many(2)
    environments[1].length = 1
    observations, _, dones, infos = step(vec_env)
    assert observations.tolist() == [[0, 1], [1, 0]] and dones.tolist() == [False, True]
    assert infos[1]["terminal_observation"].tolist() == [1, 1] and not infos[1]["TimeLimit.truncated"]


def test_one_that_does_not_answer_is_absent_until_it_does_and_the_others_go_on() -> None:
    _, environments, vec_env = many(3)
    step(vec_env)
    environments[1].held["step"] = environments[1].hold
    for k in range(3):
        observations, rewards, dones, infos = step(vec_env)
        assert observations.tolist() == [[0, 2 + k], [1, 1], [2, 2 + k]]
        assert rewards.tolist() == [1, 0, 1] and dones.tolist() == [False, True, False]
        assert infos[1]["absent"] == "/env_1: no answer within 0.01 s" and infos[1]["TimeLimit.truncated"]
        assert infos[1]["terminal_observation"].tolist() == [1, 1]
        assert ("interrupted" in infos[1]) == (k == 0)
        assert vec_env.present.tolist() == [True, False, True]
    environments[1].release()
    while "back" not in (row := step(vec_env))[3][1]:
        assert row[3][1]["absent"]
    observations, rewards, dones, infos = row
    assert observations[1].tolist() == [1, 0] and dones[1] and rewards[1] == 0.0  # a new episode's first observation
    assert environments[1].resets == 2 and infos[1]["absent"] and infos[1]["back"].startswith("/env_1 is back after ")
    observations, rewards, dones, infos = step(vec_env)
    assert observations[1].tolist() == [1, 1] and not dones[1] and rewards[1] == 1.0 and "absent" not in infos[1]


def test_a_cut_episode_that_comes_late_is_told_once() -> None:
    _, environments, vec_env = many(2)

    def cut() -> None:
        environments[0].hold()
        raise InterruptedError("/env_0 was restarted")

    environments[0].held["step"] = cut
    told = [step(vec_env)[3][0]]
    environments[0].release()
    while "back" not in told[-1]:
        told.append(step(vec_env)[3][0])
    told += [step(vec_env)[3][0] for _ in range(3)]
    assert [info["interrupted"] for info in told if "interrupted" in info] == [
        "/env_0: no answer within 0.01 s; the others continue"
    ]
    assert [info["episode"] for info in told if "episode" in info] == [{"l": 1}]
    assert [info["back"].endswith(": /env_0 was restarted") for info in told if "back" in info] == [True]


def test_a_long_reset_lets_the_episode_end_as_it_did() -> None:
    _, environments, vec_env = many(2, length=2)
    step(vec_env)
    environments[0].held["reset"] = environments[0].hold
    _, rewards, dones, infos = step(vec_env)
    assert rewards.tolist() == [1, 1] and dones.tolist() == [True, True]
    assert infos[0]["terminal_observation"].tolist() == [0, 2] and "absent" not in infos[0]
    assert "absent" in step(vec_env)[3][0]
    environments[0].release()
    while "back" not in (infos := step(vec_env)[3])[0]:
        pass
    assert "number" not in infos[0]  # that episode was told already


def test_all_absent_is_waited_for_and_the_first_to_come_goes_on() -> None:
    world, environments, vec_env = many(2)
    for environment in environments:
        environment.held["step"] = environment.hold
    waits = 0

    def wait(timeout_s: float) -> None:
        nonlocal waits
        waits += 1
        time.sleep(0.001)
        if waits == 30:
            environments[1].release()

    world.fibers._wait = wait
    _, rewards, dones, infos = step(vec_env)
    assert waits >= 30 and rewards.tolist() == [0, 1] and dones.tolist() == [True, False]
    assert "absent" in infos[0] and "absent" not in infos[1]


def fail(error: Exception) -> Callable[[], None]:
    def raises() -> None:
        raise error

    return raises


def test_a_robot_that_is_gone_is_tried_again_and_comes_back() -> None:
    _, environments, vec_env = many(2)
    environments[0].held = {name: fail(RobotTimeout("/env_0: nobody serves it")) for name in ("step", "reset")}
    for _ in range(3):
        _, _, dones, infos = step(vec_env)
        assert infos[0]["absent"] == "/env_0: nobody serves it" and dones.tolist() == [True, False]
    environments[0].held = {}
    assert "back" in step(vec_env)[3][0]
    assert "absent" not in step(vec_env)[3][0]


def test_when_all_are_gone_the_last_error_is_raised() -> None:
    _, environments, vec_env = many(2)
    for environment in environments:
        environment.held["step"] = fail(RobotTimeout(f"/env_{environment.number}: no answer"))
    with pytest.raises(RobotTimeout, match="/env_1: no answer"):
        step(vec_env)


def test_what_a_user_must_mend_ends_it_at_once() -> None:
    _, environments, vec_env = many(2)
    environments[1].held["step"] = fail(RobotError("/env_1 runs at another control rate"))
    with pytest.raises(RobotError, match="another control rate"):
        step(vec_env)


def test_statistics_are_those_of_the_present() -> None:
    present = np.array([True, False, True])
    statistics = PresentMeanStd(present, shape=(1,))
    for rows in ([[1.0], [100.0], [3.0]], [[1.0], [100.0], [3.0]]):
        statistics.update(np.array(rows))
    assert statistics.mean == pytest.approx([2.0], abs=1e-3) and statistics.count == pytest.approx(4.0, abs=1e-3)
    present[:] = False
    statistics.update(np.array([[100.0]] * 3))
    assert statistics.count == pytest.approx(4.0, abs=1e-3)


@pytest.mark.parametrize("shape", [(), (22,)])
@pytest.mark.parametrize("rows", [1, 2, 16])
def test_statistics_have_the_bits_of_stable_baselines3(rows: int, shape: tuple[int, ...]) -> None:
    from stable_baselines3.common.running_mean_std import RunningMeanStd

    ours, theirs, draw = RowMeanStd(shape=shape), RunningMeanStd(shape=shape), np.random.default_rng(0)
    for scale in np.geomspace(1e-4, 1e4, 200):
        batch = (scale * draw.normal(1.0, 1.0, (rows, *shape))).astype(np.float32 if shape else np.float64)
        ours.update(batch)
        theirs.update(batch)
    assert ours.mean.tolist() == theirs.mean.tolist() and ours.var.tolist() == theirs.var.tolist()
    assert ours.count == theirs.count and ours.mean.dtype == theirs.mean.dtype and ours.var.dtype == theirs.var.dtype


@pytest.mark.parametrize("space", [BOX, gymnasium.spaces.Dict({"state": BOX})])
def test_a_normalised_environment_counts_the_present_alone(space: gymnasium.Space) -> None:  # type: ignore[type-arg]
    from stable_baselines3.common.vec_env import VecNormalize

    _, _, vec_env = many(2)
    vec_env.observation_space = space
    statistics = VecNormalize(vec_env)
    replace_statistics(statistics, partial(PresentMeanStd, vec_env.present))
    rms = statistics.obs_rms["state"] if isinstance(statistics.obs_rms, dict) else statistics.obs_rms
    vec_env.present[0] = False
    rms.update(np.array([[100.0, 100.0], [1.0, 1.0]]))
    assert rms.mean == pytest.approx([1.0, 1.0], abs=1e-3)


def test_absent_rows_of_a_rollout_are_those_of_the_others() -> None:
    from stable_baselines3.common.buffers import RolloutBuffer

    buffer = RolloutBuffer(3, BOX, BOX, "cpu", n_envs=3)
    for name in ("observations", "actions", "values", "log_probs", "advantages", "returns"):
        rows = getattr(buffer, name)
        rows[:] = np.arange(9, dtype=np.float32).reshape(3, 3, *[1] * (rows.ndim - 2))
    absent = np.zeros((3, 3), dtype=bool)
    absent[0, 1] = absent[1, 1] = absent[2, 0] = absent[2, 2] = True
    replace_absent(buffer, absent)
    assert buffer.advantages.tolist() == [[0, 0, 2], [3, 5, 5], [7, 7, 7]]
    assert buffer.observations[:, :, 0].tolist() == buffer.actions[:, :, 1].tolist() == buffer.advantages.tolist()


@pytest.mark.parametrize("space", [BOX, gymnasium.spaces.Dict({"state": BOX})])
def test_an_absent_robot_is_not_stored_for_replay(space: gymnasium.Space, tmp_path: Path) -> None:  # type: ignore[type-arg]
    from stable_baselines3 import SAC
    from stable_baselines3.common.save_util import load_from_pkl, save_to_pkl

    _, _, vec_env = many(3)
    vec_env.observation_space = space
    kind = "MlpPolicy" if space is BOX else "MultiInputPolicy"
    learner = SAC(kind, vec_env, buffer_size=30)
    leave_out_of_replay(learner)
    rows = np.arange(6, dtype=np.float32).reshape(3, 2)
    seen: Any = rows if space is BOX else {"state": rows}
    for absent in ((1,), (), (0, 1, 2)):
        infos = [{"absent": "gone"} if i in absent else {} for i in range(3)]
        learner.replay_buffer.add(seen, seen, rows[:, :1], rows[:, 0], np.zeros(3), infos)
    save_to_pkl(tmp_path / "replay.pkl", learner.replay_buffer)
    buffer = load_from_pkl(tmp_path / "replay.pkl")
    assert buffer.pos == 2  # the step at which nobody was there is none
    assert buffer.rewards[:2].tolist() == [[0, 0, 4], [0, 2, 4]]
    stored = buffer.observations if space is BOX else buffer.observations["state"]
    assert stored[:2, :, 1].tolist() == [[1, 1, 5], [1, 3, 5]]


@pytest.mark.parametrize(
    "rollout, n_envs, batch_size, expected",
    [
        (2048, 1, 256, 2048),
        (2048, 2, 256, 1024),
        (2048, 4, 256, 512),
        (2048, 3, 256, 768),
        (5, 8, 1, 1),
        (8, 4, 256, 2),
    ],
)
def test_a_rollout_is_shared_out_in_whole_batches(rollout: int, n_envs: int, batch_size: int, expected: int) -> None:
    assert steps_each(rollout, n_envs, batch_size) == expected
    assert constructor_arguments({"n_steps": rollout, "batch_size": batch_size}, n_envs=n_envs)["n_steps"] == expected
