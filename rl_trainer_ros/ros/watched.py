"""Publish markers during a training, if `markers` is set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from rl_trainer_ros.arm.workspace import ReachWorkspace
from rl_trainer_ros.environments.environment import RobotEnv
from rl_trainer_ros.training.callbacks.watching import WatchCallback
from rl_trainer_ros.training.trainer_config import TrainerConfig
from robot_interface_ros.robot import Array
from robot_interface_ros.ros.transport.runtime import Runtime

POINTS, POINTS_SEED, TRAVEL_S = 1500, 0, 4.2  # sampled points of the workspace, as in the task reach


@contextmanager
def watched(
    runtime: Runtime, config: TrainerConfig, environments: Sequence[RobotEnv]
) -> Iterator[Sequence[WatchCallback]]:
    """Yield the callbacks that publish markers: one if `config.markers` is set, otherwise none."""
    if not config.markers:
        yield ()
        return
    from rl_trainer_ros.ros.marker_publisher import MarkerPublisher

    roots = [environment.arm.description.model.root for environment in environments]
    publisher = MarkerPublisher(runtime, config.namespaces[: len(environments)], roots)
    for i, environment in enumerate(environments):
        publisher.show_workspace(i, reachable(environment))
    try:
        yield (WatchCallback(environments, publisher.show),)
    finally:
        publisher.close()


def reachable(environment: RobotEnv, points: int = POINTS) -> Array:
    """Return positions that the end effector can reach in an episode of reach, `(points, 3)` m, root frame."""
    generator = np.random.default_rng(POINTS_SEED)
    workspace = ReachWorkspace(environment.arm, TRAVEL_S)
    return np.array([workspace.draw(generator) for _ in range(points)])
