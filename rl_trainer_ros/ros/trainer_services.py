"""ROS interface of a training: metrics as topics and in /diagnostics, and services that pause, save and stop it.

It runs in the thread of the services, so it also answers and publishes during an update of the policy.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.node import Node
from std_msgs.msg import Float64
from std_srvs.srv import SetBool, Trigger

from rl_trainer_ros.training.callbacks.control import Control
from rl_trainer_ros.training.callbacks.metrics import PAUSED, Figures
from robot_interface_ros.ros.transport import contract, messages

INTERVAL_S = 1.0
TOPICS = {  # below the node's name -> field of Figures
    "episode_return": "episode_return",
    "success_rate": "success_rate",
    "final_distance": "final_distance",
    "steps_per_second": "steps_per_second",
    "steps": "steps",
    "step_ms": "step_ms",
    "update_s": "update_s",
    "update_share": "update_share",
}


class TrainerServices:
    """`~/pause` (SetBool), `~/save` and `~/stop` (Trigger), `~/<figure>` (Float64) and an entry in /diagnostics."""

    def __init__(self, node: Node, control: Control, figures: Callable[[], Figures], stop: Callable[[], None]):
        """`stop`: ends the training, even during a wait."""
        self._node, self._control, self._figures, self._stop = node, control, figures, stop
        node.create_service(SetBool, "~/pause", self._on_pause)
        node.create_service(Trigger, "~/save", self._on_save)
        node.create_service(Trigger, "~/stop", self._on_stop)
        self._publishers = {
            field: node.create_publisher(Float64, f"~/{name}", contract.RELIABLE) for name, field in TOPICS.items()
        }
        self._diagnostics = node.create_publisher(DiagnosticArray, contract.DIAGNOSTICS, contract.RELIABLE)
        node.create_timer(INTERVAL_S, self._publish)

    def _on_pause(self, request: Any, response: Any) -> Any:
        self._control.pause(request.data)
        response.success = True
        response.message = "pauses after this step; in real time, after this episode" if request.data else "continues"
        return response

    def _on_save(self, request: Any, response: Any) -> Any:
        self._control.save()
        response.success, response.message = True, "saves a checkpoint before the next rollout"
        return response

    def _on_stop(self, request: Any, response: Any) -> Any:
        self._control.stop()
        self._stop()
        response.success, response.message = True, "saves and ends"
        return response

    def _publish(self) -> None:
        figures = self._figures()
        for field, publisher in self._publishers.items():
            value = float(getattr(figures, field))
            if value == value:  # NaN: no value yet
                publisher.publish(Float64(data=value))
        level = DiagnosticStatus.WARN if figures.state == PAUSED else DiagnosticStatus.OK
        summary = f"{figures.state}, {figures.steps:,} of {figures.total_steps:,} steps"
        name = self._node.get_name()
        status = messages.diagnostic_status(level, f"{name}: training", name, summary, vars(figures))
        message = DiagnosticArray(status=[status])
        message.header.stamp = messages.to_time(time.time_ns())
        self._diagnostics.publish(message)
