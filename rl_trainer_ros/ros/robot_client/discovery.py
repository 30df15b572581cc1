"""Finding a robot: who serves it, what it may lack, and whether there is only one."""

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

TELL_AFTER_S = 2.0  # of waiting for another client to leave
FORGOTTEN_S = 25.0  # a process that was killed is in the graph for 20 s
_YOUNG_S = 5.0  # so long after its start a client finds robots that were there before it
_WITHOUT = {  # what a robot may lack, and what counts then
    contract.TARGET_POSE: "the trainer's own target counts, and does not move",
    contract.JOINT_TARGET: "actions start from what was commanded, within the limits and near what is measured",
    contract.COMMAND_REJECTED: "a command that it refuses is not noticed",
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
        """`needed_by`: see TopicRobot; `recognise(deadline)` checks a robot that was just found, see Exchange."""
        self._link, self._streams, self._commands, self._calls = link, streams, commands, calls
        self._needed_by, self._recognise = needed_by, recognise
        self._needed_elsewhere = [name for name in needed_by if name not in (*streams.names, contract.CAMERA)]
        self._made = time.monotonic()
        self._known = False  # which of the streams that it may lack the robot serves
        self.look_until = 0.0
        """Until when a robot's parameters are looked for, where it is not known yet whether it has them; steady clock, s."""

    def find(self, deadline: float) -> None:
        """Wait for the robot and, the first time, for a moment for what else it may serve; then hear all that it offers.

        Raises RobotTimeout, and RobotError where two robots are served or a needed stream lacks.
        """
        if not self._known:
            self._until_served((contract.JOINT_STATES,), deadline)
            self._get_to_know(deadline)
            self._recognise(deadline)
            self._known = True
        if time.monotonic() - self._made < _YOUNG_S:
            self._until_alone(min(deadline, time.monotonic() + FORGOTTEN_S))
        self._until_served(self._streams.names, deadline)
        self._streams.adopt_all()

    def _until_alone(self, deadline: float) -> None:
        """Wait until no second robot is in the namespace; one that was killed goes after a while."""
        link = self._link
        while len(those := link.robots()) > 1:
            if time.monotonic() >= deadline:
                raise RobotError(conflict_text(link.namespace, link.topic(contract.JOINT_STATES), those))
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
        """Find out what a robot serves that it may lack, and say once what it does not.

        Raises RobotError where the task or the observation cannot be without something of it.
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
        """Whether nothing can count in this stream's place. States come from a node of ours that may be slow to start."""
        return name in self._needed_by or name not in (contract.JOINT_STATES, contract.SRL_STATE, *_WITHOUT)

    def _needs(self, name: str) -> str:
        part = contract.CAMERA if name.startswith(f"{contract.CAMERA}/") else name
        who = self._needed_by.get(name) or self._needed_by.get(part) or "this environment"
        topic, waited = self._link.topic(name), f"within {self._link.timeouts.needed_timeout_s:g} s"
        return f"{who} needs {topic}, which {self._link.namespace} does not publish {waited}; {likely_cause([topic])}"
