"""Every command line in the README, the docs and the help texts is accepted by the program."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from rl_trainer_ros.bringup import ros_arguments
from rl_trainer_ros.bringup.launch_arguments import resolve_values
from rl_trainer_ros.bringup.setting_texts import from_words, parse_words
from rl_trainer_ros.cli.commands import COMMANDS, load
from rl_trainer_ros.cli.main import EXAMPLES
from rl_trainer_ros.training import early_checks

REPO = Path(__file__).resolve().parents[2]
PAGES = (REPO / "README.md", REPO / "CONTRIBUTING.md", REPO / "CHANGELOG.md", *sorted((REPO / "docs").glob("*.md")))
"""docs/example_package is installed and run by test_registry.py."""
FENCED = re.compile(r"```(?:bash|console)\n(.*?)```", re.DOTALL)
INLINE = re.compile(r"`((?:\.venv/bin/)?rl_trainer [a-z][^`]*)`")
START = re.compile(r"(?:.*\s)?(?:\S*/)?rl_trainer(?=\s+[a-z])|ros2 launch rl_trainer_ros (?P<launch>\w+)\.launch\.py")
QUOTED = re.compile(r"""'[^']*'|"[^"]*\"""")
FILES = ("resume", "load_model", "hardware", "srl_folder", "params_file", "sim_params_file", "driver_params_file")
"""Settings that name a file or a run of the reader."""


def shown() -> Iterator[tuple[str, str]]:
    """The place of a command line, and the line."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        lines = [line for block in FENCED.findall(text) for line in block.replace("\\\n", " ").splitlines()]
        for line in [*lines, *INLINE.findall(FENCED.sub("", text))]:
            yield str(page.relative_to(REPO)), line
    for command, examples in {"rl_trainer": EXAMPLES, **{name: load(name).examples for name in COMMANDS}}.items():
        for line in examples:
            yield f"examples of {command}", line


def command_lines() -> list[tuple[str, str]]:
    return sorted({(where, line.strip()) for where, line in shown() if START.search(line)})


@pytest.mark.parametrize("where, line", command_lines())
def test_a_command_line_that_is_shown_is_accepted(where: str, line: str) -> None:
    if any(mark in line for mark in ("...", "…", "NAME", "$(")):
        pytest.skip("a pattern, for the reader to fill in")
    found = START.search(line)
    assert found
    words = shlex.split(line[found.end() :].partition(" | ")[0].removesuffix("&"), comments=True)
    command = found["launch"] if found["launch"] else words.pop(0)
    assert command in COMMANDS, line
    if set(words) & {"--help", "-h", "--show-args"}:
        return
    unquoted = QUOTED.sub("", line[found.end() :]).partition("#")[0]
    assert not set("[]{}") & set(unquoted), "bash splits it at spaces and zsh takes it for a pattern: quote it"
    shown = load(command)
    words, ros = ros_arguments.split(words)
    assert not ros.words or shown.options is None or shown.over_topics, "this command takes no --ros-args"
    if command == "move":
        assert all(":=" in word for word in words)
    elif shown.options is not None:
        shown.read(words) if shown.read else from_words(shown.options, words, command)
    else:
        given = {
            name: text
            for name, text in parse_words(words).items()
            if name not in FILES and not text.endswith((".yaml", ".yml"))
        }
        early_checks.check(resolve_values(given, ros.namespace).trainer)


def test_enough_command_lines_are_found() -> None:
    """The pattern finds command lines in the pages."""
    assert len(command_lines()) > 80
