"""Robots on another machine: for ROS, two connected network namespaces are two machines."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("rclpy")
from node_process import NodeProcess

pytestmark = [pytest.mark.many_robots, pytest.mark.ros, pytest.mark.timeout(180)]
STEPS = 2000


def ip(words: str) -> None:
    """Run `ip`; skip the test, with the reason, if it is not allowed."""
    done = subprocess.run(["ip", *words.split()], capture_output=True, text=True, timeout=20.0)
    if done.returncode != 0:
        pytest.skip(f"`ip {words}` is not permitted here: {done.stderr.strip()}")


@pytest.fixture
def machines() -> Iterator[tuple[str, str]]:
    """Two network namespaces, named after this process, joined by a veth pair that carries multicast."""
    if shutil.which("ip") is None:
        pytest.skip("needs the ip command (apt install iproute2)")
    names = (f"rl_here_{os.getpid()}", f"rl_there_{os.getpid()}")
    made = []
    try:
        for name in names:
            ip(f"netns add {name}")
            made.append(name)
        ip(f"-n {names[0]} link add cable type veth peer name cable netns {names[1]}")
        for k, name in enumerate(names):
            ip(f"-n {name} address add 10.213.7.{k + 1}/24 dev cable")
            for device in ("lo", "cable"):
                ip(f"-n {name} link set {device} up multicast on")
            ip(f"-n {name} route add 239.0.0.0/8 dev cable")
        yield names
    finally:
        for name in made:
            subprocess.run(["ip", "netns", "delete", name], capture_output=True, timeout=20.0)


@pytest.fixture
def start_in(domain: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., NodeProcess]]:
    """Start a command of this package in a network namespace."""
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "SUBNET")
    monkeypatch.setenv("FASTDDS_BUILTIN_TRANSPORTS", "UDPv4")  # both have the same /dev/shm, as two machines would not
    started: list[NodeProcess] = []

    def start(machine: str, *words: str) -> NodeProcess:
        kind = type("InNetwork", (NodeProcess,), {"prefix": ("ip", "netns", "exec", machine)})
        started.append(kind("rl_trainer_ros.cli.main", *words))
        return started[-1]

    yield start
    for process in started:
        process.close()


def test_one_trains_on_a_robot_here_and_one_there(
    machines: tuple[str, str], start_in: Callable[..., NodeProcess], tmp_path: Path
) -> None:
    here, there = machines
    robots = start_in(there, "robots", "namespaces:=[/far_0]", "remote:=true")
    robots.wait_for("serving /far_0")
    words = ("remote_namespaces:=[/far_0]", "remote:=true", f"num_timesteps:={STEPS}", "log_interval_s:=0.5")
    trainer = start_in(here, "train", *words, f"log_dir:={tmp_path}")
    assert trainer.wait(120.0) == 0
    output = "\n".join(trainer.lines)
    assert re.search(r"finished after 2,\d\d\d steps", output), output
    assert "episode interrupted" not in output
    (folder,) = tmp_path.glob("*/*/*/*/config.yaml")
    lengths = []
    for monitor in (folder.parent / "monitor.csv", folder.parent / "1" / "monitor.csv"):
        rows = monitor.read_text().splitlines()[2:]
        lengths.append(sum(int(float(row.split(",")[1])) for row in rows))
    assert all(STEPS // 2 - 120 < length <= STEPS // 2 + 120 for length in lengths)
