"""Runs a system's processes on a machine without `ros2`: starts, restarts, stops them, and leaves none behind.

One thread and one wait (pipes, signals, the next deadline). Circus, the alternative, brings ZeroMQ, TCP ports and an
event loop, and has no notion of one process whose end and exit code are the system's.

Standard output is the trainer's alone, untouched, so that its progress bar stays one; what the others say goes to
standard error, each line with the process's name in front.
"""

from __future__ import annotations

import contextlib
import ctypes
import math
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

from rl_trainer_ros.bringup.system import Next, Process, System, after_death, exit_code, exit_text, ros_arguments
from robot_interface_ros import ros_environment

TERM_TIMEOUT_S = 10.0  # from SIGTERM, for a process that did not leave when first asked, to SIGKILL
GIVEN_UP = 3  # exit code where a trainer saved and left only because it was told to; its own for a robot that failed
PR_SET_PDEATHSIG = 1  # linux/prctl.h: the signal this process gets when the thread that made it ends
LONGEST_LINE = 1 << 16  # bytes kept of a line that does not end


def run(system: System, python: str = sys.executable) -> int:
    """Run `system` until its trainer has left and the rest is stopped; the trainer's exit code, 128 + n for signal n.

    SIGINT, SIGTERM and SIGHUP go to the trainer, once; it saves, and the rest is stopped after it. A trainer that does not
    notice that a process stays down is made to leave; the code is then never 0. Main thread only. Raises RosEnvironmentError
    before anything is started where ROS itself could not be.
    """
    environ = {**os.environ, **system.environment}
    ros_environment.check(environ)
    ros_environment.check_middleware(environ)
    with _caught_signals() as wakeup:
        return _Supervisor(system, python, wakeup).run()


class _Child:
    """A started process, when it was started again before, and what it has said since its last full line."""

    def __init__(self, process: Process, popen: subprocess.Popen[bytes], restarts: tuple[float, ...]) -> None:
        self.process, self.popen, self.restarts = process, popen, restarts
        self.ended = False
        self.again_at = math.inf  # when it is started again, having ended; as time.monotonic()
        self.partial = b""

    def send(self, number: int) -> None:
        """A signal to the process alone; SIGKILL to all that it has started as well."""
        with contextlib.suppress(ProcessLookupError):
            (os.killpg if number == signal.SIGKILL else os.kill)(self.popen.pid, number)


class _Supervisor:
    def __init__(self, system: System, python: str, wakeup: socket.socket) -> None:
        self.system, self.python, self.wakeup = system, python, wakeup
        self.environment = dict(os.environ) | {"PYTHONUNBUFFERED": "1"} | dict(system.environment)
        self.selector = selectors.DefaultSelector()
        self.selector.register(wakeup, selectors.EVENT_READ)
        self.children: dict[str, _Child] = {}
        self.stopping: int | None = None  # the signal that is to end the trainer, or 0 when it has left by itself
        self.failure = 0  # exit code of a process that ended the system instead of the trainer
        self.given_up = False  # the trainer was made to leave since a process stays down

    def run(self) -> int:
        try:
            for process in self.system.processes:
                self.start(process)
            if self.system.endless:
                return self.serve()
            trainer = self.children[self.system.trainer.name]
            self.attend(trainer)
            self.stopping = self.stopping or 0
            self.stop([child for child in self.children.values() if not child.ended])
            if trainer.popen.returncode and not self.failure:
                say(f"{trainer.process.name} {exit_text(trainer.popen.returncode)}")
            return self.failure or exit_code(trainer.popen.returncode) or (GIVEN_UP if self.given_up else 0)
        finally:
            for child in self.children.values():
                if not child.ended:  # only after an error of our own
                    child.send(signal.SIGKILL)
            self.selector.close()

    def serve(self) -> int:
        """Without a trainer: until a signal comes, or nothing useful is left."""
        while self.stopping is None and not self.system.beyond_hope(self.down()):
            self.turn(math.inf)
        asked, self.stopping = self.stopping is not None, self.stopping or 0
        self.stop([child for child in self.children.values() if not child.ended])
        return self.failure or (0 if asked else GIVEN_UP)

    def start(self, process: Process, restarts: tuple[float, ...] = ()) -> None:
        """Start a process in a session of its own: Ctrl-C at the terminal reaches it through us alone, in our order."""
        stdout, stderr = (None, None) if process.ends_system else (subprocess.PIPE, subprocess.STDOUT)
        program = (
            [process.program] if process.program else [self.python, "-m", "robot_interface_ros.start", process.module]
        )
        popen = subprocess.Popen(
            [*program, *ros_arguments(process, self.system.ros_words)],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
            preexec_fn=_dies_with_parent(process.orphan_signal),
        )
        self.children[process.name] = child = _Child(process, popen, restarts)
        if popen.stdout is not None:
            os.set_blocking(popen.stdout.fileno(), False)
            self.selector.register(popen.stdout, selectors.EVENT_READ, child)

    def attend(self, trainer: _Child) -> None:
        """Until the trainer has left: pass output on, start again what dies, forward a signal once, keep deadlines."""
        patience_s = trainer.process.shutdown_timeout_s
        deadline, left = math.inf, [signal.SIGINT, signal.SIGTERM, signal.SIGKILL]
        asked = False
        while not trainer.ended:
            self.turn(deadline)
            if self.stopping is not None and not asked:
                asked = True
                name = signal.Signals(self.stopping).name
                if not self.failure:  # which has been told; the trainer may not even have begun
                    say(f"{name}: {trainer.process.name} saves and leaves, {patience_s:g} s at most")
                trainer.send(signal.SIGTERM if self.stopping == signal.SIGHUP else self.stopping)
                deadline, left = time.monotonic() + patience_s, [signal.SIGTERM, signal.SIGKILL]
            elif deadline == math.inf and self.system.beyond_hope(self.down()):
                deadline = time.monotonic() + self.system.give_up_timeout_s
            elif left and time.monotonic() >= deadline and not trainer.ended:
                self.given_up = self.given_up or not asked
                number = left.pop(0)
                say(f"{trainer.process.name} is still there; sending {number.name}")
                trainer.send(number)
                deadline = time.monotonic() + (patience_s if number == signal.SIGINT else TERM_TIMEOUT_S)

    def down(self) -> list[str]:
        """Names of the processes that stay down."""
        return [name for name, child in self.children.items() if child.ended and child.again_at == math.inf]

    def stop(self, children: list[_Child]) -> None:
        """End the other processes: SIGTERM to all, and SIGKILL for what takes longer than it may."""
        for child in children:
            child.send(signal.SIGTERM)
        started = time.monotonic()
        for child in sorted(children, key=lambda child: child.process.shutdown_timeout_s):
            deadline = started + child.process.shutdown_timeout_s
            while not child.ended:
                self.turn(deadline)
                if time.monotonic() >= deadline and not child.ended:
                    say(f"{child.process.name} did not leave within {child.process.shutdown_timeout_s:g} s; killed")
                    child.send(signal.SIGKILL)
                    deadline = math.inf

    def turn(self, deadline: float) -> None:
        """Wait, until `deadline` (time.monotonic()) at most, for output, signals or ends of children; see to them."""
        if self.stopping is None:
            deadline = min([deadline, *(child.again_at for child in self.children.values())])
        timeout_s = None if deadline == math.inf else max(0.0, deadline - time.monotonic())
        for key, _ in self.selector.select(timeout_s):
            if key.data is None:
                self.hear(self.wakeup.recv(4096))
            else:
                self.read(key.data)
        for child in list(self.children.values()):
            if not child.ended and child.popen.poll() is not None:
                self.bury(child)
            if self.stopping is None and child.again_at <= time.monotonic():
                self.start(child.process, (*child.restarts, time.monotonic()))

    def hear(self, numbers: bytes) -> None:
        """Note the first signal that asks us to stop; further ones change nothing, so that a save is not cut."""
        for number in numbers:
            if number == signal.SIGCHLD:
                continue
            if self.stopping is None:
                self.stopping = number
            else:
                say(f"{signal.Signals(number).name}: already stopping; kill -9 {os.getpid()} ends it unsaved")

    def bury(self, child: _Child) -> None:
        """A child has ended: end what it had started, pass its last words on, and start it again where that is due."""
        child.ended = True
        child.send(signal.SIGKILL)  # while its process group's number cannot be anyone else's yet
        while child.popen.stdout is not None and not child.popen.stdout.closed and self.read(child):
            pass
        if child.process.ends_system or self.stopping is not None:
            return
        now = time.monotonic()
        verdict = after_death(child.process, child.popen.returncode, child.restarts, now)
        say(verdict.line)
        if verdict.next is Next.RESTART:
            child.again_at = now + verdict.pause_s
        elif verdict.next is Next.END:
            self.stopping, self.failure = signal.SIGTERM, child.popen.returncode

    def read(self, child: _Child) -> bool:
        """Pass on a child's full lines, at the end of its output the rest as well; whether there may be more."""
        assert child.popen.stdout is not None
        try:
            data = os.read(child.popen.stdout.fileno(), LONGEST_LINE)
        except BlockingIOError:
            return False
        *lines, child.partial = (child.partial + data).split(b"\n")
        if child.partial and (not data or len(child.partial) > LONGEST_LINE):
            lines, child.partial = [*lines, child.partial], b""
        for line in lines:
            say(line.decode(errors="replace").rstrip("\r"), child.process.name)
        if not data:
            self.selector.unregister(child.popen.stdout)
            child.popen.stdout.close()
        return bool(data)


def say(text: str, name: str = "supervisor") -> None:
    """One line on standard error, which may be closed by now; on a terminal over the progress bar that stands there."""
    clear = "\r\x1b[K" if sys.stderr.isatty() else ""
    with contextlib.suppress(OSError, ValueError):
        print(f"{clear}[{name}] {text}", file=sys.stderr, flush=True)


def _dies_with_parent(number: int) -> Callable[[], None]:
    """What a child runs before its program: from then on the kernel sends it `number` when this process is gone.

    It outlives exec (prctl(2)), so it holds for a Python that replaces itself at start, as that of the ROS wheels does.
    """
    prctl, parent = ctypes.CDLL(None).prctl, os.getpid()

    def in_child() -> None:
        prctl(PR_SET_PDEATHSIG, int(number))
        if os.getppid() != parent:  # it was gone before we asked
            os._exit(1)

    return in_child


@contextlib.contextmanager
def _caught_signals() -> Iterator[socket.socket]:
    """A socket that reads the numbers of the signals that come; each signal's own handler is put back at the end."""
    numbers = [signal.SIGINT, signal.SIGTERM, signal.SIGCHLD]
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # nohup
        numbers.append(signal.SIGHUP)
    reader, writer = socket.socketpair()
    reader.setblocking(False)
    writer.setblocking(False)
    previous_fd = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    previous = {number: signal.signal(number, lambda *_: None) for number in numbers}
    try:
        yield reader
    finally:
        for number, handler in previous.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        signal.set_wakeup_fd(previous_fd)
        reader.close()
        writer.close()
