"""Fixtures for tests over topics: nodes in processes of their own, each test in a ROS domain of its own."""

from __future__ import annotations

import importlib
import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from node_process import NodeProcess


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


@pytest.fixture
def one_torch_thread() -> Iterator[None]:
    """Use one torch thread: more do not help small networks, slow them down much on a busy machine, and may round otherwise."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def benchmark_module(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """Import a program of benchmarks/ by its name; it does not lower the priority of this process."""
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parents[1] / "benchmarks"))
    monkeypatch.setattr("os.nice", lambda more: 0)
    return importlib.import_module


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


@pytest.fixture(scope="session")
def new_autoencoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Folder of an autoencoder that has hardly learned."""
    from support import save_new_autoencoder

    folder = tmp_path_factory.mktemp("srl") / "autoencoder"
    save_new_autoencoder(folder)
    return str(folder)


@pytest.fixture
def scope(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """Plug in emulated boards and watch their pins; see scopes.py. On a busy machine a board is slow to start and to read."""
    from scopes import WAIT_S, Scope

    from robot_driver_ros.boards import firmata_board, links

    monkeypatch.setattr(firmata_board, "GREETING_TIMEOUT_S", WAIT_S)
    monkeypatch.setattr(links.SerialLink, "WRITE_TIMEOUT_S", WAIT_S)
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
