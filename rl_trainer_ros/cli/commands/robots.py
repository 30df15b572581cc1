"""`rl_trainer robots`: serve robots for a trainer on another machine."""

from __future__ import annotations

from functools import partial

from rl_trainer_ros.bringup import launch_arguments, ros_arguments
from rl_trainer_ros.bringup.setting_texts import parse_words
from rl_trainer_ros.cli.command import Command


def robots(words: list[str]) -> int:
    """Serve the robots of these settings until Ctrl-C."""
    from rl_trainer_ros.bringup import preflight, supervisor
    from rl_trainer_ros.bringup import system as bringup

    own, ros = ros_arguments.split(words)
    system = bringup.robots(parse_words(own), ros=ros)
    preflight.check(system.config, serving=True)
    return supervisor.run(system)


COMMAND = Command(
    "robots",
    "serve robots for a trainer on another machine: starts only simulators or driver",
    run=robots,
    options=None,
    examples=(
        "rl_trainer robots namespaces:='[/far_0]' remote:=true    # the trainer's: remote_namespaces:='[/far_0]' remote:=true",
    ),
    settings_help=partial(launch_arguments.help_text, serving=True),
)
