"""Run nodes in their own processes during a measurement."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
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
    """Run a node with these parameters, and wait until it has printed `until`; the end of the block ends it.

    `environment`: additional variables. Raises RuntimeError if the node ends before it has printed the text.
    """
    started = start(module, parameters, environment)
    try:
        hear(started, until)
        yield started
    finally:
        end(started)


def start(
    module: str,
    parameters: Mapping[str, object],
    environment: Mapping[str, str] | None = None,
    prefix: Sequence[str] = (),
) -> subprocess.Popen[str]:
    """Start a node; `prefix`: a command that runs it, such as `ip netns exec NAME`."""
    words = [word for name, value in parameters.items() for word in ("-p", f"{name}:={value}")]
    return subprocess.Popen(
        [*prefix, sys.executable, "-m", module, *(["--ros-args", *words] if words else [])],
        cwd=REPO,
        env={**os.environ, **(environment or {}), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def hear(started: subprocess.Popen[str], text: str) -> None:
    """Wait for a line with `text`. Raises RuntimeError if the process ends before."""
    assert started.stdout is not None
    said = []
    for line in started.stdout:
        said.append(line)
        if text in line:
            # All other output is read too, because a full pipe would stop the process.
            Thread(target=deque(maxlen=0).extend, args=(started.stdout,), daemon=True).start()
            return
    raise RuntimeError(f"{started.args} ended with {started.wait(20)} before it printed '{text}': {''.join(said)}")


def end(started: subprocess.Popen[str]) -> None:
    """End a node as by Ctrl-C."""
    started.terminate()
    started.wait(30)
