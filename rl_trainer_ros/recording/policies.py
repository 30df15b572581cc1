"""Policies that a recording drives a robot by. Each gives its distribution beside its action: a student can learn from that."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from rl_trainer_ros.actions import Action
from rl_trainer_ros.arm.scripted import ScriptedReach
from rl_trainer_ros.environments.environment import RobotEnv
from rl_trainer_ros.recording.record_config import DRIFT, MIXED, RANDOM, SCRIPTED
from robot_interface_ros.config import ConfigError
from robot_interface_ros.robot import Array


class Choice(NamedTuple):
    """One action, and the distribution that it comes from."""

    action: Any
    wanted: Array | None = None
    """Discrete actions: `(n,)` the probability of each. Continuous ones: `(2 n,)` means, then standard deviations.

    None: not known.
    """


class Policy(Protocol):
    """Acts for one robot."""

    name: str

    def begin(self, episode: int, seed: int) -> None:
        """An episode begins; all that is random in it is a function of the seed."""

    def act(self, observation: Any, environment: RobotEnv) -> Choice:
        """Return the action for an observation."""


class RandomPolicy:
    """Uniformly random actions."""

    name = RANDOM

    def __init__(self, action: Action):
        self._space = action.space
        self._generator = np.random.default_rng(0)

    def begin(self, episode: int, seed: int) -> None:
        """See Policy."""
        self._generator = np.random.default_rng(seed)

    def act(self, observation: Any, environment: RobotEnv) -> Choice:
        """See Policy."""
        if isinstance(self._space, spaces.Discrete):
            n = int(self._space.n)
            return Choice(np.int64(self._generator.integers(n)), np.full(n, 1.0 / n))
        box = _box(self._space)
        action = self._generator.uniform(box.low, box.high).astype(np.float32)
        middle, half = (box.high + box.low) / 2.0, (box.high - box.low) / 2.0
        return Choice(action, np.concatenate([middle, half / np.sqrt(3.0)]).astype(np.float64))


class MotionPolicy:
    """A motion `(k,)` in [-1, 1] with noise: towards the target (scripted), or in one random direction an episode (drift)."""

    def __init__(self, environment: RobotEnv, kind: str, noise: float):
        """`kind`: scripted, drift, or mixed for both in turn."""
        self.name = kind
        self._action, self._noise = environment.action, noise
        self._towards = TowardsTarget(environment)
        self._generator, self._drift = np.random.default_rng(0), np.zeros(0)
        self._scripted = kind == SCRIPTED

    def begin(self, episode: int, seed: int) -> None:
        """See Policy."""
        self._generator = np.random.default_rng(seed)
        self._scripted = self.name == SCRIPTED or (self.name == MIXED and episode % 2 == 0)
        self._drift = self._generator.uniform(-1.0, 1.0, self._towards.size)

    def act(self, observation: Any, environment: RobotEnv) -> Choice:
        """See Policy."""
        motion = self._towards.motion(environment) if self._scripted else self._drift
        space = self._action.space
        if isinstance(space, spaces.Discrete):
            n = int(space.n)
            best = int(np.argmax([float(self._action.motion(a) @ motion) for a in range(n)]))
            share = min(1.0, self._noise)
            wanted = np.full(n, share / n)
            wanted[best] += 1.0 - share
            number = self._generator.integers(n) if self._generator.random() < share else best
            return Choice(np.int64(number), wanted)
        noisy = motion + self._generator.normal(0.0, self._noise, motion.shape)
        action = np.clip(noisy, -1.0, 1.0).astype(np.float32)
        return Choice(action, np.concatenate([motion, np.full(len(motion), self._noise)]))


class TowardsTarget:
    """The motion that brings the hand to the target, for any action whose motion moves joints or the hand."""

    def __init__(self, environment: RobotEnv):
        self._arm, self._action = environment.arm, environment.action
        self._scripted = ScriptedReach(environment.arm, environment.task.period_s)
        self._max_step = environment.arm.velocity * environment.task.period_s
        space = self._action.space
        if not isinstance(space, (spaces.Discrete, spaces.Box)):
            raise ConfigError(f"policy:=scripted knows no way for actions of {space}; use policy:=random")
        self.size = len(self._action.motion(0 if isinstance(space, spaces.Discrete) else np.zeros(space.shape)))

    def motion(self, environment: RobotEnv) -> Array:
        """Return the motion, `(k,)` in [-1, 1]."""
        arm, now = self._arm, environment.step_state.observation
        wanted = now.joint_target.copy()
        wanted[arm.indices] += self._scripted.act(environment.step_state) * self._max_step
        still = self._action.apply(np.zeros(self.size), now)
        if self.size == len(arm.moved):  # a number for each joint
            all_one = self._action.apply(np.ones(self.size), now)
            scale = (all_one - still)[arm.moved]
            away = (wanted - still)[arm.moved]
            motion = np.divide(away, scale, out=np.zeros(self.size), where=np.abs(scale) > 1e-12)
        else:  # the hand's: what each number does to it, and how to combine them
            hand = arm.hand(still)
            columns = [arm.hand(self._action.apply(unit, now)) - hand for unit in np.eye(self.size)]
            motion = np.linalg.lstsq(np.array(columns).T, now.target_position - hand, rcond=None)[0]
            motion /= max(1.0, float(np.abs(motion).max()))
        return np.clip(motion, -1.0, 1.0)


def make_policy(environment: RobotEnv, kind: str, noise: float) -> Policy:
    """Return a policy that needs no training, for one robot."""
    if kind == RANDOM:
        return RandomPolicy(environment.action)
    assert kind in (DRIFT, SCRIPTED, MIXED)
    return MotionPolicy(environment, kind, noise)


def _box(space: spaces.Space[Any]) -> spaces.Box:
    if not isinstance(space, spaces.Box):
        raise ConfigError(f"actions of {space} are not recorded; Box and Discrete are")
    return space


def as_row(action: Any) -> NDArray[np.float64]:
    """Return an action's numbers, `(k,)`; a discrete one's is its index."""
    return np.atleast_1d(np.asarray(action, dtype=np.float64)).reshape(-1)
