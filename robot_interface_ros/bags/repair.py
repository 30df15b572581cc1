"""Repairs an incomplete or damaged bag: writes a complete one with an index; the old one stays unchanged."""

from __future__ import annotations

from pathlib import Path

from robot_interface_ros.bags.bag_reader import Bag
from robot_interface_ros.bags.bag_writer import BagWriter
from robot_interface_ros.bags.errors import BagError
from robot_interface_ros.bags.layout import Channel, Recorded
from robot_interface_ros.bags.mcap_reader import Note
from robot_interface_ros.bags.message_types import MESSAGE_TYPES
from robot_interface_ros.files.paths import beside

_CHUNK = 4 * 2**20


def repaired(bag: Bag, note: Note) -> Path:
    """Write all readable messages of a bag into a new one, `<bag>_repaired`, and return its folder.

    Types that are no part of the robot contract are left out, and said. Raises BagError, and OSError as files do.
    """
    kinds: dict[str, str] = {}
    named = bag.path.with_name(bag.path.name.partition(".")[0]) if bag.path.is_file() else bag.path
    writer: BagWriter | None = None
    others: set[str] = set()
    pending: list[Recorded] = []
    size = 0
    try:
        for message in bag.messages(note, kinds.__setitem__):
            kind = MESSAGE_TYPES.get(kinds.get(message.topic, ""))
            if kind is None:
                others.add(message.topic)
                continue
            writer = writer or BagWriter(beside(named, "_repaired"))
            latched = message.topic.rpartition("/")[2] in ("robot_description", "episode", "motion_enabled")
            writer.add([Channel(message.topic, kind, latched)])
            pending.append(message)
            size += len(message.data)
            if size > _CHUNK:
                writer.write_chunk(pending)
                pending, size = [], 0
        if writer is None:
            raise BagError(f"{bag.path} has no message of the robot contract that can be read")
        writer.write_chunk(pending)
    finally:
        if writer is not None:
            writer.close()
    if others:
        note(
            f"{bag.path}: {len(others)} topics of types outside of the robot contract are left out, such as {min(others)}"
        )
    return writer.folder
