"""The contract check: our own nodes keep every rule; nodes that break one are told which."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy")
from rclpy.node import Node

from robot_driver_ros.mock_robot import MockRobot
from robot_interface_ros.errors import CommandRejected
from robot_interface_ros.lockstep import LockstepRobot
from robot_interface_ros.robot import Command, Episode, Observation
from robot_interface_ros.robot_config import load_robot
from robot_interface_ros.ros.contract import PARAMETER_NODE, RELIABLE
from robot_interface_ros.ros.contract_check import Point, check_contract
from robot_interface_ros.ros.messages import PoseWriter
from robot_interface_ros.ros.program import Stepping
from robot_interface_ros.ros.robot_server import RobotServer
from robot_interface_ros.ros.runtime import Runtime
from robot_interface_ros.ros.wire import SerialWriter
from robot_interface_ros.safe_robot import SafeRobot

pytestmark = [pytest.mark.ros, pytest.mark.contract]
PERIOD = 50_000_000


@pytest.mark.parametrize(
    "module, parameters, mode, points",
    [
        ("robot_sim_ros.ros.robot_sim_node", {}, "lockstep", 17),
        ("robot_sim_ros.ros.robot_sim_node", {"realtime": True}, "realtime", 13),
        ("robot_driver_ros.ros.robot_driver_node", {}, "lockstep", 17),
        ("robot_driver_ros.ros.robot_driver_node", {"realtime": True}, "realtime", 13),
    ],
)
def test_our_own_nodes_keep_every_rule(
    module: str, parameters: dict[str, Any], mode: str, points: int, start: Callable[..., Any], domain: int
) -> None:
    start(module, **parameters).wait_for("serving")
    found = list(check_contract(timeout_s=10.0, domain_id=domain))
    assert [point for point in found if not point.kept] == []
    assert len(found) == points and Point(f"mode: {mode}", True) in found


class Hasty(SafeRobot):
    """Knows no limits."""

    def send(self, command: Command) -> None:
        self.accept(command)
        full = dict(zip(self.joint_names, self.plant.receive().position)) | dict(zip(command.names, command.position))
        self.plant.send(Command(command.stamp, self.joint_names, np.array(list(full.values()))))


class Deaf(SafeRobot):
    """Hears no emergency stop."""

    def emergency_stop(self) -> None:
        pass


class Gullible(SafeRobot):
    """Takes every command."""

    def accept(self, command: Command) -> None:
        try:
            super().accept(command)
        except CommandRejected:
            return


class Forgetful(MockRobot):
    """Chooses targets itself, whatever it was told."""

    def reset(self, episode: Episode) -> Observation:
        return super().reset(Episode(episode.seed))


class OnePeriod(MockRobot):
    """A reset advances one period."""

    def reset(self, episode: Episode) -> Observation:
        self._stamp -= self.period_ns
        return super().reset(episode)


class Impure(MockRobot):
    """An episode remembers the one before."""

    count = 0

    def send(self, command: Command) -> None:
        self.count += 1
        super().send(dataclasses.replace(command, position=command.position + 1e-9 * self.count))


class Eager(LockstepRobot):
    """Executes whatever comes, whenever it comes."""

    def command(self, command: Command) -> Observation:
        return super().command(dataclasses.replace(command, stamp=self.observation.stamp))


class Unframed(RobotServer):
    """Its frames carry no namespace."""

    def __init__(self, *arguments: Any, **settings: Any):
        super().__init__(*arguments, **settings)
        self._pose_writer = SerialWriter(PoseWriter("base_link"), 3)


class Silent(RobotServer):
    """Refuses commands without a word."""

    def _reject(self, stamp: int, reason: str) -> None:
        pass


class Unannounced(RobotServer):
    """Says motion_enabled to nobody who comes later."""

    def __init__(self, node: Node, *arguments: Any, **settings: Any):
        make = node.create_publisher
        node.create_publisher = lambda kind, name, qos: make(kind, name, RELIABLE if "enabled" in name else qos)
        super().__init__(node, *arguments, **settings)


class Misnamed(RobotServer):
    """Publishes target_pose under another name."""

    def __init__(self, node: Node, *arguments: Any, **settings: Any):
        make = node.create_publisher
        node.create_publisher = lambda kind, name, qos: make(kind, name.replace("target_pose", "goal"), qos)
        super().__init__(node, *arguments, **settings)


@pytest.fixture
def serve(domain: int) -> Iterator[Callable[..., None]]:
    """Serve one robot of these classes in a thread."""
    runtime = Runtime(domain_id=domain, signals=False)
    threads: list[threading.Thread] = []

    def serve_robot(
        plant: type = MockRobot, safe: type = SafeRobot, server: type = RobotServer, lockstep: type | None = None
    ) -> None:
        description = load_robot("inmoov")
        stepping = Stepping(runtime, Node("broken", context=runtime.context))
        episode = Node(PARAMETER_NODE, namespace="/env_0", context=runtime.context)
        stepping.services.add(episode)
        robot = safe(plant(description, PERIOD), description)
        made = server(stepping.node, stepping.waiter, episode, "/env_0", robot, description)
        if lockstep is not None:
            made._lockstep = lockstep(robot)
        threads.append(threading.Thread(target=stepping.run))
        threads[-1].start()

    yield serve_robot
    runtime.request_stop()
    for thread in threads:
        thread.join(20.0)
    runtime.close()


@pytest.mark.parametrize(
    "broken, rule, said",
    [
        ({"safe": Hasty}, "A command far away moves no joint faster", "to move at most"),
        ({"safe": Deaf}, "emergency_stop ends motion", "expected motion_enabled false after emergency_stop"),
        ({"safe": Gullible}, "NaN, an unknown joint", "expected command_rejected for NaN"),
        ({"plant": Forgetful}, "episode.target, where", "expected the target at"),
        ({"plant": OnePeriod}, "A reset advances two periods", "after a reset; it is"),
        ({"plant": Impure}, "The same episode with the same commands", "it differs"),
        ({"lockstep": Eager}, "A command with an older stamp", "again, after a command with older stamp"),
        ({"lockstep": Eager}, "A command with a newer stamp is refused", "expected command_rejected"),
        (
            {"server": Unframed},
            "target_pose carries the namespace",
            "expected frame_id env_0/base_link; it is 'base_link'",
        ),
        ({"server": Silent}, "NaN, an unknown joint", "expected command_rejected for NaN"),
        ({"server": Unannounced}, "motion_enabled is latched", "also long after it was published"),
        ({"server": Misnamed}, "It publishes and hears every topic", "a publisher of /env_0/target_pose"),
    ],
)
def test_a_node_that_breaks_a_rule_is_told_which(
    broken: dict[str, type], rule: str, said: str, serve: Callable[..., None], domain: int
) -> None:
    serve(**broken)
    points = list(check_contract(timeout_s=1.0, domain_id=domain))
    found = [point for point in points if point.rule.startswith(rule)]
    assert len(found) == 1 and not found[0].kept, points
    assert said in found[0].said and "\n" not in found[0].said


def test_nobody_there_is_said(domain: int) -> None:
    (point,) = check_contract(timeout_s=0.5, domain_id=domain)
    assert not point.kept
    assert "a publisher of /env_0/joint_states" in point.said and "service /env_0/reset" in point.said
