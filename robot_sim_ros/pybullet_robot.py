"""A robot in PyBullet whose joints follow their targets like position servos. Does not need ROS."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from robot_interface_ros.lockstep import first_stamp, period_of
from robot_interface_ros.robot import NO_DEPTHS, NO_IMAGES, NOTHING, Array, Command, Episode, Observation, Robot
from robot_interface_ros.robot_config import RobotDescription
from robot_interface_ros.safety.safe_robot import SafeRobot
from robot_interface_ros.urdf.merged import merge_fixed_links
from robot_sim_ros.body import Body
from robot_sim_ros.cameras.camera_rig import CameraRig
from robot_sim_ros.contacts import ContactMemory
from robot_sim_ros.imperfection.actuation import per_joint
from robot_sim_ros.imperfection.config import load_imperfection
from robot_sim_ros.imperfection.draw import Drawn
from robot_sim_ros.imperfection.imperfect_robot import ImperfectRobot
from robot_sim_ros.imperfection.look import look_of
from robot_sim_ros.imperfection.scaled_bodies import BodyDynamics, Palette
from robot_sim_ros.light_joints import LightJoints, light_joints, without
from robot_sim_ros.light_links import LightLinks, carried_by, without_visuals
from robot_sim_ros.pybullet_urdf import for_pybullet
from robot_sim_ros.quiet import quiet_output
from robot_sim_ros.servos import Servos
from robot_sim_ros.sim_config import SimConfig
from robot_sim_ros.world.config import load_world
from robot_sim_ros.world.world import World


class PyBulletRobot:
    """One robot in a PyBullet world of its own.

    After a reset, all observations depend only on the settings, the episode and the commands, bit for bit, and not on
    earlier episodes: PyBullet keeps contact pairs in a fixed order, and a reset makes it forget them. A command must
    name all joints; `SafeRobot` applies the limits.

    A robot with many joints has light ones (`light_joints`), if there is nothing to touch: the servo's law moves them, not
    PyBullet, and their efforts are 0. In physics, the links on them are fixed at rest.
    """

    def __init__(self, description: RobotDescription, config: SimConfig, start_ns: int | None = None):
        """`start_ns`: first stamp, integer nanoseconds; None: the wall clock's time."""
        self.description, self.config = description, config
        self.joint_names = description.joint_names
        self.period_ns = period_of(config.control_hz)
        self.camera_names = config.cameras
        self._stamp = first_stamp(self.period_ns) if start_ns is None else start_ns
        with quiet_output():
            import pybullet
            from pybullet_utils.bullet_client import BulletClient

            self._client: Any = BulletClient(pybullet.DIRECT)
        client = self._client
        client.setPhysicsEngineParameter(
            fixedTimeStep=1.0 / config.control_hz, numSubSteps=config.substeps, deterministicOverlappingPairs=1
        )
        client.setGravity(0.0, 0.0, -9.81)
        self._rig = CameraRig(client, description, config)
        untouchable = not (config.contact or load_world(config.world).solid)
        light = light_joints(description, config.physics_hz) if untouchable else frozenset()
        in_physics = without(description, light) if light else description
        self._heavy = description.model.index(in_physics.joint_names)
        self._light_links = carried_by(description.model, light)
        urdf = without_visuals(in_physics.urdf, self._light_links) if light else in_physics.urdf
        self.body = Body(client, self._rig.part(for_pybullet(merge_fixed_links(urdf))), in_physics)
        """The robot in physics: without light joints."""
        self.link_names = tuple(name for link, name in self.body.links.items() if link >= 0)
        self._servos = Servos(client, self.body, in_physics, config.position_gain, config.substeps)
        self._light: LightJoints | None = None
        if light:
            index = description.model.index([name for name in description.joint_names if name in light])
            self._light = LightJoints(description.limits, index, config)
        self._shown: LightLinks | None = None
        if light:
            # For so many joints, an exact solution takes less time than iterations, which have not converged when they end.
            with quiet_output():
                client.setPhysicsEngineParameter(constraintSolverType=client.CONSTRAINT_SOLVER_LCP_DANTZIG)
        self._step = client.stepSimulation  # BulletClient looks functions up by reflection: do it once
        self.cameras = self._rig.models
        self._observing = () if config.realtime else config.cameras  # in real time, images are rendered on demand
        if config.cameras:
            self._place_light_links(description.rest)
        self.world = World(client, self.body.id, in_physics, config)
        self._periods = 0  # since the last reset
        self._contact_memory = ContactMemory(client, (self.body.id, *self.world.fixed), self.world.loose)
        self._target = np.zeros(3)
        self._dynamics: BodyDynamics | None = None
        self._palette: Palette | None = None
        self._start = description.rest
        self.body.place(in_physics.rest)
        self.body.allow_built_in_contacts()

    def reset(self, episode: Episode) -> Observation:
        """Set the joints to the rest pose and the target to the episode's position, at once. Two periods pass."""
        self.body.place(self._start[self._heavy])
        if self._light is not None:
            self._light.place(self._start)
        self._target = self.world.reset(episode)  # shared by every observation until it moves
        self._contact_memory.forget()
        # Two periods, so that no observation of this episode can be taken for the answer to a command of the last one.
        self._stamp += 2 * self.period_ns
        self._periods = 0
        zero = np.zeros_like(self._start)  # PyBullet would still report the last episode's effort here
        contact, signals = self.world.untouched()
        return self._observation(self._start.copy(), zero, zero, contact, signals)

    def place_target(self, position: Array) -> None:
        """Put the target elsewhere, `(3,)` m in the root frame, in the middle of an episode; see `World.place_target`."""
        self._target = self.world.place_target(position)

    def vary(self, drawn: Drawn) -> None:
        """Apply the sampled masses, friction, servos, looks and rest pose from the next reset on; see VariableRobot."""
        if self._dynamics is None:
            self._dynamics = BodyDynamics(self._client, self.body.id, self.body.links)
        self._dynamics.scale(drawn.link_mass_scale, drawn.friction_scale)
        self._servos.vary(drawn)
        if self._light is not None:
            self._light.vary(drawn)
        self._start = self.description.rest + per_joint(drawn.joint_offset, self.joint_names)
        self._rig.look = look_of(drawn)
        if drawn.colour_scale:
            if self._palette is None:
                self._palette = Palette(self._seen_bodies())
            if self._palette.scale(drawn.colour_scale):
                self._rig.forget()

    def send(self, command: Command) -> None:
        """Give the servos their targets and simulate one control period."""
        if self._light is None:
            self._servos.drive(command.position)
        else:
            self._servos.drive(command.position[self._heavy])
            self._light.drive(command.position)
        if self.world.moves:
            self._target = self.world.advance(self.body.positions())
        self._step()
        self._stamp += self.period_ns
        self._periods += 1

    def receive(self, timeout_s: float | None = None) -> Observation:
        """Return the current observation; a simulator never waits."""
        position, velocity, _, effort = (np.array(values) for values in zip(*self.body.states()))
        if self._light is not None:
            position = self._with_light(position, self._light.position)
            velocity = self._with_light(velocity, self._light.velocity)
            effort = self._with_light(effort, 0.0)
        contact, signals = None, NOTHING
        if self.world.senses:
            contact, signals, self._target = self.world.sense(position)
        return self._observation(position, velocity, effort * self.config.substeps, contact, signals)

    def close(self) -> None:
        """Disconnect from PyBullet; safe to call twice."""
        if self._client is not None:
            self._rig.close()
            self._client.disconnect()
            self._client = None

    def loose_objects(self) -> Mapping[str, Array]:
        """Return where the objects of the world are that can be pushed away, name -> `(3,)` m; no stream tells it."""
        return self.world.loose_objects()

    def contacts(self) -> list[tuple[str, str]]:
        """Return the pairs of this robot's links that touch each other now."""
        return self.body.contacts()

    def render(self, camera: str, width: int, height: int) -> Any:
        """Render one extra image, `(height, width, 3)` uint8, outside of the configured streams."""
        position = self._positions()
        self._place_light_links(position)
        return self._rig.picture(camera, width, height, position)

    def render_on_demand(self) -> None:
        """Leave images out of observations from now on; `render_images` renders them."""
        self._observing = ()

    def render_images(self, names: Iterable[str]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """Render these configured cameras now; return images and, if configured, depths, as in Observation."""
        position = self._positions()
        self._place_light_links(position)
        return self._rig.see(names, position, self._periods)

    def _observation(
        self, position: Array, velocity: Array, effort: Array, felt: Array | None, signals: Mapping[str, float]
    ) -> Observation:
        images, depths = NO_IMAGES, NO_DEPTHS
        if self._observing:
            self._place_light_links(position)
            images, depths = self._rig.see(self._observing, position, self._periods)
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

    def _positions(self) -> Array:
        """Return the positions of all joints, `(n_joints,)` rad."""
        positions = self.body.positions()
        return positions if self._light is None else self._with_light(positions, self._light.position)

    def _with_light(self, heavy: Array, light: Array | float) -> Array:
        """Return values of all joints from those of the joints in physics and those of the light ones."""
        assert self._light is not None
        values = np.empty(len(self.joint_names))
        values[self._heavy], values[self._light.index] = heavy, light
        return values

    def _place_light_links(self, position: Array) -> None:
        """Put the visible links of light joints where they are, for an image."""
        if self._light is None:
            return
        if self._shown is None:
            self._shown = LightLinks(self._client, self.description, self._light_links)
        self._shown.place(position)

    def _seen_bodies(self) -> dict[str, list[tuple[Any, int]]]:
        """Return the bodies that cameras see, in the groups of `Palette`."""
        client, still = self._client, self._rig.static_scene
        robot = [(client, self.body.id)] + ([(still.client, still.body)] if still is not None else [])
        self._place_light_links(self._positions())
        robot += [(client, body) for body in (self._shown.bodies.values() if self._shown is not None else ())]
        return {
            "robot": robot,
            "target": [(client, body) for body in self.world.targets],
            "world": [(client, body) for body in self.world.bodies.values() if body not in self.world.targets],
        }


def make_plant(description: RobotDescription, config: SimConfig, start_ns: int | None = None) -> Robot:
    """Return a simulated robot without limits, with the imperfections of `config`."""
    imperfection = load_imperfection(config.imperfection)
    robot = PyBulletRobot(description, config, start_ns)
    return ImperfectRobot(robot, imperfection) if imperfection.asked else robot


def make_robot(config: SimConfig | None = None, start_ns: int | None = None) -> SafeRobot:
    """Return a simulated robot with limits, for in-process environments and for the simulator node."""
    config = config or SimConfig()
    description = config.load_robot()
    return SafeRobot(make_plant(description, config, start_ns), description)
