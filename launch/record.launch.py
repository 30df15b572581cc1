"""Records robots over topics: ros2 launch rl_trainer_ros record.launch.py [name:=value ...] (--show-args lists them).

Starts simulators (or the driver) and `rl_trainer record`; ends with the recording. The arguments are those of
`rl_trainer record` and, about the robots, those of train.launch.py: robot_source, num_envs, hardware and the like.
"""

from launch import LaunchDescription

from rl_trainer_ros.bringup.recording import recording, recording_arguments
from rl_trainer_ros.ros.launch_actions import description


def generate_launch_description() -> LaunchDescription:
    """Declare every argument, then start the processes that their values need."""
    return description(recording, recording_arguments(), trains=False)
