"""PPO whose update runs in a process of its own, while the robots already make the next rollout.

The policy that acts is then one update older than without it. Pairing, stamps and rollouts stay as they are, and a seed gives
the same bits on a fast and on a slow machine: each update is taken in before the next one begins, never earlier or later.
"""

from __future__ import annotations

import multiprocessing
import pickle
import signal
from collections.abc import Mapping
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
import stable_baselines3
import torch
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.vec_env.base_vec_env import CloudpickleWrapper

from rl_trainer_ros.algorithms.torch_compiler import leave_out_compiler
from robot_interface_ros.errors import RobotError
from robot_interface_ros.files.untrusted_files import one_line

READ = (
    *("policy", "rollout_buffer", "n_epochs", "batch_size", "clip_range", "clip_range_vf", "normalize_advantage"),
    *("ent_coef", "vf_coef", "target_kl", "max_grad_norm", "action_space", "lr_schedule", "verbose"),
    *("_current_progress_remaining", "_n_updates"),
)
"""All attributes that `PPO.train` reads, apart from its logger."""
_END_S = 2.0


class UpdateFailed(RobotError):
    """The update could not be computed; the message is one line."""


class PPO(stable_baselines3.PPO):
    """stable-baselines3's PPO, with one more setting. Without it, it is PPO, bit for bit."""

    def __init__(self, policy: Any, env: Any, *, late_update: bool = False, **settings: Any):
        """`late_update`: the update runs while the next rollout is made."""
        self.late_update = late_update
        self._process: _UpdateProcess | None = None
        super().__init__(policy, env, **settings)

    def train(self) -> None:
        """See PPO. With `late_update`: take in the update of the last rollout, and begin the one of this rollout.

        Raises UpdateFailed if the process of the update has ended.
        """
        if not self.late_update:
            super().train()
            return
        self.complete_update()
        if self._process is None:
            self._process = _UpdateProcess()
        self._process.begin({name: getattr(self, name) for name in READ})

    def complete_update(self) -> None:
        """Wait for the update that is being computed, if there is one, and act with its result from now on."""
        result = self._process.result() if self._process is not None else None
        if result is None:
            return
        self.policy.load_state_dict(result["policy"])
        self.policy.optimizer.load_state_dict(result["optimizer"])
        self._n_updates = result["updates"]
        for name, value in result["logged"].items():
            self.logger.record(name, value, exclude="tensorboard" if name == "train/n_updates" else None)

    def close_update(self) -> None:
        """End the process of the update, and forget an update that is not complete."""
        if self._process is not None:
            self._process.close()
        self._process = None

    def _excluded_save_params(self) -> list[str]:
        return [*super()._excluded_save_params(), "_process"]


def updated(parts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the result of `PPO.train` from the attributes in READ: states of policy and optimiser, updates, logged values."""
    algorithm = stable_baselines3.PPO.__new__(stable_baselines3.PPO)
    vars(algorithm).update(parts, _logger=Logger(None, []))
    algorithm.train()
    policy: Any = algorithm.policy
    return {
        "policy": policy.state_dict(),
        "optimizer": policy.optimizer.state_dict(),
        "updates": algorithm._n_updates,
        "logged": dict(algorithm.logger.name_to_value),
    }


class _UpdateProcess:
    """Computes one update at a time. It ends with the process that started it, however that ends."""

    def __init__(self) -> None:
        spawning = multiprocessing.get_context("spawn")  # a fork would copy locks that threads of the middleware hold
        self._pipe, other = spawning.Pipe()
        self._process = spawning.Process(
            target=_compute, args=(other, torch.get_num_threads()), name="update", daemon=True
        )
        before = signal.pthread_sigmask(
            signal.SIG_BLOCK, {signal.SIGINT}
        )  # Ctrl-C is for the trainer, which ends this process
        try:
            self._process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        other.close()
        self._busy = False

    def begin(self, parts: Mapping[str, Any]) -> None:
        """Begin an update of these attributes."""
        seed = int(np.random.randint(2**31))  # of the order of the batches; a resumed training repeats it
        request = pickle.dumps(CloudpickleWrapper((seed, dict(parts))))  # schedules are functions
        self._exchange(lambda: self._pipe.send_bytes(request))
        self._busy = True

    def result(self) -> dict[str, Any] | None:
        """Wait for the update and return its result; None if none was begun. It takes as long as in this process."""
        if not self._busy:
            return None
        found = self._exchange(lambda: pickle.loads(self._pipe.recv_bytes()))  # from our own process
        self._busy = False
        if isinstance(found, Exception):
            raise found
        return found  # type: ignore[no-any-return]

    def close(self) -> None:
        """End the process."""
        self._pipe.close()
        self._process.terminate()
        self._process.join(_END_S)
        if self._process.is_alive():
            self._process.kill()

    def _exchange(self, talk: Any) -> Any:
        try:
            return talk()
        except (EOFError, OSError):
            self._busy = False
            self._process.join(_END_S)
            raise UpdateFailed(
                f"the process of the update has ended (exit code {self._process.exitcode}); was it killed, or did memory run "
                "out? Resume the run; a new run with hyperparameters.late_update:=false has no such process"
            ) from None


def _compute(pipe: Connection, threads: int) -> None:
    """Answer each request, until the other end of the pipe is closed."""
    torch.set_num_threads(threads)
    leave_out_compiler()
    while True:
        try:
            seed, parts = pickle.loads(pipe.recv_bytes()).var
        except (EOFError, OSError):
            return
        np.random.seed(seed)
        try:
            result: Any = updated(parts)
        except Exception as error:  # such as NaN in the policy: the trainer reports it
            result = UpdateFailed(f"the update failed: {one_line(error)}")
        try:
            pipe.send_bytes(pickle.dumps(result))
        except OSError:
            return
