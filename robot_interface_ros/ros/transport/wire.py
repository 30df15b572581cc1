"""Reads and writes messages in serialised form, when only their stamp and numbers change.

From step to step, only the stamp and a few rows of float64 change in a message of the contract. rclpy converts each number
to a Python object and back; here the bytes are copied, which makes taking a JointState three times as fast. The positions
of the numbers are not assumed, but found by serialising a message with known numbers. A message with another layout is
read by rclpy.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from geometry_msgs.msg import PoseStamped
from rclpy.serialization import serialize_message
from sensor_msgs.msg import JointState

from robot_interface_ros.robot import Array, Command
from robot_interface_ros.ros.transport import messages
from robot_interface_ros.ros.transport.messages import NANOSECONDS, UnreadableMessage
from robot_interface_ros.ros.transport.refused import read

_STAMP = struct.Struct("=iI")  # builtin_interfaces/Time
_STAMP_END = 4 + _STAMP.size
_MARKED_NS = 1_234_567_891_234_567_891


class Writer(Protocol):
    """A writer of messages.py."""

    @property
    def write(self) -> Callable[..., Any]:
        """Return the message with a stamp and rows of numbers: `write(stamp, *rows)`."""


class Layout:
    """The positions of a message's stamp and numbers, and its other, constant bytes."""

    def __init__(self, template: bytes, stamp_at: int, rows: Sequence[tuple[int, int]]):
        """`rows`: first byte and number of float64 of each row, in the order of the first bytes."""
        self._template, self._stamp_at, self._rows = bytearray(template), stamp_at, tuple(rows)
        changing = [(stamp_at, stamp_at + _STAMP.size), *((begin, begin + 8 * n) for begin, n in rows)]
        ends = [0, *(end for _, end in changing)]
        begins = [*(begin for begin, _ in changing), len(template)]
        self._fixed = [(begin, end, template[begin:end]) for begin, end in zip(ends, begins)]

    @classmethod
    def find(cls, writer: Writer, sizes: Sequence[int]) -> Layout | None:
        """Return the layout of the messages of `writer`, with rows of these sizes; None if it cannot be found."""
        marks = [np.pi * np.arange(1, n + 1) + 1000.0 * k for k, n in enumerate(sizes)]
        data = bytes(serialize_message(writer.write(_MARKED_NS, *marks)))
        stamp_at = data.find(_STAMP.pack(*divmod(_MARKED_NS, NANOSECONDS)))
        begins = [data.find(mark.tobytes()) for mark in marks]
        if stamp_at < 0 or min(begins, default=-1) < 0 or begins != sorted(begins) or stamp_at > begins[0]:
            return None
        return cls(data, stamp_at, list(zip(begins, sizes)))

    def fill(self, stamp: int, rows: Sequence[Array]) -> bytes:
        """Return the serialised message with this stamp and these rows."""
        template = self._template
        _STAMP.pack_into(template, self._stamp_at, *divmod(stamp, NANOSECONDS))
        for (begin, n), row in zip(self._rows, rows):
            if row.shape != (n,) or row.dtype != np.float64:
                raise ValueError(f"a row of {row.shape} {row.dtype}; expected ({n},) float64")
            template[begin : begin + 8 * n] = row.tobytes()
        return bytes(template)

    def rows(self, data: bytes) -> tuple[Array, ...] | None:
        """Return the rows of a serialised message, each `(n,)`; None if it has another layout."""
        if len(data) != len(self._template):
            return None
        for begin, end, fixed in self._fixed:
            if data[begin:end] != fixed:
                return None
        return tuple(np.frombuffer(data, np.float64, n, begin).copy() for begin, n in self._rows)


class SerialWriter:
    """A writer like those of messages.py that returns serialised messages, which every publisher accepts."""

    def __init__(self, writer: Writer, *sizes: int):
        """`sizes`: sizes of the rows, which never change."""
        self._writer, self._layout = writer, Layout.find(writer, sizes)

    def write(self, stamp: int, *rows: Array) -> Any:
        """Return the message to publish."""
        if self._layout is None:
            return self._writer.write(stamp, *rows)
        return self._layout.fill(stamp, rows)


class SerialReader:
    """Reads rows of numbers from serialised messages; the first complete, ordered message gives the layout."""

    def __init__(self, kind: Any, general: Callable[[Any], tuple[Array, ...]], alike: Callable[[Any], Writer | None]):
        """`general(message)` returns its rows; `alike(message)` a writer of such messages, or None for an unusual one."""
        self._kind, self._general, self._alike = kind, general, alike
        self._layout: Layout | None = None

    def read(self, data: bytes) -> tuple[Array, ...]:
        """Return the message's rows of float64. Raises UnreadableMessage, and the errors of `general`."""
        rows = self._layout.rows(data) if self._layout is not None else None
        if rows is not None:
            return rows
        message = read(data, self._kind)
        rows = self._general(message)
        if self._layout is None:
            writer = self._alike(message)
            self._layout = Layout.find(writer, [len(row) for row in rows]) if writer is not None else None
        return rows


def stamp_ns(data: Any) -> int:
    """Return the stamp of a message that begins with a header, serialised or not, integer nanoseconds.

    The serialised form begins with four bytes; the last bit of the second is the byte order (RTPS 2.5, 10.2).
    Raises UnreadableMessage if there are too few bytes.
    """
    if not isinstance(data, bytes):
        return messages.stamp_ns(data)
    if len(data) < _STAMP_END:
        raise UnreadableMessage(f"{len(data)} bytes, too few for a header")
    seconds, nanoseconds = struct.unpack_from("<iI" if data[1] & 1 else ">iI", data, 4)
    return int(seconds * NANOSECONDS + nanoseconds)


def joint_state_reader(joint_names: tuple[str, ...]) -> SerialReader:
    """Return a reader of position, velocity and effort, as `messages.joint_state_to_arrays`."""

    def alike(message: Any) -> Writer | None:
        complete = all(len(entry) == len(joint_names) for entry in (message.position, message.velocity, message.effort))
        usual = complete and tuple(message.name) == joint_names
        return messages.JointStateWriter(joint_names, message.header.frame_id) if usual else None

    return SerialReader(JointState, lambda message: messages.joint_state_to_arrays(message, joint_names), alike)


def joint_target_reader(joint_names: tuple[str, ...]) -> SerialReader:
    """Return a reader of positions, for messages without velocity and effort, such as `joint_target`."""

    def alike(message: Any) -> Writer | None:
        usual = tuple(message.name) == joint_names and not len(message.velocity) and not len(message.effort)
        return messages.JointStateWriter(joint_names, message.header.frame_id) if usual else None

    return SerialReader(JointState, lambda message: messages.joint_state_to_arrays(message, joint_names)[:1], alike)


def pose_reader() -> SerialReader:
    """Return a reader of a PoseStamped's position, as `messages.pose_position`."""
    return SerialReader(
        PoseStamped,
        lambda message: (messages.pose_position(message),),
        lambda message: messages.PoseWriter(message.header.frame_id),
    )


class CommandReader:
    """Reads `joint_command`, as `messages.command_from_message`; fast for the joints of the first command."""

    def __init__(self) -> None:
        self._layout: Layout | None = None
        self._names: tuple[str, ...] = ()

    def read(self, data: bytes) -> Command:
        """Return the command; the robot checks whether the joints exist. Raises UnreadableMessage."""
        rows = self._layout.rows(data) if self._layout is not None else None
        if rows is not None:
            return Command(stamp_ns(data), self._names, rows[0])
        message = read(data, JointState)
        command = messages.command_from_message(message)
        if self._layout is None and len(command.names) == len(command.position) > 0:
            self._names = command.names
            writer = messages.JointStateWriter(command.names, message.header.frame_id)
            self._layout = Layout.find(writer, [len(command.names)])
        return command
