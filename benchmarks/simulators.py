"""Simulator nodes in processes of their own, there for as long as something is measured."""

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
def simulators(
    told: Sequence[Mapping[str, object]], environment: Mapping[str, str] | None = None
) -> Iterator[list[subprocess.Popen[str]]]:
    """Start one simulator node for each mapping of parameters, and wait until all serve.

    `environment`: variables beside this process's own. Raises RuntimeError where one ends before it serves.
    """
    processes = [_start(parameters, {**os.environ, **(environment or {})}) for parameters in told]
    try:
        for process in processes:
            _await_serving(process)
        yield processes
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(20)


def _start(parameters: Mapping[str, object], environment: Mapping[str, str]) -> subprocess.Popen[str]:
    words = [word for name, value in parameters.items() for word in ("-p", f"{name}:={value}")]
    return subprocess.Popen(
        [sys.executable, "-m", "robot_sim_ros.ros.robot_sim_node", *(["--ros-args", *words] if words else [])],
        cwd=REPO,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def _await_serving(process: subprocess.Popen[str]) -> None:
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if "serving" in line:
            # Whatever else it says is read too: a full pipe would stop it.
            Thread(target=deque(maxlen=0).extend, args=(process.stderr,), daemon=True).start()
            return
    raise RuntimeError(f"a simulator ended with {process.wait(20)} before it served: {''.join(said)}")
