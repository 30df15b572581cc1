"""Description of a command of `rl_trainer`. Each file in `cli/commands/` defines one with the name COMMAND."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rl_trainer_ros.bringup import ros_arguments
from rl_trainer_ros.bringup.setting_texts import UsageError, from_words, setting_line


@dataclass(frozen=True)
class Command:
    """One command: its help, its settings, its examples, and the function that runs it."""

    name: str
    summary: str
    run: Callable[[Any], int]
    """Runs the command and returns its exit code. Its argument is an instance of `options`, or the result of `read` if set."""
    options: type[Any] | None
    """The frozen dataclass of the settings. None: the command starts a whole system, and launch arguments are its settings."""
    examples: tuple[str, ...] = ()
    """Command lines that `--help` shows."""
    read: Callable[[list[str]], Any] | None = None
    """Converts the words after the command to the argument of `run`. None: the words are settings of `options`."""
    over_topics: bool = False
    """Whether the command is a ROS node, which reads the words after `--ros-args` itself."""
    settings_help: Callable[[], str] | None = None
    """Returns the lines of help about the settings. None: a line for each field of `options`."""

    def __call__(self, words: list[str]) -> int:
        """Run the command with the words that follow it. Raises UsageError, ConfigError, RobotError, OSError."""
        if self.options is None:
            return self.run(words if self.read is None else self.read(words))
        own, ros = ros_arguments.split(words)
        if ros.words and not self.over_topics:
            raise UsageError(f"{self.name} has no topics, so --ros-args have no effect; leave them out")
        return self.run(from_words(self.options, own, self.name) if self.read is None else self.read(own))

    def help(self) -> str:
        """Return the text of `rl_trainer COMMAND --help`."""
        if self.settings_help is not None:
            settings = self.settings_help()
        else:
            fields = () if self.options is None else dataclasses.fields(self.options)
            settings = "\n".join(setting_line(field) for field in fields)
        settings = f"\n\nsettings and their defaults:\n{settings}" if settings else ""
        return (
            f"usage: rl_trainer {self.name} [name:=value ...]\n\n{self.summary}{examples_text(self.examples)}{settings}"
        )


def examples_text(examples: tuple[str, ...]) -> str:
    """Return the examples as `--help` shows them; empty if there are none."""
    return "\n\nexamples:\n" + "\n".join(f"  {line}" for line in examples) if examples else ""
