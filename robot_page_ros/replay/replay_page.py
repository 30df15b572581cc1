"""The page of a recording: the robot of a bag in the scene, at the moment that a person chooses."""

from __future__ import annotations

import queue
import threading
import time
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from typing import Any

import numpy as np

from robot_interface_ros.robot import Array
from robot_interface_ros.urdf.elements import RobotModelError
from robot_page_ros.drawing.scene import RobotScene
from robot_page_ros.page_config import PageConfig
from robot_page_ros.replay.playback import SPEEDS, Playback, neighbour
from robot_page_ros.replay.recording import NANOSECONDS, RecordedRobot
from robot_page_ros.replay.replay_panel import NEXT, ReplayPanel
from robot_page_ros.view import DrawnMarker
from robot_page_ros.web_server import address_of, close_server, open_server

_TRAIL = (0.35, 0.63, 1.0, 1.0)
_MOST_TRAIL = 2000


class ReplayPage:
    """One web server; `turn` is called `rate_hz` times a second by one thread."""

    def __init__(self, config: PageConfig, title: str, robots: Mapping[str, RecordedRobot]):
        """`title`: name of the bag; `robots`: at least one. Raises ConfigError where a robot cannot be drawn."""
        self.config, self._title, self._robots = config, title, robots
        self._actions: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        self.woken = threading.Event()
        """Set when a person has asked for something."""
        self.server = open_server(config)
        self._panel = ReplayPanel(self.server, list(robots), self._act)
        self._scene: RobotScene | None = None
        self._fault, self._shown = "", -1
        self._playback = Playback(0.0)
        self._choose(next(iter(robots)))

    @property
    def address(self) -> str:
        """Where to open it."""
        return address_of(self.config, self.server)

    def turn(self) -> None:
        """Carry out requests, and show the moment; waits for nothing."""
        now = time.monotonic()
        while not self._actions.empty():
            self._do(*self._actions.get(), now)
        if not self.server.get_clients():
            self._playback.play(False)
            return
        at_s = self._playback.turn(now)
        stamp = self._robot.frame_at(at_s)
        if stamp != self._shown:
            self._shown = stamp
            self._show(stamp, now)
        self._show_panel(stamp, at_s)

    def close(self) -> None:
        """End the server."""
        close_server(self.server)

    def _act(self, name: str, value: Any) -> None:
        self._actions.put((name, value))
        self.woken.set()

    def _choose(self, name: str) -> None:
        robot = self._robot = self._robots[name]
        self._name, self._fault, self._shown = name, "", -1
        self._tips: dict[int, Array] = {}
        self._playback = Playback(robot.duration_s)
        if self._scene is not None:
            self._scene.close()
            self._scene = None
        try:
            self._scene = RobotScene(self.server, robot.urdf, robot.end_effector, lambda position, page: None)
        except (RobotModelError, ValueError) as error:
            self._fault = f"robot_description cannot be drawn: {error}"
        step_s = float(np.median(np.diff(robot.frames))) / NANOSECONDS if len(robot.frames) > 1 else 0.01
        self._panel.set_robot(robot.duration_s, step_s, [episode.text for episode in robot.episodes])

    def _do(self, name: str, value: Any, now: float) -> None:
        robot, playback = self._robot, self._playback
        stamp = robot.frame_at(playback.at_s)
        if name == "robot" and value in self._robots:
            self._choose(value)
        elif name == "play":
            playback.play(not playback.playing)
        elif name == "seek":
            playback.seek(float(value), now)
        elif name == "speed":
            playback.speed = SPEEDS[value]
        elif name == "step":
            playback.play(False)
            self._go(neighbour(robot.frames, stamp, 1 if value == NEXT else -1), now)
        elif name == "move" and robot.episodes:
            begins = [episode.begin for episode in robot.episodes]
            i = robot.episode_at(stamp) + (1 if value == NEXT else -1 if stamp in begins else 0)
            self._go(begins[min(len(begins) - 1, max(0, i))], now)
        elif name == "episode":
            texts = [episode.text for episode in robot.episodes]
            if value in texts:
                self._go(robot.episodes[texts.index(value)].begin, now)

    def _go(self, stamp: int, now: float) -> None:
        self._playback.seek((stamp - self._robot.frames[0]) / NANOSECONDS, now)

    def _show(self, stamp: int, now: float) -> None:
        view, scene = self._robot.view(stamp), self._scene
        if scene is not None:
            trail = self._trail(scene, stamp)
            if trail is not None:
                view.markers["trail"] = trail
            with self.server.atomic():
                scene.update(view, now, False)
            self._fault = scene.lacking(view) if view.position else self._fault
        self._panel.show_view(view, stamp / NANOSECONDS)
        for name, camera in view.cameras.items():
            if camera.image is not None:
                self._panel.pictures.show(name, camera.image)

    def _trail(self, scene: RobotScene, stamp: int) -> DrawnMarker | None:
        """Return the path of the end effector in the episode so far."""
        robot = self._robot
        i = robot.episode_at(stamp)
        if not robot.end_effector or i < 0 or "joint_states" not in robot.joints:
            return None
        first = robot.episodes[i].begin
        frames = robot.frames[bisect_left(robot.frames, first) : bisect_right(robot.frames, stamp)][-_MOST_TRAIL:]
        for frame in frames:
            if frame not in self._tips:
                self._tips[frame] = scene.tip(robot.positions(frame), robot.end_effector)
        points = [self._tips[frame] for frame in frames]
        if len(points) == 1:
            points *= 2
        return DrawnMarker("line_strip", np.array(points), 0.004, _TRAIL)

    def _show_panel(self, stamp: int, at_s: float) -> None:
        robot = self._robot
        i = robot.episode_at(stamp)
        episode = f"episode {robot.episodes[i].text}" if i >= 0 else ""
        lines = (f"{at_s:.2f} of {robot.duration_s:.2f} s, stamp {stamp / NANOSECONDS:.3f} s", episode, self._fault)
        self._panel.show(f"{self._title} {self._name}", lines, at_s, self._playback.playing, i)
        length = max(robot.duration_s, 1e-9) * NANOSECONDS
        shares = [
            ((e.begin - robot.frames[0]) / length, (e.end - robot.frames[0]) / length, e.success)
            for e in robot.episodes
        ]
        self._panel.show_strip(shares, min(1.0, at_s * NANOSECONDS / length))
