"""Measure the web page: how soon a click on emergency stop ends the pulses, what it costs a training, and its memory.

    .venv/bin/python benchmarks/page.py stop times:=50         # click to the last new pulse at a pin of an emulated board
    .venv/bin/python benchmarks/page.py cost rounds:=3         # steps/s of a lockstep training, with and without, in turns
    .venv/bin/python benchmarks/page.py memory minutes:=60     # of page and browser, open beside a training

All need chromium and the package playwright, and run in the ROS domain of the environment. Each prints a Markdown table;
`memory` also prints a line every minute, so that a run that is ended early tells what it saw.
"""

from __future__ import annotations

import contextlib
import itertools
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from processes import REPO, process
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
_PRESS = """() => {
    const button = [...document.querySelectorAll('button')].find(one => one.textContent.includes('EMERGENCY STOP'))
    const pressed = performance.timeOrigin + performance.now()
    button.click()
    return pressed
}"""


@dataclass(frozen=True)
class Options:
    """Settings of a measurement."""

    times: int = option(50, "number of stops", minimum=2, maximum=10_000)
    rounds: int = option(3, "number of trainings with and without the page", minimum=1, maximum=100)
    steps: int = option(10_000, "steps of each training", minimum=1000, maximum=10_000_000)
    minutes: float = option(60.0, "how long page and browser are open", minimum=0.5, maximum=10_000.0)
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
    """Click on emergency stop while a servo moves; compare its time with that of the last new pulse, by the same clock."""
    with tempfile.TemporaryDirectory() as folder, Runtime(signals=False) as runtime:
        pulses = Path(folder) / "pulses"
        driver = {"realtime": "true", "board": "emulated", "control_hz": 50.0}
        node = runtime.topic_node("benchmark")
        waiter = make_waiter(node)
        with (
            process("driver_with_scope", driver, {"PULSES": str(pulses), "PYTHONPATH": str(REPO / "benchmarks")}),
            process("robot_page_ros.ros.page_node", {"port": options.port}, until="page: open"),
            browser(f"http://127.0.0.1:{options.port}") as page,
        ):
            enable = waiter.client(SetBool, "/env_0/enable")
            mover = Mover(node)
            latencies: list[float] = []
            for i in itertools.count():
                if len(latencies) == options.times:
                    break
                until(lambda: enable.service_is_ready(), waiter)
                future = enable.call_async(SetBool.Request(data=True))
                until(future.done, waiter)
                mover.start(i)
                until(lambda: mover.move() and moving(pulses), waiter)
                keep_moving(mover, waiter, _MOVING_S)
                pressed = page.evaluate(_PRESS) / 1000.0
                keep_moving(mover, waiter, _AFTER_S)
                last = last_change(pulses, pressed)
                if last < pressed - 0.1:  # the goal was reached before
                    continue
                latencies.append(1000.0 * max(0.0, last - pressed))
                print(f"  {len(latencies)}: {latencies[-1]:.0f} ms", file=sys.stderr, flush=True)
        waiter.close()
    p99 = sorted(latencies)[min(len(latencies) - 1, round(0.99 * len(latencies)))]
    print("| stops | median | p99 | largest |\n|---|---|---|---|")
    print(f"| {len(latencies)} | {statistics.median(latencies):.0f} ms | {p99:.0f} ms | {max(latencies):.0f} ms |")


class Mover:
    """Moves one joint to and fro, so that its servo has pulses."""

    def __init__(self, node: Any):
        from sensor_msgs.msg import JointState

        self._kind = JointState
        self._publisher = node.create_publisher(JointState, "/env_0/joint_command", contract.RELIABLE)
        self._goal = 0.0

    def start(self, number: int) -> None:
        """Choose the next goal."""
        self._goal = -0.6 if number % 2 else -1.2

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
    """Sample the memory of the page's process and of the browser, while a training goes on."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        command = [
            str(PROGRAM),
            "train",
            "num_timesteps:=100000000",
            f"log_dir:={folder}",
            "page:=true",
            "markers:=true",
        ]
        command += [f"page_port:={options.port}"]
        training = subprocess.Popen(command, cwd=REPO, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert training.stdout is not None
        try:
            address = next(found[1] for line in training.stdout if (found := re.search(r"page: open (http\S+)", line)))
            with browser(address) as page:
                began = time.monotonic()
                while (minutes := (time.monotonic() - began) / 60.0) <= options.minutes:
                    rows.append((minutes, resident("robot_page_ros.ros.page_node"), resident("type=renderer")))
                    print(
                        "  {:5.1f} min: page {:.0f} MB, browser {:.0f} MB".format(*rows[-1]),
                        file=sys.stderr,
                        flush=True,
                    )
                    page.wait_for_timeout(min(60_000, 60_000 * options.minutes / 2))
        finally:
            training.terminate()
            training.communicate(timeout=120)
    print("| minutes | page, MB | browser's tab, MB |\n|---|---|---|")
    for row in rows[:: max(1, len(rows) // 6)]:
        print("| {:.0f} | {:.0f} | {:.0f} |".format(*row))


def resident(text: str) -> float:
    """Return the memory of the processes below this one whose command has a text, MB, shared pages in equal parts."""
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
                total += int(re.findall(r"^Pss:\s+(\d+)", Path(f"/proc/{number}/smaps_rollup").read_text(), re.M)[0])
    return total / 1000.0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
