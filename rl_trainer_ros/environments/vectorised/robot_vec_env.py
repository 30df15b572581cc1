"""Many robots as one vectorised environment: commands go to all, then the answers are gathered from all. No ROS here.

What a learner sees of a robot that fails:

* A robot that was interrupted and answers its reset at once: its episode is truncated, with the reason in
  `info["interrupted"]`, and the next one begins.
* A robot that does not answer within `absent_after_s` while others did: its episode is truncated in the same way, and
  the others go on without it. Until it is back each of its rows is a truncated episode of one step: the last
  observation again, reward 0, `info["absent"]` = why. Meanwhile it is awaited, and reset, in the background. The row in
  which it comes back carries `info["back"]`, and the first observation of a new episode.
* While all robots are absent the step blocks. When the bounded waits of all are over, their last error is raised.

A truncated row is bootstrapped from its own observation, so a learner that takes an absent robot's rows as they are
learns that standing still brings nothing; `absence.py` keeps them out of statistics and rollouts.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import gymnasium
import numpy as np
from stable_baselines3.common.vec_env import DummyVecEnv

from rl_trainer_ros.environments.vectorised.fibers import Fiber, Fibers
from robot_interface_ros.errors import RobotTimeout

Row = tuple[Any, float, bool, dict[str, Any]]
ABSENT_AFTER_S = 1.0
_LONG_S = 1.0  # one wait, where nothing else bounds it


@dataclass
class _Slot:
    """One robot's place in the batch."""

    task: Fiber[Row] | None = None
    absent: str = ""
    """Why it is absent; empty while it is there."""
    since: float = 0.0
    ended: tuple[float, dict[str, Any]] | None = None
    """Reward and info of its episode's last step, where the learner has not been told yet."""
    error: RobotTimeout | None = None
    """How its last bounded wait ended; None where it was answered."""

    @property
    def answered(self) -> bool:
        """Whether there is a result, or an error that nobody here can mend."""
        return self.task is not None and self.task.done and not isinstance(self.task.error, RobotTimeout)


class RobotVecEnv(DummyVecEnv):
    """stable-baselines3's VecEnv over environments whose robots wait in fibers; all in this thread."""

    def __init__(
        self,
        environments: Sequence[gymnasium.Env[Any, Any]],
        fibers: Fibers,
        absent_after_s: float = ABSENT_AFTER_S,
        names: Sequence[str] = (),
    ):
        """`fibers`: in which the environments' robots wait; `names`: of the robots, for messages."""
        super().__init__([partial(lambda environment: environment, environment) for environment in environments])
        self._fibers, self._absent_after_s = fibers, absent_after_s
        self._names = tuple(names) or tuple(f"robot {i}" for i in range(self.num_envs))
        self._slots = [_Slot() for _ in environments]
        self.present = np.ones(self.num_envs, dtype=bool)
        """`(n,)` whether the row that was returned last is that of a robot that was there."""

    def reset(self) -> Any:
        """Reset all robots at the same time; every one must be there."""
        self._until_done([slot.task for slot in self._slots if slot.task])  # what is still going on in the background
        tasks = [self._fibers.start(partial(self._first, i)) for i in range(self.num_envs)]
        self._until_done(tasks)
        for i, task in enumerate(tasks):
            observation, self.reset_infos[i] = task.result()
            self._save_obs(i, observation)
        self._reset_seeds()
        self._reset_options()
        self._slots = [_Slot() for _ in self.envs]
        self.present[:] = True
        return self._obs_from_buf()

    def step_async(self, actions: np.ndarray[Any, Any]) -> None:
        """Send the commands of all robots that are there."""
        self.actions = actions
        for i, slot in enumerate(self._slots):
            if not slot.absent:
                slot.ended = None
                slot.task = self._fibers.start(partial(self._step, i, slot, actions[i]))

    def step_wait(self) -> Any:
        """Gather the answers; see the module for what a robot without one gets."""
        self._gather(time.monotonic() + self._absent_after_s)
        for i, slot in enumerate(self._slots):
            observation, self.buf_rews[i], self.buf_dones[i], info = self._row(i, slot)
            self.buf_infos[i] = info
            self.present[i] = "absent" not in info
            if observation is not None:
                self._save_obs(i, observation)
        return self._obs_from_buf(), np.copy(self.buf_rews), np.copy(self.buf_dones), self.buf_infos.copy()

    def _first(self, i: int) -> tuple[Any, dict[str, Any]]:
        options = {"options": self._options[i]} if self._options[i] else {}
        return self.envs[i].reset(seed=self._seeds[i], **options)

    def _step(self, i: int, slot: _Slot, action: Any) -> Row:
        """One step and, at the episode's end, the reset after it; runs in a fiber."""
        environment = self.envs[i]
        observation, reward, terminated, truncated, info = environment.step(action)
        info["TimeLimit.truncated"] = truncated and not terminated
        over = terminated or truncated
        if over or slot.absent:  # an answer that came too late is the episode's last: the learner was told so
            info["terminal_observation"] = observation
            slot.ended = float(reward), info
            observation, self.reset_infos[i] = environment.reset()
        return observation, float(reward), over, info

    def _again(self, i: int) -> Row:
        """A reset of a robot whose bounded wait has ended; runs in a fiber."""
        observation, self.reset_infos[i] = self.envs[i].reset()
        return observation, 0.0, True, {}

    def _gather(self, deadline: float) -> None:
        """Until every robot that is there has answered, or its time is over and at least one has."""
        if any(slot.absent for slot in self._slots):
            self._fibers.turn(0.0)  # absent robots go on even where the others never wait
        while True:
            for i, slot in enumerate(self._slots):
                self._try_again(i, slot)
            open_ones = [slot for slot in self._slots if not slot.answered]
            left = deadline - time.monotonic()
            if len(open_ones) < self.num_envs and (left <= 0.0 or all(slot.absent for slot in open_ones)):
                return
            self._fibers.turn(left if left > 0.0 else _LONG_S)

    def _try_again(self, i: int, slot: _Slot) -> None:
        """A robot whose bounded wait has ended is awaited further for as long as others are there; else it raises."""
        assert slot.task is not None
        if not slot.task.done:
            return
        slot.error = slot.task.error if isinstance(slot.task.error, RobotTimeout) else None
        if slot.error is not None:
            if all(other.error for other in self._slots):
                raise slot.error
            slot.task = self._fibers.start(partial(self._again, i))

    def _row(self, i: int, slot: _Slot) -> tuple[Any, float, bool, dict[str, Any]]:
        """What the learner gets for one robot; an observation of None is the last one again."""
        assert slot.task is not None
        if slot.answered and not slot.absent:
            return slot.task.result()
        info: dict[str, Any] = {"TimeLimit.truncated": True, "terminal_observation": self._last(i)}
        if slot.answered:
            return self._back(i, slot, info)
        if slot.absent:
            return None, 0.0, True, info | {"absent": slot.absent}
        slot.since = time.monotonic()
        slot.absent = str(slot.error or f"{self._names[i]}: no answer within {self._absent_after_s:g} s")
        if slot.ended is not None:  # only its reset takes long
            (reward, info), slot.ended = slot.ended, None
            return None, reward, True, info
        return None, 0.0, True, info | {"interrupted": f"{slot.absent}; the others go on", "absent": slot.absent}

    def _back(self, i: int, slot: _Slot, info: dict[str, Any]) -> Row:
        assert slot.task is not None
        late = slot.ended[1] if slot.ended else {}
        reason = late.get("interrupted", "")
        info = {name: value for name, value in late.items() if name != "interrupted"} | info
        info["absent"] = slot.absent
        info["back"] = f"{self._names[i]} is back after {time.monotonic() - slot.since:.1f} s" + (
            reason and f": {reason}"
        )
        self._slots[i] = _Slot()
        return slot.task.result()[0], 0.0, True, info

    def _last(self, i: int) -> Any:
        """A copy of the observation that a robot's last row held."""
        last: dict[Any, Any] = {key: buffer[i].copy() for key, buffer in self.buf_obs.items()}
        return last.get(None, last)  # None is the key of a space that is no Dict

    def _until_done(self, tasks: Sequence[Fiber[Any]]) -> None:
        while not all(task.done for task in tasks):
            self._fibers.turn(_LONG_S)
