"""From robots to a trained policy: tasks, environments, training, evaluation, and the start of all processes (bring-up).

Importing this package registers its environments with Gymnasium. Without Gymnasium it registers nothing: `ros2 launch`
imports the bring-up with the system's Python, where Gymnasium may not be installed.
"""

from importlib.util import find_spec

from rl_trainer_ros.environments.registration import register

if find_spec("gymnasium") is not None:
    register()
