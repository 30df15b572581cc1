"""Measure the timing of a robot in real time, and how soon it holds when its client is killed.

    .venv/bin/python benchmarks/realtime.py                      # 60 s at 20 Hz, 60 s at 50 Hz, commanded all the time
    .venv/bin/python benchmarks/realtime.py camera:=external width:=224 height:=224
    .venv/bin/python benchmarks/realtime.py kill:=true times:=10
    .venv/bin/python benchmarks/realtime.py board:=emulated 'groups:=[all]' control_hz:=50 seconds:=600

The last command uses the driver on emulated Arduinos. All print a Markdown table, as in docs/real_time.md. Jitter is the
difference between the period and the time between two ticks, computed from the stamps of the observations.
"""

from __future__ import annotations

import itertools
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from processes import REPO, process
from sensor_msgs.msg import Image, JointState

from rl_trainer_ros.bringup.setting_texts import from_words
from rl_trainer_ros.ros.robot_client.realtime_exchange import RealTime
from rl_trainer_ros.ros.robot_client.topic_robot import TopicRobot
from robot_interface_ros.config import option
from robot_interface_ros.lockstep import period_of
from robot_interface_ros.realtime.newest import Freshness
from robot_interface_ros.realtime.realtime_robot import RealTimeConfig
from robot_interface_ros.robot import Command, Episode
from robot_interface_ros.robot_config import load_robot
from robot_interface_ros.ros.transport import contract, messages
from robot_interface_ros.ros.transport.runtime import Runtime
from robot_interface_ros.ros.transport.waiting import make_waiter

RATES = {20.0: 240.0, 50.0: 250.0}
"""Control rate -> physics rate, Hz."""
LENIENT = Freshness(10.0, 10.0)
TO_AND_FRO_S = 2.5


@dataclass(frozen=True)
class Options:
    """Settings of the measurement."""

    control_hz: float = option(0.0, "rate; 0: 20 and 50 Hz", minimum=0.0, maximum=1000.0)
    seconds: float = option(60.0, "at each rate", minimum=2.0, maximum=86_400.0)
    kill: bool = option(False, "instead measure how soon the robot holds when its client is killed")
    times: int = option(10, "number of clients to kill, at each rate", minimum=1, maximum=1000)
    board: str = option("", "servo board type of the driver; empty: use the simulator", choices=("mock", "emulated"))
    groups: tuple[str, ...] = option((), "groups of joints that move, or [all]; empty: those of the robot file")
    camera: str = option("", "also measure a camera, such as external")
    camera_hz: float = option(0.0, "images of the camera per second; 0: one per tick", minimum=0.0, maximum=1000.0)
    width: int = option(64, "width of an image, pixels", minimum=8, maximum=4096)
    height: int = option(64, "height of an image, pixels", minimum=8, maximum=4096)
    drive_hz: float = option(0.0, "internal: run as the client that is killed", minimum=0.0, maximum=1000.0)


def robot(control_hz: float, options: Options) -> Any:
    """Run a robot in real time in its own process."""
    module = "robot_driver_ros.ros.robot_driver_node" if options.board else "robot_sim_ros.ros.robot_sim_node"
    return process(module, told(control_hz, options))


def told(control_hz: float, options: Options) -> dict[str, object]:
    """Return the parameters of a robot in real time."""
    parameters: dict[str, object] = {"realtime": "true", "control_hz": control_hz}
    if options.groups:
        parameters["groups"] = f"[{', '.join(options.groups)}]"
    if options.board:
        return parameters | {"board": options.board}
    parameters["physics_hz"] = RATES.get(control_hz, control_hz * max(1, round(240.0 / control_hz)))
    if options.camera:
        parameters |= {"cameras": f"[{options.camera}]", "camera_hz": options.camera_hz}
        parameters |= {"image_width": options.width, "image_height": options.height}
    return parameters


class Listener:
    """Receives the messages of one robot."""

    def __init__(self, runtime: Runtime, camera: str = ""):
        self.node = runtime.node("listener", start_parameter_services=False)
        self.waiter = make_waiter(self.node)
        self.stamps: list[int] = []
        self.targets: list[tuple[int, np.ndarray]] = []
        self.pictures = 0
        self.diagnostics: dict[str, str] = {}
        self.waiter.subscribe(JointState, "/env_0/joint_states", lambda m: self.stamps.append(messages.stamp_ns(m)))
        self.waiter.subscribe(JointState, "/env_0/joint_target", self._on_target)
        self.waiter.subscribe(DiagnosticArray, contract.DIAGNOSTICS, self._on_diagnostics)
        if camera:
            self.waiter.subscribe(Image, f"/env_0/{contract.image_topic(camera)}", self._on_image)

    def until(self, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + 30.0
        while not condition():
            if time.monotonic() > end:
                raise SystemExit("no messages come from the robot, or no client commands it")
            self.waiter.wait(0.1)

    def sees_motion(self) -> bool:
        """Return whether the joint targets have been moving for a while."""
        return len(self.targets) > 20 and all(
            (self.targets[k][1] != self.targets[k - 1][1]).any() for k in range(-10, 0)
        )

    def listen(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0.0:
            self.waiter.wait(left)

    def _on_target(self, message: JointState) -> None:
        self.targets.append((messages.stamp_ns(message), np.array(message.position)))

    def _on_image(self, message: Image) -> None:
        self.pictures += 1

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name in ("robot_sim: /env_0", "robot_driver: /env_0"):
                self.diagnostics = {pair.key: pair.value for pair in status.values}


def drive(control_hz: float, groups: tuple[str, ...]) -> None:
    """Reset the robot, then command large motions back and forth, until this process ends."""
    description = load_robot("inmoov", groups)
    with Runtime(signals=False) as runtime:
        robot = TopicRobot(runtime, description, period_ns=period_of(control_hz), mode=RealTime(LENIENT))
        robot.reset(Episode())
        print("driving", flush=True)
        for goal in itertools.cycle((description.limits.lower, description.limits.upper)):
            for _ in range(round(TO_AND_FRO_S * control_hz)):
                robot.send(Command(0, robot.joint_names, goal))
                robot.receive()


@contextmanager
def client(control_hz: float, options: Options) -> Iterator[subprocess.Popen[str]]:
    """Run a process that commands the robot; it is killed at the end if it still runs."""
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__)), f"drive_hz:={control_hz}", f"groups:=[{', '.join(options.groups)}]"],
        cwd=REPO,
        env={**os.environ, "PYTHONPATH": str(REPO)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    if not process.stdout.readline():
        raise SystemExit(f"the client ended with {process.wait()}")
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(10)


def punctuality(control_hz: float, options: Options) -> str:
    """Return one row of the table of ticks."""
    with Runtime(signals=False) as runtime, robot(control_hz, options) as node, client(control_hz, options):
        listener = Listener(runtime, options.camera)
        listener.until(lambda: bool(listener.diagnostics))
        listener.stamps.clear()
        listener.pictures = 0
        before, cpu = dict(listener.diagnostics), cpu_s(node.pid)
        listener.listen(options.seconds)
        share = 100.0 * (cpu_s(node.pid) - cpu) / options.seconds
        jitter = np.abs(np.diff(listener.stamps) * 1e-6 - 1e3 / control_hz)
        late, out = (int(listener.diagnostics[key]) - int(before[key]) for key in ("late ticks", "ticks left out"))
    median, p99, worst = np.median(jitter), np.percentile(jitter, 99), jitter.max()
    pictures = f" {listener.pictures / options.seconds:.1f} |" if options.camera else ""
    return (
        f"| {control_hz:g} Hz | {len(jitter) + 1} | {median:.2f} ms | {p99:.2f} ms | {worst:.1f} ms | {late} | {out} | "
        f"{share:.0f} % |" + pictures
    )


def stopping(control_hz: float, options: Options) -> str:
    """Return one row of the table of kills."""
    begins, stands = [], []
    for k in range(options.times):
        print(f"{control_hz:g} Hz: client {k + 1} of {options.times}", file=sys.stderr, flush=True)
        with Runtime(signals=False) as runtime, robot(control_hz, options), client(control_hz, options) as victim:
            listener = Listener(runtime)
            listener.until(listener.sees_motion)
            victim.send_signal(signal.SIGKILL)
            killed = time.time_ns()
            listener.listen(2.0)
        braking, standing = moments(listener.targets)
        begins.append((braking - killed) * 1e-6)
        stands.append((standing - killed) * 1e-6)
    return (
        f"| {control_hz:g} Hz | {options.times} | {statistics.median(begins):.0f} ms | {max(begins):.0f} ms | "
        f"{statistics.median(stands):.0f} ms | {max(stands):.0f} ms |"
    )


def cpu_s(pid: int) -> float:
    """Return the CPU time of a process without its children, s."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def moments(targets: list[tuple[int, np.ndarray]]) -> tuple[int, int]:
    """Return the stamps, ns, of the ticks in which the slowest moving joint begins to brake, and in which it stops."""
    lift = load_robot("inmoov").joint_names.index("r_shoulder_lift_joint")
    stamps = [stamp for stamp, _ in targets]
    steps = np.abs(np.diff([target[lift] for _, target in targets]))
    moving = np.flatnonzero(steps > 0.0)
    full = np.flatnonzero(steps > 0.999 * steps.max())
    return stamps[full[-1] + 2], stamps[moving[-1] + 2]


def main(words: list[str]) -> int:
    """Entry point."""
    options: Any = from_words(Options, words, "benchmark")
    if options.drive_hz:
        drive(options.drive_hz, options.groups)
    rates = (options.control_hz,) if options.control_hz else RATES
    os.environ.update({"ROS_DOMAIN_ID": str(101 + os.getpid() % 100), "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"})
    if options.kill:
        timeout_ms = RealTimeConfig().command_timeout_s * 1e3
        print(f"The watchdog's timeout is {timeout_ms:.0f} ms; times are counted from the kill.\n")
        print("| control rate | killed | begins to brake, median | most | stands, median | most |")
        print("|---|---|---|---|---|---|")
        rows = (stopping(rate, options) for rate in rates)
    else:
        more = f" images of {options.camera}, {options.width}x{options.height}, /s |" if options.camera else ""
        print(
            "| control rate | ticks | jitter median | p99 | most | late ticks | ticks left out | of one core |" + more
        )
        print("|---|---|---|---|---|---|---|---|" + ("---|" if options.camera else ""))
        rows = (punctuality(rate, options) for rate in rates)
    for row in rows:
        print(row, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
