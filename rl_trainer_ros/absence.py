"""Keeps the rows of absent robots out of what is learned from.

`RobotVecEnv` repeats an absent robot's last observation, thousands of times while a simulator restarts. Two things would
take harm: the running mean and variance of the observations, and the rollouts of an on-policy learner.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.running_mean_std import RunningMeanStd
from stable_baselines3.common.vec_env import VecNormalize

_PER_ROW = ("observations", "actions", "values", "log_probs", "advantages", "returns")


class PresentMeanStd(RunningMeanStd):
    """Running mean and variance of the rows of robots that are there."""

    def __init__(self, present: NDArray[np.bool_], shape: tuple[int, ...]):
        """`present`: `(n,)`, changed by the vectorised environment before every update."""
        super().__init__(shape=shape)
        self._present = present

    def update(self, arr: np.ndarray[Any, Any]) -> None:
        """See RunningMeanStd; `arr`: `(n, *shape)`."""
        if self._present.all():
            super().update(arr)
        elif self._present.any():
            super().update(arr[self._present])


def leave_out_of_statistics(normalised: VecNormalize, present: NDArray[np.bool_]) -> None:
    """Let a VecNormalize learn its statistics from the robots that are there."""
    if normalised.norm_obs:
        rms = normalised.obs_rms
        if isinstance(rms, dict):
            normalised.obs_rms = {key: PresentMeanStd(present, of_key.mean.shape) for key, of_key in rms.items()}
        else:
            normalised.obs_rms = PresentMeanStd(present, rms.mean.shape)
    normalised.ret_rms = PresentMeanStd(present, ())


def replace_absent(buffer: RolloutBuffer, absent: NDArray[np.bool_]) -> None:
    """Overwrite the rows of absent robots by those of robots that were there at the same step, in turn.

    `absent`: `(n_steps, n_envs)`; at every step one robot at least is there. So a rollout keeps its size, and holds
    nothing that did not happen; what did counts twice here and there.
    """
    for step in np.flatnonzero(absent.any(axis=1)):
        missing, there = np.flatnonzero(absent[step]), np.flatnonzero(~absent[step])
        if not len(there):
            continue
        source = np.resize(np.roll(there, -int(step)), len(missing))  # not the same one each time
        for name in _PER_ROW:
            rows = getattr(buffer, name)
            for values in rows.values() if isinstance(rows, dict) else (rows,):
                values[step, missing] = values[step, source]


class AbsentRows(BaseCallback):
    """Notes who is absent during a rollout and replaces those rows before the learner sees them."""

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
