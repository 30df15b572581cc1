"""`rl_trainer calibrate`: loads a robot's files, opens its boards, and starts the dialogue in calibrate.py."""

from __future__ import annotations

import tempfile
from pathlib import Path

from robot_driver_ros.board_kinds import make_boards
from robot_driver_ros.calibration.calibrate import Terminal, calibrate
from robot_driver_ros.calibration.hardware_file import write_hardware
from robot_driver_ros.servos.hardware import load_hardware
from robot_driver_ros.servos.pulse_journal import forget_pulses
from robot_driver_ros.servos.pulse_tables import HardwareConfig
from robot_interface_ros.config import ConfigError
from robot_interface_ros.files.description import resolve
from robot_interface_ros.files.paths import check_file
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
    """Calibrate the servos of a robot and write `output`; return the exit code.

    The exit code is 1 if the input ended and nothing was calibrated. Calibration starts from `hardware`, or without it from
    `output` if this exists, so servos can be calibrated one after the other.
    """
    start_file, file = hardware, Path(output).expanduser()
    check_file("output", output)
    if file.exists() and not hardware:
        start_file = output
        print(f"starting from {file}", flush=True)
    elif file.exists() and file.resolve() != resolve(hardware).resolve():
        raise ConfigError(
            f"output {file} exists, and its calibration would be lost: leave hardware out to start from it, or choose "
            "another output"
        )
    loaded, description = load_hardware(robot, start_file, groups), load_robot(robot, groups)
    boards = make_boards(board, loaded, ports)
    names, lower, upper = description.joint_names, description.limits.lower.tolist(), description.limits.upper.tolist()
    limits = dict(zip(names, zip(lower, upper)))
    rest = dict(zip(names, loaded.parked.tolist()))

    def check(config: HardwareConfig) -> None:
        """Write the settings to a temporary file and load it like a driver."""
        with tempfile.TemporaryDirectory() as folder:
            candidate = Path(folder) / file.name
            write_hardware(config, candidate)
            try:
                load_hardware(robot, str(candidate), groups)
            except ConfigError as error:
                raise ConfigError(f"a driver would refuse this: {str(error).removeprefix(f'{candidate}: ')}") from None

    def forget(name: str) -> None:
        """Forget the last pulses on a board: its servos have lost their torque and will not be where a driver left them.

        Not before it is open: until then the journal may be that of a running driver.
        """
        if name in boards.ports:
            forget_pulses([boards.ports[name]])

    try:
        done = calibrate(loaded.config, boards.boards, limits, rest, joints, file, terminal, check=check, opened=forget)
    finally:
        boards.close()
    return 0 if done else 1
