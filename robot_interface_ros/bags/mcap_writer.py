"""Writes one MCAP file chunk by chunk (https://mcap.dev/spec). Each chunk is written in one piece.

The `mcap` package's own Writer begins a new chunk when one is full. Here a chunk ends where the caller says, which is at the
end of an episode: a process that is killed loses the episode under way and nothing else. Each chunk repeats the types of its
topics, so one damaged chunk does not make the others unreadable. The records are those of the `mcap` package, but for the
messages within a chunk, which `struct` packs several times as fast.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import zstandard
from mcap.data_stream import RecordBuilder
from mcap.opcode import Opcode
from mcap.records import Channel as ChannelRecord
from mcap.records import Chunk, ChunkIndex, DataEnd, Footer, Header, Schema, Statistics, SummaryOffset

from robot_interface_ros.bags.layout import Channel, Recorded

MAGIC = b"\x89MCAP0\r\n"
_MESSAGE = struct.Struct("<BQHIQQ")  # opcode, length, channel, sequence, log time, publish time
_MESSAGE_HEAD = 22
_ENTRY = struct.Struct("<QQ")
_INDEX_HEAD = struct.Struct("<BQHI")
_LEVEL = 3  # of zstd: images of the simulator become a fifth, at 300 MB/s


class McapWriter:
    """An MCAP file of profile ros2 that is being written. An existing file is never overwritten (FileExistsError)."""

    def __init__(self, path: Path):
        self.path = path
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        self._compressor = zstandard.ZstdCompressor(level=_LEVEL, write_content_size=True)
        self._schemas: dict[str, Schema] = {}
        self._channels: dict[str, ChannelRecord] = {}
        self._indices: list[ChunkIndex] = []
        self.counts: dict[str, int] = {}
        """Topic -> number of messages in the file."""
        self.channels: dict[str, Channel] = {}
        self.first, self.last = 0, 0
        """Times of the first and last message, integer ns."""
        self.size = 0
        """Bytes in the file."""
        self._append(MAGIC + _record(Header("ros2", "rl_trainer_ros")))

    def add(self, channel: Channel) -> None:
        """Add a topic; a topic that was already added stays unchanged."""
        if channel.topic in self._channels:
            return
        kind = channel.kind
        if kind.name not in self._schemas:
            schema = Schema(
                id=len(self._schemas) + 1, name=kind.name, encoding="ros2msg", data=kind.definition.encode()
            )
            self._schemas[kind.name] = schema
        metadata = {"offered_qos_profiles": qos_text(channel.latched), "topic_type_hash": kind.type_hash}
        record = ChannelRecord(
            id=len(self._channels) + 1,
            topic=channel.topic,
            message_encoding="cdr",
            metadata=metadata,
            schema_id=self._schemas[kind.name].id,
        )
        self._channels[channel.topic] = record
        self.channels[channel.topic], self.counts[channel.topic] = channel, 0

    def write_chunk(self, messages: Sequence[Recorded]) -> None:
        """Append one chunk of these messages completely, or nothing if OSError is raised. Their topics must be added before."""
        if not messages:
            return
        body = bytearray(self._types({message.topic for message in messages}))
        entries: dict[int, list[tuple[int, int]]] = {}
        first = last = messages[0].time
        for topic, time, data in messages:
            number = self._channels[topic].id
            entries.setdefault(number, []).append((time, len(body)))
            body += _MESSAGE.pack(Opcode.MESSAGE, _MESSAGE_HEAD + len(data), number, 0, time, time)
            body += data
            first, last = min(first, time), max(last, time)
        raw = bytes(body)
        chunk = Chunk("zstd", self._compressor.compress(raw), last, first, zlib.crc32(raw), len(raw))
        record = _record(chunk)
        offsets, index = {}, bytearray()
        for number, times in entries.items():
            offsets[number] = self.size + len(record) + len(index)
            index += _INDEX_HEAD.pack(Opcode.MESSAGE_INDEX, 6 + 16 * len(times), number, 16 * len(times))
            index += b"".join(_ENTRY.pack(time, offset) for time, offset in times)
        begin = self.size
        self._append(record + index)
        self._indices.append(
            ChunkIndex(
                chunk_length=len(record),
                chunk_start_offset=begin,
                compression="zstd",
                compressed_size=len(chunk.data),
                message_end_time=last,
                message_index_length=len(index),
                message_index_offsets=offsets,
                message_start_time=first,
                uncompressed_size=len(raw),
            )
        )
        self.first = min(self.first, first) if len(self._indices) > 1 else first
        self.last = max(self.last, last)
        for topic, _, _ in messages:
            self.counts[topic] += 1

    def close(self) -> None:
        """Append index and summary, synchronise to disk, and close, also after OSError; may be called twice."""
        if self._file < 0:
            return
        try:
            self._append(self._end())
            os.fsync(self._file)
        finally:
            os.close(self._file)
            self._file = -1

    def _types(self, topics: set[str]) -> bytes:
        """Return schemas and channels of topics, with which a chunk begins."""
        builder = RecordBuilder()
        channels = [record for topic, record in self._channels.items() if topic in topics]
        for schema in self._schemas.values():
            if any(record.schema_id == schema.id for record in channels):
                schema.write(builder)
        for record in channels:
            record.write(builder)
        return bytes(builder.end())

    def _append(self, data: bytes) -> None:
        """Append all of `data`; if that fails, the file stays unchanged."""
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(self._file, rest) :]
        except BaseException:
            os.ftruncate(self._file, self.size)
            os.lseek(self._file, self.size, os.SEEK_SET)
            raise
        self.size += len(data)

    def _end(self) -> bytes:
        counts = {self._channels[topic].id: n for topic, n in self.counts.items() if n}
        statistics = Statistics(
            attachment_count=0,
            channel_count=len(self._channels),
            channel_message_counts=counts,
            chunk_count=len(self._indices),
            message_count=sum(counts.values()),
            metadata_count=0,
            message_start_time=self.first,
            message_end_time=self.last,
            schema_count=len(self._schemas),
        )
        groups: list[tuple[Opcode, list[Any]]] = [
            (Opcode.SCHEMA, list(self._schemas.values())),
            (Opcode.CHANNEL, list(self._channels.values())),
            (Opcode.STATISTICS, [statistics]),
            (Opcode.CHUNK_INDEX, list(self._indices)),
        ]
        data_end = _record(DataEnd(0))
        begin = self.size + len(data_end)
        summary = RecordBuilder()
        offsets = []
        for opcode, records in groups:
            group = begin + summary.count
            for record in records:
                record.write(summary)
            if records:
                offsets.append(SummaryOffset(opcode, group, begin + summary.count - group))
        offsets_at = begin + summary.count
        for offset in offsets:
            offset.write(summary)
        body = summary.end()
        start = struct.pack("<BQQQ", Opcode.FOOTER, 20, begin, offsets_at)
        footer = _record(Footer(begin, offsets_at, zlib.crc32(start, zlib.crc32(body))))
        return bytes(data_end + body + footer + MAGIC)


def qos_text(latched: bool) -> str:
    """Quality of service of a topic as rosbag2 (metadata version 9) writes it: YAML of a list of one profile."""
    depth, durability = (1, "transient_local") if latched else (10, "volatile")
    forever = "\n    sec: 9223372036\n    nsec: 854775807"
    return (
        f"- history: keep_last\n  depth: {depth}\n  reliability: reliable\n  durability: {durability}\n"
        f"  deadline:{forever}\n  lifespan:{forever}\n  liveliness: automatic\n"
        f"  liveliness_lease_duration:{forever}\n  avoid_ros_namespace_conventions: false"
    )


def _record(record: Any) -> bytes:
    builder = RecordBuilder()
    record.write(builder)
    return bytes(builder.end())
