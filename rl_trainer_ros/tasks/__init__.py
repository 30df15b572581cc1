"""Tasks: what is asked of a robot. A new task is a file here and a row in `TASKS`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from rl_trainer_ros.tasks.reach import Reach
from rl_trainer_ros.tasks.task import Task

TASKS: Mapping[str, type[Task]] = MappingProxyType({"reach": Reach})

__all__ = ["TASKS", "Task"]
