"""Recording robots that are simulated in process: what is in a bag, and what is left after a kill, Ctrl-C or a full disk."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from recordings import STEPS, messages_of, simulated

from rl_trainer_ros.actions import ACTIONS
from rl_trainer_ros.cli.commands.record import progress_line
from rl_trainer_ros.distillation import teachers
from rl_trainer_ros.environments.make_env import make_environment
from rl_trainer_ros.recording.bag_sink import BagSink, KeepLast, RecordingError
from rl_trainer_ros.recording.episode_recorder import EpisodeSummary, episode_seed
from rl_trainer_ros.recording.policies import MotionPolicy, RandomPolicy
from rl_trainer_ros.recording.record import StopFlag, job_of
from rl_trainer_ros.recording.record_config import RecordConfig
from rl_trainer_ros.training.checkpoints.errors import ModelError
from robot_interface_ros.bags import decoded, layout
from robot_interface_ros.bags.contract_messages import JointStates, text_message
from robot_interface_ros.bags.layout import Recorded
from robot_interface_ros.errors import ConfigError
from srl_ros.encoder import Encoder
from srl_ros.networks import StateNetwork

pytestmark = [pytest.mark.recording, pytest.mark.slow]
KILLS = int(os.environ.get("KILLS", "3"))
REPO = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> list[Recorded]:
    folder = simulated(
        tmp_path_factory.mktemp("bags") / "bag",
        cameras=("external", "left_eye"),
        task="button",
        task_settings={"max_episode_steps": STEPS},
    )
    return messages_of(folder)


def of(messages: list[Recorded], name: str) -> list[Recorded]:
    return [message for message in messages if message.topic == f"/env_0/{name}"]


def marks(messages: list[Recorded]) -> list[dict[str, Any]]:
    return [
        layout.read_mark(decoded.text(message.data)) for message in messages if message.topic.endswith("/episode_mark")
    ]


def test_every_stream_is_there_once_for_each_observation(recorded: list[Recorded]) -> None:
    observations = 3 * (STEPS + 1)
    streams = ["joint_states", "target_pose", "contact", "world_state"]
    for camera in ("external", "left_eye"):
        streams += [f"camera/{camera}/image_raw", f"camera/{camera}/camera_info"]
    for name in streams:
        messages = of(recorded, name)
        assert len(messages) == observations, name
        stamps = [message.time for message in messages]
        assert stamps == sorted(set(stamps)) == [message.time for message in of(recorded, "joint_states")]
    for name in ("joint_command", "action", "action_probabilities", "reward"):
        assert len(of(recorded, name)) == 3 * STEPS
    assert len(of(recorded, "robot_description")) == len(of(recorded, "motion_enabled")) == 1
    assert decoded.text(of(recorded, "robot_description")[0].data).startswith("<robot")


def test_a_step_is_paired_by_stamps(recorded: list[Recorded]) -> None:
    actions, rewards = of(recorded, "action"), of(recorded, "reward")
    assert [message.time for message in actions] == [message.time for message in of(recorded, "joint_command")]
    assert [b.time - a.time for a, b in zip(actions, rewards)] == [50_000_000] * len(actions)
    for message in rewards:
        values = decoded.values_by_name(decoded.joints(message.data))
        assert tuple(values) == layout.REWARD_NAMES and np.isfinite(values["reward"])


def test_marks_tell_what_an_episode_was(recorded: list[Recorded]) -> None:
    starts, ends = marks(recorded)[::2], marks(recorded)[1::2]
    assert [mark["episode"] for mark in starts] == [mark["episode"] for mark in ends] == [0, 1, 2]
    assert [mark["seed"] for mark in starts] == [episode_seed(0, k) for k in range(3)]
    assert starts[0]["settings"]["task"] == "button" and starts[0]["end_effector"] and starts[0]["policy"] == "mixed"
    assert all(mark["steps"] == STEPS and mark["truncated"] and mark["interrupted"] == "" for mark in ends)


def test_the_same_seed_records_the_same_and_another_seed_does_not(tmp_path: Path) -> None:
    def content(folder: Path) -> list[bytes]:
        """Images, states, actions and rewards of both episodes, whichever robot played them, without their stamps."""
        messages = messages_of(folder)
        begin = {mark["episode"]: mark for mark in marks(messages) if mark["mark"] == "start"}
        found = []
        for episode in range(2):
            namespace = begin[episode]["namespace"]
            end = (
                begin[1]["stamp"] if len({mark["namespace"] for mark in begin.values()}) == 1 and not episode else 2**63
            )
            for name in ("joint_states", "action", "reward", "camera/external/image_raw"):
                for message in messages:
                    if message.topic == f"{namespace}/{name}" and begin[episode]["stamp"] <= message.time < end:
                        found.append(decoded.image(message.data)[1].tobytes() if "image" in name else message.data[12:])
        return found

    one = content(simulated(tmp_path / "a", episodes=2))
    assert len(one) == 2 * (4 * STEPS + 2)
    assert content(simulated(tmp_path / "b", episodes=2, num_envs=2)) == one
    assert content(simulated(tmp_path / "c", episodes=2, seed=1)) != one


@pytest.mark.parametrize("action", ["joint_velocity", "joint_position", "end_effector", "end_effector_discrete"])
def test_the_scripted_policy_comes_nearer_with_any_action(action: str) -> None:
    environment = make_environment(RecordConfig(action=action, task_settings={"end_at_success": False}).environment())
    try:
        assert action in ACTIONS
        policy = MotionPolicy(environment, "scripted", 0.0)
        _, info = environment.reset(seed=3)
        begin = info["distance"]
        policy.begin(0, 0)
        for _ in range(40):
            choice = policy.act(None, environment)
            info = environment.step(choice.action)[4]
        assert info["distance"] < 0.6 * begin
        assert choice.wanted is not None and np.isfinite(choice.wanted).all()
        if "discrete" in action:
            assert choice.wanted.sum() == pytest.approx(1.0) and choice.wanted.argmax() == choice.action
        random_choice = RandomPolicy(environment.action).act(None, environment)
        assert environment.action_space.contains(random_choice.action)
    finally:
        environment.close()


def test_a_trained_policy_is_recorded_with_what_it_wanted(tmp_path: Path) -> None:
    """The policy that ships with the package, on the environment of its run."""
    run = REPO / "config" / "policies" / "reach"
    folder = simulated(tmp_path / "bag", run=str(run), episodes=2, deterministic=True, task_settings="", cameras=())
    messages = messages_of(folder)
    assert [mark["success"] for mark in marks(messages) if mark["mark"] == "end"] == [True, True]
    assert {mark["policy"] for mark in marks(messages) if mark["mark"] == "start"} == {"trained"}
    for action, wanted in zip(of(messages, "action"), of(messages, "action_probabilities")):
        means = decoded.joints(wanted.data).position[:5]
        assert np.allclose(np.clip(means, -1.0, 1.0), decoded.joints(action.data).position, atol=1e-5)


@pytest.mark.bad_input
def test_a_policy_is_neither_recorded_nor_taught_from_with_another_encoder_than_in_training(tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(REPO / "config" / "policies" / "reach", run)
    encoder = Encoder(StateNetwork(64, 64, points=2), (64, 64, 3), "random", {}, {})
    encoder.save(tmp_path / "encoder")
    config = yaml.safe_load((run / "config.yaml").read_text())
    config["trainer"] |= {"srl_model": "random", "srl_folder": str(tmp_path / "encoder"), "observation": ""}
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    said = f"trained with encoder none, but .*encoder holds {encoder.id}; restore that encoder"
    with pytest.raises(ModelError, match=said):
        job_of(RecordConfig(run=str(run)))
    with pytest.raises(ModelError, match=said):
        teachers.find([str(run)], str(tmp_path))


COMMAND = [sys.executable, "-m", "rl_trainer_ros.cli.main", "record", "episodes:=0", f"task.max_episode_steps:={STEPS}"]


def started(folder: Path, *words: str) -> subprocess.Popen[str]:
    """A recording that is under way: some episodes are written."""
    process = subprocess.Popen(
        [*COMMAND, f"bag:={folder / 'bag'}", *words],
        cwd=REPO,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 90.0
    while time.monotonic() < deadline and process.poll() is None:
        files = list((folder / "bag").glob("*.mcap"))
        if files and files[0].stat().st_size > 30_000:
            return process
        time.sleep(0.02)
    process.kill()
    pytest.fail(f"no episode was recorded: {process.communicate()}")


@pytest.mark.faults
@pytest.mark.timeout(120 + 60 * KILLS)
def test_a_recording_that_is_killed_loses_at_most_the_episode_under_way(tmp_path: Path) -> None:
    generator = random.Random(0)
    for kill in range(KILLS):
        folder = tmp_path / str(kill)
        folder.mkdir()
        process = started(folder)
        time.sleep(generator.uniform(0.0, 0.5))
        process.kill()
        process.communicate()
        notes: list[str] = []
        from robot_interface_ros.bags.bag_reader import find_bags

        (bag,) = find_bags(folder / "bag", notes.append)
        found = marks(list(bag.messages(notes.append)))
        assert len(found) >= 4 and len(found) % 2 == 0, "an episode is there whole or not at all"
        assert [mark["episode"] for mark in found[::2]] == list(range(len(found) // 2)), "none is missing"
        assert len(notes) == 1 and "cut short" in notes[0]


@pytest.mark.faults
def test_ctrl_c_ends_the_file_with_its_index(tmp_path: Path) -> None:
    from rosbags.highlevel import AnyReader

    process = started(tmp_path)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert "recorded" in out and "Traceback" not in err
    with AnyReader([tmp_path / "bag"]) as reader:
        assert reader.message_count == len(messages_of(tmp_path / "bag")) > 0


def test_a_full_disk_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from robot_interface_ros.bags.bag_writer import BagWriter

    write_chunk, calls = BagWriter.write_chunk, []

    def full(self: BagWriter, messages: list[Recorded]) -> None:
        calls.append(1)
        if len(calls) == 3:
            raise OSError(28, "No space left on device")
        write_chunk(self, messages)

    monkeypatch.setattr(BagWriter, "write_chunk", full)
    with pytest.raises(RecordingError, match=r"the disk is full: 2 whole episodes are in .*bag; make room") as error:
        simulated(tmp_path / "bag", cameras=())
    assert "\n" not in str(error.value)
    assert [mark["episode"] for mark in marks(messages_of(tmp_path / "bag"))] == [0, 0, 1, 1]


def test_the_ring_buffer_writes_its_last_seconds_when_an_episode_is_cut(tmp_path: Path) -> None:
    sink = BagSink(tmp_path / "bag")
    ring = KeepLast(sink, 1.0)
    mark, reward = layout.channel("/env_0", layout.EPISODE_MARK), layout.channel("/env_0", layout.REWARD)
    writer, second = JointStates(layout.REWARD_NAMES), 10**9

    def put(time_ns: int, told: dict[str, Any] | None = None) -> None:
        data = text_message(layout.mark_text(told)) if told else writer.write(time_ns, np.zeros(5))
        ring.write([mark, reward], [Recorded((mark if told else reward).topic, time_ns, data)])

    put(10 * second, layout.start_mark(0, 10 * second, seed=5))
    for tenth in range(1, 31):
        put(10 * second + tenth * second // 10)
    ring.end(EpisodeSummary(0, 30, 0.0, False, interrupted="it was stopped"))
    sink.close()
    messages = messages_of(tmp_path / "bag")
    found = marks(messages)
    assert [m["mark"] for m in found] == ["start", "end"] and all(m["cut"] for m in found) and found[0]["seed"] == 5
    assert found[1]["stamp"] - found[0]["stamp"] == second
    assert len(messages) == 2 + 11  # ten tenths of a second, and both ends
    ring.dump()
    assert len(messages_of(tmp_path / "bag")) == len(messages)


def test_what_is_left_of_an_episode_keeps_its_own_mark(tmp_path: Path) -> None:
    """Not that of the episode after it. At a second request there is only what came since the first."""
    sink, second = BagSink(tmp_path / "bag"), 10**9
    ring = KeepLast(sink, 1.0)
    mark, reward = layout.channel("/env_0", layout.EPISODE_MARK), layout.channel("/env_0", layout.REWARD)
    writer = JointStates(layout.REWARD_NAMES)

    def put(at_s: float, told: dict[str, Any] | None = None) -> None:
        time_ns = round(at_s * second)
        data = (
            text_message(layout.mark_text({**told, "stamp": time_ns})) if told else writer.write(time_ns, np.zeros(5))
        )
        ring.write([mark, reward], [Recorded((mark if told else reward).topic, time_ns, data)])

    put(10.0, layout.start_mark(3, 0, seed=30))
    put(11.0)
    put(12.0)
    put(12.2, layout.end_mark(3, 0))
    put(12.3, layout.start_mark(4, 0, seed=40))
    put(12.5)
    ring.dump()
    put(12.7)
    ring.dump()
    sink.close()
    found = [(m["mark"], m["episode"], m.get("seed")) for m in marks(messages_of(tmp_path / "bag"))]
    assert found == [
        ("start", 3, 30),
        ("end", 3, None),
        ("start", 4, 40),
        ("end", 4, None),
        ("start", 4, 40),
        ("end", 4, None),
    ]


def test_a_request_reaches_the_ring_buffer_of_each_robot() -> None:
    stop = StopFlag()
    robots = [stop.dump_wanted(), stop.dump_wanted()]
    with stop.handling(both=False):
        os.kill(os.getpid(), signal.SIGUSR1)
        assert [wanted() for wanted in robots] == [True, True]
        assert [wanted() for wanted in robots] == [False, False]


def test_progress_tells_size_rate_and_time_left() -> None:
    config = RecordConfig(episodes=10)
    assert (
        progress_line(config, 5, 600, 2_500_000, 3.0) == "  5 of 10 episodes, 600 steps, 2.5 MB, 200 steps/s, 3 s left"
    )
    line = progress_line(RecordConfig(steps=1000), 5, 600, 2_500_000_000, 3.0)
    assert line == "  5 episodes, 600 of 1,000 steps, 2.50 GB, 200 steps/s, 2 s left"
    assert "left" not in progress_line(RecordConfig(episodes=0), 5, 600, 1, 3.0)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "settings, said",
    [
        ({"policy": "trained"}, "run:=latest"),
        ({"keep_last_s": 5.0, "num_envs": 2}, "keep_last_s"),
        ({"realtime": True}, "transport:=topics"),
        ({"namespaces": ("/a",)}, "num_envs"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        RecordConfig(**settings)


def test_images_have_the_size_that_the_policy_needs_unless_another_one_is_given() -> None:
    needed = {"cameras": ("above",), "image_width": 48, "image_height": 36, "groups": ("right_arm",)}
    assert RecordConfig().images(needed) == {
        "cameras": ("external", "above"),
        "image_width": 48,
        "image_height": 36,
    }
    assert RecordConfig(image_width=96).images(needed)["image_width"] == 96
    assert RecordConfig(cameras=()).images({}) == {}
    assert RecordConfig().images({"image_width": 84})["image_width"] == 84


def test_the_states_of_an_encoder_are_recorded_as_the_node_publishes_them(tmp_path: Path) -> None:
    encoder = Encoder(StateNetwork(36, 48, points=2), (36, 48, 3), "random", {}, {})
    encoder.save(tmp_path / "encoder")
    bag = simulated(tmp_path / "bag", episodes=1, srl_folder=str(tmp_path / "encoder"))
    messages = messages_of(bag)
    states = [decoded.joints(message.data) for message in messages if message.topic == "/env_0/srl_state"]
    images = [decoded.image(message.data) for message in messages if message.topic.endswith("image_raw")]
    assert len(states) == len(images) == STEPS + 1
    for state, (stamp, image) in zip(states, images):
        assert (state.stamp, state.frame_id, state.names[0]) == (stamp, encoder.id, "state_0")
        assert np.array_equal(state.position, encoder.encode(np.ascontiguousarray(image)))
