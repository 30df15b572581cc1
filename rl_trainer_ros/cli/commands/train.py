"""`rl_trainer train`: start simulator, SRL node and trainer."""

from __future__ import annotations

from rl_trainer_ros.bringup import launch_arguments, ros_arguments
from rl_trainer_ros.bringup.setting_texts import parse_words
from rl_trainer_ros.cli.command import Command


def train(words: list[str]) -> int:
    """Start the system of these settings; return the trainer's exit code."""
    from rl_trainer_ros.bringup import preflight, supervisor
    from rl_trainer_ros.bringup import system as bringup

    own, ros = ros_arguments.split(words)
    system = bringup.system(parse_words(own), ros=ros)
    preflight.check(system.config)
    return supervisor.run(system)


COMMAND = Command(
    "train",
    "train a policy over topics: starts simulator, SRL node and trainer",
    run=train,
    options=None,
    examples=(
        "rl_trainer train seed:=3 num_timesteps:=50000",
        "rl_trainer train algo:=sac task:=button task.contacts:=3 hyperparameters.gamma:=0.98",
        "rl_trainer train num_envs:=auto preset:=many_robots num_timesteps:=40000",
        "rl_trainer train num_envs:=8 eval_every_steps:=20000",
        "rl_trainer train realtime:=true algo:=sac preset:=few_steps",
        "rl_trainer train robot_source:=emulated                 # servos of emulated Arduinos; driver: physical ones",
    ),
    settings_help=launch_arguments.help_text,
)
