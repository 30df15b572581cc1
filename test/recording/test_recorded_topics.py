"""Recording over topics: the same bag as in process, of one robot and of several."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy")
from recordings import STEPS, messages_of, simulated
from rosbags.highlevel import AnyReader

from rl_trainer_ros.recording.bag_sink import BagSink
from rl_trainer_ros.recording.record import StopFlag, job_of
from rl_trainer_ros.recording.record_config import RecordConfig
from rl_trainer_ros.ros.topic_recording import record_over_topics
from robot_interface_ros.bags import decoded, layout
from robot_interface_ros.errors import RobotError

pytestmark = [pytest.mark.recording, pytest.mark.ros, pytest.mark.slow]
TASK = {"end_at_success": False, "max_episode_steps": STEPS}


def over_topics(folder: Path, **settings: Any) -> Path:
    config = RecordConfig(transport="topics", task_settings=TASK, **{"episodes": 3, **settings})
    sinks: list[BagSink] = []

    def open_sink() -> BagSink:
        sinks.append(BagSink(folder))
        return sinks[-1]

    try:
        record_over_topics(job_of(config), open_sink, StopFlag())
    finally:
        for sink in sinks:
            sink.close()
    return sinks[0].folder


def content(folder: Path) -> dict[str, list[Any]]:
    """Topic -> type and every message, decoded by rosbags; stamps counted from the first one."""
    found: dict[str, list[Any]] = {}
    with AnyReader([folder]) as reader:
        first = min(mark["stamp"] for mark in marks(folder))
        for connection, time, data in reader.messages():
            message: Any = reader.deserialize(data, connection.msgtype)
            if hasattr(message, "header"):
                stamp = message.header.stamp
                assert stamp.sec * 10**9 + stamp.nanosec == time
                message.header.stamp.sec = message.header.stamp.nanosec = 0
            text = repr(message) if "Image" not in connection.msgtype else bytes(message.data).hex()
            if connection.topic.endswith(layout.EPISODE_MARK):
                text = str({**layout.read_mark(message.data), "stamp": 0})
            latched = connection.topic.endswith(("robot_description", "motion_enabled"))
            found.setdefault(connection.topic, [connection.msgtype]).append((0 if latched else time - first, text))
    return found


def marks(folder: Path) -> list[dict[str, Any]]:
    return [layout.read_mark(decoded.text(m.data)) for m in messages_of(folder) if m.topic.endswith("/episode_mark")]


@pytest.mark.equality
def test_a_recording_over_topics_equals_one_in_process(simulator: Callable[..., Any], tmp_path: Path) -> None:
    simulator(cameras="[external,left_eye]", contact=True)
    cameras = ("external", "left_eye")
    topics = content(over_topics(tmp_path / "topics", cameras=cameras))
    in_process = content(simulated(tmp_path / "in_process", cameras=cameras))
    assert set(topics) == set(in_process) and len(topics) == 15
    for topic, messages in in_process.items():
        assert topics[topic] == messages, topic


def test_several_robots_are_recorded_at_the_same_time_into_one_bag(
    simulator: Callable[..., Any], tmp_path: Path
) -> None:
    simulator(cameras="[external]", namespaces="[/env_0,/env_1]")
    folder = over_topics(tmp_path / "bag", num_envs=2, episodes=4)
    found = [mark for mark in marks(folder) if mark["mark"] == "start"]
    assert {mark["namespace"] for mark in found} == {"/env_0", "/env_1"}
    assert sorted(mark["episode"] for mark in found) == [0, 1, 2, 3]
    for robot in ("env_0", "env_1"):
        images = [m for m in messages_of(folder) if m.topic == f"/{robot}/camera/external/image_raw"]
        assert len(images) == 2 * (STEPS + 1)
        assert all(np.ptp(decoded.image(message.data)[1]) > 0 for message in images)


def test_a_robot_without_the_camera_is_told_in_one_line(
    simulator: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rl_trainer_ros.ros import topic_tap

    monkeypatch.setattr(topic_tap.TopicTap.find, "__defaults__", (0.5,))
    simulator()
    with pytest.raises(RobotError, match=r"nobody publishes /env_0/camera/external/image_raw .*cameras:=\[external\]"):
        over_topics(tmp_path / "bag")
    assert not (tmp_path / "bag").exists()
