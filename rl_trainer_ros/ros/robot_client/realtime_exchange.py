"""Real time: the observation is the latest message of every stream at the end of a command's period."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.qos import QoSProfile
from sensor_msgs.msg import JointState

from rl_trainer_ros.ros.robot_client.discovery import FORGOTTEN_S
from rl_trainer_ros.ros.robot_client.exchange import Exchange, Parts
from rl_trainer_ros.ros.robot_client.link import Link
from rl_trainer_ros.ros.robot_client.timeouts import likely_cause
from robot_interface_ros.errors import RobotError, RobotTimeout
from robot_interface_ros.realtime.newest import Freshness, Newest
from robot_interface_ros.realtime.ticker import StepPeriod, Ticker
from robot_interface_ros.robot import Command, Observation
from robot_interface_ros.ros.transport import contract, messages
from robot_interface_ros.ros.transport.conflicts import conflict_text
from robot_interface_ros.safety.limits import PresumedTarget, TargetLimiter

_REPORT_NS = 1_000_000_000


@dataclass(frozen=True)
class RealTime:
    """See Mode. `freshness`: limits of age and skew of an observation."""

    more_streams: ClassVar[Mapping[str, Any]] = {contract.JOINT_TARGET: JointState}
    image_qos: ClassVar[QoSProfile] = QoSProfile(depth=1)  # only the latest image is needed
    freshness: Freshness = Freshness()

    def cost_of_loss(self, repeat_after_s: float) -> str:
        """See Mode: the next message comes soon anyway."""
        return ""

    def exchange(self, parts: Parts) -> Exchange:
        """See Mode."""
        return RealTimeExchange(parts, self.freshness)


class RealTimeExchange:
    """Waits for the end of the period by the monotonic clock. Messages that are too old or too far apart end the episode.

    An action starts from the joint target that the robot publishes. `Observation.timing` gives the ages of all parts. A late
    caller (after a policy update) overruns its period: meanwhile the robot holds because of its watchdog. The late command
    then gets a whole period, so that the next observation shows its effect.
    """

    exact = False

    def __init__(self, parts: Parts, freshness: Freshness):
        self._link, self._streams, self._commands = parts.link, parts.streams, parts.commands
        self.collector = self._newest = Newest(
            parts.link.namespace,
            parts.streams.names,
            freshness,
            read=self._read,
            conflict=parts.link.conflict,
            refuse=parts.streams.refuse,
        )
        description, period_s = parts.description, parts.period_ns * 1e-9
        limiter = TargetLimiter(description.limits, description.max_acceleration, period_s)
        self._rest, self._presumed = description.rest, PresumedTarget(limiter, description.limits.velocity)
        self._period = StepPeriod(period_s)
        self._report = _Report(parts.link, period_s)
        self._observed = self._sent = time.monotonic()

    def recognise(self, deadline: float) -> None:
        """See Exchange. A robot without joint_target is in real time if its joint_states come without commands."""
        if contract.JOINT_TARGET in self._streams.names:
            return
        link, newest, states = self._link, self._newest, contract.JOINT_STATES
        self._streams.adopt(states)
        newest.expect_any()
        until, first = time.monotonic() + link.timeouts.optional_timeout_s, None
        while first is None or newest.stamp(states) == first:
            if time.monotonic() >= min(deadline, until):
                names = [link.topic(contract.JOINT_TARGET)]
                raise RobotTimeout(
                    f"{link.namespace}: nobody serves {names[0]}, nor do joint_states come without commands; "
                    f"{likely_cause(names)}"
                )
            link.pause()
            if first is None and states in newest.parts:
                first = newest.stamp(states)

    def begin(self, stamp: int, also: tuple[str, ...], deadline: float) -> Observation:
        """See Exchange: wait for a message of every stream."""
        self._newest.expect(stamp, also)
        self._presumed.restart(self._rest)
        return self._until_complete(deadline)

    def _until_complete(self, deadline: float) -> Observation:
        while not self._newest.complete:
            left = deadline - time.monotonic()
            if left <= 0.0:
                raise self._streams.no_answer(0)
            self._link.wait(left)
        self._period.restart(self._arrived)
        self._observed = self._sent = time.monotonic()
        return self._observation()

    def send(self, command: Command) -> None:
        """See Exchange: the command begins a period."""
        self._presumed.accept(command, time.monotonic() - self._sent)
        self._commands.publish(command)
        self._sent = time.monotonic()
        self._period.begin(self._sent, self._arrived)

    def receive(self, deadline: float) -> Observation:
        """See Exchange: wait for the end of the period."""
        if not self._commands.under_way:
            return self._until_complete(deadline)
        while True:
            left = self._period.due - time.monotonic()
            self._link.wait(max(0.0, left))
            self._commands.check_accepted()
            if left <= 0.0:
                break
        self._period.ended(self._arrived)
        return self._observation()

    def _observation(self) -> Observation:
        newest, streams = self._newest, self._streams
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
        if contract.JOINT_TARGET in streams.names:
            target = newest.parts[contract.JOINT_TARGET]
        else:
            target = self._presumed.step(newest.parts[contract.JOINT_STATES][0])
        observation = streams.observation(newest.stamp(contract.JOINT_STATES), target, timing)
        self._report.turn(timing)
        newest.forget_once()
        return observation

    @property
    def _arrived(self) -> float:
        """Arrival time of the latest joint states, s on the monotonic clock."""
        return self._newest.arrived_s(contract.JOINT_STATES)

    def _read(self, stream: str, message: Any) -> Any:
        self._report.states += stream == contract.JOINT_STATES
        return self._streams.read(stream, message)


class _Report:
    """Once per second: publishes metrics of the steps on /diagnostics, and checks whether two robots publish."""

    def __init__(self, link: Link, period_s: float):
        self._link, self._period_s = link, period_s
        self._publisher = link.node.create_publisher(DiagnosticArray, contract.DIAGNOSTICS, contract.RELIABLE)
        self._ticker = Ticker(_REPORT_NS)
        self._second_robot_since = math.inf
        self.states = 0
        """Messages of joint_states since the last report."""

    def turn(self, timing: Mapping[str, Any]) -> None:
        """Report if a second has passed. Raises RobotError if two robots keep publishing."""
        if self._ticker.left_s > 0.0:
            return
        self._ticker.tick()
        self._publish(timing)
        self._check_alone()

    def _publish(self, timing: Mapping[str, Any]) -> None:
        values = {f"age of {name} (s)": age for name, age in timing["ages_s"].items()}
        values |= {
            "skew (s)": timing["skew_s"],
            "policy (s)": timing["policy_s"],
            "step (s)": timing["step_s"],
            "overruns": timing["overruns"],
        }
        namespace = self._link.namespace
        name, summary = f"trainer: {namespace}", "observations are fresh"
        status = messages.diagnostic_status(DiagnosticStatus.OK, name, namespace, summary, values)
        message = DiagnosticArray(status=[status])
        message.header.stamp = messages.to_time(time.time_ns())
        self._publisher.publish(message)

    def _check_alone(self) -> None:
        """Raise RobotError if two robots publish, which single observations do not show.

        A robot that was killed and restarted is in the graph twice for a while, but publishes only once per period.
        """
        received, self.states = self.states, 0
        nodes = self._link.robots() if received * self._period_s > 1.5 else ()
        if len(nodes) < 2:
            self._second_robot_since = math.inf
            return
        error = conflict_text(self._link.namespace, self._link.topic(contract.JOINT_STATES), nodes)
        self._link.node.get_logger().warning(error, throttle_duration_sec=10.0)
        self._second_robot_since = min(self._second_robot_since, time.monotonic())
        if time.monotonic() - self._second_robot_since > FORGOTTEN_S:
            raise RobotError(error)
