"""A robot in real time behind the topics of the robot contract, as the same `Robot` that one in lockstep is."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.qos import QoSProfile
from sensor_msgs.msg import Image, JointState

from rl_trainer_ros.ros.robot_client.timeouts import likely_cause
from rl_trainer_ros.ros.robot_client.topic_robot import FORGOTTEN_S, TopicRobot
from robot_interface_ros.errors import RobotError, RobotInterrupted, RobotTimeout
from robot_interface_ros.realtime.newest import Freshness, Newest
from robot_interface_ros.realtime.presumed_target import PresumedTarget
from robot_interface_ros.realtime.step_period import StepPeriod
from robot_interface_ros.realtime.ticker import Ticker
from robot_interface_ros.robot import Array, Command, Episode, Observation
from robot_interface_ros.robot_config import RobotDescription
from robot_interface_ros.ros.transport import contract, messages
from robot_interface_ros.ros.transport.graph import robots
from robot_interface_ros.ros.transport.runtime import Runtime
from robot_interface_ros.ros.transport.two_of_a_kind import two_of_a_kind


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
        super().__init__(runtime, description, namespace, **settings)
        self._diagnostics = self._node.create_publisher(DiagnosticArray, contract.DIAGNOSTICS, contract.RELIABLE)
        self._report = Ticker(1_000_000_000)
        self._presumed = PresumedTarget(self._limiter, description.limits.velocity)
        self._period = StepPeriod(self.period_ns * 1e-9)
        self._observed = self._sent = time.monotonic()
        self._states_since_report, self._second_robot_since = 0, math.inf

    def send(self, command: Command) -> None:
        """Publish the command, and begin a period; see Robot."""
        self._presumed.accept(command, time.monotonic() - self._sent)
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
        observation = super()._observation()
        observation = dataclasses.replace(observation, joint_target=self._executed(observation), timing=timing)
        if self._report.left_s <= 0.0:
            self._report.tick()
            self._publish_diagnostics(timing)
            self._check_alone()
        return observation

    def _check_alone(self) -> None:
        """Once a second: whether two robots publish, which observations of one moment do not show.

        A robot that was killed and started again is in the graph twice for a while, but publishes once a period. Raises
        RobotError where two do so for longer than that.
        """
        heard, self._states_since_report = self._states_since_report, 0
        those = robots(self._node, self._namespace) if heard * self.period_ns > 1.5e9 else ()
        if len(those) < 2:
            self._second_robot_since = math.inf
            return
        said = two_of_a_kind(self._namespace, self._topic(contract.JOINT_STATES), those)
        self._node.get_logger().warning(said, throttle_duration_sec=10.0)
        self._second_robot_since = min(self._second_robot_since, time.monotonic())
        if time.monotonic() - self._second_robot_since > FORGOTTEN_S:
            raise RobotError(said)

    def _read(self, stream: str, message: Any) -> Any:
        self._states_since_report += stream == contract.JOINT_STATES
        return super()._read(stream, message)

    def _executed(self, observation: Observation) -> Array:
        """What the robot says that it executes, or else what it is taken to."""
        if contract.JOINT_TARGET in self._streams:
            target: Array = self._newest.parts[contract.JOINT_TARGET]
            return target
        return self._presumed.step(observation.position)

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

    def _own_qos(self, name: str) -> QoSProfile:
        """Of images the newest is enough."""
        return QoSProfile(depth=1) if self._kinds[name] is Image else super()._own_qos(name)

    def _get_to_know(self, deadline: float) -> None:
        """A robot without joint_target is told from one in lockstep by its states, which come without commands."""
        super()._get_to_know(deadline)
        if contract.JOINT_TARGET in self._streams:
            return
        self._adopt(contract.JOINT_STATES, self._qos[contract.JOINT_STATES])
        self._newest.expect_any()
        until, first = time.monotonic() + self._patience.optional_timeout_s, None
        while first is None or self._newest.stamp(contract.JOINT_STATES) == first:
            if time.monotonic() >= min(deadline, until):
                names = [self._topic(contract.JOINT_TARGET)]
                raise RobotTimeout(
                    f"{self._namespace}: nobody serves {names[0]}, nor do joint_states come without commands; "
                    f"{likely_cause(names)}"
                )
            self._pause()
            if first is None and contract.JOINT_STATES in self._newest.parts:
                first = self._newest.stamp(contract.JOINT_STATES)

    def _tell_adopted(self, said: str) -> None:
        self._node.get_logger().info(said)


class OwnedRealTimeTopicRobot(RealTimeTopicRobot):
    """A RealTimeTopicRobot with a Runtime of its own, for an environment that nobody gave one."""

    def __init__(self, runtime: None, description: RobotDescription, namespace: str = "/env_0", **settings: Any):
        super().__init__(Runtime(signals=False), description, namespace, **settings)

    def close(self) -> None:
        """Leave the topics and shut rclpy down; safe to call twice."""
        super().close()
        self._runtime.close()
