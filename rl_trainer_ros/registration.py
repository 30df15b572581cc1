"""Gymnasium ids: `import rl_trainer_ros`, then `gymnasium.make("rl_trainer_ros/InMoovReach-v0")`."""

from __future__ import annotations

ROBOT_LABELS = {"inmoov": "InMoov", "kuka_iiwa": "KukaIiwa"}


def register() -> None:
    """Register `rl_trainer_ros/<Robot><Task>-v0` for every task and shipped robot; needs Gymnasium."""
    import gymnasium

    from rl_trainer_ros.tasks import TASKS

    for robot, label in ROBOT_LABELS.items():
        for task, kind in TASKS.items():
            gymnasium.register(
                f"rl_trainer_ros/{label}{task.title()}-v0",
                entry_point="rl_trainer_ros.make_env:make_robot_env",
                max_episode_steps=kind.max_episode_steps,
                kwargs={"task": task, "robot": robot},
            )
