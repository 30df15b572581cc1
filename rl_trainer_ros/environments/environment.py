"""The Gymnasium environment: composes robot, task, action and observation, and adds nothing of its own."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from rl_trainer_ros.actions import Action
from rl_trainer_ros.arm.arm import Arm, StepState
from rl_trainer_ros.environments import finite
from rl_trainer_ros.environments.env_config import EnvConfig
from rl_trainer_ros.environments.rendering import RGB_ARRAY, Picture, Show
from rl_trainer_ros.observations import ObservationSpace
from rl_trainer_ros.tasks import Outcome, Task
from robot_interface_ros.errors import NotFinite, RobotError, RobotInterrupted
from robot_interface_ros.robot import Command, Episode, Observation, Robot
from robot_interface_ros.safety.finite import check_finite

_MOST_STARTS = 5
_MOST_NOT_FINITE = 10


class RobotEnv(gymnasium.Env[Any, Any]):
    """Any robot of the robot contract, in process or over topics, as a Gymnasium environment.

    `terminated` is the task's; the clock's `truncated` is TimeLimit's. An episode that was cut from outside is truncated
    here, with the reason in `info["interrupted"]`, and the next `reset` starts afresh; so is one in which the robot said NaN
    or infinity, and _MOST_NOT_FINITE of those in a row are a RobotError. Targets are drawn by the
    environment's own generator, so `reset(seed=...)` repeats them on every robot. `info["elapsed_ns"]` is the observation's
    stamp counted from the episode's first, integer nanoseconds. Where something was drawn for the episode (an imperfect
    simulation), `info["drawn"]` of the reset tells what. In real time `info["timing"]` tells how old the observation is.
    Observations and rewards that are not finite raise NotFinite.
    `render_mode` is rgb_array where the environment was made with something that shows the robot.
    """

    metadata = {"render_modes": [RGB_ARRAY], "render_fps": 20}

    def __init__(
        self,
        robot: Robot,
        arm: Arm,
        task: Task,
        action: Action,
        observation: ObservationSpace,
        config: EnvConfig | None = None,
        show: Show | None = None,
    ):
        """`config`: action_repeat, action_noise, random_start and frame_stack are read from it; None: the defaults.

        `show`: returns a picture of the robot, for `render`.
        """
        self.robot, self.arm, self.task = robot, arm, task
        self.config = config or EnvConfig()
        self._action, self._observation = action, observation
        self.action_space = action.space
        self.observation_space = observation.space
        self._show, self.render_mode = show, RGB_ARRAY if show else None
        self.metadata = self.metadata | {"render_fps": round(1e9 / (robot.period_ns * self.config.action_repeat), 3)}
        self._moment: StepState | None = None
        self._cut_at: StepState | None = None
        self._first_stamp = 0
        self._not_finite = 0  # episodes in a row that were cut by NaN or infinity
        self._cut_by_numbers = False
        self._noise = np.random.default_rng(0)
        self._random_space = copy.deepcopy(action.space)  # seeding the public one would take it from the user

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start an episode. `options={"target": (x, y, z)}` (m, root frame) sets the target instead of drawing it."""
        super().reset(seed=seed)
        self._not_finite = self._not_finite if self._cut_by_numbers else 0
        self._cut_by_numbers = False
        unknown = set(options or {}) - {"target"}
        if unknown:
            raise ValueError(f"unknown reset option '{sorted(unknown)[0]}'; known: target")
        episode_seed = int(self.np_random.integers(2**31))
        target = self.task.draw_target(self.np_random)
        if options and options.get("target") is not None:
            x, y, z = (float(value) for value in options["target"])
            target = (x, y, z)
        step_state, drawn = self._started(Episode(episode_seed, target))
        self._moment, self._first_stamp = step_state, step_state.observation.stamp
        self.task.start(step_state)
        info: dict[str, Any] = {"elapsed_ns": 0, "distance": step_state.distance, "target": target}
        if drawn:
            info["drawn"] = dict(drawn)
        if step_state.observation.timing:
            info["timing"] = dict(step_state.observation.timing)
        return self._encoded(step_state), info

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Send one command, or as many as an action lasts, and judge the observations that answer."""
        if self._moment is None:
            raise RuntimeError("call reset() before step()")
        motion = self._action.motion(action)
        before, reward, outcome = self._moment, 0.0, None
        for _ in range(self.config.action_repeat):
            try:
                after = self._advanced(before, motion)
            except RobotInterrupted as error:
                return self._cut(before, error)
            self._moment = after
            outcome = self.task.step(before, after)
            reward += outcome.reward
            before = after
            if outcome.terminated:
                break
        return self._judged(before, reward, outcome)

    def _judged(
        self, step_state: StepState, reward: float, outcome: Outcome | None
    ) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        assert outcome is not None
        outcome.info["elapsed_ns"] = step_state.observation.stamp - self._first_stamp
        if step_state.observation.timing:
            outcome.info["timing"] = dict(step_state.observation.timing)
        finite.check_reward(reward, outcome.info["distance"], type(self.task).__name__)
        return self._encoded(step_state), reward, outcome.terminated, False, outcome.info

    def _encoded(self, step_state: StepState) -> Any:
        """What the policy sees. Raises NotFinite: it would go into statistics, networks and checkpoints."""
        observation = self._observation.encode(step_state)
        finite.check_observation(observation, f"observation {type(self._observation).__name__}")
        return observation

    def _cut(self, last: StepState, error: RobotInterrupted) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """End an episode that was cut from outside with what was seen last."""
        self._moment, self._cut_at = None, last
        if isinstance(error, NotFinite):
            self._cut_by_numbers = True
            self._not_finite += 1
            if self._not_finite == _MOST_NOT_FINITE:
                raise RobotError(f"{_MOST_NOT_FINITE} episodes in a row were cut by NaN or infinity. The last: {error}")
        info = {
            "interrupted": str(error),
            "distance": last.distance,
            "is_success": False,
            "elapsed_ns": last.observation.stamp - self._first_stamp,
        }
        return self._encoded(last), 0.0, False, True, info

    def render(self) -> Picture | None:
        """Return a picture of the robot, `(height, width, 3)` uint8 rgb, of what was observed last; None without `show`."""
        if self._show is None:
            return None
        step_state = self._moment or self._cut_at
        if step_state is None:
            raise RuntimeError("call reset() before render()")
        return self._show(step_state.observation)

    @property
    def action(self) -> Action:
        """What the numbers of `action_space` mean."""
        return self._action

    @property
    def observed(self) -> bool:
        """Whether an episode is under way, and `moment` is there."""
        return self._moment is not None

    @property
    def step_state(self) -> StepState:
        """What was observed last, for scripted policies and tools."""
        if self._moment is None:
            raise RuntimeError("call reset() first")
        return self._moment

    def random_state(self) -> dict[str, Any]:
        """The state of the generator that episodes are drawn from; all else is a function of an episode's seed."""
        return dict(self.np_random.bit_generator.state)

    def set_random_state(self, state: dict[str, Any]) -> None:
        """Draw the next episodes as from the moment of `random_state`."""
        self.np_random.bit_generator.state = state

    def close(self) -> None:
        """Close the robot."""
        self.robot.close()

    def _started(self, episode: Episode) -> tuple[StepState, Mapping[str, Any]]:
        """Reset the robot and play the random actions; return the moment, and what the robot says that it drew.

        What is random here is a function of the episode's seed alone.
        """
        for left in reversed(range(_MOST_STARTS)):
            self._noise = np.random.default_rng(episode.seed)
            try:
                first = step_state = self._at(self.robot.reset(episode))
            except NotFinite as error:
                if not left:
                    raise RobotError(
                        f"{_MOST_STARTS} resets in a row ended with NaN or infinity. The last: {error}"
                    ) from None
                continue
            try:
                for _ in range(self.config.random_start):
                    self._random_space.seed(int(self._noise.integers(2**31)))
                    motion = self._action.motion(self._random_space.sample())
                    for _ in range(self.config.action_repeat):
                        step_state = self._advanced(step_state, motion)
            except RobotInterrupted:
                if not left:
                    raise
                continue
            return step_state, first.observation.drawn
        raise AssertionError

    def _advanced(self, step_state: StepState, motion: NDArray[np.float64]) -> StepState:
        """Send one command and return the moment that answers it."""
        now = step_state.observation
        if self.config.action_noise:
            noisy = motion + self._noise.normal(0.0, self.config.action_noise, motion.shape)
            motion = np.minimum(np.maximum(noisy, -1.0), 1.0)
        targets = self._action.apply(motion, now)
        self.robot.send(Command(now.stamp, self.robot.joint_names, targets))
        return self._at(self.robot.receive())

    def _at(self, observation: Observation) -> StepState:
        check_finite(observation, self.robot.joint_names, getattr(self.robot, "namespace", "the robot"))
        return StepState(observation, self.arm.hand(observation.position))


class GoalRobotEnv(RobotEnv):
    """The same with goals beside the observation: libraries tell it by its `compute_reward`.

    Its rewards are of that function, to the last bit: of the last observation, where an action lasts several periods.
    """

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """See RobotEnv."""
        observation, reward, terminated, truncated, info = super().step(action)
        if "interrupted" not in info:
            reward = float(self.compute_reward(observation["achieved_goal"], observation["desired_goal"], info))
            finite.check_reward(reward, info["distance"], type(self.task).__name__)
        return observation, reward, terminated, truncated, info

    def compute_reward(self, achieved_goal: NDArray[Any], desired_goal: NDArray[Any], info: Any) -> Any:
        """Return the rewards of goals `(n, 3)` m that were reached and were to be reached, `(n,)`; see Task.goal_reward."""
        return self.task.goal_reward(achieved_goal, desired_goal)
