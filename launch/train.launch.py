"""Trains a robot over topics: ros2 launch rl_trainer_ros train.launch.py [name:=value ...] (--show-args lists them).

An unknown name is an error. A launch file that includes this one may have arguments of its own; PushRosNamespace, SetRemap and
SetParameter around the include hold for everything that is started here.

`ros2 launch` returns 0 when the trainer did, 1 when it failed.
"""

from launch import LaunchDescription

from rl_trainer_ros.bringup.system import system
from rl_trainer_ros.ros.launch_actions import description


def generate_launch_description() -> LaunchDescription:
    """Declare every argument, then start the processes that their values ask for."""
    return description(system)
