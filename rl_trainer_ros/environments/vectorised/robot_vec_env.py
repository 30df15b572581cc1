"""Several robots as one vectorised environment: commands are sent to all, then all answers are gathered. Does not need ROS.

How faults of a robot appear to a learner:

* A robot is interrupted, and answers its reset at once: its episode is truncated, with the reason in
  `info["interrupted"]`, and the next one begins.
* A robot does not answer within `absent_after_s` while others do: its episode is truncated in the same way, and the
  others continue. Until it is back, each of its rows is a truncated episode of one step: the last observation,
  reward 0, `info["absent"]` = the reason. In the background the environment waits for it and resets it. When it is back,
  its row has `info["back"]`, and the first observation of a new episode.
* While all robots are absent, the step blocks. When the waits of all robots have timed out, the last error is raised.

A truncated row is bootstrapped from its own observation. A learner that used the rows of an absent robot would learn that
standing still gives no reward; `absence.py` keeps these rows out of statistics and rollouts.
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
_LONG_S = 1.0  # length of one wait without another bound


@dataclass
class _Slot:
    """One robot's place in the batch."""

    task: Fiber[Row] | None = None
    absent: str = ""
    """Reason of its absence; empty while it is present."""
    since: float = 0.0
    ended: tuple[float, dict[str, Any]] | None = None
    """Reward and info of its episode's last step, if the learner has not received them yet."""
    error: RobotTimeout | None = None
    """Timeout of its last wait; None if it was answered."""

    @property
    def answered(self) -> bool:
        """Whether there is a result, or an error other than a timeout."""
        return self.task is not None and self.task.done and not isinstance(self.task.error, RobotTimeout)


class RobotVecEnv(DummyVecEnv):
    """stable-baselines3's VecEnv over environments whose robots wait in fibers, all in one thread."""

    def __init__(
        self,
        environments: Sequence[gymnasium.Env[Any, Any]],
        fibers: Fibers,
        absent_after_s: float = ABSENT_AFTER_S,
        names: Sequence[str] = (),
    ):
        """`fibers`: the robots of the environments wait in them; `names`: of the robots, for messages."""
        super().__init__([partial(lambda environment: environment, environment) for environment in environments])
        self._fibers, self._absent_after_s = fibers, absent_after_s
        self._names = tuple(names) or tuple(f"robot {i}" for i in range(self.num_envs))
        self._slots = [_Slot() for _ in environments]
        self.present = np.ones(self.num_envs, dtype=bool)
        """`(n,)`; whether each row returned last is that of a present robot."""

    def reset(self) -> Any:
        """Reset all robots at the same time; all must be present."""
        self._until_done([slot.task for slot in self._slots if slot.task])  # calls that still run in the background
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
        """Send the commands to all present robots."""
        self.actions = actions
        for i, slot in enumerate(self._slots):
            if not slot.absent:
                slot.ended = None
                slot.task = self._fibers.start(partial(self._step, i, slot, actions[i]))

    def step_wait(self) -> Any:
        """Gather the answers; the module's docstring describes the rows of robots that do not answer."""
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
        """Do one step and, at the end of an episode, the reset after it; runs in a fiber."""
        environment = self.envs[i]
        observation, reward, terminated, truncated, info = environment.step(action)
        info["TimeLimit.truncated"] = truncated and not terminated
        over = terminated or truncated
        if over or slot.absent:  # a late answer ends the episode, because the learner got a truncated one
            info["terminal_observation"] = observation
            slot.ended = float(reward), info
            observation, self.reset_infos[i] = environment.reset()
        return observation, float(reward), over, info

    def _again(self, i: int) -> Row:
        """Reset a robot whose wait has timed out; runs in a fiber."""
        observation, self.reset_infos[i] = self.envs[i].reset()
        return observation, 0.0, True, {}

    def _gather(self, deadline: float) -> None:
        """Wait until all present robots have answered, or until `deadline` if at least one has answered."""
        if any(slot.absent for slot in self._slots):
            self._fibers.turn(0.0)  # absent robots make progress even if the others never wait
        while True:
            for i, slot in enumerate(self._slots):
                self._try_again(i, slot)
            open_ones = [slot for slot in self._slots if not slot.answered]
            left = deadline - time.monotonic()
            if len(open_ones) < self.num_envs and (left <= 0.0 or all(slot.absent for slot in open_ones)):
                return
            self._fibers.turn(left if left > 0.0 else _LONG_S)

    def _try_again(self, i: int, slot: _Slot) -> None:
        """Wait again for a robot that has timed out, as long as others are present; else raise its error."""
        assert slot.task is not None
        if not slot.task.done:
            return
        slot.error = slot.task.error if isinstance(slot.task.error, RobotTimeout) else None
        if slot.error is not None:
            if all(other.error for other in self._slots):
                raise slot.error
            slot.task = self._fibers.start(partial(self._again, i))

    def _row(self, i: int, slot: _Slot) -> tuple[Any, float, bool, dict[str, Any]]:
        """Return the learner's row for one robot; None as observation means the last one again."""
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
        if slot.ended is not None:  # the episode has ended; only the reset is slow
            (reward, info), slot.ended = slot.ended, None
            return None, reward, True, info
        return None, 0.0, True, info | {"interrupted": f"{slot.absent}; the others continue", "absent": slot.absent}

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
        """Return a copy of the observation in a robot's last row."""
        last: dict[Any, Any] = {key: buffer[i].copy() for key, buffer in self.buf_obs.items()}
        return last.get(None, last)  # None is the key of a space that is not a Dict

    def _until_done(self, tasks: Sequence[Fiber[Any]]) -> None:
        while not all(task.done for task in tasks):
            self._fibers.turn(_LONG_S)
