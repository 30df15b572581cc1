"""`rl_trainer train_srl`: record images in the simulator, and train an encoder with them."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rl_trainer_ros.arm.gaze import SEEN
from rl_trainer_ros.cli.command import Command
from rl_trainer_ros.cli.shown_progress import Progress
from rl_trainer_ros.environments.env_config import EnvConfig
from rl_trainer_ros.recording.record_config import DRIFT, MIXED, RANDOM
from robot_interface_ros.command_lines import command_line
from robot_interface_ros.config import ConfigError, option, unknown_name
from robot_interface_ros.files.paths import check_folder, listed_paths
from robot_interface_ros.robot_config import robot_config
from robot_interface_ros.start import leaving_at_once

if TYPE_CHECKING:
    from rl_trainer_ros.environments.transition_recording import TransitionRecorder

_COPIES = 2
"""Recorded images are in memory twice while their files are joined."""
RECORDING = "recording"
"""Folder in that of an encoder: the images of the simulator until the training has ended."""


@dataclass(frozen=True)
class TrainSrlOptions:
    """Arguments of `rl_trainer train_srl`."""

    srl_model: str = option("autoencoder", "encoder to train; rl_trainer list what:=srl_models shows all")
    losses: str = option(
        "", "losses that replace those of the method: 'autoencoder:1 inverse:2', 'autoencoder:1:20 inverse:2:10'"
    )
    network: str = option("", "network that replaces that of the method, such as small_cnn or resnet18")
    state_dim: int = option(0, "number of values in a state; 0: that of the method", minimum=0, maximum=4096)
    cameras: tuple[str, ...] = option(
        (), "cameras that are encoded together; empty: those of the method, usually external"
    )
    image_size: int = option(
        64,
        "width and height of the simulator's images, pixels, a multiple of 4; trainings with this encoder render the same",
        minimum=16,
        maximum=512,
    )
    gaze: str = option(
        "",
        "point at which the eyes look in the images: target, hand, or estimate: the target, with errors like those of an "
        "estimate; empty: head and eyes do not move. Trainings with this encoder do the same",
        choices=("", "target", "hand", "estimate"),
    )
    reward_law: str = option(
        "",
        "for reward_place: how the reward depends on the place of the target; empty: as in config/srl/, progress. success for "
        "sparse rewards",
        choices=("", "progress", "distance", "success"),
    )
    epochs: int = option(0, "number of passes over the images; 0: as in config/srl/", minimum=0, maximum=10_000)
    device: str = option("auto", "device for the training: auto, cpu or cuda", choices=("auto", "cpu", "cuda"))
    robot: str = option("inmoov", "robot in the images", path=True)
    task: str = option("reach", "task whose world the images show")
    bags: str = option(
        "", "recorded bags to train on, several with commas, instead of images from the simulator; see docs/datasets.md"
    )
    images: int = option(10_000, "number of images to record in the simulator", minimum=100, maximum=1_000_000)
    imperfection: str = option(
        "", "imperfections: a name in config/imperfections/, or the path of a .yaml file", path=True
    )
    seed: int = option(0, "seed of recording and training", minimum=0, maximum=2**31 - 1)
    log_dir: str = option("runs", "the model goes to <log_dir>/srl/<srl_model>, or as srl_models says", path=True)
    srl_models: str = option(
        "",
        "table of the folders of encoders by robot and task; empty: this package's config/srl_models.yaml",
        path=True,
    )


def record_and_train(options: TrainSrlOptions) -> int:
    """Record, train, save in the folder of the table of encoders, and print the next command."""
    with leaving_at_once():
        from rl_trainer_ros import factories

    models = factories.srl_models()
    if options.srl_model not in models:
        raise ConfigError(unknown_name("srl_model", options.srl_model, models))
    if models[options.srl_model]:
        raise ConfigError(
            f"srl_model {options.srl_model} is the observation {models[options.srl_model]}, which needs no training: "
            f"{command_line('train', f'srl_model:={options.srl_model}')}"
        )
    cameras = options.cameras or factories.srl_cameras(options.srl_model)
    config = factories.training_config(options.srl_model, **_settings(options, cameras))
    if options.bags and options.image_size != TrainSrlOptions().image_size:
        raise ConfigError(
            "image_size is that of images from the simulator, and bags have images already; leave one out"
        )
    factories.check_training(config, cameras, options.image_size)  # errors before the recording
    seeker = {"log_dir": options.log_dir, "robot": options.robot, "task": options.task, "table": options.srl_models}
    folder = factories.encoder_place(options.srl_model, **seeker)
    check_folder("the folder of the encoder", folder)
    if options.bags:
        paths = listed_paths(options.bags)
        source = factories.bag_dataset(paths, cameras, note=print).dataset
        _check_teacher(source, config)
        config = dataclasses.replace(config, **_shown_in(source, options))
        _check_places(config, source.cameras, options)
    else:
        source = factories.dataset(**recorded(options, cameras, folder / RECORDING))
    height, width, _ = source.image_shape
    came = "read" if options.bags else "recorded"
    print(f"{came} {len(source):,} images of {width}x{height} pixels, {', '.join(cameras)}", flush=True)
    encoder = factories.train_encoder(source, config, folder)
    forget_recording(folder)
    print(f"encoder saved in {folder}; train with it: {_next(options, bool(encoder.estimates))}", flush=True)
    return 0


def _check_memory(options: TrainSrlOptions, cameras: tuple[str, ...]) -> None:
    """Raise ConfigError, one line, if the images from the simulator do not fit into this machine's memory."""
    needed = _COPIES * options.images * 2 * len(cameras) * 3 * options.image_size**2
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > there:
        raise ConfigError(
            f"{options.images:,} images of {options.image_size}x{options.image_size} pixels of {len(cameras)} cameras need "
            f"{needed / 1e9:,.1f} GB of memory, and this machine has {there / 1e9:,.1f} GB; record bags, which stay on the "
            f"disk: {command_line('record', 'bag:=bags/for_srl')}, then train_srl bags:=bags/for_srl"
        )


_PLACES = ("supervised", "estimate", "reward_place")
"""Losses that learn where the target is."""


def moving_cameras(robot: str) -> set[str]:
    """Return the names of the cameras that are on the robot, not beside it."""
    return {name for name, camera in robot_config(robot).cameras.items() if camera.frame is not None}


def recorded(options: TrainSrlOptions, cameras: tuple[str, ...], folder: Path) -> dict[str, Any]:
    """Return transitions from the simulator as the parts of a dataset. The same options give the same bits.

    They are kept in files of `folder`; those that are there from an interrupted recording are not recorded again. Raises
    ConfigError, one line, for more images than fit into the memory.
    """
    _check_memory(options, cameras)
    with leaving_at_once():
        from rl_trainer_ros.environments import requirements
        from rl_trainer_ros.environments.kept_transitions import kept
        from rl_trainer_ros.environments.make_env import Connection, make_environment
        from rl_trainer_ros.environments.transition_recording import TransitionRecorder
        from rl_trainer_ros.recording.policies import TowardsTarget

    given = {"end_at_success": False} if options.task == "reach" else {}  # images of a hand at its target
    looks = "target" if options.gaze == "estimate" else options.gaze
    size = requirements.sized((options.image_size, options.image_size))
    config = EnvConfig(options.task, given, robot=options.robot, imperfection=options.imperfection, gaze=looks)

    @contextlib.contextmanager
    def simulated() -> Iterator[TransitionRecorder]:
        environment = make_environment(config, Connection(simulation={"cameras": cameras, **size}))
        try:
            errs = options.gaze == "estimate"
            scripted = None
            if environment.action_space.shape != (len(environment.arm.indices),):  # the hand's motions, as in the arena
                scripted = lambda: partial(TowardsTarget(environment).motion, environment)  # noqa: E731
            yield TransitionRecorder(environment, cameras, options.seed, not options.imperfection, errs, scripted)
        finally:
            environment.close()

    names = ("task", "robot", "imperfection", "seed")
    settings = {**{name: getattr(options, name) for name in names}, "cameras": list(cameras)}
    settings |= {"gaze": options.gaze} if options.gaze else {}
    settings |= size
    settings["files"] = [_stamp(Path(text)) for text in (options.robot, options.imperfection)]
    progress = Progress("image", options.images)

    def begin(done: int) -> None:
        progress.begin(done)
        if done:
            print(f"{done:,} images are in {folder}; recording continues after them", flush=True)

    found = kept(folder, settings, simulated, options.images, progress.show, begin)
    return {"cameras": cameras, **found}


def forget_recording(folder: Path) -> None:
    """Remove the images that `recorded` has kept in the folder of an encoder; other files there stay."""
    from rl_trainer_ros.environments.kept_transitions import forget

    forget(folder / RECORDING)


def _stamp(path: Path) -> list[int]:
    """Return size and time of a file that a setting names; empty: it names no file."""
    return [path.stat().st_size, path.stat().st_mtime_ns] if path.is_file() else []


def _settings(options: TrainSrlOptions, cameras: tuple[str, ...]) -> dict[str, Any]:
    """Return the given settings of the training. Images of eyes alone that look tell where the target is from there."""
    given: dict[str, Any] = {
        name: getattr(options, name) for name in ("losses", "network", "state_dim", "gaze", "reward_law", "epochs")
    }
    if not options.bags:
        given["robot"] = options.robot
    if options.gaze and not options.bags and all(camera in moving_cameras(options.robot) for camera in cameras):
        given["truth_names"] = SEEN
    return {"seed": options.seed, "device": options.device, **{name: value for name, value in given.items() if value}}


def _check_teacher(bags: Any, config: Any) -> None:
    """Raise ConfigError, one line, if the actions to learn from are of a policy that does not know the target."""
    blind = [name for name in bags.policies if name in (RANDOM, DRIFT, MIXED)]
    if blind and any(loss.name == "distillation" for loss in config.all_losses):
        raise ConfigError(
            f"distillation learns the actions of a policy that knows the target, and these bags have policy:={blind[0]}; "
            f"record them with policy:=scripted or a trained run: {command_line('record', 'policy:=scripted')}"
        )


def _check_places(config: Any, cameras: tuple[str, ...], options: TrainSrlOptions) -> None:
    """Raise ConfigError, one line, if a place is to be learned from images of eyes alone that turned in the bags."""
    turned = config.gaze and all(camera in moving_cameras(config.robot or options.robot) for camera in cameras)
    if turned and any(loss.name in _PLACES for loss in config.all_losses):
        raise ConfigError(
            f"the eyes turned in these bags (gaze {config.gaze}), and images of eyes alone do not show where the target is in "
            "the robot's root frame; name a camera beside the robot too, or train from the simulator's images: "
            + command_line("train_srl", f"srl_model:={options.srl_model}", f"gaze:={config.gaze}")
        )


def _shown_in(bags: Any, options: TrainSrlOptions) -> dict[str, str]:
    """Return the settings `robot` and `gaze` of an encoder of bags: what their images show. Print what is not as given.

    Raises ConfigError, one line, for bags with several gazes, unless one is given.
    """
    found: dict[str, str] = {}
    if bags.robots and Path(options.robot).stem not in bags.robots:
        found["robot"] = bags.robots[0]
        print(f"the bags show {', '.join(bags.robots)}, and robot is {options.robot}; trainings with this encoder need "
              f"robot:={bags.robots[0]}", flush=True)  # fmt: skip
    elif bags.robots or options.robot != TrainSrlOptions().robot:  # a plain recording does not say
        found["robot"] = options.robot
    seen = bags.gazes
    if len(seen) > 1 and not options.gaze:
        raise ConfigError(
            f"the eyes look at different points in these bags ({', '.join(seen)}); name bags of one gaze, or give the gaze of "
            "the trainings with this encoder: gaze:=..."
        )
    if options.gaze and seen and options.gaze not in seen:
        print(
            f"gaze is {', '.join(seen)} in the bags; trainings with this encoder have gaze:={options.gaze}", flush=True
        )
    elif seen == ("action",):
        print("the policy turned the eyes in these bags; give trainings with this encoder gaze:=action too", flush=True)
    elif seen and not options.gaze and seen[0] != "none":
        found["gaze"] = seen[0]
    return found


def _next(options: TrainSrlOptions, estimates: bool = False) -> str:
    """Return the command line that trains a policy with this encoder."""
    defaults = TrainSrlOptions()
    same = ("task", "robot", "imperfection", "log_dir", "srl_models")
    more = [f"{name}:={getattr(options, name)}" for name in same if getattr(options, name) != getattr(defaults, name)]
    more += ["observation.estimate:=true"] if estimates else []
    return command_line("train", f"srl_model:={options.srl_model}", *more)


COMMAND = Command(
    "train_srl",
    "train an image encoder with images of the simulator or of recorded bags; continues a killed training",
    run=record_and_train,
    options=TrainSrlOptions,
    examples=(
        "rl_trainer train_srl srl_model:=autoencoder",
        "rl_trainer train_srl srl_model:=autoencoder bags:=bags/a,bags/b    # recorded with rl_trainer record",
        "rl_trainer train_srl srl_model:=vae cameras:='[external, above]'",
        "rl_trainer train_srl srl_model:=reward_place cameras:=external,above images:=20000",
        "rl_trainer train_srl srl_model:=autoencoder losses:='autoencoder:1:20 inverse:2:10'",
    ),
)
