"""The other robots of a page, side by side with the chosen one: their posture, target and name."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import viser

from robot_interface_ros.robot import Array
from robot_interface_ros.urdf.elements import RobotModelError
from robot_interface_ros.urdf.frames import FrameTree
from robot_interface_ros.urdf.robot_model import RobotModel
from robot_page_ros.drawing.scene import TARGET, Posture
from robot_page_ros.drawing.visuals import Visual, visuals_of
from robot_page_ros.requests import WatchedRobot

MOST = 7
"""Robots beside the chosen one; each is one more for every browser to draw."""
_COLUMNS = (0, 1, -1, 2)  # of the robots of a row, in their order
_A_ROW = len(_COLUMNS)
_STEP_BACK = 1.6  # distance of the camera, in half the breadth of the row
_PERIOD_S = 0.1  # between two postures of the others
_LEAST_M, _GAP_M = 0.6, 0.3
Watch = Callable[[str, Callable[[str], None]], WatchedRobot]
"""`watch(namespace, description)`: listens to a robot; `description(urdf)` is called for each new robot_description."""


def places(count: int, spacing_m: float) -> list[Array]:
    """Return where the chosen robot, which comes first, and the others stand, `(3,)` m each.

    They stand to its left and right in turns, along y, so that a camera in front of it sees them; further rows are behind it.
    """
    return [spacing_m * np.array([-(i // _A_ROW), _COLUMNS[i % _A_ROW], 0.0]) for i in range(count)]


def stepped_back(position: Array, look_at: Array, at: Sequence[Array], spacing_m: float) -> Array:
    """Return the place `(3,)` m from which a camera sees robots `at` these places: in the same direction, or further away."""
    away = position - look_at
    wide = max(abs(float(place[1])) for place in at) + spacing_m / 2
    least_m = _STEP_BACK * wide
    return np.asarray(look_at + away * max(1.0, least_m / max(float(np.linalg.norm(away)), 1e-6)))


def extent(model: RobotModel, visuals: Sequence[Visual], positions: Mapping[str, float]) -> tuple[float, float]:
    """Return the largest horizontal distance of a robot's surface from its root's axis, and its height over the root, m."""
    poses = model.link_poses(np.array([positions.get(name, 0.0) for name in model.joint_names]))
    points = [v.vertices @ np.reshape(poses[v.link][1], (3, 3)).T + np.asarray(poses[v.link][0]) for v in visuals]
    if not points:
        return 0.0, 0.0
    surface = np.concatenate(points)
    return float(np.linalg.norm(surface[:, :2], axis=1).max()), float(surface[:, 2].max())


class Neighbours:
    """The robots beside the chosen one; all methods are for the page's thread."""

    def __init__(self, server: viser.ViserServer, watch: Watch, told: Callable[[str], None]):
        """`told(text)`: says why a robot is not drawn."""
        self._server, self._watch, self._told = server, watch, told
        self._shown: dict[str, _Neighbour] = {}
        self._chosen = ""
        self._label: Any = None
        self._drawn_at = -math.inf

    def show(self, chosen: str, others: Sequence[str]) -> None:
        """Show these robots, and the name of the chosen one; without others, show nothing."""
        if (chosen, tuple(others)) == (self._chosen, tuple(self._shown)):
            return
        self.close()
        self._chosen = chosen
        for i, namespace in enumerate(others):
            self._shown[namespace] = _Neighbour(self._server, namespace, i + 1, self._watch, self._told)

    def turn(self, now: float) -> None:
        """Read and draw new poses. `now`: s of a steady clock."""
        if not self._shown or now - self._drawn_at < _PERIOD_S:
            return
        self._drawn_at = now
        for neighbour in self._shown.values():
            neighbour.take()
        waiting = next((neighbour for neighbour in self._shown.values() if neighbour.waits), None)
        if waiting is not None:  # one at a time: the page must answer meanwhile
            waiting.load()
        sizes = [size for neighbour in self._shown.values() if (size := neighbour.size) is not None]
        if not sizes:
            return
        spacing_m = max(_LEAST_M, 2.0 * max(radius for radius, _ in sizes) + _GAP_M)
        at = places(len(self._shown) + 1, spacing_m)
        with self._server.atomic():
            for neighbour, place in zip(self._shown.values(), at[1:]):
                neighbour.draw(place)
            if self._label is None:
                above = at[0] + (0.0, 0.0, sizes[0][1] + _GAP_M / 2)
                self._label = self._server.scene.add_label("/beside/chosen", self._chosen, position=above)
                self._step_back(at, spacing_m)

    def _step_back(self, at: Sequence[Array], spacing_m: float) -> None:
        """Move the cameras of all pages back once; people may move them afterwards."""
        for client in self._server.get_clients().values():
            camera = client.camera
            if camera.update_timestamp:  # this page has told where its camera is
                camera.position = stepped_back(np.asarray(camera.position), np.asarray(camera.look_at), at, spacing_m)

    def close(self) -> None:
        """Leave the robots and remove them from the scene."""
        for neighbour in self._shown.values():
            neighbour.close()
        if self._label is not None:
            self._label.remove()
        self._shown, self._label, self._chosen = {}, None, ""


class _Neighbour:
    """One of them. It is drawn when its description and its joint_states have come."""

    def __init__(
        self, server: viser.ViserServer, namespace: str, number: int, watch: Watch, told: Callable[[str], None]
    ):
        self._server, self._namespace, self._root, self._told = server, namespace, f"/beside/{number}", told
        self._posture: Posture | None = None
        self._target: Any = None
        self._new_urdf, self._urdf = "", ""
        self.size: tuple[float, float] | None = None
        """Radius and height of the robot, m, where it is drawn."""
        self._robot = watch(namespace, self._on_description)

    def take(self) -> None:
        """Read the messages that have arrived."""
        self._robot.take()

    @property
    def waits(self) -> bool:
        """Whether a new description is to be loaded."""
        return self._new_urdf != self._urdf and bool(self._robot.view.position)

    def load(self) -> None:
        """Make the robot of the newest description."""
        self._urdf = urdf = self._new_urdf
        self._remove()
        try:
            model = RobotModel.from_urdf(urdf)
            visuals, _ = visuals_of(urdf)
            size = extent(model, visuals, self._robot.view.position)
        except (RobotModelError, ValueError) as error:
            self._told(f"{self._namespace}: robot_description cannot be drawn: {error}")
            return
        scene = self._server.scene
        with self._server.atomic():
            self._posture = Posture(scene, self._root, FrameTree(model), model, visuals)
            self._target = scene.add_icosphere(f"{self._root}/target", 0.02, TARGET, visible=False)
            scene.add_label(f"{self._root}/name", self._namespace, position=(0.0, 0.0, size[1] + _GAP_M / 2))
        self.size = size

    def draw(self, place: Array) -> None:
        """Show the newest posture and target, at this place."""
        if self._posture is None:
            return
        root, view = self._posture.root, self._robot.view
        if not np.allclose(root.position, place):
            root.position = place
        try:
            self._posture.show(view.position)
        except RobotModelError as error:
            self._told(f"{self._namespace}: {error}")
        self._target.visible = view.target_position is not None
        if view.target_position is not None and not np.allclose(self._target.position, view.target_position):
            self._target.position = view.target_position

    def close(self) -> None:
        """Leave the robot, and remove it from the scene."""
        self._robot.close()
        self._remove()

    def _on_description(self, urdf: str) -> None:
        self._new_urdf = urdf

    def _remove(self) -> None:
        if self._posture is not None:
            self._server.scene.remove_by_name(self._root)
            self._posture, self.size = None, None
