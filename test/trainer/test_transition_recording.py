"""Transitions for state representations, recorded from a simulator."""

from __future__ import annotations

import numpy as np

from rl_trainer_ros.environments.make_env import make_robot_env
from rl_trainer_ros.environments.transition_recording import record

CAMERAS = ("external", "above")


def test_images_that_are_rendered_on_demand_are_the_same_bits() -> None:
    recorded = []
    for on_demand in (False, True):
        environment = make_robot_env(simulation={"cameras": CAMERAS}, end_at_success=False)
        recorded.append(record(environment, CAMERAS, 15, seed=3, on_demand=on_demand))
        environment.close()
    eager, rendered = recorded
    assert eager.keys() == rendered.keys()
    for name, values in eager.items():
        np.testing.assert_array_equal(values, rendered[name], err_msg=name)
    assert len(np.unique(eager["images"], axis=0)) == 15
