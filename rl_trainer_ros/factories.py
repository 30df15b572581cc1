"""Factories of objects whose import is expensive, because they belong to another package or to ROS.

Each factory is a function that imports them when it is called.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
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
    cameras: tuple[str, ...]
    estimates: tuple[str, ...]
    """Names of the ground truth that the state estimates: their values, then the logarithms of their deviations."""

    def encode_images(self, images: Mapping[str, NDArray[np.uint8]]) -> Array:
        """Encode the images of one moment, camera -> `(height, width, 3)` uint8 rgb, into `(state_dim,)` float64."""


class ShownDataset(Protocol):
    """A dataset out of bags, as srl_ros makes them, for people and for other programs."""

    dataset: Any
    """The `TransitionSource`."""

    def text(self) -> str:
        """Return its content in words."""

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


def open_runtime(namespaces: Sequence[str]) -> Any:
    """Return a context in which ROS runs: it gives a function that returns a Runtime and a SharedWaiter for `namespaces`."""
    from rl_trainer_ros.ros.robot_client.shared_waiter import open_runtime as opened

    return opened(namespaces)


def load_encoder(folder: str | Path) -> Encoder:
    """Return the in-process encoder saved in `folder`."""
    from srl_ros.encoder import Encoder as SrlEncoder

    return SrlEncoder.load(folder)


def srl_models() -> dict[str, str]:
    """Return the names of all srl_models, those of other packages included, and for each the observation it stands for.

    Empty: it is an encoder, which gives the observation srl_state.
    """
    from srl_ros.methods import METHODS

    return {name: METHODS.ours[name].observation if name in METHODS.ours else "" for name in METHODS}


def find_encoder(srl_model: str, **seeker: str) -> tuple[str, str]:
    """Return the method and the folder of the encoder that `srl_model` names: `srl_ros.naming`. Raises ConfigError.

    `seeker`: log_dir, robot, task, and `table`, the path of a table of encoders.
    """
    from srl_ros.naming import Seeker, find_encoder

    return find_encoder(srl_model, Seeker(**seeker))


def encoder_method(folder: str) -> str:
    """Return the method of the encoder in the folder that the setting srl_folder names. Raises ConfigError."""
    from srl_ros.naming import method_at

    return method_at(folder, "srl_folder")


def encoder_place(srl_model: str, **seeker: str) -> Path:
    """Return the folder that the table of encoders gives to `srl_model`; `seeker` as in `find_encoder`."""
    from srl_ros.naming import Seeker, place_of

    return Path(place_of(srl_model, Seeker(**seeker)))


def encoder_commands(srl_model: str, **seeker: str) -> tuple[str, str]:
    """Return the commands that make an encoder: from images of the simulator, and from recorded bags."""
    from srl_ros.naming import Seeker, commands_for

    return commands_for(srl_model, Seeker(**seeker), srl_cameras(srl_model))


def srl_cameras(srl_model: str) -> tuple[str, ...]:
    """Return the cameras that an encoder of `srl_model` uses unless others are asked for."""
    from srl_ros.methods import METHODS

    return METHODS[srl_model].cameras


def srl_summary(srl_model: str) -> str:
    """Return the purpose of the encoder's training in one line."""
    from srl_ros.methods import METHODS

    return METHODS[srl_model].summary


def encoder_cameras(folder: str | Path) -> tuple[str, ...]:
    """Return the cameras of the encoder saved in `folder`. It loads no weights and no torch."""
    from srl_ros.cameras import cameras_of

    return cameras_of(folder)


def encoder_image_size(folder: str | Path) -> tuple[int, int] | None:
    """Return width and height of the images that the encoder saved in `folder` needs; None: it does not say."""
    from srl_ros.cameras import image_size_of

    return image_size_of(folder)


def method_of(folder: str | Path) -> str:
    """Return the method that made the encoder in `folder`; empty: its file does not say."""
    from srl_ros.naming import method_of

    return method_of(folder)


def encoder_robot(folder: str | Path) -> str:
    """Return the robot in the images that the encoder saved in `folder` was trained on; empty: not known."""
    from srl_ros.cameras import robot_of

    return robot_of(folder)


def encoder_gaze(folder: str | Path) -> str:
    """Return the gaze of the images that the encoder saved in `folder` was trained on; empty: the eyes stood still."""
    from srl_ros.cameras import gaze_of

    return gaze_of(folder)


def training_config(srl_model: str, **settings: Any) -> Any:
    """Return the settings of a training of `srl_model`: those of config/srl/, under `settings`. Raises ConfigError."""
    from srl_ros.config import TrainingConfig

    return TrainingConfig.of_method(share_directory() / "config" / "srl", srl_model, **settings)


def dataset(**parts: Any) -> Any:
    """Return a `srl_ros.dataset.Dataset`, transitions in memory, of its fields."""
    from srl_ros.dataset import Dataset

    return Dataset(**parts)


def check_training(config: Any, cameras: tuple[str, ...], size: int = 64) -> None:
    """Raise ConfigError or DatasetError, one line, if no images of these cameras could be trained on with these settings.

    `size`: width and height of the images, pixels.
    """
    from srl_ros.training.check import check_training as check

    check(config, cameras, size)


def train_encoder(source: Any, config: Any, folder: str | Path, pictures: bool = True) -> Encoder:
    """Train an encoder on a source of transitions, with the settings of `training_config`, and save it in `folder`."""
    from srl_ros.training import train

    return train(source, config, Path(folder), pictures=pictures)


def check_encoder_learns(folder: str | Path) -> None:
    """Raise ConfigError, one line, unless the encoder in `folder` can continue to learn from images alone."""
    from srl_ros.encoder import Encoder as SrlEncoder
    from srl_ros.training.continue_training import config_of

    config_of(SrlEncoder.load(folder))


def continue_encoder(
    encoder: Path, images: Sequence[Path], to: Path, seed: int, epochs: int
) -> subprocess.Popen[bytes]:
    """Start a process that trains an encoder further on files of `save_images`, and saves the result in `to`."""
    request = {"encoder": str(encoder), "images": [str(path) for path in images], "to": str(to)}
    words = json.dumps({**request, "seed": seed, "epochs": epochs})
    to.mkdir(parents=True, exist_ok=True)
    with (to / "training.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "srl_ros.training.continue_training", words],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for the trainer, which ends this process
        )


def save_images(path: Path, images: NDArray[np.uint8], episodes: NDArray[np.int64], cameras: tuple[str, ...]) -> None:
    """Save images without a ground truth, (n, cameras, height, width, 3), as a dataset."""
    dataset(images=images, ground_truth=np.zeros((len(images), 0)), names=(), cameras=cameras, episode=episodes).save(
        path
    )


def images_in(path: Path) -> int:
    """Return the number of images in a file of `save_images`."""
    from srl_ros.dataset import Dataset

    return len(Dataset.load(path))


def compare_encoders(folders: Sequence[str | Path], to: str | Path, source: Any = None) -> list[str]:
    """Write the figures of encoders as a table and a picture into the folder `to`; return the lines of the table.

    `source`: transitions to judge all of them on; None: the figures of each training.
    """
    from srl_ros.training.comparison import compare

    return compare([Path(folder) for folder in folders], Path(to), source)


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


def show_recording(
    bag: Path, config: Mapping[str, Any], urdf: str, end_effector: str, note: Callable[[str], None]
) -> int:
    """Show a recorded bag on a web page until Ctrl-C; return the exit code. Raises ConfigError, one line.

    `config`: settings of the page; `urdf`, `end_effector`: for a bag without them.
    """
    from robot_page_ros.replay.show import show

    return show(bag, config, urdf, end_effector, note)


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
