"""The live page with robots that this package does not know; no browser, no ROS."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("viser")
from helpers.page_stubs import StubRobot, StubStops, StubTrainer

from robot_page_ros.drawing.drawn_markers import DrawnMarkers
from robot_page_ros.image_formats import as_rgb
from robot_page_ros.page import Page
from robot_page_ros.page_config import PageConfig
from robot_page_ros.panel import Action
from robot_page_ros.view import LOST_S, Camera, DrawnMarker, RobotView

ARM = (
    "<robot name='arm'><link name='base'><visual><geometry><box size='.1 .1 .1'/></geometry></visual></link>"
    "<link name='upper'><visual><geometry><sphere radius='{radius}'/></geometry></visual></link><link name='fore'/>"
    "<joint name='lift' type='revolute'><parent link='base'/><child link='upper'/><axis xyz='0 1 0'/>"
    "<limit lower='-1' upper='1' velocity='1' effort='1'/></joint>"
    "<joint name='wheel' type='continuous'><parent link='upper'/><child link='fore'/><axis xyz='0 0 1'/></joint></robot>"
)


class Stranger:
    """A page whose only robot publishes nothing but what a test sets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def connect(namespace: str, describe: Callable[[str], None]) -> Any:
            self.robot, self.describe = StubRobot(lambda urdf: None), describe
            self.robot.view = RobotView()
            self.robot.takes_target = False
            return self.robot

        config = PageConfig(port=18195, end_effector="r_palm")  # a link of another robot
        self.page = Page(config, connect, StubTrainer, StubStops(lambda said: None))  # type: ignore[arg-type]
        self.told: list[str] = []
        monkeypatch.setattr(self.page.server, "get_clients", lambda: {0: SimpleNamespace()})
        monkeypatch.setattr(self.page._panel, "notify", lambda page, text: self.told.append(text))
        self.page.turn()

    def turn(self, arrived: bool = True) -> RobotView:
        view = self.robot.view
        if arrived and view.position:
            view.arrived["joint_states"] = time.monotonic()
        self.page._panel_at = 0.0
        self.page.turn()
        return view

    @property
    def status(self) -> str:
        return str(self.page._panel._status.content)


@pytest.fixture
def stranger(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stranger]:
    stranger = Stranger(monkeypatch)
    yield stranger
    stranger.page.close()


def test_a_robot_without_description_target_and_images_is_said_and_then_drawn(stranger: Stranger) -> None:
    assert "waits for" in stranger.status
    view = stranger.robot.view
    view.position, view.state, view.motion_enabled = {"lift": 0.3}, "holding", True
    stranger.turn()
    assert "no robot_description that can be read has come" in stranger.status
    stranger.page._act(Action("joint", 0, ("lift", 0.5)))
    stranger.turn()
    assert {"lift": 0.5} not in stranger.robot.asked

    stranger.describe(ARM.format(radius="0.05"))
    stranger.turn()
    assert "robot_description" not in stranger.status
    assert list(stranger.page._panel.sliders) == ["lift"]
    assert "joint_states lacks them: joint wheel" in stranger.page._panel._answer.content
    assert stranger.page._panel.link.value in ("upper", "fore")
    view.force = np.array([1.0, 0.0, 0.0])  # no end effector to draw it at
    stranger.turn()
    stranger.page._act(Action("joint", 0, ("lift", 0.5)))
    stranger.turn()
    assert stranger.robot.asked[-1] == {"lift": 0.5}


def test_joints_that_come_later_get_sliders_and_pictures_stay(stranger: Stranger) -> None:
    view = stranger.robot.view
    view.position = {"lift": 0.3}
    view.cameras["eye"] = Camera(np.zeros((4, 4, 3), np.uint8))
    view.arrived["camera eye"] = time.monotonic()
    stranger.describe(ARM.format(radius="0.05"))
    stranger.turn()
    view.position = {"lift": 0.3, "wheel": 2.0}
    stranger.turn()
    assert list(stranger.page._panel.sliders) == ["lift", "wheel"]
    picture = stranger.page._panel.pictures._pictures["eye"]
    stranger.turn()
    assert stranger.page._panel.pictures._pictures["eye"] is picture


def test_a_robot_that_is_gone_is_not_moved_and_comes_back_as_another(stranger: Stranger) -> None:
    view = stranger.robot.view
    view.position, view.state, view.motion_enabled = {"lift": 0.3, "wheel": 0.0}, "holding", True
    stranger.describe(ARM.format(radius="0.05"))
    stranger.turn()
    assert not stranger.page._panel.sliders["lift"].disabled
    view.arrived["joint_states"] = time.monotonic() - LOST_S - 1.0
    stranger.turn(arrived=False)
    assert "is gone" in stranger.status
    assert stranger.page._panel.sliders["lift"].disabled
    stranger.page._act(Action("joint", 0, ("lift", 0.5)))
    stranger.turn(arrived=False)
    assert "is gone" in stranger.told[-1]
    assert {"lift": 0.5} not in stranger.robot.asked

    before = stranger.page._scene
    stranger.describe(ARM.format(radius="0.09"))
    view.position = {"lift": 0.1, "wheel": 0.0}
    stranger.turn()
    assert stranger.page._scene is not before
    assert not stranger.page._panel.sliders["lift"].disabled


def test_a_shape_with_a_bad_size_is_named_and_the_rest_is_drawn(stranger: Stranger) -> None:
    stranger.robot.view.position = {"lift": 0.3, "wheel": 0.0}
    stranger.describe(ARM.format(radius="nan"))
    stranger.turn()
    assert stranger.page._scene is not None
    assert "link upper" in stranger.page._panel._answer.content


def test_markers_change_in_place_and_only_what_can_be_drawn_is_drawn(stranger: Stranger) -> None:
    scene = stranger.page.server.scene
    drawn = DrawnMarkers(scene, "/test")
    colour = (1.0, 0.0, 0.0, 1.0)
    line = DrawnMarker("line_strip", np.arange(6.0).reshape(2, 3), 0.01, colour)
    drawn.show({"a/b c": line})
    handle = scene.get_handle_by_name("/test/1")
    drawn.show({"a/b c": DrawnMarker("line_strip", np.arange(12.0).reshape(4, 3), 0.01, colour, np.ones((4, 4)))})
    assert scene.get_handle_by_name("/test/1") is handle
    assert handle.points.shape == handle.colors.shape == (3, 2, 3)  # type: ignore[union-attr]
    nan = np.full((2, 3), np.nan)
    for bad in (
        DrawnMarker("line_strip", nan, 0.01, colour),
        DrawnMarker("line_strip", line.points, 0.0, colour),
        DrawnMarker("sphere", line.points, 0.1, (float("nan"), 0.0, 0.0, 1.0)),
        DrawnMarker("points", np.zeros((10**5, 3)), 0.1, colour),
        DrawnMarker("arrow", line.points, 0.1, colour),
    ):
        drawn.show({"a/b c": line, "bad": bad})
        assert list(drawn._drawn) == ["a/b c"]
    drawn.show({})
    assert scene.get_handle_by_name("/test/1") is None


@pytest.mark.parametrize(
    ("encoding", "pixel", "wanted"),
    [
        ("rgb8", [1, 2, 3], [1, 2, 3]),
        ("bgr8", [3, 2, 1], [1, 2, 3]),
        ("rgba8", [1, 2, 3, 9], [1, 2, 3]),
        ("bgra8", [3, 2, 1, 9], [1, 2, 3]),
        ("mono8", [7], [7, 7, 7]),
    ],
)
def test_images_of_the_usual_encodings_are_shown(encoding: str, pixel: list[int], wanted: list[int]) -> None:
    row = bytes(pixel) * 4
    image = as_rgb((row + b"pad") * 2, encoding, 2, 4, len(row) + 3)
    assert image is not None
    assert image.shape == (2, 4, 3)
    assert (image == wanted).all()
    assert as_rgb(row, encoding, 2, 4) is None  # too short
    assert as_rgb(row, "16UC1", 1, 4) is None
