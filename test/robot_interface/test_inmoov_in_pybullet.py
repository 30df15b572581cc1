"""InMoov's model in PyBullet: places of links, torques, contacts."""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pybullet
import pytest
from inmoov_urdf import inmoov_text

from robot_interface_ros.urdf.merged import merge_fixed_links
from robot_interface_ros.urdf.robot_model import RobotModel

pytestmark = pytest.mark.xdist_group("inmoov_urdf")
LOAD_FLAGS = pybullet.URDF_USE_INERTIA_FROM_FILE | pybullet.URDF_USE_SELF_COLLISION


class Loaded:
    """A description in a separate PyBullet client."""

    def __init__(self, folder: Path, articulated: str = "all", merged: bool = False) -> None:
        self.model = RobotModel.from_urdf(inmoov_text(articulated))
        file = folder / "inmoov.urdf"
        file.write_text(merge_fixed_links(inmoov_text(articulated)) if merged else inmoov_text(articulated))
        self.client = pybullet.connect(pybullet.DIRECT)
        self.body = pybullet.loadURDF(str(file), useFixedBase=True, flags=LOAD_FLAGS, physicsClientId=self.client)
        joints = range(pybullet.getNumJoints(self.body, physicsClientId=self.client))
        info = [pybullet.getJointInfo(self.body, joint, physicsClientId=self.client) for joint in joints]
        self.joints = {entry[1].decode(): entry[0] for entry in info if entry[2] != pybullet.JOINT_FIXED}
        self.links = {entry[12].decode(): entry[0] for entry in info}

    def place(self, q: np.ndarray) -> None:
        angles = dict(zip(self.model.joint_names, q, strict=True))
        for joint in self.model.mimic_joints:
            assert joint.mimic is not None
            angles[joint.name] = joint.mimic.multiplier * angles[joint.mimic.joint]
        for name, angle in angles.items():
            pybullet.resetJointState(self.body, self.joints[name], angle, physicsClientId=self.client)

    def gravity_torques(self, q: np.ndarray) -> dict[str, float]:
        """Torques that hold the posture, N·m (all movable joints, in PyBullet's order)."""
        pybullet.setGravity(0, 0, -9.81, physicsClientId=self.client)
        self.place(q)
        order = sorted(self.joints, key=lambda name: self.joints[name])
        state = pybullet.getJointStates(self.body, [self.joints[name] for name in order], physicsClientId=self.client)
        zero = [0.0] * len(order)
        torques = pybullet.calculateInverseDynamics(
            self.body, [joint[0] for joint in state], zero, zero, physicsClientId=self.client
        )
        return dict(zip(order, torques, strict=True))

    def touching(self) -> set[frozenset[str]]:
        """Pairs of links that penetrate each other; "base" is the root and all links merged into it."""
        names = {index: name for name, index in self.links.items()} | {-1: "base"}
        pybullet.performCollisionDetection(physicsClientId=self.client)
        contacts = pybullet.getContactPoints(self.body, self.body, physicsClientId=self.client)
        return {frozenset((names[contact[3]], names[contact[4]])) for contact in contacts if contact[8] < 0.0}


@pytest.fixture
def loaded(tmp_path: Path) -> Iterator[Loaded]:
    robot = Loaded(tmp_path)
    yield robot
    pybullet.disconnect(robot.client)


@pytest.fixture
def arm(tmp_path: Path) -> Iterator[Loaded]:
    robot = Loaded(tmp_path, "right_arm", merged=True)
    yield robot
    pybullet.disconnect(robot.client)


def test_pybullet_places_every_link_where_the_model_does(loaded: Loaded) -> None:
    limits = loaded.model.limits()
    rng = np.random.default_rng(9)
    for _ in range(20):
        q = rng.uniform(limits.lower, limits.upper)
        loaded.place(q)
        poses = loaded.model.link_poses(q)
        for link, index in loaded.links.items():
            state = pybullet.getLinkState(
                loaded.body, index, computeForwardKinematics=True, physicsClientId=loaded.client
            )
            rotation = np.reshape(pybullet.getMatrixFromQuaternion(state[5]), (3, 3))
            np.testing.assert_allclose(state[4], poses[link][0], atol=1e-6, err_msg=link)
            np.testing.assert_allclose(rotation, poses[link][1], atol=1e-6, err_msg=link)


def test_merged_arm_has_five_joints_and_the_chains_position(arm: Loaded) -> None:
    assert len(arm.joints) == 5
    assert set(arm.joints) == set(arm.model.joint_names)
    assert pybullet.getNumJoints(arm.body, physicsClientId=arm.client) == 5
    chain = arm.model.chain("r_hand")
    limits = arm.model.limits()
    for q in np.random.default_rng(4).uniform(limits.lower, limits.upper, (50, 5)):
        arm.place(q)
        state = pybullet.getLinkState(
            arm.body, arm.links["r_hand"], computeForwardKinematics=True, physicsClientId=arm.client
        )
        np.testing.assert_allclose(chain.position(q), state[4], atol=1e-6)


def test_gravity_asks_half_of_what_shoulder_and_elbow_can_give(arm: Loaded) -> None:
    limits = arm.model.limits()
    # The whole arm held out level, straight ahead; then only the forearm level.
    ahead = arm.gravity_torques(np.array([-0.087, -math.pi / 2, 0.0, -0.262, 0.0]))
    assert abs(ahead["r_shoulder_lift_joint"]) == pytest.approx(6.0, abs=0.5)
    bent = arm.gravity_torques(np.array([-0.087, -0.175, 0.0, -1.396, 0.0]))
    assert abs(bent["r_elbow_flex_joint"]) == pytest.approx(2.0, abs=0.2)
    for q in np.random.default_rng(1).uniform(limits.lower, limits.upper, (200, 5)):
        for name, torque in arm.gravity_torques(q).items():
            assert abs(torque) < 0.6 * arm.model.joints[name].effort, name


def test_every_joint_of_the_whole_body_can_hold_itself(loaded: Loaded) -> None:
    limits = loaded.model.limits()
    for q in np.random.default_rng(1).uniform(limits.lower, limits.upper, (50, len(limits.names))):
        for name, torque in loaded.gravity_torques(q).items():
            assert abs(torque) < 0.8 * loaded.model.joints[name].effort, name


def test_nothing_touches_at_rest(loaded: Loaded) -> None:
    limits = loaded.model.limits()
    loaded.place(np.clip(0.0, limits.lower, limits.upper))
    assert loaded.touching() == set()


def test_the_arm_is_free_in_front_and_rarely_hits_the_body(arm: Loaded) -> None:
    """Of all postures about 1 % hit the torso of the published meshes; none with the palm in front, below the eyes."""
    limits = arm.model.limits()
    chain = arm.model.chain("r_palm")
    hits, ahead = 0, 0
    for q in np.random.default_rng(6).uniform(limits.lower, limits.upper, (1500, 5)):
        arm.place(q)
        touching = arm.touching()
        hits += bool(touching)
        x, _, z = chain.position(q)
        if x > 0.2 and z < 1.8:
            ahead += 1
            assert not touching, (q, touching)
    assert ahead > 500
    assert 0.002 < hits / 1500 < 0.03
