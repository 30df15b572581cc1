"""The page: turns the newest values of the chosen robot into the scene and the panel, and actions into requests."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Collection

import numpy as np

from robot_interface_ros.robot import Array
from robot_interface_ros.urdf.elements import RobotModelError
from robot_page_ros.camera_pictures import CameraPictures
from robot_page_ros.drawing.neighbours import MOST, Neighbours, Watch
from robot_page_ros.drawing.scene import RobotScene
from robot_page_ros.jog import jogged
from robot_page_ros.lease import Lease
from robot_page_ros.page_config import PageConfig
from robot_page_ros.panel import Action, Panel
from robot_page_ros.requests import RobotRequests, StopRequests, TrainerRequests
from robot_page_ros.view import lost
from robot_page_ros.web_server import address_of, close_server, open_server

COMMAND_S = 2.0
"""Commands for a goal are sent for so long after the last action; then the robot holds by its watchdog."""
STOP_S = 0.5
"""An emergency stop is repeated for so long, until the robot says that it is stopped."""
_ARRIVED = 0.002  # rad
_PANEL_S = 0.25  # between two updates of the panel
_CURVES_S = 1.0


class Page:
    """One web server; `turn` is called a few times a second by one thread, which alone talks to the robot."""

    def __init__(
        self,
        config: PageConfig,
        connect: Callable[[str, Callable[[str], None]], RobotRequests],
        connect_trainer: Callable[[], TrainerRequests],
        stops: StopRequests,
        watch: Watch | None = None,
    ):
        """`connect(namespace, description)` is called when the first page opens, and the robot is left with the last one.

        `watch`: listens to the robots that are shown beside the chosen one; None: they cannot be shown.
        """
        self.config, self._connect, self._connect_trainer, self._stops = config, connect, connect_trainer, stops
        self._actions: queue.SimpleQueue[Action] = queue.SimpleQueue()
        self.woken = threading.Event()
        """Set when a person has asked for something."""
        self.server = open_server(config)
        self._panel = Panel(self.server, config.namespaces, self._act, watch is not None)
        self._neighbours = None if watch is None else Neighbours(self.server, watch, self._fault)
        self._lease = Lease()
        self._namespace = config.namespaces[0]
        self._robot: RobotRequests | None = None
        self._trainer: TrainerRequests | None = None
        self._scene: RobotScene | None = None
        self._urdf, self._new_urdf = "", ""
        self._joints: Collection[str] = ()  # that have sliders
        self._goals: dict[str, float] = {}
        self._command_until = self._stop_until = self._panel_at = self._curves_at = 0.0
        self._pictures = CameraPictures(self.server, self._panel.pictures.show, config.camera_hz)
        self.server.on_client_disconnect(lambda client: self._act(Action("left", client.client_id)))

    @property
    def address(self) -> str:
        """Where to open it."""
        return address_of(self.config, self.server)

    def turn(self) -> None:
        """Read messages, carry out requests, update the scene; waits for nothing."""
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
        if self._neighbours is not None:
            others = [name for name in self.config.namespaces if name != self._namespace]
            self._neighbours.show(self._namespace, others[:MOST] if self._panel.side_by_side else [])
            self._neighbours.turn(now)

    def close(self) -> None:
        """Leave the robot and end the server."""
        self._leave()
        close_server(self.server)

    def _act(self, action: Action) -> None:
        """Take a person's request, in one of viser's threads. An emergency stop does not wait for the page's thread."""
        if action.name == "stop":
            self._stops.stop_all()
        self._actions.put(action)
        self.woken.set()

    def _fault(self, text: str) -> None:
        self._panel.answer(text, False)

    def _leave(self) -> None:
        if self._neighbours is not None:
            self._neighbours.close()
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
            self._stops.stop_all()
            self._panel.answer(f"emergency stop sent to {', '.join(self.config.namespaces)}", True)
        elif name == "enable":
            self._stop_until = 0.0
            self._stops.forget(self._namespace)
            robot.enable(True, answered)
        elif name == "left" and page is not None:
            if self._lease.leave(page):
                self._goals = {}
        elif name == "robot":
            self._leave()
            self._namespace, self._urdf, self._joints = action.value, "", ()
            if self._scene is not None:
                self._scene.close()
                self._scene = None
            self._panel.clear_robot()
            self._pictures.forget()
        elif name in ("pause", "resume", "save", "stop_training") and self._trainer is not None:
            service = {"resume": "pause", "stop_training": "stop"}.get(name, name)
            self._trainer.call(service, answered, name == "pause")
        elif name in ("joint", "jog", "reset", "target"):
            self._operate(action, robot, now, answered)

    def _operate(self, action: Action, robot: RobotRequests, now: float, answered: Callable[[bool, str], None]) -> None:
        """Carry out a request that only one page at a time may make."""
        page, scene = action.page, self._scene
        if page is None or scene is None:
            return
        if not robot.view.real_time:
            self._panel.notify(page, "the robot is in lockstep: only its trainer moves it")
            return
        if lost(robot.view, now):
            self._panel.notify(page, "no joint_states arrive: the robot is gone")
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
            view = robot.view
            here = {**view.position, **view.target, **self._goals}
            step_m = self._panel.step_mm.value / 1000.0
            commanded = view.target or view.position
            goals, fault = jogged(scene.model, self._panel.link.value, here, commanded, str(action.value), step_m)
            if fault:
                self._panel.notify(page, fault)
                return
            self._goals |= goals
        robot.view.rejected = ""
        self._command_until = now + COMMAND_S

    def _send(self, robot: RobotRequests, now: float) -> None:
        if now < self._stop_until and robot.view.motion_enabled is not False:
            self._stops.stop_all()
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
            with self.server.atomic():
                self._scene.update(view, now, draggable)
            joints = view.target or view.position  # joint_target names the joints that are commanded
            if joints.keys() != self._joints:
                self._joints = joints.keys()
                self._panel.set_robot(self._scene.model, self.config.end_effector, joints)
                self._pictures.forget()
                lacking = self._scene.lacking(view)
                if lacking:
                    self._fault(lacking)
        self._pictures.show(view, now, self._scene)
        if now < self._panel_at:
            return
        self._panel_at = now + _PANEL_S
        free = view.real_time and view.motion_enabled is not False and not lost(view, now)
        busy = bool(self._goals)
        self._panel.follow({} if busy else {**view.position, **view.target}, free)
        drawn = self._scene is not None
        self._panel.show(self._namespace, view, now, drawn, len(self.server.get_clients()), self._lease.holder)
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
        self._pictures.forget()
        try:
            self._scene = RobotScene(self.server, urdf, self.config.end_effector, self._dragged)
        except (RobotModelError, ValueError) as error:
            self._panel.answer(f"robot_description cannot be drawn: {error}", False)
            return
        self._panel.clear_robot()
        self._joints = ()
        if self._scene.faults:
            more = f" and {len(self._scene.faults) - 1} more" if len(self._scene.faults) > 1 else ""
            self._panel.answer(f"not drawn: {self._scene.faults[0]}{more}", False)

    def _dragged(self, position: Array, page: int | None) -> None:
        if page is not None:
            self._act(Action("target", page, position))
