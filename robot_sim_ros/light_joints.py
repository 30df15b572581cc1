"""Joints that carry next to nothing, such as those of fingers: which they are, and how they move.

PyBullet's solver takes a time that grows with the square of the number of joints, and needs more iterations the more the
masses of links differ. A servo that never comes near its effort moves its joint by the servo's law alone, and what it
carries hardly disturbs the rest of the robot. So the physics of a robot with many joints leaves such joints out.
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree
from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from robot_interface_ros.robot import Array
from robot_interface_ros.robot_config import RobotDescription
from robot_interface_ros.urdf.elements import Joint, JointLimits
from robot_interface_ros.urdf.held_joints import hold_joints
from robot_interface_ros.urdf.merged import merge_fixed_links
from robot_interface_ros.urdf.robot_model import RobotModel
from robot_sim_ros.imperfection.draw import Drawn
from robot_sim_ros.servos import gains
from robot_sim_ros.sim_config import SimConfig

MANY_JOINTS = 16
"""A robot with at most this many moving joints, mimic joints included, has no light joints: its physics is cheap."""
SHARE_OF_MASS = 0.01
"""Largest mass that a light joint carries, as a share of the robot's."""
SHARE_OF_EFFORT = 0.1
"""Largest share of its servo's effort that a light joint needs, in the worst posture and from rest to top speed at once."""
_GRAVITY = 9.81


def light_joints(description: RobotDescription, physics_hz: float) -> frozenset[str]:
    """Return the independent joints that are light, with all that follow them and all that they carry.

    The joints between the root and the end effector are never light. `physics_hz`: a servo reaches its top speed within
    one physics step at most.
    """
    urdf = merge_fixed_links(description.urdf)
    model = RobotModel.from_urdf(urdf)
    if len(model.joints) <= MANY_JOINTS:
        return frozenset()
    loads = _Loads(urdf, model)
    fast = dict(zip(description.limits.names, description.limits.velocity.tolist()))
    heavy = set(description.model.chain(description.config.end_effector).joint_names)
    for joint in model.joints.values():
        leader, multiplier, _ = model.source(joint)
        mass, need = loads.of(joint, abs(multiplier) * fast[leader] * physics_hz)
        if not (mass <= SHARE_OF_MASS * loads.robot and need <= SHARE_OF_EFFORT * joint.effort):
            heavy.add(leader)
    found = -1
    while len(heavy) > found:  # a joint that carries a heavy one is heavy, and so are all that follow the same joint
        found = len(heavy)
        for joint in model.joints.values():
            if model.source(joint)[0] in heavy:
                heavy |= {model.source(carrier)[0] for carrier in _towards_root(model, joint)}
    return frozenset(model.joint_names) - heavy


def without(description: RobotDescription, joints: Collection[str]) -> RobotDescription:
    """Return the robot with some independent joints fixed at rest."""
    kept = [index for index, name in enumerate(description.joint_names) if name not in joints]
    names = tuple(description.joint_names[index] for index in kept)
    limits = description.limits
    urdf = hold_joints(description.urdf, names, dict(zip(description.joint_names, description.rest.tolist())))
    return replace(
        description,
        urdf=urdf,
        model=RobotModel.from_urdf(urdf),
        limits=JointLimits(names, limits.lower[kept], limits.upper[kept], limits.velocity[kept], limits.effort[kept]),
        rest=description.rest[kept],
        max_acceleration=description.max_acceleration[kept],
    )


class LightJoints:
    """Moves light joints by the law of their servos: in a physics step, a share of the error, at most at top speed."""

    def __init__(self, limits: JointLimits, index: Sequence[int], config: SimConfig):
        """`index`: the light ones of the robot's joints."""
        self.index = np.array(index, dtype=np.intp)
        self._names = tuple(limits.names[k] for k in index)
        self._lower, self._upper = limits.lower[self.index], limits.upper[self.index]
        self._longest = limits.velocity[self.index] / config.physics_hz  # rad in a physics step
        self._hz, self._substeps, self._share = config.physics_hz, config.substeps, config.position_gain
        self.position = np.zeros(len(index))
        """Position of each light joint, rad."""
        self.velocity = np.zeros(len(index))
        """Velocity of each light joint in the last physics step, rad/s."""
        self.vary(Drawn())

    def vary(self, drawn: Drawn) -> None:
        """Apply the sampled stiffness from the next command on; strength does not matter for light joints."""
        self._gain = gains(self._share, drawn, self._names)

    def place(self, position: Array) -> None:
        """Set the joints, with zero velocity; `position`: of all the robot's joints, rad."""
        self.position, self.velocity = position[self.index], np.zeros(len(self.index))

    def drive(self, target: Array) -> None:
        """Move the joints for one control period; `target`: of all the robot's joints, rad."""
        aim = np.minimum(np.maximum(target[self.index], self._lower), self._upper)
        position, step, longest, shortest = self.position, self.velocity, self._longest, -self._longest
        for _ in range(self._substeps):
            step = np.minimum(np.maximum(self._gain * (aim - position), shortest), longest)
            position = position + step
        self.position, self.velocity = position, step * self._hz


class _Loads:
    """Upper bounds of the loads of joints, over all postures: every link as far away as its joints can hold it."""

    def __init__(self, urdf: str, model: RobotModel):
        self._model = model
        self._children: dict[str, list[Joint]] = {}
        for joint in model.joints.values():
            self._children.setdefault(joint.parent, []).append(joint)
        self._links = {link.get("name", ""): _inertial(link) for link in ElementTree.fromstring(urdf).findall("link")}
        self.robot = math.fsum(mass for name, (mass, _, _) in self._links.items() if name != model.root)
        """Mass of all links but the root, kg."""

    def of(self, joint: Joint, acceleration: float) -> tuple[float, float]:
        """Return the mass that a joint carries, kg, and the effort that gravity and `acceleration` need (N·m or N)."""
        parts = self._carried(joint.child, 0.0)
        mass = math.fsum(part[0] for part in parts)
        if joint.type == "prismatic":
            return mass, mass * (_GRAVITY + acceleration)
        torque = math.fsum(mass * _GRAVITY * arm for mass, arm, _ in parts)
        inertia = math.fsum(mass * arm * arm + about for mass, arm, about in parts)
        return mass, torque + inertia * acceleration

    def _carried(self, link: str, arm: float) -> list[tuple[float, float, float]]:
        """Return mass, distance and inertia of a link, whose frame is at the distance `arm`, and of all that it carries."""
        mass, centre, inertia = self._links[link]
        parts = [(mass, arm + centre, inertia)]
        for joint in self._children.get(link, ()):
            travel = max(abs(joint.lower), abs(joint.upper)) if joint.type == "prismatic" else 0.0
            parts += self._carried(joint.child, arm + math.hypot(*joint.xyz) + travel)
        return parts


def _inertial(link: ElementTree.Element) -> tuple[float, float, float]:
    """Return mass (kg), distance of the centre of mass from the frame (m), and a bound of the inertia about any axis."""
    inertial = link.find("inertial")
    if inertial is None:
        return 0.0, 0.0, 0.0
    origin, mass, tensor = inertial.find("origin"), inertial.find("mass"), inertial.find("inertia")
    centre = [] if origin is None else [float(word) for word in origin.get("xyz", "0 0 0").split()]
    moments = [] if tensor is None else [float(tensor.get(axis, "0")) for axis in ("ixx", "iyy", "izz")]
    # The largest moment is at most half the sum of the three, because each is at most the sum of the others.
    return 0.0 if mass is None else float(mass.get("value", "0")), math.hypot(*centre), 0.5 * math.fsum(moments)


def _towards_root(model: RobotModel, joint: Joint | None) -> list[Joint]:
    """Return a joint and all that carry it."""
    path = []
    while joint is not None:
        path.append(joint)
        joint = model.parent_joint(joint.parent)
    return path
