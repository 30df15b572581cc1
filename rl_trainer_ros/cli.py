"""`rl_trainer`: train, evaluate and train_srl, with ROS-style `name:=value` arguments."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from robot_interface_ros.config import ConfigError, from_mapping, option, unknown_name
from robot_interface_ros.errors import RobotError


class UsageError(ConfigError):
    """The command line's words are off."""


def parse_words(words: list[str]) -> dict[str, str]:
    """Turn `name:=value` words into a mapping."""
    values = {}
    for word in words:
        name, separator, value = word.partition(":=")
        if not separator or not name:
            raise UsageError(f"cannot read '{word}'; write settings as name:=value, such as seed:=1")
        if name in values:
            raise UsageError(f"{name} is given twice")
        values[name] = value
    return values


def from_words(cls: type[Any], words: list[str], where: str) -> Any:
    """Make a settings dataclass from `name:=value` words."""
    import yaml

    values: dict[str, Any] = {}
    texts = {field.name for field in dataclasses.fields(cls) if field.type in ("str", str)}
    for name, text in parse_words(words).items():
        try:
            values[name] = text if name in texts else yaml.safe_load(text)
        except yaml.YAMLError:
            raise UsageError(f"{name}:={text} is not a value") from None
    return from_mapping(cls, values, where)


@dataclass(frozen=True)
class EvaluateOptions:
    """Arguments of `rl_trainer evaluate`."""

    run: str = option("latest", "run folder, or something in it such as its best/; or latest")
    model: str = option("final", "which of the run's models", choices=("final", "best"))
    episodes: int = option(500, "unseen targets", minimum=1, maximum=1_000_000)
    hold: bool = option(False, "go on after success, and tell whether the hand stays within reach for 5 steps")
    transport: str = option(
        "in_process",
        "in_process: simulated here; topics: on the robot that serves `namespace`",
        choices=("in_process", "topics"),
    )
    namespace: str = option("/env_0", "the robot's namespace, over topics")
    log_dir: str = option("runs", "where latest is looked for")


@dataclass(frozen=True)
class TrainSrlOptions:
    """Arguments of `rl_trainer train_srl`."""

    srl_model: str = option(
        "autoencoder", "what to train; see config/srl/", choices=("autoencoder", "supervised", "random")
    )
    robot: str = option("inmoov", "robot to take images of")
    images: int = option(10_000, "images to record in the simulator", minimum=100, maximum=1_000_000)
    seed: int = option(0, "seed of recording and training", minimum=0, maximum=2**31 - 1)
    log_dir: str = option("runs", "the model goes to <log_dir>/srl/<srl_model>")


def train(words: list[str]) -> int:
    """Start simulator, SRL node and trainer; ends with the trainer's exit code."""
    from rl_trainer_ros import bringup, supervisor

    return supervisor.run(bringup.system(parse_words(words)))


def evaluate(words: list[str]) -> int:
    """Measure a trained model on unseen targets."""
    from rl_trainer_ros.evaluate import evaluate_run

    return evaluate_run(from_words(EvaluateOptions, words, "evaluate"))


def train_srl(words: list[str]) -> int:
    """Record images in the simulator and train an encoder on them."""
    from rl_trainer_ros.train_srl import record_and_train

    return record_and_train(from_words(TrainSrlOptions, words, "train_srl"))


COMMANDS: Mapping[str, tuple[Callable[[list[str]], int], str, Any]] = {
    "train": (train, "train a policy over topics: starts simulator, SRL node and trainer", None),
    "evaluate": (evaluate, "measure a trained policy on unseen targets", EvaluateOptions),
    "train_srl": (train_srl, "train an image encoder on images recorded off the simulator", TrainSrlOptions),
}


def help_text(command: str | None = None) -> str:
    """What `--help` prints."""
    if command is None:
        lines = [f"  {name:<12}{text}" for name, (_, text, _) in COMMANDS.items()]
        return (
            "usage: rl_trainer COMMAND [name:=value ...]\n\ncommands:\n"
            + "\n".join(lines)
            + "\n\n`rl_trainer COMMAND --help` lists a command's settings."
        )
    _, text, options = COMMANDS[command]
    if options is None:
        from rl_trainer_ros import bringup

        settings = bringup.help_text()
    else:
        settings = "\n".join(_setting_line(field) for field in dataclasses.fields(options))
    return f"usage: rl_trainer {command} [name:=value ...]\n\n{text}\n\nsettings and their defaults:\n{settings}"


def _setting_line(field: dataclasses.Field[Any]) -> str:
    choices = field.metadata.get("choices")
    listed = f" ({' | '.join(choices)})" if choices else ""
    default = str(field.default).lower() if isinstance(field.default, bool) else field.default
    return f"  {f'{field.name}:={default}':<28}{field.metadata['description']}{listed}"


def run(words: list[str]) -> int:
    """Run one command line; returns the exit code."""
    if not words or words[0] in ("-h", "--help", "help"):
        print(help_text())
        return 0 if words else 2
    if words[0] not in COMMANDS:
        raise UsageError(unknown_name("command", words[0], COMMANDS))
    if any(word in ("-h", "--help") for word in words[1:]):
        print(help_text(words[0]))
        return 0
    return COMMANDS[words[0]][0](words[1:])


def main() -> int:
    """Entry point."""
    from rl_trainer_ros.model_files import ModelError

    try:
        return run(sys.argv[1:])
    except (ValueError, RobotError, ModelError, OSError) as error:
        print(f"rl_trainer: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
