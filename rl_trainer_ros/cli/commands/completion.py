"""`rl_trainer completion`: print a script with which a shell completes commands, settings and their values.

The script contains all names, so that the tab key does not start Python.
"""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rl_trainer_ros.cli import commands
from rl_trainer_ros.cli.command import Command
from robot_interface_ros.config import option

_FILES = ("run", "log_dir", "srl_folder", "srl_models", "output", "hardware")  # and every ..._file: paths
_SCRIPT = """\
# Tab completion of rl_trainer; made by `rl_trainer completion`.
_rl_trainer() {
    local cur="${COMP_LINE:0:$COMP_POINT}" words='' prefix=''
    local command="${COMP_WORDS[1]}"
    cur="${cur##* }"
    if [ "$COMP_CWORD" -le 1 ]; then
        COMPREPLY=($(compgen -W %(commands)s -- "$cur"))
        return
    fi
    case "$command" in
%(cases)s
    esac
    case "$cur" in
%(values)s
    esac
    [ -n "${ZSH_VERSION-}" ] || prefix="${cur%%"${cur##*[:=]}"}"
    COMPREPLY=($(compgen -W "$words" -- "$cur"))
    [ -n "$prefix" ] && COMPREPLY=("${COMPREPLY[@]#"$prefix"}")
    case "$cur" in *:=*) ;; *) type compopt > /dev/null 2>&1 && compopt -o nospace ;; esac
}
complete %(space)s-F _rl_trainer rl_trainer
"""
_ZSH = "autoload -U +X compinit && compinit -u\nautoload -U +X bashcompinit && bashcompinit\n"


@dataclass(frozen=True)
class CompletionOptions:
    """Arguments of `rl_trainer completion`."""

    shell: str = option("bash", "shell that runs the script", choices=("bash", "zsh"))


def print_script(options: CompletionOptions) -> int:
    """Print the script with which a shell completes the command lines of `rl_trainer`."""
    from rl_trainer_ros.bringup.launch_arguments import BringupConfig
    from rl_trainer_ros.training.trainer_config import TrainerConfig

    launch = (TrainerConfig, BringupConfig)
    settings = {name: commands.load(name).options for name in commands.COMMANDS}
    print(script(options.shell, {name: launch if cls is None else (cls,) for name, cls in settings.items()}))
    return 0


def script(shell: str, commands: Mapping[str, Iterable[Any] | None]) -> str:
    """Return the script. `commands`: name -> the dataclasses of its settings."""
    fields = {name: _fields(classes or ()) for name, classes in commands.items()}
    cases = [
        f"        {name}) words={shlex.quote(' '.join([*(f'{field}:=' for field in found), '--help']))} ;;"
        for name, found in fields.items()
    ]
    known = {name: values for found in fields.values() for name, values in found.items()} | _names()
    lines = [
        f"        {name}:=*) words={shlex.quote(' '.join(f'{name}:={value}' for value in values))} ;;"
        for name, values in sorted(known.items())
        if values
    ]
    paths = "|".join(f"{name}:=*" for name in sorted(known) if name in _FILES or name.endswith("_file"))
    lines.append(f'        {paths}) words="$(compgen -f -P "${{cur%%:=*}}:=" -- "${{cur#*:=}}")" ;;')
    space = "-o nospace " if shell == "zsh" else ""  # for bash, the script decides for each word
    filled = {"space": space, "commands": shlex.quote(" ".join([*commands, "--help"])), "cases": "\n".join(cases)}
    return (_ZSH if shell == "zsh" else "") + _SCRIPT % (filled | {"values": "\n".join(lines)})


def _fields(classes: Iterable[Any]) -> dict[str, list[str]]:
    """Return setting -> its values, if there are few."""
    found = {}
    for field in (field for cls in classes for field in dataclasses.fields(cls)):
        choices = field.metadata["choices"]
        found[field.name] = list(choices or (["true", "false"] if field.type in ("bool", bool) else []))
    return found


def _names() -> dict[str, list[str]]:
    """Return the names in registries and in the package's files, by setting."""
    from rl_trainer_ros import factories
    from rl_trainer_ros.actions import ACTIONS
    from rl_trainer_ros.algorithms import ALGORITHMS
    from rl_trainer_ros.environments.requirements import world_names
    from rl_trainer_ros.observations import OBSERVATIONS
    from rl_trainer_ros.tasks import TASKS
    from robot_interface_ros.files.description import share_directory
    from robot_interface_ros.robot_config import robot_names

    config = share_directory() / "config"
    imperfections = sorted(path.stem for path in (config / "imperfections").glob("*.yaml"))
    return {
        "task": list(TASKS),
        "action": list(ACTIONS),
        "observation": [*OBSERVATIONS, "srl_state"],
        "algo": list(ALGORITHMS),
        "srl_model": list(factories.srl_models()),
        "robot": list(robot_names()),
        "imperfection": [*imperfections, "none"],
        "world": world_names(),
        "preset": ["few_steps"],
    }


COMMAND = Command(
    "completion",
    "print a script for tab completion in the shell",
    run=print_script,
    options=CompletionOptions,
    examples=(
        'eval "$(rl_trainer completion)"                         # for this shell',
        "echo 'eval \"$(rl_trainer completion)\"' >> ~/.bashrc    # for every bash; ~/.zshrc: rl_trainer completion shell:=zsh",
    ),
)
