"""Robots that each violate the robot contract in one way, for tests of the contract check."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from rclpy.node import Node
from std_msgs.msg import Bool
from std_srvs.srv import Trigger

from robot_driver_ros.mock_robot import MockRobot
from robot_interface_ros.errors import CommandRejected
from robot_interface_ros.lockstep import LockstepRobot
from robot_interface_ros.realtime.realtime_robot import RealTimeConfig, RealTimeRobot, ResetEnd, State
from robot_interface_ros.robot import Command, Episode, Observation
from robot_interface_ros.robot_config import RobotDescription
from robot_interface_ros.ros.serving.robot_server import RobotServer
from robot_interface_ros.ros.transport.contract import BEST_EFFORT, RELIABLE
from robot_interface_ros.ros.transport.messages import PoseWriter
from robot_interface_ros.ros.transport.waiting import Deferred
from robot_interface_ros.ros.transport.wire import SerialWriter
from robot_interface_ros.safety.limits import TargetLimiter
from robot_interface_ros.safety.safe_robot import SafeRobot


class Forgetful(MockRobot):
    """Chooses targets itself, and ignores the episode's target."""

    def reset(self, episode: Episode) -> Observation:
        return super().reset(Episode(episode.seed))


class Numb(MockRobot):
    """Publishes NaN for efforts, which it does not measure."""

    def receive(self, timeout_s: float | None = None) -> Observation:
        observation = super().receive(timeout_s)
        return dataclasses.replace(observation, effort=np.full_like(observation.effort, np.nan))


class Leisurely(RealTimeRobot):
    """Keeps the contract, but takes ten ticks for every reset."""

    ticks = 0

    def _reset_step(self, now: int) -> Observation | None:
        self.ticks += 1
        return super()._reset_step(now) if self.ticks % 10 == 0 else None


class OnePeriod(MockRobot):
    """A reset advances one period."""

    def reset(self, episode: Episode) -> Observation:
        self._stamp -= self.period_ns
        return super().reset(episode)


class Impure(MockRobot):
    """An episode depends on the one before."""

    count = 0

    def send(self, command: Command) -> None:
        self.count += 1
        super().send(dataclasses.replace(command, position=command.position + 1e-9 * self.count))


class Limping(MockRobot):
    """Every second command advances two periods."""

    count = 0

    def send(self, command: Command) -> None:
        super().send(command)
        self.count += 1
        self._stamp += self.period_ns * (self.count % 2)


class Hasty(SafeRobot):
    """Does not limit the speed."""

    def __init__(self, robot: MockRobot, description: RobotDescription):
        super().__init__(robot, description)
        n = len(self.joint_names)
        limits = dataclasses.replace(description.limits, velocity=np.full(n, 1e3))
        self._limiter = TargetLimiter(limits, np.full(n, 1e5), robot.period_ns * 1e-9)


class Deaf(SafeRobot):
    """Ignores an emergency stop."""

    def emergency_stop(self) -> None:
        pass


class Gullible(SafeRobot):
    """Accepts every command."""

    def accept(self, command: Command) -> None:
        try:
            super().accept(command)
        except CommandRejected:
            return


class Obliging(SafeRobot):
    """Ignores commands for joints that cannot be commanded."""

    def __init__(self, robot: MockRobot, description: RobotDescription):
        super().__init__(robot, description)
        self._passed_over = set(description.model.joints) - set(self.joint_names)

    def accept(self, command: Command) -> None:
        if len(command.names) == len(command.position):
            kept = [i for i, name in enumerate(command.names) if name not in self._passed_over]
            names = tuple(command.names[i] for i in kept)
            command = dataclasses.replace(command, names=names, position=command.position[kept])
        super().accept(command)


class Unbridled(SafeRobot):
    """Accepts commands while it is stopped."""

    def accept(self, command: Command) -> None:
        self._limiter.accept(command)


class Idle(SafeRobot):
    """Accepts commands, but does not move."""

    def track(self) -> None:
        self.hold()


class Restless(SafeRobot):
    """Refuses commands while it is stopped, but follows them."""

    def accept(self, command: Command) -> None:
        self._limiter.accept(command)
        super().accept(command)

    def hold(self) -> None:
        self.track()

    def forget(self) -> None:
        pass


class Homesick(SafeRobot):
    """Moves to rest when it should hold."""

    def hold(self) -> None:
        self.approach_rest()


class Eager(LockstepRobot):
    """Executes every command at any time."""

    def command(self, command: Command) -> Observation:
        return super().command(dataclasses.replace(command, stamp=self.observation.stamp))


class Defiant(LockstepRobot):
    """Advances with commands that it refuses."""

    def command(self, command: Command) -> Observation:
        try:
            return super().command(command)
        except CommandRejected:
            plant: MockRobot = self._robot.plant
            plant.send(Command(0, plant.joint_names, self.observation.position))
            self.observation = self._robot.receive()
            raise


class BackAndForth(RealTimeRobot):
    """Every second stamp is older than the one before."""

    def _stamped(self, observation: Observation, last: int) -> Observation:
        self._sign = -getattr(self, "_sign", 1)
        return dataclasses.replace(observation, stamp=time.time_ns() + self._sign * self.period_ns)


class Uptime(RealTimeRobot):
    """Its stamps are the time since the start of the machine."""

    def __init__(self, robot: SafeRobot):
        super().__init__(robot, wall_clock=time.monotonic_ns)


class Tireless(RealTimeRobot):
    """Follows the last command to its end."""

    def __init__(self, robot: SafeRobot):
        super().__init__(robot, RealTimeConfig(command_timeout_s=60.0))


class Absent(RealTimeRobot):
    """Does not report commands that it ignores during a reset."""

    def command(self, command: Command) -> None:
        if self.state is not State.RESETTING:
            super().command(command)


class Premature(RealTimeRobot):
    """Answers a reset before its motion."""

    ended: ResetEnd | None = None

    def start_reset(self, episode: Callable[[], Episode], ended: ResetEnd) -> None:
        super().start_reset(episode, lambda result: None)
        self.ended = ended

    def tick(self) -> Observation:
        observation = super().tick()
        if self.ended is not None:
            self.ended = self.ended(observation)
        return observation


class Unframed(RobotServer):
    """Its frames have no namespace."""

    def __init__(self, *arguments: Any, **settings: Any):
        super().__init__(*arguments, **settings)
        self._pose_writer = SerialWriter(PoseWriter("base_link"), 3)


class Silent(RobotServer):
    """Refuses commands without a message."""

    def _reject(self, stamp: int, reason: str) -> None:
        pass


class Curt(RobotServer):
    """A reset does not answer with a stamp."""

    def _on_reset(self, request: Trigger.Request, response: Trigger.Response) -> Deferred:
        later = super()._on_reset(request, response)
        response.message = "at rest"
        return later


class Undescribed(RobotServer):
    """Publishes the path of its URDF instead of the text."""

    def __init__(self, *arguments: Any, **settings: Any):
        *others, description = arguments
        super().__init__(*others, dataclasses.replace(description, urdf="/opt/robots/inmoov.urdf"), **settings)


class OtherPublishers(RobotServer):
    """Creates its publishers as `changed` says."""

    def __init__(self, node: Node, *arguments: Any, **settings: Any):
        make = node.create_publisher
        node.create_publisher = lambda kind, name, qos: make(*self.changed(kind, name, qos))
        super().__init__(node, *arguments, **settings)

    def changed(self, kind: Any, name: str, qos: Any) -> tuple[Any, str, Any]:
        raise NotImplementedError


class Unannounced(OtherPublishers):
    """Does not publish motion_enabled to later subscribers."""

    def changed(self, kind: Any, name: str, qos: Any) -> tuple[Any, str, Any]:
        return kind, name, RELIABLE if "enabled" in name else qos


class Misnamed(OtherPublishers):
    """Publishes joint_states under another name."""

    def changed(self, kind: Any, name: str, qos: Any) -> tuple[Any, str, Any]:
        return kind, name.replace("joint_states", "states"), qos


class Fleeting(OtherPublishers):
    """Publishes joint_states as best effort, like sensors."""

    def changed(self, kind: Any, name: str, qos: Any) -> tuple[Any, str, Any]:
        return kind, name, BEST_EFFORT if "states" in name else qos


class Mistyped(OtherPublishers):
    """Reports refused commands with a Bool."""

    def changed(self, kind: Any, name: str, qos: Any) -> tuple[Any, str, Any]:
        return Bool if "rejected" in name else kind, name, qos


class Secretive(RobotServer):
    """Publishes no joint_target."""

    def __init__(self, *arguments: Any, **settings: Any):
        super().__init__(*arguments, **settings)
        self._joint_target = None


class Busy(RobotServer):
    """Handles an emergency stop only after a reset."""

    stop: Bool | None = None

    def _on_emergency_stop(self, message: Bool) -> None:
        if self._robot.state is State.RESETTING:
            self.stop = message
        else:
            super()._on_emergency_stop(message)

    def publish(self, observation: Observation) -> None:
        super().publish(observation)
        if self.stop is not None and self._robot.state is not State.RESETTING:
            self.stop = super()._on_emergency_stop(self.stop)
