"""`rl_trainer move`: move joints of a robot in real time."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from rl_trainer_ros.bringup.setting_texts import UsageError, from_words, parse_words, value_of
from rl_trainer_ros.cli.command import Command
from rl_trainer_ros.cli.commands.robot.options import ServedRobot
from robot_interface_ros.config import option
from robot_interface_ros.start import leaving_at_once


@dataclass(frozen=True)
class MoveOptions(ServedRobot):
    """Settings of `rl_trainer move`; every other word is a joint and its position, rad."""

    timeout_s: float = option(30.0, "longest time to find the robot, and for the motion, s", minimum=0.1, maximum=600.0)


def move(asked: tuple[MoveOptions, dict[str, float]]) -> int:
    """Move joints of a robot in real time at its own speed; after Ctrl-C it holds. `asked`: settings, and joint -> rad."""
    with leaving_at_once():
        from robot_interface_ros.ros import operator

    options, goals = asked
    operator.move(options.namespace, goals, options.timeout_s, options.domain_id)
    print(", ".join(f"{joint} is sent to {angle:g} rad" for joint, angle in goals.items()))
    return 0


def asked_to_move(words: list[str]) -> tuple[MoveOptions, dict[str, float]]:
    """Return settings and joint -> rad from the words of `move`. Raises UsageError, ConfigError."""
    names, texts = [field.name for field in fields(MoveOptions)], parse_words(words)
    options = from_words(MoveOptions, [word for word in words if word.partition(":=")[0] in names], "move")
    goals = {name: angle_of(name, text) for name, text in texts.items() if name not in names}
    if not goals:
        raise UsageError("move: no joint is named; write joint:=rad, such as r_wrist_roll_joint:=-1.4")
    return options, goals


def angle_of(joint: str, text: str) -> float:
    """Return a joint's position, rad, from a number in rad, or in degrees if it ends with deg. Raises UsageError."""
    number, in_degrees = text.removesuffix("deg"), text.endswith("deg")
    value = value_of(float, number)
    if not isinstance(value, float) or not math.isfinite(value):
        raise UsageError(
            f"move: {joint} is '{text}'; expected an angle: rad, or degrees with deg at the end, as in -45deg"
        )
    return math.radians(value) if in_degrees else value


COMMAND = Command(
    "move",
    "move joints of a robot in real time: joint:=rad ...",
    run=move,
    options=MoveOptions,
    examples=("rl_trainer move r_wrist_roll_joint:=-1.4 r_elbow_flex_joint:=-35deg",),
    read=asked_to_move,
    over_topics=True,
)
