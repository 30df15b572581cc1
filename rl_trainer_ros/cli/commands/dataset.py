"""`rl_trainer dataset`: show, repair and export recorded bags."""

from __future__ import annotations

import dataclasses
import sys
from dataclasses import dataclass
from pathlib import Path

from rl_trainer_ros.bringup.setting_texts import from_words
from rl_trainer_ros.cli.command import Command
from robot_interface_ros.config import ConfigError, option
from robot_interface_ros.files.paths import beside, check_file, check_folder, listed_paths
from robot_interface_ros.start import leaving_at_once

_FORMATS = ("", "minari", "lerobot")


@dataclass(frozen=True)
class DatasetOptions:
    """Arguments of `rl_trainer dataset`."""

    bags: str = option(
        "",
        "bags: folders, .mcap or .db3 files, folders of bags; several separated by commas, or as words without a name",
        path=True,
    )
    cameras: tuple[str, ...] = option((), "cameras, in this order; empty: those that all bags have")
    sheet: str = option("", "contact sheet to write, a .png file; empty: none", path=True)
    rows: int = option(8, "number of episodes on the contact sheet", minimum=1, maximum=100)
    columns: int = option(8, "number of images per episode", minimum=1, maximum=100)
    task: str = option(
        "", "task that computes rewards for a recording without rewards, such as reach; empty: no rewards"
    )
    robot: str = option("inmoov", "robot of that task", path=True)
    repair: bool = option(False, "write incomplete bags again, with an index, as <bag>_repaired")
    export: str = option("", "write the dataset in another format too: minari or lerobot", choices=_FORMATS)
    to: str = option("", "folder of the export; empty: next to the first bag", path=True)


def show_dataset(options: DatasetOptions) -> int:
    """Print the content of the bags, and write the contact sheet and the export, if configured."""
    with leaving_at_once():
        from rl_trainer_ros import factories

    paths = [Path(text) for text in listed_paths(options.bags)]
    if not paths:
        raise ConfigError("name a bag: rl_trainer dataset bags:=bags/<name>")
    if options.sheet and not options.sheet.endswith(".png"):
        raise ConfigError(f"sheet is {options.sheet}; a contact sheet is a .png file")
    if options.sheet:
        check_file("sheet", options.sheet)
    if options.to and not options.export:
        raise ConfigError("to is the folder of an export; name its format: export:=lerobot or export:=minari")
    if options.to:
        check_folder("to", options.to)
    if options.repair:
        return _repair(paths)
    judge, judged_by = None, ""
    if options.task:
        from rl_trainer_ros.environments.env_config import EnvConfig
        from rl_trainer_ros.recording.judge import judge_of

        judge, judged_by = judge_of(EnvConfig(task=options.task, robot=options.robot))
    dataset = factories.bag_dataset(paths, options.cameras, judge, judged_by, _note)
    print(dataset.text())
    if options.sheet:
        dataset.save_contact_sheet(Path(options.sheet), options.rows, options.columns)
        print(f"  contact sheet {options.sheet}")
    if options.export:
        named = paths[0].with_suffix("") if paths[0].is_file() else paths[0]
        to = Path(options.to) if options.to else beside(named, f".{options.export}")
        print(f"  {options.export:<14}{dataset.export(options.export, to)}")
    return 0


def _repair(paths: list[Path]) -> int:
    from robot_interface_ros.bags.bag_reader import find_bags
    from robot_interface_ros.bags.repair import repaired

    for path in paths:
        for bag in find_bags(path, _note):
            print(f"repaired: {repaired(bag, _note)}")
    return 0


def _note(line: str) -> None:
    print(f"  note: {line}", file=sys.stderr, flush=True)


def _read(words: list[str]) -> DatasetOptions:
    """Read the settings; words without a name are bags."""
    bags = [word for word in words if ":=" not in word and not word.startswith("-")]
    options = from_words(DatasetOptions, [word for word in words if word not in bags], "dataset")
    both = [*([options.bags] if options.bags else []), *bags]
    return dataclasses.replace(options, bags=",".join(both))


COMMAND = Command(
    "dataset",
    "show recorded bags: episodes, rewards, cameras, images; repair and export them",
    run=show_dataset,
    options=DatasetOptions,
    read=_read,
    examples=(
        "rl_trainer dataset bags:=bags/2026-01-31_12-00-00_reach_seed0 sheet:=my_sheet.png",
        "rl_trainer dataset bags:=bags/a,bags/b export:=lerobot to:=my_dataset",
        "rl_trainer dataset bags:=rosbag2_2026_01_31 task:=reach # a plain ros2 bag record",
    ),
)
