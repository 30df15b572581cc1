"""Tab completion in a real shell; and the examples of help texts, which must be valid commands."""

from __future__ import annotations

import contextlib
import io
import shlex
import shutil
import subprocess

import pytest

from rl_trainer_ros.bringup.launch_arguments import resolve_values
from rl_trainer_ros.bringup.setting_texts import from_words, parse_words
from rl_trainer_ros.cli import main
from rl_trainer_ros.cli.commands import COMMANDS, load

pytestmark = pytest.mark.xdist_group("completion")


@pytest.fixture(scope="module")
def script() -> str:
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        assert main.run(["completion"]) == 0
    return said.getvalue()


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
@pytest.mark.parametrize(
    "line, offered",
    [
        ("rl_trainer ev", ["evaluate"]),
        ("rl_trainer train see", ["seed:="]),
        ("rl_trainer train algo:=trp", ["trpo"]),  # what stands before the colon or the equals sign stays
        ("rl_trainer train transport:=", ["in_process", "topics"]),
        ("rl_trainer train seed:=1 realti", ["realtime:="]),
        ("rl_trainer train realtime:=f", ["false"]),
        ("rl_trainer evaluate mode", ["model:="]),
        ("rl_trainer evaluate run:=docs/architect", ["docs/architecture.md"]),
        ("rl_trainer completion --h", ["--help"]),
        ("rl_trainer evaluate sede", []),
    ],
)
def test_tab_in_bash(script: str, line: str, offered: list[str]) -> None:
    """Words are split as in bash, also at colons and equals signs."""
    words = [word for part in line.split(" ") for word in (part.replace(":=", " := ").split(" ") if part else [""])]
    ask = (
        f"{script}\nCOMP_LINE={shlex.quote(line)}; COMP_POINT={len(line)}\n"
        f"COMP_WORDS=({' '.join(map(shlex.quote, words))}); COMP_CWORD={len(words) - 1}\n"
        '_rl_trainer 2>/dev/null; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    said = subprocess.run(["bash", "-c", ask], capture_output=True, text=True, timeout=20)
    assert sorted(filter(None, said.stdout.splitlines())) == offered


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_examples_are_read_as_they_are_shown(name: str) -> None:
    for line in load(name).examples if name else main.EXAMPLES:
        program, *words = shlex.split(line, comments=True)
        if program != "rl_trainer":
            continue
        command, *settings = words
        shown = load(command)
        if shown.options is None:
            resolve_values(parse_words(settings))
        elif shown.read is not None:
            shown.read(settings)
        else:
            from_words(shown.options, settings, command)
        assert not name or command == name


def test_every_command_shows_an_example_or_needs_none() -> None:
    assert {name for name in COMMANDS if not load(name).examples} <= {"find_port", "contract_check"}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_found_in_the_file_of_its_name(name: str) -> None:
    assert load(name).name == name
