"""The page's logic with a robot that only remembers what it was asked, and no browser."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("viser")

from helpers.page_stubs import INMOOV, StubRobot, StubStops, StubTrainer

from robot_interface_ros.urdf.kinematics import compose
from robot_page_ros.curves import curve
from robot_page_ros.drawing.visuals import visuals_of
from robot_page_ros.lease import IDLE_S, Lease
from robot_page_ros.page import COMMAND_S, Page
from robot_page_ros.page_config import PageConfig
from robot_page_ros.panel import Action
from robot_page_ros.view import RobotView, ages

FIRST, SECOND = 7, 8
JOINT = "r_elbow_flex_joint"


class Bench:
    """A page, its robot, and what its viewers were told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.trainer, self.told, self.clients = StubTrainer(), [], {FIRST: object(), SECOND: object()}
        self.told: list[Any]

        def connect(namespace: str, describe: Callable[[str], None]) -> StubRobot:
            self.robot = StubRobot(describe)
            return self.robot

        config = PageConfig(namespaces=("/env_0",), port=18180, end_effector=INMOOV.config.end_effector)
        stops = StubStops(lambda said: self.robot.asked.append(said))
        self.page = Page(config, connect, lambda: self.trainer, stops)  # type: ignore[arg-type, return-value]
        monkeypatch.setattr(self.page.server, "get_clients", lambda: self.clients)
        monkeypatch.setattr(self.page._panel, "notify", lambda page, text: self.told.append((page, text)))
        self.page.turn()
        self.robot.asked.clear()

    def do(self, name: str, page: int | None = FIRST, value: Any = None) -> list[Any]:
        """Act, let the page have its turn, and return what the robot was asked."""
        self.robot.asked.clear()
        self.robot.view.arrived["joint_states"] = time.monotonic()  # however slow the machine is
        self.page._act(Action(name, page, value))
        self.page.turn()
        return [asked for asked in self.robot.asked if asked != "let go"]


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    bench = Bench(monkeypatch)
    yield bench
    bench.page.close()


def test_a_slider_commands_its_joint_until_it_has_arrived(bench: Bench) -> None:
    assert bench.do("joint", value=(JOINT, 0.5)) == [{JOINT: 0.5}]
    bench.page.turn()
    assert bench.robot.asked[-1] == {JOINT: 0.5}
    bench.robot.view.target = {**bench.robot.view.target, JOINT: 0.5}
    bench.page.turn()
    assert bench.robot.asked[-1] == "let go"


def test_a_slider_that_the_page_moves_commands_nothing(bench: Bench) -> None:
    slider = bench.page._panel.sliders[JOINT]
    bench.robot.asked.clear()
    slider.value = -0.5
    bench.page.turn()
    assert bench.robot.asked == ["let go"]
    (heard,) = slider._impl.update_cb
    asyncio.run(heard(SimpleNamespace(client_id=FIRST, target=SimpleNamespace(value=-0.6))))  # a person
    bench.robot.view.arrived["joint_states"] = time.monotonic()
    bench.page.turn()
    assert {JOINT: -0.6} in bench.robot.asked


def test_commands_end_a_while_after_the_last_action(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.do("joint", value=(JOINT, 0.5))
    later = time.monotonic() + COMMAND_S + 0.1
    monkeypatch.setattr(time, "monotonic", lambda: later)
    bench.robot.asked.clear()
    bench.page.turn()
    assert bench.robot.asked == ["let go"]


def test_commands_end_when_the_operator_leaves(bench: Bench) -> None:
    bench.do("joint", value=(JOINT, 0.5))
    assert bench.do("left", FIRST) == []
    assert bench.do("joint", SECOND, (JOINT, 0.2)) == [{JOINT: 0.2}]


def test_one_page_operates_and_every_page_may_stop(bench: Bench) -> None:
    bench.do("joint", FIRST, (JOINT, 0.5))
    for action in ("joint", "target", "reset", "jog"):
        assert {JOINT: 0.1} not in bench.do(action, SECOND, (JOINT, 0.1))
    assert [page for page, _ in bench.told] == [SECOND] * 4
    assert f"page {FIRST} has the controls" in bench.told[0][1]
    assert bench.do("stop", SECOND)[0] == "stop"
    bench.page.turn()
    assert {JOINT: 0.5} not in bench.robot.asked[1:]


def test_a_stop_does_not_wait_for_the_thread_that_draws(bench: Bench) -> None:
    bench.robot.asked.clear()
    bench.page._act(Action("stop", None))
    assert bench.robot.asked == ["stop"]


def test_a_stop_is_repeated_until_the_robot_says_that_it_is_stopped(bench: Bench) -> None:
    bench.do("stop", None)
    bench.robot.asked.clear()
    bench.page.turn()
    assert "stop" in bench.robot.asked
    bench.robot.view.motion_enabled = False
    bench.robot.asked.clear()
    bench.page.turn()
    assert "stop" not in bench.robot.asked
    assert bench.do("joint", value=(JOINT, 0.5)) == []
    assert "press Allow motion" in bench.told[-1][1]
    assert bench.do("enable") == ["forget /env_0", ("enable", True)]


def test_in_lockstep_nothing_moves_the_robot(bench: Bench) -> None:
    bench.robot.view.state = ""
    for action in ("joint", "jog", "reset", "target"):
        assert bench.do(action, value=(JOINT, 0.5)) == []
        assert "lockstep" in bench.told[-1][1]
    bench.page._panel_at = 0.0  # the panel is shown anew a few times a second
    bench.page.turn()
    assert all(slider.disabled for slider in bench.page._panel.sliders.values())
    assert bench.do("stop")[0] == "stop"


def test_jog_moves_the_hand_by_one_step_and_refuses_what_is_out_of_reach(bench: Bench) -> None:
    panel, scene, link = bench.page._panel, bench.page._scene, INMOOV.config.end_effector
    assert scene is not None
    assert panel.link.value == link
    before = scene.tip(bench.robot.view.position, link)
    goals = bench.do("jog", value="z+")[0]
    after = scene.tip({**bench.robot.view.position, **goals}, link)
    np.testing.assert_allclose(after - before, [0.0, 0.0, panel.step_mm.value / 1000.0], atol=5e-4)
    bench.do("stop")
    bench.robot.view.motion_enabled = True
    panel.step_mm.value = 50
    for _ in range(60):
        goals = [asked for asked in bench.do("jog", value="y-") if isinstance(asked, dict)]
        if not goals:
            break
        bench.robot.view.target = {**bench.robot.view.target, **goals[0]}
    assert "out of reach" in bench.told[-1][1]


def test_the_target_is_dragged(bench: Bench) -> None:
    assert bench.do("target", value=np.array([0.3, -0.2, 1.3])) == [("target", (0.3, -0.2, 1.3))]


def test_what_another_client_forbids_is_said_where_it_was_asked(bench: Bench) -> None:
    bench.robot.refuses = "/trainer_robots commands this robot; end it first"
    bench.do("joint", value=(JOINT, 0.5))
    assert bench.told[-1] == (FIRST, bench.robot.refuses)
    bench.robot.asked.clear()
    bench.page.turn()
    assert bench.robot.asked == ["let go"]


def test_the_trainer_is_paused_saved_and_stopped(bench: Bench) -> None:
    for action in ("pause", "resume", "save", "stop_training"):
        bench.do(action)
    assert bench.trainer.called == [("pause", True), ("pause", False), ("save", False), ("stop", False)]


def test_the_curves_of_a_training_are_drawn_to_scale(bench: Bench) -> None:
    values = [0.0, 2.0, float("nan"), 1.0]
    bench.trainer.curves = {"episode_return": ([0.0, 100.0, 150.0, 200.0], values), "success_rate": ([0.0], [0.5])}
    bench.page._panel_at = bench.page._curves_at = 0.0
    bench.page.turn()
    content = bench.page._panel._curves.content
    assert "points='0.0,70.0 150.0,0.0 300.0,35.0'" in content
    assert "0 to 2" in content
    assert "0 to 200 steps" in content
    assert "success" not in content  # one point is no curve
    bench.trainer.curves["episode_return"] = (list(range(0, 1001, 100)), [float(x * x) for x in range(11)])
    bench.page._panel._part.value = "last quarter"
    bench.page._curves_at = 0.0
    bench.page.turn()
    content = bench.page._panel._curves.content
    assert "800 to 1,000 steps" in content and "64 to 100" in content  # scaled to what is shown
    assert "900 to 1,000 steps" in curve("two points", "red", [0, 900, 1000], [1.0, 2.0, 3.0], 0.01)
    many = curve("long", "red", list(range(10_000)), [1.0] * 10_000)
    assert many.count(",") < 310


def test_without_a_viewer_the_robot_is_left(bench: Bench) -> None:
    bench.do("joint", value=(JOINT, 0.5))
    bench.robot.asked.clear()
    bench.clients.clear()
    bench.page.turn()
    assert bench.robot.asked == ["let go", "closed"]


def test_a_description_that_cannot_be_read_is_said_and_the_page_goes_on(bench: Bench) -> None:
    bench.page._on_description("<robot name='x'><link name='a'/><link name='b'/></robot>")
    bench.page.turn()
    assert bench.page._scene is None
    bench.page._on_description(INMOOV.urdf)
    bench.page.turn()
    assert bench.page._scene is not None


def test_every_link_is_drawn_where_forward_kinematics_has_it(bench: Bench) -> None:
    scene = bench.page._scene
    assert scene is not None
    generator = np.random.default_rng(0)
    model = INMOOV.model
    limits = model.limits()
    q = generator.uniform(np.maximum(limits.lower, -3.0), np.minimum(limits.upper, 3.0))
    bench.robot.view.position = dict(zip(model.joint_names, q.tolist()))
    bench.page.turn()
    poses = model.link_poses(q)
    for link, path in scene.robot.paths.items():
        placed = (tuple(np.eye(3).ravel()), (0.0, 0.0, 0.0))
        parts = path.split("/")
        for i in range(3, len(parts) + 1):  # every frame on the way from the root
            handle = scene._scene.get_handle_by_name("/".join(parts[:i]))
            assert handle is not None
            w, x, y, z = handle.wxyz
            turn = (
                *(1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)),
                *(2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)),
                *(2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)),
            )
            placed = compose(placed, (turn, tuple(handle.position)))  # type: ignore[arg-type]
        np.testing.assert_allclose(placed[1], poses[link][0], atol=1e-6, err_msg=link)
        np.testing.assert_allclose(np.reshape(placed[0], (3, 3)), poses[link][1], atol=1e-6, err_msg=link)


def test_primitives_are_drawn_with_their_size_place_and_colour() -> None:
    shapes = "".join(
        f"<visual><origin xyz='1 2 3' rpy='0 0 1.5707963'/><geometry>{shape}</geometry>"
        "<material name='m'><color rgba='1 0.5 0 1'/></material></visual>"
        for shape in (
            "<box size='2 4 6'/>",
            "<sphere radius='2'/>",
            "<cylinder radius='1' length='4'/>",
            "<capsule radius='1' length='2'/>",
        )
    )
    drawn, faults = visuals_of(f"<robot name='r'><link name='a'>{shapes}</link></robot>")
    assert faults == []
    sizes = {"box": (4, 2, 6), "sphere": (4, 4, 4), "cylinder": (2, 2, 4), "capsule": (2, 2, 4)}
    volumes = {"box": 48.0, "sphere": 4 / 3 * np.pi * 8, "cylinder": np.pi * 4, "capsule": np.pi * 2 + 4 / 3 * np.pi}
    for visual, name in zip(drawn, sizes, strict=True):
        assert visual.colour == (255, 128, 0)
        low, high = visual.vertices.min(axis=0), visual.vertices.max(axis=0)
        np.testing.assert_allclose(high - low, sizes[name], rtol=0.05)
        np.testing.assert_allclose((high + low) / 2, (1, 2, 3), atol=1e-5)
        corners = visual.vertices[visual.faces] - (1, 2, 3)
        volume = np.einsum("ij,ij->i", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])).sum() / 6
        assert volume == pytest.approx(volumes[name], rel=0.06)  # positive: every triangle looks outward


def test_a_mesh_that_is_not_there_is_named_and_the_rest_is_drawn() -> None:
    urdf = (
        "<robot name='r'><link name='a'><visual><geometry><mesh filename='file:///no/such.stl'/></geometry></visual>"
        "<visual><geometry><box size='1 1 1'/></geometry></visual></link></robot>"
    )
    drawn, faults = visuals_of(urdf)
    assert len(drawn) == 1
    assert len(faults) == 1
    assert faults[0].startswith("link a: ")


def test_the_lease_ends_with_its_page_and_when_it_is_idle() -> None:
    now = [0.0]
    lease = Lease(lambda: now[0])
    assert lease.take(1)
    assert not lease.take(2)
    now[0] = IDLE_S - 0.1
    assert lease.take(1)
    now[0] += IDLE_S - 0.1
    assert not lease.take(2)
    now[0] += 0.2
    assert lease.take(2)
    assert lease.leave(2)
    assert not lease.leave(2)
    assert lease.holder is None


def test_a_stream_without_messages_for_a_second_is_stale() -> None:
    view = RobotView(arrived={"camera external": 9.9, "joint_states": 5.0})
    assert ages(view, 10.0) == [("joint_states", 5.0, True), ("camera external", pytest.approx(0.1), False)]
