"""The Gymnasium environment: composes robot, task, action and observation, and adds nothing of its own."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from rl_trainer_ros.actions import JointVelocityAction
from rl_trainer_ros.arm import Arm, Moment
from rl_trainer_ros.observations import ObservationSpace
from rl_trainer_ros.tasks import Task
from robot_interface_ros.errors import RobotInterrupted
from robot_interface_ros.robot import Command, Episode, Observation, Robot


class RobotEnv(gymnasium.Env[NDArray[np.float32], NDArray[np.float32]]):
    """Any robot of the robot contract, in process or over topics, as a Gymnasium environment.

    `terminated` is the task's; the clock's `truncated` is TimeLimit's. An episode that was cut from outside is truncated
    here, with the reason in `info["interrupted"]`, and the next `reset` starts afresh. Targets are drawn by the
    environment's own generator, so `reset(seed=...)` repeats them on every robot. `info["elapsed_ns"]` is the observation's
    stamp counted from the episode's first, integer nanoseconds. Where something was drawn for the episode (an imperfect
    simulation), `info["drawn"]` of the reset tells what.
    """

    metadata = {"render_modes": []}

    def __init__(self, robot: Robot, arm: Arm, task: Task, action: JointVelocityAction, observation: ObservationSpace):
        self.robot, self.arm, self.task = robot, arm, task
        self._action, self._observation = action, observation
        self.action_space = action.space
        self.observation_space = observation.space  # type: ignore[assignment]  # Box is not generic in all versions
        self._moment: Moment | None = None
        self._first_stamp = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Start an episode. `options={"target": (x, y, z)}` (m, root frame) sets the target instead of drawing it."""
        super().reset(seed=seed)
        unknown = set(options or {}) - {"target"}
        if unknown:
            raise ValueError(f"unknown reset option '{sorted(unknown)[0]}'; known: target")
        episode_seed = int(self.np_random.integers(2**31))
        target = self.task.draw_target(self.np_random)
        if options and options.get("target") is not None:
            x, y, z = (float(value) for value in options["target"])
            target = (x, y, z)
        self._moment = self._at(self.robot.reset(Episode(episode_seed, target)))
        self._first_stamp = self._moment.observation.stamp
        info: dict[str, Any] = {"elapsed_ns": 0, "distance": self._moment.distance, "target": target}
        if self._moment.observation.drawn:
            info["drawn"] = dict(self._moment.observation.drawn)
        return self._observation.encode(self._moment), info

    def step(self, action: NDArray[np.float32]) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Send one command and judge the observation that answers it."""
        if self._moment is None:
            raise RuntimeError("call reset() before step()")
        before, now = self._moment, self._moment.observation
        targets = self._action.targets(action, now)
        try:
            self.robot.send(Command(now.stamp, self.robot.joint_names, targets))
            after = self._at(self.robot.receive())
        except RobotInterrupted as error:
            self._moment = None
            info = {
                "interrupted": str(error),
                "distance": before.distance,
                "is_success": False,
                "elapsed_ns": now.stamp - self._first_stamp,
            }
            return self._observation.encode(before), 0.0, False, True, info
        self._moment = after
        outcome = self.task.step(before, after)
        outcome.info["elapsed_ns"] = after.observation.stamp - self._first_stamp
        return self._observation.encode(after), outcome.reward, outcome.terminated, False, outcome.info

    @property
    def moment(self) -> Moment:
        """What was observed last, for scripted policies and tools."""
        if self._moment is None:
            raise RuntimeError("call reset() first")
        return self._moment

    def close(self) -> None:
        """Close the robot."""
        self.robot.close()

    def _at(self, observation: Observation) -> Moment:
        return Moment(observation, self.arm.hand(observation.position))
