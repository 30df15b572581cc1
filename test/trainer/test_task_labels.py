"""Labels of the task in observations of numbers, images and several frames."""

from __future__ import annotations

import numpy as np
import pytest

from rl_trainer_ros.environments.make_env import make_robot_env
from rl_trainer_ros.observations.with_label import labelled, one_hot
from robot_interface_ros.config import ConfigError

pytestmark = [pytest.mark.distil, pytest.mark.slow, pytest.mark.xdist_group("distillation")]


def test_labels_of_numbers_images_and_frames() -> None:
    label = one_hot("square", ("circular", "square"))
    assert label.tolist() == [0.0, 1.0] and one_hot("simple", ("circular", "square")).tolist() == [0.0, 0.0]
    numbers = labelled(np.array([[1.0, 2.0, 3.0, 4.0]], np.float32), label, frames=2)
    assert numbers.tolist() == [[1.0, 2.0, 0.0, 1.0, 3.0, 4.0, 0.0, 1.0]]
    image = labelled(np.full((1, 2, 2, 3), 7, np.uint8), label)
    assert image.shape == (1, 2, 2, 5) and image.dtype == np.uint8 and image[0, 1, 0].tolist() == [7, 7, 7, 0, 255]


def test_an_environment_shows_the_label_of_its_task() -> None:
    environment = make_robot_env("square", task_labels=("circular", "square", "escape"))
    observation, _ = environment.reset(seed=0)
    assert observation[-3:].tolist() == [0.0, 1.0, 0.0] and environment.observation_space.contains(observation)
    environment.close()
    for settings, said in (
        ({"task_labels": ("reach", "reach")}, "name each task once"),
        ({"task_labels": ("reech",)}, "reach"),
    ):
        with pytest.raises(ConfigError, match=said):
            make_robot_env(**settings)
    with pytest.raises(ConfigError, match="not with goal_conditioned"):
        make_robot_env(task_labels=("reach",), goal_conditioned=True, reward="distance")
