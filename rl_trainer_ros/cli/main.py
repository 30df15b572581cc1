"""`rl_trainer`: the command line for training, evaluation and other commands, with ROS-style `name:=value` arguments."""

from __future__ import annotations

import sys
from xml.etree import ElementTree

from rl_trainer_ros.bringup import toolbox_spellings
from rl_trainer_ros.bringup.setting_texts import UsageError
from rl_trainer_ros.cli.command import examples_text
from rl_trainer_ros.cli.commands import COMMANDS, load
from robot_interface_ros.config import unknown_name
from robot_interface_ros.errors import RobotError, StopRequested
from robot_interface_ros.files.description import share_directory
from robot_interface_ros.start import INTERRUPTED, OUTPUT_CLOSED, discard, interruptible

EXAMPLES = (
    "rl_trainer train                                        # reach, PPO, over topics",
    "rl_trainer evaluate                                     # the newest run on 500 unseen targets",
    "rl_trainer curves run:=runs/reach                       # all runs in this folder in one plot",
    "rl_trainer list what:=tasks settings:=true",
    'eval "$(rl_trainer completion)"                         # the tab key completes commands, settings and names',
)
"""Examples in `rl_trainer --help`."""


def help_text(command: str | None = None) -> str:
    """Return the text of `--help`, for all commands or for one."""
    if command is not None:
        return load(command).help()
    return (
        "usage: rl_trainer COMMAND [name:=value ...]\n\ncommands:\n"
        + "\n".join(f"  {name:<16}{load(name).summary}" for name in COMMANDS)
        + examples_text(EXAMPLES)
        + "\n\n`rl_trainer COMMAND --help` lists a command's settings; `rl_trainer --version` prints the version."
    )


def version() -> str:
    """Return the version of this package, from package.xml."""
    return ElementTree.parse(share_directory() / "package.xml").findtext("version", "unknown")


def run(words: list[str]) -> int:
    """Run one command line; return the exit code."""
    if not words or words[0] in ("-h", "--help", "help"):
        print(help_text(words[1] if words[1:] and words[1] in COMMANDS else None))
        return 0 if words else 2
    if words[0] in ("-V", "--version", "version"):
        print(f"rl_trainer_ros {version()}")
        return 0
    if words[0] not in COMMANDS:
        raise UsageError(toolbox_spellings.command(words[0]) or unknown_name("command", words[0], COMMANDS))
    if any(word in ("-h", "--help") for word in words[1:]):
        print(help_text(words[0]))
        return 0
    return load(words[0])(words[1:])


def main() -> int:
    """Entry point."""
    try:
        interruptible()
        code = run(sys.argv[1:])
        if sys.stdout is not None:
            sys.stdout.flush()
        return code
    except BrokenPipeError:  # rl_trainer list | head
        discard(sys.stdout)
        return OUTPUT_CLOSED
    except (ValueError, RobotError, OSError) as error:
        print(f"rl_trainer: {error}", file=sys.stderr)
        return 2
    except (KeyboardInterrupt, StopRequested):
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
