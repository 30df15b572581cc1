"""Loads a physical robot: robot file and hardware file, checked against each other."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np

from robot_driver_ros.servos.pulse_tables import HardwareConfig, Servo, ServoConfig, check_wiring
from robot_interface_ros.config import ConfigError, from_mapping, read_yaml, unknown_name
from robot_interface_ros.files.description import resolve
from robot_interface_ros.robot import Array
from robot_interface_ros.robot_config import HARDWARE_SUFFIX, RobotDescription, load_robot, robot_file
from robot_interface_ros.urdf.elements import JointLimits

T = TypeVar("T")


@dataclass(frozen=True)
class Hardware:
    """Calibrated servos in the order of the robot's joints, and the robot within the limits of its servos."""

    config: HardwareConfig
    description: RobotDescription
    servos: tuple[Servo, ...]
    parked: Array
    """`(n_joints,)` rad, positions at power-on: the rest pose, also if episodes begin in another posture."""

    def at(self, pulses: Sequence[int | None]) -> Array:
        """Return joint positions, `(n_joints,)` rad, for the last `pulses` of the servos, µs; None: parked."""
        angles = [
            angle if us is None else servo.angle(us) for servo, us, angle in zip(self.servos, pulses, self.parked)
        ]
        return np.clip(angles, self.description.limits.lower, self.description.limits.upper)


def load_hardware(robot: str = "inmoov", path: str = "", groups: tuple[str, ...] = (), posture: str = "") -> Hardware:
    """Load a robot (see `load_robot`) and its hardware file; empty: `<robot>_hardware.yaml` in the robot file's folder.

    Raises ConfigError, one line, if the files do not match.
    """
    file = hardware_file(robot, path)
    hardware = fit(read_hardware(file), load_robot(robot, groups), str(file))
    if not posture:
        return hardware
    begins = fit(hardware.config, load_robot(robot, groups, posture), str(file), own_rest=False)
    return dataclasses.replace(begins, parked=hardware.parked)


def hardware_file(robot: str, path: str = "") -> Path:
    """Return the hardware file of a robot."""
    own = robot_file(robot)
    return resolve(path) if path else own.with_name(f"{own.stem}{HARDWARE_SUFFIX}")


def read_hardware(file: str | Path) -> HardwareConfig:
    """Read a hardware file; make the checks that do not need the robot."""
    values = read_yaml(file)
    servos = values.get("servos")
    for joint, servo in servos.items() if isinstance(servos, dict) else ():  # one by one, so that errors name the joint
        _checked(f"{file}: servo of {joint}", partial(from_mapping, ServoConfig, servo, ""))
    config = from_mapping(HardwareConfig, values, str(file))
    _checked(str(file), partial(check_wiring, config))
    return config


def fit(config: HardwareConfig, description: RobotDescription, where: str, own_rest: bool = True) -> Hardware:
    """Match servos with the robot's joints. Joints that the robot file fixes need no servo; their servos are not driven.

    `own_rest`: whether to use the `rest` of servos.
    """
    for joint in config.servos:
        if joint not in description.model.joints:
            raise ConfigError(f"{where}: {unknown_name('joint', joint, description.joint_names)}")
    links = description.model.links
    for pattern in [pattern for patterns in config.may_touch for pattern in patterns]:
        if not any(fnmatchcase(link, pattern) for link in links):
            raise ConfigError(f"{where}: may_touch: {unknown_name('link', pattern, links)}")
    servos = []
    for joint, lower, upper in zip(description.joint_names, description.limits.lower, description.limits.upper):
        if joint not in config.servos:
            raise ConfigError(
                f"{where}: joint {joint} moves but has no servo; add it, or fix its group in the robot file"
            )
        entry = config.servos[joint]
        servos.append(_checked(where, partial(Servo, joint, entry, float(lower), float(upper))))
    narrowed = _narrowed(description, servos, where, own_rest)
    return Hardware(config, narrowed, tuple(servos), narrowed.rest)


def _narrowed(description: RobotDescription, servos: list[Servo], where: str, own_rest: bool) -> RobotDescription:
    """Return the robot within the limits, speeds and accelerations of its servos."""
    limits = description.limits
    lower, upper = (np.array([getattr(servo, end) for servo in servos]) for end in ("lower", "upper"))
    velocity = _lowered(limits.velocity, [servo.config.max_velocity for servo in servos])
    rest = np.array(
        [
            own if servo.config.rest is None or not own_rest else servo.config.rest
            for servo, own in zip(servos, description.rest)
        ]
    )
    for servo, value, low, high in zip(servos, rest, lower, upper):
        if not low <= value <= high:
            raise ConfigError(
                f"{where}: rest of {servo.joint} is {value:.3f} rad; its servo reaches {low:.3f} to {high:.3f}: "
                "check zero, direction and limits, or give the servo another rest"
            )
    rest.setflags(write=False)
    return dataclasses.replace(
        description,
        limits=JointLimits(limits.names, lower, upper, velocity, limits.effort),
        rest=rest,
        max_acceleration=_lowered(description.max_acceleration, [servo.config.max_acceleration for servo in servos]),
    )


def _checked(where: str, check: Callable[[], T]) -> T:
    """Return the result of `check`; put `where` before its ConfigError."""
    try:
        return check()
    except ConfigError as error:
        raise ConfigError(f"{where}: {str(error).removeprefix(': ')}") from None


def _lowered(values: Array, own: list[float | None]) -> Array:
    return np.array([value if limit is None else min(value, limit) for value, limit in zip(values, own)])
