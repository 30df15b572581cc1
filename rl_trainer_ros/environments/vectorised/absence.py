"""Keep the rows of absent robots out of the training data.

`RobotVecEnv` repeats the last observation of an absent robot, thousands of times while a simulator restarts. This would
spoil the running mean and variance of the observations, the rollouts of an on-policy learner, and the replay buffer of an
off-policy one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.buffers import DictReplayBuffer, ReplayBuffer, RolloutBuffer
from stable_baselines3.common.callbacks import BaseCallback

from rl_trainer_ros.environments.vectorised.statistics import RowMeanStd

_PER_ROW = ("observations", "actions", "values", "log_probs", "advantages", "returns")


class PresentMeanStd(RowMeanStd):
    """Running mean and variance of the rows of present robots."""

    def __init__(self, present: NDArray[np.bool_], shape: tuple[int, ...]):
        """`present`: `(n,)`; the vectorised environment changes it before every update."""
        super().__init__(shape=shape)
        self._present = present

    def update(self, arr: np.ndarray[Any, Any]) -> None:
        """See RunningMeanStd; `arr`: `(n, *shape)`."""
        if self._present.all():
            super().update(arr)
        elif self._present.any():
            super().update(arr[self._present])


def replace_absent(buffer: RolloutBuffer, absent: NDArray[np.bool_]) -> None:
    """Overwrite the rows of absent robots with rows of present robots from the same step, each step other ones.

    `absent`: `(n_steps, n_envs)`. So a rollout keeps its size and holds only real data, some of it twice. A step without
    any present robot is not changed.
    """
    for step in np.flatnonzero(absent.any(axis=1)):
        source = _substitutes(absent[step], int(step))
        if source is None:
            continue
        for name in _PER_ROW:
            rows = getattr(buffer, name)
            for values in rows.values() if isinstance(rows, dict) else (rows,):
                values[step] = values[step, source]


def _substitutes(absent: NDArray[np.bool_], turn: int) -> NDArray[np.intp] | None:
    """Return whose row each robot gets, `(n_envs,)`: its own, or that of a present robot, which depends on `turn`."""
    there = np.flatnonzero(~absent)
    if not len(there):
        return None
    source = np.arange(len(absent))
    source[absent] = np.resize(np.roll(there, -turn), int(absent.sum()))
    return source


def _rows(observation: Any, source: NDArray[np.intp]) -> Any:
    if isinstance(observation, dict):
        return {key: rows[source] for key, rows in observation.items()}
    return observation[source]


def _of_the_present(turn: int, step: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """Return a step for a replay buffer, with rows of present robots in place of absent ones; None if all are absent."""
    *arrays, infos = step
    absent = np.array(["absent" in info for info in infos])
    source = _substitutes(absent, turn)
    if source is None or not absent.any():
        return step if source is not None else None
    return (*(_rows(rows, source) for rows in arrays), [infos[i] for i in source])


class PresentReplayBuffer(ReplayBuffer):
    """Stores the row of a present robot in place of an absent one."""

    def add(self, *step: Any) -> None:
        """See ReplayBuffer; a step without any present robot is not stored."""
        if (present := _of_the_present(self.pos, step)) is not None:
            super().add(*present)


class PresentDictReplayBuffer(DictReplayBuffer):
    """The same for dictionaries of observations."""

    def add(self, *step: Any) -> None:
        """See ReplayBuffer; a step without any present robot is not stored."""
        if (present := _of_the_present(self.pos, step)) is not None:
            super().add(*present)


def leave_out_of_replay(learner: Any) -> None:
    """Make an off-policy learner store present robots only.

    The buffer of hindsight experience replay (HER) is not changed: its episodes must each come from one robot, and the
    episodes of an absent robot have only one step.
    """
    kinds: dict[Any, Any] = {ReplayBuffer: PresentReplayBuffer, DictReplayBuffer: PresentDictReplayBuffer}
    buffer = getattr(learner, "replay_buffer", None)
    if type(buffer) in kinds:
        buffer.__class__ = kinds[type(buffer)]  # made by the learner, and pickled with it


class AbsentRows(BaseCallback):
    """Records which robots are absent during a rollout, and replaces their rows before the learner sees them."""

    def _on_rollout_start(self) -> None:
        self._rows: list[list[bool]] = []

    def _on_step(self) -> bool:
        self._rows.append(["absent" in info for info in self.locals["infos"]])
        return True

    def _on_rollout_end(self) -> None:
        buffer = getattr(self.model, "rollout_buffer", None)
        absent = np.array(self._rows, dtype=bool)
        if buffer is not None and absent.any():
            replace_absent(buffer, absent)
