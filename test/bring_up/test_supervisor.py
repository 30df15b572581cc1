"""The supervisor with real child processes: ends, restarts, signals, and remaining processes."""

from __future__ import annotations

import os
import pty
import select
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_S = 20.0  # for anything that is awaited here; all of it takes well under a second each

# Runs the modules `fake_trainer` and `fake_sim` of the current folder; the last line of {options} may shorten timeouts.
MAIN = """
import signal, sys
from rl_trainer_ros.bringup import supervisor
from rl_trainer_ros.bringup.system import Process, System
sim = Process("robot_sim", "x", "fake_sim", max_restarts=2, shutdown_timeout_s=10.0)
trainer = Process("trainer", "x", "fake_trainer", max_restarts=0, ends_system=True, shutdown_timeout_s=10.0,
                  orphan_signal=signal.SIGTERM)
give_up_timeout_s = 120.0
{options}
sys.exit(supervisor.run(System((sim, trainer), {{"FROM_SYSTEM": "yes"}}, give_up_timeout_s)))
"""

# What both fakes can do. `noted` lines come in the order in which they were written, whoever wrote them.
PRELUDE = """
import os, signal, socket, subprocess, sys
signals, writer = socket.socketpair()
writer.setblocking(False)
signal.set_wakeup_fd(writer.fileno())
def wait_for_signal(): signals.recv(1)
def note(text):
    with open("noted", "a") as file: file.write(text + "\\n")
def say(text): print(text, flush=True)
def wait_for_word():  # from the test, through a pipe with a name
    with open("word") as file: return file.read()
def on(number, action): signal.signal(number, lambda *_: action())
"""

SERVING_SIM = """
on(signal.SIGTERM, lambda: (note("sim SIGTERM"), sys.exit(0)))
say(f"serving {os.getpid()}")
while True: signal.pause()
"""


class Supervised:
    """A supervisor in a separate process, and its output."""

    def __init__(
        self, folder: Path, trainer: str, sim: str = SERVING_SIM, options: str = "", stdout: int = subprocess.PIPE
    ) -> None:
        self.folder = folder
        (folder / "fake_trainer.py").write_text(PRELUDE + trainer)
        (folder / "fake_sim.py").write_text(PRELUDE + sim)
        (folder / "main.py").write_text(MAIN.format(options=options))
        os.mkfifo(folder / "word")
        environment = os.environ | {"PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}
        self.popen = subprocess.Popen(
            [sys.executable, "main.py"],
            cwd=folder,
            env=environment,
            stdout=stdout,
            stderr=subprocess.PIPE,
            bufsize=0,
            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # nohup, over the tests, has it ignored
        )
        self.heard: dict[str, bytes] = {"stdout": b"", "stderr": b""}
        self.selector = selectors.DefaultSelector()
        for name in self.heard:
            if (stream := getattr(self.popen, name)) is not None:
                self.selector.register(stream, selectors.EVENT_READ, name)

    def read(self, deadline: float) -> None:
        """Read the next output."""
        ready = self.selector.select(deadline - time.monotonic())
        assert ready, f"nothing more within {TIMEOUT_S} s of: {self.heard}"
        for key, _ in ready:
            data = os.read(key.fd, 65536)
            self.heard[key.data] += data
            if not data:
                self.selector.unregister(key.fileobj)

    def lines(self, name: str = "stderr") -> list[str]:
        """The complete lines so far."""
        return self.heard[name].decode().split("\n")[:-1]

    def await_line(self, part: str, name: str = "stderr") -> str:
        """Wait for the first line that contains `part`."""
        deadline = time.monotonic() + TIMEOUT_S
        while True:
            found = [line for line in self.lines(name) if part in line]
            if found:
                return found[0]
            self.read(deadline)

    def end(self) -> int:
        """Return the whole output until all processes have closed theirs, and the exit code."""
        deadline = time.monotonic() + TIMEOUT_S
        while self.selector.get_map():
            self.read(deadline)
        return self.popen.wait(TIMEOUT_S)

    def tell(self, word: str = "go") -> None:
        """Send a word to the fake process that waits for it."""
        with open(self.folder / "word", "w") as file:
            file.write(word)

    def noted(self) -> list[str]:
        """The lines that the fake processes have written."""
        return (self.folder / "noted").read_text().splitlines()


def pid_in(line: str) -> int:
    return int(line.split()[-1])


def await_death(pidfd: int) -> bool:
    """Whether the process behind a pidfd (it becomes readable) is dead within the timeout."""
    poller = select.poll()
    poller.register(pidfd, select.POLLIN)
    try:
        return bool(poller.poll(TIMEOUT_S * 1000))
    finally:
        os.close(pidfd)


Supervise = Callable[..., Supervised]


@pytest.fixture
def supervise(tmp_path: Path) -> Iterator[Supervise]:
    started: list[Supervised] = []

    def start(*arguments: Any, **more: Any) -> Supervised:
        started.append(Supervised(tmp_path, *arguments, **more))
        return started[-1]

    yield start
    for supervised in started:
        if supervised.popen.poll() is None:
            supervised.popen.kill()  # its children go with it, which a test below shows
            supervised.popen.wait()
        for stream in (supervised.popen.stdout, supervised.popen.stderr):
            if stream is not None:
                stream.close()


def test_the_trainers_exit_ends_the_system_with_its_code(supervise: Supervise) -> None:
    it = supervise("wait_for_word(); say('trained'); sys.exit(7)")
    assert it.await_line("[robot_sim] serving")
    it.tell()
    assert it.end() == 7
    assert it.heard["stdout"] == b"trained\n"  # untouched, and nobody else's
    assert it.noted() == ["sim SIGTERM"]  # asked to leave, and awaited
    assert "[supervisor] trainer exited with code 7" in it.lines()


def test_an_end_without_failure_is_silent(supervise: Supervise) -> None:
    it = supervise("wait_for_word()", sim=SERVING_SIM.replace("say", "note"))
    it.tell()
    assert it.end() == 0
    assert it.heard == {"stdout": b"", "stderr": b""}


def test_death_by_a_signal_is_128_and_its_number(supervise: Supervise) -> None:
    it = supervise("os.kill(os.getpid(), signal.SIGKILL)")
    assert it.end() == 137
    assert "[supervisor] trainer was killed by SIGKILL" in it.lines()


def test_every_process_gets_the_ros_arguments_and_the_environment(supervise: Supervise) -> None:
    it = supervise(
        "say(sys.argv[1:]); say(os.environ['FROM_SYSTEM'] + os.environ['PYTHONUNBUFFERED'])",
        options="import dataclasses\ntrainer = dataclasses.replace(trainer, parameters={'seed': 3})",
    )
    assert it.end() == 0
    assert it.lines("stdout") == ["['--ros-args', '-p', 'seed:=3']", "yes1"]


def test_a_dead_simulator_is_started_again(supervise: Supervise) -> None:
    it = supervise("wait_for_word(); sys.exit(4)")
    first = pid_in(it.await_line("[robot_sim] serving"))
    os.kill(first, signal.SIGKILL)
    assert it.await_line("robot_sim was killed") == (
        "[supervisor] robot_sim was killed by SIGKILL; started again (1 of 2)"
    )
    it.heard["stderr"] = b""
    assert pid_in(it.await_line("[robot_sim] serving")) != first
    it.tell()
    assert it.end() == 4
    assert it.noted() == ["sim SIGTERM"]


def test_when_restarts_are_used_up_the_trainer_is_left_to_end_by_itself(supervise: Supervise) -> None:
    it = supervise(
        """
for number in (signal.SIGINT, signal.SIGTERM): on(number, lambda: note("the trainer was disturbed"))
note(f"trainer ends {wait_for_word()}")
sys.exit(3)""",
        sim="note('sim starts'); print('last words', end=''); sys.exit(9)",
    )
    it.await_line("max_restarts:=2 within 600 s is used up")
    it.tell("by itself")
    assert it.end() == 3
    assert sorted(it.noted()) == ["sim starts"] * 3 + ["trainer ends by itself"]
    said = [line for line in it.lines() if "supervisor" in line]
    whens = " (1 of 2)", " in 1 s (2 of 2)"
    assert said[:2] == [f"[supervisor] robot_sim exited with code 9; started again{when}" for when in whens]
    assert said[2].startswith("[supervisor] robot_sim exited with code 9 and stays down")
    assert it.lines().count("[robot_sim] last words") == 3  # output without an end of line is not lost


@pytest.mark.parametrize("code, expected", [(6, 6), (0, 3)])
def test_a_trainer_that_does_not_notice_is_ended_in_bounded_time_and_never_with_success(
    supervise: Supervise, code: int, expected: int
) -> None:
    it = supervise(
        f"on(signal.SIGINT, lambda: sys.exit({code}))\nsay('training')\nwhile True: signal.pause()",
        sim="wait_for_word(); sys.exit(9)",
        options="give_up_timeout_s = 0.2",
    )
    it.await_line("training", "stdout")
    for line in ("(1 of 2)", "(2 of 2)", "stays down"):
        it.tell()
        it.await_line(line)
    assert it.end() == expected
    assert "[supervisor] trainer is still there; sending SIGINT" in it.lines()


def test_a_process_that_waits_for_its_restart_is_not_down_and_does_not_come_back_after_a_stop(
    supervise: Supervise,
) -> None:
    it = supervise(
        "on(signal.SIGINT, lambda: sys.exit(0))\nsay('training')\nwhile True: signal.pause()",
        sim="note('sim starts'); sys.exit(9)",
        options="give_up_timeout_s = 0.0\nsim = Process('robot_sim', 'x', 'fake_sim', max_restarts=99)",
    )
    it.await_line("in 2 s")
    it.popen.send_signal(signal.SIGINT)
    assert it.end() == 0
    assert it.noted() == ["sim starts"] * 3 and not any("is still there" in line for line in it.lines())


ROBOTS_ALONE = "sys.exit(supervisor.run(System((sim,), endless=True)))"


def test_robots_alone_are_served_until_a_signal(supervise: Supervise) -> None:
    it = supervise("", options=ROBOTS_ALONE)
    it.await_line("[robot_sim] serving")
    it.popen.send_signal(signal.SIGINT)
    assert it.end() == 0
    assert it.noted() == ["sim SIGTERM"]


def test_robots_alone_that_stay_down_end_it_with_a_failure(supervise: Supervise) -> None:
    it = supervise("", sim="sys.exit(9)", options=ROBOTS_ALONE)
    assert it.end() == 3
    assert sum("started again" in line for line in it.lines()) == 2


def test_bad_settings_of_a_process_end_the_system_at_once(supervise: Supervise) -> None:
    it = supervise(
        "on(signal.SIGTERM, lambda: sys.exit(0))\nopen('word', 'w').close()\nwhile True: signal.pause()",
        sim="wait_for_word(); say('physics_hz is 7'); sys.exit(2)",
    )
    assert it.end() == 2
    assert "[robot_sim] physics_hz is 7" in it.lines()
    assert not any("started again" in line or "saves and leaves" in line for line in it.lines())


def test_who_asks_to_stop_after_a_process_stayed_down_gets_the_trainers_own_code(supervise: Supervise) -> None:
    it = supervise("on(signal.SIGINT, lambda: sys.exit(0))\nwhile True: signal.pause()", sim="sys.exit(9)")
    it.await_line("stays down")
    it.popen.send_signal(signal.SIGINT)
    assert it.end() == 0


@pytest.mark.parametrize(
    "number, forwarded", [(signal.SIGINT, "SIGINT"), (signal.SIGTERM, "SIGTERM"), (signal.SIGHUP, "SIGTERM")]
)
def test_a_signal_goes_to_the_trainer_first_and_once(supervise: Supervise, number: int, forwarded: str) -> None:
    it = supervise("""
for n in (signal.SIGINT, signal.SIGTERM): signal.signal(n, lambda n, _: note(f"trainer {signal.Signals(n).name}"))
say("training")
wait_for_signal()
say("saving")
note(f"saved, {wait_for_word()}")
sys.exit(5)""")
    it.await_line("training", "stdout")
    sim = pid_in(it.await_line("[robot_sim] serving"))
    it.popen.send_signal(number)
    it.await_line("saving", "stdout")
    it.popen.send_signal(number)
    it.await_line("already stopping")
    os.kill(sim, 0)  # still there while the trainer saves
    it.tell("undisturbed")
    assert it.end() == 5
    assert it.noted() == [f"trainer {forwarded}", "saved, undisturbed", "sim SIGTERM"]


def test_a_simulator_that_dies_while_the_trainer_saves_stays_down(supervise: Supervise) -> None:
    it = supervise("on(signal.SIGINT, lambda: None); say('training'); wait_for_signal(); wait_for_word()")
    it.await_line("training", "stdout")
    sim = pid_in(it.await_line("[robot_sim] serving"))
    it.popen.send_signal(signal.SIGINT)
    it.await_line("SIGINT: trainer saves")
    pidfd = os.pidfd_open(sim)
    os.kill(sim, signal.SIGKILL)
    assert await_death(pidfd)
    it.tell()
    assert it.end() == 0
    assert not any("started again" in line for line in it.lines())


def test_who_ignores_every_signal_is_killed(supervise: Supervise) -> None:
    ignore = "for n in (signal.SIGINT, signal.SIGTERM): signal.signal(n, signal.SIG_IGN)\n"
    it = supervise(
        ignore + "say('training')\nwhile True: signal.pause()",
        sim=ignore + "say('serving')\nwhile True: signal.pause()",
        options="""import dataclasses
sim, trainer = (dataclasses.replace(process, shutdown_timeout_s=0.3) for process in (sim, trainer))
supervisor.TERM_TIMEOUT_S = 0.3""",
    )
    it.await_line("training", "stdout")
    it.await_line("serving")
    it.popen.send_signal(signal.SIGINT)
    assert it.end() == 137
    said = [line for line in it.lines() if "supervisor" in line]
    assert said == [
        "[supervisor] SIGINT: trainer saves and leaves, 0.3 s at most",
        "[supervisor] trainer is still there; sending SIGTERM",
        "[supervisor] trainer is still there; sending SIGKILL",
        "[supervisor] robot_sim did not leave within 0.3 s; killed",
        "[supervisor] trainer was killed by SIGKILL",
    ]


def test_what_a_process_had_started_goes_with_it(supervise: Supervise) -> None:
    it = supervise(
        "wait_for_word()",
        sim="""
say(f"grandchild {subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()']).pid}")
while True: signal.pause()""",
    )
    pidfd = os.pidfd_open(pid_in(it.await_line("grandchild")))
    it.tell()
    assert it.end() == 0
    assert await_death(pidfd)


def test_nothing_is_left_when_the_supervisor_is_killed(supervise: Supervise) -> None:
    it = supervise(
        "on(signal.SIGTERM, lambda: (note('saved'), sys.exit(0)))\nsay(f'training {os.getpid()}')\n"
        "while True: signal.pause()",
        sim="signal.signal(signal.SIGTERM, signal.SIG_IGN); say(f'serving {os.getpid()}')\nwhile True: signal.pause()",
    )
    trainer = os.pidfd_open(pid_in(it.await_line("training", "stdout")))
    sim = os.pidfd_open(pid_in(it.await_line("serving")))
    it.popen.kill()
    assert await_death(trainer)
    assert await_death(sim)  # though it ignores SIGTERM
    assert it.noted() == ["saved"]  # the trainer could


def test_the_trainer_has_the_terminal_for_its_progress_bar(supervise: Supervise) -> None:
    terminal, end = pty.openpty()
    it = supervise("say(f'terminal: {sys.stdout.isatty()}'); wait_for_word()", stdout=end)
    os.close(end)
    with os.fdopen(terminal, "rb", buffering=0) as reader:
        assert select.select([reader], [], [], TIMEOUT_S)[0]
        assert reader.readline() == b"terminal: True\r\n"
        it.tell()
        assert it.end() == 0
