"""`rl_trainer ros2_control`: write the files with which ros2_control and MoveIt command a robot."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rl_trainer_ros.cli.command import Command
from rl_trainer_ros.cli.commands.robot.options import Placed, namespace_option, robot_option
from robot_interface_ros.config import option
from robot_interface_ros.files.paths import check_folder
from robot_interface_ros.robot_config import load_robot
from robot_interface_ros.urdf import ros2_control as control


@dataclass(frozen=True)
class Ros2ControlOptions(Placed):
    """Arguments of `rl_trainer ros2_control`."""

    robot: str = robot_option()
    groups: tuple[str, ...] = option((), "groups of joints to command, or [all]; empty: those of the robot file")
    namespace: str = namespace_option()
    control_hz: int = option(50, "commands per second; must be the robot's control rate", minimum=1, maximum=1000)
    folder: str = option("ros2_control", "folder to write to", path=True)


def ros2_control(options: Ros2ControlOptions) -> int:
    """Write a URDF and a parameter file with which ros2_control commands a robot of the contract."""
    description, folder = load_robot(options.robot, options.groups), Path(options.folder)
    check_folder("folder", folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in control.files(description, options.namespace, options.control_hz).items():
        (folder / name).write_text(text, encoding="utf-8")
    place, parameters = control.control_namespace(options.namespace), folder / control.CONTROLLERS
    print(
        f"written to {folder}; with the robot served at {options.control_hz} Hz in real time, run, each in a terminal:\n"
        f"  ros2 run robot_state_publisher robot_state_publisher {folder / control.URDF} --ros-args -r __ns:={place}\n"
        f"  ros2 run controller_manager ros2_control_node --ros-args -r __ns:={place} --params-file {parameters}\n"
        f"  ros2 run controller_manager spawner {control.BROADCASTER} {control.CONTROLLER} -c {place}/controller_manager"
    )
    return 0


COMMAND = Command(
    "ros2_control",
    "write the files with which ros2_control and MoveIt command a robot",
    run=ros2_control,
    options=Ros2ControlOptions,
    examples=("rl_trainer ros2_control control_hz:=50",),
)
