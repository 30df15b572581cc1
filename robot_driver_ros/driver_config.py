"""The settings of a driver; the driver node's parameters are these."""

from __future__ import annotations

from dataclasses import dataclass

from robot_driver_ros.board_kinds import BOARDS
from robot_interface_ros.config import ConfigError, option

PARK_TIMEOUT_S = 10.0  # the slowest joint of InMoov, 0.35 rad/s, goes 3.5 rad in it


@dataclass(frozen=True)
class DriverNodeConfig:
    """Which robots to serve, and how."""

    robot: str = option("inmoov", "robot that the package ships, or the path of a robot's .yaml file", path=True)
    groups: tuple[str, ...] = option((), "groups of joints that move, or [all]; empty: as the robot's file says")
    posture: str = option("", "posture of the robot's file in which episodes begin; empty: its rest")
    board: str = option("mock", "what the servos hang on", choices=BOARDS)
    hardware: str = option(
        "", "file of boards and servos; empty: <robot>_hardware.yaml beside the robot's file", path=True
    )
    ports: tuple[str, ...] = option((), "board=port where it is another than the hardware file's")
    body: str = option(
        "none", "what moves when the pins of a mock or emulated board pulse", choices=("none", "simulated")
    )
    control_hz: float = option(
        20.0, "commands and observations per second of the robot's time", minimum=1.0, maximum=1000.0
    )
    namespaces: tuple[str, ...] = option(("env_0",), "one robot per namespace; in real time one alone")
    realtime: bool = option(False, "live at control_hz by a steady clock, whether or not commands come")
    publish_joint_target: bool = option(False, "also publish joint_target; in lockstep both sides compute it")
    remember: bool = option(
        True,
        "on serial ports, begin where a driver before this one left the servos, and stopped if it was; false: at rest",
    )
    autostart: bool = option(True, "configure and activate at once; false: by the services of a managed node")
    command_timeout_s: float = option(
        0.3, "without a command for so long the robot holds where it is", minimum=0.01, maximum=60.0
    )
    relax_after_s: float = option(
        0.0, "holding for so long it takes the torque off all servos; 0: never", minimum=0.0, maximum=86_400.0
    )
    reset_timeout_s: float = option(20.0, "for the way to the rest pose", minimum=0.1, maximum=600.0)
    park_timeout_s: float = option(
        PARK_TIMEOUT_S,
        "on Ctrl-C or SIGTERM it moves to rest for at most so long before the torque goes off; 0: off at once",
        minimum=0.0,
        maximum=600.0,
    )

    def __post_init__(self) -> None:
        if not self.realtime and self.board != "mock":
            raise ConfigError(f"board:={self.board} lives in real time; add realtime:=true, or use board:=mock")
        if self.realtime and len(self.namespaces) != 1:
            raise ConfigError(f"in real time a driver serves one robot; namespaces has {len(self.namespaces)}")
        if self.body != "none" and (self.board == "serial" or not self.realtime):
            raise ConfigError(f"body:={self.body} hangs on mock or emulated boards in real time")
