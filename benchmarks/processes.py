"""Nodes in processes of their own, there for as long as something is measured."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

REPO = Path(__file__).resolve().parents[1]


@contextmanager
def process(
    module: str,
    parameters: Mapping[str, object],
    environment: Mapping[str, str] | None = None,
    until: str = "serving",
) -> Iterator[subprocess.Popen[str]]:
    """A node with these parameters that has said `until`; ended with the block, unless it has ended before.

    `environment`: variables beside this process's own. Raises RuntimeError where it ends before it says so.
    """
    started = start(module, parameters, environment)
    try:
        hear(started, until)
        yield started
    finally:
        end(started)


def start(
    module: str, parameters: Mapping[str, object], environment: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    """Start a node."""
    words = [word for name, value in parameters.items() for word in ("-p", f"{name}:={value}")]
    return subprocess.Popen(
        [sys.executable, "-m", module, *(["--ros-args", *words] if words else [])],
        cwd=REPO,
        env={**os.environ, **(environment or {}), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def hear(started: subprocess.Popen[str], text: str) -> None:
    """Wait for a line with `text`. Raises RuntimeError where the process ends without one."""
    assert started.stdout is not None
    said = []
    for line in started.stdout:
        said.append(line)
        if text in line:
            # Whatever else it says is read too: a full pipe would stop it.
            Thread(target=deque(maxlen=0).extend, args=(started.stdout,), daemon=True).start()
            return
    raise RuntimeError(f"{started.args} ended with {started.wait(20)} before it said '{text}': {''.join(said)}")


def end(started: subprocess.Popen[str]) -> None:
    """End a node as Ctrl-C would."""
    started.terminate()
    started.wait(30)
