"""Factories of objects whose import is expensive, because they belong to another package or to ROS.

Each factory is a function that imports them when it is called.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from robot_interface_ros.config import from_mapping
from robot_interface_ros.files.description import share_directory
from robot_interface_ros.realtime.newest import Freshness
from robot_interface_ros.robot import Array, Robot
from robot_interface_ros.robot_config import RobotDescription

if TYPE_CHECKING:
    from robot_interface_ros.bags.episodes import Judge


class Encoder(Protocol):
    """An image encoder of srl_ros."""

    id: str
    state_dim: int

    def encode(self, image: NDArray[np.uint8]) -> Array:
        """Encode `(height, width, 3)` uint8 rgb into `(state_dim,)` float64."""


class ShownDataset(Protocol):
    """A dataset out of bags, as srl_ros makes them, for people and for other programs."""

    dataset: Any
    """The `TransitionSource`."""

    def text(self) -> str:
        """Return what is in it, in words."""

    def save_contact_sheet(self, path: Path, rows: int, columns: int) -> None:
        """Write a picture of it."""

    def export(self, kind: str, folder: Path) -> Path:
        """Write it in another format, minari or lerobot; returns where it is."""


def simulated_robot(**settings: Any) -> Robot:
    """Return an in-process simulated robot; `settings`: those of the simulator node."""
    from robot_sim_ros.pybullet_robot import make_robot
    from robot_sim_ros.sim_config import SimConfig

    return make_robot(from_mapping(SimConfig, settings, "simulation"))


def check_imperfection(name: str) -> None:
    """Raise ConfigError, one line, unless `name` is an imperfection of the simulation or the path of its .yaml file."""
    from robot_sim_ros.imperfection.config import load_imperfection

    load_imperfection(name)


def check_world_file(world: str) -> None:
    """Raise ConfigError, one line, unless `world` is a world of the simulation or the path of its .yaml file."""
    from robot_sim_ros.world.config import load_world

    load_world(world)


def topic_robot(
    description: RobotDescription, namespace: str, freshness: Freshness | None, runtime: Any, **settings: Any
) -> Robot:
    """Return the client of a robot over topics; `settings`: those of `TopicRobot`.

    `freshness`: largest age of an observation in real time; None: lockstep. `runtime`: an open Runtime; None: the robot
    makes one and closes it.
    """
    from rl_trainer_ros.ros.robot_client.lockstep_exchange import Lockstep
    from rl_trainer_ros.ros.robot_client.realtime_exchange import RealTime
    from rl_trainer_ros.ros.robot_client.topic_robot import TopicRobot

    mode = Lockstep() if freshness is None else RealTime(freshness)
    return TopicRobot(runtime, description, namespace, mode=mode, **settings)


def load_encoder(folder: str | Path) -> Encoder:
    """Return the in-process encoder saved in `folder`."""
    from srl_ros.encoder import Encoder as SrlEncoder

    return SrlEncoder.load(folder)


def train_encoder(
    method: str,
    images: NDArray[np.uint8],
    ground_truth: Array,
    names: tuple[str, ...],
    folder: str | Path,
    seed: int,
) -> Encoder:
    """Train an encoder with the settings of `config/srl/<method>.yaml` and save it in `folder`.

    `images`: `(n, height, width, 3)` uint8 rgb; `ground_truth`: `(n, k)` with one of `names` per column.
    """
    from srl_ros.config import TrainingConfig
    from srl_ros.dataset import Dataset
    from srl_ros.training import train

    settings = TrainingConfig.load(share_directory() / "config" / "srl" / f"{method}.yaml", seed=seed)
    return train(Dataset(images, ground_truth, names), settings, Path(folder))


def bag_dataset(
    paths: Sequence[str | Path],
    cameras: Sequence[str] = (),
    judge: Judge | None = None,
    judged_by: str = "",
    note: Callable[[str], None] | None = None,
) -> ShownDataset:
    """Return the dataset of recorded bags; see `srl_ros.data.bag_dataset`. Raises ConfigError, ValueError, one line."""
    from srl_ros.data.bag_dataset import BagDataset
    from srl_ros.data.shown import Shown

    return Shown(BagDataset(paths, cameras, judge, judged_by, note))


def calibrate(**settings: Any) -> int:
    """Calibrate servos together with a person at the terminal, and write a hardware file; return the exit code.

    `settings`: those of `rl_trainer calibrate`.
    """
    from robot_driver_ros.calibration.calibrate_robot import calibrate_robot

    return calibrate_robot(**settings)


def find_port() -> int:
    """Print the serial ports of this machine; return the exit code."""
    from robot_driver_ros.boards.find_port import find_port

    return find_port()
