"""Trainings in their own processes: child processes, progress, folders."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any


def child(supervisor: Any, module: str, timeout_s: float = 30.0) -> int:
    """Return the process id of the supervisor's child that runs `module`."""
    pid, deadline = supervisor.process.pid, time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        for entry in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            try:
                words = Path(f"/proc/{entry}/cmdline").read_bytes().split(b"\0")
            except FileNotFoundError:
                continue
            if module.encode() in words:
                return int(entry)
        time.sleep(0.02)  # /proc sends no events
    raise AssertionError(f"no child runs {module}")


def steps_of(line: str) -> int:
    match = re.match(r"\s*([\d,]+) of", line)
    return int(match.group(1).replace(",", "")) if match else -1


def wait_for_steps(run: Any, more_than: int, timeout_s: float = 60.0) -> int:
    """Wait for a progress line beyond `more_than` steps and return its count; `timeout_s`: for each line."""
    while (steps := steps_of(run.wait_for(" steps ", timeout_s))) <= more_than:
        pass
    return steps


def only_run(folder: Path) -> Path:
    (config,) = folder.glob("*/*/*/*/config.yaml")
    return config.parent
