"""A robot's links and joints in PyBullet, by the robot's own names and order."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from robot_interface_ros.robot import Array
from robot_interface_ros.robot_config import RobotDescription
from robot_interface_ros.urdf.robot_model import RobotModelError
from robot_sim_ros.quiet import quiet_output


class Body:
    """One robot, standing fixed. PyBullet damps nothing of it: a servo's damping is its gain, and more would let it sag."""

    def __init__(self, client: Any, urdf: str, description: RobotDescription):
        """`urdf`: of `description`, as PyBullet is to see it."""
        self._client, self._name = client, description.name
        self.id = self._load(urdf)
        """PyBullet's number of it."""
        joints = [client.getJointInfo(self.id, i) for i in range(client.getNumJoints(self.id))]
        self.index = {info[1].decode(): i for i, info in enumerate(joints)}
        """PyBullet's index of each joint, mimics too; its order is not the URDF's."""
        own_index = {name: i for i, name in enumerate(description.joint_names)}
        self.joints = [self.index[name] for name in description.joint_names]
        """PyBullet's index of each joint of ours."""
        self.mimics: list[tuple[int, int, float, float]] = []
        """Of each mimic joint PyBullet's index, which of our joints it follows, multiplier, offset."""
        for joint in description.model.mimic_joints:
            leader, multiplier, offset = description.model.source(joint)
            self.mimics.append((self.index[joint.name], own_index[leader], multiplier, offset))
        self.links = {-1: description.model.root, **{i: info[12].decode() for i, info in enumerate(joints)}}
        """PyBullet's index -> name of a link; -1 is the base."""
        self._parents = {i: info[16] for i, info in enumerate(joints)}
        for i in range(len(joints)):
            client.changeDynamics(self.id, i, linearDamping=0.0, angularDamping=0.0, jointDamping=0.0)
        # BulletClient looks each function up by reflection: 25 us a step, were it not done once.
        self.states = partial(client.getJointStates, self.id, self.joints)
        """Return position, velocity, reaction forces and effort of each joint, as PyBullet has them."""

    def positions(self) -> Array:
        """Return where the joints are, `(n_joints,)` rad."""
        return np.array([state[0] for state in self.states()])

    def place(self, position: Array) -> None:
        """Put the joints at `position`, rad, at rest."""
        client = self._client
        for joint, value in zip(self.joints, position.tolist()):
            client.resetJointState(self.id, joint, value)
        for joint, source, multiplier, offset in self.mimics:
            client.resetJointState(self.id, joint, float(position[source]) * multiplier + offset)

    def allow_built_in_contacts(self) -> None:
        """Never check pairs that are built into each other: links at most two joints apart, and what overlaps now.

        A shoulder's links enclose each other, which primitives can only show as overlap; joint limits keep them apart.
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
        """Return the pairs of its own links that touch each other now."""
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
                    f"PyBullet cannot load the robot {self._name} ({error}); see that every mesh opens in a viewer, and "
                    "leave out parts of the URDF to find the one that it refuses"
                ) from None
