"""Cameras over topics: the messages are consistent, and equal those of an in-process simulation, bit for bit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from serving import discover

pytest.importorskip("rclpy")
from driving import drive
from geometry_msgs.msg import PoseStamped
from sensor_msgs.msg import CameraInfo, Image, JointState
from test_cameras import CAMERAS, RADIUS_M, depth_of_sphere, red_pixels

from rl_trainer_ros.environments.make_env import make_robot_env
from rl_trainer_ros.ros.robot_client.readers import CameraParts
from rl_trainer_ros.ros.robot_client.timeouts import Timeouts
from rl_trainer_ros.ros.robot_client.topic_robot import TopicRobot
from robot_interface_ros.cameras import Pinhole, pinholes
from robot_interface_ros.errors import RobotError
from robot_interface_ros.files.description import share_directory
from robot_interface_ros.robot import Command, Episode, Observation
from robot_interface_ros.robot_config import load_robot
from robot_interface_ros.ros.transport import contract, messages
from robot_interface_ros.ros.transport.contract import absolute
from robot_interface_ros.ros.transport.runtime import Runtime
from robot_interface_ros.ros.transport.waiting import make_waiter
from robot_sim_ros.pybullet_robot import make_robot
from robot_sim_ros.sim_config import SimConfig

pytestmark = [pytest.mark.cameras, pytest.mark.ros]
PERIOD = 50_000_000


class Bystander:
    """Receives all messages of some topics, and stores them by stamp."""

    def __init__(self, runtime: Runtime, kinds: dict[str, Any]):
        self.node = runtime.node("bystander", start_parameter_services=False)
        self.waiter, self.heard = make_waiter(self.node), defaultdict[str, dict[int, Any]](dict)
        self.topics = list(kinds)
        for name, kind in kinds.items():
            self.waiter.subscribe(kind, absolute("/env_0", name), lambda message, name=name: self._keep(name, message))

    def _keep(self, name: str, message: Any) -> None:
        self.heard[name][messages.stamp_ns(message)] = message

    def step_state(self, stamp: int) -> dict[str, Any]:
        """Wait for all messages with one stamp."""
        for _ in range(1000):
            if all(stamp in self.heard[name] for name in self.topics):
                return {name: self.heard[name][stamp] for name in self.topics}
            self.waiter.wait(0.05)
        missing = [name for name in self.topics if stamp not in self.heard[name]]
        pytest.fail(f"no message of {', '.join(missing)} with stamp {stamp}")

    def close(self) -> None:
        self.waiter.close()
        self.node.destroy_node()


def camera_kinds(cameras: tuple[str, ...]) -> dict[str, Any]:
    return {
        **{contract.image_topic(camera): Image for camera in cameras},
        **{contract.depth_topic(camera): Image for camera in cameras},
        **{contract.camera_info_topic(camera): CameraInfo for camera in cameras},
    }


def listed(names: tuple[str, ...]) -> str:
    return f"[{', '.join(names)}]"


def test_messages_agree_with_each_other_and_with_the_kinematics(
    simulator: Callable, domain: int, tmp_path: Path
) -> None:
    """joint_states gives the pose, camera_info the projection, and image and depth show the target there."""
    settings = yaml.safe_load((share_directory() / "config/robots/inmoov.yaml").read_text())
    file = tmp_path / "looking.yaml"
    file.write_text(yaml.safe_dump({**settings, "articulated": ["right_arm", "head", "eyes"]}))
    description = load_robot(str(file))
    size = {"image_width": 128, "image_height": 96, "target_radius": RADIUS_M, "camera_depth": True}
    simulator(robot=file, cameras=listed(CAMERAS), **size)
    generator, seen = np.random.default_rng(5), defaultdict[str, int](int)
    with Runtime(domain_id=domain) as runtime:
        robot = TopicRobot(runtime, description, period_ns=PERIOD)
        bystander = Bystander(
            runtime, {**camera_kinds(CAMERAS), "joint_states": JointState, "target_pose": PoseStamped}
        )
        for _ in range(8):
            target = tuple(generator.uniform((0.3, -0.5, 1.15), (0.6, -0.1, 1.5)).tolist())
            observation = robot.reset(Episode(0, target))
            posture = observation.position + generator.normal(0.0, 0.15, len(description.joint_names))
            posture[description.model.index(["r_shoulder_lift_joint"])] = 0.3  # the arm out of the way
            observation = drive(
                robot, observation, np.clip(posture, description.limits.lower, description.limits.upper), 12
            )
            step_state = bystander.step_state(observation.stamp)
            point = messages.pose_position(step_state["target_pose"])
            position, _, _ = messages.joint_state_to_arrays(step_state["joint_states"], description.joint_names)
            poses = description.model.link_poses(position)
            for camera in CAMERAS:
                image, depth = (step_state[topic(camera)] for topic in (contract.image_topic, contract.depth_topic))
                info = step_state[contract.camera_info_topic(camera)]
                assert image.header.frame_id == depth.header.frame_id == info.header.frame_id
                assert (info.width, info.height, info.distortion_model) == (128, 96, "plumb_bob") and not any(info.d)
                k, p = np.array(info.k).reshape(3, 3), np.array(info.p).reshape(3, 4)
                np.testing.assert_array_equal(p, np.column_stack([k, np.zeros(3)]))
                prefix, _, frame = info.header.frame_id.partition("/")
                xyz, rotation = poses[frame]
                centre = rotation.T @ (point - xyz)
                column, row, _ = k @ centre / centre[2]
                model = Pinhole(frame, 128, 96, k[0, 0], (k[0, 2], k[1, 2]))
                pixels = red_pixels(messages.image_array(image))
                inside = centre[2] > 0.1 and 8 < column < 119 and 8 < row < 87
                if (
                    prefix != "env_0"
                    or not inside
                    or len(pixels) < 0.8 * np.pi * (model.focal * RADIUS_M / centre[2]) ** 2
                ):
                    continue
                seen[camera] += 1
                assert np.linalg.norm(pixels.mean(axis=0) - (column, row)) < 1.0
                measured = messages.depth_array(depth)[round(row), round(column)]
                wanted = depth_of_sphere(model, (round(column), round(row)), centre)
                assert -1e-4 < measured - wanted < 0.25 * RADIUS_M
        bystander.close()
        robot.close()
    assert min(seen[camera] for camera in CAMERAS) >= 3, dict(seen)


@pytest.mark.equality
def test_three_cameras_with_depth_equal_those_in_process(simulator: Callable, domain: int) -> None:
    """Images, depths, joints and target have the same stamp, and the same bits as in process, for 300 steps."""
    settings = {"image_width": 24, "image_height": 16, "camera_depth": True}
    sizes = "left_eye=32x24"
    simulator(cameras=listed(CAMERAS), image_sizes=sizes, **settings)
    direct = make_robot(SimConfig(cameras=CAMERAS, image_sizes=sizes, **settings))  # type: ignore[arg-type]
    expected = {name: (model.width, model.height) for name, model in pinholes(direct).items()}
    kinds = {**camera_kinds(CAMERAS), "joint_states": JointState, "target_pose": PoseStamped}
    generator, different = np.random.default_rng(2), set()

    def content(observation: Observation) -> tuple[bytes, ...]:
        pictures = [*observation.images.items(), *observation.depths.items()]
        assert len(pictures) == 6
        arrays = [observation.position, observation.target_position, *(array for _, array in sorted(pictures[:3]))]
        return tuple(array.tobytes() for array in (*arrays, *(array for _, array in sorted(pictures[3:]))))

    with Runtime(domain_id=domain) as runtime:
        remote = TopicRobot(
            runtime,
            load_robot("inmoov"),
            period_ns=PERIOD,
            cameras=CAMERAS,
            depth_cameras=CAMERAS,
            image_sizes=expected,
        )
        bystander = Bystander(runtime, kinds)
        stamps = []
        for episode in range(2):
            observations = [robot.reset(Episode(episode, (0.4, -0.3, 1.3))) for robot in (direct, remote)]
            target = observations[0].joint_target
            for _ in range(150):
                assert content(observations[0]) == content(observations[1])
                different.add(content(observations[0])[2:])
                stamps.append(observations[1].stamp)
                bystander.step_state(stamps[-1])  # also keeps its queues from running over
                target = target + generator.normal(-0.01, 0.03, len(target))
                for robot, observation in zip((direct, remote), observations):
                    robot.send(Command(observation.stamp, robot.joint_names, target))
                observations = [robot.receive() for robot in (direct, remote)]
        for name, heard in bystander.heard.items():
            assert set(stamps) <= set(heard), name
        bystander.close()
        remote.close()
    assert len(different) > 100


@pytest.mark.bad_input
def test_a_camera_that_is_not_served_is_named(simulator: Callable, domain: int) -> None:
    simulator(cameras="[external]")
    with Runtime(domain_id=domain) as runtime:
        discover(runtime)
        timeouts = Timeouts(needed_timeout_s=2.0)
        robot = TopicRobot(runtime, load_robot("inmoov"), period_ns=PERIOD, cameras=("left_eye",), timeouts=timeouts)
        with pytest.raises(
            RobotError,
            match="left_eye/image_raw, which /env_0 does not publish within 2 s; does the robot serve these",
        ):
            robot.reset(Episode())
        robot.close()


@pytest.mark.bad_input
def test_images_of_another_size_or_kind_are_named() -> None:
    image = messages.image_message(1, np.zeros((4, 6, 3), np.uint8), "frame")
    depth = messages.depth_message(1, np.ones((4, 6), np.float32), "frame")
    topic, depth_topic = contract.image_topic("external"), contract.depth_topic("external")
    cameras = CameraParts("/env_0", ("external",), ("external",), {"external": (8, 4)})
    with pytest.raises(RobotError, match="/env_0/camera/external/image_raw: images of 6x4 pixels; expected 8x4: start"):
        cameras.read(topic, image)
    cameras = CameraParts("/env_0", ("external",), ("external",))
    parts = {topic: cameras.read(topic, image), depth_topic: cameras.read(depth_topic, depth)}
    assert cameras.images(parts)["external"].shape == (4, 6, 3)
    np.testing.assert_array_equal(cameras.depths(parts)["external"], np.ones((4, 6), np.float32))
    grown = messages.image_message(2, np.zeros((4, 8, 3), np.uint8), "frame")
    with pytest.raises(RobotError, match="images of 8x4 pixels; expected 6x4"):
        cameras.read(topic, grown)
    with pytest.raises(RobotError, match="/env_0/camera/external/image_raw: image encoding is '32FC1'; expected rgb8"):
        cameras.read(topic, depth)
    with pytest.raises(RobotError, match="depth/image_raw: depth encoding is 'rgb8'; expected 32FC1"):
        cameras.read(depth_topic, image)


@pytest.mark.bad_input
def test_a_robot_with_images_of_another_size_is_named(simulator: Callable, domain: int) -> None:
    """Of several robots the error says which one."""
    simulator(cameras="[external]", image_width=48, image_height=40)
    environment = make_robot_env(
        observation="raw_pixels", observation_settings={"cameras": ("external",)}, transport="topics"
    )
    with pytest.raises(RobotError, match="/env_0/camera/external/image_raw: images of 48x40 pixels; expected 64x64"):
        environment.reset(seed=0)
    environment.close()


def test_depths_keep_their_numbers_in_either_byte_order() -> None:
    depth = np.array([[0.5, 1.25, np.inf], [2.0, 3.5, 0.03]], dtype=np.float32)
    message = messages.depth_message(7, depth, "env_0/camera")
    assert (message.encoding, message.step, message.header.frame_id) == ("32FC1", 12, "env_0/camera")
    np.testing.assert_array_equal(messages.depth_array(message), depth)
    message.is_bigendian = 1 - message.is_bigendian
    message.data = type(message.data)("B", depth.byteswap().tobytes())
    np.testing.assert_array_equal(messages.depth_array(message), depth)
