"""From the exact state to the reported one."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from typing import Any, NamedTuple

import numpy as np

from robot_interface_ros.robot import Array, Observation
from robot_sim_ros.imperfection.actuation import per_joint
from robot_sim_ros.imperfection.draw import Drawn, reports_commands
from robot_sim_ros.imperfection.lines import DelayLine, LossyLine


class _Readings(NamedTuple):
    position: Array
    velocity: Array
    effort: Array
    contact: Array | None


class Sensing:
    """Applies a zero offset, noise, a delay and lost messages, in this order.

    The target's position and the signals of the world stay exact: they belong to the task, not to the robot.
    """

    def __init__(self, drawn: Drawn, joint_names: tuple[str, ...], period_s: float):
        self._drawn, self._period_s = drawn, period_s
        self._offset = per_joint(drawn.joint_offset, joint_names)
        self._position_noise = drawn.stream("position_noise") if drawn.position_noise else None
        self._velocity_noise = drawn.stream("velocity_noise") if drawn.velocity_noise else None
        self._commands = reports_commands(drawn)
        self._last_command: Array | None = None
        self._readings = DelayLine[_Readings](drawn.observation_delay)
        self._received = LossyLine[_Readings](drawn.reading_drop, drawn.stream("reading_drop"))
        self._pictures = defaultdict[str, DelayLine[Any]](lambda: DelayLine(drawn.image_delay))
        self._arriving: dict[str, LossyLine[Any]] = {}

    def __call__(self, truth: Observation, command: Array) -> Observation:
        """Return the reported observation; call it once per period. `command`: the last one, `(n_joints,)` rad."""
        readings = self._received(self._readings(self._read(truth, command)))
        images, depths = truth.images, truth.depths
        if images or depths:
            seen = {name: self._see(name, (images.get(name), depths.get(name))) for name in {**images, **depths}}
            images = {name: image for name, (image, _) in seen.items() if image is not None}
            depths = {name: depth for name, (_, depth) in seen.items() if depth is not None}
        return dataclasses.replace(truth, images=images, depths=depths, **readings._asdict())

    def _read(self, truth: Observation, command: Array) -> _Readings:
        if self._commands:
            before = command if self._last_command is None else self._last_command
            self._last_command = command
            velocity = (command - before) / self._period_s
            return _Readings(command, velocity, np.zeros_like(command), truth.contact)
        position, velocity = truth.position - self._offset, truth.velocity
        if self._position_noise is not None:
            position = position + self._position_noise.normal(0.0, self._drawn.position_noise, position.shape)
        if self._velocity_noise is not None:
            velocity = velocity + self._velocity_noise.normal(0.0, self._drawn.velocity_noise, velocity.shape)
        return _Readings(position, velocity, truth.effort, truth.contact)

    def _see(self, camera: str, pictures: tuple[Any, Any]) -> tuple[Any, Any]:
        """Return the reported image and depth of one camera. They are lost together."""
        if camera not in self._arriving:
            self._arriving[camera] = LossyLine(self._drawn.image_drop, self._drawn.stream(f"image_drop {camera}"))
        seen: tuple[Any, Any] = self._arriving[camera](self._pictures[camera](pictures))
        return seen
