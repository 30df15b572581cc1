"""Serves the robot contract in real time: at a fixed rate, with or without commands."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import PoseStamped
from rclpy.node import Node

from robot_interface_ros.errors import RobotError
from robot_interface_ros.realtime.camera_turns import CameraTurns, Renders
from robot_interface_ros.realtime.realtime_robot import RealTimeRobot, State
from robot_interface_ros.realtime.ticker import Punctuality, Ticker
from robot_interface_ros.robot import Array, layer_with
from robot_interface_ros.ros.serving.robot_server import RobotServer
from robot_interface_ros.ros.transport import contract, messages
from robot_interface_ros.ros.transport.conflicts import conflict_text
from robot_interface_ros.ros.transport.contract import absolute
from robot_interface_ros.ros.transport.graph import robots
from robot_interface_ros.ros.transport.messages import UnreadableMessage
from robot_interface_ros.ros.transport.waiting import Waiter

_DIAGNOSTICS_S = 1.0
_FARTHEST_M = 100.0


class MovesTarget(Protocol):
    """A simulated robot whose target a person may move."""

    def place_target(self, position: Array) -> None:
        """Put the target at `position`, `(3,)` m in the root frame."""


class RealTimeServer:
    """Ticks one robot, publishes its observations, and renders its cameras between ticks; no method waits.

    Topics and services are in a `RobotServer`; `waiter.wait` runs them between two calls of `tick`.
    """

    def __init__(self, topics: RobotServer, robot: RealTimeRobot, camera_hz: float = 0.0):
        """`topics`: the server of this robot; `camera_hz`: largest rate of images of each camera, 0: one per tick."""
        self.topics, self.robot = topics, robot
        self._node, self._namespace = topics.node, topics.namespace
        self._renderer: Renders | None = layer_with(robot, "render_images")
        self._turns = CameraTurns(robot.period_ns, camera_hz)
        self._fault = ""
        self._mover: MovesTarget | None = layer_with(robot, "place_target")
        if self._mover is not None:
            topics.waiter.subscribe(
                PoseStamped, absolute(self._namespace, contract.TARGET_REQUEST), self._on_target_request
            )

    def tick(self) -> None:
        """Begin a period and publish the observation. An error of the robot is logged, and the next tick tries again."""
        try:
            observation = self.robot.tick()
        except RobotError as error:
            self._fault = str(error)
            self._node.get_logger().error(f"{self._namespace}: {error}", throttle_duration_sec=1.0)
            return
        self._fault = ""
        self.topics.publish(observation)

    def look(self, left_ns: int) -> bool:
        """Render and publish one camera if it is due and fits into the rest of the period; return whether it did."""
        if self._renderer is None or left_ns <= 0:
            return False
        stamp = self.robot.observation.stamp
        camera = self._turns.choose(self.topics.cameras.watched(), stamp, left_ns)
        if camera is None:
            return False
        began = time.monotonic_ns()
        images, depths = self._renderer.render_images((camera,))
        self.topics.cameras.publish(stamp, images, depths)
        self._turns.rendered(camera, stamp, time.monotonic_ns() - began)
        return True

    def _on_target_request(self, message: PoseStamped) -> None:
        at = message.pose.position
        place = np.array([at.x, at.y, at.z])
        if not np.isfinite(place).all() or float(np.abs(place).max()) > _FARTHEST_M:
            raise UnreadableMessage(f"the requested target {place.tolist()} is not a place within {_FARTHEST_M:g} m")
        assert self._mover is not None
        self._mover.place_target(place)

    def status(self, punctuality: Punctuality) -> DiagnosticStatus:
        """Return this robot's entry of `/diagnostics`."""
        robot, late = self.robot, punctuality.late
        topic = self._node.resolve_topic_name(absolute(self._namespace, contract.JOINT_COMMAND))
        commanders = self._node.count_publishers(topic)
        level, text = DiagnosticStatus.OK, robot.state.value
        if self._fault:
            level, text = DiagnosticStatus.ERROR, self._fault
        elif robot.state is State.STOPPED:
            level = DiagnosticStatus.WARN
            text = robot.unavailable() or "stopped; call the enable service with true to continue"
        elif len(servers := robots(self._node, self._namespace)) > 1:
            topic = self._node.resolve_topic_name(absolute(self._namespace, contract.JOINT_STATES))
            level, text = DiagnosticStatus.WARN, conflict_text(self._namespace, topic, servers)
        elif commanders > 1:
            level = DiagnosticStatus.WARN
            text = f"{commanders} publishers command it, and the latest command wins; resets are refused meanwhile"
        elif slow := self._turns.too_slow():
            camera, took_s = next(iter(slow.items()))
            level = DiagnosticStatus.WARN
            text = f"camera {camera} takes {took_s * 1e3:.0f} ms, longer than a period; use smaller images or a lower camera_hz"
        elif late:
            level, text = DiagnosticStatus.WARN, f"{robot.state.value}; {late} late ticks in the last second"
        values = {
            "state": robot.state.value,
            "motion enabled": robot.motion_enabled,
            "torque": "off" if robot.relaxed else "on",
            "watchdog": "holding" if robot.holds_by_watchdog else "quiet",
            "age of last command (s)": robot.command_age_s,
            "rate (Hz)": punctuality.rate_hz,
            "period jitter median (ms)": punctuality.jitter_median_ms,
            "period jitter p99 (ms)": punctuality.jitter_p99_ms,
            "late ticks": punctuality.overruns,
            "ticks left out": punctuality.missed,
        } | dict(getattr(robot.plant, "report", {}))
        name = f"{self._node.get_name().removesuffix('_topics')}: {self._namespace}"
        return messages.diagnostic_status(level, name, self._namespace, text, values)


class RealTimeLoop:
    """Ticks the robots of one node together, serves their messages between ticks, and publishes /diagnostics once a second."""

    def __init__(self, node: Node, waiter: Waiter, servers: Sequence[RealTimeServer], ticker: Ticker):
        self._waiter, self._servers, self._ticker = waiter, servers, ticker
        self._node = node
        self._diagnostics = node.create_publisher(DiagnosticArray, contract.DIAGNOSTICS, contract.RELIABLE)
        self._report = Ticker(round(_DIAGNOSTICS_S * 1e9))

    def turn(self) -> None:
        """Serve messages until a tick is due, then tick; or return earlier, after a message."""
        left_ns = round(self._ticker.left_s * 1e9)
        busy = any(server.look(left_ns) for server in self._servers)  # one image, then messages are served again
        self._waiter.wait(0.0 if busy else max(0.0, self._ticker.left_s))  # also when late: a stop must be served
        if self._ticker.left_s > 0.0:
            return
        self._ticker.tick()
        for server in self._servers:
            server.tick()
        if self._report.left_s <= 0.0:
            self._report.tick()
            self._publish_diagnostics()

    def _publish_diagnostics(self) -> None:
        punctuality = self._ticker.punctuality()
        message = DiagnosticArray(status=[server.status(punctuality) for server in self._servers])
        message.header.stamp = self._node.get_clock().now().to_msg()
        self._diagnostics.publish(message)
