"""Drives the servos of a robot over one board or several: pulses for angles, power for what moves, boards that come back."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import numpy as np

from robot_driver_ros.calibration import Servo
from robot_driver_ros.firmata_board import BoardState, FirmataBoard, Pulse
from robot_driver_ros.hardware import Hardware
from robot_driver_ros.links import LinkLost
from robot_interface_ros.errors import RobotError
from robot_interface_ros.robot import Array

REOPEN_EVERY_S = 1.0
FIRST_PULSES_S = 0.06  # after attaching: 33 ms until the timer starts, and one refresh of 20 ms


class ServoDriver:
    """All servos as one: `drive` takes joint angles once a control period, and never waits.

    Whatever it is told, no servo is sent further in one period than its top speed allows, counted from where it was sent
    last; over a lost board and a detached servo too. Before anything else every servo of a board gets, in one burst, the
    pulse that it had last (at the beginning: that of the rest pose), since a board's first pulse would be 1500 us
    otherwise. Servos that stand still are detached after their idle timeout.
    """

    def __init__(
        self,
        hardware: Hardware,
        boards: Mapping[str, FirmataBoard],
        period_s: float,
        clock: Callable[[], float] = time.monotonic,
    ):
        """`boards` by their names in the hardware file; `clock` counts seconds."""
        self.servos, self.boards = hardware.servos, dict(boards)
        self._configs = hardware.config.boards
        self.active = True
        """Whether `drive` is allowed."""
        self._clock = clock
        self._max_step = hardware.description.limits.velocity * period_s
        self._sent = hardware.parked  # rad; the pulses are the same in whole microseconds
        self._pulses = [servo.pulse(angle) for servo, angle in zip(self.servos, self._sent)]
        self._idle_timeout_s = [
            hardware.config.idle_timeout_s if servo.config.idle_timeout_s is None else servo.config.idle_timeout_s
            for servo in self.servos
        ]
        self._moved_at = [clock()] * len(self.servos)
        self._primed: set[str] = set()  # boards whose servos have their pulses since the board's last reset
        self._still_until = 0.0
        self._watching: set[str] = set()
        self._retry_at = {name: clock() for name in boards}
        self._lost: dict[str, str] = {}

    @property
    def angles(self) -> Array:
        """Where the joints are, `(n_joints,)` rad: measured where a servo has a potentiometer, else as commanded."""
        return np.array([self._measured(servo, us) for servo, us in zip(self.servos, self._pulses)])

    @property
    def powered(self) -> tuple[str, ...]:
        """Joints whose servos get pulses."""
        return tuple(s.joint for s in self.servos if s.config.pin in self.boards[s.config.board].attached)

    @property
    def problem(self) -> str:
        """Why the robot cannot be driven now, empty where it can; tells of the boards, one line."""
        problems = [self._lost.get(name, "") for name in self.boards]
        for name, board in self.boards.items():
            if board.state is not BoardState.READY and name not in self._lost:
                problems.append(f"board {name} has not answered yet; opening the port resets it, which takes 2 s")
        return "; ".join(filter(None, problems))

    def poll(self) -> bool:
        """Hear the boards and open again those that are lost, once a second; returns whether all are ready."""
        now = self._clock()
        for name, board in self.boards.items():
            try:
                if board.state is BoardState.CLOSED and now >= self._retry_at[name]:
                    self._retry_at[name] = now + REOPEN_EVERY_S
                    board.open()
                if board.poll() is BoardState.READY:
                    self._lost.pop(name, None)
                    if name not in self._watching:
                        if self._configs[name].firmware == "watchdog":
                            board.set_watchdog(*self._configs[name].watchdog_s)
                        board.watch(s.config.feedback.channel for s in self._on(name) if s.config.feedback)
                        self._watching.add(name)
            except LinkLost as error:
                self._forget(name, error)
        return all(board.state is BoardState.READY for board in self.boards.values())

    def drive(self, target: Array) -> None:
        """Send every servo one period on the way to `target`, `(n_joints,)` rad.

        Raises RobotError where the driver is not active or a board is lost, ValueError for NaN; nothing has moved then.

        A lost board stops the joints of the others as well: half a robot follows no plan.
        """
        ready = self.poll()
        if not self.active:
            raise RobotError("the driver is not active; ros2 lifecycle set /robot_driver activate")
        if not ready:
            raise LinkLost(self.problem)
        unprimed = [name for name in self.boards if name not in self._primed]
        angles = np.clip(target, self._sent - self._max_step, self._sent + self._max_step)
        now = self._clock()
        if unprimed:
            self._still_until = now + FIRST_PULSES_S
        if now < self._still_until:
            angles = self._sent
        pulses = [servo.pulse(angle) for servo, angle in zip(self.servos, angles)]
        for i, (us, before) in enumerate(zip(pulses, self._pulses)):
            if us != before:
                self._moved_at[i] = now
        try:
            for name in unprimed:
                self._prime(name)
            self._sent, self._pulses = angles, pulses
            for name, board in self.boards.items():
                self._frame(name, board, now)
        except LinkLost as error:
            for name, board in self.boards.items():
                if board.state is BoardState.CLOSED:
                    self._forget(name, error)
            raise

    def relax(self) -> None:
        """End all pulses; the next `drive` begins with those that were sent last. Raises LinkLost."""
        for name, board in self.boards.items():
            if board.state is BoardState.READY:
                try:
                    board.detach(board.attached)
                except LinkLost as error:
                    self._forget(name, error)
                    raise

    def close(self) -> None:
        """Relax and close the boards; safe to call twice."""
        for board in self.boards.values():
            try:
                if board.state is BoardState.READY:
                    board.detach(board.attached)
            except LinkLost:
                continue
            finally:
                board.close()
        self._primed.clear()
        self._watching.clear()

    def _prime(self, name: str) -> None:
        """Give all servos of a board their last pulse at once; see FirmataBoard for why."""
        pulses = {servo.config.pin: self._pulse(i) for i, servo in enumerate(self.servos) if servo.config.board == name}
        self.boards[name].attach(dict(sorted(pulses.items())))
        self._primed.add(name)
        now = self._clock()
        for i, servo in enumerate(self.servos):
            if servo.config.board == name:
                self._moved_at[i] = now

    def _frame(self, name: str, board: FirmataBoard, now: float) -> None:
        wanted, idle = {}, []
        for i, servo in enumerate(self.servos):
            if servo.config.board != name:
                continue
            timeout_s = self._idle_timeout_s[i]
            if timeout_s and now - self._moved_at[i] >= timeout_s:
                idle.append(servo.config.pin)
            else:
                wanted[servo.config.pin] = self._pulse(i)
        board.attach(wanted)
        board.detach(idle)

    def _pulse(self, i: int) -> Pulse:
        return Pulse(self._pulses[i], self.servos[i].min_us, self.servos[i].max_us)

    def _measured(self, servo: Servo, us: int) -> float:
        feedback = servo.config.feedback
        value = None if feedback is None else self.boards[servo.config.board].analog.get(feedback.channel)
        return servo.angle(us) if value is None or feedback is None else feedback.angle(value)

    def _on(self, board: str) -> list[Servo]:
        return [servo for servo in self.servos if servo.config.board == board]

    def _forget(self, name: str, error: Exception) -> None:
        self._lost[name] = str(error)
        self._primed.discard(name)
        self._watching.discard(name)
        self._retry_at[name] = self._clock() + REOPEN_EVERY_S
