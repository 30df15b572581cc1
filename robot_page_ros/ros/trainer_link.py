"""The trainer's figures and services, as the page uses them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from std_msgs.msg import Float64
from std_srvs.srv import SetBool, Trigger

from robot_interface_ros.ros.transport import contract
from robot_interface_ros.ros.transport.runtime import Runtime
from robot_interface_ros.ros.transport.waiting import make_waiter
from robot_page_ros.ros.pending_calls import Answered, PendingCalls

FIGURES = ("episode_return", "success_rate", "final_distance", "step_ms", "update_s", "steps", "steps_per_second")
_MOST = 2000
"""Points of a curve; beyond it every second point is dropped."""


class TrainerLink:
    """Curves by figure name: steps and values; lives while somebody looks at the page."""

    def __init__(self, runtime: Runtime, trainer: str):
        """`trainer`: absolute name of the trainer's node."""
        self.curves: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in FIGURES}
        self.said, self.arrived = "", 0.0
        self.newest: dict[str, float] = {}
        self._node = runtime.topic_node("page_trainer_view")
        self._waiter = make_waiter(self._node)
        self._trainer = trainer.rpartition("/")[2]
        for name in FIGURES:
            self._waiter.subscribe(Float64, f"{trainer}/{name}", self._taken(name), contract.RELIABLE)
        self._waiter.subscribe(DiagnosticArray, contract.DIAGNOSTICS, self._on_diagnostics)
        self._clients = {
            name: self._waiter.client(SetBool if name == "pause" else Trigger, f"{trainer}/{name}")
            for name in ("pause", "save", "stop")
        }
        self._calls = PendingCalls()

    def take(self) -> None:
        """Read the messages that have arrived; waits for nothing."""
        for _ in FIGURES:
            self._waiter.wait(0.0)
        self._calls.finish()

    def call(self, name: str, answered: Answered, data: bool = False) -> None:
        """Call pause (`data`: pause or go on), save or stop."""
        request = SetBool.Request(data=data) if name == "pause" else Trigger.Request()
        self._calls.call(self._clients[name], request, answered, 5.0, "is a trainer running?")

    def close(self) -> None:
        """Leave every topic."""
        self._waiter.close()
        self._node.destroy_node()

    def _taken(self, name: str) -> Callable[[Any], None]:
        def take(message: Any) -> None:
            self.newest[name] = message.data
            steps, values = self.curves[name]
            at = self.newest.get("steps", 0.0)
            if steps and at < steps[-1]:  # another training has begun
                steps.clear()
                values.clear()
            steps.append(at)
            values.append(message.data)
            if len(steps) > _MOST:
                self.curves[name] = (steps[::2], values[::2])

        return take

    def _on_diagnostics(self, message: Any) -> None:
        for entry in message.status:
            if entry.hardware_id == self._trainer and entry.name.endswith(": training"):
                self.said, self.arrived = entry.message, time.monotonic()
