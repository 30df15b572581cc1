"""Observations: they convert the robot's observation to the policy's input. A new one is a file here and a row in
`OBSERVATIONS`.

The target's position comes from `target_pose` or from cameras.
"""

from __future__ import annotations

from rl_trainer_ros.observations.goals import Goals
from rl_trainer_ros.observations.ground_truth import GroundTruth
from rl_trainer_ros.observations.joints import Joints, JointsPosition
from rl_trainer_ros.observations.observation import ObservationSpace
from rl_trainer_ros.observations.raw_pixels import RawPixels
from rl_trainer_ros.observations.srl_state import SrlState
from rl_trainer_ros.observations.with_label import WithLabel
from rl_trainer_ros.observations.with_memory import WithMemory
from robot_interface_ros.registry import Registry, subclass_check

OBSERVATIONS: Registry[type[ObservationSpace]] = Registry(
    "observation",
    {"ground_truth": GroundTruth, "joints": Joints, "joints_position": JointsPosition, "raw_pixels": RawPixels},
    "rl_trainer_ros.observations",
    subclass_check(ObservationSpace),
)
"""`srl_state` is not in this list, because it needs an encoder; the setting `srl_model` selects it."""

__all__ = [
    "OBSERVATIONS",
    "Goals",
    "GroundTruth",
    "ObservationSpace",
    "RawPixels",
    "SrlState",
    "WithLabel",
    "WithMemory",
]
