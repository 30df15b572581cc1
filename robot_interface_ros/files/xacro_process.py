"""From a xacro file to URDF text. xacro runs in a separate process, so an endless file cannot block or fill this one."""

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
    """Limits for one file. The largest public robots need 2 s and 100 MiB."""

    cpu_s: int = 30
    wall_s: int = 60
    memory_bytes: int = 2**30


@dataclass
class _Cache:
    """URDF texts, each with the state of the files that it was made from."""

    texts: dict[tuple[Any, ...], tuple[dict[str, tuple[int, int]], str]] = field(default_factory=dict)

    def find(self, key: tuple[Any, ...]) -> str | None:
        states, text = self.texts.get(key, ({}, ""))
        return text if states and all(_state(file) == state for file, state in states.items()) else None


_cache = _Cache()


def expand(file: Path, arguments: Mapping[str, str], limits: XacroLimits = XacroLimits()) -> str:
    """Return the URDF text of a xacro file, processed with `arguments`.

    Raises ValueError, one line, for an argument that no file declares, for an error of xacro, and for a file that
    exceeds `limits`.
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
    """Return the arguments declared in a xacro file and its includes; None if an include cannot be found.

    xacro itself ignores unknown arguments, so a misspelt one would have no effect and cause no error.
    """
    names: dict[str, None] = {}
    for _, text in _included(file):
        if text is None:
            return None
        names |= dict.fromkeys(_ARGUMENT.findall(text))
    return list(names)


def files_of(file: Path) -> list[Path]:
    """Return a xacro file and its includes, as far as they can be found without processing the file."""
    return [path for path, text in _included(file) if text is not None]


def _included(file: Path) -> Iterator[tuple[Path, str | None]]:
    """Yield a xacro file and its includes, each once with its text; None as the text if a file cannot be found."""
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
    """Run the child process and return its answer. Raises ValueError, one line."""
    request = {"path": sys.path, "file": str(file), "arguments": dict(arguments), **vars(limits)}
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-X", "utf8", str(_CHILD)],
            input=json.dumps(request).encode(),
            capture_output=True,
            timeout=limits.wall_s + 30.0,  # the child ends itself; this is for one that was suspended
            start_new_session=True,  # Ctrl-C goes only to this process
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
        f"xacro cannot process {file}: it has not finished after {limits.cpu_s} s of CPU time or {limits.wall_s} s in all; "
        "look for an endless expression or include, or expand it by hand and give the .urdf"
    )


def _state(file: str) -> tuple[int, int]:
    """Return the time of the last change and the size; (-1, -1) for a missing file."""
    try:
        found = os.stat(file)
    except OSError:
        return (-1, -1)
    return (found.st_mtime_ns, found.st_size)
