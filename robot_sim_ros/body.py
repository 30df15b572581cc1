"""A robot's links and joints in PyBullet, with the names and the order of the robot's description."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from robot_interface_ros.robot import Array
from robot_interface_ros.robot_config import RobotDescription
from robot_interface_ros.urdf.elements import RobotModelError
from robot_sim_ros.quiet import quiet_output


class Body:
    """One robot with a fixed base. PyBullet's damping is off: the servo's gain damps already, and more makes joints sag."""

    def __init__(self, client: Any, urdf: str, description: RobotDescription):
        """`urdf`: the robot of `description`, converted for PyBullet (`pybullet_urdf`)."""
        self._client, self._name = client, description.name
        self.id = self._load(urdf)
        """PyBullet's number of this body."""
        joints = [client.getJointInfo(self.id, i) for i in range(client.getNumJoints(self.id))]
        self.index = {info[1].decode(): i for i, info in enumerate(joints)}
        """Joint name -> PyBullet's index, mimic joints included. PyBullet's order differs from the URDF's."""
        own_index = {name: i for i, name in enumerate(description.joint_names)}
        self.joints = [self.index[name] for name in description.joint_names]
        """PyBullet's index of each joint, in the order of `description.joint_names`."""
        self.mimics: list[tuple[int, int, float, float]] = []
        """For each mimic joint: PyBullet's index, index of the joint that it follows in `joint_names`, multiplier, offset."""
        for joint in description.model.mimic_joints:
            leader, multiplier, offset = description.model.source(joint)
            self.mimics.append((self.index[joint.name], own_index[leader], multiplier, offset))
        self.links = {-1: description.model.root, **{i: info[12].decode() for i, info in enumerate(joints)}}
        """PyBullet's index -> link name; -1 is the base."""
        self._parents = {i: info[16] for i, info in enumerate(joints)}
        for i in range(len(joints)):
            client.changeDynamics(self.id, i, linearDamping=0.0, angularDamping=0.0, jointDamping=0.0)
        # BulletClient looks functions up by reflection. Doing it only once saves 25 us per step.
        self.states = partial(client.getJointStates, self.id, self.joints)
        """Return position, velocity, reaction forces and effort of each joint, in PyBullet's format."""

    def positions(self) -> Array:
        """Return the joint positions, `(n_joints,)` rad."""
        return np.array([state[0] for state in self.states()])

    def place(self, position: Array) -> None:
        """Set the joints to `position`, rad, with zero velocity."""
        client = self._client
        for joint, value in zip(self.joints, position.tolist()):
            client.resetJointState(self.id, joint, value)
        for joint, source, multiplier, offset in self.mimics:
            client.resetJointState(self.id, joint, float(position[source]) * multiplier + offset)

    def allow_built_in_contacts(self) -> None:
        """Stop checking pairs of links that overlap by design: links at most two joints apart, and pairs in contact now.

        For example, the links of a shoulder enclose each other, and their collision shapes overlap; joint limits keep
        them apart.
        """
        client = self._client
        for link, near in self._parents.items():
            client.setCollisionFilterPair(self.id, self.id, link, near, 0)
            if near in self._parents:
                client.setCollisionFilterPair(self.id, self.id, link, self._parents[near], 0)
        client.performCollisionDetection()
        for point in client.getContactPoints(self.id, self.id):
            client.setCollisionFilterPair(self.id, self.id, point[3], point[4], 0)

    def contacts(self) -> list[tuple[str, str]]:
        """Return the pairs of the robot's links that touch each other now."""
        points = self._client.getContactPoints(self.id, self.id)
        return [(self.links[point[3]], self.links[point[4]]) for point in points if point[8] <= 0.0]

    def _load(self, urdf: str) -> int:
        client = self._client
        flags = client.URDF_USE_INERTIA_FROM_FILE | client.URDF_USE_SELF_COLLISION | client.URDF_MAINTAIN_LINK_ORDER
        with tempfile.TemporaryDirectory() as folder, quiet_output():
            path = Path(folder) / "robot.urdf"
            path.write_text(urdf, encoding="utf-8")
            try:
                return int(client.loadURDF(str(path), useFixedBase=True, flags=flags))
            except client.error as error:
                raise RobotModelError(
                    f"PyBullet cannot load the robot {self._name} ({error}); check that every mesh opens in a viewer, "
                    "and remove parts of the URDF until you find the one that PyBullet does not accept"
                ) from None
