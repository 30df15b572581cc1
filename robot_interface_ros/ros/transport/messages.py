"""Messages <-> arrays; only this module knows the layout of messages."""

from __future__ import annotations

import array
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticStatus, KeyValue
from geometry_msgs.msg import PoseStamped, WrenchStamped
from numpy.typing import NDArray
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_msgs.msg import String

from robot_interface_ros.cameras import Pinhole
from robot_interface_ros.config import unknown_name
from robot_interface_ros.errors import RobotError
from robot_interface_ros.files.untrusted_files import parse_json
from robot_interface_ros.robot import Array, Command

NANOSECONDS = 1_000_000_000


class MessageError(RobotError):
    """A message does not have the form that the contract requires."""


class UnreadableMessage(Exception):
    """Bytes are not a message of the topic's type. It is not a RobotError: the waiter refuses and counts the message."""


def stamp_ns(message: Any) -> int:
    """Return the header's stamp in integer nanoseconds."""
    stamp = message.header.stamp
    return int(stamp.sec * NANOSECONDS + stamp.nanosec)


def to_time(stamp: int) -> Time:
    """Return integer nanoseconds as a Time message."""
    return Time(sec=stamp // NANOSECONDS, nanosec=stamp % NANOSECONDS)


class JointStateWriter:
    """Fills the same JointState at every control step: a new message would cost three times as much."""

    def __init__(self, names: Sequence[str], frame_id: str = ""):
        self._message = JointState()
        self._message.name = list(names)
        self._message.header.frame_id = frame_id
        self._stamp = self._message.header.stamp

    def write(
        self, stamp: int, position: Array, velocity: Array | None = None, effort: Array | None = None
    ) -> JointState:
        """Return the message; the next call changes it, so publish or copy it before."""
        message = self._message
        self._stamp.sec, self._stamp.nanosec = divmod(stamp, NANOSECONDS)
        message.position = array.array("d", position.tobytes())
        if velocity is not None:
            message.velocity = array.array("d", velocity.tobytes())
        if effort is not None:
            message.effort = array.array("d", effort.tobytes())
        return message


class PoseWriter:
    """Fills the same PoseStamped again and again: the target's position, m, without orientation."""

    def __init__(self, frame_id: str):
        self._message = PoseStamped()
        self._message.header.frame_id = frame_id
        self._message.pose.orientation.w = 1.0
        self._stamp, self._point = self._message.header.stamp, self._message.pose.position

    def write(self, stamp: int, position: Array) -> PoseStamped:
        """Return the message; the next call changes it, so publish or copy it before."""
        self._stamp.sec, self._stamp.nanosec = divmod(stamp, NANOSECONDS)
        self._point.x, self._point.y, self._point.z = position.tolist()
        return self._message


class WrenchWriter:
    """Fills the same WrenchStamped again and again: force (N) and torque (N·m) on the end effector."""

    def __init__(self, frame_id: str):
        self._message = WrenchStamped()
        self._message.header.frame_id = frame_id
        self._stamp, wrench = self._message.header.stamp, self._message.wrench
        self._force, self._torque = wrench.force, wrench.torque

    def write(self, stamp: int, contact: Array) -> WrenchStamped:
        """Return the message; the next call changes it, so publish or copy it before. `contact`: `(6,)`."""
        self._stamp.sec, self._stamp.nanosec = divmod(stamp, NANOSECONDS)
        force, torque = self._force, self._torque
        force.x, force.y, force.z, torque.x, torque.y, torque.z = contact.tolist()
        return self._message


class SignalsWriter:
    """Fills the same `world_state` again and again: names of signals, and their values as positions."""

    def __init__(self, names: Sequence[str], frame_id: str):
        self._names, self._writer = tuple(names), JointStateWriter(names, frame_id)

    def write(self, stamp: int, signals: Mapping[str, float]) -> JointState:
        """Return the message; the next call changes it, so publish or copy it before."""
        return self._writer.write(stamp, np.array([signals[name] for name in self._names], dtype=np.float64))


def wrench_array(message: WrenchStamped) -> Array:
    """Return force (N) and torque (N·m), `(6,)`."""
    force, torque = message.wrench.force, message.wrench.torque
    return np.array((force.x, force.y, force.z, torque.x, torque.y, torque.z))


def signals_by_name(message: JointState) -> dict[str, float]:
    """Return the signals of a `world_state`."""
    if len(message.name) != len(message.position):
        raise MessageError(f"world_state has {len(message.name)} names but {len(message.position)} positions")
    return dict(zip(message.name, message.position))


def command_from_message(message: JointState) -> Command:
    """Read a `joint_command`; the robot checks whether the joints exist."""
    return Command(stamp_ns(message), tuple(message.name), np.array(message.position, dtype=np.float64))


def joint_state_to_arrays(message: JointState, joint_names: tuple[str, ...]) -> tuple[Array, Array, Array]:
    """Return position, velocity and effort, each `(n_joints,)` float64, reordered by name.

    Joints that are not in `joint_names` are left out; missing velocities or efforts are zero. Raises MessageError if a
    joint is missing or a field has the wrong length.
    """
    names = message.name
    fields = (message.position, message.velocity, message.effort)
    if tuple(names) == joint_names and all(len(entry) == len(names) for entry in fields):  # the usual order
        return tuple(np.array(entry, dtype=np.float64) for entry in fields)  # type: ignore[return-value]
    index = {name: i for i, name in enumerate(names)}
    for name in joint_names:
        if name not in index:
            raise MessageError(
                f"JointState lacks a joint: {unknown_name('joint', name, names)}; start the robot with the robot file, "
                "joint_group and gaze of this environment"
            )
    order = [index[name] for name in joint_names]
    arrays = []
    for label, values in zip(("position", "velocity", "effort"), fields):
        if not len(values) and label != "position":
            arrays.append(np.zeros(len(joint_names)))
        elif len(values) != len(names):
            raise MessageError(f"JointState has {len(names)} names but {len(values)} entries of {label}")
        else:
            arrays.append(np.array(values, dtype=np.float64)[order])
    return arrays[0], arrays[1], arrays[2]


def pose_position(message: PoseStamped) -> Array:
    """Return the position of a pose, `(3,)` m."""
    point = message.pose.position
    return np.array((point.x, point.y, point.z))


def image_message(stamp: int, image: NDArray[np.uint8], frame_id: str) -> Image:
    """Return an `image_raw` of `(height, width, 3)` uint8, as rgb8."""
    message = Image()
    message.header.stamp = to_time(stamp)
    message.header.frame_id = frame_id
    message.height, message.width, message.step = image.shape[0], image.shape[1], 3 * image.shape[1]
    message.encoding = "rgb8"
    message.data = array.array("B", image.tobytes())  # any other type is checked element by element
    return message


def image_array(message: Image) -> NDArray[np.uint8]:
    """Return `(height, width, 3)` uint8 rgb from an rgb8 image."""
    if message.encoding != "rgb8":
        raise MessageError(f"image encoding is '{message.encoding}'; expected rgb8")
    return np.ascontiguousarray(_rows(message, 3)[:, : 3 * message.width]).reshape(message.height, message.width, 3)


def depth_message(stamp: int, depth: NDArray[np.float32], frame_id: str) -> Image:
    """Return a `depth/image_raw` of `(height, width)` float32, m, as 32FC1 (REP 118)."""
    message = Image()
    message.header.stamp = to_time(stamp)
    message.header.frame_id = frame_id
    message.height, message.width, message.step = depth.shape[0], depth.shape[1], 4 * depth.shape[1]
    message.encoding, message.is_bigendian = "32FC1", int(sys.byteorder == "big")
    message.data = array.array("B", depth.astype(np.float32, copy=False).tobytes())
    return message


def depth_array(message: Image) -> NDArray[np.float32]:
    """Return `(height, width)` float32 m from a 32FC1 image."""
    if message.encoding != "32FC1":
        raise MessageError(f"depth encoding is '{message.encoding}'; expected 32FC1")
    rows = _rows(message, 4)[:, : 4 * message.width]
    kind = np.dtype(">f4" if message.is_bigendian else "<f4")
    return np.ascontiguousarray(rows).view(kind).astype(np.float32, copy=False)


class CameraInfoWriter:
    """Fills the same CameraInfo again and again: a pinhole camera without distortion."""

    def __init__(self, camera: Pinhole, frame_id: str):
        message = self._message = CameraInfo()
        message.header.frame_id = frame_id
        self._stamp = message.header.stamp
        message.width, message.height = camera.width, camera.height
        message.distortion_model, message.d = "plumb_bob", [0.0] * 5
        (cx, cy), f = camera.centre, camera.focal
        message.k = [f, 0.0, cx, 0.0, f, cy, 0.0, 0.0, 1.0]
        message.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
        message.p = [f, 0.0, cx, 0.0, 0.0, f, cy, 0.0, 0.0, 0.0, 1.0, 0.0]

    def write(self, stamp: int) -> CameraInfo:
        """Return the message; the next call changes it, so publish or copy it before."""
        self._stamp.sec, self._stamp.nanosec = divmod(stamp, NANOSECONDS)
        return self._message


def srl_state_writer(state_dim: int, encoder_id: str) -> JointStateWriter:
    """Return a writer of `srl_state`: the encoded state; its frame_id is the encoder's id."""
    return JointStateWriter([f"state_{i}" for i in range(state_dim)], encoder_id)


def srl_state_array(message: JointState) -> Array:
    """Return the encoded state in an `srl_state`, `(state_dim,)` float64."""
    return np.array(message.position, dtype=np.float64)


def episode_message(stamp: int, seed: int, drawn: Mapping[str, Any]) -> String:
    """Return an `episode`: JSON with the values sampled for the episode whose first observation has this stamp."""
    return String(data=json.dumps({"stamp": stamp, "seed": seed, "drawn": dict(drawn)}))


def episode_record(message: String) -> tuple[int, dict[str, Any]]:
    """Return the stamp and the sampled values of an `episode`. Raises MessageError for other text."""
    try:
        record = parse_json(message.data, "episode")
        return int(record["stamp"]), dict(record["drawn"])
    except (ValueError, KeyError, TypeError, OverflowError):
        text = message.data if len(message.data) <= 60 else f"{message.data[:60]}..."
        raise MessageError(f"episode is '{text}'; expected JSON with stamp, seed and drawn") from None


def undeclared(response: Any) -> bool:
    """Whether a node refused SetParameters because it lacks these parameters; every node has this service."""
    reasons = [result.reason.lower() for result in response.results if not result.successful]
    return any("undeclared" in reason or "not declared" in reason for reason in reasons)


def diagnostic_status(
    level: bytes, name: str, hardware_id: str, message: str, values: Mapping[str, object]
) -> DiagnosticStatus:
    """Return one entry of `/diagnostics`; `level`: a constant of DiagnosticStatus."""
    pairs = [
        KeyValue(key=key, value=f"{value:.6g}" if isinstance(value, float) else str(value))
        for key, value in values.items()
    ]
    return DiagnosticStatus(level=level, name=name, hardware_id=hardware_id, message=message, values=pairs)


def _rows(message: Image, pixel_bytes: int) -> NDArray[np.uint8]:
    """Return the bytes of an image, `(height, step)`; a row may be longer than its pixels."""
    least = pixel_bytes * message.width
    if len(message.data) != message.height * message.step or message.step < least:
        expected = f"a step of {least} or more" if message.step < least else str(message.height * message.step)
        raise MessageError(
            f"image of {message.width}x{message.height} {message.encoding} with step {message.step} has "
            f"{len(message.data)} bytes; expected {expected}"
        )
    return np.frombuffer(message.data, dtype=np.uint8).reshape(message.height, message.step)
