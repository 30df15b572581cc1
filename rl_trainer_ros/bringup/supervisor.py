"""Run a system's processes on a machine without `ros2`: start, restart and stop them, and leave none behind.

There is one thread with one wait (pipes, signals, next deadline). Circus, the alternative, needs ZeroMQ, TCP ports and an
event loop, and has no process whose end and exit code are those of the system.

Only the trainer writes to standard output, unchanged, so that its progress bar works. Output of the other processes goes to
standard error; each line begins with the name of the process.
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

TERM_TIMEOUT_S = 10.0  # from SIGTERM to SIGKILL, for a process that has not ended after the first signal
GIVEN_UP = 3  # exit code if the supervisor had to end the trainer; the same as the trainer's after a robot's failure
PR_SET_PDEATHSIG = 1  # linux/prctl.h: signal for this process when its parent thread ends
LONGEST_LINE = 1 << 16  # bytes; a longer line is split


def run(system: System, python: str = sys.executable) -> int:
    """Run `system` until its trainer has ended and the others are stopped; return the trainer's exit code.

    The code is 128 + n after signal n. SIGINT, SIGTERM and SIGHUP are forwarded to the trainer once; it saves, and the other
    processes are stopped after it. If a process stays down and the trainer does not detect it, the trainer is ended; the code
    is then never 0. Call it only in the main thread. Raises RosEnvironmentError before any start if ROS cannot run.
    """
    environ = {**os.environ, **system.environment}
    ros_environment.check(environ)
    ros_environment.check_middleware(environ)
    with _caught_signals() as wakeup:
        return _Supervisor(system, python, wakeup).run()


class _Child:
    """A started process, the times of its earlier restarts, and its output since the last complete line."""

    def __init__(self, process: Process, popen: subprocess.Popen[bytes], restarts: tuple[float, ...]) -> None:
        self.process, self.popen, self.restarts = process, popen, restarts
        self.ended = False
        self.again_at = math.inf  # time of its restart after its end, by time.monotonic()
        self.partial = b""

    def send(self, number: int) -> None:
        """Send a signal to the process only; SIGKILL also to all processes that it has started."""
        with contextlib.suppress(ProcessLookupError):
            (os.killpg if number == signal.SIGKILL else os.kill)(self.popen.pid, number)


class _Supervisor:
    def __init__(self, system: System, python: str, wakeup: socket.socket) -> None:
        self.system, self.python, self.wakeup = system, python, wakeup
        self.environment = dict(os.environ) | {"PYTHONUNBUFFERED": "1"} | dict(system.environment)
        self.selector = selectors.DefaultSelector()
        self.selector.register(wakeup, selectors.EVENT_READ)
        self.children: dict[str, _Child] = {}
        self.stopping: int | None = None  # signal for the trainer, or 0 if it has ended by itself
        self.failure = 0  # exit code of another process that ended the system
        self.given_up = False  # the trainer was ended because a process stays down

    def run(self) -> int:
        try:
            if self.system.note:
                say(self.system.note)
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
                if not child.ended:  # only after an error of the supervisor
                    child.send(signal.SIGKILL)
            self.selector.close()

    def serve(self) -> int:
        """Run a system without a trainer, until a signal comes or a needed process stays down."""
        while self.stopping is None and not self.system.beyond_hope(self.down()):
            self.turn(math.inf)
        asked, self.stopping = self.stopping is not None, self.stopping or 0
        self.stop([child for child in self.children.values() if not child.ended])
        return self.failure or (0 if asked else GIVEN_UP)

    def start(self, process: Process, restarts: tuple[float, ...] = ()) -> None:
        """Start a process in its own session, so that only the supervisor forwards Ctrl-C to it, in the right order."""
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
        """Until the trainer has ended: forward output and one signal, restart processes, check deadlines."""
        patience_s = trainer.process.shutdown_timeout_s
        deadline, left = math.inf, [signal.SIGINT, signal.SIGTERM, signal.SIGKILL]
        asked = False
        while not trainer.ended:
            self.turn(deadline)
            if self.stopping is not None and not asked:
                asked = True
                name = signal.Signals(self.stopping).name
                if not self.failure:  # a failure is reported already, and the trainer may not have started yet
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
        """Return the names of the processes that stay down."""
        return [name for name, child in self.children.items() if child.ended and child.again_at == math.inf]

    def stop(self, children: list[_Child]) -> None:
        """End the other processes: SIGTERM to all, then SIGKILL after their shutdown timeouts."""
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
        """Wait until `deadline` (time.monotonic()) for output, signals or ends of children, and handle them."""
        if self.stopping is None:
            deadline = min([deadline, *(child.again_at for child in self.children.values())])
        timeout_s = None if deadline == math.inf else max(0.0, deadline - time.monotonic())
        for key, _ in self.selector.select(timeout_s):
            if key.data is None:
                self.note_signals(self.wakeup.recv(4096))
            else:
                self.read(key.data)
        for child in list(self.children.values()):
            if not child.ended and child.popen.poll() is not None:
                self.handle_end(child)
            if self.stopping is None and child.again_at <= time.monotonic():
                self.start(child.process, (*child.restarts, time.monotonic()))

    def note_signals(self, numbers: bytes) -> None:
        """Record the first signal that stops the system. Further ones have no effect, so that a save is not interrupted."""
        for number in numbers:
            if number == signal.SIGCHLD:
                continue
            if self.stopping is None:
                self.stopping = number
            else:
                say(f"{signal.Signals(number).name}: already stopping; kill -9 {os.getpid()} ends it unsaved")

    def handle_end(self, child: _Child) -> None:
        """After the end of a child: kill its own child processes, forward its last output, and plan its restart."""
        child.ended = True
        child.send(signal.SIGKILL)  # at once, before the number of its process group can be reused
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
        """Forward a child's complete lines, and the rest at the end of its output; return whether there may be more."""
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
    """Print a line on standard error, which may be closed. On a terminal it replaces the line of the progress bar."""
    clear = "\r\x1b[K" if sys.stderr.isatty() else ""
    with contextlib.suppress(OSError, ValueError):
        print(f"{clear}[{name}] {text}", file=sys.stderr, flush=True)


def _dies_with_parent(number: int) -> Callable[[], None]:
    """Return a function that a child runs before its program: the kernel then sends it `number` when this process ends.

    The setting survives exec (prctl(2)), also for a Python that replaces itself at its start, as with the ROS wheels.
    """
    prctl, parent = ctypes.CDLL(None).prctl, os.getpid()

    def in_child() -> None:
        prctl(PR_SET_PDEATHSIG, int(number))
        if os.getppid() != parent:  # the parent ended before the call
            os._exit(1)

    return in_child


@contextlib.contextmanager
def _caught_signals() -> Iterator[socket.socket]:
    """Yield a socket that receives the numbers of incoming signals; the previous handlers are restored at the end."""
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
