"""Environments in other processes, a process for each core. Their errors are reported to the training as one line.

stable-baselines3 starts a process for each environment. Each takes a quarter of a GB of memory and seconds to start, because
it loads the encoder's libraries, and more processes than cores are not faster (docs/performance.md).

In stable-baselines3 an error ends the worker process with a traceback, and the training gets EOFError. Here an error of a
robot is returned in `info`, and raised in the process of the training; so is that of an environment that cannot be made.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Sequence
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

import gymnasium
from stable_baselines3.common.env_util import is_wrapped
from stable_baselines3.common.vec_env import CloudpickleWrapper, SubprocVecEnv, VecEnv

from robot_interface_ros.errors import ConfigError, RobotError

_ERROR = "robot_error"
_CLOSE_S = 5.0  # time for a process to end after the request
_MOST = 128
"""Environments of a process. Requests to all of them are sent before an answer is read, and about 250 fit into a connection."""


class ProcessVecEnv(SubprocVecEnv):
    """A SubprocVecEnv with several environments in a process.

    It raises RobotError if a robot raises it, or if a process has ended.
    """

    def __init__(self, make_envs: Sequence[Callable[[], gymnasium.Env[Any, Any]]], processes: int = 0):
        """`make_envs`: picklable functions; each is called in the process of its environment. Raises what they raise.

        `processes`: number of processes, which share out the environments, neighbours together; 0: one for each core.
        """
        n = len(make_envs)
        processes = min(n, max(processes or len(os.sched_getaffinity(0)), -(-n // _MOST)))
        ends = [n * i // processes for i in range(processes + 1)]
        self.waiting = self.closed = False
        self._groups = [range(begin, end) for begin, end in zip(ends, ends[1:])]
        self._connections: list[Connection] = []
        self.processes = []
        context: Any = multiprocessing.get_context("forkserver")  # a fork would copy locks that other threads hold
        for group in self._groups:
            here, there = context.Pipe()
            makers = CloudpickleWrapper([partial(_make, make_envs[i]) for i in group])
            process = context.Process(target=_serve, args=(there, makers), daemon=True)  # ends with the training
            process.start()
            there.close()
            self._connections.append(here)
            self.processes.append(process)
        self.remotes: Any = [
            _Remote(connection, i - group.start)
            for connection, group in zip(self._connections, self._groups)
            for i in group
        ]
        try:
            self.remotes[0].send(("get_spaces", None))
            VecEnv.__init__(self, n, *self.remotes[0].recv())
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
        for connection in self._connections:
            try:
                connection.send((0, "close", None))
            except OSError:  # it has ended
                continue
        for process in self.processes:
            process.join(_CLOSE_S)
            if process.is_alive():
                process.terminate()
        for connection in self._connections:
            connection.close()

    def _ended(self) -> RobotError:
        """Return the error for a process that has ended."""
        self.waiting = False
        codes = []
        for group, process in zip(self._groups, self.processes):
            process.join(0.2)
            if process.exitcode is not None:
                codes.append(f"{', '.join(map(str, group))} (exit code {process.exitcode})")
        return RobotError(
            f"the process of environment {', '.join(codes) or '?'} has ended; was it killed, or did memory run out? "
            "A smaller num_envs needs less memory"
        )


class _Remote:
    """What SubprocVecEnv uses as the pipe to one environment. Environments of a process share one connection.

    Answers come in the order of the requests.
    """

    def __init__(self, connection: Connection, index: int):
        """`index`: of the environment in its process."""
        self._connection, self._index = connection, index

    def send(self, request: tuple[str, Any]) -> None:
        self._connection.send((self._index, *request))

    def recv(self) -> Any:
        return self._connection.recv()


def _serve(connection: Connection, makers: CloudpickleWrapper) -> None:
    """Make environments in this process, and answer requests (environment, name, data) until one is "close"."""
    served = [_Served(make()) for make in makers.var]
    try:
        while True:
            index, name, data = connection.recv()
            if name == "close":
                break
            connection.send(getattr(served[index], name)(data))
    except (EOFError, KeyboardInterrupt):  # the training has ended, or will
        return
    for one in served:
        one.env.close()


class _Served:
    """An environment and the answers to the requests of SubprocVecEnv, each a method of the request's name."""

    def __init__(self, env: gymnasium.Env[Any, Any]):
        self.env = env
        self._reset_info: dict[str, Any] = {}

    def step(self, action: Any) -> tuple[Any, ...]:
        observation, reward, terminated, truncated, info = self.env.step(action)
        done = terminated or truncated
        info["TimeLimit.truncated"] = truncated and not terminated
        if done:
            info["terminal_observation"] = observation
            observation, self._reset_info = self.env.reset()
        return observation, reward, done, info, self._reset_info

    def reset(self, how: tuple[int | None, dict[str, Any]]) -> tuple[Any, dict[str, Any]]:
        seed, options = how
        return self.env.reset(seed=seed, **({"options": options} if options else {}))

    def render(self, _: None) -> Any:
        return self.env.render()

    def get_spaces(self, _: None) -> tuple[Any, Any]:
        return self.env.observation_space, self.env.action_space

    def env_method(self, call: tuple[str, tuple[Any, ...], dict[str, Any]]) -> Any:
        name, arguments, settings = call
        return self.env.get_wrapper_attr(name)(*arguments, **settings)

    def get_attr(self, name: str) -> Any:
        return self.env.get_wrapper_attr(name)

    def has_attr(self, name: str) -> bool:
        return self.env.has_wrapper_attr(name)

    def set_attr(self, change: tuple[str, Any]) -> None:
        setattr(self.env, *change)

    def is_wrapped(self, kind: type[gymnasium.Wrapper[Any, Any, Any, Any]]) -> bool:
        return is_wrapped(self.env, kind)


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
