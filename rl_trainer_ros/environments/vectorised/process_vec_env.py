"""Environments in one process each. Their errors are reported to the training as one line.

In stable-baselines3 an error ends the worker process with a traceback, and the training gets EOFError. Here an error of a
robot is returned in `info`, and raised in the process of the training; so is that of an environment that cannot be made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import gymnasium
from stable_baselines3.common.vec_env import SubprocVecEnv

from robot_interface_ros.errors import ConfigError, RobotError

_ERROR = "robot_error"
_CLOSE_S = 5.0  # time for a process to end after the request


class ProcessVecEnv(SubprocVecEnv):
    """A SubprocVecEnv that raises RobotError if a robot raises it, or if a process has ended."""

    def __init__(self, make_envs: Sequence[Callable[[], gymnasium.Env[Any, Any]]]):
        """`make_envs`: picklable functions; each is called in a process of its own. Raises what they raise."""
        try:
            super().__init__([partial(_make, make_env) for make_env in make_envs])
            failed = [error for error in self.get_attr("failure") if error]
        except (EOFError, OSError):
            raise self._ended() from None
        if failed:
            self.close()
            raise failed[0]

    def reset(self) -> Any:
        """See VecEnv."""
        try:
            observations = super().reset()
        except (EOFError, OSError):
            raise self._ended() from None
        _raise_error_in(self.reset_infos)
        return observations

    def step_async(self, actions: Any) -> None:
        """See VecEnv."""
        try:
            super().step_async(actions)
        except OSError:
            raise self._ended() from None

    def step_wait(self) -> Any:
        """See VecEnv."""
        try:
            result = super().step_wait()
        except (EOFError, OSError):
            raise self._ended() from None
        _raise_error_in(result[3])
        return result

    def close(self) -> None:
        """End all processes, also after an error; safe to call twice."""
        if self.closed:
            return
        self.closed = True
        for remote in self.remotes:
            try:
                remote.send(("close", None))
            except OSError:  # it has ended
                continue
        for process in self.processes:
            process.join(_CLOSE_S)
            if process.is_alive():
                process.terminate()
        for remote in self.remotes:
            remote.close()

    def _ended(self) -> RobotError:
        """Return the error for a process that has ended."""
        self.waiting = False
        codes = []
        for i, process in enumerate(self.processes):
            process.join(0.2)
            if process.exitcode is not None:
                codes.append(f"{i} (exit code {process.exitcode})")
        return RobotError(
            f"the process of environment {', '.join(codes) or '?'} has ended; was it killed, or did memory run out? "
            "A smaller num_envs needs less memory"
        )


class _ErrorInInfo(gymnasium.Wrapper[Any, Any, Any, Any]):
    """An environment whose RobotError is returned in `info`; the episode ends with it."""

    def __init__(self, env: gymnasium.Env[Any, Any]):
        super().__init__(env)
        self.failure: Exception | None = None
        """Why the environment could not be made."""
        self._error = ""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """See Env."""
        if not self._error:  # after an error in step, the worker calls reset as well
            try:
                return self.env.reset(seed=seed, options=options)
            except RobotError as error:
                self._error = str(error)
        return self.observation_space.sample(), {_ERROR: self._error}

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """See Env."""
        try:
            return self.env.step(action)
        except RobotError as error:
            self._error = str(error)
            return self.observation_space.sample(), 0.0, False, True, {_ERROR: self._error}


class _NotMade(gymnasium.Env[Any, Any]):
    """Stands for an environment that could not be made."""

    observation_space = action_space = gymnasium.spaces.Discrete(1)


def _make(make_env: Callable[[], gymnasium.Env[Any, Any]]) -> gymnasium.Env[Any, Any]:
    try:
        return _ErrorInInfo(make_env())
    except (ValueError, RobotError) as error:  # one line for a user
        made = _ErrorInInfo(_NotMade())
        made.failure = ConfigError(str(error)) if isinstance(error, ValueError) else RobotError(str(error))
        return made


def _raise_error_in(infos: Sequence[dict[str, Any]]) -> None:
    for i, info in enumerate(infos):
        if _ERROR in info:
            raise RobotError(f"environment {i}: {info[_ERROR]}")
