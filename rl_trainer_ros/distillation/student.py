"""The student: a learner of stable-baselines3 whose policy learns from teachers' answers instead of rewards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.utils import set_random_seed
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from rl_trainer_ros.algorithms.learner import make_learner
from rl_trainer_ros.algorithms.protocol import Learner
from rl_trainer_ros.algorithms.sb3_learner import Sb3Learner
from rl_trainer_ros.distillation import distributions
from rl_trainer_ros.distillation.data_set import DataSet
from rl_trainer_ros.distillation.distributions import ARRAYS, Actions, likeness, of_policy, parameters_of
from rl_trainer_ros.observations.with_label import labelled, one_hot
from rl_trainer_ros.training import normalisation, vec_envs
from rl_trainer_ros.training.checkpoints.saver import Diverged
from rl_trainer_ros.training.trainer_config import TrainerConfig

Array = NDArray[Any]
_DIVERGED = "the loss or the student's distribution is not finite: the learning has diverged"


def make_student(
    config: TrainerConfig, hyperparameters: dict[str, Any], observation: spaces.Space[Any], action: spaces.Space[Any]
) -> tuple[Learner, VecNormalize]:
    """Return a new student over the spaces of its environment, and its normalisation. Raises ConfigError."""
    set_random_seed(config.seed)
    env = DummyVecEnv([lambda: _Spaces(observation, action)])
    statistics = vec_envs.normalised(env, hyperparameters.get("gamma", 0.99))
    statistics.training = False
    algorithm = make_learner(config.algo, statistics, hyperparameters, policy=config.policy, seed=config.seed)
    return Sb3Learner(algorithm), statistics


class _Spaces(gymnasium.Env[Any, Any]):
    """Spaces without a robot: the student does not act while it learns."""

    def __init__(self, observation: spaces.Space[Any], action: spaces.Space[Any]):
        self.observation_space, self.action_space = observation, action
        self._state = np.random.default_rng(0).bit_generator.state

    def random_state(self) -> dict[str, Any]:
        """As RobotEnv has it; nothing is sampled here."""
        return dict(self._state)

    def set_random_state(self, state: dict[str, Any]) -> None:
        """As RobotEnv has it."""


@dataclass(frozen=True)
class Lessons:
    """The student's samples: labelled observations of all teachers, and their answers of the student's kind."""

    observations: Array
    """`(n, ...)`, with labels, not normalised."""
    answers: Actions
    teacher: NDArray[np.int64]
    """`(n,)` whose row it is."""

    def rows(self, chosen: NDArray[Any]) -> Lessons:
        """Return the rows `chosen`."""
        arrays = {name: array[chosen] for name, array in self.answers.arrays.items()}
        return Lessons(self.observations[chosen], Actions(self.answers.kind, arrays), self.teacher[chosen])


def lessons_of(sets: Sequence[tuple[int, DataSet]], kind: str, labels: Sequence[str]) -> Lessons:
    """Join data sets of teachers, given by their numbers; `kind`: of the student's distribution; `labels`: its tasks."""
    answers = [data.actions.as_kind(kind) for _, data in sets]
    observations = [labelled_rows(data.observations, data, labels) for _, data in sets]
    joined = {name: np.concatenate([answer.arrays[name] for answer in answers]) for name in ARRAYS[kind]}
    teacher = np.concatenate([np.full(len(data), index) for index, data in sets])
    return Lessons(np.concatenate(observations), Actions(kind, joined), teacher)


def labelled_rows(observations: Array, data: DataSet, labels: Sequence[str]) -> Array:
    """Return a data set's observations, `(n, ...)`, with the label of its task; unchanged where there are no labels."""
    if not labels:
        return observations
    return labelled(observations, one_hot(data.task, labels), data.environment.frame_stack)


def split(n: int, validation: float, generator: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return which of `n` rows to learn from, and which to measure on: a share of `validation`. Both in ascending order."""
    chosen = generator.permutation(n)
    held = int(n * validation)
    return np.sort(chosen[held:]), np.sort(chosen[:held])


def balanced_order(
    teacher: NDArray[np.int64], shares: Sequence[float], generator: np.random.Generator
) -> NDArray[np.int64]:
    """Return `(n,)` row numbers, shuffled, in which each teacher has its share; `teacher`, `(n,)`: of each row.

    If a teacher has more rows than its share, each epoch leaves out different ones; if it has fewer, some are repeated.
    """
    total, parts = len(teacher), []
    counts = np.diff(np.round(np.cumsum([0.0, *shares]) / sum(shares) * total).astype(int))
    for index, count in enumerate(counts):
        own = np.flatnonzero(teacher == index)
        if len(own) and count:
            passes = -(-count // len(own))
            parts.append(np.concatenate([generator.permutation(own) for _ in range(passes)])[:count])
    return generator.permutation(np.concatenate(parts))


def fill_statistics(
    statistics: VecNormalize, observations: Array, sets: Sequence[DataSet], n_labels: int, gamma: float
) -> None:
    """Set a VecNormalize's numbers to those of the data: means and variances of observations, variance of returns.

    Labels are left as they are. `observations`: with labels.
    """
    if statistics.norm_obs:
        mean: Array = observations.mean(axis=0, dtype=np.float64)
        variance: Array = observations.var(axis=0, dtype=np.float64)
        if n_labels:
            frames = sets[0].environment.frame_stack
            plain = np.zeros((1, observations.shape[1] - n_labels * frames), np.float32)
            label = labelled(plain, np.ones(n_labels, np.float32), frames)[0] == 1.0
            mean[label], variance[label] = 0.0, 1.0
        rms: Any = statistics.obs_rms
        rms.mean, rms.var, rms.count = mean, variance, float(len(observations))
    returns = np.concatenate([_running_returns(data, gamma) for data in sets])
    spread: Any = statistics.ret_rms
    spread.mean, spread.var = np.float64(returns.mean()), np.float64(max(returns.var(), 1e-8))
    spread.count = float(len(returns))


def _running_returns(data: DataSet, gamma: float) -> NDArray[np.float64]:
    """Discounted sums of rewards since each episode's start, as VecNormalize scales rewards by their spread. `(n,)`."""
    found: NDArray[np.float64] = np.zeros(len(data))
    running: dict[int, float] = {}
    for row, (reward, start, robot) in enumerate(zip(data.rewards, data.starts, data.robot)):
        before = 0.0 if start else running.get(int(robot), 0.0)
        running[int(robot)] = gamma * before + float(reward)
        found[row] = running[int(robot)]
    return found


class Student:
    """Learns lessons in batches, and gives its own distributions of actions."""

    def __init__(self, learner: Learner, statistics: VecNormalize, temperature: float):
        self._learner, self._statistics, self._temperature = learner, statistics, temperature
        algorithm = learner.algorithm
        actor = getattr(algorithm.policy, "actor", None)
        self._optimizer = getattr(actor, "optimizer", None) or algorithm.policy.optimizer

    @property
    def normalise(self) -> Callable[[Any], Any]:
        """The function that normalises observations with labels, as the learner expects them."""
        return normalisation.from_dict(normalisation.to_dict(self._statistics)).apply

    def answer(self, observations: Array) -> Actions:
        """Return its distributions of actions for labelled observations `(n, ...)`."""
        return of_policy(self._learner.algorithm, self.normalise(observations))

    def learn(self, lessons: Lessons, batch_size: int, rate: Callable[[float], float]) -> None:
        """Take one pass over lessons in their order. `rate`: share of the pass that is done -> learning rate.

        Raises Diverged where the loss is not finite.
        """
        policy = self._learner.algorithm.policy
        policy.set_training_mode(True)
        seen = self.normalise(lessons.observations)
        begins = range(0, len(seen), batch_size)
        for begin in begins:
            for group in self._optimizer.param_groups:
                group["lr"] = rate(begin / len(seen))
            rows = slice(begin, begin + batch_size)
            teacher = _part(lessons.answers, rows)
            loss = self._divergence(teacher, seen[rows]).mean()
            if not bool(torch.isfinite(loss)):
                raise Diverged(_DIVERGED)
            self._optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self._optimizer.step()
        self._learner.advance(len(seen), len(begins))

    def measure(self, lessons: Lessons, batch_size: int = 1024) -> tuple[float, float]:
        """Return the mean KL, nats, and the likeness of best actions, as `distributions.likeness`. Raises Diverged."""
        seen, totals = self.normalise(lessons.observations), np.zeros(2)
        for begin in range(0, len(seen), batch_size):
            rows = slice(begin, begin + batch_size)
            teacher = _part(lessons.answers, rows)
            self._learner.algorithm.policy.set_training_mode(False)
            with torch.no_grad():
                kl = self._divergence(teacher, seen[rows]).sum()
            if not bool(torch.isfinite(kl)):
                raise Diverged(_DIVERGED)
            student = of_policy(self._learner.algorithm, seen[rows])
            totals += float(kl), likeness(teacher, student) * len(teacher)
        return float(totals[0] / len(seen)), float(totals[1] / len(seen))

    def _divergence(self, teacher: Actions, observations: Array) -> torch.Tensor:
        """The KL of each row, with gradients; `observations`: normalised."""
        algorithm = self._learner.algorithm
        tensor, _ = algorithm.policy.obs_to_tensor(observations)
        try:
            _, parts = parameters_of(algorithm, tensor)
        except ValueError:  # torch refuses distributions whose parameters are NaN
            raise Diverged(_DIVERGED) from None
        found: torch.Tensor = distributions.divergence(teacher, teacher.kind, parts, self._temperature)
        return found


def _part(answers: Actions, rows: slice) -> Actions:
    return Actions(answers.kind, {name: array[rows] for name, array in answers.arrays.items()})
