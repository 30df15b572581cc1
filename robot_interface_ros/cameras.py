"""Cameras of a robot: their poses, their pinhole model, the default camera, and the joints that turn eyes.

An optical frame has z forward, x right and y down (REP 103). Pixel (0, 0) is the centre of the upper left pixel, as in
`sensor_msgs/CameraInfo`.
"""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from robot_interface_ros.config import ConfigError, option, unknown_name
from robot_interface_ros.robot import layer_with
from robot_interface_ros.urdf.kinematics import Pose, Vector3
from robot_interface_ros.urdf.pose import place
from robot_interface_ros.urdf.robot_model import RobotModel

EXTERNAL = "external"
"""The camera that every robot has."""
_FALLBACK_FOV_DEG = 44.0


@dataclass(frozen=True)
class CameraConfig:
    """A camera that moves with a link of the robot (`frame`), or one that does not move (`eye`, `look_at`)."""

    frame: str | None = option(None, "link of the URDF that is the camera's optical frame: z forward, x right, y down")
    eye: Vector3 | None = option(None, "position of a camera that does not move with the robot, m, root frame")
    look_at: Vector3 | None = option(None, "point in the middle of the camera's image, m, root frame")
    fov_deg: float = option(60.0, "vertical field of view, degrees", minimum=1.0, maximum=170.0)

    def __post_init__(self) -> None:
        standing = self.eye is not None and self.look_at is not None
        if standing == (self.frame is not None) or (self.eye is None) != (self.look_at is None):
            raise ConfigError("a camera has either a frame, or eye and look_at")
        if standing and self.eye == self.look_at:
            raise ConfigError(f"a camera at {self.eye} looks at itself; give look_at another point")


@dataclass(frozen=True)
class GazeConfig:
    """The eyes of a robot that can look at a point: a pan-tilt unit, or a head with eyes."""

    frame: str = option("", "link that looks, such as a camera's optical frame: its z axis turns to the point")
    joints: tuple[str, ...] = option((), "joints that turn it; each is in one of the groups")

    def __post_init__(self) -> None:
        if not self.frame or not self.joints or len(set(self.joints)) != len(self.joints):
            raise ConfigError(
                "gaze needs a frame and its joints, each once, such as "
                "gaze: {frame: camera_optical_frame, joints: [pan_joint, tilt_joint]}"
            )


@dataclass(frozen=True)
class Pinhole:
    """Intrinsics of a camera without distortion, in pixels, and its optical frame."""

    frame: str
    width: int
    height: int
    focal: float
    """Focal length, the same along both axes: pixels are square."""
    centre: tuple[float, float]
    """Principal point, where the optical axis meets the image: column, row."""
    depth: bool = False
    """Whether the camera also measures depth."""

    def project(self, points: ArrayLike) -> NDArray[np.float64]:
        """Return the columns and rows `(..., 2)` of points `(..., 3)`, m, in the optical frame; NaN behind the camera."""
        xyz = np.asarray(points, dtype=np.float64)
        depth = np.where(xyz[..., 2:] > 0.0, xyz[..., 2:], np.nan)
        return np.asarray(self.focal * xyz[..., :2] / depth + np.array(self.centre))


def pinholes(robot: object) -> Mapping[str, Pinhole]:
    """Return camera name -> intrinsics, from the attribute `cameras` of a robot's layers; empty if no layer has it."""
    found: Mapping[str, Pinhole] = getattr(layer_with(robot, "cameras"), "cameras", {})
    return found


def focal_length(fov_deg: float, height: int) -> float:
    """Return the focal length in pixels for a vertical field of view over `height` pixels."""
    return 0.5 * height / math.tan(math.radians(fov_deg) / 2.0)


def optical_frame(name: str, camera: CameraConfig) -> str:
    """Return the name of a camera's optical frame, without the robot's prefix."""
    return camera.frame or f"{name}_camera_optical_frame"


def standing_pose(camera: CameraConfig) -> Pose:
    """Return the optical frame of a camera that does not move, in the root frame; its image is upright."""
    assert camera.eye is not None and camera.look_at is not None
    forward = _unit([b - a for a, b in zip(camera.eye, camera.look_at)])
    x, y, _ = forward
    # Right is forward x up. For a camera that looks straight up or down, right is the root's -y.
    right = _unit([y, -x, 0.0]) if math.hypot(x, y) > 1e-9 else (0.0, -1.0, 0.0)
    down = (
        forward[1] * right[2] - forward[2] * right[1],
        forward[2] * right[0] - forward[0] * right[2],
        forward[0] * right[1] - forward[1] * right[0],
    )
    columns = zip(right, down, forward)
    a, b, c = (tuple(row) for row in columns)
    return (*a, *b, *c), camera.eye  # type: ignore[return-value]


def with_external(cameras: Mapping[str, CameraConfig], model: RobotModel, rest: ArrayLike) -> dict[str, CameraConfig]:
    """Return a robot's cameras by name: those of its file, and a default `external` one if the file has none."""
    return {**({} if EXTERNAL in cameras else {EXTERNAL: _whole_robot(model, rest)}), **cameras}


def with_camera_frames(urdf: str, cameras: Mapping[str, CameraConfig]) -> str:
    """Return the URDF with a link for the optical frame of every camera that does not move, fixed to the root.

    Readers of the robot description, such as the publisher of /tf, then know the poses of these cameras.
    """
    robot = ElementTree.fromstring(urdf)
    root = RobotModel.from_urdf(urdf).root
    for name, camera in cameras.items():
        if camera.frame is None:
            frame = optical_frame(name, camera)
            link = ElementTree.SubElement(robot, "link", name=frame)
            inertial = ElementTree.SubElement(link, "inertial")  # without it PyBullet assumes 1 kg
            ElementTree.SubElement(inertial, "mass", value="0")
            ElementTree.SubElement(inertial, "inertia", dict.fromkeys(("ixx", "iyy", "izz", "ixy", "ixz", "iyz"), "0"))
            joint = ElementTree.SubElement(robot, "joint", name=f"{frame}_joint", type="fixed")
            place(joint, standing_pose(camera))
            ElementTree.SubElement(joint, "parent", link=root)
            ElementTree.SubElement(joint, "child", link=frame)
    ElementTree.indent(robot)
    return ElementTree.tostring(robot, encoding="unicode")


def check_cameras(robot: str, cameras: Mapping[str, CameraConfig], model: RobotModel) -> None:
    """Raise ConfigError for a name that no topic can have, a `frame` that the model lacks, or one of `eye` that it has."""
    for name, camera in cameras.items():
        if not re.fullmatch("[A-Za-z][A-Za-z0-9_]*", name):
            raise ConfigError(
                f"robot {robot}: camera {name!r}: a topic is named after it; expected letters, digits and _, a letter first"
            )
        if camera.frame is None and optical_frame(name, camera) in model.links:
            raise ConfigError(
                f"robot {robot}: camera {name} has eye and look_at, but the URDF already has the frame "
                f"{optical_frame(name, camera)}; use frame: {optical_frame(name, camera)} instead"
            )
        if camera.frame is not None and camera.frame not in model.links:
            raise ConfigError(f"robot {robot}: camera {name}: {unknown_name('link', camera.frame, model.links)}")


def check_gaze(robot: str, gaze: GazeConfig, groups: Mapping[str, tuple[str, ...]], model: RobotModel) -> None:
    """Raise ConfigError unless the model has the frame and the joints of a gaze, and every joint is in a group."""
    if gaze.frame not in model.links:
        raise ConfigError(f"robot {robot}: gaze: frame: {unknown_name('link', gaze.frame, model.links)}")
    grouped = [joint for group in groups.values() for joint in group]
    for joint in gaze.joints:
        if joint not in model.joints:
            raise ConfigError(f"robot {robot}: gaze: {unknown_name('joint', joint, model.joints)}")
        if joint not in grouped:
            raise ConfigError(f"robot {robot}: gaze: joint {joint} is in no group; add one, such as head: [{joint}]")


def _whole_robot(model: RobotModel, rest: ArrayLike) -> CameraConfig:
    """Return a camera in front of the robot, to its right and a little above, that sees all of it at rest."""
    points = np.array([position for position, _ in model.link_poses(rest).values()])
    middle = (points.min(axis=0) + points.max(axis=0)) / 2.0
    radius = max(0.2, 1.3 * float(np.linalg.norm(points - middle, axis=1).max()))  # links reach beyond their frames
    distance = radius / math.sin(math.radians(_FALLBACK_FOV_DEG) / 2.0)
    eye = middle + distance * np.array(_unit((1.0, -1.0, 0.35)))
    return CameraConfig(eye=_vector(eye), look_at=_vector(middle), fov_deg=_FALLBACK_FOV_DEG)


def _vector(array: NDArray[np.float64]) -> Vector3:
    x, y, z = array.tolist()
    return x, y, z


def _unit(vector: ArrayLike) -> Vector3:
    array = np.asarray(vector, dtype=np.float64)
    return _vector(array / np.linalg.norm(array))
