"""Datasets out of bags: what a batch holds, the cache, several bags at once, plain recordings, strange bags, exports."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Picture
from recordings import FIRST, PERIOD, STEPS, made_up, rewritten, simulated

from rl_trainer_ros import factories
from rl_trainer_ros.environments.env_config import EnvConfig
from rl_trainer_ros.recording.judge import judge_of
from robot_interface_ros import topics
from robot_interface_ros.bags import layout
from robot_interface_ros.bags.bag_writer import BagWriter
from robot_interface_ros.bags.contract_messages import Images, JointStates
from robot_interface_ros.bags.errors import BagError
from robot_interface_ros.bags.layout import Recorded
from srl_ros.data import cache
from srl_ros.data.bag_dataset import BagDataset, reward_classes
from srl_ros.transitions import DatasetError, TransitionSource, split_by_episode

pytestmark = pytest.mark.recording


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    made_up(tmp_path / "bag", episodes=3, steps=4)
    return tmp_path / "bag"


@pytest.fixture(scope="module")
def robot_bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulated(tmp_path_factory.mktemp("robot") / "bag", policy="scripted", noise=0.0)


def test_a_batch_holds_what_was_recorded(bag: Path) -> None:
    dataset = BagDataset([bag])
    assert isinstance(dataset, TransitionSource)
    assert (len(dataset), dataset.cameras, dataset.image_shape) == (12, ("external",), (12, 16, 3))
    assert dataset.has == {
        "next_images",
        "action",
        "action_probabilities",
        "reward",
        "terminated",
        "ground_truth",
        "next_ground_truth",
    }
    assert dataset.truth_names == ("target_x", "target_y", "target_z") and dataset.discrete_actions == 0
    batch = dataset.gather(np.array([5, 0, 11]))
    assert batch.images.shape == (3, 1, 12, 16, 3)
    assert batch.images[:, 0, 0, 0, 0].tolist() == [
        6,
        0,
        13,
    ]  # image k shows k, and an episode has one image more than steps
    assert batch.next_images is not None and batch.next_images[:, 0, 0, 0, 0].tolist() == [7, 1, 14]
    assert (
        batch.action is not None
        and batch.action.dtype == np.float32
        and batch.action.tolist() == [[1, -1], [0, 0], [3, -3]]
    )
    assert batch.action_probabilities is not None and batch.action_probabilities[0].tolist() == [0.25, 0.5]
    assert batch.reward is not None and batch.reward.tolist() == [11.0, 0.0, 23.0]
    assert batch.terminated is not None and batch.terminated.tolist() == [False, False, True]
    assert batch.ground_truth is not None and batch.ground_truth[:, 0].tolist() == [1.0, 0.0, 2.0]
    assert batch.episode.tolist() == [1, 0, 2] and dataset.episodes.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    training, validation = split_by_episode(dataset.episodes, 0.3, np.random.default_rng(0))
    assert len(training) == 8 and len(validation) == 4


def test_a_simulated_recording_knows_hand_and_target(robot_bag: Path) -> None:
    dataset = BagDataset([robot_bag])
    assert dataset.truth_names == ("target_x", "target_y", "target_z", "hand_x", "hand_y", "hand_z")
    assert len(dataset) == 3 * STEPS and dataset.notes == []
    batch = dataset.gather(np.arange(len(dataset)))
    assert batch.ground_truth is not None and batch.next_ground_truth is not None and batch.reward is not None
    before, after = (
        np.linalg.norm(truth[:, 3:] - truth[:, :3], axis=1) for truth in (batch.ground_truth, batch.next_ground_truth)
    )
    assert batch.hand is not None and batch.hand.tolist() == batch.ground_truth[:, 3:].tolist()
    assert batch.next_hand is not None and batch.next_hand.tolist() == batch.next_ground_truth[:, 3:].tolist()
    reached = after <= 0.03
    assert np.allclose(batch.reward, 10.0 * (before - after) + 5.0 * reached, atol=1e-5)  # the task's own formula


def test_naming_several_bags_merges_them_and_touches_none(bag: Path, tmp_path: Path) -> None:
    made_up(tmp_path / "other", episodes=1, steps=2, first=FIRST + 10**12)
    before = [
        (file.name, file.stat().st_mtime_ns, file.read_bytes())
        for file in sorted(tmp_path.rglob("*.*"))
        if file.is_file()
    ]
    both = BagDataset([bag, tmp_path / "other"])
    assert len(both) == 14 and np.unique(both.episodes).tolist() == [0, 1, 2, 3]
    rows = np.array([13, 0, 12, 5])
    batch = both.gather(rows)
    alone = BagDataset([bag]).gather(np.array([0, 5]))
    assert np.array_equal(batch.images[[1, 3]], alone.images) and batch.episode.tolist() == [3, 0, 3, 1]
    assert batch.reward is not None and batch.reward.tolist() == [1.0, 0.0, 0.0, 11.0]
    after = {
        (file.name, file.stat().st_mtime_ns, file.read_bytes())
        for file in sorted(tmp_path.rglob("*.*"))
        if file.is_file()
    }
    assert set(before) <= after


def test_a_bag_is_decoded_once_and_again_when_it_changes(bag: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decode, calls = cache.decode, []

    def counted(*arguments: Any) -> None:
        calls.append(1)
        decode(*arguments)

    monkeypatch.setattr(cache, "decode", counted)
    digest = BagDataset([bag]).digest()
    assert BagDataset([bag]).digest() == digest and len(calls) == 1
    (file,) = bag.glob("*.mcap")
    os.utime(file, ns=(1, 1))  # touched
    assert BagDataset([bag]).digest() == digest and len(calls) == 2
    file.write_bytes(file.read_bytes()[:-100])  # another size
    assert BagDataset([bag]).digest() == digest and len(calls) == 3
    place = bag.with_name("bag.cache")
    (place / "images_external.u8").write_bytes(b"")  # a cache that is not whole
    assert BagDataset([bag]).digest() == digest and len(calls) == 4
    (place / "about.json").write_text("nonsense")
    assert BagDataset([bag]).digest() == digest and len(calls) == 5


def test_a_read_only_folder_has_its_cache_at_home(bag: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    mkdir = Path.mkdir

    def refused(self: Path, *arguments: Any, **settings: Any) -> None:
        if "bag.cache" in self.name:
            raise PermissionError(13, "Permission denied")
        mkdir(self, *arguments, **settings)

    monkeypatch.setattr(Path, "mkdir", refused)
    assert len(BagDataset([bag])) == 12
    assert len(list((tmp_path / "home/rl_trainer_ros/bags").iterdir())) == 1 and not bag.with_name("bag.cache").exists()


def test_the_digest_tells_data_apart_and_not_paths(bag: Path, tmp_path: Path) -> None:
    made_up(tmp_path / "same", episodes=3, steps=4)
    made_up(tmp_path / "other", episodes=3, steps=3)
    digests = [BagDataset([path]).digest() for path in (bag, tmp_path / "same", tmp_path / "other")]
    assert digests[0] == digests[1] != digests[2]


def test_balance_gives_rare_rewards_their_share(bag: Path) -> None:
    dataset = BagDataset([bag])
    drawn = dataset.balanced(3000, np.random.default_rng(0))
    counts = np.unique(drawn, return_counts=True)[1]
    assert len(counts) == 12 and counts.min() > 180  # twelve values, each as frequent
    classes = reward_classes(np.concatenate([np.linspace(0, 1, 990), np.full(10, 9.0)]))
    assert set(classes[:990]) <= {0, 1} and set(classes[990:]) == {9}


def test_a_plain_recording_gets_its_episodes_from_stamps_and_its_rewards_from_a_task(
    robot_bag: Path, tmp_path: Path
) -> None:
    own = (layout.ACTION, layout.ACTION_PROBABILITIES, layout.REWARD, layout.EPISODE_MARK)
    plain = rewritten(robot_bag, tmp_path / "plain", lambda m: None if m.topic.endswith(own) else m)
    without = BagDataset([plain])
    assert "reward" not in without.has and "no episode marks" in without.notes[0]
    recorded = BagDataset([robot_bag])
    assert without.episodes.tolist() == recorded.episodes.tolist()
    judge, name = judge_of(EnvConfig(task_settings={"end_at_success": False}))
    judged = BagDataset([plain], judge=judge, judged_by=name)
    rows = np.arange(len(recorded))
    ours, theirs = judged.gather(rows), recorded.gather(rows)
    assert np.array_equal(ours.images, theirs.images)
    assert ours.reward is not None and theirs.reward is not None and np.allclose(ours.reward, theirs.reward, atol=1e-6)
    assert ours.action is not None and ours.action.shape == (len(rows), 5)  # the commanded joint positions


def image_of(size: tuple[int, int], message: Recorded) -> Recorded:
    image = np.zeros((*size, 3), np.uint8)
    return message._replace(data=Images("env_0/cam", image).write(message.time, image))


def with_nan(message: Recorded) -> Recorded:
    if message.topic.endswith("joint_states") and message.time == FIRST + PERIOD:
        rows = (np.array([np.nan, 1.0]), np.zeros(2), np.zeros(2))
        return message._replace(data=JointStates(("a", "b"), fields=3).write(message.time, *rows))
    return message


STRANGE: dict[str, tuple[Callable[[Recorded], Recorded | None], int, str]] = {
    "images of another size": (
        lambda m: image_of((5, 5), m) if "image_raw" in m.topic and m.time == FIRST + PERIOD else m,
        10,
        "1 images of external are not 16x12",
    ),
    "an image that is no image": (
        lambda m: m._replace(data=b"\0\1\0\0 what is this") if "image_raw" in m.topic and m.time == FIRST else m,
        11,
        "1 messages on /env_0/camera/external/image_raw cannot be read",
    ),
    "NaN": (with_nan, 10, "2 steps whose position is not finite are left out"),
    "no images": (lambda m: None if "image_raw" in m.topic else m, 12, ""),
    "no rewards": (lambda m: None if m.topic.endswith("/reward") else m, 0, "no whole step"),
    "an episode without its end": (
        lambda m: None if m.topic.endswith("mark") and b'"end"' in m.data and m.time < FIRST + 5 * PERIOD else m,
        8,
        "1 episode(s) of /env_0 have no end",
    ),
    "marks with odd values": (
        lambda m: (
            m._replace(data=m.data.replace(b'"settings":{}', b'"settings":[]')) if m.topic.endswith("mark") else m
        ),
        0,
        "no whole step",
    ),
    "marks of a newer version": (
        lambda m: m._replace(data=m.data.replace(b'"format":1', b'"format":9')) if m.topic.endswith("mark") else m,
        12,
        "6 messages on /env_0/episode_mark cannot be read",
    ),
}


@pytest.mark.bad_input
@pytest.mark.parametrize("name", STRANGE)
def test_strange_bags_are_read_in_part_or_refused_in_one_line(name: str, bag: Path, tmp_path: Path) -> None:
    change, steps, said = STRANGE[name]
    strange = rewritten(bag, tmp_path / "strange", change)
    if not steps:
        with pytest.raises(DatasetError, match=said) as error:
            BagDataset([strange])
        assert "\n" not in str(error.value)
        return
    dataset = BagDataset([strange])
    assert len(dataset) == steps
    assert all("\n" not in note for note in dataset.notes)
    assert not said or any(said in note for note in dataset.notes), dataset.notes
    assert BagDataset([strange]).notes == dataset.notes  # those of a cached one too


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "settings, said",
    [({"joints": ("a", "c")}, "another robot"), ({"size": (8, 8)}, "differ in size: .* 16x12, .* 8x8")],
)
def test_bags_that_do_not_go_together_are_refused(
    settings: dict[str, Any], said: str, bag: Path, tmp_path: Path
) -> None:
    made_up(tmp_path / "other", **settings)
    with pytest.raises(DatasetError, match=said) as error:
        BagDataset([bag, tmp_path / "other"])
    assert "\n" not in str(error.value)


@pytest.mark.bad_input
def test_a_camera_that_is_not_there_and_a_bag_of_something_else_are_named(bag: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no images of left_eye; cameras of all bags: external"):
        BagDataset([bag], cameras=["left_eye"])
    writer = BagWriter(tmp_path / "other")
    writer.add([layout.channel("/turtle", topics.MOTION_ENABLED)])
    writer.write_chunk([Recorded("/turtle/motion_enabled", 5, b"\0\1\0\0\1")])
    writer.close()
    with pytest.raises(BagError, match=r"neither joint_states nor images .*it has /turtle/motion_enabled"):
        BagDataset([tmp_path / "other"])


def test_a_dataset_is_described_and_pictured(bag: Path, tmp_path: Path) -> None:
    shown = factories.bag_dataset([bag])
    text = shown.text()
    for said in (
        "3, of 4 to 4 steps",
        "20 Hz",
        "external (16x12)",
        "made up, 2 joints",
        "success       100 %",
        "reward of a step",
    ):
        assert said in text, text
    shown.save_contact_sheet(tmp_path / "sheet.png", 2, 3)
    picture = np.asarray(Picture.open(tmp_path / "sheet.png"))
    assert picture.shape[2] == 3 and 10 in picture  # a moment of the third episode


def test_a_missing_extra_and_a_folder_that_exists_are_told(
    bag: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    shown = factories.bag_dataset([bag])
    for kind, module in (("minari", "minari"), ("lerobot", "pyarrow")):
        monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(DatasetError, match=rf"needs the package {module}.*pip install '\.\[{kind}\]'"):
            shown.export(kind, tmp_path / "new")
    with pytest.raises(DatasetError, match="exists"):
        shown.export("minari", bag)


def test_minari_reads_its_export(bag: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    minari = pytest.importorskip("minari")
    pytest.importorskip("pyarrow")
    shown = factories.bag_dataset([bag])
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(shown.export("minari", tmp_path / "out")))
    loaded = minari.load_dataset("rl_trainer_ros/recording-v0")
    assert (loaded.total_episodes, loaded.total_steps) == (3, 12)
    episodes = list(loaded.iterate_episodes())
    assert episodes[1].rewards.tolist() == [10.0, 11.0, 12.0, 13.0] and episodes[1].terminations.tolist() == [
        False
    ] * 3 + [True]
    images = np.asarray(episodes[1].observations["external"])
    assert images[:, 0, 0, 0].tolist() == [5, 6, 7, 8, 9]
    assert np.asarray(episodes[2].observations["state"]).shape == (5, 3)


def test_rewards_that_minari_needs_and_nobody_recorded_are_told(bag: Path, tmp_path: Path) -> None:
    """Zeros would pass for rewards."""
    pytest.importorskip("minari")
    pytest.importorskip("pyarrow")
    without = rewritten(
        bag, tmp_path / "without", lambda message: None if message.topic.endswith(("/reward", "mark")) else message
    )
    told: list[str] = []
    factories.bag_dataset([without], note=told.append).export("minari", tmp_path / "out")
    assert "this dataset has none: all are 0" in told[-1]


def test_a_lerobot_export_follows_its_documented_layout(bag: Path, tmp_path: Path) -> None:
    """As huggingface.co/docs/lerobot/lerobot-dataset-v3 describes it: read back by paths and offsets of the metadata alone."""
    parquet, av = pytest.importorskip("pyarrow.parquet"), pytest.importorskip("av")
    folder = factories.bag_dataset([bag]).export("lerobot", tmp_path / "out")
    info = json.loads((folder / "meta/info.json").read_text())
    assert info["codebase_version"] == "v3.0" and (info["total_episodes"], info["total_frames"], info["fps"]) == (
        3,
        12,
        20,
    )
    assert info["features"]["action"] == {"dtype": "float32", "shape": [2], "names": ["x", "y"]}
    episode = parquet.read_table(folder / "meta/episodes/chunk-000/file-000.parquet").to_pylist()[1]
    place = {"chunk_index": episode["data/chunk_index"], "file_index": episode["data/file_index"]}
    rows = parquet.read_table(folder / info["data_path"].format(**place)).to_pylist()
    rows = rows[episode["dataset_from_index"] : episode["dataset_to_index"]]
    assert [row["next.reward"] for row in rows] == [10.0, 11.0, 12.0, 13.0] and [
        row["frame_index"] for row in rows
    ] == [0, 1, 2, 3]
    assert rows[2]["action"] == [2.0, -2.0] and rows[3]["next.done"] and {row["episode_index"] for row in rows} == {1}
    key = "observation.images.external"
    video = folder / info["video_path"].format(video_key=key, chunk_index=0, file_index=0)
    with av.open(str(video)) as container:
        frames = [(float(frame.time), frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]
    begin, end = (episode[f"videos/{key}/{name}_timestamp"] for name in ("from", "to"))
    shown = [image.mean() for time, image in frames if begin - 1e-6 <= time < end - 1e-6]
    assert len(frames) == 12 and np.allclose(shown, [5, 6, 7, 8], atol=3)
    stats = json.loads((folder / "meta/stats.json").read_text())
    assert stats["next.reward"]["max"] == [23.0] and np.shape(stats[key]["mean"]) == (3, 1, 1)
    assert episode["stats/next.reward/mean"] == [11.5]
    (task,) = parquet.read_table(folder / "meta/tasks.parquet").to_pylist()
    assert episode["tasks"] == [task["task"]] and task["task_index"] == 0


def test_lerobot_reads_features_of_one_number(tmp_path: Path) -> None:
    """LeRobot takes the shape [1] for a number, and does not load a dataset in which it is a list of one."""
    parquet = pytest.importorskip("pyarrow.parquet")
    bag = simulated(tmp_path / "bag", episodes=1, action="joint_discrete", cameras=())
    folder = factories.bag_dataset([bag]).export("lerobot", tmp_path / "out")
    shapes = {
        name: told["shape"] for name, told in json.loads((folder / "meta/info.json").read_text())["features"].items()
    }
    schema = parquet.read_schema(folder / "data/chunk-000/file-000.parquet")
    lists = {field.name for field in schema if str(field.type).startswith("fixed_size_list")}
    assert shapes["action"] == [1] and lists == {name for name, shape in shapes.items() if shape != [1]}


@pytest.mark.slow
def test_train_srl_learns_from_bags(tmp_path: Path) -> None:
    """From a recording to an encoder, by the command line's own functions."""
    from rl_trainer_ros.cli.commands.train_srl import TrainSrlOptions, record_and_train

    bag = simulated(tmp_path / "bag", episodes=6, policy="drift")
    options = TrainSrlOptions(srl_model="supervised", bags=str(bag), epochs=1, log_dir=str(tmp_path / "runs"))
    assert record_and_train(options) == 0
    encoder = factories.load_encoder(tmp_path / "runs/srl/supervised")
    assert encoder.state_dim > 0
    about = json.loads((tmp_path / "runs/srl/supervised/encoder.json").read_text())
    assert BagDataset([bag], cameras=["external"]).digest() in json.dumps(about)


@pytest.mark.slow
def test_an_encoder_of_bags_keeps_their_robot_and_gaze(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Otherwise a training with it renders another robot, or eyes that stand still, without a word."""
    from rl_trainer_ros.cli.commands.train_srl import TrainSrlOptions, record_and_train
    from robot_interface_ros.config import ConfigError

    looking = simulated(tmp_path / "looking", episodes=6, policy="drift", gaze="hand", cameras=("left_eye",))
    still = simulated(tmp_path / "still", episodes=6, policy="drift", robot="kuka_iiwa")

    def trained(**settings: Any) -> Path:
        log_dir = str(tmp_path / settings["bags"][-4:])
        options = TrainSrlOptions(srl_model="random", epochs=1, log_dir=log_dir, **settings)
        assert record_and_train(options) == 0
        return Path(log_dir) / "srl/random"

    folder = trained(bags=str(looking), cameras=("left_eye",))
    assert (factories.encoder_robot(folder), factories.encoder_gaze(folder)) == ("inmoov", "hand")
    for method in ("supervised", "target_estimate", "reward_place"):
        with pytest.raises(ConfigError, match="images of eyes alone do not show where the target is"):
            record_and_train(
                TrainSrlOptions(srl_model=method, bags=str(looking), cameras=("left_eye",), log_dir=str(tmp_path))
            )
    folder = trained(bags=str(still))
    assert (factories.encoder_robot(folder), factories.encoder_gaze(folder)) == ("kuka_iiwa", "")
    assert "the bags show kuka_iiwa, and robot is inmoov" in capsys.readouterr().out


def test_bags_of_several_gazes_are_named(tmp_path: Path) -> None:
    """One encoder has one gaze."""
    from rl_trainer_ros.cli.commands.train_srl import TrainSrlOptions, _shown_in
    from robot_interface_ros.config import ConfigError

    bags = [tmp_path / gaze for gaze in ("hand", "target")]
    for bag in bags:
        simulated(bag, episodes=1, gaze=bag.name, cameras=("left_eye",))
    dataset = BagDataset(bags)
    assert dataset.gazes == ("hand", "target")
    with pytest.raises(ConfigError, match=r"different points in these bags \(hand, target\)"):
        _shown_in(dataset, TrainSrlOptions())
    assert _shown_in(dataset, TrainSrlOptions(gaze="hand")) == {"robot": "inmoov"}


def test_distillation_from_actions_without_a_target_is_refused(bag: Path, tmp_path: Path) -> None:
    """The encoder would learn the chance of a random policy; rl_trainer record is mixed unless told otherwise."""
    from rl_trainer_ros.cli.commands.train_srl import _check_teacher
    from robot_interface_ros.config import ConfigError
    from srl_ros.config import TrainingConfig

    dataset = BagDataset([bag])
    assert dataset.policies == ("random",)
    for config in (TrainingConfig(method="distillation"), TrainingConfig(losses="autoencoder:1 distillation:2")):
        with pytest.raises(ConfigError, match="these bags have policy:=random; record them with policy:=scripted"):
            _check_teacher(dataset, config)
    _check_teacher(dataset, TrainingConfig())
    _check_teacher(
        BagDataset([simulated(tmp_path / "scripted", episodes=1, policy="scripted", cameras=())]),
        TrainingConfig(method="distillation"),
    )
