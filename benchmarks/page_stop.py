"""How soon a click on the page's emergency stop ends the pulses of a servo."""

from __future__ import annotations

import itertools
import math
import statistics
import sys
import tempfile
import time
from pathlib import Path
from threading import Thread
from typing import Any

from page_viewers import browser
from processes import REPO, process
from rclpy.executors import SingleThreadedExecutor
from std_msgs.msg import Bool
from std_srvs.srv import SetBool

from robot_interface_ros.ros.transport import contract
from robot_interface_ros.ros.transport.runtime import Runtime
from robot_interface_ros.ros.transport.waiting import make_waiter

JOINT = "r_elbow_flex_joint"
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


def stop(times: int, port: int) -> None:
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
            process("robot_page_ros.ros.page_node", {"port": port}, until="page: open"),
            browser(f"http://127.0.0.1:{port}") as page,
            Witness(runtime) as witness,
        ):
            enable = waiter.client(SetBool, "/env_0/enable")
            mover = Mover(node)
            rows: list[list[float]] = []
            page.evaluate(_WATCH)
            page.get_by_role("button", name="EMERGENCY STOP").hover()
            for i in itertools.count():
                if len(rows) == times:
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
