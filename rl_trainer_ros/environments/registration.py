"""Gymnasium ids: `import rl_trainer_ros`, then `gymnasium.make("rl_trainer_ros/InMoovReach-v0")`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from robot_interface_ros import robot_config as robots

ROBOT_LABELS = {"inmoov": "InMoov"}
"""Robots whose label in ids is not the name in camel case."""


def register() -> None:
    """Register `rl_trainer_ros/<Robot><Task>-v0` for every valid combination of robot and task; needs Gymnasium.

    Robots and tasks of other packages (entry points) are registered without being imported, because they import this
    package. Whether such a combination is valid is checked when it is made.
    """
    import gymnasium

    from rl_trainer_ros.tasks import TASKS

    for robot, task in combinations():
        kind = TASKS.ours[task]
        gymnasium.register(
            env_id(robot, task),
            entry_point="rl_trainer_ros.environments.make_env:make_env",
            max_episode_steps=kind.Settings().max_episode_steps,
            kwargs={"task": task, "robot": robot},
        )
    for robot, task in brought():
        name = env_id(robot, task)
        if name in gymnasium.registry:  # a task called Reach beside reach
            gymnasium.logger.warn(f"task {task} with robot {robot}: another combination already has the id {name}")
            continue
        gymnasium.register(
            name,
            entry_point="rl_trainer_ros.environments.registration:make_limited_env",
            kwargs={"task": task, "robot": robot},
        )


def combinations() -> Iterator[tuple[str, str]]:
    """Yield the valid combinations of a shipped robot and a shipped task, by name."""
    from rl_trainer_ros.environments import requirements
    from rl_trainer_ros.tasks import TASKS

    for robot in robots.robot_names():
        config = robots.robot_config(robot)
        for task, kind in TASKS.ours.items():
            if not requirements.missing(kind.needs, config):
                yield robot, task


def brought() -> Iterator[tuple[str, str]]:
    """Yield combinations of robot and task, by name, where at least one comes from another package."""
    from rl_trainer_ros.tasks import TASKS

    ours = robots.robot_names()
    for robot in dict.fromkeys((*ours, *robots.BROUGHT)):
        for task in TASKS:
            if robot not in ours or task in TASKS.brought:
                yield robot, task


def env_id(robot: str, task: str) -> str:
    """Return the Gymnasium id of a robot and a task."""
    return f"rl_trainer_ros/{ROBOT_LABELS.get(robot, _camel(robot))}{_camel(task)}-v0"


def make_limited_env(**settings: Any) -> Any:
    """Make an environment with its time limit, for tasks that are not imported at registration."""
    from rl_trainer_ros.environments.frame_stack import limited
    from rl_trainer_ros.environments.make_env import make_robot_env

    return limited(make_robot_env(**settings))


def _camel(name: str) -> str:
    # Gymnasium allows only these characters; names of other packages may have any.
    return "".join(word[:1].upper() + word[1:] for word in re.split(r"_|[^\w:.-]", name))
