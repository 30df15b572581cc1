"""Film the page while its target is dragged: docs/pictures/page_drag.gif, and docs/pictures/page.png.

    .venv/bin/python benchmarks/page_film.py folder:=docs/pictures

The shipped policy moves a simulated robot in process; a mouse drags the target in headless Chromium. Simulated time stands
still while the browser draws, so the film shows the robot's speed on any machine. Needs chromium, playwright and Pillow.
"""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from page_viewers import CHROMIUM, GRAPHICS
from PIL import Image, ImageDraw

from rl_trainer_ros.bringup.setting_texts import from_words
from rl_trainer_ros.environments.make_env import make_environment
from rl_trainer_ros.evaluation.policy_runner import PolicyRunner
from rl_trainer_ros.recording.policy_streams import PolicyStreams
from rl_trainer_ros.training import trained_policy
from robot_interface_ros.config import option
from robot_interface_ros.files.description import share_directory
from robot_interface_ros.robot import Array, layer_with
from robot_interface_ros.robot_config import load_robot
from robot_page_ros.page import Page
from robot_page_ros.page_config import PageConfig
from robot_page_ros.view import RobotView

FPS = 10.0
ARROW_M = 0.1  # from the target to a place on its handle's arrows
_LOOK_FROM, _LOOK_AT = (0.95, -1.25, 1.6), (0.05, -0.15, 1.12)


@dataclass(frozen=True)
class Options:
    """Settings of the film."""

    folder: str = option("docs/pictures", "where the pictures are written", path=True)
    port: int = option(8390, "port of the page", minimum=1, maximum=65535)
    width: int = option(720, "width of the film, pixels", minimum=320, maximum=2000)
    height: int = option(440, "height of the film, pixels", minimum=200, maximum=2000)
    colours: int = option(48, "colours of the film", minimum=8, maximum=256)


class PolicyRobot:
    """A simulated robot that the shipped policy moves, one step for each call of `step`, as the page knows robots."""

    takes_target = True

    def __init__(self) -> None:
        found = trained_policy.load(str(share_directory() / "config" / "policies" / "reach"), "final", "runs")
        task = {**found.config.settings("task"), "end_at_success": False}
        self._environment = make_environment(found.config.environment(task_settings=task, random_start=0))
        self._act = PolicyRunner(found.policy.algorithm, found.policy.normalisation.apply)
        self._numbers = PolicyStreams(found.policy.algorithm.policy, self._environment, self._act)
        self._seen, _ = self._environment.reset(seed=3)
        robot = load_robot(found.config.robot)
        self.urdf, self.end_effector = robot.urdf, robot.config.end_effector
        self._zeros = dict.fromkeys(robot.model.joint_names, 0.0)
        self.period_s = 1.0 / found.config.control_hz
        self.view = RobotView(state="tracking", said="tracking", motion_enabled=True)
        self.step()

    def step(self) -> None:
        """Let the policy act once."""
        action = self._act(self._seen, self._environment)
        streams = self._numbers.after(action, self._seen)
        self._seen, *_ = self._environment.step(action)
        observation, view = self._environment.step_state.observation, self.view
        names = self._environment.robot.joint_names
        view.position = {**self._zeros, **dict(zip(names, observation.position.tolist()))}
        view.target = dict(zip(names, observation.joint_target.tolist()))
        view.target_position = np.asarray(observation.target_position)
        view.policy = {name: dict(values) for name, values in streams.items()}

    def request_target(self, position: Array) -> None:
        """Put the target elsewhere."""
        layer_with(self._environment.robot, "place_target").place_target(position)

    def take(self) -> None:
        """Nothing arrives."""

    def enable(self, motion: bool, answered: Callable[[bool, str], None]) -> None:
        """Not in the film."""

    def reset(self, answered: Callable[[bool, str], None]) -> None:
        """Not in the film."""

    def command(self, goals: Mapping[str, float]) -> str:
        """Not in the film."""
        return ""

    def let_go(self) -> None:
        """Not in the film."""

    def close(self) -> None:
        """The film keeps it."""


class Silent:
    """No trainer, and nothing to stop."""

    said, newest, curves = "", {}, {}  # type: ignore[var-annotated]

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: None


class Film:
    """Pictures of the browser, one for every 1/FPS s of the robot's time."""

    def __init__(self, page: Page, robot: PolicyRobot, tab: Any):
        self.page, self._robot, self._tab = page, robot, tab
        self.pictures: list[Image.Image] = []
        self.mouse: tuple[float, float] | None = None

    def settle(self) -> None:
        """Let page and browser show what is."""
        for _ in range(3):
            self._robot.view.arrived["joint_states"] = time.monotonic()
            self.page._panel_at = 0.0
            self.page.turn()
            self._tab.wait_for_timeout(120)
        self._tab.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def go_on(self, seconds: float, drag: Callable[[float], Array] | None = None) -> None:
        """Film for a while; `drag(share)`: where the mouse holds the arrow, `(3,)` m."""
        frames = round(seconds * FPS)
        for i in range(frames):
            if drag is not None:
                self.mouse = self.pixel(drag((i + 1) / frames))
                self._tab.mouse.move(*self.mouse)
            self.settle()
            for _ in range(round(1.0 / FPS / self._robot.period_s)):
                self._robot.step()
            self.settle()
            self.pictures.append(self._picture())

    def pixel(self, point: Array) -> tuple[float, float]:
        """Where the browser shows a point of the scene."""
        (client,) = self.page.server.get_clients().values()
        box = self._tab.locator("canvas").first.bounding_box()
        w, x, y, z = client.camera.wxyz
        turn = np.array(
            [
                [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
                [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
                [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
            ]
        )
        right, down, forward = turn.T @ (np.asarray(point) - client.camera.position)
        focal = box["height"] / 2 / np.tan(client.camera.fov / 2)
        return (
            float(box["x"] + box["width"] / 2 + focal * right / forward),
            float(box["y"] + box["height"] / 2 + focal * down / forward),
        )

    def _picture(self) -> Image.Image:
        """A screenshot, with the mouse, which a screenshot lacks."""
        picture = Image.open(io.BytesIO(self._tab.screenshot())).convert("RGB")
        if self.mouse is not None:
            x, y = self.mouse
            arrow = [(0, 0), (0, 16), (4, 12), (7, 18), (9, 17), (6, 11), (11, 11)]
            ImageDraw.Draw(picture).polygon([(x + a, y + b) for a, b in arrow], fill="black", outline="white")
        return picture


def main(words: list[str]) -> int:
    """Entry point."""
    from playwright.sync_api import sync_playwright

    options = from_words(Options, words, "page_film")
    robot = PolicyRobot()

    def connect(namespace: str, description: Callable[[str], None]) -> PolicyRobot:
        description(robot.urdf)
        return robot

    page = Page(PageConfig(port=options.port, end_effector=robot.end_effector), connect, Silent, Silent())  # type: ignore[arg-type]
    page.server.initial_camera.position, page.server.initial_camera.look_at = _LOOK_FROM, _LOOK_AT
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=list(GRAPHICS))
        tab = chromium.new_page(viewport={"width": 1200, "height": 760})
        tab.set_default_timeout(240_000)
        tab.goto(page.address)
        tab.get_by_role("button", name="EMERGENCY STOP").wait_for()
        tab.add_style_tag(
            content=".mantine-Notifications-root { display: none }"
        )  # Chromium's drawing in software is said there
        film = Film(page, robot, tab)
        while page._scene is None or not page._scene._handle.visible:
            film.settle()
        film.go_on(1.0)
        tab.get_by_role("tab", name="Move").click()
        for _ in range(5):
            film.settle()
        tab.screenshot(path=str(Path(options.folder) / "page.png"))
        tab.set_viewport_size({"width": options.width, "height": options.height})
        tab.get_by_role("tab", name="Policy").click()
        for _ in range(5):
            film.settle()
        film.pictures.clear()
        film.go_on(0.6)
        for way in (np.array([0.0, 0.0, 0.16]), np.array([-0.14, 0.0, 0.0]), np.array([0.0, 0.0, -0.12])):
            axis = way / np.linalg.norm(way) * (1.0 if way[2] >= 0.0 and way[0] >= 0.0 else -1.0)
            held = np.asarray(robot.view.target_position) + ARROW_M * axis
            film.mouse = film.pixel(held)
            tab.mouse.move(*film.mouse)
            film.settle()
            tab.mouse.down()
            film.go_on(1.5, lambda share, held=held, way=way: held + share * way)  # type: ignore[misc]
            tab.mouse.up()
            film.go_on(0.8)
        chromium.close()
    page.close()
    save(film.pictures, Path(options.folder) / "page_drag.gif", options.colours)
    return 0


def save(pictures: list[Image.Image], path: Path, colours: int) -> None:
    """Write a GIF with one palette; only what differs from one picture to the next takes space."""
    palette = pictures[len(pictures) // 2].quantize(colours)
    few = [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures]
    few[0].save(path, save_all=True, append_images=few[1:], duration=round(1000 / FPS), loop=0, optimize=True)
    print(f"{path}: {len(few)} pictures, {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
