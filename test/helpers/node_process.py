"""A node in a process of its own."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
START_S = 60.0  # generous: two cores, and importing torch takes seconds


class NodeProcess:
    """`python -m module` with ROS parameters; its output can be waited for, line by line."""

    prefix: tuple[str, ...] = ()
    """What runs the command, such as `ip netns exec name`."""

    def __init__(self, module: str, *words: str, **parameters: object):
        arguments = list(words)
        if parameters:
            arguments.append("--ros-args")
            for name, value in parameters.items():
                arguments += ["-p", f"{name}:={str(value).lower() if isinstance(value, bool) else value}"]
        self.process = subprocess.Popen(
            [*self.prefix, sys.executable, "-m", module, *arguments],
            cwd=REPO,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            start_new_session=True,
        )
        self.lines: list[str] = []
        self._queue: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._queue.put(line.rstrip())
        self._queue.put(None)

    def wait_for(self, text: str, timeout_s: float = START_S) -> str:
        """Return the next line that contains `text`; fails with all output when the process ends without it."""
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                line = self._queue.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                pytest.fail(f"no line with '{text}' within {timeout_s} s; output: {self.lines}")
            if line is None:
                pytest.fail(f"ended with {self.process.wait()} before a line with '{text}'; output: {self.lines}")
            self.lines.append(line)
            if text in line:
                return line

    def wait(self, timeout_s: float = START_S) -> int:
        """Return the exit code; collects the rest of the output."""
        code = self.process.wait(timeout_s)
        while (line := self._queue.get(timeout=10.0)) is not None:
            self.lines.append(line)
        return code

    def signal(self, number: int) -> None:
        """Send a signal to this process."""
        self.process.send_signal(number)

    def close(self) -> None:
        """End it, whatever it is doing."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10.0)
        self._reader.join(10.0)
        if self.process.stdout is not None and not self._reader.is_alive():
            self.process.stdout.close()  # else a later test hears of it, when it is collected
