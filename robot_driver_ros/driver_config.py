"""The settings of a driver, which are the parameters of the driver node."""

from __future__ import annotations

from dataclasses import dataclass

from robot_driver_ros.board_kinds import BOARDS
from robot_interface_ros.config import ConfigError, option

PARK_TIMEOUT_S = 10.0  # in this time the slowest joint of InMoov, 0.35 rad/s, moves 3.5 rad


@dataclass(frozen=True)
class DriverNodeConfig:
    """Settings of a driver node."""

    robot: str = option("inmoov", "name of a robot in this package, or the path of a robot file (.yaml)", path=True)
    groups: tuple[str, ...] = option((), "groups of joints that move, or [all]; empty: as in the robot file")
    posture: str = option("", "posture of the robot file in which episodes begin; empty: rest")
    board: str = option("mock", "servo board type", choices=BOARDS)
    hardware: str = option(
        "", "hardware file: boards and servos; empty: <robot>_hardware.yaml in the folder of the robot file", path=True
    )
    ports: tuple[str, ...] = option((), "board=port, for ports that differ from the hardware file's")
    body: str = option(
        "none", "simulated: the pulses of mock or emulated boards move a simulated robot", choices=("none", "simulated")
    )
    control_hz: float = option(
        20.0, "commands and observations per second of the robot's time", minimum=1.0, maximum=1000.0
    )
    namespaces: tuple[str, ...] = option(("env_0",), "one robot per namespace; in real time only one")
    realtime: bool = option(False, "run in real time, at control_hz, with or without commands")
    publish_joint_target: bool = option(False, "also publish joint_target; in lockstep both sides compute it")
    remember: bool = option(
        True,
        "on serial ports, resume the last pulses of an earlier driver and keep an active stop; false: start at rest",
    )
    autostart: bool = option(True, "configure and activate at once; false: by the services of a managed node")
    command_timeout_s: float = option(
        0.3, "time without a command after which the robot holds, s", minimum=0.01, maximum=60.0
    )
    relax_after_s: float = option(
        0.0, "time of holding after which torque is switched off, s; 0: never", minimum=0.0, maximum=86_400.0
    )
    reset_timeout_s: float = option(20.0, "time for the motion to the rest pose, s", minimum=0.1, maximum=600.0)
    park_timeout_s: float = option(
        PARK_TIMEOUT_S,
        "on Ctrl-C or SIGTERM, time for the motion to rest before torque is switched off, s; 0: torque off at once",
        minimum=0.0,
        maximum=600.0,
    )

    def __post_init__(self) -> None:
        if not self.realtime and self.board != "mock":
            raise ConfigError(f"board:={self.board} needs real time; add realtime:=true, or use board:=mock")
        if self.realtime and len(self.namespaces) != 1:
            raise ConfigError(f"in real time a driver serves one robot; namespaces has {len(self.namespaces)}")
        if self.body != "none" and (self.board == "serial" or not self.realtime):
            raise ConfigError(f"body:={self.body} needs mock or emulated boards, in real time")
