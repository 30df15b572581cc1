"""The page: turns the newest values of the chosen robot into the scene and the panel, and actions into requests."""

from __future__ import annotations

import contextlib
import io
import queue
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
import viser

from robot_interface_ros.robot import Array
from robot_interface_ros.urdf.robot_model import RobotModelError
from robot_page_ros.access import guarded
from robot_page_ros.lease import Lease
from robot_page_ros.page_config import LOCAL, PageConfig
from robot_page_ros.panel import Action, Panel
from robot_page_ros.scene import RobotScene
from robot_page_ros.view import RobotView

COMMAND_S = 2.0
"""Commands for a goal are sent for so long after the last action; then the robot holds by its watchdog."""
STOP_S = 0.5
"""An emergency stop is repeated for so long, until the robot says that it is stopped."""
_ARRIVED = 0.002  # rad
_PANEL_S = 0.25  # between two updates of the panel
_CURVES_S = 1.0


class RobotRequests(Protocol):
    """What the page needs of a robot; `ros/robot_link.py` has it over topics."""

    view: RobotView

    def take(self) -> None:
        """Take what has arrived."""

    def emergency_stop(self) -> None:
        """Stop the robot."""

    def enable(self, motion: bool, answered: Callable[[bool, str], None]) -> None:
        """Allow motion."""

    def reset(self, answered: Callable[[bool, str], None]) -> None:
        """Move to rest."""

    def command(self, goals: Mapping[str, float]) -> str:
        """Command joints; return why it is refused, or an empty text."""

    def let_go(self) -> None:
        """Command nothing any more."""

    def request_target(self, position: Array) -> None:
        """Ask for another target."""

    @property
    def takes_target(self) -> bool:
        """Whether the target can be put elsewhere."""

    def close(self) -> None:
        """Leave."""


class TrainerRequests(Protocol):
    """What the page needs of a trainer; `ros/trainer_link.py` has it over topics."""

    said: str
    newest: dict[str, float]
    curves: dict[str, tuple[list[float], list[float]]]

    def take(self) -> None:
        """Take what has arrived."""

    def call(self, name: str, answered: Callable[[bool, str], None], data: bool = False) -> None:
        """Pause, save or stop."""

    def close(self) -> None:
        """Leave."""


class Page:
    """One web server; `turn` is called a few times a second by one thread, which alone talks to the robot."""

    def __init__(
        self,
        config: PageConfig,
        connect: Callable[[str, Callable[[str], None]], RobotRequests],
        connect_trainer: Callable[[], TrainerRequests],
    ):
        """`connect(namespace, description)` is called when the first page opens, and the robot is left with the last one."""
        self.config, self._connect, self._connect_trainer = config, connect, connect_trainer
        self._actions: queue.SimpleQueue[Action] = queue.SimpleQueue()
        self.woken = threading.Event()
        """Set when a person has asked for something."""
        local = config.host in LOCAL
        with (
            guarded(local, config.token),
            contextlib.redirect_stdout(io.StringIO()),
        ):  # viser prints addresses of its own
            self.server = viser.ViserServer(config.host, config.port, verbose=False)
        self.server.scene.set_up_direction("+z")
        self.server.initial_camera.position = (1.5, -1.0, 1.7)
        self.server.initial_camera.look_at = (0.0, -0.1, 1.15)
        self.server.scene.add_grid("/floor", width=4.0, height=4.0, cell_size=0.25, section_size=1.0)
        self._panel = Panel(self.server, config.namespaces, self._act)
        self._lease = Lease()
        self._namespace = config.namespaces[0]
        self._robot: RobotRequests | None = None
        self._trainer: TrainerRequests | None = None
        self._scene: RobotScene | None = None
        self._urdf, self._new_urdf = "", ""
        self._goals: dict[str, float] = {}
        self._command_until = self._stop_until = self._panel_at = self._curves_at = 0.0
        self._camera_at: dict[str, float] = {}
        self._frustums: dict[str, Any] = {}
        self.server.on_client_disconnect(lambda client: self._act(Action("left", client.client_id)))

    @property
    def address(self) -> str:
        """Where to open it."""
        host = self.config.host if ":" not in self.config.host else f"[{self.config.host}]"
        token = f"/?token={self.config.token}" if self.config.token else ""
        return f"http://{host}:{self.server.get_port()}{token}"

    def turn(self) -> None:
        """Take what has arrived, do what was asked, show what is new; waits for nothing."""
        if not self.server.get_clients():
            self._leave()
            while not self._actions.empty():
                self._actions.get()
            return
        if self._robot is None:
            self._robot, self._trainer = self._connect(self._namespace, self._on_description), self._connect_trainer()
        self._robot.take()
        now = time.monotonic()
        while not self._actions.empty():
            self._do(self._actions.get(), self._robot, now)
            if self._robot is None:  # another robot was chosen
                return
        self._send(self._robot, now)
        self._draw(self._robot, now)

    def close(self) -> None:
        """Leave the robot and end the server."""
        self._leave()
        with contextlib.redirect_stdout(io.StringIO()):
            self.server.stop()

    def _act(self, action: Action) -> None:
        self._actions.put(action)
        self.woken.set()

    def _leave(self) -> None:
        if self._robot is not None:
            self._robot.let_go()
            self._robot.close()
            self._robot = None
        if self._trainer is not None:
            self._trainer.close()
            self._trainer = None
        self._goals = {}

    def _on_description(self, urdf: str) -> None:
        self._new_urdf = urdf

    def _do(self, action: Action, robot: RobotRequests, now: float) -> None:
        name, page = action.name, action.page

        def answered(good: bool, text: str) -> None:
            self._panel.answer(text, good)

        if name == "stop":
            self._goals, self._stop_until = {}, now + STOP_S
            robot.let_go()
            robot.emergency_stop()
            self._panel.answer("emergency stop sent", True)
        elif name == "enable":
            self._stop_until = 0.0
            robot.enable(True, answered)
        elif name == "left" and page is not None:
            if self._lease.leave(page):
                self._goals = {}
        elif name == "robot":
            self._leave()
            self._namespace, self._urdf = action.value, ""
            if self._scene is not None:
                self._scene.close()
                self._scene = None
            self._panel.clear_robot()
            self._forget_cameras()
        elif name in ("pause", "resume", "save", "stop_training") and self._trainer is not None:
            service = {"resume": "pause", "stop_training": "stop"}.get(name, name)
            self._trainer.call(service, answered, name == "pause")
        elif name in ("joint", "jog", "reset", "target"):
            self._operate(action, robot, now, answered)

    def _operate(self, action: Action, robot: RobotRequests, now: float, answered: Callable[[bool, str], None]) -> None:
        """Do what only one page at a time may do."""
        page, scene = action.page, self._scene
        if page is None or scene is None:
            return
        if not robot.view.real_time:
            self._panel.notify(page, "the robot is in lockstep: only its trainer moves it")
            return
        if not self._lease.take(page):
            self._panel.notify(
                page, f"page {self._lease.holder} has the controls; it keeps them until it is idle for 10 s"
            )
            return
        if action.name == "target":
            scene.held_until = now + 0.5
            robot.request_target(np.asarray(action.value, dtype=np.float64))
            return
        if robot.view.motion_enabled is False:
            self._panel.notify(page, "the robot is stopped; press Allow motion first")
            return
        if action.name == "reset":
            robot.let_go()
            self._goals = {}
            robot.reset(answered)
            return
        if action.name == "joint":
            joint, angle = action.value
            self._goals[joint] = angle
        else:
            goals, fault = self._jogged(scene, robot.view, str(action.value))
            if fault:
                self._panel.notify(page, fault)
                return
            self._goals |= goals
        robot.view.rejected = ""
        self._command_until = now + COMMAND_S

    def _jogged(self, scene: RobotScene, view: RobotView, jog: str) -> tuple[dict[str, float], str]:
        """Return goals that move the chosen link by one step, rad, or why there are none."""
        link = self._panel.link.value
        if link not in scene.model.links:
            return {}, "choose the link to move first"
        chain, limits = scene.model.chain(link), scene.model.limits()
        here = {**view.position, **view.target, **self._goals}
        moving = [name in (view.target or view.position) for name in chain.joint_names]
        if not any(moving) or any(name not in here for name in chain.joint_names):
            return {}, f"{link} hangs on no joint that can be commanded"
        q = np.array([here[name] for name in chain.joint_names])
        rows = scene.model.index(chain.joint_names)
        lower, upper = np.where(moving, limits.lower[rows], q), np.where(moving, limits.upper[rows], q)
        step = np.zeros(3)
        step["xyz".index(jog[0])] = self._panel.step_mm.value / 1000.0 * (1.0 if jog[1] == "+" else -1.0)
        goal = chain.position(q) + step
        found = chain.inverse(goal, q, lower, upper, restarts=0)
        missed = float(np.linalg.norm(chain.position(found) - goal))
        if missed > 0.25 * float(np.linalg.norm(step)):
            return {}, f"{link} cannot go {jog}: out of reach by {missed * 1000:.0f} mm from here"
        return {name: float(at) for name, at, moves in zip(chain.joint_names, found, moving) if moves}, ""

    def _send(self, robot: RobotRequests, now: float) -> None:
        if now < self._stop_until and robot.view.motion_enabled is not False:
            robot.emergency_stop()
        if not self._goals:
            robot.let_go()
            return
        there = all(abs(robot.view.target.get(joint, np.inf) - at) < _ARRIVED for joint, at in self._goals.items())
        if there or now > self._command_until or robot.view.motion_enabled is False:
            self._goals = {}
            robot.let_go()
            return
        fault = robot.command(self._goals)
        if fault:
            self._goals = {}
            self._panel.notify(self._lease.holder, fault)
            self._panel.answer(fault, False)

    def _draw(self, robot: RobotRequests, now: float) -> None:
        view = robot.view
        if self._new_urdf and self._new_urdf != self._urdf:
            self._load(self._new_urdf)
        if self._scene is not None and view.position:
            draggable = view.real_time and robot.takes_target
            try:
                with self.server.atomic():
                    self._scene.update(view, now, draggable)
            except RobotModelError as error:
                self._panel.answer(str(error), False)
            if not self._panel.sliders:  # joint_target names the joints that are commanded
                joints = view.target or view.position
                self._panel.set_robot(self._scene.model, self.config.end_effector, joints)
        self._show_cameras(view, now)
        if now < self._panel_at:
            return
        self._panel_at = now + _PANEL_S
        free = view.real_time and view.motion_enabled is not False
        busy = bool(self._goals)
        self._panel.follow({} if busy else {**view.position, **view.target}, free)
        self._panel.show(self._namespace, view, now, len(self.server.get_clients()), self._lease.holder)
        if self._trainer is not None and now > self._curves_at:
            self._curves_at = now + _CURVES_S
            self._trainer.take()
            self._panel.show_training(self._trainer.said, self._trainer.newest, self._trainer.curves)

    def _load(self, urdf: str) -> None:
        """Draw a robot anew; one that cannot be read is reported, and the rest of the page works."""
        self._urdf = urdf
        if self._scene is not None:
            self._scene.close()
            self._scene = None
        self._forget_cameras()
        try:
            self._scene = RobotScene(self.server, urdf, self.config.end_effector, self._dragged)
        except (RobotModelError, ValueError) as error:
            self._panel.answer(f"robot_description cannot be drawn: {error}", False)
            return
        self._panel.clear_robot()
        if self._scene.faults:
            more = f" and {len(self._scene.faults) - 1} more" if len(self._scene.faults) > 1 else ""
            self._panel.answer(f"not drawn: {self._scene.faults[0]}{more}", False)

    def _dragged(self, position: Array, page: int | None) -> None:
        if page is not None:
            self._act(Action("target", page, position))

    def _show_cameras(self, view: RobotView, now: float) -> None:
        for name, camera in view.cameras.items():
            last = self._camera_at.get(name, 0.0)
            new = view.arrived.get(f"camera {name}", 0.0) > last and now - last >= 1.0 / self.config.camera_hz
            if camera.image is None or not new:
                continue
            self._camera_at[name] = now
            self._panel.show_camera(name, camera.image)
            path = self._scene.camera_path(camera.frame) if self._scene is not None else ""
            if path and name not in self._frustums:
                height, width = camera.image.shape[:2]
                self._frustums[name] = self.server.scene.add_camera_frustum(
                    f"{path}/camera_{name}", camera.fov_y_rad, width / height, scale=0.12, color=(60, 90, 140)
                )

    def _forget_cameras(self) -> None:
        self._frustums, self._camera_at = {}, {}
