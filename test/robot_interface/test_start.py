"""Executables end without a traceback after Ctrl-C during imports, and when their output is closed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from robot_interface_ros import start

ROOT = Path(__file__).resolve().parents[2]
SLOW = """
import sys, time
print("importing", flush=True)
try:
    time.sleep(60.0)
except KeyboardInterrupt:  # as libraries do that wrap what goes wrong in an import
    raise ImportError("cannot be imported") from None
def main(): pass
"""


@pytest.mark.parametrize("how", ["module", "console script", "within a command"])
def test_ctrl_c_while_importing_ends_at_once_and_quietly(how: str, tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(SLOW)
    script = "from robot_interface_ros import start; start.MODULES['slow'] = 'slow'; start.slow()"
    inside = "from robot_interface_ros import start\nwith start.leaving_at_once(): import slow"
    words = {
        "module": ["-m", "robot_interface_ros.start", "slow"],
        "console script": ["-c", script],
        "within a command": ["-c", inside],
    }
    process = subprocess.Popen(
        [sys.executable, *words[how]],
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stdout.readline() == "importing\n"
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30.0)
    assert (process.returncode, said) == (start.INTERRUPTED, "")


def test_an_ignored_ctrl_c_stays_ignored() -> None:
    """As for a process that a shell started with &."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with start.leaving_at_once():
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        start.interruptible()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
    with start.leaving_at_once():
        assert signal.getsignal(signal.SIGINT) is start.leave
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.slow  # it starts programs
@pytest.mark.parametrize("words", [["list", "what:=srl_models"], ["--help"], ["completion"]])
def test_a_closed_output_ends_a_command_quietly(words: list[str]) -> None:
    """As `rl_trainer list | head -0`."""
    reader, writer = os.pipe()
    os.close(reader)
    ended = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from robot_interface_ros import start; sys.exit(start.rl_trainer())",
            *words,
        ],
        cwd=ROOT,
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60.0,
    )
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (start.OUTPUT_CLOSED, "")


@pytest.mark.parametrize(
    "how", ["runpy.run_module('robot_interface_ros.start', run_name='__main__')", "start.frames_node()"]
)
def test_without_rclpy_a_node_ends_in_one_line(how: str) -> None:
    code = f"import sys, runpy; sys.modules['rclpy'] = None; from robot_interface_ros import start; {how}"
    words = ["robot_interface_ros.ros.frames_node"]
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60.0,
        check=False,
    )
    (line,) = ended.stderr.splitlines()
    assert ended.returncode == 2 and "has no rclpy: source ROS 2's setup file, or install its wheels" in line
