"""Cameras of the simulation: objects appear where kinematics and intrinsics predict, and separate parts give one image."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from driving import drive

from robot_interface_ros.cameras import (
    CameraConfig,
    Pinhole,
    focal_length,
    optical_frame,
    pinholes,
    standing_pose,
)
from robot_interface_ros.config import ConfigError
from robot_interface_ros.robot import Episode
from robot_interface_ros.robot_config import RobotDescription, describe, load_robot
from robot_interface_ros.safety.safe_robot import SafeRobot
from robot_interface_ros.urdf.robot_model import RobotModel
from robot_sim_ros.cameras.camera import AS_DESCRIBED, projection_matrix, view_matrix
from robot_sim_ros.cameras.renderers import choose_renderer, egl_problem
from robot_sim_ros.pybullet_robot import PyBulletRobot, make_robot
from robot_sim_ros.sim_config import SimConfig

pytestmark = [pytest.mark.cameras, pytest.mark.slow]
CAMERAS = ("external", "left_eye", "right_eye")
RADIUS_M = 0.02


def inmoov(*groups: str) -> RobotDescription:
    return describe("inmoov", load_robot("inmoov").config, groups)


def red_pixels(image: np.ndarray) -> np.ndarray:
    """Return columns and rows of the target's pixels, `(n, 2)`."""
    rgb = image.astype(int)
    return np.argwhere((rgb[:, :, 0] > 60) & (rgb[:, :, 1] < 40) & (rgb[:, :, 2] < 40))[:, ::-1]


def depth_of_sphere(model: Pinhole, pixel: tuple[int, int], centre: np.ndarray) -> float:
    """Return where the ray through a pixel meets the target, m along the optical axis; `centre`: in the optical frame."""
    ray = np.array([*(np.array(pixel) - model.centre) / model.focal, 1.0])
    a, b, c = ray @ ray, ray @ centre, centre @ centre - RADIUS_M**2
    return float((b - np.sqrt(b * b - a * c)) / a)


@pytest.mark.parametrize("camera", CAMERAS)
def test_a_point_is_seen_where_the_kinematics_say(camera: str) -> None:
    """Points all over the image, with several postures of head and eyes, within a pixel; and the depth."""
    description = inmoov("right_arm", "head", "eyes")
    config = SimConfig(cameras=(camera,), image_width=160, image_height=120, target_radius=RADIUS_M, camera_depth=True)
    robot = SafeRobot(PyBulletRobot(description, config, start_ns=0), description)
    model = pinholes(robot)[camera]
    generator, seen, postures = np.random.default_rng(3), 0, []
    head = description.model.index(
        ["head_roll_joint", "head_pan_joint", "head_tilt_joint", "eyes_tilt_joint", "l_eye_pan_joint"]
    )
    far = 1.2 if camera == "external" else 0.5
    observation = robot.reset(Episode())
    for _ in range(4):
        posture = observation.position.copy()
        posture[head] = generator.uniform(description.limits.lower[head], description.limits.upper[head]) * 0.8
        observation = drive(robot, observation, posture, 60)
        position, (xyz, rotation) = (
            observation.position,
            description.model.link_poses(observation.position)[model.frame],
        )
        postures.append(rotation[:, 2])
        for _ in range(6):
            depth = generator.uniform(far, far + 0.4)
            column, row = generator.uniform(20, 140), generator.uniform(20, 100)
            ray = np.array([(column - model.centre[0]) / model.focal, (row - model.centre[1]) / model.focal, 1.0])
            point = xyz + rotation @ (ray * depth)
            plant = robot.plant
            plant._client.resetBasePositionAndOrientation(plant.world.bodies["marker"], point.tolist(), (0, 0, 0, 1))  # type: ignore[attr-defined]
            images, depths = plant.render_images([camera])  # type: ignore[attr-defined]
            pixels = red_pixels(images[camera])
            if len(pixels) < 0.8 * np.pi * (model.focal * RADIUS_M / depth) ** 2:
                continue  # behind the arm, or in its own shade
            seen += 1
            np.testing.assert_allclose(model.project(rotation.T @ (point - xyz)), (column, row), atol=1e-6)
            assert np.linalg.norm(pixels.mean(axis=0) - (column, row)) < 1.0
            # What is drawn is a polyhedron with its 42 corners on the sphere.
            measured = depths[camera][round(row), round(column)]
            assert -1e-4 < measured - depth_of_sphere(model, (round(column), round(row)), ray * depth) < 0.25 * RADIUS_M
        assert position is observation.position
    assert seen >= 16
    if camera != "external":
        assert np.ptp(postures, axis=0).max() > 0.3  # it really looked about


def test_depth_is_infinite_where_nothing_is() -> None:
    robot = make_robot(SimConfig(cameras=("external",), camera_depth=True))
    observation = robot.reset(Episode(0, (0.45, -0.3, 1.2)))
    depth, image = observation.depths["external"], observation.images["external"]
    assert depth.shape == (64, 64) and depth.dtype == np.float32
    assert np.isinf(depth[0, 0]) and (image[0, 0] == 255).all()
    assert 1.0 < depth.min() < 1.5 and (np.isfinite(depth) == (image != 255).any(axis=2)).mean() > 0.98


@pytest.mark.parametrize("groups", [("right_arm",), ("right_arm", "head", "eyes")])
def test_a_picture_in_two_parts_equals_one_of_everything(groups: tuple[str, ...]) -> None:
    """Every pixel while the arm moves; static parts are rendered separately if a camera is configured."""
    description = inmoov(*groups)
    whole = SafeRobot(PyBulletRobot(description, SimConfig(), start_ns=0), description)
    parted = SafeRobot(PyBulletRobot(description, SimConfig(cameras=CAMERAS), start_ns=0), description)
    assert whole.plant._rig.static_scene is None  # type: ignore[attr-defined]
    assert parted.plant._rig.static_scene is not None  # type: ignore[attr-defined]
    observations = [robot.reset(Episode(0, (0.3, -0.3, 1.3))) for robot in (whole, parted)]
    generator, different = np.random.default_rng(0), set()
    target, raising = description.rest, np.array(["lift" in joint for joint in description.joint_names])
    for _ in range(15):
        target = target + generator.normal(0.0, 0.3, len(target)) - 0.2 * raising
        target = np.clip(target, description.limits.lower, description.limits.upper)
        observations = [drive(robot, o, target, 8) for robot, o in zip((whole, parted), observations)]
        for camera in CAMERAS:
            image = observations[1].images[camera]
            other = parted.plant.render(camera, 64, 64)  # type: ignore[attr-defined]
            np.testing.assert_array_equal(whole.plant.render(camera, 64, 64), other)  # type: ignore[attr-defined]
            different.add(image.tobytes())
        assert observations[0].position.tobytes() == observations[1].position.tobytes()  # physics sees no visuals
    assert len(different) > 30


def test_a_look_moves_the_camera_and_is_undone() -> None:
    robot = PyBulletRobot(load_robot("inmoov"), SimConfig(cameras=("external",)), start_ns=0)
    before = robot.reset(Episode(0)).images["external"]
    robot._rig.look = dataclasses.replace(AS_DESCRIBED, shift={"external": (0.05, 0.0, 0.0)}, light_intensity=0.8)
    assert (robot.receive().images["external"] != before).any(axis=2).mean() > 0.05
    robot._rig.look = AS_DESCRIBED
    np.testing.assert_array_equal(robot.receive().images["external"], before)


def test_each_camera_may_have_a_size_of_its_own() -> None:
    config = SimConfig(cameras=("external", "left_eye"), image_width=40, image_height=30, image_sizes="left_eye=24x16")
    robot = make_robot(config)
    images = robot.reset(Episode()).images
    assert {name: image.shape for name, image in images.items()} == {"external": (30, 40, 3), "left_eye": (16, 24, 3)}
    models = pinholes(robot)
    assert (models["left_eye"].frame, models["left_eye"].width) == ("l_eye_camera_optical_frame", 24)
    assert models["left_eye"].focal == pytest.approx(8.0)  # 90 degrees over 16 rows
    assert not robot.reset(Episode()).depths


def test_any_robot_has_an_external_camera_that_sees_all_of_it() -> None:
    config = dataclasses.replace(load_robot("inmoov").config, cameras={})
    description = describe("inmoov", config, ("right_arm",))
    camera = description.cameras["external"]
    rotation, xyz = standing_pose(camera)
    model = Pinhole("", 100, 100, focal_length(camera.fov_deg, 100), (50.0, 49.0))
    poses = description.model.link_poses(description.rest)
    links = np.array([position for link, (position, _) in poses.items() if link != "external_camera_optical_frame"])
    pixels = model.project((links - xyz) @ np.array(rotation).reshape(3, 3))
    assert pixels.min() > 5 and pixels.max() < 95 and np.ptp(pixels[:, 1]) > 50


def test_the_description_holds_every_cameras_frame() -> None:
    """So that /tf has them: also cameras next to the robot, exactly at the rendered poses."""
    description = load_robot("inmoov")
    poses = RobotModel.from_urdf(description.urdf).link_poses(description.rest)
    for name, camera in description.cameras.items():
        xyz, rotation = poses[optical_frame(name, camera)]
        if camera.frame is None:
            turn, eye = standing_pose(camera)
            np.testing.assert_allclose(rotation.ravel(), turn, atol=1e-12)
            np.testing.assert_allclose(xyz, eye, atol=1e-12)


@pytest.mark.parametrize("direction", [(1.0, 0.0, 0.0), (-0.3, 2.0, -1.0), (0.0, 0.0, -1.0), (0.0, 0.0, 2.0)])
def test_a_standing_camera_is_upright(direction: tuple[float, float, float]) -> None:
    eye = (0.3, -0.2, 1.0)
    rotation, xyz = standing_pose(CameraConfig(eye=eye, look_at=tuple(np.add(eye, direction))))  # type: ignore[arg-type]
    turn = np.array(rotation).reshape(3, 3)
    assert xyz == eye
    np.testing.assert_allclose(turn.T @ turn, np.eye(3), atol=1e-12)
    assert np.linalg.det(turn) == pytest.approx(1.0)
    np.testing.assert_allclose(turn[:, 2], direction / np.linalg.norm(direction), atol=1e-12)
    assert turn[2, 0] == pytest.approx(0.0) and turn[2, 1] <= 1e-12  # right is level, down is not upwards


def test_matrices_are_those_of_opengl() -> None:
    """Compared with PyBullet's matrices, for a case that these support: an upright, centred camera."""
    import pybullet

    camera = CameraConfig(eye=(1.0, -2.0, 0.5), look_at=(0.2, 0.1, 1.0), fov_deg=50.0)
    np.testing.assert_allclose(
        view_matrix(standing_pose(camera)), pybullet.computeViewMatrix(camera.eye, camera.look_at, (0, 0, 1)), atol=1e-6
    )
    model = Pinhole("", 96, 64, focal_length(50.0, 64), (48.0, 31.0))
    wanted = np.array(pybullet.computeProjectionMatrixFOV(50.0, 1.5, 0.03, 10.0))
    np.testing.assert_allclose(projection_matrix(model, half_pixel=False), wanted, rtol=1e-5)
    shifted = np.array(projection_matrix(model, half_pixel=True)) - wanted
    assert np.flatnonzero(np.abs(shifted) > 1e-5).tolist() == [8, 9]


@pytest.mark.bad_input
def test_bad_cameras_are_named() -> None:
    with pytest.raises(ConfigError, match="robot inmoov: unknown camera 'left_ey'.*did you mean left_eye.*external"):
        make_robot(SimConfig(cameras=("left_ey",)))
    with pytest.raises(ConfigError, match="either a frame, or eye and look_at"):
        CameraConfig(frame="torso", eye=(0.0, 0.0, 0.0), look_at=(1.0, 0.0, 0.0))
    with pytest.raises(ConfigError, match="either a frame, or eye and look_at"):
        CameraConfig(eye=(0.0, 0.0, 0.0))
    with pytest.raises(ConfigError, match="looks at itself"):
        CameraConfig(eye=(0.0, 0.0, 0.0), look_at=(0.0, 0.0, 0.0))
    config = dataclasses.replace(load_robot("inmoov").config, cameras={"nose": CameraConfig(frame="nase")})
    with pytest.raises(ConfigError, match="camera nose: unknown link 'nase'"):
        describe("inmoov", config, ("right_arm",))
    beside = CameraConfig(eye=(1.0, 0.0, 1.0), look_at=(0.0, 0.0, 1.0))
    for name in ("left eye", "front/left", "2nd", "œil", ""):
        config = dataclasses.replace(config, cameras={name: beside})
        with pytest.raises(ConfigError, match=f"camera '{name}': a topic is named after it"):
            describe("inmoov", config, ("right_arm",))
    config = dataclasses.replace(config, cameras={"l_eye": beside})
    with pytest.raises(
        ConfigError, match="camera l_eye has eye and look_at, but the URDF already has the frame l_eye_camera_optic"
    ):
        describe("inmoov", config, ("right_arm",))
    with pytest.raises(ConfigError, match="a camera is listed twice"):
        SimConfig(cameras=("external", "external"))
    with pytest.raises(ConfigError, match="image_sizes has 'external:3x4'; expected <camera>=<width>x<height>"):
        SimConfig(cameras=("external",), image_sizes="external:3x4")
    with pytest.raises(ConfigError, match="image_sizes: unknown camera 'nose'"):
        SimConfig(cameras=("external",), image_sizes="nose=64x64")
    with pytest.raises(ConfigError, match="image_sizes: external is 4; allowed: 8 to 4096"):
        SimConfig(cameras=("external",), image_sizes="external=4x64")
    with pytest.raises(ConfigError, match="camera_hz is 10, but in lockstep every camera renders once"):
        SimConfig(camera_hz=10.0)


def test_without_a_graphics_card_auto_falls_back_in_one_line(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from robot_sim_ros.cameras import renderers

    monkeypatch.setattr(renderers, "_probe", lambda: ("there is no graphics card", ""))
    renderers.egl_problem.cache_clear()
    assert choose_renderer("tiny") == "tiny" and not caplog.records
    assert choose_renderer("auto") == "tiny"
    assert [record.message for record in caplog.records] == [
        "renderer auto: uses TinyRenderer, because egl does not work: there is no graphics card"
    ]
    with pytest.raises(
        ConfigError, match="renderer egl does not work on this machine: there is no graphics card; use renderer:=tiny"
    ):
        choose_renderer("egl")
    monkeypatch.setattr(renderers, "_probe", lambda: (None, "llvmpipe (LLVM 15.0.7)"))
    renderers.egl_problem.cache_clear()
    assert choose_renderer("auto") == "tiny" and choose_renderer("egl") == "egl"
    monkeypatch.setattr(renderers, "_probe", lambda: (None, "NVIDIA H100"))
    assert choose_renderer("auto") == "egl"
    assert choose_renderer("auto", 64 * 64) == "tiny" and choose_renderer("egl", 64 * 64) == "egl"
    renderers.egl_problem.cache_clear()


@pytest.mark.skipif(egl_problem() is not None, reason=f"no EGL: {egl_problem()}")
def test_a_graphics_card_draws_the_same_camera() -> None:
    """The same objects at the same pixels and depths as with TinyRenderer, in other shades; two robots in one process."""
    robots = [
        make_robot(SimConfig(cameras=CAMERAS, camera_depth=True, renderer=kind)) for kind in ("tiny", "egl", "egl")
    ]
    tiny, egl, other = (robot.reset(Episode(0, (0.4, -0.3, 1.3))) for robot in robots)
    for camera in CAMERAS:
        np.testing.assert_array_equal(egl.images[camera], other.images[camera])
        finite, egl_finite = np.isfinite(tiny.depths[camera]), np.isfinite(egl.depths[camera])
        assert (finite == egl_finite).mean() > 0.99
        both = finite & egl_finite
        assert np.median(np.abs(tiny.depths[camera][both] - egl.depths[camera][both])) < 2e-3
        assert (egl.images[camera][~np.isfinite(egl.depths[camera])] == 255).all()
        apart = np.linalg.norm(
            red_pixels(tiny.images[camera]).mean(axis=0) - red_pixels(egl.images[camera]).mean(axis=0)
        )
        assert apart < 0.5
    for robot in robots:
        robot.close()
