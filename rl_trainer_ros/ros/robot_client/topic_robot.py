"""The client of a robot over the topics of the robot contract. It implements `Robot`, as an in-process simulation does."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping

import numpy as np

from rl_trainer_ros.environments.image_keeper import ImageKeeper
from rl_trainer_ros.ros.robot_client.batch import BatchSeat
from rl_trainer_ros.ros.robot_client.commands import CommandStream
from rl_trainer_ros.ros.robot_client.discovery import Discovery
from rl_trainer_ros.ros.robot_client.encoder_place import EncoderPlace, Named
from rl_trainer_ros.ros.robot_client.episode_calls import EpisodeCalls
from rl_trainer_ros.ros.robot_client.exchange import Mode, Parts
from rl_trainer_ros.ros.robot_client.link import Link
from rl_trainer_ros.ros.robot_client.lockstep_exchange import Lockstep
from rl_trainer_ros.ros.robot_client.readers import CameraParts, StatesOf
from rl_trainer_ros.ros.robot_client.shared_waiter import SharedWaiter
from rl_trainer_ros.ros.robot_client.streams import ObservationStreams
from rl_trainer_ros.ros.robot_client.timeouts import Timeouts
from robot_interface_ros.errors import NotFiniteReading, RobotError, RobotInterrupted, RobotTimeout
from robot_interface_ros.robot import NOTHING, Array, Command, Episode, Observation
from robot_interface_ros.robot_config import RobotDescription
from robot_interface_ros.ros.transport import contract
from robot_interface_ros.ros.transport.runtime import Runtime
from robot_interface_ros.safety.finite import check_finite

_MAX_INTERRUPTIONS = 5


class _Yields(Exception):
    """This client yields, because another client already commands the robot."""


class TopicRobot:
    """Client of one robot, in lockstep or in real time.

    It is composed of these parts: `Discovery` waits until the robot is served, `EpisodeCalls` sets an episode's parameters
    and calls reset, `CommandStream` publishes commands, and `ObservationStreams` receives messages and combines them to
    observations. `BatchSeat` lets them use the batches of the robot's process. The mode provides two parts: an `Exchange`,
    which waits for the answer to a command, and its `Collector`, which selects messages by their stamps.
    """

    def __init__(
        self,
        runtime: Runtime | None,
        description: RobotDescription,
        namespace: str = "/env_0",
        *,
        period_ns: int,
        mode: Mode | None = None,
        cameras: tuple[str, ...] = (),
        depth_cameras: tuple[str, ...] = (),
        image_sizes: Mapping[str, tuple[int, int]] | None = None,
        encoder_id: str | None = None,
        learns_encoder: bool = False,
        contact: bool = False,
        world_state: bool = False,
        needed_by: Mapping[str, str] = NOTHING,
        timeouts: Timeouts | None = None,
        shared: SharedWaiter | None = None,
    ):
        """`runtime`: an open one; None: this robot makes its own, which `close` ends.

        `mode`: `Lockstep()` (the default) or `RealTime(freshness)`.
        `cameras`, `depth_cameras`: images and depths that every observation contains, in `image_sizes` (width, height).
        `encoder_id`: observations contain states of this encoder. `learns_encoder`: it learns from the images of `cameras`, and
        `use_encoder` tells the SRL node to use new ones. `contact`, `world_state`: they contain these streams.
        `needed_by`: stream (`camera`: all cameras) -> its user, for the error if the robot does not publish it; also streams
        that other nodes read, such as the image for an encoder.
        `shared`: node and wait set of all robots of this process; None: this robot makes its own.
        """
        self.joint_names, self.period_ns, self.namespace = description.joint_names, period_ns, namespace
        self._own_runtime = Runtime(signals=False) if runtime is None else None
        runtime = runtime or self._own_runtime
        assert runtime is not None
        self._timeouts = timeouts or Timeouts()
        shared = shared or SharedWaiter(runtime, (namespace,))
        mode = mode if mode is not None else Lockstep()
        self._waiter, self._open = shared.part(), True
        self._link = link = Link(runtime, shared.node, self._waiter, namespace, self._timeouts)
        self._commands = CommandStream(link)
        images = CameraParts(namespace, cameras, depth_cameras, image_sizes)
        self._states_of = None if encoder_id is None else StatesOf(encoder_id, changes=learns_encoder)
        self._streams = ObservationStreams(link, description, images, mode, self._states_of, contact, world_state)
        self._encoder_place = EncoderPlace(link) if learns_encoder else None
        self.kept = ImageKeeper(cameras)
        """Images for an encoder that learns."""
        self._seat = BatchSeat(link, self._streams, self._commands, shared.batch, self._waiter.receiving)
        self._exchange = mode.exchange(Parts(link, self._streams, self._commands, self._seat, description, period_ns))
        self._streams.start(self._exchange.collector, self._commands.on_rejected)
        self._calls = EpisodeCalls(link.node, self._waiter, namespace, self._timeouts, self._check_first)
        recognise = self._exchange.recognise
        self._discovery = Discovery(link, self._streams, self._commands, self._calls, needed_by, recognise)
        self._observed_once = False
        self._interruptions = 0  # since the last answered command

    def reset(self, episode: Episode) -> Observation:
        """Start an episode; see Robot. It also finds a robot that is new, was restarted, or was used by another client."""
        deadline = time.monotonic() + self._timeouts.start_timeout_s
        while True:
            try:
                observation = self._start_episode(episode, deadline)
                self.kept.begin()
                return self._seen(observation)
            except NotFiniteReading:
                raise
            except _Yields:
                continue
            except RobotInterrupted as error:  # interrupted during the reset: try again
                if time.monotonic() >= deadline:
                    waited = f"within {self._timeouts.start_timeout_s:g} s"
                    raise RobotTimeout(f"{self.namespace}: every reset was interrupted {waited}: {error}") from None

    def send(self, command: Command) -> None:
        """Publish the command; see Robot."""
        self._exchange.send(command)

    def receive(self, timeout_s: float | None = None) -> Observation:
        """Wait for the answer to the last command; see Robot.

        Raises RobotError when every command of the last _MAX_INTERRUPTIONS episodes was cut: no reset helps there.
        """
        timeout_s = timeout_s if timeout_s is not None else self._timeouts.answer_timeout_s
        try:
            observation = self._exchange.receive(time.monotonic() + timeout_s)
            check_finite(observation, self.joint_names, self.namespace)
        except RobotInterrupted as error:
            self._interruptions += 1
            if self._interruptions == _MAX_INTERRUPTIONS:
                raise self._always_interrupted(error) from None
            raise
        self._interruptions = 0
        return self._seen(observation)

    def use_encoder(self, encoder: Named, folder: str) -> None:
        """Let the SRL node encode with the encoder saved in `folder`. Call it between two episodes.

        States of other encoders are ignored from now on. A restarted SRL node gets the folder again.
        """
        if self._states_of is None or self._encoder_place is None:
            raise RobotError(f"{self.namespace}: this client was made for one encoder, which does not change")
        self._states_of.encoder_id = encoder.id
        self._encoder_place.publish(folder)

    def close(self) -> None:
        """Close the client; a shared node is closed with its last robot. Safe to call twice."""
        if self._open:
            self._open = False
            self._waiter.close()
            if self._own_runtime is not None:
                self._own_runtime.close()

    def _seen(self, observation: Observation) -> Observation:
        if self._encoder_place is not None:
            self.kept.see(observation.images)
        return observation

    def _start_episode(self, episode: Episode, deadline: float) -> Observation:
        self._exchange.collector.expect_any()
        self._commands.forget()
        self._discovery.find(deadline, restarted=self._interruptions > 0)
        self._seat.seek(deadline)
        self._streams.own_target = self._target_of(episode)
        stamp = self._calls.start(episode, deadline, self._discovery.look_until)
        drawn = (contract.EPISODE,) if self._link.published(contract.EPISODE) else ()
        observation = self._exchange.begin(stamp, drawn, deadline)
        check_finite(observation, self.joint_names, self.namespace)
        if self._exchange.exact:
            self._check_target(episode, observation)
        if not self._observed_once:
            self._observed_once = True
            self._streams.report_first(observation)
        return observation

    def _target_of(self, episode: Episode) -> Array | None:
        """Return the target of an episode for a robot that publishes none, `(3,)` m; None for one that publishes its target."""
        if contract.TARGET_POSE in self._streams.names:
            return None
        if episode.target is None:
            topic = self._link.topic(contract.TARGET_POSE)
            raise RobotError(f"nobody publishes {topic}, and the episode has no target either; give it one, m")
        return np.array(episode.target, dtype=np.float64)

    def _check_target(self, episode: Episode, observation: Observation) -> None:
        if self._calls.takes_episodes and episode.target not in (None, tuple(observation.target_position.tolist())):
            raise RobotInterrupted(f"{self.namespace} was restarted between the episode's parameters and its reset")

    def _always_interrupted(self, last: RobotInterrupted) -> RobotError:
        rate = f"{1e9 / self.period_ns:g} Hz"
        why = f"does another client command it, or does it run at another control rate than {rate}?"
        conflicts = self._link.conflicts((contract.JOINT_STATES, contract.JOINT_COMMAND))
        return RobotError(
            f"{self.namespace}: {_MAX_INTERRUPTIONS} episodes in a row were interrupted at their first command; "
            f"{conflicts[0] if conflicts else why} The last: {last}"
        )

    def _check_first(self) -> None:
        """While an episode starts: yield to another client that was not discovered yet when this one began to publish."""
        self._link.check_running()
        if self._observed_once or not self._commands.advertised or not self._link.conflict(contract.JOINT_COMMAND):
            return
        self._commands.withdraw()
        self._link.rest(random.uniform(0.1, 1.0))  # of two clients that start together, one must be the first
        raise _Yields
