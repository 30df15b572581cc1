"""The Gymnasium environment: composes robot, task, action and observation."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from rl_trainer_ros import factories
from rl_trainer_ros.actions import Action
from rl_trainer_ros.arm.arm import Arm, StepState
from rl_trainer_ros.arm.gaze import searches
from rl_trainer_ros.environments import finite, parts_check, requirements
from rl_trainer_ros.environments.env_config import EnvConfig, settings_of
from rl_trainer_ros.environments.rendering import RGB_ARRAY, Picture, Show
from rl_trainer_ros.observations import ObservationSpace
from rl_trainer_ros.tasks import Outcome, Task
from robot_interface_ros.config import ConfigError
from robot_interface_ros.errors import NotFiniteReading, RobotError, RobotInterrupted
from robot_interface_ros.robot import Array, Command, Episode, Observation, Robot, layer_with
from robot_interface_ros.safety.finite import check_finite

_MAX_STARTS = 5
_MAX_NAN_EPISODES = 10


class RobotEnv(gymnasium.Env[Any, Any]):
    """Any robot of the robot contract, in process or over topics, as a Gymnasium environment.

    The task decides `terminated`. The wrapper TimeLimit truncates episodes at their length. This class truncates interrupted
    episodes, with the reason in `info["interrupted"]`; the next `reset` starts a new one. An episode is also interrupted if
    the robot reports NaN or infinity; _MAX_NAN_EPISODES such episodes in a row raise RobotError. Targets are sampled by the
    environment's own generator, so `reset(seed=...)` repeats them on every robot. `info["elapsed_ns"]`: stamp of the
    observation minus the first stamp of the episode, integer nanoseconds. `info["drawn"]` of a reset: values sampled for the
    episode (an imperfect simulation), if any. `info["timing"]`: in real time, the age of the observation.
    Observations and rewards that are not finite raise NotFinite.
    `render_mode` is rgb_array if the environment was made with `show`, otherwise None.
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
        """`config`: gives action_repeat, action_noise, random_start and frame_stack; None: the defaults.

        `show`: function that returns an image of the robot, for `render`.
        """
        self.robot, self.arm, self.task = robot, arm, task
        self.config = config or EnvConfig()
        self._action, self._observation = action, observation
        self.action_space = action.space
        self.observation_space = observation.space
        self._show, self.render_mode = show, RGB_ARRAY if show else None
        self.metadata = self.metadata | {"render_fps": round(1e9 / (robot.period_ns * self.config.action_repeat), 3)}
        self._step_state: StepState | None = None
        self._last_step_state: StepState | None = None
        self.still = False
        """Whether joint targets stay as they are, whatever the action; a player holds the robot so at a reached target."""
        self._looks = requirements.gaze_of(self.config)
        self.gaze_error: Array = np.zeros(3)
        """Distance of the point at which the eyes look from that, `(3,)` m; recorders vary it."""
        self._search: Array | None = None
        """Posture of the joints of the gaze in which head and eyes search; None: they do not."""
        if arm.gaze is not None and (search := settings_of("gaze_search", self.config.gaze_search)):
            self._search = arm.gaze.search_posture(search)
        self._random_actions = False  # whether those at an episode's start are carried out now
        self._first_stamp = 0
        self._nan_episodes = 0  # episodes in a row that NaN or infinity interrupted
        self._ended_by_nan = False
        self._noise = np.random.default_rng(0)
        self._random_space = copy.deepcopy(action.space)  # a copy, because the user may have seeded the public one

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start an episode. `options={"target": (x, y, z)}` (m, root frame) sets the target; otherwise it is sampled."""
        super().reset(seed=seed)
        self._nan_episodes = self._nan_episodes if self._ended_by_nan else 0
        self._ended_by_nan = False
        unknown = set(options or {}) - {"target"}
        if unknown:
            raise ValueError(f"unknown reset option '{sorted(unknown)[0]}'; known: target")
        episode_seed = int(self.np_random.integers(2**31))
        target = self.task.draw_target(self.np_random)
        parts_check.check_target(target, type(self.task).__name__)
        if options and options.get("target") is not None:
            x, y, z = (float(value) for value in options["target"])
            target = (x, y, z)
        self._random_actions = True
        step_state, drawn = self._started(Episode(episode_seed, target))
        self._random_actions = False
        self._step_state, self._first_stamp = step_state, step_state.observation.stamp
        self.task.start(step_state)
        self._observation.begin(step_state)
        info: dict[str, Any] = {"elapsed_ns": 0, "distance": step_state.distance, "target": target}
        if drawn:
            info["drawn"] = dict(drawn)
        if step_state.observation.timing:
            info["timing"] = dict(step_state.observation.timing)
        return self._encoded(step_state), info

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Send `action_repeat` commands, and let the task evaluate the observations after them. See gymnasium.Env."""
        if self._step_state is None:
            raise RuntimeError("call reset() before step()")
        motion = self._action.motion(action)
        before, reward, outcome = self._step_state, 0.0, None
        for _ in range(self.config.action_repeat):
            try:
                after = self._advanced(before, motion)
            except RobotInterrupted as error:
                return self._interrupted(before, error)
            self._step_state = after
            outcome = self.task.step(before, after)
            parts_check.check_outcome(outcome, type(self.task).__name__)
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
        """Return the policy's input. Raises NotFinite, because NaN would get into statistics, networks and checkpoints."""
        observation = self._observation.encode(step_state)
        name = f"observation {type(self._observation).__name__}"
        parts_check.check_observation(observation, self.observation_space, name)
        finite.check_observation(observation, name)
        return observation

    def _interrupted(self, last: StepState, error: RobotInterrupted) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Truncate an interrupted episode, with its last observation."""
        self._step_state, self._last_step_state = None, last
        if isinstance(error, NotFiniteReading):
            self._ended_by_nan = True
            self._nan_episodes += 1
            if self._nan_episodes == _MAX_NAN_EPISODES:
                raise RobotError(
                    f"{_MAX_NAN_EPISODES} episodes in a row were interrupted by NaN or infinity. The last: {error}"
                )
        info = {
            "interrupted": str(error),
            "distance": last.distance,
            "is_success": False,
            "elapsed_ns": last.observation.stamp - self._first_stamp,
        }
        return self._encoded(last), 0.0, False, True, info

    def render(self) -> Picture | None:
        """Return an image of the robot at the last observation, `(height, width, 3)` uint8 rgb; None without `show`."""
        if self._show is None:
            return None
        step_state = self._step_state or self._last_step_state
        if step_state is None:
            raise RuntimeError("call reset() before render()")
        return self._show(step_state.observation)

    @property
    def action(self) -> Action:
        """The meaning of the numbers of `action_space`."""
        return self._action

    @property
    def observed(self) -> bool:
        """Whether an episode is running, so that `step_state` can be read."""
        return self._step_state is not None

    @property
    def step_state(self) -> StepState:
        """The last observation, for scripted policies and tools. Raises RuntimeError between episodes."""
        if self._step_state is None:
            raise RuntimeError("call reset() first")
        return self._step_state

    def random_state(self) -> dict[str, Any]:
        """Return the state of the generator of episodes. Everything else depends only on an episode's seed."""
        return dict(self.np_random.bit_generator.state)

    def set_random_state(self, state: dict[str, Any]) -> None:
        """Restore a state of `random_state`, so that the next episodes are the same as after it."""
        self.np_random.bit_generator.state = state

    def keep_images(self) -> None:
        """Keep images for an encoder that learns; see ImageKeeper. Raises ConfigError if there is no encoder here."""
        self._encoding_robot().kept.keep()

    def take_images(self) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Return the kept images, `(n, cameras, height, width, 3)`, and their episodes, `(n,)`; see ImageKeeper."""
        found: tuple[NDArray[np.uint8], NDArray[np.int64]] = self._encoding_robot().kept.take()
        return found

    def use_encoder(self, folder: str) -> None:
        """Encode with the encoder saved in `folder` from the next episode on; over topics, the SRL node does."""
        self._encoding_robot().use_encoder(factories.load_encoder(folder), folder)

    def _encoding_robot(self) -> Any:
        robot = layer_with(self.robot, "kept")
        if robot is None:
            raise ConfigError("this environment has no encoder, or was made over topics without learns_encoder")
        return robot

    def close(self) -> None:
        """Close the robot."""
        self.robot.close()

    def _started(self, episode: Episode) -> tuple[StepState, Mapping[str, Any]]:
        """Reset the robot and apply the random actions; return the state, and the values that the robot has sampled.

        All randomness here depends only on the episode's seed.
        """
        for left in reversed(range(_MAX_STARTS)):
            self._noise = np.random.default_rng(episode.seed)
            try:
                first = step_state = self._at(self.robot.reset(episode))
            except NotFiniteReading as error:
                if not left:
                    raise RobotError(
                        f"{_MAX_STARTS} resets in a row ended with NaN or infinity. The last: {error}"
                    ) from None
                continue
            if self.config.random_start:
                self._observation.begin(first)  # the eyes look during random actions too
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
        """Send one command; return the state after it."""
        now = step_state.observation
        if self.config.action_noise:
            noisy = motion + self._noise.normal(0.0, self.config.action_noise, motion.shape)
            motion = np.minimum(np.maximum(noisy, -1.0), 1.0)
        targets = now.joint_target.copy() if self.still else self._action.apply(motion, now)
        gaze = self.arm.gaze
        if gaze is not None and not self.still and (point := self._looked_at(step_state)) is not None:
            targets = targets.copy()
            search = self._search if self._searches(step_state) else None
            targets[gaze.indices] = gaze.targets(now.joint_target, point + self.gaze_error, search)
        self.robot.send(Command(now.stamp, self.robot.joint_names, targets))
        return self._at(self.robot.receive())

    def _looked_at(self, step_state: StepState) -> Array | None:
        """Return the point at which the eyes are to look, `(3,)` m in the root frame; None: nothing here turns them."""
        if self._looks == "target":
            return step_state.observation.target_position
        if self._looks == "hand":
            return step_state.hand
        return self._observation.target_estimate(step_state) if self._looks == "estimate" else None

    def _searches(self, step_state: StepState) -> bool:
        """Return whether head and eyes search for the target now; during random actions they look at the estimate."""
        if self._search is None or self._random_actions:
            return False
        elapsed_s = (step_state.observation.stamp - self._first_stamp) * 1e-9
        return searches(elapsed_s, self._observation.target_deviation(step_state))

    def _at(self, observation: Observation) -> StepState:
        check_finite(observation, self.robot.joint_names, getattr(self.robot, "namespace", "the robot"))
        return StepState(observation, self.arm.hand(observation.position))


class GoalRobotEnv(RobotEnv):
    """An environment with goals in its observation, which libraries recognise by `compute_reward`.

    Its rewards equal those of `compute_reward` bit for bit. If an action lasts several periods, the reward is that of the
    last observation.
    """

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """See RobotEnv."""
        observation, reward, terminated, truncated, info = super().step(action)
        if "interrupted" not in info:
            reward = float(self.compute_reward(observation["achieved_goal"], observation["desired_goal"], info))
            finite.check_reward(reward, info["distance"], type(self.task).__name__)
        return observation, reward, terminated, truncated, info

    def compute_reward(self, achieved_goal: NDArray[Any], desired_goal: NDArray[Any], info: Any) -> Any:
        """Return the rewards `(n,)` for achieved and desired goals, `(n, 3)` m each; see Task.goal_reward."""
        return self.task.goal_reward(achieved_goal, desired_goal)
