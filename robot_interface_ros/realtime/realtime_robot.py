"""Real time without ROS: what a robot does at each tick of its control rate, whether or not commands come.

`RealTimeRobot` is a state machine around `SafeRobot`; whoever has a timer calls `tick` once a period (`RealTimeServer`
does over topics). Nothing in it waits, so an emergency stop is obeyed at any moment, also in the middle of a reset that
takes seconds.

    holding --command--> tracking --no command for command_timeout_s--> holding
    holding, tracking --reset--> resetting --at rest, or failed--> holding
    any --emergency stop, enable(false)--> stopped --enable(true)--> holding
"""

from __future__ import annotations

import dataclasses
import enum
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from robot_interface_ros.config import option
from robot_interface_ros.errors import CommandRejected, RobotError
from robot_interface_ros.realtime.ticker import Clock
from robot_interface_ros.robot import Array, Command, Episode, Observation, ResetEnd, Robot
from robot_interface_ros.safety.safe_robot import SafeRobot, check_episode


class Plant(Robot, Protocol):
    """What `SafeRobot` wraps in real time: the `Robot` protocol, none of whose methods may wait.

    `send` takes a target for every joint, once a control period, `receive` returns what is true now. `reset` is called
    only when the joint targets stand at the rest pose: a physical robot moves nothing then, and takes the episode's
    target. A RobotError out of any of them ends a running reset and is reported; the next tick tries again. Stamps are
    written anew here.
    """

    @property
    def motion(self) -> tuple[Array, Array]:
        """Optional: where the joints are sent and how far the last period moved them, `(n_joints,)` rad each.

        After a RobotError out of `send` the targets go on from there: the robot may have braked, or not have heard.
        """

    @property
    def report(self) -> Mapping[str, object]:
        """Optional: what else to say of it in /diagnostics, by key."""

    def relax(self) -> None:
        """Optional: take the torque off, called in place of `send` at every tick as long as nothing is to move."""


class State(enum.Enum):
    """What a robot in real time is doing."""

    HOLDING = "holding"
    TRACKING = "tracking"
    RESETTING = "resetting"
    STOPPED = "stopped"


@dataclass(frozen=True)
class RealTimeConfig:
    """Checked by `from_mapping`; times in s."""

    command_timeout_s: float = option(
        0.3, "without a command for so long the robot holds where it is", minimum=0.01, maximum=60.0
    )
    relax_after_s: float | None = option(
        None, "holding for so long, a robot that can takes its torque off; empty: never", minimum=0.0, maximum=86_400.0
    )
    reset_timeout_s: float = option(
        20.0, "for the way to the rest pose, within the limits of speed", minimum=0.1, maximum=600.0
    )
    settle_timeout_s: float = option(
        1.0, "for the joints to follow once their targets are at rest", minimum=0.0, maximum=60.0
    )
    rest_tolerance: float = option(0.1, "how near to rest every joint must be then, rad", minimum=0.0, maximum=100.0)


class RealTimeRobot:
    """A robot that lives at its own rate: takes the newest command at each tick, and holds when none comes.

    Commands are checked as a whole and refused while motion is stopped or a reset is under way; their stamps are
    informative. Targets never leave the limits, also where a stop, a hold or a reset cuts a motion: they brake. What was
    commanded before a hold or a stop is forgotten, so that nothing winds up.
    """

    in_lockstep = False

    def __init__(
        self,
        robot: SafeRobot,
        config: RealTimeConfig | None = None,
        clock: Clock = time.monotonic_ns,
        wall_clock: Clock = time.time_ns,
        first: Observation | None = None,
    ):
        """`clock`: steady, for all timeouts; `wall_clock`: stamps of observations; both integer nanoseconds.

        `first`: what `robot.reset` returned, where a robot can be placed at rest; None: it is found where it is.
        """
        self.config = config or RealTimeConfig()
        self.joint_names, self.period_ns = robot.joint_names, robot.period_ns
        self.plant = robot.plant
        self._robot, self._clock, self._wall_clock = robot, clock, wall_clock
        self.state, self.relaxed = State.HOLDING, False
        self._commanded_ns = self._holds_since = clock()
        self._asked_to_relax = False
        self._episode: Callable[[], Episode] = Episode
        self._reset_ends: list[ResetEnd] = []
        self._reset_deadline = self._settled_by = 0
        self.holds_by_watchdog = False
        """Whether it holds because commands have stopped."""
        self.unavailable: Callable[[], str] = lambda: ""
        """Why commands and resets are refused whatever is enabled, one line; empty: they are not. For who owns the robot."""
        self.observation = self._stamped(first or robot.stand(), 0)
        """The last observation."""

    @property
    def motion_enabled(self) -> bool:
        """Whether commands move the robot."""
        return self._robot.motion_enabled

    @property
    def command_age_s(self) -> float:
        """Time since the last command was accepted (before any: since the start), s."""
        return (self._clock() - self._commanded_ns) * 1e-9

    def command(self, command: Command) -> None:
        """Take a command; of several between two ticks the newest counts. Raises CommandRejected."""
        if self.state is State.RESETTING:
            raise CommandRejected("a reset is under way; send commands when its service has answered")
        self._check_available()
        self._robot.accept(command)
        self.state, self._commanded_ns, self.holds_by_watchdog = State.TRACKING, self._clock(), False

    def start_reset(self, episode: Callable[[], Episode], ended: ResetEnd) -> None:
        """Begin to move to rest, and call `ended` in a later tick (or stop); raises CommandRejected when stopped.

        The episode is asked for when the robot has arrived. A second call joins a reset that is under way.
        """
        self._check_available()
        self._robot.check_enabled()
        check_episode(episode())
        self._episode = episode
        self._reset_ends.append(ended)
        if self.state is not State.RESETTING:
            self.state = State.RESETTING
            self._reset_deadline = self._clock() + _ns(self.config.reset_timeout_s)
            self._settled_by = 0

    def emergency_stop(self) -> None:
        """Brake, and refuse every command and reset until `enable(True)`."""
        self._robot.emergency_stop()
        self._stop("emergency stop")

    def enable(self, enabled: bool) -> None:
        """Allow motion, from where the robot is (the only thing that ends an emergency stop); or stop it and relax."""
        self._robot.enable(enabled)
        if enabled:
            if self.state is State.STOPPED:
                self._hold()
        else:
            self._stop("disabled")
            self._asked_to_relax = True

    def tick(self) -> Observation:
        """Let one period begin and return what is true now. Raises the plant's RobotError, after which it may go on."""
        try:
            observation = self._advance()
        except RobotError as error:
            if self.state is State.RESETTING:
                self._end_reset(error)
            raise
        self.observation = observation
        return observation

    def close(self) -> None:
        """Refuse a reset that is under way, and close the robot."""
        if self.state is State.RESETTING:
            self._end_reset(CommandRejected("the robot is shut down"))
        self._robot.close()

    def _check_available(self) -> None:
        why = self.unavailable()
        if why:
            raise CommandRejected(why)

    def _advance(self) -> Observation:
        now, last = self._clock(), self.observation.stamp
        if self.state is State.RESETTING:
            self.relaxed = False
            first = self._reset_step(now)
            if first is not None:
                observation = self._stamped(first, last)
                self._end_reset(observation)
                return observation
        elif self.state is State.TRACKING and now - self._commanded_ns <= _ns(self.config.command_timeout_s):
            self.relaxed = False
            self._robot.track()
        else:
            if self.state is State.TRACKING:
                self._hold()
                self.holds_by_watchdog = True
            self._rest_or_relax(now)
        return self._stamped(self._robot.stand() if self.relaxed else self._robot.receive(), last)

    def _rest_or_relax(self, now: int) -> None:
        after = self.config.relax_after_s
        wanted = self._asked_to_relax or (after is not None and now - self._holds_since >= _ns(after))
        self.relaxed = wanted and self._robot.relax()
        if not self.relaxed:
            self._robot.hold()

    def _reset_step(self, now: int) -> Observation | None:
        """Spend one period on the way to rest; the episode's first observation when the robot has arrived there."""
        there, config = self._robot.approach_rest(), self.config
        if not there:
            if now > self._reset_deadline:
                self._end_reset(
                    RobotError(f"the reset did not reach the rest pose within {config.reset_timeout_s:g} s")
                )
            return None
        self._settled_by = self._settled_by or now + _ns(config.settle_timeout_s)
        error = np.abs(self.observation.position - self._robot.rest)
        if (error <= config.rest_tolerance).all():
            return self._robot.reset(self._episode())
        if now > self._settled_by:
            worst = int(error.argmax())  # NaN, where there is one
            joint, where = self.joint_names[worst], f"{error[worst]:.2f} rad from its rest pose"
            allowed = f"(allowed: {config.rest_tolerance:g}); is it blocked, or not powered?"
            if not np.isfinite(error[worst]):
                where, allowed = f"at {self.observation.position[worst]} rad", "; is its sensor broken?"
            self._end_reset(RobotError(f"joint {joint} stands {where} after a reset {allowed}".replace(" ;", ";")))
        return None

    def _end_reset(self, result: Observation | RobotError) -> None:
        self._hold()
        self._tell(result)

    def _tell(self, result: Observation | RobotError) -> None:
        ends, self._reset_ends = self._reset_ends, []
        for ended in ends:
            ended(result)

    def _stop(self, why: str) -> None:
        was, self.state = self.state, State.STOPPED
        self._robot.forget()
        self.holds_by_watchdog = False
        if was is not State.STOPPED:
            self._asked_to_relax = False
        if was in (State.TRACKING, State.RESETTING):
            self._holds_since = self._clock()
        if was is State.RESETTING:
            self._tell(CommandRejected(f"the reset was cut short ({why}); call the enable service with true to go on"))

    def _hold(self) -> None:
        self._robot.forget()
        self.holds_by_watchdog = False
        self.state, self._holds_since, self._asked_to_relax = State.HOLDING, self._clock(), False

    def _stamped(self, observation: Observation, last: int) -> Observation:
        """Stamped with the wall clock, but never earlier than the observation before: it may be set back."""
        return dataclasses.replace(observation, stamp=max(self._wall_clock(), last + 1))


def _ns(seconds: float) -> int:
    return round(seconds * 1e9)
