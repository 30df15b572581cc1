"""One robot's topics and services, as the page uses them: it reads the newest messages, and sends an operator's requests."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseStamped, WrenchStamped
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_msgs.msg import Bool, String
from std_srvs.srv import SetBool, Trigger
from visualization_msgs.msg import Marker, MarkerArray

from robot_interface_ros.robot import Array
from robot_interface_ros.ros.transport import contract, graph
from robot_interface_ros.ros.transport.contract import absolute
from robot_interface_ros.ros.transport.runtime import Runtime
from robot_page_ros.drawing.scene import field_of_view
from robot_page_ros.image_formats import as_rgb
from robot_page_ros.ros.pending_calls import Answered, PendingCalls
from robot_page_ros.ros.robot_watch import LATCHED_NEWEST, NEWEST, RobotWatch, by_joint
from robot_page_ros.view import POLICY, Camera, DrawnMarker

_KINDS = {Marker.SPHERE: "sphere", Marker.LINE_STRIP: "line_strip", Marker.POINTS: "points"}
_KINDS[Marker.TEXT_VIEW_FACING] = "text"
_MOST_PIXELS = 4096 * 4096
_DIAGNOSED_S = 10.0
"""A robot in real time reports once a second; without a report for so long it is gone."""
_CAMERAS_S = 1.0
"""Between two searches for cameras."""


class RobotLink(RobotWatch):
    """Lives while somebody looks at the page; all its methods are for the thread that calls `take`."""

    def __init__(self, runtime: Runtime, namespace: str, description: Callable[[str], None]):
        """`description(urdf)`: called for each new robot_description."""
        super().__init__(runtime, namespace, description, "page_view")
        self._commands: Any = None
        self._target: Any = None
        self._enable = self._waiter.client(SetBool, absolute(namespace, contract.ENABLE))
        self._reset = self._waiter.client(Trigger, absolute(namespace, contract.RESET))
        self._calls = PendingCalls()
        self._cameras: set[str] = set()
        self._cameras_at = 0.0
        self._diagnosed_at = 0.0
        self._markers_end: dict[str, float] = {}  # when a marker's lifetime is over, s of a steady clock
        view = self.view

        def on_target(message: Any) -> None:
            view.target = by_joint(message)

        def on_contact(message: Any) -> None:
            force = np.array([message.wrench.force.x, message.wrench.force.y, message.wrench.force.z])
            view.force = force if np.isfinite(force).all() else None

        def on_signals(message: Any) -> None:
            view.signals = by_joint(message)

        self._hear(JointState, contract.JOINT_TARGET, on_target)
        self._hear(WrenchStamped, contract.CONTACT, on_contact)
        self._hear(JointState, contract.WORLD_STATE, on_signals)
        for name in POLICY:
            self._hear(JointState, name, self._policy_of(name))
        subscribe = self._waiter.subscribe
        subscribe(Bool, absolute(namespace, contract.MOTION_ENABLED), self._on_enabled, LATCHED_NEWEST)
        subscribe(String, absolute(namespace, contract.COMMAND_REJECTED), self._on_rejected)
        subscribe(DiagnosticArray, contract.DIAGNOSTICS, self._on_diagnostics)
        subscribe(MarkerArray, absolute(namespace, "markers"), self._on_markers)
        subscribe(MarkerArray, absolute(namespace, "workspace"), self._on_markers, LATCHED_NEWEST)

    def take(self) -> None:
        """Take the messages that have arrived, and finish the calls that are answered; waits for nothing."""
        self._find_cameras()
        super().take()
        self._calls.finish()
        now = time.monotonic()
        if now - self._diagnosed_at > _DIAGNOSED_S:
            self.view.state = self.view.said = ""  # it is gone; it may come back in lockstep
        for name in [name for name in self.view.markers if now > self._markers_end[name]]:
            del self.view.markers[name]

    def enable(self, motion: bool, answered: Answered) -> None:
        """Allow motion, or take the torque off."""
        self._call(self._enable, SetBool.Request(data=motion), answered, 5.0)

    def reset(self, answered: Answered) -> None:
        """Move to the rest pose."""
        self._call(self._reset, Trigger.Request(), answered, 30.0)

    def command(self, goals: Mapping[str, float]) -> str:
        """Command joints, rad; return why that is refused, or an empty text.

        Nothing is sent while another client commands the robot. The publisher exists only while somebody operates, so that
        a trainer which starts later finds no second client.
        """
        topic = absolute(self.namespace, contract.JOINT_COMMAND)
        if self._commands is None:
            others = graph.publishers(self._node, topic)
            if others:
                named = ", ".join(others) if graph.is_named(self._node, topic) else "another client"
                return f"{named} commands this robot; end it first"
            self._commands = self._node.create_publisher(JointState, topic, contract.RELIABLE)
        self._commands.publish(JointState(name=list(goals), position=list(goals.values())))
        return ""

    def let_go(self) -> None:
        """Command nothing any more; the robot holds by its watchdog."""
        if self._commands is not None:
            self._node.destroy_publisher(self._commands)
            self._commands = None

    def request_target(self, position: Array) -> None:
        """Ask a simulated robot to put its target elsewhere, `(3,)` m."""
        if self._target is None:
            topic = absolute(self.namespace, contract.TARGET_REQUEST)
            self._target = self._node.create_publisher(PoseStamped, topic, contract.RELIABLE)
        message = PoseStamped()
        message.pose.orientation.w = 1.0
        message.pose.position.x, message.pose.position.y, message.pose.position.z = map(float, position)
        self._target.publish(message)

    @property
    def takes_target(self) -> bool:
        """Whether the robot's target can be put elsewhere."""
        return bool(self._node.count_subscribers(absolute(self.namespace, contract.TARGET_REQUEST)))

    def _call(self, client: Any, request: Any, answered: Answered, timeout_s: float) -> None:
        self._calls.call(client, request, answered, timeout_s, "is the robot running?")

    def _find_cameras(self) -> None:
        """Subscribe to cameras that appear; a robot in real time draws pictures only for a subscriber."""
        if time.monotonic() < self._cameras_at:
            return
        self._cameras_at = time.monotonic() + _CAMERAS_S
        begins, ends = absolute(self.namespace, contract.CAMERA) + "/", "/image_raw"
        for name, _ in self._node.get_topic_names_and_types():
            camera = name.removeprefix(begins).removesuffix(ends)
            if name == f"{begins}{camera}{ends}" and "/" not in camera and camera not in self._cameras:
                self._cameras.add(camera)
                self._waiter.subscribe(Image, name, self._image_of(camera), NEWEST)
                info = absolute(self.namespace, contract.camera_info_topic(camera))
                self._waiter.subscribe(CameraInfo, info, self._info_of(camera), NEWEST)

    def _image_of(self, camera: str) -> Callable[[Any], None]:
        def take(message: Any) -> None:
            if not 0 < message.height * message.width <= _MOST_PIXELS:
                return
            image = as_rgb(message.data, message.encoding, message.height, message.width, message.step)
            if image is None:
                return
            self.view.arrived[f"camera {camera}"] = time.monotonic()
            known = self.view.cameras.get(camera, Camera())
            self.view.cameras[camera] = Camera(image, known.fov_y_rad, known.frame)

        return take

    def _info_of(self, camera: str) -> Callable[[Any], None]:
        def take(message: Any) -> None:
            known, focal = self.view.cameras.get(camera, Camera()), float(message.k[4])
            fov = field_of_view(message.height, focal) if focal > 0.0 else known.fov_y_rad
            prefix = contract.frame(self.namespace, "")
            self.view.cameras[camera] = Camera(known.image, fov, message.header.frame_id.removeprefix(prefix))

        return take

    def _policy_of(self, name: str) -> Callable[[Any], None]:
        def take(message: Any) -> None:
            self.view.policy[name] = by_joint(message)

        return take

    def _on_enabled(self, message: Any) -> None:
        self.view.motion_enabled = message.data

    def _on_rejected(self, message: Any) -> None:
        stamp, _, reason = message.data.partition(": ")
        if stamp == "0":  # commands of the page have no stamp
            self.view.rejected = reason

    def _on_diagnostics(self, message: Any) -> None:
        for entry in message.status:
            if entry.hardware_id == self.namespace and not entry.name.startswith("trainer"):
                values = {value.key: value.value for value in entry.values}
                if "state" in values:
                    self._diagnosed_at = time.monotonic()
                    level = entry.level[0] if isinstance(entry.level, bytes) else int(entry.level)
                    self.view.state, self.view.said, self.view.level = values["state"], entry.message, level

    def _on_markers(self, message: Any) -> None:
        for marker in message.markers:
            name, kind = f"{marker.ns} {marker.id}", _KINDS.get(marker.type)
            if marker.action == Marker.DELETEALL:
                self.view.markers.clear()
            elif marker.action == Marker.DELETE:
                self.view.markers.pop(name, None)
            if marker.action != Marker.ADD or kind is None:
                continue
            places = marker.points if marker.points else [marker.pose.position]
            colour = (marker.color.r, marker.color.g, marker.color.b, marker.color.a)
            colours = np.array([(c.r, c.g, c.b, c.a) for c in marker.colors]) if marker.colors else None
            points = np.array([(p.x, p.y, p.z) for p in places])
            self.view.markers[name] = DrawnMarker(kind, points, marker.scale.x, colour, colours, marker.text)
            lasts_s = marker.lifetime.sec + 1e-9 * marker.lifetime.nanosec
            self._markers_end[name] = time.monotonic() + lasts_s if lasts_s else math.inf
