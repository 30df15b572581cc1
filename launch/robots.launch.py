"""Serves robots for a trainer on another machine: ros2 launch rl_trainer_ros robots.launch.py remote:=true [name:=value ...].

Starts simulators (or the driver) and, with an srl_model, the SRL node; they run until Ctrl-C. The arguments are those of
train.launch.py; arguments that only concern the trainer have no effect here.
"""

from launch import LaunchDescription

from rl_trainer_ros.bringup.system import robots
from rl_trainer_ros.ros.launch_actions import description


def generate_launch_description() -> LaunchDescription:
    """Declare every argument, then start the processes that their values need."""
    return description(robots)
