"""Datasets for Minari (https://minari.farama.org), Farama's standard of offline reinforcement learning."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from srl_ros.data.bag_dataset import BagDataset
from srl_ros.data.stretches import stretches
from srl_ros.transitions import Transitions

NAME = "rl_trainer_ros/recording-v0"
_ROOT = "MINARI_DATASETS_PATH"


def write_minari(dataset: BagDataset, folder: Path) -> Path:
    """Write a dataset with Minari's own functions; load it with MINARI_DATASETS_PATH=folder, `minari.load_dataset(NAME)`.

    Observations are a dictionary: an image of each camera (height, width, 3), and `state`, the ground truth.
    """
    import minari  # here and below: an extra of this package
    import pyarrow  # noqa: F401  with which Minari writes
    from minari.data_collector import EpisodeBuffer

    episodes = []
    for number, stretch in enumerate(stretches(dataset)):
        steps = dataset.gather(stretch.rows)
        n = len(stretch.rows)
        last = np.zeros(n, dtype=bool)
        last[-1] = True
        episodes.append(
            EpisodeBuffer(
                id=number,
                observations=_observations(dataset, steps),
                actions=list(steps.action if steps.action is not None else ()),
                rewards=[float(value) for value in (steps.reward if steps.reward is not None else np.zeros(n))],
                terminations=[bool(value) for value in last & stretch.terminated],
                truncations=[bool(value) for value in last & (not stretch.terminated)],
                infos={},
            )
        )
    folder.mkdir(parents=True)
    with _datasets_in(folder), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of authors and environments that it would like to be told
        minari.create_dataset_from_buffers(
            NAME,
            buffer=episodes,
            observation_space=_observation_space(dataset),
            action_space=_action_space(dataset),
            algorithm_name="recording",
            description="robots recorded by rl_trainer_ros",
            data_format="arrow",
            jpeg_encoding=False,
        )
    return folder


def _observations(dataset: BagDataset, steps: Transitions) -> dict[str, list[Any]]:
    """One more than there are steps."""
    found: dict[str, list[Any]] = {}
    if steps.next_images is not None:
        for c, camera in enumerate(dataset.cameras):
            found[camera] = [*steps.images[:, c], steps.next_images[-1, c]]
    if steps.ground_truth is not None and steps.next_ground_truth is not None:
        found["state"] = [*steps.ground_truth, steps.next_ground_truth[-1]]
    return found


def _observation_space(dataset: BagDataset) -> Any:
    from gymnasium import spaces

    inner: dict[str, spaces.Space[Any]] = {
        camera: spaces.Box(0, 255, dataset.image_shape, np.uint8) for camera in dataset.cameras
    }
    if dataset.truth_names:
        inner["state"] = spaces.Box(-np.inf, np.inf, (len(dataset.truth_names),), np.float64)
    return spaces.Dict(inner)


def _action_space(dataset: BagDataset) -> Any:
    from gymnasium import spaces

    if dataset.discrete_actions:
        return spaces.Discrete(dataset.discrete_actions)
    actions = dataset.column("action")
    assert actions is not None
    bound = max(1.0, float(np.abs(actions).max()))
    return spaces.Box(-bound, bound, actions.shape[1:], np.float32)


@contextlib.contextmanager
def _datasets_in(folder: Path) -> Iterator[None]:
    """Minari writes where this variable says."""
    before = os.environ.get(_ROOT)
    os.environ[_ROOT] = str(folder.absolute())
    try:
        yield
    finally:
        if before is None:
            del os.environ[_ROOT]
        else:
            os.environ[_ROOT] = before
