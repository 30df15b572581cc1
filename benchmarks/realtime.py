"""How punctual a robot in real time is, and how soon it holds when whoever commands it is killed.

    .venv/bin/python benchmarks/realtime.py                      # 60 s at 20 Hz, 60 s at 50 Hz, commanded all the time
    .venv/bin/python benchmarks/realtime.py camera:=external width:=224 height:=224
    .venv/bin/python benchmarks/realtime.py kill:=true times:=10
    .venv/bin/python benchmarks/realtime.py board:=emulated 'groups:=[all]' control_hz:=50 seconds:=600

The last one is the driver on emulated Arduinos. All print a table in Markdown, as docs/real_time.md shows it. Jitter is how
much the time between two ticks differs from the period, by the stamps that the robot gives its observations at each tick.
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
    """What to measure, and for how long."""

    control_hz: float = option(0.0, "rate; 0: 20 and 50 Hz", minimum=0.0, maximum=1000.0)
    seconds: float = option(60.0, "at each rate", minimum=2.0, maximum=86_400.0)
    kill: bool = option(False, "measure how soon the robot holds when its client is killed instead")
    times: int = option(10, "clients to kill, at each rate", minimum=1, maximum=1000)
    board: str = option("", "what the driver's servos hang on; empty: the simulator", choices=("mock", "emulated"))
    groups: tuple[str, ...] = option((), "groups of joints that move, or [all]; empty: as the robot's file says")
    camera: str = option("", "also watch a camera, such as external")
    camera_hz: float = option(0.0, "its pictures a second; 0: one at every tick", minimum=0.0, maximum=1000.0)
    width: int = option(64, "of its pictures, pixels", minimum=8, maximum=4096)
    height: int = option(64, "of its pictures, pixels", minimum=8, maximum=4096)
    drive_hz: float = option(0.0, "internal: be the client that is killed", minimum=0.0, maximum=1000.0)


def robot(control_hz: float, options: Options) -> Any:
    """A robot in real time in a process of its own."""
    module = "robot_driver_ros.ros.robot_driver_node" if options.board else "robot_sim_ros.ros.robot_sim_node"
    return process(module, told(control_hz, options))


def told(control_hz: float, options: Options) -> dict[str, object]:
    """Parameters of a robot in real time."""
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
    """Hears one robot."""

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
                raise SystemExit("the robot is not heard, or not driven")
            self.waiter.wait(0.1)

    def sees_motion(self) -> bool:
        """Whether the targets have moved for a while."""
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
    """Reset the robot, then command it far away, to and fro, for as long as this process lives."""
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
    """A process that drives the robot; killed at the end if it still lives."""
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
    """One row of the table of ticks."""
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
    """One row of the table of kills."""
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
    """CPU time of a process, s, without that of its children."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def moments(targets: list[tuple[int, np.ndarray]]) -> tuple[int, int]:
    """Stamps, ns, of the ticks in which the slowest joint, still under way, begins to brake and in which it stands."""
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
