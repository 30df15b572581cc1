"""`rl_trainer calibrate`: a robot's files and boards, brought together for the conversation in calibrate.py."""

from __future__ import annotations

from pathlib import Path

from robot_driver_ros.boards import make_boards
from robot_driver_ros.calibrate import Terminal, calibrate
from robot_driver_ros.hardware import load_hardware
from robot_driver_ros.memory import forget_pulses
from robot_interface_ros.robot_config import load_robot


def calibrate_robot(
    robot: str,
    groups: tuple[str, ...],
    joints: tuple[str, ...],
    hardware: str,
    output: str,
    board: str,
    ports: tuple[str, ...],
    terminal: Terminal | None = None,
) -> int:
    """Calibrate the servos of a robot and write `output`; returns the exit code."""
    loaded, description = load_hardware(robot, hardware, groups), load_robot(robot, groups)
    boards = make_boards(board, loaded, ports)
    names, lower, upper = description.joint_names, description.limits.lower.tolist(), description.limits.upper.tolist()
    limits = dict(zip(names, zip(lower, upper)))
    rest = dict(zip(names, loaded.parked.tolist()))
    try:
        calibrate(loaded.config, boards.boards, limits, rest, joints, Path(output), terminal)
    finally:
        boards.close()
        forget_pulses(boards.ports.values())  # servos are no longer where a driver left them
    return 0
