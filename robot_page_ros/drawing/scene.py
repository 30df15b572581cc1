"""The robot, its target and the trainer's markers, in viser's scene."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import viser

from robot_interface_ros.robot import Array
from robot_interface_ros.urdf.frames import FrameTree, Transform
from robot_interface_ros.urdf.robot_model import RobotModel
from robot_page_ros.drawing.drawn_markers import DrawnArrow, DrawnMarkers
from robot_page_ros.drawing.visuals import Visual, visuals_of
from robot_page_ros.view import DrawnMarker, RobotView

GHOST = (255, 176, 32)
TARGET = (224, 32, 48)
_GHOST_FROM = 0.02  # rad; nearer than this, the ghost would only flicker on the robot
_N_PER_M = 40.0  # length of the contact arrow: 40 N are 1 m
_LEAST_N = 0.1  # a smaller force is not drawn
_TRAIL_COLOUR = (0.35, 0.63, 1.0, 1.0)
_MOST_NAMED = 5  # joints in a message
_TRAIL_STEP_M = 0.002
_TRAIL = 200  # points of the end effector's trail where the trainer draws none
Drag = Callable[[Array, int | None], None]


class Posture:
    """One drawn robot: a frame for each link, under `root`, and its shapes."""

    def __init__(self, scene: viser.SceneApi, root: str, tree: FrameTree, model: RobotModel, visuals: Sequence[Visual]):
        self._tree = tree
        self._frames: dict[str, Any] = {}
        self._last: dict[str, tuple[Any, Any]] = {}
        self.root = scene.add_frame(root, show_axes=False)
        first = tree.moving(dict.fromkeys(model.joint_names, 0.0))
        children: dict[str, list[Transform]] = {}
        for transform in (*tree.static, *first):
            children.setdefault(transform.parent, []).append(transform)
        self.paths = {model.root: root}
        waiting = [model.root]
        while waiting:
            link = waiting.pop()
            for transform in children.get(link, []):
                path = self.paths[transform.child] = f"{self.paths[link]}/{transform.child}"
                self._frames[transform.child] = scene.add_frame(
                    path, show_axes=False, wxyz=_wxyz(transform), position=transform.xyz
                )
                waiting.append(transform.child)
        ghost = visuals and visuals[0].colour == GHOST
        for i, visual in enumerate(visuals):
            scene.add_mesh_simple(
                f"{self.paths[visual.link]}/shape_{i}",
                visual.vertices,
                visual.faces,
                color=visual.colour,
                opacity=0.35 if ghost else None,
                flat_shading=False,
                side="double",
                cast_shadow=not ghost,
            )

    def show(self, positions: Mapping[str, float]) -> None:
        """Place every link for joint name -> rad, of every joint. Raises RobotModelError for a joint without a position."""
        for transform in self._tree.moving(positions):
            xyz, turn = self._last.get(transform.child, (None, None))
            self._last[transform.child] = transform.xyz, transform.quaternion
            if xyz != transform.xyz:  # viser compares too, but at a hundred times the cost
                self._frames[transform.child].position = transform.xyz
            if turn != transform.quaternion:
                self._frames[transform.child].wxyz = _wxyz(transform)


class RobotScene:
    """Everything that is drawn of one robot; `update` is called a few times a second, `close` removes it all."""

    def __init__(self, server: viser.ViserServer, urdf: str, end_effector: str, dragged: Drag):
        """`dragged(position, page)`: called while the target is dragged, from viser's threads.

        Raises RobotModelError for a URDF that cannot be read.
        """
        self.model = RobotModel.from_urdf(urdf)
        self._tree = FrameTree(self.model)
        visuals, self.faults = visuals_of(urdf)
        self._scene, self._root = server.scene, f"/{self.model.root}"
        ghosts = [Visual(v.link, v.vertices, v.faces, GHOST) for v in visuals]
        with server.atomic():
            self.robot = Posture(server.scene, self._root, self._tree, self.model, visuals)
            self._ghost = Posture(server.scene, "/joint_target", self._tree, self.model, ghosts)
            self._ghost.root.visible = False
            self._target = server.scene.add_icosphere("/target", 0.02, TARGET, visible=False)
            self._handle = server.scene.add_transform_controls(
                "/target_handle", scale=0.15, disable_rotations=True, disable_sliders=True, visible=False
            )
        self._handle.on_update(lambda event: dragged(np.array(event.target.position), event.client_id))
        self.held_until = 0.0
        """Until then (s of a steady clock) the handle follows the mouse, not the robot's target_pose."""
        self.end_effector = end_effector if end_effector in self.model.links else ""
        self._zeros = dict.fromkeys(self.model.joint_names, 0.0)
        self._trail: list[Array] = []
        self._markers, self._contact = DrawnMarkers(server.scene, "/markers"), DrawnArrow(server.scene, "/contact")

    def close(self) -> None:
        """Remove everything from the scene."""
        for name in (self._root, "/joint_target", "/target", "/target_handle", "/contact", "/cameras"):
            self._scene.remove_by_name(name)
        self._markers.close()

    def update(self, view: RobotView, now: float, draggable: bool) -> None:
        """Show the newest values; a joint of the description that joint_states lacks is drawn at zero."""
        if view.position:
            self.robot.show({**self._zeros, **view.position})
        self._show_ghost(view)
        self._show_target(view, now, draggable)
        self._show_contact(view)
        own = {} if any(marker.kind == "line_strip" for marker in view.markers.values()) else self._own_trail(view)
        self._markers.show({**own, **view.markers})

    def lacking(self, view: RobotView) -> str:
        """Return which joints of the description joint_states lacks, as a line; empty where it lacks none."""
        names = [name for name in self._zeros if name not in view.position]
        more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
        return (
            f"drawn at zero, as joint_states lacks them: joint {', '.join(names[:_MOST_NAMED])}{more}" if names else ""
        )

    def tip(self, position: Mapping[str, float], link: str) -> Array:
        """Where a link is, `(3,)` m in the root frame."""
        chain = self.model.chain(link)
        return np.asarray(chain.position([position.get(name, 0.0) for name in chain.joint_names]))

    def camera_path(self, frame: str) -> str:
        """Return the scene's name of a camera's frame; empty where the description does not have that frame."""
        return self.robot.paths.get(frame, "")

    def _show_ghost(self, view: RobotView) -> None:
        far = [abs(angle - view.position.get(name, angle)) for name, angle in view.target.items()]
        shown = max(far, default=0.0) > _GHOST_FROM
        if shown:
            self._ghost.show({**self._zeros, **view.position, **view.target})
        if self._ghost.root.visible != shown:
            self._ghost.root.visible = shown

    def _show_target(self, view: RobotView, now: float, draggable: bool) -> None:
        at = view.target_position
        for handle, shown in ((self._target, at is not None), (self._handle, at is not None and draggable)):
            if handle.visible != shown:
                handle.visible = shown
        if at is None:
            return
        if not np.allclose(self._target.position, at, atol=1e-5):
            self._target.position = at
        if now > self.held_until and not np.allclose(self._handle.position, at, atol=1e-5):
            self._handle.position = at

    def _show_contact(self, view: RobotView) -> None:
        force = view.force
        if force is None or not self.end_effector or not view.position or float(np.linalg.norm(force)) <= _LEAST_N:
            self._contact.hide()
            return
        tip = self.tip(view.position, self.end_effector)
        self._contact.show(tip, tip + force / _N_PER_M)

    def _own_trail(self, view: RobotView) -> dict[str, DrawnMarker]:
        """Return the path of the end effector, for a robot whose trainer draws none."""
        if not self.end_effector or not view.position:
            return {}
        tip = self.tip(view.position, self.end_effector)
        if not self._trail or np.linalg.norm(tip - self._trail[-1]) >= _TRAIL_STEP_M:
            self._trail = [*self._trail[-_TRAIL:], tip]
        return {"own trail": DrawnMarker("line_strip", np.array(self._trail), 0.004, _TRAIL_COLOUR)}


def _wxyz(transform: Transform) -> tuple[float, float, float, float]:
    x, y, z, w = transform.quaternion
    return w, x, y, z


def field_of_view(height: float, focal: float) -> float:
    """Vertical field of view, rad, of a pinhole with this height and focal length in pixels."""
    return 2.0 * math.atan2(height, 2.0 * focal)
