"""Trains a robot over topics: ros2 launch rl_trainer_ros train.launch.py [name:=value ...] (--show-args lists them).

An unknown name is an error. A launch file that includes this one may have its own arguments. PushRosNamespace, SetRemap and
SetParameter around the include apply to every process that is started here.

`ros2 launch` returns 0 if the trainer did, 1 if it failed.
"""

from launch import LaunchDescription

from rl_trainer_ros.bringup.system import system
from rl_trainer_ros.ros.launch_actions import description


def generate_launch_description() -> LaunchDescription:
    """Declare every argument, then start the processes that their values need."""
    return description(system)
