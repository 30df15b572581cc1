"""Settings of the simulation. They are the parameters of the simulator node and the arguments of `make_robot`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from robot_interface_ros.config import ConfigError, check_range, option, unknown_name
from robot_interface_ros.lockstep import period_of
from robot_interface_ros.robot_config import RobotDescription, load_robot

IMAGE_PIXELS = (8, 4096)
_SIZE = re.compile(r"(\w+)=(\d+)x(\d+)")


@dataclass(frozen=True)
class SimConfig:
    """Checked when made; raises ConfigError or ValueError that names the wrong setting."""

    robot: str = option("inmoov", "robot that the package ships, or the path of a robot's .yaml file", path=True)
    control_hz: float = option(20.0, "commands and observations per simulated second", minimum=1.0, maximum=1000.0)
    physics_hz: float = option(
        240.0, "physics steps per simulated second; a multiple of control_hz", minimum=50.0, maximum=10000.0
    )
    position_gain: float = option(
        0.15,
        "share of a joint's position error that a servo removes per physics step; "
        "0.15 at 240 Hz is a time constant of 28 ms",
        minimum=0.001,
        maximum=1.0,
    )
    world: str = option("reach", "world that the package ships, or the path of a world's .yaml file", path=True)
    contact: bool = option(False, "measure and publish the force on the end effector, and count contact points")
    cameras: tuple[str, ...] = option(
        (), "cameras that render and publish an image with every observation, such as [external]"
    )
    image_width: int = option(64, "width of a camera image, pixels", minimum=IMAGE_PIXELS[0], maximum=IMAGE_PIXELS[1])
    image_height: int = option(64, "height of a camera image, pixels", minimum=IMAGE_PIXELS[0], maximum=IMAGE_PIXELS[1])
    image_sizes: str = option("", "sizes of single cameras, such as left_eye=96x72 right_eye=96x72")
    camera_depth: bool = option(False, "cameras also measure depth")
    renderer: str = option(
        "tiny",
        "renderer of images: tiny: on the processor; egl: on a graphics card; auto: egl for large images if there is a card",
        choices=("tiny", "egl", "auto"),
    )
    camera_hz: float = option(
        0.0,
        "in real time: largest number of images per second of each camera; 0: one per observation, as always in lockstep",
        minimum=0.0,
        maximum=1000.0,
    )
    realtime: bool = option(False, "run at control_hz by a monotonic clock, with or without commands")
    target_radius: float = option(0.04, "radius of the visible target, m", minimum=0.001, maximum=1.0)

    imperfection: str = option(
        "",
        "name of a file in config/imperfections/, such as mild, or the path of a .yaml file; empty or none: no imperfection",
        path=True,
    )
    groups: tuple[str, ...] = option((), "groups of joints that move, or [all]; empty: those of the robot file")
    posture: str = option("", "posture of the robot file in which episodes begin; empty: its rest")

    def __post_init__(self) -> None:
        period_of(self.control_hz)
        self._check_cameras()
        if self.physics_hz % self.control_hz:
            below = int(self.physics_hz // self.control_hz) or 1
            raise ValueError(
                f"physics_hz is {self.physics_hz:g}, which is not a multiple of control_hz {self.control_hz:g}; "
                f"use {below * self.control_hz:g} or {(below + 1) * self.control_hz:g}"
            )

    def load_robot(self) -> RobotDescription:
        """Load the description of the robot to simulate."""
        return load_robot(self.robot, self.groups, self.posture)

    @property
    def substeps(self) -> int:
        """Physics steps per control period."""
        return round(self.physics_hz / self.control_hz)

    def image_size(self, camera: str) -> tuple[int, int]:
        """Width and height of a camera's images, pixels."""
        return parse_image_sizes(self.image_sizes).get(camera, (self.image_width, self.image_height))

    def _check_cameras(self) -> None:
        if len(set(self.cameras)) != len(self.cameras):
            raise ConfigError(f"a camera is listed twice in {list(self.cameras)}")
        for camera in parse_image_sizes(self.image_sizes):
            if camera not in self.cameras:
                raise ConfigError(f"image_sizes: {unknown_name('camera', camera, self.cameras)}")
        if self.camera_hz and not self.realtime:
            raise ConfigError(
                f"camera_hz is {self.camera_hz:g}, but in lockstep every camera renders once per observation; "
                "leave it at 0"
            )


def parse_image_sizes(text: str) -> dict[str, tuple[int, int]]:
    """Parse "left_eye=96x72 right_eye=96x72"; return camera -> width and height, pixels. Raises ConfigError."""
    sizes = {}
    for entry in text.replace(",", " ").split():
        found = _SIZE.fullmatch(entry)
        if found is None:
            raise ConfigError(f"image_sizes has '{entry}'; expected <camera>=<width>x<height>, such as left_eye=96x72")
        sizes[found.group(1)] = size = (int(found.group(2)), int(found.group(3)))
        for pixels in size:
            check_range(f"image_sizes: {found.group(1)}", pixels, *IMAGE_PIXELS)
    return sizes
