"""A robot that adds the imperfections of an episode, between the limits and the physics. Does not need a simulator."""

from __future__ import annotations

import dataclasses
from typing import Protocol

from robot_interface_ros.robot import Array, Command, Episode, Observation, Robot
from robot_interface_ros.robot_config import RobotDescription
from robot_sim_ros.imperfection.actuation import Actuation
from robot_sim_ros.imperfection.config import Imperfection
from robot_sim_ros.imperfection.draw import Drawn, draw
from robot_sim_ros.imperfection.sensing import Sensing


class VariableRobot(Robot, Protocol):
    """A simulated robot whose body can be varied."""

    description: RobotDescription
    link_names: tuple[str, ...]
    """Names of the links that move."""
    camera_names: tuple[str, ...]

    def vary(self, drawn: Drawn) -> None:
        """Apply the sampled masses, friction, servos, looks and rest pose from the next reset on, replacing earlier ones."""


class ImperfectRobot:
    """Samples imperfections at every reset and applies them to the plant, its commands and its observations.

    SafeRobot contains this robot: the limits apply to commands before any delay. The first observation of an episode
    holds the sampled values. With `feedback: commanded` it reports the commands of SafeRobot, as a driver of servos
    without feedback does.
    """

    def __init__(self, plant: VariableRobot, imperfection: Imperfection):
        self._robot, self._imperfection = plant, imperfection
        self.joint_names, self.period_ns = plant.joint_names, plant.period_ns
        self._actuation: Actuation | None = None
        self._sensing: Sensing | None = None
        self._command: Array | None = None
        self._truth: Observation | None = None
        self._reported: Observation | None = None

    @property
    def plant(self) -> VariableRobot:
        """The robot without imperfections."""
        return self._robot

    @property
    def truth(self) -> Observation:
        """The exact state at the time of the last observation."""
        if self._truth is None:
            raise RuntimeError("call reset() first")
        return self._truth

    def reset(self, episode: Episode) -> Observation:
        """Sample the imperfections of this episode, then reset."""
        plant = self._robot
        drawn = draw(self._imperfection, episode.seed, plant.link_names, plant.joint_names, plant.camera_names)
        plant.vary(drawn)
        truth = plant.reset(episode)
        self._sensing = Sensing(drawn, self.joint_names, self.period_ns * 1e-9)
        rest = plant.description.rest  # the commanded rest pose; a joint offset makes the true one differ
        self._actuation, self._command = Actuation(drawn, self.joint_names, rest), rest
        return dataclasses.replace(self._report(truth), drawn=drawn.record())

    def send(self, command: Command) -> None:
        """See Robot. The command must name all joints, as the commands of SafeRobot do."""
        if self._actuation is None:
            raise RuntimeError("call reset() first")
        self._command = command.position
        self._robot.send(Command(command.stamp, command.names, self._actuation(command.position)))

    def receive(self, timeout_s: float | None = None) -> Observation:
        """See Robot. Two calls in the same period return the same observation."""
        truth = self._robot.receive(timeout_s)
        if self._reported is not None and truth.stamp == self._reported.stamp:
            return self._reported
        return self._report(truth)

    def close(self) -> None:
        """Close the plant."""
        self._robot.close()

    def _report(self, truth: Observation) -> Observation:
        assert self._sensing is not None and self._command is not None  # a reset made them
        self._truth, self._reported = truth, self._sensing(truth, self._command)
        return self._reported
