"""From robots to a trained policy: tasks, environments, training, evaluation, and who starts what (bring-up).

Importing it registers the environments with Gymnasium, as Gymnasium asks of packages that bring some. Where there is no
Gymnasium it registers nothing: `ros2 launch` reads the bring-up with the system's Python, which may have none.
"""

from importlib.util import find_spec

from rl_trainer_ros.environments.registration import register

if find_spec("gymnasium") is not None:
    register()
