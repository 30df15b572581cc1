"""/tf and /tf_static: every link has the same pose as in PyBullet, in messages and over topics."""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pybullet
import pytest

from robot_interface_ros.robot_config import RobotDescription, load_robot
from robot_interface_ros.urdf.elements import RobotModelError
from robot_interface_ros.urdf.frames import FrameTree, quaternion
from robot_interface_ros.urdf.kinematics import rotation_rpy
from robot_sim_ros.pybullet_urdf import for_pybullet

pytestmark = [pytest.mark.slow, pytest.mark.frames, pytest.mark.xdist_group("frames")]

ALL_GROUPS = ("waist", "head", "eyes", "jaw", "right_arm", "left_arm", "right_hand", "left_hand")
ROBOTS = {"inmoov": ALL_GROUPS, "kuka_iiwa": None}
Poses = dict[str, tuple[np.ndarray, np.ndarray]]


class Truth:
    """Return PyBullet's link frames for the unchanged URDF, without merged links."""

    def __init__(self, description: RobotDescription):
        self.model = description.model
        self.client = pybullet.connect(pybullet.DIRECT)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "robot.urdf"
            file.write_text(for_pybullet(description.urdf))
            flags = pybullet.URDF_MAINTAIN_LINK_ORDER
            self.body = pybullet.loadURDF(str(file), useFixedBase=True, flags=flags, physicsClientId=self.client)
        count = pybullet.getNumJoints(self.body, physicsClientId=self.client)
        self.infos = [pybullet.getJointInfo(self.body, i, physicsClientId=self.client) for i in range(count)]

    def poses(self, positions: dict[str, float]) -> Poses:
        """Return position and quaternion of every link except the root, in the root frame."""
        for info in self.infos:
            joint = self.model.joints[info[1].decode()]
            if joint.type != "fixed":
                leader, scale, offset = self.model.source(joint)
                value = scale * positions[leader] + offset
                pybullet.resetJointState(self.body, info[0], value, physicsClientId=self.client)
        found = {}
        for info in self.infos:
            state = pybullet.getLinkState(
                self.body, info[0], computeForwardKinematics=True, physicsClientId=self.client
            )
            found[info[12].decode()] = (np.array(state[4]), np.array(state[5]))
        return found


@pytest.fixture(scope="module", params=list(ROBOTS))
def robot(request: pytest.FixtureRequest) -> RobotDescription:
    return load_robot(request.param, ROBOTS[request.param])


@pytest.fixture(scope="module")
def truth(robot: RobotDescription) -> Iterator[Truth]:
    found = Truth(robot)
    yield found
    pybullet.disconnect(found.client)


def world_poses(messages: list[Any], root: str) -> Poses:
    """Compose transform messages in any order to poses in the root frame, with PyBullet's arithmetic."""
    carried = {message.child_frame_id: message for message in messages}
    assert len(carried) == len(messages)  # a frame has one parent
    poses: Poses = {root: (np.zeros(3), np.array([0.0, 0.0, 0.0, 1.0]))}

    def find(frame: str) -> tuple[np.ndarray, np.ndarray]:
        if frame not in poses:
            message = carried[frame]
            place, turn = message.transform.translation, message.transform.rotation
            own = (place.x, place.y, place.z), (turn.x, turn.y, turn.z, turn.w)
            position, rotation = pybullet.multiplyTransforms(*map(list, find(message.header.frame_id)), *own)
            poses[frame] = np.array(position), np.array(rotation)
        return poses[frame]

    for frame in carried:
        find(frame)
    return poses


def assert_same(found: Poses, expected: Poses, prefix: str) -> None:
    assert {name for name in found if name != found.__iter__().__next__()} == {prefix + link for link in expected}
    for link, (position, rotation) in expected.items():
        np.testing.assert_allclose(found[prefix + link][0], position, atol=1e-6, err_msg=link)
        turn = found[prefix + link][1]
        np.testing.assert_allclose(turn * np.sign(turn @ rotation), rotation, atol=1e-6, err_msg=link)


def drawn(robot: RobotDescription, generator: np.random.Generator) -> dict[str, float]:
    values = generator.uniform(robot.limits.lower, robot.limits.upper)
    return dict(zip(robot.joint_names, values.tolist()))


def test_every_link_is_where_pybullet_has_it(robot: RobotDescription, truth: Truth) -> None:
    pytest.importorskip("geometry_msgs")
    from robot_interface_ros.ros.frames_node import transform_messages

    tree, generator = FrameTree(robot.model), np.random.default_rng(5)
    static = transform_messages(tree.static, "/env_0", 0)
    for _ in range(200):
        positions = drawn(robot, generator)
        moving = transform_messages(tree.moving(positions), "/env_0", 1)
        poses = world_poses([*moving, *static], f"env_0/{robot.model.root}")
        assert_same(poses, truth.poses(positions), "env_0/")


def test_what_moves_and_what_does_not_are_kept_apart(robot: RobotDescription) -> None:
    pytest.importorskip("geometry_msgs")
    from robot_interface_ros.ros.frames_node import transform_messages

    tree, model = FrameTree(robot.model), robot.model
    fixed = [joint.child for joint in model.joints.values() if joint.type == "fixed"]
    assert sorted(transform.child for transform in tree.static) == sorted(fixed)
    positions = dict(zip(robot.joint_names, robot.rest))
    moved = [transform.child for transform in tree.moving(positions)]
    assert sorted([*moved, *fixed, model.root]) == sorted(model.links)
    message = transform_messages(tree.moving(positions), "/", 3_000_000_007)[0]
    assert (message.header.stamp.sec, message.header.stamp.nanosec) == (3, 7)
    assert message.child_frame_id == moved[0]  # the namespace / is no prefix


def test_a_camera_beside_the_robot_looks_along_the_z_of_its_frame(robot: RobotDescription) -> None:
    (external,) = [entry for entry in FrameTree(robot.model).static if entry.child == "external_camera_optical_frame"]
    camera = robot.cameras["external"]
    assert camera.eye is not None and camera.look_at is not None
    assert (external.parent, external.xyz) == (robot.model.root, camera.eye)
    way = np.subtract(camera.look_at, camera.eye)
    rotation = np.array(pybullet.getMatrixFromQuaternion(external.quaternion)).reshape(3, 3)
    np.testing.assert_allclose(rotation[:, 2], way / np.linalg.norm(way), atol=1e-9)
    assert rotation[2, 1] < 0.0  # its y points down


@pytest.mark.parametrize(
    "rpy", [(0, 0, 0), (math.pi, 0, 0), (0, math.pi, 0), (0, 0, math.pi), (3.1, -3.0, 2.9), (1, 2, 3)]
)
def test_quaternions_of_all_four_branches(rpy: tuple[float, float, float]) -> None:
    found, expected = np.array(quaternion(rotation_rpy(rpy))), np.array(pybullet.getQuaternionFromEuler(rpy))
    assert found[3] >= 0.0
    np.testing.assert_allclose(found * np.sign(found @ expected), expected, atol=1e-12)


@pytest.mark.bad_input
def test_a_joint_without_a_position_is_named() -> None:
    with pytest.raises(RobotModelError, match="no position of lbr_iiwa_joint_7; do joint_states and robot_description"):
        FrameTree(load_robot("kuka_iiwa").model).moving({f"lbr_iiwa_joint_{i}": 0.0 for i in range(1, 7)})


@pytest.mark.bad_input
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1.7e308])
@pytest.mark.parametrize("name", ROBOTS)
def test_a_joint_whose_position_is_no_place_is_named(name: str, value: float) -> None:
    """The node logs it and goes on: one such message from a broken sensor ended it, or went out on /tf."""
    model = load_robot(name).model
    for joint in model.joint_names:
        with pytest.raises(RobotModelError, match=f"position of joint {joint} is .*is a sensor broken"):
            FrameTree(model).moving({**dict.fromkeys(model.joint_names, 0.0), joint: value})


@pytest.mark.ros
@pytest.mark.bad_input
def test_without_tf2_msgs_the_node_says_so_in_one_line(
    start: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "tf2_msgs.py").write_text("raise ImportError")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    process = start("robot_interface_ros.ros.frames_node")
    assert "apt install" in process.wait_for("frames: tf2_msgs is not installed")
    assert process.wait() == 2


@pytest.mark.ros
def test_over_topics_two_robots_have_their_frames(
    robot: RobotDescription, truth: Truth, start: Callable[..., Any], domain: int
) -> None:
    """From the joint states of robots to /tf and /tf_static, with the prefix of each robot."""
    tf2_msgs = pytest.importorskip("tf2_msgs.msg") if "CI" not in os.environ else import_module("tf2_msgs.msg")
    from sensor_msgs.msg import JointState
    from std_msgs.msg import String

    from robot_interface_ros.ros.frames_node import TF_QOS
    from robot_interface_ros.ros.transport import contract, messages
    from robot_interface_ros.ros.transport.runtime import Runtime
    from robot_interface_ros.ros.transport.waiting import make_waiter

    start("robot_interface_ros.ros.frames_node", namespaces="[/left, /right]", rate_hz=200.0).wait_for("frames of")
    with Runtime(signals=False) as runtime:
        node = runtime.node("asker", start_parameter_services=False)
        waiter = make_waiter(node)
        static: list[Any] = []
        moving: dict[str, Any] = {}

        def on_static(message: Any) -> None:
            static[:] = message.transforms

        def on_moving(message: Any) -> None:
            """Take frames of the present stamp only: those of the one before may still be on their way."""
            now = [transform for transform in message.transforms if messages.stamp_ns(transform) == stamp]
            moving.update({transform.child_frame_id: transform for transform in now})

        waiter.subscribe(tf2_msgs.TFMessage, "/tf_static", on_static, qos=contract.LATCHED)
        waiter.subscribe(tf2_msgs.TFMessage, "/tf", on_moving, qos=TF_QOS)
        writer = messages.JointStateWriter(robot.joint_names)
        states, stamp = {}, 0
        for namespace in ("/left", "/right"):
            latched = node.create_publisher(String, contract.absolute(namespace, "robot_description"), contract.LATCHED)
            latched.publish(String(data=robot.urdf))
            states[namespace] = node.create_publisher(JointState, contract.absolute(namespace, "joint_states"), 10)
        generator = np.random.default_rng(6)
        for stamp in range(1, 6):
            asked = {namespace: drawn(robot, generator) for namespace in states}
            moving.clear()
            fixed = 2 * len(FrameTree(robot.model).static)
            for _ in range(400):  # 20 s at most
                if len(static) == fixed and len(moving) == 2 * (len(robot.model.links) - 1) - fixed:
                    break
                for namespace, publisher in states.items():  # discovery may still be under way
                    publisher.publish(writer.write(stamp, np.array(list(asked[namespace].values()))))
                waiter.wait(0.05)
            for namespace, positions in asked.items():
                prefix = f"{namespace[1:]}/"
                own = [entry for entry in [*static, *moving.values()] if entry.child_frame_id.startswith(prefix)]
                assert_same(world_poses(own, prefix + robot.model.root), truth.poses(positions), prefix)
        waiter.close()
