"""Actions: they convert the policy's output to joint targets. A new action is a file here and a row in `ACTIONS`."""

from __future__ import annotations

from rl_trainer_ros.actions.action import Action
from rl_trainer_ros.actions.discrete import DiscreteEndEffectorAction, DiscreteJointAction, DiscretePlaneAction
from rl_trainer_ros.actions.end_effector import EndEffectorAction
from rl_trainer_ros.actions.joint_position import JointPositionAction
from rl_trainer_ros.actions.joint_velocity import JointVelocityAction
from rl_trainer_ros.actions.plane import PlaneAction
from robot_interface_ros.registry import Registry, subclass_check

ACTIONS: Registry[type[Action]] = Registry(
    "action",
    {
        "joint_velocity": JointVelocityAction,
        "joint_position": JointPositionAction,
        "joint_discrete": DiscreteJointAction,
        "end_effector": EndEffectorAction,
        "end_effector_discrete": DiscreteEndEffectorAction,
        "plane": PlaneAction,
        "plane_discrete": DiscretePlaneAction,
    },
    "rl_trainer_ros.actions",
    subclass_check(Action),
)

__all__ = ["ACTIONS", "Action", "JointVelocityAction"]
