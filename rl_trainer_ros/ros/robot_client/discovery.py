"""Find a robot: wait for its topics and services, detect missing optional parts, and refuse a second robot."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from rl_trainer_ros.ros.robot_client.commands import CommandStream
from rl_trainer_ros.ros.robot_client.episode_calls import EpisodeCalls
from rl_trainer_ros.ros.robot_client.link import Link
from rl_trainer_ros.ros.robot_client.streams import ObservationStreams
from rl_trainer_ros.ros.robot_client.timeouts import likely_cause
from robot_interface_ros.errors import RobotError, RobotTimeout
from robot_interface_ros.ros.transport import contract
from robot_interface_ros.ros.transport.conflicts import conflict_text

TELL_AFTER_S = 2.0  # waiting time for another client before it is reported
FORGOTTEN_S = 25.0  # a killed process stays in the graph for 20 s
_YOUNG_S = 5.0  # time after its start in which a client discovers robots that were started before it
_WITHOUT = {  # optional topics, and the effect of their absence
    contract.TARGET_POSE: "the trainer's own target is used, and does not move",
    contract.JOINT_TARGET: "actions start from the last command, within the limits and near the measured position",
    contract.COMMAND_REJECTED: "refused commands are not detected",
}


class Discovery:
    """Waits for a robot's topics and services. Every wait ends with an error that names topic, namespace and likely cause."""

    def __init__(
        self,
        link: Link,
        streams: ObservationStreams,
        commands: CommandStream,
        calls: EpisodeCalls,
        needed_by: Mapping[str, str],
        recognise: Callable[[float], None],
    ):
        """`needed_by`: see TopicRobot; `recognise(deadline)`: checks a new robot, see Exchange."""
        self._link, self._streams, self._commands, self._calls = link, streams, commands, calls
        self._needed_by, self._recognise = needed_by, recognise
        self._needed_elsewhere = [name for name in needed_by if name not in (*streams.names, contract.CAMERA)]
        self._made = time.monotonic()
        self._known = False  # whether it is known which optional streams the robot has
        self.look_until = 0.0
        """Time until which the robot's parameters are searched, if it is unknown whether it has them; monotonic clock, s."""

    def find(self, deadline: float, restarted: bool) -> None:
        """Wait for the robot and, the first time, also for its optional topics; then subscribe to all of them.

        `restarted`: the last episode was interrupted, as by a restart of the robot. Its killed process may still be in the
        graph then, and the new one is not kept waiting for that; two robots would interrupt every episode.
        Raises RobotTimeout, and RobotError if there are two robots or a needed stream is missing.
        """
        if not self._known:
            self._until_served((contract.JOINT_STATES,), deadline)
            self._get_to_know(deadline)
            self._recognise(deadline)
            self._known = True
        if time.monotonic() - self._made < _YOUNG_S and not restarted:
            self._until_alone(min(deadline, time.monotonic() + FORGOTTEN_S))
        self._until_served(self._streams.names, deadline)
        self._streams.adopt_all()

    def _until_alone(self, deadline: float) -> None:
        """Wait until there is no second robot in the namespace; a killed one disappears after a while."""
        link = self._link
        while len(nodes := link.robots()) > 1:
            if time.monotonic() >= deadline:
                raise RobotError(conflict_text(link.namespace, link.topic(contract.JOINT_STATES), nodes))
            link.pause()

    def _until_served(self, streams: Sequence[str], deadline: float) -> None:
        link, reset = self._link, self._calls.reset
        tell_at = time.monotonic() + TELL_AFTER_S
        while True:
            missing = [link.topic(name) for name in streams if not link.published(name)]
            if not self._commands.are_heard():
                missing.append(link.topic(contract.JOINT_COMMAND))
            if not reset.service_is_ready():
                missing.append(self._calls.name_of(reset))
            if not missing:
                return
            if (now := time.monotonic()) >= min(tell_at, deadline):
                others = link.conflict(contract.JOINT_COMMAND, "this one")
                if not self._commands.advertised and others:
                    if now >= deadline:
                        raise RobotTimeout(f"{link.namespace}: {others}")
                    link.node.get_logger().warning(f"{link.namespace}: waits {deadline - now:.0f} s at most: {others}")
                tell_at = float("inf")
            if now >= deadline:
                waited = f"within {link.timeouts.start_timeout_s:g} s"
                names = ", ".join(missing)
                raise RobotTimeout(f"{link.namespace}: nobody serves {names} {waited}; {likely_cause(missing)}")
            link.pause()

    def _get_to_know(self, deadline: float) -> None:
        """Find out which optional topics a robot has, and report each missing one once.

        Raises RobotError if the task or the observation needs a missing one.
        """
        link, begin, timeouts = self._link, time.monotonic(), self._link.timeouts
        self.look_until = min(deadline, begin + timeouts.optional_timeout_s)
        names = self._streams.names
        needed = [name for name in (*names, *self._needed_elsewhere) if self._is_needed(name)]
        optional = [name for name in (*names, contract.COMMAND_REJECTED) if name in _WITHOUT]
        while not (link.published(*needed, *optional) and self._calls.parameters_ready):
            if time.monotonic() >= self.look_until:
                break
            link.pause()
        while not link.published(*needed) and time.monotonic() < min(deadline, begin + timeouts.needed_timeout_s):
            link.pause()
        for name in needed:
            if not link.published(name):
                raise RobotError(self._needs(name))
        lacking = [name for name in optional if not link.published(name)]
        self._streams.leave_out(lacking)
        self._calls.target_is_ours = contract.TARGET_POSE in lacking
        self.look_until = time.monotonic()
        for name in lacking:
            link.node.get_logger().warning(f"{link.topic(name)} is not published: {_WITHOUT[name]}")

    def _is_needed(self, name: str) -> bool:
        """Return whether this stream cannot be replaced. The SRL state is not checked here: its node may start slowly."""
        return name in self._needed_by or name not in (contract.JOINT_STATES, contract.SRL_STATE, *_WITHOUT)

    def _needs(self, name: str) -> str:
        part = contract.CAMERA if name.startswith(f"{contract.CAMERA}/") else name
        who = self._needed_by.get(name) or self._needed_by.get(part) or "this environment"
        topic, waited = self._link.topic(name), f"within {self._link.timeouts.needed_timeout_s:g} s"
        return f"{who} needs {topic}, which {self._link.namespace} does not publish {waited}; {likely_cause([topic])}"
