"""Tasks: targets, rewards, success. A new task is a file here and a row in `TASKS`, or another package's entry point."""

from __future__ import annotations

from rl_trainer_ros.tasks.button import Button, Distractors, MovingButton
from rl_trainer_ros.tasks.chasing import Chasing
from rl_trainer_ros.tasks.circular import Circular
from rl_trainer_ros.tasks.eight import Eight
from rl_trainer_ros.tasks.escape import Escape
from rl_trainer_ros.tasks.point_to_point import PointToPoint
from rl_trainer_ros.tasks.reach import Reach
from rl_trainer_ros.tasks.simple import Simple
from rl_trainer_ros.tasks.square import Square
from rl_trainer_ros.tasks.task import Outcome, Task, TaskSettings
from rl_trainer_ros.tasks.two_buttons import TwoButtons, TwoButtonsDistractors
from robot_interface_ros.registry import Registry, subclass_check

TASKS: Registry[type[Task]] = Registry(
    "task",
    {
        "reach": Reach,
        "point_to_point": PointToPoint,
        "button": Button,
        "two_buttons": TwoButtons,
        "two_buttons_distractors": TwoButtonsDistractors,
        "moving_button": MovingButton,
        "distractors": Distractors,
        "simple": Simple,
        "circular": Circular,
        "square": Square,
        "eight": Eight,
        "chasing": Chasing,
        "escape": Escape,
    },
    "rl_trainer_ros.tasks",
    subclass_check(Task),
)

__all__ = ["TASKS", "Outcome", "Task", "TaskSettings"]
