"""Drives the servos of a robot over one board or several: pulses for angles, power for what moves, boards that come back."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from robot_driver_ros.boards.firmata_board import BoardState, FirmataBoard, Pulse
from robot_driver_ros.boards.links import BoardRefused, LinkLost
from robot_driver_ros.servos.hardware import Hardware
from robot_driver_ros.servos.pulse_tables import FeedbackConfig, Servo
from robot_interface_ros.errors import RobotError
from robot_interface_ros.robot import Array

REOPEN_EVERY_S = 1.0
FIRST_PULSES_S = 0.06  # after attaching: 33 ms until the timer starts, and one refresh of 20 ms


class ServoDriver:
    """All servos as one: `drive` takes joint angles once a control period, and never waits.

    Whatever it is told, no servo is sent further in one period than its top speed allows, counted from where it was sent
    last; over a lost board and a detached servo too. A board that is lost begins again with the pulses that are known to
    have reached it, and meanwhile the joints of the others brake. Before anything else every servo of a board gets, in
    one burst, the pulse that it had last (at the beginning: that of the rest pose), since a board's first pulse would be
    1500 us otherwise. Servos that stand still are detached after their idle timeout.
    """

    def __init__(
        self,
        hardware: Hardware,
        boards: Mapping[str, FirmataBoard],
        period_s: float,
        clock: Callable[[], float] = time.monotonic,
        begins_at: Array | None = None,
    ):
        """`boards` by their names in the hardware file; `clock` counts seconds.

        `begins_at`: where the joints stand, `(n_joints,)` rad, as far as anybody knows; None: at rest.
        """
        self.servos, self.boards = hardware.servos, dict(boards)
        self._configs = hardware.config.boards
        self._measured = [(servo, servo.config.feedback) for servo in self.servos if servo.config.feedback is not None]
        self.active = True
        """Whether `drive` is allowed."""
        self._clock = clock
        self._max_step = hardware.description.limits.velocity * period_s
        self._brake = hardware.description.max_acceleration * period_s * period_s  # what a step may lose in a period
        self._step = np.zeros(len(self.servos))  # rad, that the last period moved each joint
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
        """Why boards cannot be used, where trying again changes nothing; empty: none is refused."""
        return "; ".join(self._refused.values())

    @property
    def angles(self) -> Array:
        """Where the joints are, `(n_joints,)` rad: measured where a servo has a potentiometer, else as commanded."""
        felt = [self._felt(servo) for servo in self.servos]
        return np.array([servo.angle(us) if q is None else q for servo, us, q in zip(self.servos, self._pulses, felt)])

    @property
    def pulses(self) -> tuple[int, ...]:
        """What each servo was sent last, microseconds."""
        return tuple(self._pulses)

    @property
    def sent(self) -> list[int | None]:
        """The same, as far as the board is known to hear us; None for servos of boards that were sent nothing yet."""
        boards = self.boards
        known = {name: board.known if board.overdue else {} for name, board in boards.items()}
        return [
            known[servo.config.board].get(servo.config.pin, us) if servo.config.board in self._ever_primed else None
            for servo, us in zip(self.servos, self._pulses)
        ]

    @property
    def motion(self) -> tuple[Array, Array]:
        """Where the joints are sent and how far the last period moved them, `(n_joints,)` rad each."""
        return self._sent.copy(), self._step.copy()

    @property
    def powered(self) -> tuple[str, ...]:
        """Joints whose servos get pulses."""
        return tuple(s.joint for s in self.servos if s.config.pin in self.boards[s.config.board].attached)

    @property
    def problem(self) -> str:
        """Why the robot cannot be driven now, empty where it can; tells of the boards, one line."""
        problems = [self._lost.get(name, "") for name in self.boards]
        for name, board in self.boards.items():
            if board.state is BoardState.READY:
                measured = [(servo, how) for servo, how in self._measured if servo.config.board == name]
                problems += [_doubts(servo, how, board.analog) for servo, how in measured]
            elif name not in self._lost:
                problems.append(f"board {name} has not answered yet; opening the port resets it, which takes 2 s")
        return "; ".join(filter(None, problems))

    def poll(self) -> bool:
        """Hear the boards and open again those that are lost, once a second; returns whether there is no `problem`."""
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
                            board.set_watchdog(*self._configs[name].watchdog_s)
                        board.watch(how.channel for servo, how in self._measured if servo.config.board == name)
                        self._watching.add(name)
            except LinkLost as error:
                self._forget(name, error)
                if isinstance(error, BoardRefused):
                    self._refused[name] = str(error)
        return not self.problem

    def drive(self, target: Array) -> None:
        """Send every servo one period on the way to `target`, `(n_joints,)` rad.

        Raises RobotError where the driver is not active or a board is lost, ValueError for NaN.

        Where a board is lost the joints of the others brake: half a robot follows no plan.
        """
        ready = self.poll()
        if not self.active:
            raise RobotError("the driver is not active; ros2 lifecycle set /robot_driver activate")
        now = self._clock()
        if not ready:
            problem = self.problem
            self._come_to_a_stand(now)
            raise LinkLost(problem)
        unprimed = [name for name, board in self.boards.items() if name not in self._primed and not board.overdue]
        self._find_limp_joints(target, now)
        angles = np.clip(target, self._sent - self._max_step, self._sent + self._max_step)
        if unprimed:
            self._still_until = now + FIRST_PULSES_S
        if now < self._still_until:
            angles = self._sent.copy()
        self._send(angles, now, unprimed)

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
        self._refused.clear()
        self._retry_at = dict.fromkeys(self.boards, self._clock())

    def _prime(self, name: str) -> None:
        """Give all servos of a board their last pulse at once; see FirmataBoard for why."""
        pulses = {servo.config.pin: self._pulse(i) for i, servo in enumerate(self.servos) if servo.config.board == name}
        self.boards[name].attach(dict(sorted(pulses.items())))
        self._primed.add(name)
        self._ever_primed.add(name)
        now = self._clock()
        for i, servo in enumerate(self.servos):
            if servo.config.board == name:
                self._moved_at[i] = now

    def _come_to_a_stand(self, now: float) -> None:
        """Brake, then keep the pulses as they are, so that a board's watchdog hears us and idle servos go limp."""
        heard = [servo.config.board in self._primed for servo in self.servos]
        step = np.sign(self._step) * np.maximum(np.abs(self._step) - self._brake, 0.0)
        try:
            self._send(self._sent + np.where(heard, step, 0.0), now)
        except LinkLost:  # another one: the caller has a problem to tell already
            return

    def _send(self, angles: Array, now: float, unprimed: Sequence[str] = ()) -> None:
        """Send all boards that have their first pulses, or get them now, these angles. Raises LinkLost after all were tried.

        A board that is late with its answer gets none, and its joints stay where they were sent.
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

    def _felt(self, servo: Servo) -> float | None:
        """Where a potentiometer says that a joint is, rad; None: there is none, or it has said nothing yet."""
        feedback = servo.config.feedback
        value = None if feedback is None else self.boards[servo.config.board].analog.get(feedback.channel)
        return None if value is None or feedback is None else feedback.angle(value)

    def _find_limp_joints(self, target: Array, now: float) -> None:
        """Begin where a limp joint really is, not where it was sent once, if its potentiometer tells and it is to move."""
        for i, servo in enumerate(self.servos):
            config, felt = servo.config, self._felt(servo)
            if felt is None or config.pin in self.boards[config.board].attached:
                continue
            if config.board not in self._primed or servo.pulse(target[i]) != self._pulses[i]:
                self._sent[i] = min(max(felt, servo.lower), servo.upper)
                self._pulses[i] = servo.pulse(felt)
                self._moved_at[i] = now  # powered from now on, however small its steps are

    def _forget(self, name: str, error: Exception) -> None:
        """A board is lost: its servos stand where it has heard that they should, not where it was told since."""
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


def _doubts(servo: Servo, feedback: FeedbackConfig, analog: Mapping[int, int]) -> str:
    """What is wrong with a servo's potentiometer, empty for nothing."""
    where, value = f"the potentiometer of {servo.joint} (A{feedback.channel})", analog.get(feedback.channel)
    if value is None:
        return f"{where} has reported nothing yet"
    if not feedback.is_likely(value):
        values = [entry for entry, _ in feedback.table]
        return f"{where} reads {value}, far from its table's {values[0]:g} to {values[-1]:g}; is a wire off?"
    return ""
