"""How every executable of ours starts and prints: Ctrl-C while it imports, or a closed output, ends it without a traceback.

Imports take seconds (torch, rclpy), and a KeyboardInterrupt in the middle of one leaves a traceback, or is swallowed. Until
a program sets a handler of its own there is nothing to save, so SIGINT ends it at once. This module imports nothing else.
`python -m robot_interface_ros.start MODULE ...` runs a module in this way.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from typing import Any

INTERRUPTED = 128 + signal.SIGINT
"""A shell's exit code for what Ctrl-C ended."""
OUTPUT_CLOSED = 128 + signal.SIGPIPE
"""A shell's exit code for what nobody reads any more, as `yes | head` has it."""


def leave(number: int, frame: Any) -> None:
    """A signal handler: end this process at once, whatever it is in the middle of importing."""
    os._exit(128 + number)


@contextlib.contextmanager
def leaving_at_once() -> Iterator[None]:
    """Let SIGINT end the process at once, as while something large is imported; a SIGINT that is ignored stays so."""
    try:
        before = signal.getsignal(signal.SIGINT)
        _leave_at_once()
    except ValueError:  # in another thread than the main one
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def interruptible() -> None:
    """From here on SIGINT raises KeyboardInterrupt, as Python has it; a SIGINT that is ignored stays so."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def discard(stream: Any) -> None:
    """Send what is still written to a stream that nobody reads any more to nowhere, so that Python's end is silent."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


MODULES = {
    "robot_sim_node": "robot_sim_ros.ros.robot_sim_node",
    "robot_driver_node": "robot_driver_ros.ros.robot_driver_node",
    "frames_node": "robot_interface_ros.ros.frames_node",
    "srl_node": "srl_ros.ros.srl_node",
    "trainer_node": "rl_trainer_ros.ros.trainer_node",
    "rl_trainer": "rl_trainer_ros.cli.main",
}
"""Executables by name; setup.py makes a console script of each, which imports it from here and calls it."""


def __getattr__(name: str) -> Callable[[], int]:
    if name in MODULES:
        return partial(_run, MODULES[name])
    raise AttributeError(name)


def _run(module: str) -> int:
    _leave_at_once()
    with _missing_ros_in_one_line():
        return int(import_module(module).main() or 0)


@contextlib.contextmanager
def _missing_ros_in_one_line() -> Iterator[None]:
    """End with exit code 2 and one line where rclpy is not installed: `pip install .` alone brings none."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "rclpy":
            raise
        print(
            f"{sys.executable} has no rclpy: source ROS 2's setup file, or install its wheels with make setup or "
            "pip install '.[kilted]' in the folder of rl_trainer_ros",
            file=sys.stderr,
        )
        sys.exit(2)


def _leave_at_once() -> None:
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, leave)


if __name__ == "__main__":
    _leave_at_once()
    import runpy

    del sys.argv[0]
    with _missing_ros_in_one_line():
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
