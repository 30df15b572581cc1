"""Trains a robot over topics: ros2 launch rl_trainer_ros train.launch.py [name:=value ...] (--show-args lists them).

An unknown name is an error; so, to include this file in a larger one, put it into GroupAction(scoped=True,
forwarding=False), where it sees its own arguments alone.

`ros2 launch` returns 0 when the trainer did, 1 when it failed.
"""

from launch import LaunchDescription

from rl_trainer_ros.bringup import system
from rl_trainer_ros.ros.launch_actions import description


def generate_launch_description() -> LaunchDescription:
    """Declare every argument, then start the processes that their values ask for."""
    return description(system)
