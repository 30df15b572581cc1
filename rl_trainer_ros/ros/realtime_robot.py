"""A robot in real time behind the topics of the robot contract, as the same `Robot` that one in lockstep is."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image, JointState

from rl_trainer_ros.ros.topic_robot import TopicRobot
from robot_interface_ros.errors import RobotInterrupted
from robot_interface_ros.limits import command_indices
from robot_interface_ros.newest import Freshness, Newest
from robot_interface_ros.robot import Command, Episode, Observation
from robot_interface_ros.robot_config import RobotDescription
from robot_interface_ros.ros import contract, messages
from robot_interface_ros.ros.contract import absolute
from robot_interface_ros.ros.runtime import Runtime
from robot_interface_ros.step_period import StepPeriod
from robot_interface_ros.ticker import Ticker


class RealTimeTopicRobot(TopicRobot):
    """Client of one robot in real time.

    `send` publishes a command; `receive` waits, on the steady clock, for the end of the period and takes the newest
    message of every stream. What is too old, or too far apart, is no observation: RobotInterrupted. The joint target that
    an action starts from is the one that the robot publishes. `Observation.timing` says how old everything was.

    A caller that comes late (a policy update) overruns its period: the robot holds by its watchdog meanwhile, and the
    command then gets a whole period of its own, so that what is received answers it.
    """

    def __init__(
        self,
        runtime: Runtime,
        description: RobotDescription,
        namespace: str = "/env_0",
        *,
        freshness: Freshness | None = None,
        **settings: Any,
    ):
        """`settings`: as TopicRobot's."""
        self._freshness = freshness or Freshness()
        self._later: dict[str, Any] = {}
        super().__init__(runtime, description, namespace, **settings)
        self._diagnostics = self._node.create_publisher(DiagnosticArray, contract.DIAGNOSTICS, contract.RELIABLE)
        self._report = Ticker(1_000_000_000)
        self._period = StepPeriod(self.period_ns * 1e-9)
        self._observed = self._sent = time.monotonic()

    def send(self, command: Command) -> None:
        """Publish the command, and begin a period; see Robot."""
        command_indices(command.names, command.position, self.joint_names)
        self._command = self._writer(command.names).write(command.stamp, command.position)
        self._rejection = ""
        self._publisher.publish(self._command)
        self._sent = time.monotonic()
        self._period.begin(self._sent, self._arrived)

    def _receive(self, deadline: float) -> Observation:
        """Of a reset, wait for every stream; of a command, for the end of its period."""
        if self._command is None:
            while not self._newest.complete:
                left = deadline - time.monotonic()
                if left <= 0.0:
                    raise self._no_answer()
                self._wait(left)
            self._period.restart(self._arrived)
            self._observed = self._sent = time.monotonic()
        else:
            while True:
                left = self._period.due - time.monotonic()
                self._wait(max(0.0, left))
                if left <= 0.0:
                    break
            self._period.ended(self._arrived)
        observation = self._observation()
        self._newest.forget_once()
        return observation

    @property
    def _arrived(self) -> float:
        """When the newest joint states came, s on the steady clock."""
        return self._newest.arrived_s(contract.JOINT_STATES)

    def _wait(self, timeout_s: float) -> None:
        self._waiter.wait(timeout_s)
        self._check_running()
        if self._rejection and self._command is not None:
            raise RobotInterrupted(f"{self._namespace} refused the command: {self._rejection}")

    def _observation(self) -> Observation:
        newest = self._newest
        ages, skew = newest.check()
        now = time.monotonic()
        timing = {
            "ages_s": ages,
            "age_s": max(ages.values()),
            "skew_s": skew,
            "policy_s": self._sent - self._observed,
            "step_s": now - self._observed,
            "overruns": self._period.overruns,
        }
        self._observed = now
        self._joint_target = newest.parts[contract.JOINT_TARGET]
        observation = dataclasses.replace(super()._observation(), timing=timing)
        if self._report.left_s <= 0.0:
            self._report.tick()
            self._publish_diagnostics(timing)
        return observation

    def _publish_diagnostics(self, timing: dict[str, Any]) -> None:
        values = {f"age of {name} (s)": age for name, age in timing["ages_s"].items()}
        values |= {
            "skew (s)": timing["skew_s"],
            "policy (s)": timing["policy_s"],
            "step (s)": timing["step_s"],
            "overruns": timing["overruns"],
        }
        name, said = f"trainer: {self._namespace}", "observations are fresh"
        status = messages.diagnostic_status(DiagnosticStatus.OK, name, self._namespace, said, values)
        message = DiagnosticArray(status=[status])
        message.header.stamp = messages.to_time(time.time_ns())
        self._diagnostics.publish(message)

    def _collector(self, kinds: dict[str, Any]) -> Any:
        kinds[contract.JOINT_TARGET] = JointState
        self._newest = Newest(
            self._namespace, kinds, self._freshness, read=self._read, crowd=self._crowd, refuse=self._refuse
        )
        return self._newest

    def _make_readers(self) -> dict[str, Callable[[Any], Any]]:
        names = self.joint_names
        target = {contract.JOINT_TARGET: lambda message: messages.joint_state_to_arrays(message, names)[0]}
        return super()._make_readers() | target

    def _observed_stamp(self) -> int:
        return self._newest.stamp(contract.JOINT_STATES)

    def _check_target(self, episode: Episode, observation: Observation) -> None:
        """The newest observation need not be the episode's first: a target may have moved on."""

    def _subscribe(self, kind: Any, name: str, qos: QoSProfile = contract.RELIABLE) -> Any:
        """Images are subscribed to later, with what their publisher offers."""
        if kind is Image and name not in self._later:
            self._later[name] = kind
            return SimpleNamespace(topic_name=absolute(self._namespace, name))
        return super()._subscribe(kind, name, qos)

    def _await_endpoints(self, deadline: float) -> None:
        super()._await_endpoints(deadline)
        for name, kind in self._later.items():
            if kind is not None:
                self._subscribe(kind, name, self._offered(absolute(self._namespace, name)))
                self._later[name] = None

    def _offered(self, topic: str) -> QoSProfile:
        """Return what suits all who publish on `topic`: a reliable reader hears no best-effort writer."""
        offers = self._node.get_publishers_info_by_topic(topic)
        careless = any(offer.qos_profile.reliability == ReliabilityPolicy.BEST_EFFORT for offer in offers)
        return QoSProfile(
            depth=1, reliability=ReliabilityPolicy.BEST_EFFORT if careless else ReliabilityPolicy.RELIABLE
        )


class OwnedRealTimeTopicRobot(RealTimeTopicRobot):
    """A RealTimeTopicRobot with a Runtime of its own, for an environment that nobody gave one."""

    def __init__(self, runtime: None, description: RobotDescription, namespace: str = "/env_0", **settings: Any):
        super().__init__(Runtime(signals=False), description, namespace, **settings)

    def close(self) -> None:
        """Leave the topics and shut rclpy down; safe to call twice."""
        super().close()
        self._runtime.close()
