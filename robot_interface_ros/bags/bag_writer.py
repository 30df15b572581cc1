"""Writes a rosbag2 bag: a folder with an MCAP file and metadata.yaml, which `ros2 bag info` and `ros2 bag play` read."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from robot_interface_ros.bags.errors import BagError
from robot_interface_ros.bags.layout import Channel, Recorded
from robot_interface_ros.bags.mcap_writer import McapWriter, qos_text
from robot_interface_ros.files.atomic_file import write_atomically
from robot_interface_ros.files.paths import beside

METADATA = "metadata.yaml"


def bag_name(task: str, seed: int, at: float | None = None) -> str:
    """Return the name of a new bag: date, time, task, seed. `at`: seconds since 1970, None: now."""
    return f"{time.strftime('%Y-%m-%d_%H-%M-%S', time.localtime(at))}_{task}_seed{seed}"


class BagWriter:
    """A bag that is being written, in complete chunks. Raises BagError if it exists, and OSError like files."""

    def __init__(self, folder: Path):
        """`folder`: folder of the new bag; if it exists, -2, -3, ... is added to its name."""
        self.folder = _new_folder(folder)
        self._writer = McapWriter(self.folder / f"{self.folder.name}_0.mcap")
        self._write_metadata()  # so that a killed process leaves a complete bag

    @property
    def size(self) -> int:
        """Number of bytes so far."""
        return self._writer.size

    @property
    def messages(self) -> int:
        """Number of messages so far."""
        return sum(self._writer.counts.values())

    def add(self, channels: Iterable[Channel]) -> None:
        """Add topics; topics that were already added stay unchanged."""
        for channel in channels:
            self._writer.add(channel)

    def write_chunk(self, messages: Sequence[Recorded]) -> None:
        """Append messages of added topics: all of them, or none if OSError is raised."""
        self._writer.write_chunk(messages)

    def close(self) -> None:
        """End the file with its index; may be called twice."""
        try:
            self._writer.close()
        finally:
            self._write_metadata()

    def _write_metadata(self) -> None:
        writer = self._writer
        text = metadata_text(writer.path.name, writer.channels, writer.counts, writer.first, writer.last)
        write_atomically(self.folder / METADATA, text)


def metadata_text(file: str, channels: Mapping[str, Channel], counts: Mapping[str, int], first: int, last: int) -> str:
    """Return metadata.yaml (version 9, of Jazzy and later) of a bag of one file; `first`, `last`: ns."""
    total, length = sum(counts.values()), max(0, last - first)

    def times(indent: str) -> str:
        return (
            f"{indent}duration:\n{indent}  nanoseconds: {length}\n"
            f"{indent}starting_time:\n{indent}  nanoseconds_since_epoch: {first}\n{indent}message_count: {total}\n"
        )

    topics = ""
    for topic, channel in channels.items():
        qos = "\n".join(f"          {line}" for line in qos_text(channel.latched).splitlines())
        topics += (
            f"    - topic_metadata:\n        name: {topic}\n        type: {channel.kind.name}\n"
            f"        serialization_format: cdr\n        offered_qos_profiles:\n{qos}\n"
            f"        type_description_hash: {channel.kind.type_hash}\n      message_count: {counts.get(topic, 0)}\n"
        )
    listed = f"  topics_with_message_count:\n{topics}" if topics else "  topics_with_message_count: []\n"
    return (
        "rosbag2_bagfile_information:\n  version: 9\n  storage_identifier: mcap\n"
        f"{times('  ')}{listed}"
        '  compression_format: ""\n  compression_mode: ""\n'
        f"  relative_file_paths:\n    - {file}\n"
        f"  files:\n    - path: {file}\n{times('      ')}"
        "  custom_data: ~\n  ros_distro: rl_trainer_ros\n"
    )


def _new_folder(folder: Path) -> Path:
    for attempt in range(1, 1000):
        candidate = folder if attempt == 1 else beside(folder, f"-{attempt}")
        try:
            candidate.mkdir(parents=True)
        except FileExistsError:
            continue
        return candidate
    raise BagError(f"{folder} and 998 more of that name exist; give another name")
