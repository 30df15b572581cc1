"""Small recordings for tests: of a simulated robot, or made up message by message."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from rl_trainer_ros.recording.bag_sink import BagSink
from rl_trainer_ros.recording.record import StopFlag, job_of, record_in_process
from rl_trainer_ros.recording.record_config import RecordConfig
from robot_interface_ros import topics
from robot_interface_ros.bags import layout
from robot_interface_ros.bags.bag_reader import find_bags
from robot_interface_ros.bags.bag_writer import BagWriter
from robot_interface_ros.bags.contract_messages import Images, JointStates, Poses, text_message
from robot_interface_ros.bags.layout import Recorded

STEPS = 8
PERIOD = 50_000_000
FIRST = 1_700_000_000_000_000_000


def simulated(folder: Path, **settings: Any) -> Path:
    """Record episodes of STEPS steps in process; returns the bag's folder."""
    task = {"end_at_success": False, "max_episode_steps": STEPS}
    config = RecordConfig(**{"episodes": 3, "task_settings": task, **settings})
    sink = BagSink(folder)
    try:
        record_in_process(job_of(config), sink, StopFlag())
    finally:
        sink.close()
    return sink.folder


def made_up(
    folder: Path,
    episodes: int = 2,
    steps: int = 3,
    size: tuple[int, int] = (12, 16),
    joints: tuple[str, ...] = ("a", "b"),
    first: int = FIRST,
) -> list[list[Recorded]]:
    """Messages of made-up episodes, a list each; written into `folder` too, a chunk each. Image k is all k."""
    namespace, image = "/env_0", np.zeros((*size, 3), np.uint8)
    states, images, poses = JointStates(joints, fields=3), Images("env_0/cam", image), Poses("env_0/base_link")
    commands, action, reward = JointStates(joints), JointStates(("x", "y"), "twist"), JointStates(layout.REWARD_NAMES)
    wanted = JointStates(("mean_x", "mean_y", "std_x", "std_y"), "twist")
    camera = topics.image_topic("external")
    named = {
        name: layout.channel(namespace, name)
        for name in (
            *(topics.JOINT_STATES, topics.JOINT_COMMAND, topics.TARGET_POSE, topics.ROBOT_DESCRIPTION, camera),
            *(layout.ACTION, layout.ACTION_PROBABILITIES, layout.REWARD, layout.EPISODE_MARK),
        )
    }
    writer = BagWriter(folder)
    writer.add(named.values())
    told: list[list[Recorded]] = []
    stamp, shown = first, 0
    for number in range(episodes):
        messages: list[Recorded] = []

        def put(name: str, data: bytes, at: int) -> None:
            messages.append(Recorded(named[name].topic, at, data))  # noqa: B023  used in this turn alone

        if number == 0:
            put(topics.ROBOT_DESCRIPTION, text_message("<robot/>"), stamp)
        start = layout.start_mark(
            number, stamp, seed=number, discrete_actions=0, robot="made up", policy="random", settings={}
        )
        put(layout.EPISODE_MARK, text_message(layout.mark_text(start)), stamp)
        for step in range(steps + 1):
            rows = (np.arange(len(joints)) + step, np.zeros(len(joints)), np.zeros(len(joints)))
            put(topics.JOINT_STATES, states.write(stamp, *map(np.float64, rows)), stamp)
            put(topics.TARGET_POSE, poses.write(stamp, np.full(3, float(number))), stamp)
            put(camera, images.write(stamp, np.full((*size, 3), shown % 256, np.uint8)), stamp)
            shown += 1
            if step < steps:
                put(topics.JOINT_COMMAND, commands.write(stamp, np.ones(len(joints))), stamp)
                put(layout.ACTION, action.write(stamp, np.array([step, -step], float)), stamp)
                put(layout.ACTION_PROBABILITIES, wanted.write(stamp, np.array([0.25, 0.5, 1.0, 1.0])), stamp)
                stamp += PERIOD
                last = step == steps - 1
                values = np.array([step + 10.0 * number, float(last), 0.0, float(last), 0.1])
                put(layout.REWARD, reward.write(stamp, values), stamp)
        end = layout.end_mark(
            number, stamp, steps=steps, terminated=True, truncated=False, success=True, interrupted=""
        )
        put(layout.EPISODE_MARK, text_message(layout.mark_text(end)), stamp)
        stamp += 2 * PERIOD
        writer.write_chunk(messages)
        told.append(messages)
    writer.close()
    return told


def messages_of(path: Path) -> list[Recorded]:
    """All messages of one bag."""
    (bag,) = find_bags(path)
    return list(bag.messages(lambda line: None))


def rewritten(source: Path, target: Path, change: Callable[[Recorded], Recorded | list[Recorded] | None]) -> Path:
    """A bag of the same messages, each as `change` returns it: one, several or none."""
    messages: list[Recorded] = []
    for message in messages_of(source):
        changed = change(message)
        messages += changed if isinstance(changed, list) else [] if changed is None else [changed]
    writer = BagWriter(target)
    for message in messages:
        namespace = f"/{message.topic.split('/')[1]}"
        writer.add([layout.channel(namespace, message.topic.removeprefix(f"{namespace}/"))])
    writer.write_chunk(messages)
    writer.close()
    return writer.folder
