"""Recordings of others that are right but unusual, by their values: encodings, stamps, orders of joints, missing parts."""

from __future__ import annotations

import io
import json
import os
import platform
import shutil
import sqlite3
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import zstandard
from numpy.typing import NDArray
from PIL import Image as Picture
from recordings import FIRST, PERIOD, made_up, messages_of, rewritten

from rl_trainer_ros.cli.commands.dataset import DatasetOptions, show_dataset
from robot_interface_ros.bags import decoded, layout
from robot_interface_ros.bags.bag_reader import find_bags
from robot_interface_ros.bags.bag_writer import BagWriter
from robot_interface_ros.bags.cdr import CdrWriter, stamp_of
from robot_interface_ros.bags.contract_messages import Images, JointStates
from robot_interface_ros.bags.layout import Recorded
from robot_interface_ros.bags.message_types import STRING
from robot_interface_ros.config import ConfigError
from srl_ros.data import cache
from srl_ros.data.bag_dataset import BagDataset
from srl_ros.data.description import describe
from srl_ros.data.exports import export
from srl_ros.transitions import DatasetError

pytestmark = pytest.mark.recording
OWN = (layout.ACTION, layout.ACTION_PROBABILITIES, layout.REWARD, layout.EPISODE_MARK)
IMAGE, STATES = "/env_0/camera/external/image_raw", "/env_0/joint_states"
COMMAND, TARGET = "/env_0/joint_command", "/env_0/target_pose"


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """What `ros2 bag record` of the contract's topics has: two episodes of four steps; position a + step, images of k."""
    made_up(tmp_path / "marked", steps=4)
    return rewritten(tmp_path / "marked", tmp_path / "plain", lambda m: None if m.topic.endswith(OWN) else m)


def stamped(message: Recorded, stamp: int) -> Recorded:
    """The same message with another stamp."""
    return message._replace(data=message.data[:4] + struct.pack("<iI", *divmod(stamp, 10**9)) + message.data[12:])


def shifted(message: Recorded, by: int) -> Recorded:
    return stamped(message, stamp_of(message.data) + by) if not message.topic.endswith("description") else message


def joint_state(stamp: int, values: dict[str, float]) -> bytes:
    return JointStates(tuple(values)).write(stamp, np.array(list(values.values())))


def coloured(height: int = 12, width: int = 16) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def image_message(stamp: int, encoding: str, pixels: NDArray[np.uint8], step: int) -> bytes:
    writer = CdrWriter()
    writer.header(stamp, "cam")
    writer.put("I", *pixels.shape[:2])
    writer.text(encoding)
    writer.put("B", 1)
    writer.put("I", step)
    rows = pixels.reshape(len(pixels), -1)
    writer.raw(np.pad(rows, ((0, 0), (0, step - rows.shape[1])), constant_values=77).tobytes())
    return bytes(writer.data)


def compressed_message(stamp: int, form: str, pixels: NDArray[np.uint8]) -> bytes:
    packed, writer = io.BytesIO(), CdrWriter()
    Picture.fromarray(pixels).save(packed, form)
    writer.header(stamp, "cam")
    writer.text(f"rgb8; {form} compressed bgr8")
    writer.raw(packed.getvalue())
    return bytes(writer.data)


@pytest.mark.parametrize("encoding, channels", [("rgb8", 3), ("bgr8", 3), ("rgba8", 4), ("bgra8", 4)])
def test_padded_rows_and_alpha_keep_their_colours(encoding: str, channels: int) -> None:
    image = coloured()
    pixels = np.dstack([image[..., ::-1] if encoding.startswith("bgr") else image, image[..., :1]])[..., :channels]
    assert np.array_equal(decoded.image(image_message(5, encoding, pixels, 90))[1], image)


def test_compressed_images_are_read_beside_and_instead_of_plain_ones(plain: Path, tmp_path: Path) -> None:
    image = coloured()
    png = rewritten(plain, tmp_path / "png", lambda m: packed(m, "PNG") if m.topic == IMAGE else m)
    assert np.array_equal(BagDataset([png]).gather(np.array([0])).images[0, 0], image)
    jpeg = rewritten(plain, tmp_path / "jpeg", lambda m: packed(m, "JPEG") if m.topic == IMAGE else m)
    seen = BagDataset([jpeg]).gather(np.array([0])).images[0, 0]
    assert np.array_equal(seen, np.asarray(Picture.open(io.BytesIO(jpeg_of(image)))))
    for both in ([0, 1], [1, 0]):  # whichever came first, the one that lost nothing counts
        named = rewritten(
            plain,
            tmp_path / f"both{both[0]}",
            lambda m, both=both: [(m, packed(m, "JPEG"))[i] for i in both] if m.topic == IMAGE else m,  # type: ignore[misc]
        )
        assert BagDataset([named]).gather(np.array([3])).images[0, 0, 0, 0].tolist() == [3, 3, 3]


def packed(message: Recorded, form: str) -> Recorded:
    return message._replace(
        topic=f"{message.topic}/compressed", data=compressed_message(stamp_of(message.data), form, coloured())
    )


def jpeg_of(image: NDArray[np.uint8]) -> bytes:
    packed = io.BytesIO()
    Picture.fromarray(image).save(packed, "JPEG")
    return packed.getvalue()


@pytest.mark.bad_input
def test_what_cannot_be_read_is_left_out_with_its_reason(plain: Path, tmp_path: Path) -> None:
    bayer = rewritten(
        plain,
        tmp_path / "bayer",
        lambda m: m._replace(data=image_message(m.time, "bayer_rggb8", coloured(), 48)) if m.topic == IMAGE else m,
    )
    notes = BagDataset([bayer]).notes
    assert any("cannot be read and are left out: an image's encoding is 'bayer_rggb8'" in note for note in notes), notes
    broken = rewritten(
        plain,
        tmp_path / "broken",
        lambda m: m._replace(topic=f"{m.topic}/compressed", data=packed(m, "PNG").data[:90]) if m.topic == IMAGE else m,
    )
    assert all("\n" not in note for note in BagDataset([broken]).notes)


def test_a_topic_of_another_type_is_not_taken_for_the_contracts(plain: Path, tmp_path: Path) -> None:
    messages = messages_of(plain)
    writer = BagWriter(tmp_path / "other")
    for message in messages:
        writer.add([layout.channel("/env_0", message.topic.removeprefix("/env_0/"))])
    writer.add([layout.Channel("/env_0/reward", STRING)])
    writer.write_chunk([*messages, Recorded("/env_0/reward", FIRST, b"\0\1\0\0\3\0\0\0ok\0")])
    writer.close()
    dataset = BagDataset([tmp_path / "other"])
    assert len(dataset) == 8
    assert any("/env_0/reward is left out: it is of type std_msgs/msg/String" in note for note in dataset.notes)


def test_messages_that_are_compressed_one_by_one_need_no_metadata(plain: Path, tmp_path: Path) -> None:
    told = messages_of(plain)
    pack = zstandard.ZstdCompressor().compress
    folder = tmp_path / "killed"
    folder.mkdir()
    with sqlite3.connect(folder / "killed_0.db3") as made:
        made.execute("CREATE TABLE topics(id INTEGER, name TEXT, type TEXT, serialization_format TEXT)")
        made.execute("CREATE TABLE messages(id INTEGER, topic_id INTEGER, timestamp INTEGER, data BLOB)")
        names = sorted({message.topic for message in told})
        kinds = [layout.channel("/env_0", name.removeprefix("/env_0/")).kind.name for name in names]
        made.executemany("INSERT INTO topics VALUES(?, ?, ?, 'cdr')", list(zip(range(len(names)), names, kinds)))
        rows = [(i, names.index(m.topic), m.time, pack(m.data)) for i, m in enumerate(told)]
        made.executemany("INSERT INTO messages VALUES(?, ?, ?, ?)", rows)
    made.close()
    assert messages_of(folder) == told
    with sqlite3.connect(folder / "killed_0.db3") as made:
        made.execute("UPDATE messages SET data = ? WHERE id = 3", (rows[3][3][:-3],))
    made.close()
    (bag,) = find_bags(folder, lambda line: None)
    notes: list[str] = []
    assert len(list(bag.messages(notes.append))) == len(told) - 1
    assert any("1 compressed messages are damaged" in note for note in notes)


def test_joints_keep_their_values_in_whatever_order_they_come(plain: Path, tmp_path: Path) -> None:
    def turned(message: Recorded) -> Recorded:
        if message.topic not in (STATES, COMMAND) or (message.time // PERIOD) % 2:
            return message
        found = decoded.values_by_name(decoded.joints(message.data))
        return message._replace(data=joint_state(message.time, {"gripper": 9.0, "b": found["b"], "a": found["a"]}))

    def other_commands(message: Recorded) -> Recorded:
        data = joint_state(message.time, {"a": 5.0, "b": -5.0}) if message.topic == COMMAND else message.data
        return message._replace(data=data)

    straight = rewritten(plain, tmp_path / "straight", other_commands)
    dataset, other = BagDataset([straight]), BagDataset([rewritten(straight, tmp_path / "turned", turned)])
    (ours,), (theirs,) = dataset.parts, other.parts
    at = [theirs.about["joint_names"].index(name) for name in ours.about["joint_names"]]
    assert np.array_equal(theirs.arrays["position"][:, at], ours.arrays["position"])
    at = [theirs.about["action_labels"].index(name) for name in ("a", "b")]
    assert theirs.arrays["action"][:, at].tolist() == [[5.0, -5.0]] * 8
    both = BagDataset([tmp_path / "straight", tmp_path / "turned"])
    assert both.gather(np.arange(16)).action is not None and np.unique(both.column("action"), axis=0).shape == (1, 2)


def test_commands_of_some_joints_leave_the_others_where_they_were_told_to_be(plain: Path, tmp_path: Path) -> None:
    given = iter([{"a": 5.0}, {"b": 6.0}, {"a": 7.0}, {"b": 8.0}] * 2)
    some = rewritten(
        plain,
        tmp_path / "some",
        lambda m: m._replace(data=joint_state(m.time, next(given))) if m.topic == COMMAND else m,
    )
    action = BagDataset([some]).column("action")
    assert action is not None and action.tolist() == [[5.0, 1.0], [5.0, 6.0], [7.0, 6.0], [7.0, 8.0]] * 2


def test_steps_without_a_target_are_left_out_and_the_others_keep_theirs(plain: Path, tmp_path: Path) -> None:
    some = rewritten(
        plain, tmp_path / "some", lambda m: None if m.topic == TARGET and m.time < FIRST + 2 * PERIOD else m
    )
    dataset = BagDataset([some])
    assert dataset.truth_names == ("target_x", "target_y", "target_z") and len(dataset) == 6
    assert any("2 of 8 steps lack target" in note for note in dataset.notes)
    assert dataset.gather(np.arange(6)).images[:, 0, 0, 0, 0].tolist() == [2, 3, 5, 6, 7, 8]


def test_a_camera_that_fails_costs_only_those_who_use_it(plain: Path, tmp_path: Path) -> None:
    def with_second(message: Recorded) -> Recorded | list[Recorded]:
        second = message._replace(topic="/env_0/camera/above/image_raw")
        return [message, second] if message.topic == IMAGE and message.time < FIRST + 2 * PERIOD else message

    failed = rewritten(plain, tmp_path / "failed", with_second)
    assert len(BagDataset([failed], cameras=["external"])) == 8
    both = BagDataset([failed])
    assert len(both) == 1 and any("7 of 8 steps lack an image of above" in note for note in both.notes)
    assert len(BagDataset([failed], cameras=["external"])) == 8  # from the same cache


def test_streams_with_stamps_of_their_own_give_the_newest_before_each_frame(plain: Path, tmp_path: Path) -> None:
    moved = {IMAGE: -3_000_000, TARGET: -7_000_000, COMMAND: 5_000_000}
    own = BagDataset(
        [rewritten(plain, tmp_path / "own", lambda m: shifted(m, moved[m.topic]) if m.topic in moved else m)]
    )
    same = BagDataset([plain])
    ours, theirs = own.gather(np.arange(8)), same.gather(np.arange(8))
    for name in ("images", "next_images", "action", "ground_truth", "episode"):
        assert np.array_equal(getattr(ours, name), getattr(theirs, name)), name
    assert sum("has other stamps" in note or "have other stamps" in note for note in own.notes) == 2
    zero = rewritten(plain, tmp_path / "zero", lambda m: stamped(m, 0) if m.topic == COMMAND else m)
    assert len(BagDataset([zero])) == 8
    once = rewritten(plain, tmp_path / "once", lambda m: m if m.topic != TARGET or m.time == FIRST else None)
    assert BagDataset([once]).ground_truth()[:, 0].tolist() == [0.0] * 8  # type: ignore[index]


def test_what_a_robot_does_after_its_clock_was_set_back_is_not_mixed_with_what_it_did_before(
    plain: Path, tmp_path: Path
) -> None:
    messages = messages_of(plain)
    first = [  # ten times slower, from one second on
        m if "description" in m.topic else stamped(m, 10**9 + 10 * (stamp_of(m.data) - FIRST)) for m in messages
    ]
    image = np.full((12, 16, 3), 200, np.uint8)
    again = [
        message._replace(
            time=message.time + 100 * PERIOD,
            data=Images("cam", image).write(stamp_of(message.data), image) if message.topic == IMAGE else message.data,
        )
        for message in first
    ]
    writer = BagWriter(tmp_path / "twice")
    for message in messages:
        writer.add([layout.channel("/env_0", message.topic.removeprefix("/env_0/"))])
    writer.write_chunk([*(m._replace(time=n.time) for m, n in zip(first, messages)), *again])
    writer.close()
    dataset = BagDataset([tmp_path / "twice"])
    assert len(dataset) == 16 and any("the clock of /env_0 was set back" in note for note in dataset.notes)
    seen = dataset.gather(np.arange(16))
    assert seen.images[:, 0, 0, 0, 0].tolist() == [0, 1, 2, 3, 5, 6, 7, 8, *[200] * 8]


def test_a_camera_of_the_room_is_no_second_robot(plain: Path, tmp_path: Path) -> None:
    def beside(message: Recorded) -> Recorded | list[Recorded]:
        return [message, message._replace(topic="/room/camera/top/image_raw")] if message.topic == IMAGE else message

    dataset = BagDataset([rewritten(plain, tmp_path / "room", beside)])
    assert dataset.cameras == ("external",) and len(dataset) == 8 and "action" in dataset.has
    assert any("images of top in /room are left out" in note for note in dataset.notes)


@pytest.mark.bad_input
def test_stamps_that_are_all_zero_are_said(plain: Path, tmp_path: Path) -> None:
    zero = rewritten(plain, tmp_path / "zero", lambda m: m if "description" in m.topic else stamped(m, 0))
    with pytest.raises(DatasetError, match="all stamps of its joint_states are 0"):
        BagDataset([zero])


@pytest.mark.bad_input
def test_actions_that_do_not_exist_and_other_actions_are_left_out_or_refused(tmp_path: Path) -> None:
    made_up(tmp_path / "bag", episodes=2, steps=4)

    def discrete(message: Recorded) -> Recorded:
        if message.topic.endswith("/action"):
            return message._replace(data=joint_state(message.time, {"action": (message.time - FIRST) / PERIOD}))
        return message._replace(data=message.data.replace(b'"discrete_actions":0', b'"discrete_actions":3'))

    dataset = BagDataset([rewritten(tmp_path / "bag", tmp_path / "odd", discrete)])
    action = dataset.gather(np.arange(len(dataset))).action
    assert action is not None and action.tolist() == [0, 1, 2]  # of 0 to 9
    assert any("5 steps whose action is not finite or none of the 3" in note for note in dataset.notes)
    renamed = rewritten(
        tmp_path / "bag",
        tmp_path / "renamed",
        lambda m: m._replace(data=joint_state(m.time, {"u": 1.0, "v": 2.0})) if m.topic.endswith("/action") else m,
    )
    with pytest.raises(DatasetError, match="has actions u, v and .* x, y"):
        BagDataset([tmp_path / "bag", renamed])


def test_processes_that_decode_one_bag_at_once_all_get_it(
    plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bag,) = find_bags(plain)
    key, place = cache._key(bag, ""), cache.beside(bag)
    BagDataset([plain])
    ours = tmp_path / "ours"
    shutil.copytree(place, ours)
    fits = cache._fits
    seen: list[bool] = []

    def late(
        folder: Path, wanted: dict[str, object]
    ) -> bool:  # the other one is put there after this process has looked
        seen.append(fits(folder, wanted))
        return seen[-1] and len(seen) > 1

    monkeypatch.setattr(cache, "_fits", late)
    monkeypatch.setattr(cache.os, "replace", raising_once(cache.os.replace))
    cache._put(ours, place, key)
    assert fits(place, key)


def raising_once(replace: Callable[[Path, Path], None]) -> Callable[[Path, Path], None]:
    """os.replace beside another process: what was to be moved is gone, and its place is taken again."""
    raised: list[bool] = []

    def replaced(source: Path, target: Path) -> None:
        if not raised:
            raised.append(True)
            raise FileNotFoundError(2, "No such file or directory")
        replace(source, target)

    return replaced


def test_what_a_killed_process_left_is_removed_and_that_of_a_running_one_stays(plain: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    names = [f".plain.cache.{platform.node()}.{number}.ab" for number in (gone.pid, os.getpid())]
    for name in names:
        (plain.parent / name).mkdir()
    BagDataset([plain])
    assert [(plain.parent / name).exists() for name in names] == [False, True]


def test_a_user_without_a_home_folder_reads_bags(plain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", nowhere)
    assert len(BagDataset([plain])) == 8


@pytest.mark.bad_input
def test_a_bag_that_is_named_twice_is_read_once(plain: Path, tmp_path: Path) -> None:
    shutil.copytree(plain, tmp_path / "copy")
    dataset = BagDataset([plain, plain, tmp_path / "copy"])
    assert len(dataset) == 8 and sum("has the same content as" in note for note in dataset.notes) == 2
    with pytest.raises(DatasetError, match="cameras are external, external; name each once"):
        BagDataset([plain], cameras=["external", "external"])


def test_a_video_of_odd_sides_has_the_size_that_is_told(tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    made_up(tmp_path / "bag", size=(17, 33))
    folder = export(BagDataset([tmp_path / "bag"]), "lerobot", tmp_path / "out")
    told = json.loads((folder / "meta/info.json").read_text())["features"]["observation.images.external"]
    with av.open(str(next(folder.rglob("*.mp4")))) as container:
        shapes = {frame.to_ndarray(format="rgb24").shape for frame in container.decode(video=0)}
    assert shapes == {tuple(told["shape"])} == {(18, 34, 3)} and told["info"]["video.width"] == 34


@pytest.mark.bad_input
def test_bags_of_two_rates_and_an_export_that_fails_leave_no_folder(
    plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pyarrow")
    pytest.importorskip("av")
    slow = rewritten(
        plain,
        tmp_path / "slow",
        lambda m: m if "description" in m.topic else stamped(m, FIRST + 2 * (stamp_of(m.data) - FIRST)),
    )
    both = BagDataset([plain, slow])
    assert f"steps last 0.1 s in {slow} and 0.05 s in {plain}; losses that learn from steps mix them" in both.notes
    with pytest.raises(DatasetError, match=r"20 steps/s in .*plain, 10 steps/s in .*slow; export these bags"):
        export(both, "lerobot", tmp_path / "out")

    def full(path: Path, *_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("srl_ros.data.export_lerobot._write_json", full)
    with pytest.raises(DatasetError, match=r"cannot be written to .*/out: No space"):
        export(BagDataset([plain]), "lerobot", tmp_path / "out")
    assert not list(tmp_path.glob("*out*"))
    monkeypatch.undo()
    assert export(BagDataset([plain]), "lerobot", tmp_path / "out").is_dir()
    third = rewritten(
        plain,
        tmp_path / "third",
        lambda m: m if "description" in m.topic else stamped(m, FIRST + 3 * (stamp_of(m.data) - FIRST)),
    )
    uneven = BagDataset([third])
    export(uneven, "lerobot", tmp_path / "third_out")
    assert uneven.notes[-1] == f"{third} has 6.67 steps/s, and a LeRobot dataset a whole number: its times are of 7"
    assert "10 Hz" in describe(BagDataset([plain, slow])) and "20 Hz" in describe(BagDataset([plain, slow]))
    blind = rewritten(plain, tmp_path / "blind", lambda m: None if m.topic in (IMAGE, TARGET) else m)
    with pytest.raises(DatasetError, match="neither images nor ground truth"):
        export(BagDataset([blind]), "minari", tmp_path / "none")


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "given, said", [({}, "name its format: export:=lerobot"), ({"export": "lerobot"}, "cannot be written to")]
)
def test_the_folder_of_an_export_is_checked_before_bags_are_read(given: dict, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        show_dataset(DatasetOptions(bags="nowhere", to="/proc/export", **given))


@pytest.mark.parametrize("kind, last", [("lerobot", "_write_json"), ("minari", "minari.create_dataset_from_buffers")])
def test_a_killed_export_leaves_no_folder_of_its_name(
    plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, last: str
) -> None:
    """A part of a dataset would pass for all of it, and the same command would be refused."""
    for module in ("pyarrow", "av", "minari"):
        pytest.importorskip(module)
    there: list[bool] = []
    with monkeypatch.context() as watched:
        place = last if "." in last else f"srl_ros.data.export_lerobot.{last}"
        watched.setattr(place, lambda *_, **__: there.append((tmp_path / "out").exists()))
        export(BagDataset([plain]), kind, tmp_path / "out")
    assert there and not any(there) and (tmp_path / "out").is_dir()


@pytest.mark.bad_input
def test_a_bag_named_by_a_dot_and_a_name_with_dots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written beside a bag has the name of its folder in front, whole."""
    pytest.importorskip("pyarrow")
    pytest.importorskip("av")
    made_up(tmp_path / "speed_0.5")
    (tmp_path / "speed_0.5/inside").mkdir()
    monkeypatch.chdir(tmp_path / "speed_0.5/inside")
    assert show_dataset(DatasetOptions(bags="..", export="lerobot")) == 0
    monkeypatch.chdir("..")
    assert show_dataset(DatasetOptions(bags=".", repair=True)) == 0
    BagWriter(Path(".")).close()
    endings = ("", ".cache", ".lerobot", "_repaired", "-2")
    assert {path.name for path in tmp_path.iterdir()} == {f"speed_0.5{ending}" for ending in endings}
