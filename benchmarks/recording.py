"""Measure the cost of recording, and the gain of a dataset's decoded cache.

`.venv/bin/python benchmarks/recording.py [rounds]`: episodes of reach in process, in turns without and with recording, with no
camera, one and two; then batches of 32 random transitions, from the cache and decoded from the bag each time.
Times are the process's own processor time, so that other programs disturb them little.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from rl_trainer_ros.environments.frame_stack import limited
from rl_trainer_ros.environments.make_env import Connection, make_environment
from rl_trainer_ros.recording.bag_sink import BagSink
from rl_trainer_ros.recording.episode_recorder import EpisodeRecorder, EpisodeSummary
from rl_trainer_ros.recording.policies import make_policy
from rl_trainer_ros.recording.record_config import DRIFT, RecordConfig
from rl_trainer_ros.recording.robot_messages import RobotMessages
from robot_interface_ros.bags import decoded
from robot_interface_ros.bags.bag_reader import find_bags
from srl_ros.data.bag_dataset import BagDataset

EPISODES, BATCH, BATCHES = 4, 32, 100
CAMERAS: tuple[tuple[str, ...], ...] = ((), ("external",), ("external", "left_eye"))


def environment_of(cameras: tuple[str, ...]) -> Any:
    config = RecordConfig(task_settings={"end_at_success": False}).environment()
    return make_environment(config, Connection(simulation={"cameras": cameras, "contact": True}))


def plain_rate(environment: Any, seed: int) -> float:
    """Steps a second of the same policy and episodes, nothing recorded."""
    player, policy = limited(environment), make_policy(environment, DRIFT, 0.4)
    steps, begin = 0, time.process_time()
    for episode in range(EPISODES):
        observation, _ = player.reset(seed=seed + episode)
        policy.begin(episode, seed + episode)
        ended = False
        while not ended:
            observation, _, terminated, truncated, _ = player.step(policy.act(observation, environment).action)
            ended, steps = terminated or truncated, steps + 1
    return steps / (time.process_time() - begin)


def recorded_rate(environment: Any, recorder: EpisodeRecorder, sink: BagSink, first: int) -> float:
    """Steps a second with recording."""
    before, begin = sink.steps, time.process_time()
    for episode in range(first, first + EPISODES):
        summary = recorder.play(episode, sink)
        assert isinstance(summary, EpisodeSummary)
    return (sink.steps - before) / (time.process_time() - begin)


def recording(folder: Path, rounds: int) -> None:
    print("| cameras, 64x64 | steps/s without recording | with recording | share of a step | bytes a step |")
    print("|---|---|---|---|---|")
    for cameras in CAMERAS:
        plain, watched = environment_of(cameras), environment_of(cameras)
        source = RobotMessages(watched.robot, watched.arm.description, "/env_0")
        watched.robot = source
        recorder = EpisodeRecorder(watched, source, make_policy(watched, DRIFT, 0.4), "/env_0", 0)
        sink = BagSink(folder / f"{len(cameras)}")
        without, with_ = [], []
        for k in range(rounds):
            without.append(plain_rate(plain, k * EPISODES))
            with_.append(recorded_rate(watched, recorder, sink, k * EPISODES))
        sink.close()
        a, b = float(np.median(without)), float(np.median(with_))
        name = ", ".join(cameras) or "none"
        print(
            f"| {name} | {a:,.0f} | {b:,.0f} | {100 * (1 - b / a):.0f} % | {sink.size / sink.steps:,.0f} |", flush=True
        )
        plain.close()
        watched.close()


def loading(bag: Path) -> None:
    begin = time.process_time()
    dataset = BagDataset([bag])
    first_s = time.process_time() - begin
    begin = time.process_time()
    dataset = BagDataset([bag])
    again_s = time.process_time() - begin
    generator = np.random.default_rng(0)
    begin = time.process_time()
    for _ in range(BATCHES):
        dataset.gather(generator.integers(len(dataset), size=BATCH))
    rate = BATCHES * BATCH / (time.process_time() - begin)
    begin, images = time.process_time(), 0
    (found,) = find_bags(bag)
    for message in found.messages():
        if message.topic.endswith("image_raw"):
            images += decoded.image(message.data)[1].size > 0
    decode = images / (time.process_time() - begin)
    print(f"\n{len(dataset):,} transitions of {len(dataset.cameras)} cameras")
    print(f"opened the first time (decodes): {first_s:.2f} s; again (from the cache): {again_s * 1e3:.0f} ms")
    print(f"batches of {BATCH} random transitions (before and after): {rate:,.0f} transitions/s")
    print(f"images decoded from the bag, in order: {decode:,.0f} images/s")


def main() -> int:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory() as folder:
        recording(Path(folder), rounds)
        loading(Path(folder) / "1")
    return 0


if __name__ == "__main__":
    sys.exit(main())
