"""A recorded bag on the page: the right values at each moment, playing, jumping, and bags from strangers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("viser")

from helpers import recordings

from rl_trainer_ros.cli.commands.on_page.replay import COMMAND
from robot_interface_ros.bags import decoded, layout
from robot_interface_ros.bags.bag_writer import BagWriter
from robot_interface_ros.bags.errors import BagError
from robot_interface_ros.config import ConfigError
from robot_interface_ros.robot_config import load_robot
from robot_page_ros.markup import episode_strip, policy_tables
from robot_page_ros.page_config import PageConfig
from robot_page_ros.replay.playback import Playback, neighbour
from robot_page_ros.replay.recording import RecordedRobot, load
from robot_page_ros.replay.replay_page import ReplayPage

INMOOV = load_robot("inmoov")
EPISODES, STEPS = 3, recordings.STEPS


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recordings.simulated(tmp_path_factory.mktemp("bags") / "bag", cameras=("external",))


@pytest.fixture(scope="module")
def robot(bag: Path) -> RecordedRobot:
    return load(bag)["/env_0"]


def silent(line: str) -> None:
    pass


def test_each_moment_has_the_newest_message_of_each_topic(bag: Path, robot: RecordedRobot) -> None:
    assert len(robot.frames) == EPISODES * (STEPS + 1)
    moment = robot.frames[STEPS + 4]
    newest: dict[str, Any] = {}
    for message in sorted(recordings.messages_of(bag), key=lambda one: one.time):
        name = message.topic.removeprefix("/env_0/")
        if message.time > moment:
            break
        if name in ("joint_states", "action", "action_probabilities", "reward"):
            newest[name] = decoded.values_by_name(decoded.joints(message.data))
        elif name in ("target_pose", "camera/external/image_raw"):
            newest[name] = (decoded.position if name == "target_pose" else decoded.image)(message.data)[1]
    view = robot.view(moment)
    assert view.position == newest["joint_states"]
    assert view.policy == {name: newest[name] for name in ("action", "action_probabilities", "reward")}
    np.testing.assert_array_equal(view.target_position, newest["target_pose"])
    np.testing.assert_array_equal(view.cameras["external"].image, newest["camera/external/image_raw"])
    assert view.policy["reward"]["distance"] > 0.0
    assert view.force is not None


def test_the_episodes_are_those_of_the_marks(robot: RecordedRobot) -> None:
    assert len(robot.episodes) == EPISODES
    assert robot.end_effector == INMOOV.config.end_effector
    for number, episode in enumerate(robot.episodes):
        assert episode.text.startswith(f"{number}, {'success' if episode.success else 'no success'}, return ")
        assert episode.text.endswith(f", {0.05 * STEPS:.1f} s")
        assert (robot.episode_at(episode.begin), robot.episode_at(episode.end)) == (number, number)
    assert robot.episode_at(robot.frames[0] - 1) == -1
    first = robot.view(robot.episodes[1].begin)
    assert "action" in first.policy
    assert "reward" not in first.policy  # that of the episode before is of another episode


def test_playing_follows_the_clock_and_pauses_at_the_end() -> None:
    playback = Playback(10.0)
    assert playback.turn(100.0) == 0.0
    playback.play(True)
    assert playback.turn(100.0) == 0.0
    assert playback.turn(101.0) == pytest.approx(1.0)
    playback.speed = 4.0
    assert playback.turn(101.5) == pytest.approx(3.0)
    playback.seek(5.0, 102.0)
    assert playback.turn(102.1) == 5.0  # held while it is dragged
    assert playback.turn(103.0) == 5.0
    assert playback.turn(103.5) == pytest.approx(7.0)
    assert playback.turn(110.0) == 10.0
    assert not playback.playing
    playback.play(True)
    assert playback.turn(111.0) == 0.0
    playback.seek(-3.0, 112.0)
    assert playback.at_s == 0.0
    playback.seek(1e9, 112.0)
    assert playback.at_s == 10.0


def test_neighbours_end_with_the_recording() -> None:
    assert [neighbour([1, 5, 9], 5, step) for step in (-1, 1, -7, 7)] == [1, 9, 1, 9]


@pytest.fixture
def page(robot: RecordedRobot, monkeypatch: pytest.MonkeyPatch) -> Iterator[ReplayPage]:
    page = ReplayPage(PageConfig(port=18480), "a bag", {"/env_0": robot, "again": robot})
    monkeypatch.setattr(page.server, "get_clients", lambda: {1: object()})
    page.turn()
    yield page
    page.close()


def shown(page: ReplayPage, name: str = "", value: Any = None) -> int:
    if name:
        page._act(name, value)
    page.turn()
    return page._shown


def test_buttons_go_to_observations_and_episodes(page: ReplayPage, robot: RecordedRobot) -> None:
    frames, begins = robot.frames, [episode.begin for episode in robot.episodes]
    assert shown(page) == frames[0]
    assert shown(page, "step", "next") == frames[1]
    assert shown(page, "step", "back") == frames[0]
    assert shown(page, "step", "back") == frames[0]
    assert shown(page, "move", "next") == begins[1]
    assert shown(page, "step", "next") == frames[STEPS + 2]
    assert shown(page, "move", "back") == begins[1]
    assert shown(page, "move", "back") == begins[0]
    assert shown(page, "episode", robot.episodes[2].text) == begins[2]
    assert shown(page, "move", "next") == begins[2]
    assert shown(page, "seek", 1e9) == frames[-1]
    assert shown(page, "robot", "again") == frames[0]
    page._act("play", None)
    page.turn()
    assert page._playback.playing
    page.server.get_clients = dict  # type: ignore[method-assign]
    page.turn()
    assert not page._playback.playing  # nobody looks


def test_the_robot_and_its_trail_are_where_forward_kinematics_has_them(page: ReplayPage, robot: RecordedRobot) -> None:
    stamp = shown(page, "seek", (robot.frames[STEPS - 2] - robot.frames[0]) / 1e9)
    assert stamp == robot.frames[STEPS - 2]
    chain = INMOOV.model.chain(INMOOV.config.end_effector)
    scene = page._scene
    assert scene is not None
    trail = page._trail(scene, stamp)
    assert trail is not None
    tips = [
        chain.position([robot.positions(frame)[name] for name in chain.joint_names])
        for frame in robot.frames[: STEPS - 1]
    ]
    np.testing.assert_allclose(trail.points, tips, atol=1e-9)
    assert np.linalg.norm(tips[-1] - tips[0]) > 0.01


def plain(folder: Path, bag: Path, leave_out: tuple[str, ...]) -> Path:
    """The bag again, without some topics."""
    writer = BagWriter(folder)
    kept = [message for message in recordings.messages_of(bag) if message.topic.rpartition("/")[2] not in leave_out]
    writer.add(layout.channel("/env_0", name.removeprefix("/env_0/")) for name in dict.fromkeys(m.topic for m in kept))
    writer.write_chunk(kept)
    writer.close()
    return folder


def test_a_plain_bag_without_marks_and_description_needs_the_robots_name(bag: Path, tmp_path: Path) -> None:
    own = (layout.EPISODE_MARK, layout.ACTION, layout.REWARD, layout.ACTION_PROBABILITIES, "robot_description")
    folder = plain(tmp_path / "plain", bag, (*own, "target_pose", "image_raw"))
    with pytest.raises(BagError, match=r"no robot_description of /env_0, .* robot:=inmoov"):
        load(folder, note=silent)
    robot = load(folder, INMOOV.urdf, INMOOV.config.end_effector, silent)["/env_0"]
    assert len(robot.episodes) == EPISODES
    view = robot.view(robot.frames[-1])
    assert (view.target_position, view.cameras, view.policy) == (None, {}, {})


def test_a_description_that_does_not_fit_is_said_on_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recordings.made_up(tmp_path / "bag")  # its robot_description is none
    robots = load(tmp_path / "bag")
    monkeypatch.setattr("viser.ViserServer.get_clients", lambda self: {1: object()})
    for urdf, said in (("", "cannot be drawn"), (INMOOV.urdf, "joint")):
        changed = {name: RecordedRobot(**{**vars(robot), "urdf": urdf or robot.urdf}) for name, robot in robots.items()}
        page = ReplayPage(PageConfig(port=18480), "made up", changed)
        try:
            page.turn()
            assert said in page._fault
            assert "made up" in page._panel._status.content
        finally:
            page.close()


def test_the_command_names_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for words, said in (
        ([], "name a bag"),
        (["a", "b"], "replay shows one bag"),
        ([f"bag:={tmp_path / 'none'}"], "no bag"),
        ([str(tmp_path / "empty")], "is no bag"),
        ([str(tmp_path), "host:=0.0.0.0"], "token:=auto"),
    ):
        with pytest.raises(ConfigError, match=said):
            COMMAND(words)


def test_numbers_of_a_policy_are_tables_and_nothing_in_them_is_html() -> None:
    discrete = policy_tables({"action": {"action": 1.0}, "action_probabilities": {"x-": 0.25, "<b>": 0.75}})
    assert "<b>&lt;b&gt;</b>" in discrete
    assert "width:75.0%" in discrete
    assert "0.250" in discrete
    continuous = policy_tables({"action_probabilities": {"mean_x": 0.5, "std_x": 0.25}, "value": {"value": 2.0}})
    assert "0.500" in continuous
    assert "± 0.250" in continuous
    assert "2.000" in continuous
    assert "No policy" in policy_tables({})
    strip = episode_strip([(0.0, 0.5, True), (0.5, 1.0, False)], 0.25)
    assert "x='0.0' width='500.0'" in strip
    assert "x='248.0'" in strip
