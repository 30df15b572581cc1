"""The complete robot of a driver: boards, servos, limits, collision guard, real time, lifecycle and pulse journal."""

from __future__ import annotations

from robot_driver_ros import factories
from robot_driver_ros.board_kinds import check_rate, make_boards
from robot_driver_ros.collision_guard import CollisionGuard
from robot_driver_ros.driver_config import DriverNodeConfig
from robot_driver_ros.lifecycle import DriverLife
from robot_driver_ros.servos.hardware import load_hardware
from robot_driver_ros.servos.pulse_journal import Left, Memory
from robot_driver_ros.servos.servo_driver import ServoDriver
from robot_driver_ros.servos.servo_robot import ServoRobot
from robot_interface_ros.lockstep import period_of
from robot_interface_ros.realtime.realtime_robot import RealTimeConfig, RealTimeRobot
from robot_interface_ros.safety.safe_robot import SafeRobot


class DrivenRobot:
    """The robot that a driver node serves; the node calls `turn` in each of its turns."""

    def __init__(self, config: DriverNodeConfig):
        hardware = load_hardware(config.robot, config.hardware, config.groups, config.posture)
        self.description, period_ns = hardware.description, period_of(config.control_hz)
        check_rate(hardware, config.control_hz)
        self._boards = make_boards(config.board, hardware, config.ports)
        ports = self._boards.ports
        self._memory = Memory(ports.values()) if ports and config.remember else None
        self._places = [(ports.get(s.config.board, ""), s.config.pin) for s in hardware.servos]
        left = self._memory.recall() if self._memory else None
        self._left = left or Left()
        pulses = [self._left.pulses.get(port, {}).get(pin) for port, pin in self._places]
        found = self._left.line(sum(us is not None for us in pulses))
        self.found = f"{found} ({self._memory.folder})" if found and self._memory else ""
        """One line about the state that an earlier driver has left; empty if there is none."""
        self._driver = ServoDriver(hardware, self._boards.boards, period_ns * 1e-9, begins_at=hardware.at(pulses))
        body = None
        if config.body == "simulated":
            body = factories.simulated_body(config.robot, config.groups, config.posture, config.control_hz)
        plant = ServoRobot(hardware, self._driver, period_ns, body, self._boards.pulses)
        guard = CollisionGuard(self.description, hardware.config.may_touch)
        self._safe = SafeRobot(plant, self.description, guard.allows)
        self.robot = RealTimeRobot(
            self._safe,
            RealTimeConfig(
                command_timeout_s=config.command_timeout_s,
                relax_after_s=config.relax_after_s or None,
                reset_timeout_s=config.reset_timeout_s,
            ),
        )
        disabled = self._left.disabled
        self.life = DriverLife(self._driver, self.robot, self._safe, hardware.parked, stays_disabled=disabled)
        if self._left.emergency_stopped:
            self.robot.emergency_stop()

    def turn(self) -> str:
        """Write pulses and stops to the journal for the next driver; return the reason if that fails, else empty text."""
        if self._memory is None:
            return ""
        pulses = {port: dict(pins) for port, pins in self._left.pulses.items()}
        for (port, pin), us in zip(self._places, self._driver.sent):
            if us is not None:
                pulses.setdefault(port, {})[pin] = us
        try:
            self._memory.keep(Left(pulses, self._safe.emergency_stopped, self.life.disabled))
        except OSError as error:  # the robot must not fail for this: its arm would fall
            return f"cannot write the servos' pulses to {self._memory.folder}: {error.strerror}"
        return ""

    def close(self) -> None:
        """Switch the torque off, close the boards and end emulators."""
        self.life.close()
        self._boards.close()
        if self._memory is not None:
            self._memory.close()
