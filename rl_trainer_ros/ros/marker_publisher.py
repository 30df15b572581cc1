"""Publish markers as visualization_msgs on `<namespace>/markers` and, latched, on `<namespace>/workspace`."""

from __future__ import annotations

from collections.abc import Sequence

from builtin_interfaces.msg import Duration
from geometry_msgs.msg import Point
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker as MarkerMessage
from visualization_msgs.msg import MarkerArray

from rl_trainer_ros.training.callbacks.markers import Colour, Marker, Scene, episode_markers, workspace_marker
from robot_interface_ros.robot import Array
from robot_interface_ros.ros.transport.contract import LATCHED, RELIABLE, absolute, frame
from robot_interface_ros.ros.transport.runtime import Runtime

MARKERS, WORKSPACE = "markers", "workspace"
_TYPES = {
    "sphere": MarkerMessage.SPHERE,
    "line_strip": MarkerMessage.LINE_STRIP,
    "points": MarkerMessage.POINTS,
    "text": MarkerMessage.TEXT_VIEW_FACING,
}
_LASTING = Duration(sec=2)  # RViz removes markers that are no longer published


class MarkerPublisher:
    """Publishes the markers of each robot, on a node of its own."""

    def __init__(self, runtime: Runtime, namespaces: Sequence[str], roots: Sequence[str]):
        """`roots`: name of each robot's root link."""
        self._node = runtime.topic_node("trainer_markers", namespaces)
        self._frames = [frame(namespace, root) for namespace, root in zip(namespaces, roots)]
        self._markers, self._workspaces = (
            [self._node.create_publisher(MarkerArray, absolute(namespace, name), qos) for namespace in namespaces]
            for name, qos in ((MARKERS, RELIABLE), (WORKSPACE, LATCHED))
        )

    def show(self, i: int, scene: Scene) -> None:
        """Publish the scene of robot i."""
        self._markers[i].publish(marker_array(episode_markers(scene), self._frames[i], _LASTING))

    def show_workspace(self, i: int, points: Array) -> None:
        """Publish the workspace of robot i's end effector once, `(n, 3)` m."""
        self._workspaces[i].publish(marker_array([workspace_marker(points)], self._frames[i], Duration()))

    def close(self) -> None:
        """Destroy the node."""
        self._node.destroy_node()


def marker_array(markers: Sequence[Marker], frame_id: str, lifetime: Duration) -> MarkerArray:
    """Return one message with all markers. With a zero stamp, RViz uses the latest transform of their frame."""
    return MarkerArray(markers=[_message(marker, frame_id, lifetime) for marker in markers])


def _message(marker: Marker, frame_id: str, lifetime: Duration) -> MarkerMessage:
    message = MarkerMessage(ns=marker.name, type=_TYPES[marker.kind], action=MarkerMessage.ADD, lifetime=lifetime)
    message.header.frame_id = frame_id
    message.pose.orientation.w = 1.0
    message.scale.x = message.scale.y = message.scale.z = marker.size
    message.color = _colour(marker.colour)
    points = [Point(x=x, y=y, z=z) for x, y, z in marker.points.tolist()]
    if marker.kind in ("sphere", "text"):
        message.pose.position = points[0]
        message.text = marker.text
    else:
        message.points = points
        message.colors = [_colour(row) for row in marker.colours.tolist()]
    return message


def _colour(rgba: Colour) -> ColorRGBA:
    r, g, b, a = rgba
    return ColorRGBA(r=r, g=g, b=b, a=a)
