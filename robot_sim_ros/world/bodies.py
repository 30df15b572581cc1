"""The bodies of a world's objects in PyBullet: loaded once, in the order of the world's file, placed in each episode."""

from __future__ import annotations

import itertools
import math
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from robot_interface_ros.robot_config import RobotConfig
from robot_sim_ros.quiet import quiet_output
from robot_sim_ros.sim_config import SimConfig
from robot_sim_ros.world import shapes
from robot_sim_ros.world.config import WorldConfig
from robot_sim_ros.world.kinds import ArenaFrame, Button, Distractors, Marker, Object, Table, TomatoPlant
from robot_sim_ros.world.layout import given

_MARKER_COLOUR = (0.9, 0.05, 0.05, 1.0)


class Bodies:
    """The loaded bodies.

    `index`: name -> PyBullet's index. Names: marker, tomato_plant, table, arena, button_0 ..., distractor_0 ...
    `loose`: names of the objects that the robot can push away.
    `targets`: indices of the bodies at the target, or at a fixed offset from it: marker, tomato_plant or buttons.
    """

    def __init__(self, client: Any, world: WorldConfig, robot: RobotConfig, config: SimConfig):
        """`robot` must have the table and the arena that `world` needs (`check_robot`)."""
        self._client, self._robot, self._config = client, robot, config
        self._place = client.resetBasePositionAndOrientation  # BulletClient looks functions up by reflection
        self.index: dict[str, int] = {}
        self.loose: list[str] = []
        self.targets: list[int] = []
        for entry in world.objects:
            self._make(entry)
        if "table" in self.index and world.find(Button) is not None:
            for button, link in itertools.product(self.targets, (-1, shapes.PLUNGER_JOINT)):
                # A button may overlap the table; its plunger must still be free to slide.
                client.setCollisionFilterPair(self.index["table"], button, -1, link, 0)

    def place(self, body: int, position: Sequence[float], turn: float = 0.0) -> None:
        """Place a body upright at `position`, m, with `turn` about the vertical, rad. Its velocity does not change."""
        self._place(body, position, (0.0, 0.0, math.sin(turn / 2), math.cos(turn / 2)))

    def stop(self, body: int) -> None:
        """Set a body's velocity to zero."""
        self._client.resetBaseVelocity(body, (0.0, 0.0, 0.0), (0.0, 0.0, 0.0))

    def where(self, body: int) -> Sequence[float]:
        """Return the place of a body, m in the root frame."""
        position: Sequence[float] = self._client.getBasePositionAndOrientation(body)[0]
        return position

    def slide(self, body: int, x: float, y: float) -> None:
        """Move a body along x and y. Its height, its rotation and its velocity do not change."""
        (_, _, z), turn = self._client.getBasePositionAndOrientation(body)
        self._place(body, (x, y, z), turn)

    def release(self, button: int) -> None:
        """Move a button's plunger out, with zero velocity."""
        self._client.resetJointState(button, shapes.PLUNGER_JOINT, 0.0, 0.0)

    def depth(self, button: int) -> float:
        """Return how far a button is pressed, m."""
        return float(self._client.getJointState(button, shapes.PLUNGER_JOINT)[0])

    def _make(self, entry: Object) -> None:
        client = self._client
        if isinstance(entry, Marker):
            radius = self._config.target_radius
            sphere = client.createVisualShape(client.GEOM_SPHERE, radius=radius, rgbaColor=_MARKER_COLOUR)
            self.index["marker"] = client.createMultiBody(baseVisualShapeIndex=sphere)
            self.targets.append(self.index["marker"])
        elif isinstance(entry, TomatoPlant):
            urdf = shapes.tomato_plant_urdf(entry, self._config.target_radius)
            self.targets.append(self._load("tomato_plant", urdf))
        elif isinstance(entry, Table):
            _, _, high = given(self._robot.table)
            self._load("table", shapes.table_urdf(entry, high - (self._robot.floor or 0.0)))
        elif isinstance(entry, ArenaFrame):
            self._load("arena", shapes.arena_urdf(given(self._robot.arena)))
        elif isinstance(entry, Distractors):
            for k in range(entry.count):
                self.loose.append(f"distractor_{k}")
                self._load(self.loose[-1], shapes.distractor_urdf(entry, k), fixed=False)
        else:
            for k in range(entry.count):
                self._make_button(entry, k)

    def _make_button(self, button: Button, number: int) -> None:
        body = self._load(f"button_{number}", shapes.button_urdf(button, number))
        self.targets.append(body)
        # A motor that is too weak to reach its target pushes with its full force: a spring with constant force. PyBullet
        # applies the force of a motor in every substep, so it is divided by their number.
        self._client.setJointMotorControl2(
            body,
            shapes.PLUNGER_JOINT,
            self._client.POSITION_CONTROL,
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
            self.index[name] = int(self._client.loadURDF(str(path), useFixedBase=fixed))
        return self.index[name]
