"""Messages <-> bytes in CDR, the serialised form of messages on ROS 2 topics and in bags. No ROS here.

Plain CDR with its encapsulation header (OMG DDS-XTypes 1.3, 7.4; RTPS 2.5, 10.2): four bytes, the second of which tells the
order of bytes, then the fields, each aligned to its own size counted from behind the header. Padding is zero here; rclpy
leaves in it, and in a few bytes behind the message, what was in memory.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from robot_interface_ros.bags.errors import BagError

NANOSECONDS = 1_000_000_000
_HEADER = b"\x00\x01\x00\x00"  # little endian
_STAMP = struct.Struct("<iI")
MOST_NAMES = 100_000
"""Largest number of entries in a sequence of names; more than any robot has."""


class CdrWriter:
    """Appends fields to one message, little endian."""

    def __init__(self) -> None:
        self.data = bytearray(_HEADER)

    def align(self, size: int) -> int:
        """Pad to a multiple of `size`; return where the next field begins."""
        self.data += bytes(-(len(self.data) - 4) % size)
        return len(self.data)

    def put(self, kind: str, *values: float) -> int:
        """Append numbers of one struct format, such as I or d; return where they begin."""
        begin = self.align(struct.calcsize(kind))
        self.data += struct.pack(f"<{len(values)}{kind}", *values)
        return begin

    def text(self, value: str) -> None:
        """Append a string."""
        encoded = value.encode() + b"\0"
        self.put("I", len(encoded))
        self.data += encoded

    def texts(self, values: Sequence[str]) -> None:
        """Append a sequence of strings."""
        self.put("I", len(values))
        for value in values:
            self.text(value)

    def floats(self, values: Sequence[float] | NDArray[np.float64]) -> int:
        """Append a sequence of float64; return where its numbers begin."""
        begin = self.put("I", len(values)) + 4
        if len(values):
            begin = self.align(8)
        self.data += np.asarray(values, dtype="<f8").tobytes()
        return begin

    def raw(self, values: bytes) -> int:
        """Append a sequence of bytes; return where they begin."""
        self.put("I", len(values))
        self.data += values
        return len(self.data) - len(values)

    def header(self, stamp: int, frame_id: str) -> None:
        """Append a std_msgs/Header; the stamp (integer ns) is at bytes 4 to 12 of every message that begins with a header."""
        seconds, nanoseconds = divmod(stamp, NANOSECONDS)
        self.put("i", seconds)
        self.put("I", nanoseconds)
        self.text(frame_id)


class CdrReader:
    """Reads the fields of one message from an unknown source. Raises BagError if its bytes do not fit the field."""

    def __init__(self, data: bytes | memoryview):
        if len(data) < 4 or data[0] != 0 or data[1] not in (0, 1):
            raise BagError(f"a message of {len(data)} bytes is not CDR")
        self._data, self._at = memoryview(data), 4
        self._order = "<" if data[1] & 1 else ">"

    @property
    def position(self) -> int:
        """Number of bytes read so far."""
        return self._at

    def take(self, kind: str, n: int = 1) -> tuple[float, ...]:
        """Return `n` numbers of a struct format."""
        size = struct.calcsize(kind)
        self._skip_to(size)
        begin = self._advance(n * size)
        values: tuple[float, ...] = struct.unpack_from(f"{self._order}{n}{kind}", self._data, begin)
        return values

    def count(self) -> int:
        """Return one uint32."""
        return int(self.take("I")[0])

    def text(self) -> str:
        """Return a string."""
        n = self.count()
        begin = self._advance(n)
        return bytes(self._data[begin : begin + n]).rstrip(b"\0").decode(errors="replace")

    def texts(self) -> tuple[str, ...]:
        """Return a sequence of strings."""
        n = self.count()
        if n > MOST_NAMES:
            raise BagError(f"a message declares {n:,} names")
        return tuple(self.text() for _ in range(n))

    def floats(self, n: int | None = None) -> NDArray[np.float64]:
        """Return a sequence of float64, or an array of fixed length `n`."""
        n = self.count() if n is None else n
        if n:
            self._skip_to(8)
        begin = self._advance(8 * n)
        return np.frombuffer(self._data, f"{self._order}f8", n, begin).astype(np.float64)

    def raw(self) -> memoryview:
        """Return a sequence of bytes, not copied."""
        n = self.count()
        begin = self._advance(n)
        return self._data[begin : begin + n]

    def header(self) -> tuple[int, str]:
        """Return stamp (integer ns) and frame_id of a std_msgs/Header."""
        (seconds,), (nanoseconds,) = self.take("i"), self.take("I")
        return int(seconds) * NANOSECONDS + int(nanoseconds), self.text()

    def _skip_to(self, size: int) -> None:
        self._at += -(self._at - 4) % size

    def _advance(self, size: int) -> int:
        begin = self._at
        self._at = begin + size
        if self._at > len(self._data):
            raise BagError(f"a message of {len(self._data):,} bytes ends within a field")
        return begin


def stamp_of(data: bytes | memoryview) -> int:
    """Return the stamp of a serialised message that begins with a header, integer ns. Raises BagError."""
    if len(data) < 12:
        raise BagError(f"a message of {len(data)} bytes has no header")
    seconds, nanoseconds = struct.unpack_from("<iI" if data[1] & 1 else ">iI", data, 4)
    return int(seconds) * NANOSECONDS + int(nanoseconds)


class Template:
    """A serialised message in which only the stamp and some rows of numbers or bytes change."""

    def __init__(self, writer: CdrWriter, rows: Sequence[tuple[int, int]] = ()):
        """`writer`: has written a message that begins with a header; `rows`: first byte and size in bytes of each row."""
        self._data, self._rows = writer.data, tuple(rows)

    def fill(self, stamp: int, *rows: bytes) -> bytes:
        """Return the message with this stamp (integer ns) and these rows."""
        data = self._data
        _STAMP.pack_into(data, 4, *divmod(stamp, NANOSECONDS))
        for (begin, size), row in zip(self._rows, rows):
            if len(row) != size:
                raise BagError(f"a row of {len(row)} bytes in a message; expected {size}")
            data[begin : begin + size] = row
        return bytes(data)


def exact(kind: str, data: bytes) -> bytes:
    """Return a JointState without the bytes after its last field, which rclpy may add; other messages unchanged.

    Readers that hold a message's length against its fields refuse the longer one. Raises BagError where it is no JointState.
    """
    if kind != "sensor_msgs/msg/JointState":
        return data
    reader = CdrReader(data)
    reader.header()
    reader.texts()
    for _ in range(3):
        reader.floats()
    return data[: reader.position]
