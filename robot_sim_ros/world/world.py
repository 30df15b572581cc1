"""A world in PyBullet: its objects, and what they make a robot feel."""

from __future__ import annotations

import itertools
import math
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from robot_interface_ros.robot import NOTHING, Array, Episode
from robot_interface_ros.robot_config import RobotDescription
from robot_sim_ros.quiet import quiet_output
from robot_sim_ros.sim_config import SimConfig
from robot_sim_ros.world import shapes, touch
from robot_sim_ros.world.buttons import Panel
from robot_sim_ros.world.config import ArenaFrame, Button, Distractors, Marker, Table, TomatoPlant, load_world
from robot_sim_ros.world.layout import (
    anchor_of,
    button_offsets,
    check_robot,
    first_target,
    generator_of,
    scattered,
)
from robot_sim_ros.world.motion import make_mover

_UPRIGHT = (0.0, 0.0, 0.0, 1.0)
_MARKER_COLOUR = (0.9, 0.05, 0.05, 1.0)


class World:
    """Everything around one robot. Bodies are made once, in the order of the world's file; `reset` places them anew."""

    def __init__(self, client: Any, robot: int, description: RobotDescription, config: SimConfig):
        """`robot`: its body in `client`. Raises ConfigError where the world does not exist or does not suit the robot."""
        world = load_world(config.world)
        check_robot(world, description)
        self._client, self._robot, self._description, self._config, self._world = (
            client,
            robot,
            description,
            config,
            world,
        )
        self._anchor = anchor_of(world.target, description)
        self._mover = make_mover(world.target.motion, self._anchor, description.config.arena)
        self.moves = self._mover.moves
        """Whether `advance` must be called before every control period."""
        self._place_body = partial(client.resetBasePositionAndOrientation)
        self._points = partial(client.getContactPoints, robot)
        self.bodies: dict[str, int] = {}
        """Name -> PyBullet's index: marker, tomato_plant, table, arena, button_0 ..., distractor_0 ..."""
        self.targets: list[int] = []
        """Bodies that are where the target is, or a fixed way from it: marker, tomato_plant or buttons."""
        self._table: Table | None = world.find(Table)
        self._button: Button | None = world.find(Button)
        self._distractors: Distractors | None = world.find(Distractors)
        for entry in world.objects:
            self._make(entry)
        if self._button is not None and self._table is not None:
            for body, link in itertools.product(self.targets, (-1, shapes.PLUNGER_JOINT)):
                # A button may stand in the table, and its plunger is still to slide.
                client.setCollisionFilterPair(self.bodies["table"], body, -1, link, 0)
        self._panel = Panel(self._button) if self._button is not None else None
        self._offsets = [np.zeros(3) for _ in self.targets]
        self._top = self._anchor
        self.senses = bool(self._panel or self._table or config.contact)
        """Whether `contact_and_signals` has anything to say."""
        links = {-1: description.model.root}
        links |= {i: client.getJointInfo(robot, i)[12].decode() for i in range(client.getNumJoints(robot))}
        hand = touch.end_effector_links(description.model, description.config.end_effector)
        self._hand_links = frozenset(i for i, name in links.items() if name in hand)
        self._chain = description.model.chain(description.config.end_effector)
        self._chain_indices = description.model.index(self._chain.joint_names)

    def park(self) -> None:
        """Take everything that can be touched out of all contact; the next collision detection forgets the contacts."""
        for k, body in enumerate(self.bodies.values()):
            self._place_body(body, (10.0 * (k + 1), 0.0, 100.0), _UPRIGHT)

    def reset(self, episode: Episode) -> Array:
        """Place everything as the episode says, at rest; return where the target is, `(3,)` m, read-only."""
        generator = generator_of(episode.seed)
        self._top = first_target(self._world.target, self._anchor, episode.target, generator)
        self._mover.start(self._top, generator)
        if self._panel is not None and self._button is not None:
            self._panel.restart()
            self._offsets = button_offsets(self._button, self._top, self._anchor)
        if "table" in self.bodies:
            self._place_body(self.bodies["table"], self._description.config.table, _UPRIGHT)
        if "arena" in self.bodies:
            arena = self._description.config.arena
            assert arena is not None
            self._place_body(self.bodies["arena"], arena.centre, _UPRIGHT)
        self._place_carriers()
        if self._panel is not None:
            for body in self.targets:
                self._client.resetJointState(body, shapes.PLUNGER_JOINT, 0.0, 0.0)
        self._scatter(episode.seed)
        return self._target()

    def advance(self, position: Array) -> Array:
        """Let the target move for one control period; return where it is then, `(3,)` m, read-only.

        `position`: the robot's joints as they are, `(n_joints,)` rad.
        """
        hand = self._hand(position) if self._mover.needs_hand else None
        self._top = self._mover.step(hand)
        self._place_carriers()
        return self._target()

    def contact_and_signals(self, position: Array) -> tuple[Array | None, Mapping[str, float], Array]:
        """What the end effector feels, `(6,)` or None, the signals by name, and the target (a press may move it on)."""
        points = touch.touching(self._points())
        if self._panel is not None:
            touched = {point[touch.BODY_B] for point in points}
            depths = [self._client.getJointState(body, shapes.PLUNGER_JOINT)[0] for body in self.targets]
            self._panel.update(depths, [body in touched for body in self.targets])
        contact = None
        if self._config.contact:
            # PyBullet divides a substep's impulse by the whole period.
            scale = float(self._config.substeps)
            contact = touch.wrench(points, self._robot, self._hand_links, self._hand(position), scale)
        return contact, self._signals(points), self._target()

    def untouched(self) -> tuple[Array | None, Mapping[str, float]]:
        """Contact and signals of an episode's first observation, in which nothing has happened yet."""
        return (np.zeros(6) if self._config.contact else None), self._signals([])

    def _signals(self, points: list[touch.Point]) -> Mapping[str, float]:
        if not self.senses:
            return NOTHING
        signals: dict[str, float] = {}
        if self._panel is not None:
            signals.update({f"button_{k}": float(pressed) for k, pressed in enumerate(self._panel.pressed)})
            signals["presses"] = float(self._panel.presses)
        others = [point[touch.BODY_B] for point in points]
        if self._table is not None:
            signals["table_contact"] = float(self.bodies["table"] in others)
        if self._config.contact:
            own = others.count(self._robot)
            signals["self_collision"], signals["world_collision"] = float(own), float(len(others) - own)
        return signals

    def _hand(self, position: Array) -> Array:
        return self._chain.position(position[self._chain_indices])

    def _target(self) -> Array:
        target = self._top + self._offsets[self._panel.next] if self._panel is not None else self._top.copy()
        target.setflags(write=False)
        return target

    def _place_carriers(self) -> None:
        for body, offset in zip(self.targets, self._offsets):
            self._place_body(body, (self._top + offset).tolist(), _UPRIGHT)

    def _scatter(self, seed: int) -> None:
        if self._distractors is None or self._table is None:
            return
        top = self._description.config.table
        assert top is not None
        buttons = [self._top + offset for offset in self._offsets] if self._button is not None else []
        poses = scattered(self._distractors, self._table, top, buttons, self._button, seed)
        for k, (place, turn) in enumerate(poses):
            body = self.bodies[f"distractor_{k}"]
            self._place_body(body, place, (0.0, 0.0, math.sin(turn / 2), math.cos(turn / 2)))
            self._client.resetBaseVelocity(body, (0.0, 0.0, 0.0), (0.0, 0.0, 0.0))

    def _make(self, entry: object) -> None:
        """Make the bodies of one object."""
        client, config = self._client, self._description.config
        if isinstance(entry, Marker):
            radius = self._config.target_radius
            sphere = client.createVisualShape(client.GEOM_SPHERE, radius=radius, rgbaColor=_MARKER_COLOUR)
            self.bodies["marker"] = client.createMultiBody(baseVisualShapeIndex=sphere)
            self.targets.append(self.bodies["marker"])
        elif isinstance(entry, TomatoPlant):
            self._load("tomato_plant", shapes.tomato_plant_urdf(entry, self._config.target_radius))
            self.targets.append(self.bodies["tomato_plant"])
        elif isinstance(entry, Table):
            assert config.table is not None  # check_robot has seen it
            self._load("table", shapes.table_urdf(entry, config.table[2]))
        elif isinstance(entry, ArenaFrame):
            assert config.arena is not None
            self._load("arena", shapes.arena_urdf(config.arena))
        elif isinstance(entry, Distractors):
            for k in range(entry.count):
                self._load(f"distractor_{k}", shapes.distractor_urdf(entry, k), fixed=False)
        elif isinstance(entry, Button):
            for k in range(entry.count):
                self._make_button(entry, k)

    def _make_button(self, button: Button, number: int) -> None:
        client = self._client
        body = self._load(f"button_{number}", shapes.button_urdf(button, number))
        self.targets.append(body)
        # A motor that is too weak for its task pushes with all its force: a spring that is nearly as strong everywhere.
        # As every motor's, its force is granted to each substep anew.
        client.setJointMotorControl2(
            body,
            shapes.PLUNGER_JOINT,
            client.POSITION_CONTROL,
            targetPosition=0.0,
            positionGain=0.3,
            velocityGain=1.0,
            force=button.spring_force / self._config.substeps,
            maxVelocity=0.5,
        )

    def _load(self, name: str, urdf: str, fixed: bool = True) -> int:
        with tempfile.TemporaryDirectory() as folder, quiet_output():
            path = Path(folder) / f"{name}.urdf"
            path.write_text(urdf, encoding="utf-8")
            self.bodies[name] = int(self._client.loadURDF(str(path), useFixedBase=fixed))
        return self.bodies[name]
