"""Fixtures for tests over topics: nodes in processes of their own, each test in a ROS domain of its own."""

from __future__ import annotations

import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

REPO = Path(__file__).resolve().parents[1]
START_S = 60.0  # generous: two cores, and importing torch takes seconds


def pytest_configure(config: pytest.Config) -> None:
    """Tests send Ctrl-C to programs; a shell's background job would have them ignore it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def claim_domain() -> Iterator[int]:
    """A ROS domain that no other test has, of this run or of one beside it, as long as the generator lives.

    From 1 to 100, where no port of the system is in the way. A socket with the domain's name says that it is taken: in
    Linux's abstract namespace, which all users share, where nothing lies in a folder and nothing is left after a kill.
    """
    for number in range(1, 101):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as lock:
            try:
                lock.bind(f"\0rl_trainer_ros_test_domain_{number}")
            except OSError:
                continue
            yield number
            return
    pytest.fail("100 tests over topics are running on this machine already")


@pytest.fixture
def domain(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A ROS domain for this test alone, and discovery on this machine alone."""
    for number in claim_domain():
        monkeypatch.setenv("ROS_DOMAIN_ID", str(number))
        monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
        yield number


@pytest.fixture(autouse=True)
def two_cores(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bring-up is tested as on a machine of two cores: how many simulators share the robots depends on the cores."""
    if request.path.parent.name == "bring_up":
        monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1})


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


@pytest.fixture
def start(domain: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., NodeProcess]]:
    """Start node processes in the test's domain; all are ended with the test."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))  # a driver's memory is this test's alone
    started: list[NodeProcess] = []

    def start_node(module: str, *words: str, **parameters: object) -> NodeProcess:
        started.append(NodeProcess(module, *words, **parameters))
        return started[-1]

    yield start_node
    for process in started:
        process.close()


@pytest.fixture
def simulator(start: Callable[..., NodeProcess]) -> Callable[..., NodeProcess]:
    """Start a simulator node and wait until it serves."""

    def start_simulator(**parameters: object) -> NodeProcess:
        process = start("robot_sim_ros.ros.robot_sim_node", **parameters)
        process.wait_for("serving")
        return process

    return start_simulator


@pytest.fixture(scope="session")
def random_encoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Folder of a small untrained encoder for 64x64 images."""
    from support import save_random_encoder

    folder = tmp_path_factory.mktemp("encoder")
    save_random_encoder(folder)
    return str(folder)


@pytest.fixture(scope="session")
def estimating_encoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Folder of a small encoder that estimates the target from 64x64 images of two cameras together."""
    from support import save_estimating_encoder

    folder = tmp_path_factory.mktemp("estimating_encoder")
    save_estimating_encoder(folder)
    return str(folder)


@pytest.fixture
def scope(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """Plug in emulated boards and watch their pins; see scopes.py. On a busy machine a board takes long to start."""
    from scopes import WAIT_S, Scope

    from robot_driver_ros.boards import firmata_board

    monkeypatch.setattr(firmata_board, "GREETING_TIMEOUT_S", WAIT_S)
    made: list[Scope] = []

    def make(**settings: Any) -> Scope:
        made.append(Scope(**settings))
        return made[-1]

    yield make
    for entry in made:
        entry.board.close()
        entry.mega.close()


@pytest.fixture
def operator(domain: int) -> Iterator[Any]:
    """A person beside the robot /env_0; see operators.py."""
    from operators import an_operator

    with an_operator() as made:
        yield made
