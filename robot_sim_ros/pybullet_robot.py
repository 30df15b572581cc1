"""A robot in PyBullet whose joints follow their targets as position servos do. No ROS here."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from robot_interface_ros.lockstep import first_stamp, period_of
from robot_interface_ros.merged_urdf import merge_fixed_links
from robot_interface_ros.robot import NO_DEPTHS, NO_IMAGES, NOTHING, Array, Command, Episode, Observation, Robot
from robot_interface_ros.robot_config import RobotDescription
from robot_interface_ros.safe_robot import SafeRobot
from robot_interface_ros.urdf_meshes import plain_mesh_paths
from robot_sim_ros.camera_rig import CameraRig
from robot_sim_ros.imperfection.actuation import per_joint
from robot_sim_ros.imperfection.body import BodyDynamics
from robot_sim_ros.imperfection.colours import Palette
from robot_sim_ros.imperfection.config import load_imperfection
from robot_sim_ros.imperfection.draw import Drawn
from robot_sim_ros.imperfection.imperfect_robot import ImperfectRobot
from robot_sim_ros.imperfection.look import look_of
from robot_sim_ros.quiet import quiet_output
from robot_sim_ros.sim_config import SimConfig
from robot_sim_ros.world.world import World

_PARKED_M = (0.0, 0.0, 100.0)  # where nothing else is


class PyBulletRobot:
    """One robot in a world of its own.

    What follows a reset is a function of the configuration, the episode and the commands, bit for bit, whatever came
    before: overlapping pairs are kept in a fixed order, and a reset moves the robot out of all contact before it places
    it. Every command moves all joints; limits are `SafeRobot`'s.
    """

    def __init__(self, description: RobotDescription, config: SimConfig, start_ns: int | None = None):
        """`start_ns`: stamp to start from, integer nanoseconds; None: the wall clock."""
        self.description, self.config = description, config
        self.joint_names = description.joint_names
        self.period_ns = period_of(config.control_hz)
        self.camera_names = config.cameras
        self._stamp = first_stamp(self.period_ns) if start_ns is None else start_ns
        with quiet_output():
            import pybullet
            from pybullet_utils.bullet_client import BulletClient

            self._client: Any = BulletClient(pybullet.DIRECT)
        self._position_control = pybullet.POSITION_CONTROL
        client = self._client
        client.setPhysicsEngineParameter(
            fixedTimeStep=1.0 / config.control_hz, numSubSteps=config.substeps, deterministicOverlappingPairs=1
        )
        client.setGravity(0.0, 0.0, -9.81)
        self._rig = CameraRig(client, description, config)
        self._body = self._load(self._rig.part(plain_mesh_paths(merge_fixed_links(description.urdf))))
        self.cameras = self._rig.models
        self._observing = () if config.realtime else config.cameras  # in real time they render on demand
        # Of its centre of mass, which is not its frame: putting it at zero would sink the robot into the floor.
        self._base_pose = client.getBasePositionAndOrientation(self._body)
        self._joints = self._joint_indices()
        self.link_names = tuple(name for link, name in self._link_names().items() if link >= 0)
        self._damp_nothing()
        self._servos = self._make_servos(Drawn())
        # BulletClient looks each function up by reflection: 25 us a step, were it not done once here.
        self._set_motor = partial(client.setJointMotorControl2, self._body)
        self._step, self._joint_states = client.stepSimulation, partial(client.getJointStates, self._body, self._joints)
        self.world = World(client, self._body, description, config)
        self._target = np.zeros(3)
        self._mimics = self._make_mimics(Drawn())
        self._dynamics: BodyDynamics | None = None
        self._palette: Palette | None = None
        self._start = description.rest
        self._place(description.rest)
        self._allow_built_in_contacts()

    def reset(self, episode: Episode) -> Observation:
        """Place the joints at rest, at once, and the target where the episode says. Two periods pass."""
        self.world.park()
        self._place(self._start)
        self._target = self.world.reset(episode)  # shared by every observation until it moves
        # Two periods, so that no observation of this episode can pass for the answer to a command of the last one.
        self._stamp += 2 * self.period_ns
        zero = np.zeros_like(self._start)  # PyBullet would still report the last episode's effort here
        contact, signals = self.world.untouched()
        return self._observation(self._start.copy(), zero, zero, contact, signals)

    def vary(self, drawn: Drawn) -> None:
        """Have the masses, friction, servos and rest pose that were drawn, from the next reset on; see Plant."""
        if self._dynamics is None:
            self._dynamics = BodyDynamics(self._client, self._body, self._link_names())
        self._dynamics.scale(drawn.link_mass_scale, drawn.friction_scale)
        self._servos, self._mimics = self._make_servos(drawn), self._make_mimics(drawn)
        self._start = self.description.rest + per_joint(drawn.joint_offset, self.joint_names)
        self._rig.look = look_of(drawn)
        if drawn.colour_scale:
            if self._palette is None:
                self._palette = Palette(self._seen_bodies())
            if self._palette.scale(drawn.colour_scale):
                self._rig.forget()

    def send(self, command: Command) -> None:
        """Give the servos their targets and let one control period pass."""
        set_motor, mode = self._set_motor, self._position_control
        for (joint, force, gain, speed), target in zip(self._servos, command.position.tolist()):
            set_motor(
                joint, mode, targetPosition=target, positionGain=gain, velocityGain=1.0, force=force, maxVelocity=speed
            )
        for joint, source, multiplier, offset, force, gain in self._mimics:
            set_motor(
                joint,
                mode,
                targetPosition=float(command.position[source]) * multiplier + offset,
                positionGain=gain,
                velocityGain=1.0,
                force=force,
            )
        if self.world.moves:
            self._target = self.world.advance(self._positions())
        self._step()
        self._stamp += self.period_ns

    def receive(self, timeout_s: float | None = None) -> Observation:
        """Return what is true now; in simulation nothing is ever waited for."""
        states = self._joint_states()
        position, velocity, effort = np.array([(state[0], state[1], state[3]) for state in states]).T.copy()
        contact, signals = None, NOTHING
        if self.world.senses:
            contact, signals, self._target = self.world.contact_and_signals(position)
        return self._observation(position, velocity, effort * self.config.substeps, contact, signals)

    def close(self) -> None:
        """Disconnect from PyBullet; safe to call twice."""
        if self._client is not None:
            self._rig.close()
            self._client.disconnect()
            self._client = None

    def contacts(self) -> list[tuple[str, str]]:
        """Return the pairs of links of this robot that touch each other now."""
        names = self._link_names()
        return [
            (names[point[3]], names[point[4]])
            for point in self._client.getContactPoints(self._body, self._body)
            if point[8] <= 0.0
        ]

    def render(self, camera: str, width: int, height: int) -> Any:
        """Draw one picture, `(height, width, 3)` uint8, outside of the configured streams."""
        return self._rig.picture(camera, width, height, self._positions())

    def render_images(self, names: Iterable[str]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """Images and, where configured, depths of these configured cameras as the world is now, as in Observation."""
        return self._rig.see(names, self._positions())

    def _positions(self) -> Array:
        return np.array([state[0] for state in self._joint_states()])

    def _observation(
        self, position: Array, velocity: Array, effort: Array, felt: Array | None, signals: Mapping[str, float]
    ) -> Observation:
        images, depths = self._rig.see(self._observing, position) if self._observing else (NO_IMAGES, NO_DEPTHS)
        return Observation(
            self._stamp,
            position,
            velocity,
            effort,
            self._target,
            position,
            images,
            depths=depths,
            contact=felt,
            signals=signals,
        )

    def _load(self, urdf: str) -> int:
        client = self._client
        flags = client.URDF_USE_INERTIA_FROM_FILE | client.URDF_USE_SELF_COLLISION | client.URDF_MAINTAIN_LINK_ORDER
        with tempfile.TemporaryDirectory() as folder, quiet_output():
            path = Path(folder) / "robot.urdf"
            path.write_text(urdf, encoding="utf-8")
            return int(client.loadURDF(str(path), useFixedBase=True, flags=flags))

    def _pybullet_indices(self) -> dict[str, int]:
        """Joint name -> PyBullet's own index, whose order is not the URDF's."""
        client = self._client
        return {client.getJointInfo(self._body, i)[1].decode(): i for i in range(client.getNumJoints(self._body))}

    def _joint_indices(self) -> list[int]:
        index = self._pybullet_indices()
        return [index[name] for name in self.joint_names]

    def _damp_nothing(self) -> None:
        """A servo's damping is its gain; PyBullet's own would let it sag."""
        for i in range(self._client.getNumJoints(self._body)):
            self._client.changeDynamics(self._body, i, linearDamping=0.0, angularDamping=0.0, jointDamping=0.0)

    def _make_servos(self, drawn: Drawn) -> list[tuple[int, float, float, float]]:
        """Per joint PyBullet's index, the force that a motor is given, its gain, and its top speed, rad/s."""
        # With substeps PyBullet takes a motor's force for the whole period's impulse and grants it to every substep; it
        # reports efforts by the same measure. Twelve stepSimulation calls instead give the same motion, 20 us slower.
        limits = self.description.limits
        forces = limits.effort / self.config.substeps * per_joint(drawn.motor_strength_scale, self.joint_names, 1.0)
        gains = self._gains(drawn)
        return list(zip(self._joints, forces.tolist(), gains, limits.velocity.tolist()))

    def _make_mimics(self, drawn: Drawn) -> list[tuple[int, int, float, float, float, float]]:
        """Per mimic joint PyBullet's index, the joint it follows, multiplier, offset, a motor's force and its gain."""
        index, pybullet_index = {name: i for i, name in enumerate(self.joint_names)}, self._pybullet_indices()
        gains, mimics = self._gains(drawn), []
        for joint in self.description.model.mimic_joints:
            leader, multiplier, offset = self.description.model.source(joint)  # one servo moves it and what it follows
            force = joint.effort / self.config.substeps * drawn.motor_strength_scale.get(leader, 1.0)
            mimic = (pybullet_index[joint.name], index[leader], multiplier, offset)
            mimics.append((*mimic, force, gains[index[leader]]))
        return mimics

    def _gains(self, drawn: Drawn) -> list[float]:
        scale = per_joint(drawn.position_gain_scale, self.joint_names, 1.0)
        gains: list[float] = np.minimum(self.config.position_gain * scale, 1.0).tolist()
        return gains

    def _place(self, position: Array) -> None:
        """Put the joints at `position`, rad, without any memory of earlier contacts."""
        client, body = self._client, self._body
        client.resetBasePositionAndOrientation(body, _PARKED_M, (0.0, 0.0, 0.0, 1.0))
        for joint, value in zip(self._joints, position.tolist()):
            client.resetJointState(body, joint, value)
        for joint, source, multiplier, offset, *_ in self._mimics:
            client.resetJointState(body, joint, float(position[source]) * multiplier + offset)
        client.performCollisionDetection()
        client.resetBasePositionAndOrientation(body, *self._base_pose)

    def _allow_built_in_contacts(self) -> None:
        """Never check pairs that are built into each other: links at most two joints apart, and what overlaps at rest.

        A shoulder's links enclose each other, which primitives can only show as overlap; joint limits keep them apart.
        """
        client, body = self._client, self._body
        parent = {i: client.getJointInfo(body, i)[16] for i in range(client.getNumJoints(body))}
        for link, near in parent.items():
            client.setCollisionFilterPair(body, body, link, near, 0)
            if near in parent:
                client.setCollisionFilterPair(body, body, link, parent[near], 0)
        client.performCollisionDetection()
        for point in client.getContactPoints(body, body):
            client.setCollisionFilterPair(body, body, point[3], point[4], 0)

    def _seen_bodies(self) -> dict[str, list[tuple[Any, int]]]:
        """What cameras see, as `Palette` takes it."""
        client, still = self._client, self._rig.still_life
        robot = [(client, self._body)] + ([(still.client, still.body)] if still is not None else [])
        return {
            "robot": robot,
            "target": [(client, body) for body in self.world.targets],
            "world": [(client, body) for body in self.world.bodies.values() if body not in self.world.targets],
        }

    def _link_names(self) -> dict[int, str]:
        client = self._client
        names = {i: client.getJointInfo(self._body, i)[12].decode() for i in range(client.getNumJoints(self._body))}
        return {-1: self.description.model.root, **names}


def make_plant(description: RobotDescription, config: SimConfig, start_ns: int | None = None) -> Robot:
    """Return a simulated robot without limits, imperfect where `config` asks for it."""
    imperfection = load_imperfection(config.imperfection)
    robot = PyBulletRobot(description, config, start_ns)
    return ImperfectRobot(robot, imperfection) if imperfection.asked else robot


def make_robot(config: SimConfig | None = None, start_ns: int | None = None) -> SafeRobot:
    """Return a simulated robot behind the limits: what in-process environments and the simulator node both use."""
    config = config or SimConfig()
    description = config.load_robot()
    return SafeRobot(make_plant(description, config, start_ns), description)
