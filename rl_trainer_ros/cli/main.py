"""`rl_trainer`: train, evaluate and the like, with ROS-style `name:=value` arguments."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Mapping
from typing import Any
from xml.etree import ElementTree

from rl_trainer_ros.bringup import ros_arguments, toolbox_spellings
from rl_trainer_ros.bringup.setting_texts import UsageError, from_words, parse_words, setting_line
from rl_trainer_ros.cli import examples, robot_commands
from rl_trainer_ros.cli.commands import completion, listing
from rl_trainer_ros.cli.commands.completion import CompletionOptions
from rl_trainer_ros.cli.commands.curves import CurvesOptions, draw_curves
from rl_trainer_ros.cli.commands.evaluate import EvaluateError, EvaluateOptions, evaluate_run
from rl_trainer_ros.cli.commands.listing import ListOptions
from rl_trainer_ros.cli.commands.train_srl import TrainSrlOptions, record_and_train
from rl_trainer_ros.cli.robot_commands import (
    CalibrateOptions,
    ContractCheckOptions,
    EnableOptions,
    FindPortOptions,
    MoveOptions,
    Ros2ControlOptions,
    StatusOptions,
    StopOptions,
)
from robot_interface_ros.config import unknown_name
from robot_interface_ros.errors import RobotError, StopRequested
from robot_interface_ros.files.description import share_directory
from robot_interface_ros.start import INTERRUPTED, OUTPUT_CLOSED, discard, interruptible

WHOLE_SYSTEMS = ("train", "robots")  # commands that hand ROS arguments to every process
OVER_TOPICS = (
    "evaluate",
    "move",
    "stop",
    "enable",
    "contract_check",
    "status",
)  # and those that take them for themselves


def train(words: list[str]) -> int:
    """Start simulator, SRL node and trainer; ends with the trainer's exit code."""
    from rl_trainer_ros.bringup import preflight, supervisor
    from rl_trainer_ros.bringup import system as bringup

    own, ros = ros_arguments.split(words)
    system = bringup.system(parse_words(own), ros=ros)
    preflight.check(system.config)
    return supervisor.run(system)


def robots(words: list[str]) -> int:
    """Serve robots for a trainer elsewhere, until Ctrl-C."""
    from rl_trainer_ros.bringup import supervisor
    from rl_trainer_ros.bringup import system as bringup

    own, ros = ros_arguments.split(words)
    return supervisor.run(bringup.robots(parse_words(own), ros=ros))


def evaluate(words: list[str]) -> int:
    """Measure a trained model on unseen targets."""
    return evaluate_run(from_words(EvaluateOptions, words, "evaluate"))


def train_srl(words: list[str]) -> int:
    """Record images in the simulator and train an encoder on them."""
    return record_and_train(from_words(TrainSrlOptions, words, "train_srl"))


def curves(words: list[str]) -> int:
    """Draw learning curves."""
    return draw_curves(from_words(CurvesOptions, words, "curves"))


def list_names(words: list[str]) -> int:
    """Print what can be chosen."""
    print(listing.text(from_words(ListOptions, words, "list")))
    return 0


def complete(words: list[str]) -> int:
    """Print the script by which a shell completes our command lines."""
    from rl_trainer_ros.bringup.launch_arguments import BringupConfig
    from rl_trainer_ros.training.trainer_config import TrainerConfig

    options = from_words(CompletionOptions, words, "completion")
    launch = (TrainerConfig, BringupConfig)
    classes = {name: launch if settings is None else (settings,) for name, (_, _, settings) in COMMANDS.items()}
    print(completion.script(options.shell, classes))
    return 0


COMMANDS: Mapping[str, tuple[Callable[[list[str]], int], str, Any]] = {
    "train": (train, "train a policy over topics: starts simulator, SRL node and trainer", None),
    "robots": (robots, "serve robots for a trainer elsewhere: starts simulators or driver alone", None),
    "evaluate": (evaluate, "measure a trained policy on unseen targets", EvaluateOptions),
    "curves": (curves, "draw the learning curves of a run, or of several in one picture", CurvesOptions),
    "train_srl": (train_srl, "train an image encoder on images recorded off the simulator", TrainSrlOptions),
    "find_port": (robot_commands.find_port, "list serial ports, Arduinos first", FindPortOptions),
    "calibrate": (robot_commands.calibrate, "calibrate a physical robot's servos one by one", CalibrateOptions),
    "move": (robot_commands.move, "move single joints of a robot in real time: joint:=rad ...", MoveOptions),
    "status": (
        robot_commands.status,
        "what a robot does: joints, targets, pulses, streams, who serves and commands it; exit code 0: it may move, "
        "1: stopped or at fault, 2: not there",
        StatusOptions,
    ),
    "stop": (robot_commands.stop, "emergency stop of a robot, until enable", StopOptions),
    "enable": (robot_commands.enable, "let a stopped robot move again, or take its torque off", EnableOptions),
    "contract_check": (
        robot_commands.contract_check,
        "check a robot against docs/robot_contract.md, point by point",
        ContractCheckOptions,
    ),
    "ros2_control": (
        robot_commands.ros2_control,
        "write the files by which ros2_control and MoveIt command a robot",
        Ros2ControlOptions,
    ),
    "list": (
        list_names,
        "list tasks, actions, observations, algorithms, robots, worlds and what goes together",
        ListOptions,
    ),
    "completion": (complete, "print a script for the shell's tab key", CompletionOptions),
}


def help_text(command: str | None = None) -> str:
    """What `--help` prints."""
    if command is None:
        lines = [f"  {name:<16}{text}" for name, (_, text, _) in COMMANDS.items()]
        return (
            "usage: rl_trainer COMMAND [name:=value ...]\n\ncommands:\n"
            + "\n".join(lines)
            + examples.lines()
            + "\n\n`rl_trainer COMMAND --help` lists a command's settings; `rl_trainer --version` prints the version."
        )
    _, text, options = COMMANDS[command]
    if options is None:
        from rl_trainer_ros.bringup import system as bringup

        settings = bringup.help_text(serving=command == "robots")
    else:
        settings = "\n".join(setting_line(field) for field in dataclasses.fields(options))
    settings = f"\n\nsettings and their defaults:\n{settings}" if settings else ""
    return f"usage: rl_trainer {command} [name:=value ...]\n\n{text}{examples.lines(command)}{settings}"


def version() -> str:
    """Return this package's version, as package.xml has it."""
    return ElementTree.parse(share_directory() / "package.xml").findtext("version", "unknown")


def run(words: list[str]) -> int:
    """Run one command line; returns the exit code."""
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
    if words[0] in WHOLE_SYSTEMS:
        return COMMANDS[words[0]][0](words[1:])
    own, ros = ros_arguments.split(words[1:])
    if ros.words and words[0] not in OVER_TOPICS:
        raise UsageError(f"{words[0]} has no topics, so it takes no --ros-args; leave them out")
    return COMMANDS[words[0]][0](own)  # its Runtime reads the command line itself


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
    except (ValueError, RobotError, EvaluateError, OSError) as error:
        print(f"rl_trainer: {error}", file=sys.stderr)
        return 2
    except (KeyboardInterrupt, StopRequested):
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
