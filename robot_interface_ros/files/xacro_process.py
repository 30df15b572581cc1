"""From a xacro file to URDF text, by xacro in a process of its own: a file that never ends cannot hang or fill ours."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from robot_interface_ros.files.package_search import package_folders
from robot_interface_ros.files.untrusted_files import FileError, read_text

_log = logging.getLogger(__name__)
_CHILD = Path(__file__).with_name("xacro_child.py")
_ARGUMENT = re.compile(r"<xacro:arg\s[^>]*?name\s*=\s*[\"']([^\"']+)")
_FIND = re.compile(r"\$\(find\s+([^)\s]+)\s*\)")
_INCLUDE = re.compile(r"<xacro:include\s[^>]*?filename\s*=\s*[\"']([^\"']+)")


@dataclass(frozen=True)
class XacroLimits:
    """What one file may take. The largest public robots take 2 s and 100 MiB."""

    cpu_s: int = 30
    wall_s: int = 60
    memory_bytes: int = 2**30


@dataclass
class _Cache:
    """URDF texts of this process, each with the state of the files that it was made from."""

    texts: dict[tuple[Any, ...], tuple[dict[str, tuple[int, int]], str]] = field(default_factory=dict)

    def find(self, key: tuple[Any, ...]) -> str | None:
        states, text = self.texts.get(key, ({}, ""))
        return text if states and all(_state(file) == state for file, state in states.items()) else None


_cache = _Cache()


def expand(file: Path, arguments: Mapping[str, str], limits: XacroLimits = XacroLimits()) -> str:
    """Return the URDF text that a xacro file makes with `arguments`.

    Raises ValueError, one line, for an argument that no file declares, for what xacro refuses, and for a file that
    takes more than `limits`.
    """
    declared = declared_arguments(file)
    unknown = [name for name in arguments if declared is not None and name not in declared]
    if unknown:
        raise FileError(f"{file} has no argument {', '.join(unknown)}; known: {', '.join(declared or ()) or 'none'}")
    key = (str(file), os.getcwd(), *sorted(arguments.items()), *sorted(os.environ.items()))
    text = _cache.find(key)
    if text is None:
        answer = _run(file, arguments, limits)
        text = str(answer["text"])
        _cache.texts[key] = ({name: _state(name) for name in answer["files"]}, text)
    return text


def declared_arguments(file: Path) -> list[str] | None:
    """The arguments that a xacro file and the files it includes declare; None where an include cannot be followed.

    xacro itself takes unknown arguments without a word, and a slip of the pen would go unnoticed.
    """
    names: dict[str, None] = {}
    for _, text in _included(file):
        if text is None:
            return None
        names |= dict.fromkeys(_ARGUMENT.findall(text))
    return list(names)


def files_of(file: Path) -> list[Path]:
    """A xacro file and the files that it includes, as far as they can be followed without processing it."""
    return [path for path, text in _included(file) if text is not None]


def _included(file: Path) -> Iterator[tuple[Path, str | None]]:
    """A xacro file and those that it includes, each once with its text; None where one cannot be followed."""
    waiting: list[Path | None] = [file]
    seen: set[Path] = set()
    while waiting:
        path = waiting.pop(0)
        if path is None:
            yield Path(), None
            continue
        if path.resolve() in seen:
            continue
        seen.add(path.resolve())
        try:
            text = read_text(path)
        except FileError:
            if path == file:
                raise
            yield path, None
            continue
        yield path, text
        for include in _INCLUDE.findall(text):
            found = _FIND.match(include)
            folders = package_folders(found[1], file.parent) if found else (path.parent,)
            rest = include[found.end() if found else 0 :].lstrip("/" if found else "")
            waiting.append(folders[0] / rest if folders else None)


def _run(file: Path, arguments: Mapping[str, str], limits: XacroLimits) -> dict[str, Any]:
    """The child's answer. Raises ValueError, one line."""
    request = {"path": sys.path, "file": str(file), "arguments": dict(arguments), **vars(limits)}
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-X", "utf8", str(_CHILD)],
            input=json.dumps(request).encode(),
            capture_output=True,
            timeout=limits.wall_s + 30.0,  # the child ends itself; this is for one that was stopped
            start_new_session=True,  # Ctrl-C is answered here
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise FileError(_too_slow(file, limits)) from None
    if done.returncode in (-signal.SIGXCPU, -signal.SIGALRM, -signal.SIGKILL):
        raise FileError(_too_slow(file, limits))
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        last = (done.stderr.decode(errors="replace").strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise FileError(f"xacro cannot process {file}: it ended with {last[:200]}") from None
    for warning in answer["warnings"]:
        _log.warning("xacro, %s: %s", file, warning)
    if "error" in answer:
        raise FileError(f"xacro cannot process {file}: {answer['error']}")
    return answer


def _too_slow(file: Path, limits: XacroLimits) -> str:
    return (
        f"xacro cannot process {file}: it is not done after {limits.cpu_s} s of computing or {limits.wall_s} s in all; look "
        "for an expression or include that never ends, or expand it by hand and give the .urdf"
    )


def _state(file: str) -> tuple[int, int]:
    """Time of the last change and size; a file that is gone has a state of its own."""
    try:
        found = os.stat(file)
    except OSError:
        return (-1, -1)
    return (found.st_mtime_ns, found.st_size)
