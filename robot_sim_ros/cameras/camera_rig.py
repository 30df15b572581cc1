"""The configured cameras of one simulated robot: their poses and their renderers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from robot_interface_ros.cameras import CameraConfig, Pinhole, standing_pose
from robot_interface_ros.config import ConfigError, unknown_name
from robot_interface_ros.robot import NO_DEPTHS, Array
from robot_interface_ros.robot_config import RobotDescription
from robot_interface_ros.urdf.kinematics import Pose
from robot_sim_ros.cameras.camera import AS_DESCRIBED, Camera, Depth, Renderer, Rgb, metres
from robot_sim_ros.cameras.renderers import choose_renderer, load_egl
from robot_sim_ros.cameras.static_scene import StaticScene, part_visuals
from robot_sim_ros.imperfection.look import Look
from robot_sim_ros.sim_config import SimConfig

PoseAt = Callable[[Array], Pose]


class CameraRig:
    """All cameras of one robot. Make it before bodies are loaded: it chooses the renderer, and it may take static parts out.

    `look` may be replaced at any time: direction of the light, and deviations of the cameras' poses.
    """

    def __init__(self, client: Any, description: RobotDescription, config: SimConfig):
        """`client`: the BulletClient that will hold the world. Raises ConfigError for a camera that the robot lacks."""
        self._description, self._config = description, config
        self._poses = {name: _pose_at(description, self._find(name)) for name in config.cameras}
        largest = max((width * height for width, height in map(config.image_size, config.cameras)), default=0)
        self.renderer = choose_renderer(config.renderer, largest) if config.cameras else "tiny"
        if self.renderer == "egl":
            load_egl(client)
        self._moving = Renderer(client, self.renderer)
        self._still: Renderer | None = None
        self.static_scene: StaticScene | None = None
        self._cameras: dict[str, Camera] = {}
        self._pictured: tuple[tuple[str, int, int], Camera, PoseAt] | None = None  # camera of the last extra image
        self.look: Look = AS_DESCRIBED

    def part(self, urdf: str) -> str:
        """Return the URDF to load, for a robot without fixed joints. Static parts are taken out where that saves time."""
        if self.renderer == "tiny" and any(stands for stands, _ in self._poses.values()):
            urdf, rest = part_visuals(urdf)
            self.static_scene = StaticScene(rest)
            self._still = Renderer(self.static_scene.client, "tiny")
        size, depth = self._config.image_size, self._config.camera_depth
        self._cameras = {
            name: Camera(name, self._find(name), size(name), self._moving, self._still, depth) for name in self._poses
        }
        return urdf

    @property
    def models(self) -> Mapping[str, Pinhole]:
        """Intrinsics of each configured camera, by name."""
        return {name: camera.model for name, camera in self._cameras.items()}

    def see(self, names: Iterable[str], position: Array, periods: int) -> tuple[dict[str, Rgb], Mapping[str, Depth]]:
        """Return images of configured cameras, and depths (m) if they are configured; `position`: `(n_joints,)` rad.

        `periods`: control periods since the reset. The turn (see Renderer) is computed from it, such that an episode in
        which every camera renders after every period needs no extra image.
        """
        images, depths = {}, {}
        for name in names:
            _, pose_at = self._poses[name]
            turn = (periods * len(self._poses) + self._config.cameras.index(name)) % 2
            images[name], depth = self._cameras[name].draw(pose_at(position), self.look, turn)
            if self._config.camera_depth:
                depths[name] = metres(depth)
        return images, depths or NO_DEPTHS

    def picture(self, name: str, width: int, height: int, position: Array) -> Rgb:
        """Render one extra image, outside of the configured streams."""
        if self._pictured is None or self._pictured[0] != (name, width, height):
            config = self._find(name)
            camera = Camera(name, config, (width, height), self._moving, self._still)
            self._pictured = (name, width, height), camera, _pose_at(self._description, config)[1]
        _, camera, pose_at = self._pictured
        return camera.draw(pose_at(position), self.look)[0]

    def forget(self) -> None:
        """Draw what never moves again: its colours have changed."""
        self._pictured = None
        for camera in self._cameras.values():
            camera.forget()

    def close(self) -> None:
        """Release the static scene; safe to call twice."""
        if self.static_scene is not None:
            self.static_scene.close()
            self.static_scene = self._still = None

    def _find(self, name: str) -> CameraConfig:
        cameras = self._description.cameras
        if name not in cameras:
            raise ConfigError(f"robot {self._description.name}: {unknown_name('camera', name, cameras)}")
        return cameras[name]


def _pose_at(description: RobotDescription, camera: CameraConfig) -> tuple[bool, PoseAt]:
    """Return whether the camera is static, and a function from joint positions (rad) to its optical frame in the root frame."""
    if camera.frame is None:
        standing = standing_pose(camera)
        return True, lambda position: standing
    chain = description.model.chain(camera.frame)
    index = description.model.index(chain.joint_names)

    def pose(position: Array) -> Pose:
        xyz, rotation = chain.pose(position[index])
        return tuple(rotation.ravel().tolist()), tuple(xyz.tolist())  # type: ignore[return-value]

    if chain.joint_names:
        return False, pose
    fixed = pose(description.rest)
    return True, lambda position: fixed
