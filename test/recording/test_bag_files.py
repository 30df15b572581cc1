"""Bags as files: other programs read them, nothing whole is lost, and nothing in them is believed."""

from __future__ import annotations

import errno
import os
import random
import shutil
import sqlite3
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import zstandard
from recordings import made_up, messages_of
from rosbags.highlevel import AnyReader
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from robot_interface_ros.bags import decoded, message_types
from robot_interface_ros.bags.bag_reader import find_bags
from robot_interface_ros.bags.bag_writer import BagWriter, bag_name
from robot_interface_ros.bags.errors import BagError
from robot_interface_ros.bags.repair import repaired

pytestmark = pytest.mark.recording
FUZZED = int(os.environ.get("FUZZED_BAGS", "150"))
"""Damaged bags that are read; FUZZED_BAGS=20000 for more."""


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    made_up(tmp_path / "bag")
    return tmp_path / "bag"


def mcap(bag: Path) -> Path:
    return next(bag.glob("*.mcap"))


def read(path: Path) -> tuple[list, list[str]]:  # type: ignore[type-arg]
    """The messages of all bags of a path, and the notes."""
    notes: list[str] = []
    return [message for bag in find_bags(path, notes.append) for message in bag.messages(notes.append)], notes


def test_what_is_written_is_read(tmp_path: Path) -> None:
    told = made_up(tmp_path / "bag")
    assert messages_of(tmp_path / "bag") == [message for episode in told for message in episode]


def test_the_mcap_reader_opens_a_bag_with_types_stamps_and_check_sums(bag: Path) -> None:
    from mcap.reader import make_reader
    from mcap_ros2.decoder import DecoderFactory

    with mcap(bag).open("rb") as file:
        reader = make_reader(file, validate_crcs=True, decoder_factories=[DecoderFactory()])
        assert reader.get_header().profile == "ros2"
        summary = reader.get_summary()
        assert summary is not None and summary.statistics is not None and summary.statistics.chunk_count == 2
        seen = {}
        for schema, channel, message, content in reader.iter_decoded_messages():
            assert schema is not None
            seen[channel.topic] = schema.name
            if schema.name != "std_msgs/msg/String":
                assert content.header.stamp.sec * 10**9 + content.header.stamp.nanosec == message.log_time
    assert seen["/env_0/camera/external/image_raw"] == "sensor_msgs/msg/Image"
    assert seen["/env_0/joint_states"] == seen["/env_0/action"] == "sensor_msgs/msg/JointState"


def test_rosbags_opens_a_bag_with_types_hashes_and_qos(bag: Path) -> None:
    store = get_typestore(Stores.ROS2_KILTED)
    with AnyReader([bag]) as reader:
        assert reader.message_count == len(messages_of(bag))
        for connection in reader.connections:
            assert connection.digest == store.hash_rihs01(connection.msgtype)
            (qos,) = connection.ext.offered_qos_profiles  # type: ignore[union-attr]
            latched = connection.topic.endswith("robot_description")
            assert qos.durability.name == ("TRANSIENT_LOCAL" if latched else "VOLATILE")
        values = [
            reader.deserialize(data, connection.msgtype).position.tolist()  # type: ignore[attr-defined]
            for connection, _, data in reader.messages()
            if connection.topic == "/env_0/action"
        ]
    assert values == [[0.0, 0.0], [1.0, -1.0], [2.0, -2.0]] * 2


@pytest.mark.parametrize("name", message_types.MESSAGE_TYPES)
def test_definitions_and_hashes_are_those_of_ros(name: str) -> None:
    store = get_typestore(Stores.ROS2_KILTED)
    kind = message_types.MESSAGE_TYPES[name]
    assert kind.definition == store.generate_msgdef(name, ros_version=2)[0]
    assert kind.type_hash == store.hash_rihs01(name)


def test_a_bag_is_never_overwritten(tmp_path: Path) -> None:
    names = []
    for _ in range(3):
        writer = BagWriter(tmp_path / "bag")
        names.append(writer.folder.name)
        writer.close()
    assert names == ["bag", "bag-2", "bag-3"]
    assert bag_name("reach", 7, 1_700_000_000.0).endswith("_reach_seed7")


def test_a_bag_that_was_cut_short_anywhere_keeps_every_whole_episode(tmp_path: Path) -> None:
    told = made_up(tmp_path / "bag", episodes=3)
    file = mcap(tmp_path / "bag")
    content = file.read_bytes()
    whole = [sum(map(len, told[:n])) for n in range(4)]
    ends = [content.index(b"\x06", 8)]  # of each chunk: opcode 6, length
    for _ in range(3):
        ends.append(ends[-1] + 9 + struct.unpack_from("<Q", content, ends[-1] + 1)[0])
        while content[ends[-1]] == 7:  # its message indices
            ends[-1] += 9 + struct.unpack_from("<Q", content, ends[-1] + 1)[0]
    generator = random.Random(0)
    for length in sorted({*ends[1:], *(generator.randrange(9, len(content)) for _ in range(25))}):
        file.write_bytes(content[:length])
        finished = sum(length >= end for end in ends[1:])
        if length < ends[0]:
            continue
        messages, notes = read(tmp_path / "bag")
        assert len(messages) >= whole[finished]
        assert messages == [message for episode in told for message in episode][: len(messages)]
        assert len(notes) == (length < len(content)), notes


def test_repair_gives_back_a_whole_bag_beside_the_old_one(tmp_path: Path) -> None:
    told = made_up(tmp_path / "bag")
    file = mcap(tmp_path / "bag")
    file.write_bytes(file.read_bytes()[:-200])
    before = file.read_bytes()
    (bag,) = find_bags(tmp_path / "bag")
    folder = repaired(bag, lambda line: None)
    assert folder.name == "bag_repaired" and file.read_bytes() == before
    with AnyReader([folder]) as reader:
        assert reader.message_count == sum(map(len, told))
    assert messages_of(folder) == [message for episode in told for message in episode]


def test_a_damaged_chunk_is_left_out_and_said(tmp_path: Path) -> None:
    told = made_up(tmp_path / "bag")
    file = mcap(tmp_path / "bag")
    content = bytearray(file.read_bytes())
    begin = content.index(b"zstd", 60)
    content[begin + 100] ^= 0xFF
    file.write_bytes(content)
    messages, notes = read(tmp_path / "bag")
    assert messages == told[1]
    assert len(notes) == 1 and "damaged and left out" in notes[0] and "\n" not in notes[0]


def test_a_chunk_that_declares_more_than_it_may_have_is_not_decompressed(bag: Path) -> None:
    content = bytearray(mcap(bag).read_bytes())
    chunk = content.index(b"zstd", 60) - 4 - 4 - 8  # back over the length of the text, the check sum and the size
    for declared in (2**40, 2**29):
        struct.pack_into("<Q", content, chunk, declared)
        mcap(bag).write_bytes(content)
        messages, notes = read(bag)
        assert messages and len(notes) == 1 and ("at most" in notes[0] or "do not agree" in notes[0])


BAD: dict[str, Callable[[Path], None]] = {
    "nothing there": lambda path: None,
    "an empty folder": lambda path: path.mkdir(),
    "an empty file": lambda path: path.with_suffix(".mcap").touch(),
    "a text file": lambda path: path.with_suffix(".txt").write_text("hello"),
    "a text file called mcap": lambda path: path.with_suffix(".mcap").write_text("hello, I am no bag at all"),
    "a text file called db3": lambda path: path.with_suffix(".db3").write_text("hello, I am no bag at all"),
    "metadata of nothing": lambda path: (path.mkdir(), (path / "metadata.yaml").write_text("[]"))[0],
    "metadata that is no YAML": lambda path: (path.mkdir(), (path / "metadata.yaml").write_text("{{{"))[0],
    "a device": lambda path: path.with_suffix(".mcap").symlink_to("/dev/zero"),
}


@pytest.mark.bad_input
@pytest.mark.parametrize("name", BAD)
def test_what_is_no_bag_is_refused_in_one_line(name: str, tmp_path: Path) -> None:
    BAD[name](tmp_path / "it")
    path = next(tmp_path.glob("it*"), tmp_path / "it")
    said = refusal(path)
    assert said and "\n" not in said and path.name in said


def refusal(path: Path) -> str:
    """The line that says why nothing is read; an empty file is said in a note."""
    try:
        messages, notes = read(path)
    except BagError as error:
        return str(error)
    return "" if messages else notes[0]


def test_a_folder_of_several_bags_stands_for_all(tmp_path: Path) -> None:
    told = [made_up(tmp_path / "all" / name) for name in ("a", "b")]
    messages, notes = read(tmp_path / "all")
    assert len(messages) == 2 * sum(map(len, told[0])) and "2 bags" in notes[0]


@pytest.mark.parametrize("storage", [StoragePlugin.SQLITE3, StoragePlugin.MCAP])
@pytest.mark.parametrize(
    "mode", [CompressionMode.NONE, CompressionMode.MESSAGE, CompressionMode.FILE, CompressionMode.STORAGE]
)
def test_bags_that_others_write_are_read(storage: StoragePlugin, mode: CompressionMode, tmp_path: Path) -> None:
    if storage == StoragePlugin.SQLITE3 and mode == CompressionMode.STORAGE:
        pytest.skip("SQLite3 has none of its own")
    told = [message for episode in made_up(tmp_path / "ours") for message in episode]
    store = get_typestore(Stores.ROS2_JAZZY)
    kinds: dict[str, str] = {}
    (bag,) = find_bags(tmp_path / "ours")
    list(bag.messages(types=kinds.__setitem__))
    writer = Writer(tmp_path / "theirs", version=9, storage_plugin=storage)
    writer.set_compression(mode, CompressionFormat.ZSTD)
    with writer:
        connections = {topic: writer.add_connection(topic, kind, typestore=store) for topic, kind in kinds.items()}
        for message in told:
            writer.write(connections[message.topic], message.time, message.data)
    messages, notes = read(tmp_path / "theirs")
    assert sorted(messages) == sorted(told) and notes == []


def test_a_split_bag_is_read_in_order_with_what_is_left_of_it(tmp_path: Path) -> None:
    told = [made_up(tmp_path / f"part{i}", episodes=1, first=10**17 * (i + 1)) for i in range(3)]
    folder = tmp_path / "split"
    folder.mkdir()
    names = []
    for i in range(3):
        names.append(f"split_{i}.mcap")
        shutil.copy(mcap(tmp_path / f"part{i}"), folder / names[-1])
    listed = "\n".join(f"  - {name}" for name in names)
    (folder / "metadata.yaml").write_text(
        f"rosbag2_bagfile_information:\n  version: 9\n  relative_file_paths:\n{listed}\n"
    )
    assert read(folder)[0] == [message for (episode,) in told for message in episode]
    (folder / names[1]).unlink()
    messages, notes = read(folder)
    assert messages == [*told[0][0], *told[2][0]] and "not there" in notes[0] and names[1] in notes[0]


def test_metadata_cannot_lead_out_of_its_folder(bag: Path, tmp_path: Path) -> None:
    outside = tmp_path / "secret.mcap"
    shutil.copy(mcap(bag), outside)
    mcap(bag).unlink()
    (bag / "metadata.yaml").write_text(
        "rosbag2_bagfile_information: {relative_file_paths: [../secret.mcap, /etc/passwd]}"
    )
    with pytest.raises(BagError, match="none is there"):
        find_bags(bag)


def test_a_full_disk_leaves_whole_chunks_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = made_up(tmp_path / "other")
    writer = BagWriter(tmp_path / "bag")
    (other,) = find_bags(tmp_path / "other")
    kinds: dict[str, str] = {}
    list(other.messages(types=kinds.__setitem__))
    from robot_interface_ros.bags.layout import Channel

    writer.add([Channel(topic, message_types.MESSAGE_TYPES[kind]) for topic, kind in kinds.items()])
    writer.write_chunk(told[0])
    size, write = writer.size, os.write

    def full(descriptor: int, data: bytes) -> int:
        if len(data) > 100:
            return write(descriptor, bytes(data)[:100])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space"):
        writer.write_chunk(told[1])
    monkeypatch.setattr(os, "write", write)
    assert mcap(tmp_path / "bag").stat().st_size == size
    writer.close()
    assert messages_of(tmp_path / "bag") == told[0]


def test_damaged_bags_never_end_in_a_traceback(tmp_path: Path) -> None:
    """Bytes changed, cut out, doubled; in the file and in its decompressed chunks. What is read is whole messages."""
    made_up(tmp_path / "bag", episodes=1)
    content = mcap(tmp_path / "bag").read_bytes()
    database = tmp_path / "it.db3"
    with sqlite3.connect(database) as made:
        made.execute("CREATE TABLE topics(id INTEGER, name TEXT, type TEXT, serialization_format TEXT)")
        made.execute("CREATE TABLE messages(id INTEGER, topic_id INTEGER, timestamp INTEGER, data BLOB)")
        made.execute("INSERT INTO topics VALUES(1, '/env_0/joint_states', 'sensor_msgs/msg/JointState', 'cdr')")
        made.executemany("INSERT INTO messages VALUES(?, 1, ?, ?)", [(i, i, b"x" * 40) for i in range(20)])
    made.close()
    sources = {"mcap": content, "plain.mcap": _uncompressed(content), "db3": database.read_bytes()}
    generator = random.Random(1)
    for i in range(FUZZED):
        kind = generator.choice(list(sources))
        damaged = bytearray(sources[kind])
        for _ in range(generator.choice((1, 3, 30))):
            at, what = generator.randrange(len(damaged)), generator.random()
            if what < 0.6:
                damaged[at] = generator.randrange(256)
            elif what < 0.7 and at + 8 <= len(damaged):
                struct.pack_into("<Q", damaged, at, generator.choice((0, 2**31, 2**63, 2**64 - 1)))
            elif what < 0.85:
                del damaged[at : at + generator.randrange(1, 200)]
            else:
                damaged[at:at] = damaged[at : at + 100]
        path = tmp_path / f"damaged.{kind.rpartition('.')[2]}"
        path.write_bytes(damaged)
        said, messages = "", []
        try:
            messages, notes = read(path)
            said = "".join(notes)
        except BagError as error:
            said = str(error)
        assert "\n" not in said, (i, said)
        for message in messages:
            try:
                decoded.joints(message.data)
                decoded.image(message.data)
            except BagError:
                pass


def _uncompressed(content: bytes) -> bytes:
    """The same file with its chunks as they are, so that damage reaches the records within."""
    at = content.index(b"\x06", 8)
    (length,) = struct.unpack_from("<Q", content, at + 1)
    head = content[at + 9 : at + 9 + 24]
    name = at + 9 + 28
    raw = zstandard.ZstdDecompressor().decompress(content[name + 4 + 4 + 8 : at + 9 + length])
    body = head + struct.pack("<I", 0) + struct.pack("<I", 0) + struct.pack("<Q", len(raw)) + raw
    return content[:at] + b"\x06" + struct.pack("<Q", len(body)) + body


def test_images_of_other_encodings_become_rgb() -> None:
    from robot_interface_ros.bags.cdr import CdrWriter

    def message(encoding: str, step: int, data: bytes) -> bytes:
        writer = CdrWriter()
        writer.header(5, "camera")
        writer.put("I", 1, 2)
        writer.text(encoding)
        writer.put("B", 0)
        writer.put("I", step)
        writer.raw(data)
        return bytes(writer.data)

    assert decoded.image(message("bgr8", 6, bytes(range(6))))[1].tolist() == [[[2, 1, 0], [5, 4, 3]]]
    assert decoded.image(message("mono8", 4, bytes((7, 9, 0, 0))))[1].tolist() == [[[7, 7, 7], [9, 9, 9]]]
    assert decoded.image(message("rgb8", 8, bytes(range(8))))[1].shape == (1, 2, 3)
    for encoding, step, data in (("rgb8", 5, bytes(5)), ("rgb8", 6, bytes(5)), ("bayer_rggb8", 2, bytes(2))):
        with pytest.raises(BagError):
            decoded.image(message(encoding, step, data))
    assert np.array_equal(decoded.joints(b"\0\1\0\0" + bytes(28)).position, [])
