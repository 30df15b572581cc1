"""Lockstep: the answer to a command is the observation whose stamp is one period later. Lost messages are repeated."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from rclpy.qos import QoSProfile

from rl_trainer_ros.ros.robot_client.exchange import Exchange, Parts
from robot_interface_ros.errors import CommandRejected
from robot_interface_ros.lockstep import StampCollector
from robot_interface_ros.robot import NOTHING, Command, Observation
from robot_interface_ros.ros.transport.contract import RELIABLE
from robot_interface_ros.safety.limits import TargetLimiter

_BATCHED_REPEATS = 3  # after that the robot's own topics are used, for example because it was restarted without batches


@dataclass(frozen=True)
class Lockstep:
    """See Mode."""

    more_streams: ClassVar[Mapping[str, Any]] = NOTHING
    image_qos: ClassVar[QoSProfile] = RELIABLE

    def cost_of_loss(self, repeat_after_s: float) -> str:
        """See Mode: lockstep should use reliable topics."""
        return f"in lockstep each lost message costs {repeat_after_s:g} s"

    def exchange(self, parts: Parts) -> Exchange:
        """See Mode."""
        return LockstepExchange(parts)


class LockstepExchange:
    """Repeats a command without an answer, alternating with a request for the current observation (stamp zero).

    The joint target is computed in the same way as in the robot, with the same limits and the same arithmetic.
    """

    exact = True

    def __init__(self, parts: Parts):
        self._link, self._streams, self._commands = parts.link, parts.streams, parts.commands
        self._seat = parts.seat
        self._period_ns, self._rest = parts.period_ns, parts.description.rest
        self.collector = StampCollector(
            parts.link.namespace, parts.streams.names, parts.period_ns, parts.streams.read, parts.link.stream_conflict
        )
        limits, acceleration = parts.description.limits, parts.description.max_acceleration
        self._limiter = TargetLimiter(limits, acceleration, parts.period_ns * 1e-9)
        self._joint_target = self._rest
        self._stamp = 0  # of the last observation

    def recognise(self, deadline: float) -> None:
        """See Exchange. The stamps reveal another mode or control rate later."""

    def begin(self, stamp: int, also: tuple[str, ...], deadline: float) -> Observation:
        """See Exchange."""
        self._stamp = stamp
        self.collector.expect(stamp, also)
        self._limiter.restart(self._rest)
        self._joint_target = self._limiter.target
        return self.receive(deadline)

    def send(self, command: Command) -> None:
        """See Exchange."""
        if command.stamp != self._stamp:
            raise CommandRejected(
                f"{self._link.namespace}: the command answers observation {command.stamp}, but the last one is "
                f"{self._stamp}"
            )
        self._limiter.accept(command)
        self.collector.expect(self._stamp + self._period_ns)
        self._commands.publish(command)
        self._joint_target = self._limiter.step()  # computed while the robot moves

    def receive(self, deadline: float) -> Observation:
        """See Exchange."""
        every_s = self._link.timeouts.repeat_after_s
        repeat_at, repeats = time.monotonic() + every_s, 0
        while not self.collector.complete:
            now = time.monotonic()
            if now >= deadline:
                raise self._streams.no_answer(self._stamp)
            if now >= repeat_at:
                if repeats == _BATCHED_REPEATS:
                    self._seat.give_up()
                self._commands.repeat(question=repeats % 2 == 1)
                repeats += 1
                repeat_at = now + every_s
            self._link.wait(min(deadline, repeat_at) - now)
            if repeats:  # before a repetition, the refusal may belong to a command of another client
                self._commands.check_accepted()
        if self._commands.under_way:
            self._stamp += self._period_ns
        return self._streams.observation(self._stamp, self._joint_target)
