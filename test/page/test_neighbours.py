"""Several robots side by side on one page; no browser, no ROS."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("viser")
from helpers.page_stubs import INMOOV, StubRobot, StubStops, StubTrainer

from robot_page_ros.drawing import neighbours
from robot_page_ros.drawing.neighbours import MOST, places, stepped_back
from robot_page_ros.page import Page
from robot_page_ros.page_config import PageConfig
from robot_page_ros.panel import Action

NAMES = tuple(f"/env_{i}" for i in range(16))
ELBOW = "r_elbow_flex_joint"


class Bench:
    """A page of several robots, and those that it watches now."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...]) -> None:
        self.watched: dict[str, StubRobot] = {}
        self.urdfs = dict.fromkeys(names, INMOOV.urdf)
        monkeypatch.setattr(neighbours, "_PERIOD_S", 0.0)

        def watch(namespace: str, describe: Callable[[str], None]) -> Any:
            robot = self.watched[namespace] = StubRobot(lambda urdf: describe(self.urdfs[namespace]))
            monkeypatch.setattr(robot, "close", lambda: self.watched.pop(namespace))
            return robot

        def connect(namespace: str, describe: Callable[[str], None]) -> Any:
            return StubRobot(describe)

        config = PageConfig(namespaces=names, port=18190, end_effector=INMOOV.config.end_effector)
        self.page = Page(config, connect, StubTrainer, StubStops(lambda said: None), watch)  # type: ignore[arg-type]
        self.clients: dict[int, Any] = {0: SimpleNamespace(camera=SimpleNamespace(update_timestamp=0.0))}
        monkeypatch.setattr(self.page.server, "get_clients", lambda: self.clients)
        self.page.turn()

    def side_by_side(self, shown: bool) -> None:
        beside: Any = self.page._panel._beside
        beside.value = shown
        for _ in self.urdfs:  # a turn loads one robot
            self.page.turn()

    def at(self, path: str) -> Any:
        return self.page.server.scene.get_handle_by_name(path)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Bench]:
    bench = Bench(monkeypatch, request.param)
    yield bench
    bench.page.close()


@pytest.mark.parametrize("bench", [NAMES], indirect=True, ids=["sixteen"])
def test_some_of_sixteen_robots_stand_apart_with_their_names(bench: Bench) -> None:
    assert bench.watched == {}
    bench.urdfs["/env_3"] = "<robot name='x'><link name='a'/><link name='b'/></robot>"  # has two roots
    bench.side_by_side(True)
    assert list(bench.watched) == list(NAMES[1 : MOST + 1])
    drawn = {i: bench.at(f"/beside/{i}") for i in range(1, MOST + 1) if bench.at(f"/beside/{i}/name") is not None}
    assert sorted(drawn) == [1, 2, 4, 5, 6, 7]
    assert [bench.at(f"/beside/{i}/name").text for i in drawn] == [NAMES[i] for i in drawn]
    feet = [np.zeros(3), *(handle.position for handle in drawn.values())]
    assert min(np.linalg.norm(a - b) for a, b in combinations(feet, 2)) > 0.9  # InMoov is broader than 0.6 m
    assert bench.at("/beside/chosen").text == "/env_0"

    scene = bench.page._scene
    assert scene is not None
    joints = {link: INMOOV.model.parent_joint(link) for link in INMOOV.model.links}
    path = scene.robot.paths[next(link for link, joint in joints.items() if joint is not None and joint.name == ELBOW)]
    own = path.replace(f"/{INMOOV.model.root}", "/beside/2", 1)
    before = bench.at(own).wxyz.copy()
    moved = bench.watched["/env_2"].view
    moved.position = {**moved.position, ELBOW: -1.2}
    moved.target_position = np.array([0.1, 0.2, 0.3])
    bench.page.turn()
    assert not np.allclose(bench.at(own).wxyz, before)
    np.testing.assert_allclose(bench.at("/beside/2/target").position, [0.1, 0.2, 0.3])


@pytest.mark.parametrize("bench", [NAMES[:3]], indirect=True, ids=["three"])
def test_the_others_are_left_when_they_are_not_shown(bench: Bench) -> None:
    bench.side_by_side(True)
    bench.page._act(Action("robot", 0, "/env_2"))
    for _ in range(4):
        bench.page.turn()
    assert list(bench.watched) == ["/env_0", "/env_1"]
    assert bench.at("/beside/chosen").text == "/env_2"
    bench.side_by_side(False)
    assert bench.watched == {}
    assert bench.at("/beside/1/name") is None
    bench.side_by_side(True)
    bench.clients.clear()
    bench.page.turn()
    assert bench.watched == {}


def test_places_are_rows_of_four() -> None:
    np.testing.assert_allclose(places(6, 2.0)[1:], [[0, 2, 0], [0, -2, 0], [0, 4, 0], [-2, 0, 0], [-2, 2, 0]])


def test_the_camera_steps_back_once_so_that_it_sees_the_row(monkeypatch: pytest.MonkeyPatch) -> None:
    look_at, near, far = np.array([0.0, 0.0, 1.0]), np.array([1.0, 0.0, 1.0]), np.array([9.0, 0.0, 1.0])
    back = stepped_back(near, look_at, places(3, 2.0), 2.0)
    np.testing.assert_allclose(back, [4.8, 0.0, 1.0])
    np.testing.assert_allclose(stepped_back(far, look_at, places(3, 2.0), 2.0), far)
    bench = Bench(monkeypatch, NAMES[:2])
    camera, silent = (SimpleNamespace(position=near, look_at=look_at, update_timestamp=time) for time in (1.0, 0.0))
    bench.clients = {0: SimpleNamespace(camera=camera), 1: SimpleNamespace(camera=silent)}
    bench.side_by_side(True)
    assert camera.position[0] > 1.5 and silent.position is near
    camera.position = near  # somebody moves it
    bench.page.turn()
    assert camera.position is near
    bench.page.close()
