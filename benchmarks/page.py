"""Measure the web page: how soon a click on emergency stop ends the pulses, what it costs a training, and its memory.

    .venv/bin/python benchmarks/page.py stop times:=50         # button down to the last new pulse of an emulated board
    .venv/bin/python benchmarks/page.py cost rounds:=3         # steps/s of a lockstep training, with and without, in turns
    .venv/bin/python benchmarks/page.py memory minutes:=60     # of page and browser, open beside a training

All need chromium and the package playwright, and run in the ROS domain of the environment. Each prints a Markdown table;
`memory` also prints a line every minute, so that a run that is ended early tells what it saw.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

from processes import REPO, process
from rclpy.executors import SingleThreadedExecutor
from std_msgs.msg import Bool
from std_srvs.srv import SetBool

from rl_trainer_ros.bringup.setting_texts import from_words
from robot_interface_ros.config import option
from robot_interface_ros.ros.transport import contract
from robot_interface_ros.ros.transport.runtime import Runtime
from robot_interface_ros.ros.transport.waiting import make_waiter

JOINT = "r_elbow_flex_joint"
PROGRAM = Path(sys.executable).with_name("rl_trainer")
CHROMIUM = "/usr/bin/chromium"
GRAPHICS = ("--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
_MOVING_S, _AFTER_S = 0.2, 0.6
"""How long a servo moves before a stop, and how long pulses are watched after it."""
_HELD, _NOISE_US = 10, 4.0
"""Pulses from which the held width is known; smaller differences are those of the sketch's interrupts."""
_WATCH = """() => addEventListener('pointerdown', event => {
    window.pressed = [performance.timeOrigin + event.timeStamp, performance.timeOrigin + performance.now()]
}, true)"""
"""Notes when the mouse button went down, and when the page's script heard of it, ms since 1970."""
STAGES = (
    "until the page's script hears",
    "until the page publishes",
    "until the robot stops",
    "until the last new pulse",
)


@dataclass(frozen=True)
class Options:
    """Settings of a measurement."""

    times: int = option(50, "number of stops", minimum=2, maximum=10_000)
    rounds: int = option(3, "number of trainings with and without the page", minimum=1, maximum=100)
    steps: int = option(10_000, "steps of each training", minimum=1000, maximum=10_000_000)
    minutes: float = option(60.0, "how long page and browser are open", minimum=0.5, maximum=10_000.0)
    every: float = option(1.0, "minutes between two samples of memory", minimum=0.1, maximum=1000.0)
    port: int = option(8380, "port of the page", minimum=1, maximum=65535)


def main(words: list[str]) -> int:
    """Entry point."""
    kinds = {"stop": stop, "cost": cost, "memory": memory}
    if not words or words[0] not in kinds:
        print(__doc__, file=sys.stderr)
        return 2
    kinds[words[0]](from_words(Options, words[1:], "page"))
    return 0


@contextlib.contextmanager
def browser(address: str) -> Iterator[Any]:
    """Open a page in headless Chromium, with software graphics."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=list(GRAPHICS))
        page = chromium.new_page(viewport={"width": 700, "height": 500})
        page.set_default_timeout(120_000)
        page.goto(address)
        page.get_by_role("button", name="EMERGENCY STOP").wait_for()
        yield page
        chromium.close()


def stop(options: Options) -> None:
    """Press emergency stop with the mouse while a servo moves; compare its time with that of the last new pulse.

    All times are of one clock: the browser's, the publishers' stamps of the messages, and the emulated board's.
    """
    with tempfile.TemporaryDirectory() as folder, Runtime(signals=False) as runtime:
        pulses = Path(folder) / "pulses"
        driver = {"realtime": "true", "board": "emulated", "control_hz": 50.0}
        node = runtime.topic_node("benchmark")
        waiter = make_waiter(node)
        with (
            process("driver_with_scope", driver, {"PULSES": str(pulses), "PYTHONPATH": str(REPO / "benchmarks")}),
            process("robot_page_ros.ros.page_node", {"port": options.port}, until="page: open"),
            browser(f"http://127.0.0.1:{options.port}") as page,
            Witness(runtime) as witness,
        ):
            enable = waiter.client(SetBool, "/env_0/enable")
            mover = Mover(node)
            rows: list[list[float]] = []
            page.evaluate(_WATCH)
            page.get_by_role("button", name="EMERGENCY STOP").hover()
            for i in itertools.count():
                if len(rows) == options.times:
                    break
                until(lambda: enable.service_is_ready(), waiter)
                future = enable.call_async(SetBool.Request(data=True))
                until(future.done, waiter)
                witness.forget()
                mover.start(i)
                until(lambda: mover.move() and moving(pulses), waiter)
                keep_moving(mover, waiter, _MOVING_S)
                page.mouse.down()
                page.mouse.up()
                keep_moving(mover, waiter, _AFTER_S)
                down, heard = (at / 1000.0 for at in page.evaluate("() => window.pressed"))
                last = last_change(pulses, down)
                if last < heard or len(witness.seen) < 2:  # the goal was reached before
                    continue
                stages = (down, heard, witness.seen["stop"], witness.seen["stopped"], last)
                rows.append([1000.0 * (later - earlier) for earlier, later in itertools.pairwise(stages)])
                told = ", ".join(f"{ms:.0f}" for ms in rows[-1])
                print(f"  {len(rows)}: {sum(rows[-1]):.0f} ms = {told}", file=sys.stderr, flush=True)
        waiter.close()
    print(f"| {len(rows)} stops, ms | median | 90 % below | 99 % below | largest |\n|---|---|---|---|---|")
    for name, *values in zip(("button down to last new pulse", *STAGES), *([sum(row), *row] for row in rows)):
        print(f"| {name} | {statistics.median(values):.0f} | {' | '.join(f'{at:.0f}' for at in upper(values))} |")


def upper(values: list[float]) -> tuple[float, float, float]:
    """Return the values that 90 % and 99 % are not above, and the largest."""
    ordered = sorted(values)
    p90, p99 = (ordered[max(0, math.ceil(share * len(ordered)) - 1)] for share in (0.9, 0.99))
    return p90, p99, ordered[-1]


class Witness:
    """Notes when the first stop was published after `forget`, and when the robot said that it stopped, s since 1970."""

    def __init__(self, runtime: Runtime):
        self.seen: dict[str, float] = {}
        self._node = runtime.topic_node("witness")
        self._executor = SingleThreadedExecutor(context=runtime.context)
        self._executor.add_node(self._node)
        self._subscribe("stop", "/env_0/emergency_stop", True)
        self._subscribe("stopped", "/env_0/motion_enabled", False)
        self._thread = Thread(target=self._executor.spin, daemon=True)

    def forget(self) -> None:
        """Begin anew."""
        self.seen.clear()

    def __enter__(self) -> Witness:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._executor.shutdown(timeout_sec=1.0)
        self._thread.join(2.0)

    def _subscribe(self, name: str, topic: str, value: bool) -> None:
        def take(message: Any, about: Any) -> None:
            if message.data is value:
                self.seen.setdefault(name, 1e-9 * about["source_timestamp"])

        self._node.create_subscription(Bool, topic, take, contract.RELIABLE)


class Mover:
    """Moves one joint to and fro, so that its servo has pulses."""

    def __init__(self, node: Any):
        from sensor_msgs.msg import JointState

        self._kind = JointState
        self._publisher = node.create_publisher(JointState, "/env_0/joint_command", contract.RELIABLE)
        self._goal = 0.0

    def start(self, number: int) -> None:
        """Choose the next goal."""
        self._goal = -0.3 if number % 2 else -1.35

    def move(self) -> bool:
        """Command the goal."""
        self._publisher.publish(self._kind(name=[JOINT], position=[self._goal]))
        return True


def until(condition: Any, waiter: Any, timeout_s: float = 60.0) -> None:
    """Wait for a condition. Raises RuntimeError after a while."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError("the robot did not do as expected; did the driver start?")
        waiter.wait(0.005)


def keep_moving(mover: Mover, waiter: Any, seconds: float) -> None:
    """Command the goal for a while."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        mover.move()
        waiter.wait(0.02)


def moving(pulses: Path) -> bool:
    """Whether a servo's newest pulse differs from one shortly before."""
    lines = pulses.read_text().splitlines()[-60:-1] if pulses.exists() else []
    widths: dict[str, list[float]] = {}
    for _, pin, width in (line.split() for line in lines):
        widths.setdefault(pin, []).append(float(width))
    return any(abs(own[-1] - own[0]) > 5 * _NOISE_US for own in widths.values() if len(own) > 3)


def last_change(pulses: Path, pressed: float) -> float:
    """Return when the last pulse ended whose width was not yet the one that is held, s since 1970.

    A stopped servo keeps its last pulse until its torque goes off.
    """
    rows = [line.split() for line in pulses.read_text().splitlines()[:-1]]
    seen = [(float(at), pin, float(width)) for at, pin, width in rows if float(at) > pressed - 0.5]
    last = 0.0
    for pin in {row[1] for row in seen}:
        own = [(at, width) for at, other, width in seen if other == pin]
        held = statistics.median(width for _, width in own[-_HELD:])
        last = max([last, *(at for at, width in own if abs(width - held) > _NOISE_US)])
    return last


def cost(options: Options) -> None:
    """Train in lockstep with the page and one viewer, and without, in turns."""
    rates: dict[bool, list[float]] = {False: [], True: []}
    for i in range(options.rounds):
        for shown in (False, True) if i % 2 == 0 else (True, False):
            with tempfile.TemporaryDirectory() as folder:
                rates[shown].append(trained(options, folder, shown))
            print(
                f"  {'with' if shown else 'without'} page: {rates[shown][-1]:.0f} steps/s", file=sys.stderr, flush=True
            )
    without, with_page = (statistics.median(rates[shown]) for shown in (False, True))
    print("| | steps/s, median (lowest to highest) |\n|---|---|")
    for name, shown in (("without page", False), ("page with one viewer", True)):
        print(
            f"| {name} | {statistics.median(rates[shown]):.0f} ({min(rates[shown]):.0f} to {max(rates[shown]):.0f}) |"
        )
    print(f"| difference | {100.0 * (with_page / without - 1.0):+.1f} % |")


def trained(options: Options, folder: str, shown: bool) -> float:
    """Return the steps per second of one training's second half: a viewer opens in the first."""
    command = [str(PROGRAM), "train", f"num_timesteps:={options.steps}", f"log_dir:={folder}", "log_interval_s:=1"]
    if shown:
        command += ["page:=true", f"page_port:={options.port}"]
    training = subprocess.Popen(command, cwd=REPO, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert training.stdout is not None
    viewer, times = contextlib.ExitStack(), []
    try:
        for line in training.stdout:
            address = re.search(r"page: open (http\S+)", line)
            if shown and address:
                viewer.enter_context(browser(address[1]))
            steps = re.match(r"\s*([\d,]+) of ", line)
            if steps and int(steps[1].replace(",", "")) > options.steps // 2:
                times.append((time.monotonic(), int(steps[1].replace(",", ""))))
        training.wait(60)
    finally:
        viewer.close()
        if training.poll() is None:
            training.terminate()
            training.wait(60)
    (began, first), (ended, last) = times[0], times[-1]
    return (last - first) / (ended - began)


def memory(options: Options) -> None:
    """Sample the memory of the page's process and of the browser's tab, while a training goes on.

    The tab is measured before and after a garbage collection: between two collections of its own it also holds what it
    no longer needs, and collects late while there is memory.
    """
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        command = [str(PROGRAM), "train", "num_timesteps:=100000000", f"log_dir:={folder}", "page:=true"]
        command += ["markers:=true", f"page_port:={options.port}"]
        training = subprocess.Popen(command, cwd=REPO, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert training.stdout is not None
        try:
            address = next(found[1] for line in training.stdout if (found := re.search(r"page: open (http\S+)", line)))
            Thread(target=deque(maxlen=0).extend, args=(training.stdout,), daemon=True).start()
            with browser(address) as page:
                tools = page.context.new_cdp_session(page)
                tools.send("Performance.enable")
                began = time.monotonic()
                while (minutes := (time.monotonic() - began) / 60.0) <= options.minutes:
                    before = resident("type=renderer")
                    tools.send("HeapProfiler.collectGarbage")
                    heap = {one["name"]: one["value"] for one in tools.send("Performance.getMetrics")["metrics"]}
                    own = resident("robot_page_ros.ros.page_node")
                    rows.append((minutes, own, before, resident("type=renderer"), heap["JSHeapUsedSize"] / 1e6))
                    line = "{:5.1f} min: page {:.0f} MB, tab {:.0f} MB, collected {:.0f} MB, its objects {:.1f} MB"
                    print(f"  {line.format(*rows[-1])}", file=sys.stderr, flush=True)
                    page.wait_for_timeout(min(60_000 * options.every, 60_000 * options.minutes / 2))
        finally:
            training.terminate()
            training.wait(120)
    print(
        "| minutes | page, MB | tab, MB | tab after a collection, MB | its JavaScript objects, MB |\n|---|---|---|---|---|"
    )
    for row in rows[:: max(1, len(rows) // 12)]:
        print("| {:.0f} | {:.0f} | {:.0f} | {:.0f} | {:.1f} |".format(*row))


def resident(text: str) -> float:
    """Return the memory of the processes below this one whose command has a text, MB.

    Without the pages of files: a program's share of these depends on how many other processes run the same program.
    """
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, IndexError):
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
    own = {int(Path("/proc/self").resolve().name)}
    while more := {child for child, parent in parents.items() if parent in own} - own:
        own |= more
    total = 0
    for number in own:
        with contextlib.suppress(OSError):
            if text in (Path("/proc") / str(number) / "cmdline").read_bytes().decode(errors="replace"):
                rollup = Path(f"/proc/{number}/smaps_rollup").read_text()
                total += sum(map(int, re.findall(r"^Pss_(?:Anon|Shmem):\s+(\d+)", rollup, re.M)))
    return total / 1000.0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
