"""The command line's ways to a physical robot: its ports, its calibration, its motion, the contract."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from pathlib import Path

from rl_trainer_ros import factories
from rl_trainer_ros.bringup.launch_arguments import BOARDS
from rl_trainer_ros.bringup.ros_arguments import placed
from rl_trainer_ros.bringup.setting_texts import UsageError, from_words, parse_words, value_of
from robot_interface_ros.command_lines import command_line
from robot_interface_ros.config import option
from robot_interface_ros.robot_config import load_robot
from robot_interface_ros.robot_status import lines
from robot_interface_ros.start import leaving_at_once
from robot_interface_ros.urdf import ros2_control as control


@dataclass(frozen=True)
class CalibrateOptions:
    """What to calibrate, and where to write it."""

    robot: str = option("inmoov", "robot that the package ships, or the path of a robot's .yaml file", path=True)
    groups: tuple[str, ...] = option((), "groups of joints to calibrate, or [all]; empty: as the robot's file says")
    joints: tuple[str, ...] = option((), "joints to calibrate; empty: all of the groups")
    hardware: str = option(
        "",
        "file to begin with; empty: output where that exists, else <robot>_hardware.yaml beside the robot's file",
        path=True,
    )
    output: str = option("my_hardware.yaml", "file to write", path=True)
    board: str = option("serial", "what the servos hang on", choices=BOARDS.values())
    ports: tuple[str, ...] = option((), "board=port where it is another than the file's: [left=/dev/ttyACM0]")


@dataclass(frozen=True)
class FindPortOptions:
    """None."""


def calibrate(words: list[str]) -> int:
    """Calibrate servos one by one, with a person at the terminal."""
    options = from_words(CalibrateOptions, words, "calibrate")
    return factories.calibrate(**vars(options))


def find_port(words: list[str]) -> int:
    """List serial ports."""
    from_words(FindPortOptions, words, "find_port")
    return factories.find_port()


@dataclass(frozen=True)
class StopOptions:
    """Which robot to stop."""

    namespace: str = option(
        "env_0", "the robot's namespace; without a slash in front it lies in the command line's __ns"
    )
    timeout_s: float = option(15.0, "how long it is looked for", minimum=0.1, maximum=600.0)
    domain_id: int | None = option(None, "ROS domain; empty: as in the environment", minimum=0, maximum=232)

    def __post_init__(self) -> None:
        object.__setattr__(self, "namespace", placed(self.namespace))


@dataclass(frozen=True)
class EnableOptions(StopOptions):
    """Which robot to let move, or not."""

    motion: bool = option(
        True, "true: it may move, which ends an emergency stop; false: it may not, and its torque goes off"
    )


@dataclass(frozen=True)
class MoveOptions(StopOptions):
    """Which robot to move; every other word is one of its joints, and where that is to go, rad."""

    timeout_s: float = option(30.0, "how long the robot is looked for, and may take", minimum=0.1, maximum=600.0)


def move(words: list[str]) -> int:
    """Move joints of a robot in real time, at its own speed; Ctrl-C: it holds."""
    with leaving_at_once():
        from robot_interface_ros.ros import operator

    options, goals = asked_to_move(words)
    operator.move(options.namespace, goals, options.timeout_s, options.domain_id)
    print(", ".join(f"{joint} is sent to {angle:g} rad" for joint, angle in goals.items()))
    return 0


def asked_to_move(words: list[str]) -> tuple[MoveOptions, dict[str, float]]:
    """The words of `move`: settings, and joint -> rad. Raises UsageError, ConfigError."""
    names, texts = [field.name for field in fields(MoveOptions)], parse_words(words)
    options = from_words(MoveOptions, [word for word in words if word.partition(":=")[0] in names], "move")
    goals = {name: angle_of(name, text) for name, text in texts.items() if name not in names}
    if not goals:
        raise UsageError("move: no joint is named; write joint:=rad, such as r_wrist_roll_joint:=-1.4")
    return options, goals


def angle_of(joint: str, text: str) -> float:
    """A joint's goal: a number, rad, or degrees where it ends with deg. Raises UsageError."""
    number, in_degrees = text.removesuffix("deg"), text.endswith("deg")
    value = value_of(float, number)
    if not isinstance(value, float) or not math.isfinite(value):
        raise UsageError(
            f"move: {joint} is '{text}'; expected an angle: rad, or degrees with deg at the end, as in -45deg"
        )
    return math.radians(value) if in_degrees else value


def stop(words: list[str]) -> int:
    """Stop a robot until `enable`."""
    with leaving_at_once():
        from robot_interface_ros.ros import operator

    options = from_words(StopOptions, words, "stop")
    stopped = operator.stop(options.namespace, options.timeout_s, options.domain_id)
    domain = [] if options.domain_id is None else [f"domain_id:={options.domain_id}"]
    again = command_line("enable", f"namespace:={options.namespace}", *domain)
    says = (
        "is stopped" if stopped else "was told to stop, and publishes no motion_enabled to say so: see that it stands"
    )
    print(f"{options.namespace} {says}; {again} lets it move again")
    return 0


def enable(words: list[str]) -> int:
    """Let a robot move, or take its torque off."""
    with leaving_at_once():
        from robot_interface_ros.ros import operator

    options = from_words(EnableOptions, words, "enable")
    operator.enable(options.namespace, options.motion, options.timeout_s, options.domain_id)
    print(f"{options.namespace} {'may move' if options.motion else 'is limp where it can be, and refuses commands'}")
    return 0


@dataclass(frozen=True)
class StatusOptions(StopOptions):
    """Which robot to look at."""

    timeout_s: float = option(
        5.0, "how long it is looked for; then it is heard for about 1.6 s", minimum=0.1, maximum=600.0
    )


def status(words: list[str]) -> int:
    """Show what a robot does, without commanding it; returns 0, or 1 where it is stopped or something is wrong."""
    from robot_interface_ros.ros.status_client import robot_status

    options = from_words(StatusOptions, words, "status")
    found = robot_status(options.namespace, options.timeout_s, options.domain_id)
    print("\n".join(lines(found)))
    return 1 if found.problems else 0


@dataclass(frozen=True)
class ContractCheckOptions:
    """Which robot to check."""

    namespace: str = option(
        "env_0", "the robot's namespace; without a slash in front it lies in the command line's __ns"
    )
    joints: tuple[str, ...] = option((), "joints that are commanded; empty: all that move in its robot_description")
    mode: str = option("auto", "how it is served; auto: looks", choices=("auto", "lockstep", "realtime"))
    timeout_s: float = option(
        3.0, "how long anything is awaited (a reset: ten times as long)", minimum=0.1, maximum=600.0
    )
    domain_id: int | None = option(None, "ROS domain; empty: as in the environment", minimum=0, maximum=232)

    def __post_init__(self) -> None:
        object.__setattr__(self, "namespace", placed(self.namespace))


def contract_check(words: list[str]) -> int:
    """Check a robot against the contract; returns 0 where it keeps every rule."""
    with leaving_at_once():
        from robot_interface_ros.ros.contract_check.check import Outcome, check_contract

    options, found = from_words(ContractCheckOptions, words, "contract_check"), dict.fromkeys(Outcome, 0)
    for point in check_contract(
        options.namespace, options.timeout_s, options.mode, options.domain_id, joints=options.joints
    ):
        print(
            f"  {point.outcome.value:<6}  {point.rule}" + (f"\n          {point.said}" if point.said else ""),
            flush=True,
        )
        found[point.outcome] += 1
    print(
        f"{options.namespace}: {found[Outcome.KEPT]} points kept, {found[Outcome.BROKEN]} broken, {found[Outcome.LACKING]} "
        f"of optional names that it does not serve, {found[Outcome.UNCHECKED]} not checked"
    )
    return 1 if found[Outcome.BROKEN] else 0


@dataclass(frozen=True)
class Ros2ControlOptions:
    """For which robot, and where to write."""

    robot: str = option("inmoov", "robot that the package ships, or the path of a robot's .yaml file", path=True)
    groups: tuple[str, ...] = option((), "groups of joints that are driven, or [all]; empty: as the robot's file says")
    namespace: str = option(
        "env_0", "the robot's namespace; without a slash in front it lies in the command line's __ns"
    )
    control_hz: int = option(50, "commands per second, the robot's own", minimum=1, maximum=1000)
    folder: str = option("ros2_control", "folder to write to", path=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "namespace", placed(self.namespace))


def ros2_control(words: list[str]) -> int:
    """Write a URDF and a parameter file by which ros2_control commands a robot that serves the contract."""
    options = from_words(Ros2ControlOptions, words, "ros2_control")
    description, folder = load_robot(options.robot, options.groups), Path(options.folder)
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
