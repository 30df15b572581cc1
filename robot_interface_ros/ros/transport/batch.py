"""Batches: one message with a row of numbers for each of several robots of one process.

A row begins with the robot's number and the seconds and nanoseconds of its stamp, each exact in a float64. The layout of
the message names the columns. A robot's number is drawn at each start of its process, so that a row is never mistaken for
that of a restarted robot or of a neighbour.
"""

from __future__ import annotations

import json
import secrets
import struct
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from rclpy.exceptions import NameValidationException
from rclpy.serialization import serialize_message
from rclpy.validate_full_topic_name import validate_full_topic_name
from std_msgs.msg import Float64MultiArray, MultiArrayDimension, String

from robot_interface_ros.files.untrusted_files import parse_json
from robot_interface_ros.robot import Array
from robot_interface_ros.ros.transport import contract
from robot_interface_ros.ros.transport.messages import NANOSECONDS, MessageError, UnreadableMessage
from robot_interface_ros.ros.transport.refused import read, shortened
from robot_interface_ros.topics import OF_A_ROBOT

KEYS = ("robot", "seconds", "nanoseconds")
"""The first columns of every row."""
_KEYS = struct.Struct("=3d")
_MOST_SECONDS = 2**31 - 1  # of a stamp, as in builtin_interfaces/Time
_OTHERS = OF_A_ROBOT - {contract.BATCH_COMMANDS, contract.BATCH_STATES}


def draw_number() -> int:
    """Return a number for a robot: at random, so not the one of another robot; exact in a float64."""
    return secrets.randbits(50)


@dataclass(frozen=True)
class BatchPlace:
    """A robot's place in the batches of its process; the robot publishes it on `batch`."""

    robot: int
    """The number that begins its rows."""
    joints: tuple[str, ...]
    """Joints in the order of the numbers in a row."""
    commands: str
    """Topic of the commands' batches, absolute."""
    states: str
    """Topic of the answers' batches, absolute."""
    contact: bool = False
    """Whether the answers contain the numbers of `contact`."""
    signals: tuple[str, ...] = ()
    """Signals of `world_state` in the order of the numbers in an answer."""

    @property
    def streams(self) -> tuple[str, ...]:
        """The robot's own topics whose numbers are in the answers."""
        world = (contract.CONTACT,) * self.contact + (contract.WORLD_STATE,) * bool(self.signals)
        return (contract.JOINT_STATES, contract.TARGET_POSE, *world)

    def message(self) -> String:
        """Return the message for the topic `batch`: JSON."""
        return String(data=json.dumps(asdict(self)))

    @classmethod
    def of(cls, message: String) -> BatchPlace:
        """Return the place in a message. Raises MessageError for other text."""
        try:
            found = parse_json(message.data, "batch")
            robot, joints = found["robot"], tuple(found["joints"])
            topics = found["commands"], found["states"]
            contact, signals = found.get("contact", False), tuple(found.get("signals", ()))
            texts = all(isinstance(text, str) for text in (*joints, *topics, *signals))
            if type(robot) is not int or type(contact) is not bool or not texts:
                raise TypeError
            for topic in topics:
                validate_full_topic_name(topic)
                if topic.rpartition("/")[2] in _OTHERS:  # it would take the place of a stream with another type
                    raise ValueError
            return cls(robot, joints, *topics, contact, signals)
        except (ValueError, KeyError, TypeError, NameValidationException):
            text = shortened(message.data, 60)
            raise MessageError(f"batch is '{text}'; expected JSON with robot, joints, commands and states") from None


def command_columns(joints: Sequence[str]) -> list[str]:
    """Return the columns of a batch of commands."""
    return [*KEYS, *(f"position {joint}" for joint in joints)]


def state_columns(joints: Sequence[str], contact: bool = False, signals: Sequence[str] = ()) -> list[str]:
    """Return the columns of a batch of answers. `contact`, `signals`: see BatchPlace."""
    columns = [f"{what} {joint}" for what in ("position", "velocity", "effort") for joint in joints]
    columns += [f"target {axis}" for axis in "xyz"]
    columns += [f"{what} {axis}" for what in ("force", "torque") for axis in "xyz"] if contact else []
    return [*KEYS, *columns, *(f"signal {name}" for name in signals)]


def row_of(robot: int, stamp: int, *parts: Array) -> bytes:
    """Return a row in serialised form: robot and stamp, ns, then the numbers of `parts`, each `(n,)` float64."""
    return _KEYS.pack(robot, *divmod(stamp, NANOSECONDS)) + b"".join(
        [(part if part.dtype == np.float64 else part.astype(np.float64)).tobytes() for part in parts]
    )


Row = tuple[int, int, Array]
"""A row that was read: robot, stamp, ns, and the other numbers, `(columns - 3,)` float64."""


class BatchCodec:
    """Writes and reads the batches of one topic in serialised form: the numbers follow a constant beginning."""

    def __init__(self, columns: Sequence[str]):
        """`columns`: names of the numbers of a row."""
        self._columns, self._width = ", ".join(columns), len(columns)
        self._begins: dict[int, bytes] = {}  # number of rows -> beginning of the messages written here
        self._read_begins: dict[int, bytes] = {}  # size of a message -> beginning of those read; padding may differ

    def write(self, rows: Sequence[bytes]) -> bytes:
        """Return the serialised message of these rows, each from `row_of`. Raises ValueError for a row of another length."""
        n, numbers = len(rows), b"".join(rows)
        if len(numbers) != 8 * n * self._width:
            raise ValueError(f"{len(numbers)} bytes for {n} rows; expected {self._width} float64 each")
        if n not in self._begins:
            self._begins[n] = self._begin(n)
        return self._begins[n] + numbers

    def read(self, data: bytes) -> list[Row]:
        """Return the rows of a serialised message. Raises UnreadableMessage."""
        begin = self._read_begins.get(len(data))
        if begin is None or not data.startswith(begin):
            numbers = np.array(read(data, Float64MultiArray).data, dtype=np.float64)
            if len(numbers) % self._width or not len(numbers):
                raise UnreadableMessage(f"a batch of {len(numbers)} numbers; expected {self._width} for each robot")
            begin = b""
            if data.endswith(numbers.tobytes()):
                begin = self._read_begins[len(data)] = data[: -8 * len(numbers)]
            else:
                data = numbers.tobytes()
        return [self._row(data, at) for at in range(len(begin), len(data), 8 * self._width)]

    def _row(self, data: bytes, at: int) -> Row:
        robot, seconds, nanoseconds = _KEYS.unpack_from(data, at)
        whole = robot.is_integer() and seconds.is_integer() and nanoseconds.is_integer()
        if not (whole and 0 <= seconds <= _MOST_SECONDS and 0 <= nanoseconds < NANOSECONDS):
            raise UnreadableMessage(
                f"a row of a batch begins with {robot:g}, {seconds:g}, {nanoseconds:g}; expected a robot and a stamp, in whole "
                "numbers"
            )
        numbers = np.frombuffer(data, np.float64, self._width - len(KEYS), at + _KEYS.size).copy()
        return int(robot), int(seconds) * NANOSECONDS + int(nanoseconds), numbers

    def _begin(self, n: int) -> bytes:
        numbers = np.full(n * self._width, np.pi)
        message = Float64MultiArray(data=numbers.tolist())
        message.layout.dim = [
            MultiArrayDimension(label="robots", size=n, stride=n * self._width),
            MultiArrayDimension(label=self._columns, size=self._width, stride=self._width),
        ]
        data = bytes(serialize_message(message))
        if not data.endswith(numbers.tobytes()):
            raise RuntimeError("this middleware serialises Float64MultiArray in an unknown way")
        return data[: -8 * len(numbers)]
