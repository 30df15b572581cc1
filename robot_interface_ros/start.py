"""Starts every executable of this package: Ctrl-C during imports, or a closed output, ends it without a traceback.

Imports take seconds (torch, rclpy), and a KeyboardInterrupt during an import prints a traceback or is lost. Until a program
sets its own handler there is nothing to save, so SIGINT ends it at once. This module imports only the standard library.
`python -m robot_interface_ros.start MODULE ...` runs any module in this way.
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
"""Exit code after Ctrl-C, as in a shell."""
OUTPUT_CLOSED = 128 + signal.SIGPIPE
"""Exit code when the output is closed, as in a shell after `yes | head`."""


def leave(number: int, frame: Any) -> None:
    """Signal handler: end this process at once, even during an import."""
    os._exit(128 + number)


@contextlib.contextmanager
def leaving_at_once() -> Iterator[None]:
    """Let SIGINT end the process at once, for example during a large import; an ignored SIGINT stays ignored."""
    try:
        before = signal.getsignal(signal.SIGINT)
        _leave_at_once()
    except ValueError:  # not in the main thread
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def interruptible() -> None:
    """Let SIGINT raise KeyboardInterrupt from now on, as usual in Python; an ignored SIGINT stays ignored."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def discard(stream: Any) -> None:
    """Redirect a closed output stream to /dev/null, so that Python exits without an error message."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)


MODULES = {
    "robot_sim_node": "robot_sim_ros.ros.robot_sim_node",
    "robot_driver_node": "robot_driver_ros.ros.robot_driver_node",
    "frames_node": "robot_interface_ros.ros.frames_node",
    "srl_node": "srl_ros.ros.srl_node",
    "page_node": "robot_page_ros.ros.page_node",
    "player_node": "rl_trainer_ros.ros.player_node",
    "trainer_node": "rl_trainer_ros.ros.trainer_node",
    "rl_trainer": "rl_trainer_ros.cli.main",
}
"""Executables by name; setup.py creates a console script for each, which imports it from here and calls it."""


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
    """End with one line and exit code 2 if rclpy is not installed: `pip install .` alone does not install it."""
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
