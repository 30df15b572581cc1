"""An environment that shows each step as the teacher sees it and as the student sees it."""

from __future__ import annotations

from collections import deque
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.wrappers import TimeLimit
from numpy.typing import NDArray

from rl_trainer_ros import factories
from rl_trainer_ros.environments import requirements
from rl_trainer_ros.environments.env_config import EnvConfig
from rl_trainer_ros.environments.environment import RobotEnv
from rl_trainer_ros.environments.frame_stack import stacked_space
from rl_trainer_ros.environments.make_env import IN_PROCESS, Connection, make_environment, observation_of, parts
from rl_trainer_ros.observations import ObservationSpace
from robot_interface_ros.config import ConfigError

TEACHER, STUDENT = "teacher", "student"


class TwoViews(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Observes a dictionary: the observations of teacher and student of the same step, each with its own frames."""

    def __init__(self, env: gymnasium.Env[Any, Any], views: dict[str, View]):
        """`env`: a RobotEnv, perhaps in wrappers that leave the observation alone."""
        super().__init__(env)
        self._views = views
        self.observation_space = spaces.Dict({name: view.space for name, view in views.items()})
        self._last: dict[str, Any] = {}

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """See Env."""
        _, info = self.env.reset(seed=seed, options=options)
        self._last = {name: view.first(self._state) for name, view in self._views.items()}
        return self._last, info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """See Env."""
        _, reward, terminated, truncated, info = self.env.step(action)
        if "interrupted" not in info:  # else nothing new was seen
            self._last = {name: view.next(self._state) for name, view in self._views.items()}
        return self._last, reward, terminated, truncated, info

    @property
    def _state(self) -> Any:
        robot_env: Any = self.env.unwrapped
        return robot_env.step_state


class View:
    """One observation of a robot's steps, with the last frames side by side as `frame_stack.stacked` joins them."""

    def __init__(self, observation: ObservationSpace, frames: int):
        self._observation = observation
        self._frames: deque[NDArray[Any]] = deque(maxlen=frames)
        self.space = stacked_space(observation.space, frames)

    def first(self, step_state: Any) -> NDArray[Any]:
        """Return the observation with which an episode begins: one frame, repeated."""
        self._observation.begin(step_state)
        frame = self._observation.encode(step_state)
        self._frames.extend([frame] * (self._frames.maxlen or 1))
        return self._joined()

    def next(self, step_state: Any) -> NDArray[Any]:
        """Return the next observation."""
        self._frames.append(self._observation.encode(step_state))
        return self._joined()

    def _joined(self) -> NDArray[Any]:
        return self._frames[0] if len(self._frames) == 1 else np.concatenate(list(self._frames), axis=-1)


def make_two_views(student: EnvConfig, teacher: EnvConfig, connection: Connection = IN_PROCESS) -> TwoViews:
    """Return an environment on one robot that both observe. Raises ConfigError, one line, if one robot cannot show both.

    The robot has the cameras that teacher or student needs; if both see images, they need the same ones.
    """
    check_images(student, teacher)
    base = student if requirements.simulation_settings(student).get("cameras") else teacher
    robot_env: RobotEnv = make_environment(base, connection)
    try:
        views = {
            name: View(_seen(config, robot_env), config.frame_stack)
            for name, config in ((TEACHER, teacher), (STUDENT, student))
        }
        return TwoViews(TimeLimit(robot_env, robot_env.task.max_episode_steps), views)
    except BaseException:
        robot_env.close()
        raise


def check_images(student: EnvConfig, teacher: EnvConfig) -> None:
    """Raise ConfigError, one line, if both see images and one robot cannot show both."""
    its, own = (requirements.simulation_settings(config) for config in (student, teacher))
    if not (its.get("cameras") and own.get("cameras")) or its == own:
        return
    differing = [name for name in {**its, **own} if its.get(name) != own.get(name)]
    seen = [", ".join(f"{name} {_text(some.get(name))}" for name in differing) for some in (its, own)]
    remedy = (
        "choose an encoder of such images" if student.encoder_folder else "give the student such observation_settings"
    )
    raise ConfigError(
        f"teacher and student both see images, which must be the same: the student has {seen[0]}; the teacher has {seen[1]}; "
        f"{remedy}, or a teacher that sees no images"
    )


def _text(value: Any) -> str:
    if value is None:
        return "of the robot file"
    return " and ".join(map(str, value)) if isinstance(value, (tuple, list)) else str(value)


def _seen(config: EnvConfig, robot_env: RobotEnv) -> ObservationSpace:
    """Return what a policy of `config` observes of the robot: joints of eyes only if they turn in its own environment."""
    encoder = factories.load_encoder(config.encoder_folder) if config.encoder_folder else None
    arm = robot_env.arm.showing(parts(config, encoder).arm.shown_names)
    return observation_of(config, arm, robot_env.task, encoder)
