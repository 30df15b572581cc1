"""From robots to a trained policy: tasks, environments, training, evaluation, and who starts what (bring-up).

Importing it registers the environments with Gymnasium, as Gymnasium asks of packages that bring some.
"""

from rl_trainer_ros.registration import register

register()
