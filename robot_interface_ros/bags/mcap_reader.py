"""Reads MCAP files from any source, from the beginning, also incomplete and partly damaged ones.

No index is needed, because the recording of a killed process has none. A damaged chunk is left out with a note. If the file
ends within a record, the records before it are used.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import lz4.frame
import zstandard
from mcap.data_stream import ReadDataStream
from mcap.exceptions import EndOfFile, InvalidMagic, McapError, RecordLengthLimitExceeded
from mcap.opcode import Opcode
from mcap.records import Channel, Chunk, Header, Message, Schema
from mcap.stream_reader import StreamReader

from robot_interface_ros.bags.errors import BagError
from robot_interface_ros.bags.layout import Recorded
from robot_interface_ros.files.untrusted_files import FileError, open_regular

LARGEST_FILE = 2**44
LARGEST_CHUNK = 2**30
"""Largest size of a decompressed chunk, bytes: rosbag2 writes chunks of 1 MiB, this project chunks of up to 64 MiB."""
_RECORD = struct.Struct("<BQ")
_MESSAGE = struct.Struct("<HIQQ")
_DAMAGE = (McapError, EOFError, ValueError, OverflowError, struct.error, zstandard.ZstdError, RuntimeError, MemoryError)

Types = Callable[[str, str], None]
Note = Callable[[str], None]


def read_mcap(path: Path, note: Note = print, types: Types = lambda topic, kind: None) -> Iterator[Recorded]:
    """Yield the messages of a file, in the file's order. `types(topic, type)` is told each topic before its first message.

    `note` gets one line for each thing that is left out. Raises BagError where nothing can be read.
    """
    try:
        file = open_regular(path, LARGEST_FILE)
    except FileError as error:
        raise BagError(str(error)) from None
    with file:
        yield from _Reading(path, file, note, types).messages()


class _Reading:
    def __init__(self, path: Path, file: BinaryIO, note: Note, types: Types):
        self._path, self._file, self._note, self._types = path, file, note, types
        self._schemas: dict[int, str] = {}
        self._topics: dict[int, str] = {}
        self._size = path.stat().st_size

    def messages(self) -> Iterator[Recorded]:
        """Yield all readable messages."""
        reader = StreamReader(self._file, emit_chunks=True, record_size_limit=max(self._size, 1))
        records = iter(reader.records)
        while True:
            try:
                record = next(records)
            except StopIteration:
                return
            except InvalidMagic:
                if self._file.tell() <= 8:
                    raise BagError(
                        f"{self._path} is no MCAP file: it begins with other bytes; check the path"
                    ) from None
                return
            except _DAMAGE as error:
                self._end(error)
                return
            yield from self._of(record)

    def _of(self, record: Any) -> Iterator[Recorded]:
        if isinstance(record, Header):
            if record.profile not in ("ros2", ""):
                raise BagError(f"{self._path} is MCAP of profile '{record.profile[:20]}'; bags of ROS 2 have ros2")
        elif isinstance(record, Schema):
            self._schemas[record.id] = record.name
        elif isinstance(record, Channel):
            self._add(record)
        elif isinstance(record, Message):
            if record.channel_id in self._topics:
                yield Recorded(self._topics[record.channel_id], record.log_time, record.data)
        elif isinstance(record, Chunk):
            try:
                yield from self._in_chunk(_decompressed(record))
            except _DAMAGE as error:
                said = str(error) or type(error).__name__
                self._note(f"{self._path}: a chunk before byte {self._file.tell():,} is damaged and left out: {said}")

    def _in_chunk(self, raw: bytes) -> list[Recorded]:
        """Return all messages of a chunk, or none: a partly damaged chunk is not used."""
        found, at, end = [], 0, len(raw)
        while at < end:
            opcode, length = _RECORD.unpack_from(raw, at)
            at += _RECORD.size
            if length > end - at:
                raise ValueError("a record in it is longer than the chunk")
            if opcode == Opcode.MESSAGE:
                number, _, time, _ = _MESSAGE.unpack_from(raw, at)
                if number in self._topics:
                    found.append(Recorded(self._topics[number], time, raw[at + _MESSAGE.size : at + length]))
            elif opcode in (Opcode.SCHEMA, Opcode.CHANNEL):
                stream = ReadDataStream(io.BytesIO(raw[at : at + length]))
                if opcode == Opcode.SCHEMA:
                    schema = Schema.read(stream)
                    self._schemas[schema.id] = schema.name
                else:
                    self._add(Channel.read(stream))
            at += length
        return found

    def _add(self, channel: Channel) -> None:
        if channel.message_encoding == "cdr" and channel.id not in self._topics:
            self._topics[channel.id] = channel.topic
            self._types(channel.topic, self._schemas.get(channel.schema_id, ""))

    def _end(self, error: Exception) -> None:
        at = self._file.tell()
        if isinstance(error, (EndOfFile, struct.error)):
            said = "it was cut short, as by a killed recording" if self._size else "it is empty"
        elif isinstance(error, RecordLengthLimitExceeded):
            said = "a record there is longer than the rest of the file, which was cut short or is damaged"
        else:
            said = str(error) or type(error).__name__
        self._note(f"{self._path} can be read to byte {at:,} of {self._size:,}: {said}")


def _decompressed(chunk: Chunk) -> bytes:
    """Return the records of a chunk; the memory is limited, also if the chunk declares a larger size."""
    size = chunk.uncompressed_size
    if size > LARGEST_CHUNK:
        raise ValueError(f"it declares {size:,} bytes; at most {LARGEST_CHUNK:,} are read")
    if chunk.compression == "zstd":
        declared = zstandard.frame_content_size(chunk.data)
        if declared not in (-1, size):
            raise ValueError("its sizes do not agree")
        raw = zstandard.ZstdDecompressor().decompress(chunk.data, max_output_size=size)
    elif chunk.compression == "lz4":
        raw = lz4.frame.LZ4FrameDecompressor().decompress(chunk.data, max_length=size + 1)
    elif chunk.compression == "":
        raw = chunk.data
    else:
        raise ValueError(f"compression '{chunk.compression[:20]}' is not known")
    if len(raw) != size:
        raise ValueError(f"it has {len(raw):,} bytes and declares {size:,}")
    if chunk.uncompressed_crc and zlib.crc32(raw) != chunk.uncompressed_crc:
        raise ValueError("its check sum is wrong")
    return bytes(raw)
