"""Drives the servos of a robot on one or several boards: converts angles to pulses, switches torque, reopens lost boards."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from robot_driver_ros.boards.firmata_board import BoardState, FirmataBoard, Pulse
from robot_driver_ros.boards.links import BoardRefused, LinkLost
from robot_driver_ros.servos.hardware import Hardware
from robot_driver_ros.servos.pulse_tables import DEFAULT_WATCHDOG_S, FeedbackConfig, Servo
from robot_interface_ros.errors import RobotError
from robot_interface_ros.robot import Array

REOPEN_EVERY_S = 1.0
FIRST_PULSES_S = 0.06  # time after attaching: 33 ms until the timer starts, and one refresh of 20 ms


class ServoDriver:
    """Drives all servos together: `drive` takes joint angles once per control period, and never waits.

    In one period a servo moves at most at its top speed from its last pulse, also after a lost board or a detached servo. A
    lost board resumes with the pulses that it has certainly received; meanwhile the joints of the other boards brake. First,
    all servos of a board get their last pulses in one burst (at the start: those of the rest pose), because otherwise a
    board's first pulse would be 1500 us. Servos that stand still are detached after their idle timeout.
    """

    def __init__(
        self,
        hardware: Hardware,
        boards: Mapping[str, FirmataBoard],
        period_s: float,
        clock: Callable[[], float] = time.monotonic,
        begins_at: Array | None = None,
    ):
        """`boards` by their names in the hardware file; `clock`: steady clock, s.

        `begins_at`: assumed positions of the joints, `(n_joints,)` rad; None: at rest.
        """
        self.servos, self.boards = hardware.servos, dict(boards)
        self._configs = hardware.config.boards
        self._measured = [(servo, servo.config.feedback) for servo in self.servos if servo.config.feedback is not None]
        self.active = True
        """Whether `drive` is allowed."""
        self._clock = clock
        self._max_step = hardware.description.limits.velocity * period_s
        self._brake = (
            hardware.description.max_acceleration * period_s * period_s
        )  # largest change of a step in a period
        self._step = np.zeros(len(self.servos))  # motion of each joint in the last period, rad
        self._sent = np.array(hardware.parked if begins_at is None else begins_at)  # rad
        self._pulses = [
            servo.pulse(angle) for servo, angle in zip(self.servos, self._sent)
        ]  # the same, whole microseconds
        self._idle_timeout_s = [
            hardware.config.idle_timeout_s if servo.config.idle_timeout_s is None else servo.config.idle_timeout_s
            for servo in self.servos
        ]
        self._moved_at = [clock()] * len(self.servos)
        self._primed: set[str] = set()  # boards whose servos have their pulses since the board's last reset
        self._ever_primed: set[str] = set()
        self._still_until = 0.0
        self._watching: set[str] = set()
        self._retry_at = {name: clock() for name in boards}
        self._lost: dict[str, str] = {}
        self._refused: dict[str, str] = {}

    @property
    def refused(self) -> str:
        """Reason for which boards cannot be used, also after a retry; empty if no board is refused."""
        return "; ".join(self._refused.values())

    @property
    def angles(self) -> Array:
        """Joint positions, `(n_joints,)` rad: measured if a joint has a potentiometer, otherwise as commanded."""
        measured = [self._measured_angle(servo) for servo in self.servos]
        return np.array(
            [servo.angle(us) if q is None else q for servo, us, q in zip(self.servos, self._pulses, measured)]
        )

    @property
    def pulses(self) -> tuple[int, ...]:
        """The last pulse of each servo, microseconds."""
        return tuple(self._pulses)

    @property
    def sent(self) -> list[int | None]:
        """The last pulse of each servo that its board has certainly received; None if the board got no pulses yet."""
        boards = self.boards
        known = {name: board.known if board.overdue else {} for name, board in boards.items()}
        return [
            known[servo.config.board].get(servo.config.pin, us) if servo.config.board in self._ever_primed else None
            for servo, us in zip(self.servos, self._pulses)
        ]

    @property
    def motion(self) -> tuple[Array, Array]:
        """The joint targets and their motion in the last period, `(n_joints,)` rad each."""
        return self._sent.copy(), self._step.copy()

    @property
    def powered(self) -> tuple[str, ...]:
        """Joints whose servos get pulses."""
        return tuple(s.joint for s in self.servos if s.config.pin in self.boards[s.config.board].attached)

    @property
    def problem(self) -> str:
        """Reason for which the robot cannot be driven now, one line about the boards; empty if it can."""
        problems = [self._lost.get(name, "") for name in self.boards]
        for name, board in self.boards.items():
            if board.state is BoardState.READY:
                measured = [(servo, feedback) for servo, feedback in self._measured if servo.config.board == name]
                problems += [_feedback_fault(servo, feedback, board.analog) for servo, feedback in measured]
            elif name not in self._lost:
                problems.append(f"board {name} has not answered yet; opening the port resets it, which takes 2 s")
        return "; ".join(filter(None, problems))

    def poll(self) -> bool:
        """Read from the boards, and reopen lost ones once a second; return whether there is no `problem`."""
        now = self._clock()
        for name, board in self.boards.items():
            try:
                if board.state is BoardState.CLOSED and now >= self._retry_at[name]:
                    self._retry_at[name] = now + REOPEN_EVERY_S
                    board.open()
                if board.poll() is BoardState.READY:
                    board.ask_for_life()
                    self._lost.pop(name, None)
                    self._refused.pop(name, None)
                    if name not in self._watching:
                        if self._configs[name].firmware == "watchdog":
                            board.set_watchdog(*(self._configs[name].watchdog_s or DEFAULT_WATCHDOG_S))
                        board.watch(
                            feedback.channel for servo, feedback in self._measured if servo.config.board == name
                        )
                        self._watching.add(name)
            except LinkLost as error:
                self._forget(name, error)
                if isinstance(error, BoardRefused):
                    self._refused[name] = str(error)
        return not self.problem

    def drive(self, target: Array) -> None:
        """Move every servo one period towards `target`, `(n_joints,)` rad.

        Raises RobotError if the driver is not active or a board is lost, ValueError for NaN. If a board is lost, the joints
        of the other boards brake, because a motion of only some joints was not planned.
        """
        ready = self.poll()
        if not self.active:
            raise RobotError("the driver is not active; ros2 lifecycle set /robot_driver activate")
        now = self._clock()
        if not ready:
            problem = self.problem
            self._brake_joints(now)
            raise LinkLost(problem)
        unprimed = [name for name, board in self.boards.items() if name not in self._primed and not board.overdue]
        self._locate_unpowered_joints(target, now)
        angles = np.clip(target, self._sent - self._max_step, self._sent + self._max_step)
        if unprimed:
            self._still_until = now + FIRST_PULSES_S
        if now < self._still_until:
            angles = self._sent.copy()
        self._send(angles, now, unprimed)

    def relax(self) -> None:
        """End all pulses; the next `drive` starts with the last pulses. Raises LinkLost."""
        for name, board in self.boards.items():
            if board.state is BoardState.READY:
                try:
                    board.detach(board.attached)
                except LinkLost as error:
                    self._forget(name, error)
                    raise

    def close(self) -> None:
        """Switch the torque off and close the boards; may be called twice."""
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
        self._refused.clear()
        self._retry_at = dict.fromkeys(self.boards, self._clock())

    def _prime(self, name: str) -> None:
        """Send all servos of a board their last pulses in one burst; firmata_board.py gives the reason."""
        pulses = {servo.config.pin: self._pulse(i) for i, servo in enumerate(self.servos) if servo.config.board == name}
        self.boards[name].attach(dict(sorted(pulses.items())))
        self._primed.add(name)
        self._ever_primed.add(name)
        now = self._clock()
        for i, servo in enumerate(self.servos):
            if servo.config.board == name:
                self._moved_at[i] = now

    def _brake_joints(self, now: float) -> None:
        """Brake, then repeat the pulses, so that a board's watchdog does not act and idle servos lose their torque."""
        reachable = [servo.config.board in self._primed for servo in self.servos]
        step = np.sign(self._step) * np.maximum(np.abs(self._step) - self._brake, 0.0)
        try:
            self._send(self._sent + np.where(reachable, step, 0.0), now)
        except LinkLost:  # another board; the caller already reports a problem
            return

    def _send(self, angles: Array, now: float, unprimed: Sequence[str] = ()) -> None:
        """Send these angles to all boards that have, or now get, their first pulses. Raises LinkLost after trying all boards.

        A board with an overdue answer gets nothing, and its joints keep their last pulses.
        """
        late = [self.boards[servo.config.board].overdue for servo in self.servos]
        angles = np.where(late, self._sent, angles)
        pulses = [servo.pulse(angle) for servo, angle in zip(self.servos, angles)]
        for i, (us, before) in enumerate(zip(pulses, self._pulses)):
            if us != before:
                self._moved_at[i] = now
        self._step, self._sent, self._pulses = angles - self._sent, angles, pulses
        lost: LinkLost | None = None
        for name, board in self.boards.items():
            if board.overdue or (name not in self._primed and name not in unprimed):
                continue
            try:
                if name in unprimed:
                    self._prime(name)
                self._frame(name, board, now)
            except LinkLost as error:
                self._forget(name, error)
                lost = error
        if lost is not None:
            raise lost

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

    def _measured_angle(self, servo: Servo) -> float | None:
        """Return the position that a potentiometer measures, rad; None if there is none, or no value yet."""
        feedback = servo.config.feedback
        value = None if feedback is None else self.boards[servo.config.board].analog.get(feedback.channel)
        return None if value is None or feedback is None else feedback.angle(value)

    def _locate_unpowered_joints(self, target: Array, now: float) -> None:
        """Start a joint without torque at its measured position instead of its last pulse, if it is about to move."""
        for i, servo in enumerate(self.servos):
            config, measured = servo.config, self._measured_angle(servo)
            if measured is None or config.pin in self.boards[config.board].attached:
                continue
            if config.board not in self._primed or servo.pulse(target[i]) != self._pulses[i]:
                self._sent[i] = min(max(measured, servo.lower), servo.upper)
                self._pulses[i] = servo.pulse(measured)
                self._moved_at[i] = now  # powered from now on, also if its steps are small

    def _forget(self, name: str, error: Exception) -> None:
        """Handle a lost board: its servos are at the last pulses that the board has certainly received."""
        self._lost[name] = str(error)
        known = self.boards[name].known
        for i, servo in enumerate(self.servos):
            us = known.get(servo.config.pin) if servo.config.board == name else None
            if us is not None and us != self._pulses[i]:
                self._pulses[i] = us
                self._sent[i] = min(max(servo.angle(us), servo.lower), servo.upper)
            if servo.config.board == name:
                self._step[i] = 0.0
        self._primed.discard(name)
        self._watching.discard(name)
        self._retry_at[name] = self._clock() + REOPEN_EVERY_S


def _feedback_fault(servo: Servo, feedback: FeedbackConfig, analog: Mapping[int, int]) -> str:
    """Return the fault of a servo's potentiometer, or empty text."""
    where, value = f"the potentiometer of {servo.joint} (A{feedback.channel})", analog.get(feedback.channel)
    if value is None:
        return f"{where} has not reported a value yet"
    if not feedback.is_likely(value):
        values = [entry for entry, _ in feedback.table]
        return f"{where} reads {value}, far from its table's {values[0]:g} to {values[-1]:g}; is a wire loose?"
    return ""
