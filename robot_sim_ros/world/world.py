"""A world in PyBullet: its objects, the target, contact forces and signals."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from robot_interface_ros.robot import NOTHING, Array, Episode
from robot_interface_ros.robot_config import RobotDescription
from robot_sim_ros.sim_config import SimConfig
from robot_sim_ros.world import touch
from robot_sim_ros.world.bodies import Bodies
from robot_sim_ros.world.buttons import Panel
from robot_sim_ros.world.config import load_world
from robot_sim_ros.world.kinds import Button, Distractors, Table
from robot_sim_ros.world.layout import (
    anchor_of,
    button_offsets,
    check_robot,
    first_target,
    free_half,
    generator_of,
    given,
    kept_clear,
    scattered,
)
from robot_sim_ros.world.motion import make_mover
from robot_sim_ros.world.wandering import Wanderers

_STANDS = 0.005  # an object whose height differs by more, m, has fallen over or off the table, or is lifted


class World:
    """Everything around one robot. After a reset it depends only on the episode and on the robot's motion."""

    def __init__(self, client: Any, robot: int, description: RobotDescription, config: SimConfig):
        """`robot`: its body in `client`. Raises ConfigError if the world does not exist or does not suit the robot."""
        world = load_world(config.world)
        check_robot(world, description)
        self._robot, self._description, self._config, self._world = robot, description, config, world
        self._points = partial(client.getContactPoints, robot)
        self._bodies = Bodies(client, world, description.config, config)
        self.bodies: Mapping[str, int] = self._bodies.index
        self.targets = self._bodies.targets
        self.loose = [self.bodies[name] for name in self._bodies.loose]
        """Bodies that the robot can push away."""
        self.fixed = [body for body in self.bodies.values() if body not in self.loose]
        self._button: Button | None = world.find(Button)
        self._panel = Panel(self._button) if self._button is not None else None
        self._anchor = anchor_of(world.target, description)
        self._mover = make_mover(world.target.motion, self._anchor, description.config.arena)
        self._top = self._anchor  # position of the target, or of the first of several buttons
        self._offsets = [np.zeros(3) for _ in self.targets]
        self._distractors: Distractors | None = world.find(Distractors)
        step = self._distractors.step if self._distractors is not None else 0.0
        self._wanderers = Wanderers(len(self._bodies.loose), step) if step else None
        self.moves = self._mover.moves or self._wanderers is not None
        """Whether `advance` must be called before every control period."""
        self.senses = bool(self._panel or "table" in self.bodies or config.contact)
        """Whether `sense` returns a contact force or signals."""
        links = {-1: description.model.root}
        links |= {i: client.getJointInfo(robot, i)[12].decode() for i in range(client.getNumJoints(robot))}
        hand = touch.end_effector_links(description.model, description.config.end_effector)
        self._hand_links = frozenset(i for i, name in links.items() if name in hand)
        self._chain = description.model.chain(description.config.end_effector)
        self._chain_indices = description.model.index(self._chain.joint_names)

    def reset(self, episode: Episode) -> Array:
        """Place all objects for the episode, with zero velocity; return the target's position, `(3,)` m, read-only."""
        generator, robot = generator_of(episode.seed), self._description.config
        self._top = first_target(self._world.target, self._anchor, episode.target, generator)
        self._mover.start(self._top, generator)
        if self._panel is not None and self._button is not None:
            self._panel.restart()
            self._offsets = button_offsets(self._button, self._top, self._anchor)
            for body in self.targets:
                self._bodies.release(body)
        if "table" in self.bodies:
            self._bodies.place(self.bodies["table"], given(robot.table))
        if "arena" in self.bodies:
            self._bodies.place(self.bodies["arena"], given(robot.arena).centre)
        self._place_targets()
        self._scatter(episode.seed)
        if self._wanderers is not None:
            self._wanderers.start(generator_of(episode.seed, 2))
        return self._target()

    def place_target(self, position: Array) -> Array:
        """Put the target, or the first of several buttons, at `position`, `(3,)` m; return where the target is then.

        The episode is no longer a function of its seed afterwards, so only a robot in real time does this.
        """
        self._top = np.array(position, dtype=np.float64)
        self._mover.start(self._top, generator_of(0))
        self._place_targets()
        return self._target()

    def advance(self, position: Array) -> Array:
        """Move the target, and objects that move by themselves, for one control period.

        Return the target's new position, `(3,)` m, read-only.

        `position`: current joint positions of the robot, `(n_joints,)` rad.
        """
        if self._mover.moves:
            self._top = self._mover.step(self._hand(position) if self._mover.needs_hand else None)
            self._place_targets()
        if self._wanderers is not None:
            self._wander(self._wanderers)
        return self._target()

    def sense(self, position: Array) -> tuple[Array | None, Mapping[str, float], Array]:
        """Return force and torque on the end effector, `(6,)` or None, the signals, and the target (a press may move it)."""
        points = touch.touching(self._points())
        if self._panel is not None:
            touched = {point[touch.BODY_B] for point in points}
            depths = [self._bodies.depth(button) for button in self.targets]
            self._panel.update(depths, [button in touched for button in self.targets])
        contact = None
        if self._config.contact:
            scale = float(self._config.substeps)  # PyBullet divides a substep's impulse by the whole period
            contact = touch.wrench(points, self._robot, self._hand_links, self._hand(position), scale)
        return contact, self._signals(points), self._target()

    def untouched(self) -> tuple[Array | None, Mapping[str, float]]:
        """Return contact, `(6,)` N and N·m or None, and signals of an episode's first observation, before any contact."""
        return (np.zeros(6) if self._config.contact else None), self._signals([])

    def loose_objects(self) -> Mapping[str, Array]:
        """Return where the objects are that the robot can push away, name -> `(3,)` m in the root frame."""
        return {name: np.array(self._bodies.where(self.bodies[name])) for name in self._bodies.loose}

    def _signals(self, points: list[touch.Point]) -> Mapping[str, float]:
        if not self.senses:
            return NOTHING
        signals: dict[str, float] = {}
        if self._panel is not None:
            signals.update({f"button_{k}": float(pressed) for k, pressed in enumerate(self._panel.pressed)})
            signals["presses"] = float(self._panel.presses)
        others = [point[touch.BODY_B] for point in points]
        if "table" in self.bodies:
            signals["table_contact"] = float(self.bodies["table"] in others)
        if self._config.contact:
            own = others.count(self._robot)
            signals["self_collision"], signals["world_collision"] = float(own), float(len(others) - own)
        return signals

    def _hand(self, position: Array) -> Array:
        return self._chain.position(position[self._chain_indices])

    def _target(self) -> Array:
        target = self._top + self._offsets[self._panel.next if self._panel is not None else 0]
        target.setflags(write=False)  # observations share it
        return target

    def _place_targets(self) -> None:
        for body, offset in zip(self.targets, self._offsets):
            self._bodies.place(body, (self._top + offset).tolist())

    def _buttons(self) -> list[Array]:
        return [self._top + offset for offset in self._offsets] if self._button is not None else []

    def _scatter(self, seed: int) -> None:
        if self._distractors is None:
            return
        table, top = self._world.find(Table), given(self._description.config.table)
        poses = scattered(self._distractors, table, top, self._buttons(), self._button, seed)
        for name, (place, turn) in zip(self._bodies.loose, poses):
            self._bodies.place(self.bodies[name], place, turn)
            self._bodies.stop(self.bodies[name])

    def _wander(self, wanderers: Wanderers) -> None:
        """Slide the objects that stand on the table by one step."""
        distractors, top = given(self._distractors), np.array(given(self._description.config.table))
        free, places = free_half(distractors, self._world.find(Table)), []
        for k, where in enumerate(self.loose_objects().values()):
            stands = abs(where[2] - top[2] - distractors.height(k) / 2) < _STANDS
            places.append(where[:2] if stands else None)
        fixed = kept_clear(distractors, self._buttons(), self._button)
        apart = 2 * distractors.across + distractors.gap
        after = wanderers.step(places, top[:2] - free, top[:2] + free, fixed, apart)
        for name, place in zip(self._bodies.loose, after):
            if place is not None:
                self._bodies.slide(self.bodies[name], float(place[0]), float(place[1]))
