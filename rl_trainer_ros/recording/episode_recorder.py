"""Plays episodes on one robot and hands each over, whole, as messages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from gymnasium import spaces

from rl_trainer_ros.environments import requirements
from rl_trainer_ros.environments.environment import RobotEnv
from rl_trainer_ros.environments.frame_stack import limited
from rl_trainer_ros.recording.policies import Policy, as_row
from rl_trainer_ros.recording.record_config import changed
from rl_trainer_ros.recording.robot_messages import OwnMessages, Source
from robot_interface_ros.bags import layout
from robot_interface_ros.bags.layout import Channel, Recorded

MOST_BYTES = 64 * 2**20
"""Of an episode's messages in memory; beyond that they are handed over in parts."""


@dataclass(frozen=True)
class EpisodeSummary:
    """One episode that was recorded."""

    episode: int
    steps: int
    episode_return: float
    success: bool
    interrupted: str = ""


class Sink(Protocol):
    """Takes the messages of episodes."""

    def write(self, channels: list[Channel], messages: list[Recorded]) -> None:
        """Take messages that belong together: an episode, or a part of a long one."""

    def end(self, summary: EpisodeSummary) -> None:
        """The episode whose messages were taken last has ended."""


def action_names(environment: RobotEnv) -> tuple[str, tuple[str, ...], int]:
    """Return the name of an environment's action, the labels of its numbers, and how many discrete ones there are (or 0)."""
    space = environment.action_space
    discrete = int(space.n) if isinstance(space, spaces.Discrete) else 0
    labels = tuple(getattr(environment.action, "labels", ()))
    if not labels:
        size = discrete or int(np.prod(space.shape or (1,)))
        labels = tuple(f"action_{i}" for i in range(size))
    return environment.config.action or environment.task.action, labels, discrete


class EpisodeRecorder:
    """Plays and records one robot."""

    def __init__(self, environment: RobotEnv, source: Source, policy: Policy, namespace: str, seed: int):
        """`source`: the messages of the environment's robot."""
        self._environment, self._source, self._policy = environment, source, policy
        self._namespace, self._seed = namespace, seed
        self._player = limited(environment)
        action, labels, self._discrete = action_names(environment)
        self._own = OwnMessages(namespace, action, labels, self._discrete)
        self._pending: list[Recorded] = []
        self._told_latched = False
        self.most_bytes = MOST_BYTES
        """Of messages in memory; 0: they are handed over after every step."""

    def play(self, episode: int, sink: Sink, stopped: Callable[[], bool] = lambda: False) -> EpisodeSummary | None:
        """Record one episode; None where it was stopped in the middle, and nothing of it may count."""
        seed = episode_seed(self._seed, episode)
        self._source.begin()
        self._pending = []
        observation, info = self._player.reset(seed=seed)
        self._policy.begin(episode, seed)
        self._collect()
        self._pending.append(self._own.mark(layout.start_mark(episode, self._stamp, **self._about(seed, info))))
        steps, total, ended, interrupted, success = 0, 0.0, False, "", False
        terminated = truncated = False
        held = 0  # bytes
        while not ended:
            if stopped():
                return None
            choice = self._policy.act(observation, self._environment)
            self._collect()
            self._pending += self._own.action(self._stamp, as_row(choice.action), choice.wanted)
            observation, reward, terminated, truncated, info = self._player.step(choice.action)
            ended, interrupted = terminated or truncated, info.get("interrupted", "")
            held += self._collect()
            if not interrupted:  # else what the action led to is not known
                steps, total, success = steps + 1, total + float(reward), bool(info.get("is_success"))
                values = np.array([reward, terminated, truncated, success, info.get("distance", np.nan)], np.float64)
                self._pending.append(self._own.reward(self._stamp, values))
            if held > self.most_bytes:
                self._hand_over(sink)
                held = 0
        self._source.settle(self._stamp)
        self._collect()
        about = {"steps": steps, "return": total, "terminated": bool(terminated), "truncated": bool(truncated)}
        mark = layout.end_mark(episode, self._stamp, **about, success=success, interrupted=interrupted)
        self._pending.append(self._own.mark(mark))
        self._hand_over(sink)
        summary = EpisodeSummary(episode, steps, total, success, interrupted)
        sink.end(summary)
        return summary

    @property
    def _stamp(self) -> int:
        """Of the observation that the policy saw last, integer ns; an episode that was cut has none any more."""
        if self._environment.observed:
            return self._environment.step_state.observation.stamp
        return self._source.last_stamp

    def _collect(self) -> int:
        """Take the messages that have come; return their size in bytes."""
        messages = self._source.take()
        self._pending += messages
        return sum(len(message.data) for message in messages)

    def _hand_over(self, sink: Sink) -> None:
        messages, self._pending = self._pending, []
        if not self._told_latched:
            self._told_latched = True
            messages = self._source.latched() + messages
        sink.write([*self._source.channels(), *self._own.channels()], messages)

    def _about(self, seed: int, info: dict[str, Any]) -> dict[str, Any]:
        target = info.get("target")
        config = self._environment.config
        return {
            "seed": seed,
            "namespace": self._namespace,
            "target": None if target is None else [float(value) for value in target],
            "policy": self._policy.name,
            "robot": self._environment.arm.description.name,
            "end_effector": self._environment.arm.description.config.end_effector,
            "discrete_actions": self._discrete,
            "gaze": requirements.gaze_of(config),
            "settings": changed(config),
        }


def episode_seed(seed: int, episode: int) -> int:
    """Return the seed of an episode: the same on every robot."""
    return int(np.random.SeedSequence(seed, spawn_key=(episode,)).generate_state(1)[0])
