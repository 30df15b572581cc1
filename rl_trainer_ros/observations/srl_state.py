"""Observation: joints and the encoder's state of the camera images, of one moment or of several."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from rl_trainer_ros.arm.arm import Arm, StepState
from rl_trainer_ros.arm.gaze import SEEN
from rl_trainer_ros.observations.observation import ObservationSpace, clipped, joints_box
from rl_trainer_ros.observations.state_memory import LastStates, StateMemory, TargetFilter, in_root
from robot_interface_ros.config import ConfigError, option
from robot_interface_ros.errors import RobotError
from robot_interface_ros.robot import Array

TARGET = ("target_x", "target_y", "target_z")
_NEAR_M = 0.02  # as in GroundTruth


@dataclass(frozen=True)
class SrlStateSettings:
    """Settings of srl_state."""

    states: int = option(1, "number of successive states that the policy sees together", minimum=1, maximum=100)
    first: bool = option(
        False, "show the state of the episode's first image too: where a target stood before the arm hid it"
    )
    hand: bool = option(False, "show the hand's position from the joints (forward kinematics), m")
    estimate: bool = option(
        False, "filter the target's position over the episode; srl_model is reward_place or target_estimate"
    )
    wander: float = option(
        0.0, "of the filter: distance that the target may move in a second, m", minimum=0.0, maximum=10.0
    )
    correlation_s: float = option(
        0.5, "of the filter: time after which the errors of two images are independent, s", minimum=1e-3, maximum=60.0
    )


class SrlState(ObservationSpace):
    """Joint positions (rad) and velocities (rad/s) as in GroundTruth, then the encoder's state of the camera images.

    With `hand: true`, the hand's position (m) comes before the state, and with `first: true` the state of the episode's first
    image. With `states: n` the last n states, oldest first. With `estimate: true`, in place of the state: the way from hand
    to the estimated target (m), the way / (its length + 0.02 m), and the estimate's standard deviation (m), x, y, z each.
    With a gaze, joints that turn the eyes are among the joints.
    """

    Settings = SrlStateSettings
    summary = "joint positions and velocities, state of a camera image from an encoder (selected by srl_model)"
    space: spaces.Box

    def __init__(self, arm: Arm, state_dim: int, settings: Any = None, estimates: tuple[str, ...] = ()):
        """`estimates`: names of the ground truth that the state estimates, with their certainty. Raises ConfigError."""
        super().__init__(arm, settings)
        chosen: SrlStateSettings = self.settings
        self._indices, self._state_dim, self._estimate = arm.shown, state_dim, chosen.estimate
        self._seen_from = arm.gaze if chosen.estimate and estimates == SEEN else None
        self._memory: StateMemory | None = None
        _check_effect(chosen)
        bound = np.full(state_dim * (chosen.states + chosen.first), 1e6)
        if chosen.estimate:
            _check_estimate(estimates, arm)
            self._memory = TargetFilter(chosen.wander, chosen.correlation_s)
            bound = np.repeat((10.0, 1.0, 10.0), 3)
        elif chosen.states > 1 or chosen.first:
            self._memory = LastStates(chosen.states, chosen.first)
        if chosen.hand:
            bound = np.concatenate([np.full(3, 10.0), bound])
        self.space = joints_box(arm, (-bound).tolist(), bound.tolist())

    def begin(self, step_state: StepState) -> None:
        """See ObservationSpace."""
        if self._memory is not None:
            self._memory.begin()

    def encode(self, step_state: StepState) -> NDArray[np.float32]:
        """See ObservationSpace. Raises RobotError if the state does not have the expected size."""
        observation, seen = step_state.observation, self._remembered(step_state)
        if self._estimate:
            way = seen[:3] - step_state.hand
            seen = np.concatenate([way, way / (np.sqrt(np.square(way).sum()) + _NEAR_M), seen[3:]])
        joints = observation.position[self._indices], observation.velocity[self._indices]
        hand = (step_state.hand,) if self.settings.hand else ()
        return clipped(self.space, np.concatenate((*joints, *hand, seen)))

    def target_estimate(self, step_state: StepState) -> Array | None:
        """See ObservationSpace: with `estimate`, the position of the filter."""
        return self._remembered(step_state)[:3] if self._estimate else None

    def target_deviation(self, step_state: StepState) -> float:
        """See ObservationSpace: with `estimate`, that of the filter."""
        return float(self._remembered(step_state)[3:6].max()) if self._estimate else 0.0

    def _remembered(self, step_state: StepState) -> Array:
        observation, state = step_state.observation, step_state.observation.srl_state
        if state is None or len(state) != self._state_dim:
            found = "none" if state is None else f"{len(state)} numbers"
            raise RobotError(
                f"expected an encoded state of {self._state_dim} numbers, got {found}; "
                "does the SRL node use the encoder that the environment was made with?"
            )
        if self._memory is None:
            return state
        if self._seen_from is not None:
            state = in_root(state, *self._seen_from.pose(observation.position))
        return self._memory.seen(observation.stamp, state)


def _check_estimate(estimates: tuple[str, ...], arm: Arm) -> None:
    if estimates == SEEN and arm.gaze is None:
        raise ConfigError(
            "observation srl_state: this encoder estimates the target in the frame of eyes that look; it needs a gaze, such as "
            "gaze:=estimate"
        )
    if estimates not in (TARGET, SEEN):
        raise ConfigError(
            "observation srl_state: estimate needs an encoder that estimates the target and its certainty; train one with "
            "srl_model:=reward_place or srl_model:=target_estimate, or leave estimate out"
        )


def _check_effect(settings: SrlStateSettings) -> None:
    """Raise ConfigError for a setting that has no effect beside the others."""
    for name, default in (("states", 1), ("first", False)):
        if settings.estimate and getattr(settings, name) != default:
            raise ConfigError(
                f"observation srl_state: {name} has no effect with estimate, which remembers all; leave one out"
            )
    for name in ("wander", "correlation_s"):
        if not settings.estimate and getattr(settings, name) != getattr(SrlStateSettings, name):
            raise ConfigError(
                f"observation srl_state: {name} is of the filter and has no effect without estimate; add "
                "observation.estimate:=true, or leave it out"
            )
