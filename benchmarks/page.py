"""Measure the web page: how soon a click on emergency stop ends the pulses, what it costs a training, and its memory.

    .venv/bin/python benchmarks/page.py stop times:=50         # button down to the last new pulse of an emulated board
    .venv/bin/python benchmarks/page.py cost rounds:=3         # steps/s of a lockstep training, with and without, in turns
    .venv/bin/python benchmarks/page.py memory minutes:=60     # of page and browser, open beside a training

All need chromium and the package playwright, and run in the ROS domain of the environment. Each prints a Markdown table;
`memory` also prints a line every minute, so that a run that is ended early tells what it saw.
"""

from __future__ import annotations

import contextlib
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

from page_stop import stop
from page_viewers import browser, receiver
from processes import REPO

from rl_trainer_ros.bringup.setting_texts import from_words
from robot_interface_ros.config import option

PROGRAM = Path(sys.executable).with_name("rl_trainer")


@dataclass(frozen=True)
class Options:
    """Settings of a measurement."""

    times: int = option(50, "number of stops", minimum=2, maximum=10_000)
    rounds: int = option(3, "number of trainings with and without the page", minimum=1, maximum=100)
    steps: int = option(10_000, "steps of each training", minimum=1000, maximum=10_000_000)
    drawing: bool = option(True, "cost: also with Chromium, which draws by software on the same cores")
    minutes: float = option(60.0, "how long page and browser are open", minimum=0.5, maximum=10_000.0)
    every: float = option(1.0, "minutes between two samples of memory", minimum=0.1, maximum=1000.0)
    port: int = option(8380, "port of the page", minimum=1, maximum=65535)


def main(words: list[str]) -> int:
    """Entry point."""
    if not words or words[0] not in ("stop", "cost", "memory"):
        print(__doc__, file=sys.stderr)
        return 2
    options = from_words(Options, words[1:], "page")
    if words[0] == "stop":
        stop(options.times, options.port)
    else:
        {"cost": cost, "memory": memory}[words[0]](options)
    return 0


NONE, RECEIVING, DRAWING = "without page", "page, a viewer that does not draw", "page, a viewer that draws by software"


def cost(options: Options) -> None:
    """Train in lockstep without the page, and with it and one viewer, in turns.

    A viewer on a machine of its own costs this one what a viewer costs that does not draw.
    """
    ways = (NONE, RECEIVING, DRAWING) if options.drawing else (NONE, RECEIVING)
    rates: dict[str, list[float]] = {way: [] for way in ways}
    for i in range(options.rounds):
        for way in ways if i % 2 == 0 else reversed(ways):
            with tempfile.TemporaryDirectory() as folder:
                rates[way].append(trained(options, folder, way))
            print(f"  {way}: {rates[way][-1]:.0f} steps/s", file=sys.stderr, flush=True)
    without = statistics.median(rates[NONE])
    print("| | steps/s, median (lowest to highest) | difference |\n|---|---|---|")
    for way, own in rates.items():
        median = statistics.median(own)
        difference = f"{100.0 * (median / without - 1.0):+.1f} %" if way != NONE else ""
        print(f"| {way} | {median:.0f} ({min(own):.0f} to {max(own):.0f}) | {difference} |")


def trained(options: Options, folder: str, way: str) -> float:
    """Return the steps per second of one training's second half: a viewer opens in the first."""
    command = [str(PROGRAM), "train", f"num_timesteps:={options.steps}", f"log_dir:={folder}", "log_interval_s:=1"]
    if way != NONE:
        command += ["page:=true", f"page_port:={options.port}"]
    training = subprocess.Popen(command, cwd=REPO, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert training.stdout is not None
    viewer, times = contextlib.ExitStack(), []
    try:
        for line in training.stdout:
            address = re.search(r"page: open (http\S+)", line)
            if address:
                viewer.enter_context(browser(address[1]) if way == DRAWING else receiver(address[1]))
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
