"""`rl_trainer replay`: show a recorded bag on a web page, with a time slider."""

from __future__ import annotations

import dataclasses
import sys
from dataclasses import dataclass
from pathlib import Path

from rl_trainer_ros.bringup.setting_texts import from_words
from rl_trainer_ros.cli.command import Command
from robot_interface_ros.config import ConfigError, option
from robot_interface_ros.start import leaving_at_once

_PAGE = ("port", "host", "token", "rate_hz")


@dataclass(frozen=True)
class ReplayOptions:
    """Arguments of `rl_trainer replay`."""

    bag: str = option(
        "", "bag to show: a folder, a .mcap or .db3 file, or a folder of bags; also as a word without a name", path=True
    )
    robot: str = option(
        "",
        "robot of a bag without robot_description: a name or the path of a .yaml file; empty: the bag has it",
        path=True,
    )
    port: int = option(8080, "port of the page; if it is in use, the next free one", minimum=1, maximum=65535)
    host: str = option("127.0.0.1", "address to listen on; one that other machines can reach needs a token")
    token: str = option("", "secret that the address must contain, 12 characters or more; auto: the page makes one")
    rate_hz: float = option(20.0, "most updates of the page a second", minimum=1.0, maximum=60.0)


def replay(options: ReplayOptions) -> int:
    """Show the bag until Ctrl-C."""
    if not options.bag:
        raise ConfigError("name a bag: rl_trainer replay bag:=bags/<name>")
    with leaving_at_once():
        from rl_trainer_ros import factories

    urdf = end_effector = ""
    if options.robot:
        from robot_interface_ros.robot_config import load_robot

        robot = load_robot(options.robot)
        urdf, end_effector = robot.urdf, robot.config.end_effector
    page = {name: getattr(options, name) for name in _PAGE}
    return factories.show_recording(Path(options.bag), page, urdf, end_effector, _note)


def _note(line: str) -> None:
    print(f"  note: {line}", file=sys.stderr, flush=True)


def _read(words: list[str]) -> ReplayOptions:
    """Read the settings; a word without a name is the bag."""
    bags = [word for word in words if ":=" not in word and not word.startswith("-")]
    options = from_words(ReplayOptions, [word for word in words if word not in bags], "replay")
    both = [*([options.bag] if options.bag else []), *bags]
    if len(both) > 1:
        raise ConfigError(f"replay shows one bag, or a folder of bags, and {len(both)} are named")
    return dataclasses.replace(options, bag=both[0]) if both else options


COMMAND = Command(
    "replay",
    "show a recorded bag on a web page: the robot in 3-D, a time slider, episodes, cameras, the policy's numbers",
    run=replay,
    options=ReplayOptions,
    read=_read,
    examples=(
        "rl_trainer replay bag:=bags/2026-01-31_12-00-00_reach_seed0   # then open http://127.0.0.1:8080",
        "rl_trainer replay bag:=rosbag2_2026_01_31 robot:=inmoov       # a plain bag without robot_description",
    ),
)
