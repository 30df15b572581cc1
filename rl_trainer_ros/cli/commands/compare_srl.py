"""`rl_trainer compare_srl`: encoders in one table."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path

from rl_trainer_ros.cli.command import Command
from rl_trainer_ros.cli.commands.train_srl import RECORDING, TrainSrlOptions, forget_recording, recorded
from rl_trainer_ros.environments.requirements import DEFAULT_IMAGE
from robot_interface_ros.command_lines import command_line
from robot_interface_ros.config import ConfigError, option
from robot_interface_ros.start import leaving_at_once


@dataclass(frozen=True)
class CompareSrlOptions:
    """Arguments of `rl_trainer compare_srl`."""

    encoders: tuple[str, ...] = option((), "folders of encoders; empty: all below <log_dir>/srl")
    log_dir: str = option("runs", "where encoders are looked for", path=True)
    images: int = option(
        0, "images to record and to judge all encoders on; 0: figures of each training", minimum=0, maximum=1_000_000
    )
    robot: str = option("inmoov", "robot to take images of", path=True)
    task: str = option("reach", "task whose world the images show")
    seed: int = option(1000, "seed of the images; another than that of the trainings", minimum=0, maximum=2**31 - 1)
    to: str = option("", "folder of encoders.csv and encoders.png; empty: <log_dir>/srl", path=True)


def compare(options: CompareSrlOptions) -> int:
    """Print the table, and write it with its picture."""
    with leaving_at_once():
        from rl_trainer_ros import factories

    root = Path(options.log_dir) / "srl"
    folders = options.encoders or _usable(root)
    if not folders:
        raise ConfigError(f"no encoders below {root}; make one with: {command_line('train_srl')}")
    source, to = None, Path(options.to) if options.to else root
    if options.images:
        _tell_other_robots(folders, options.robot)
        cameras = tuple(dict.fromkeys(camera for folder in folders for camera in factories.encoder_cameras(folder)))
        wanted = TrainSrlOptions(images=options.images, robot=options.robot, task=options.task, seed=options.seed)
        wanted = replace(wanted, image_size=_image_size(folders), gaze=_gaze(folders))
        source = factories.dataset(**recorded(wanted, cameras, to / RECORDING))
    print("\n".join(factories.compare_encoders(folders, to, source)))
    if source is not None:
        forget_recording(to)
    print(f"table and picture: {to / 'encoders.csv'}, {to / 'encoders.png'}")
    return 0


def _usable(root: Path) -> tuple[str, ...]:
    """Return the folders of the encoders below `root`; those that cannot be loaded are told and left out."""
    from rl_trainer_ros import factories

    found: list[str] = []
    for path in sorted(root.rglob("encoder.json")):
        try:
            factories.load_encoder(path.parent)
            found.append(str(path.parent))
        except ValueError as error:
            print(f"left out: {error}", file=sys.stderr)
    return tuple(found)


def _tell_other_robots(folders: tuple[str, ...], robot: str) -> None:
    """Print a line for each encoder whose images show another robot than those on which all are judged."""
    from rl_trainer_ros import factories

    for folder in folders:
        shown = factories.encoder_robot(folder)
        if shown and Path(shown).stem != Path(robot).stem:
            print(f"{folder} was trained on images of {shown}, and is judged on images of {robot}", file=sys.stderr)


def _gaze(folders: tuple[str, ...]) -> str:
    """Return the gaze of the images of all encoders. Raises ConfigError, one line, if these differ."""
    from rl_trainer_ros import factories

    gazes = {factories.encoder_gaze(folder): folder for folder in folders}
    if len(gazes) > 1:
        listed = ", ".join(f"gaze:={gaze or 'none'} in {folder}" for gaze, folder in gazes.items())
        raise ConfigError(
            f"images of {listed} cannot be recorded together; name encoders of one gaze: encoders:='[...]', or leave images out"
        )
    return next(iter(gazes))


def _image_size(folders: tuple[str, ...]) -> int:
    """Return width and height of the images that all encoders need, pixels. Raises ConfigError, one line, if there is none."""
    from rl_trainer_ros import factories

    sizes = sorted({factories.encoder_image_size(folder) or DEFAULT_IMAGE for folder in folders})
    width, height = sizes[0]
    if len(sizes) > 1 or width != height:
        listed = ", ".join(f"{across}x{down}" for across, down in sizes)
        raise ConfigError(
            f"images for {listed} pixels cannot be recorded together; name encoders of one square size: encoders:='[...]', "
            "or leave images out"
        )
    return width


COMMAND = Command(
    "compare_srl",
    "compare encoders: how exactly their states give target and hand, in one table and picture",
    run=compare,
    options=CompareSrlOptions,
    examples=(
        "rl_trainer compare_srl",
        "rl_trainer compare_srl encoders:='[runs/srl/vae, runs/srl/dae]' images:=2000",
    ),
)
