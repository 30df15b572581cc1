"""`rl_trainer continual`: learn one task after the other with one policy."""

from __future__ import annotations

from rl_trainer_ros.cli.command import Command
from rl_trainer_ros.cli.commands.distillation.distil import settings_from
from rl_trainer_ros.distillation.continual_config import ContinualConfig
from robot_interface_ros.start import leaving_at_once


def read(words: list[str]) -> ContinualConfig:
    """Return the settings that the words after the command give."""
    return settings_from(ContinualConfig, words, "continual")


def learn(config: ContinualConfig) -> int:
    """Learn, and print the matrix with forgetting and transfer."""
    with leaving_at_once():
        from rl_trainer_ros.distillation import continual

    def report(line: str) -> None:
        print(line, flush=True)

    continual.learn(config, report)
    print(f"matrix in {config.place}/{continual.MATRIX}", flush=True)
    return 0


COMMAND = Command(
    "continual",
    "learn several tasks one after the other with one policy (continual learning)",
    learn,
    ContinualConfig,
    examples=(
        "rl_trainer continual tasks:='[circular, square, escape]'",
        "rl_trainer continual tasks:='[circular, square, escape]' method:=finetune",
        "rl_trainer continual tasks:='[circular, square]' action:=plane_discrete num_timesteps:=60000",
    ),
    read=read,
)
