"""The robot's side of real time, without ROS: a state machine that ticks once per control period.

`RealTimeRobot` is a state machine around `SafeRobot`. Its owner calls `tick` once a period; over topics,
`RealTimeServer` does. No method waits, so an emergency stop takes effect at any moment, even during a reset that
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
    """The robot in a `SafeRobot` in real time: the `Robot` protocol, whose methods must not wait.

    `send` gets a target for every joint, once per control period; `receive` returns the current observation. `reset` is
    called only after the joint targets have arrived at the rest pose: a physical robot does not move then, and only takes
    the episode's target. If a method raises RobotError, a running reset ends, the error is reported, and the next tick
    tries again. `RealTimeRobot` replaces the stamps.
    """

    @property
    def motion(self) -> tuple[Array, Array]:
        """Optional: the joint targets and their motion in the last period, `(n_joints,)` rad each.

        After `send` has raised RobotError, targets continue from these: the robot may have braked, or not received them.
        """

    @property
    def report(self) -> Mapping[str, object]:
        """Optional: further values for /diagnostics, by key."""

    def relax(self) -> None:
        """Optional: switch the torque off; called instead of `send` at every tick while the robot need not move."""


class State(enum.Enum):
    """State of a robot in real time."""

    HOLDING = "holding"
    TRACKING = "tracking"
    RESETTING = "resetting"
    STOPPED = "stopped"


@dataclass(frozen=True)
class RealTimeConfig:
    """Settings of a robot in real time; times in s."""

    command_timeout_s: float = option(
        0.3, "time without a command after which the robot holds, s", minimum=0.01, maximum=60.0
    )
    relax_after_s: float | None = option(
        None, "time of holding after which torque is switched off, s; empty: never", minimum=0.0, maximum=86_400.0
    )
    reset_timeout_s: float = option(
        20.0, "time for the motion to the rest pose, within the limits of speed, s", minimum=0.1, maximum=600.0
    )
    settle_timeout_s: float = option(
        1.0, "time for the joints to arrive after their targets are at rest, s", minimum=0.0, maximum=60.0
    )
    rest_tolerance: float = option(
        0.1, "largest distance of each joint from rest after a reset, rad", minimum=0.0, maximum=100.0
    )


class RealTimeRobot:
    """A robot that runs at its own rate: each tick uses the latest command, and without commands the robot holds.

    Commands are checked as a whole. They are refused while motion is stopped or during a reset; their stamps are
    informative. Joint targets stay within the limits even if a stop, a hold or a reset interrupts a motion: they brake.
    After a hold or a stop, the earlier command is dropped, so no position error builds up.
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
        """`clock`: steady clock for all timeouts; `wall_clock`: for stamps of observations; both integer nanoseconds.

        `first`: the observation of `robot.reset`, if the robot can be placed at rest; None: the robot starts where it is.
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
        """Whether the robot holds because commands have stopped."""
        self.unavailable: Callable[[], str] = lambda: ""
        """Returns the reason for which commands and resets are refused, one line; empty: they are not. Set by the owner."""
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
        """Take a command; the latest one before a tick wins. Raises CommandRejected."""
        if self.state is State.RESETTING:
            raise CommandRejected("a reset is running; send commands after its service has answered")
        self._check_available()
        self._robot.accept(command)
        self.state, self._commanded_ns, self.holds_by_watchdog = State.TRACKING, self._clock(), False

    def start_reset(self, episode: Callable[[], Episode], ended: ResetEnd) -> None:
        """Start the motion to rest; a later tick or a stop calls `ended`. Raises CommandRejected while motion is stopped.

        `episode` is called when the robot has arrived. A second call during a reset joins this reset.
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
        """Allow motion from the current position, which also ends an emergency stop; or stop motion and switch torque off."""
        self._robot.enable(enabled)
        if enabled:
            if self.state is State.STOPPED:
                self._hold()
        else:
            self._stop("disabled")
            self._asked_to_relax = True

    def tick(self) -> Observation:
        """Begin one period and return the observation. Raises the RobotError of the plant; ticks may continue after it."""
        try:
            observation = self._advance()
        except RobotError as error:
            if self.state is State.RESETTING:
                self._end_reset(error)
            raise
        self.observation = observation
        return observation

    def close(self) -> None:
        """Refuse a running reset, and close the robot."""
        if self.state is State.RESETTING:
            self._end_reset(CommandRejected("the robot is shutting down"))
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
        """Move one period towards rest; return the episode's first observation when the robot has arrived, else None."""
        arrived, config = self._robot.approach_rest(), self.config
        if not arrived:
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
            worst = int(error.argmax())  # the index of NaN, if there is one
            joint, where = self.joint_names[worst], f"{error[worst]:.2f} rad from its rest pose"
            allowed = f"(allowed: {config.rest_tolerance:g}); is it blocked, or not powered?"
            if not np.isfinite(error[worst]):
                where, allowed = f"at {self.observation.position[worst]} rad", "; is its sensor broken?"
            self._end_reset(RobotError(f"joint {joint} is {where} after a reset {allowed}".replace(" ;", ";")))
        return None

    def _end_reset(self, result: Observation | RobotError) -> None:
        self._hold()
        self._report_reset(result)

    def _report_reset(self, result: Observation | RobotError) -> None:
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
            self._report_reset(
                CommandRejected(f"the reset was interrupted ({why}); call the enable service with true to continue")
            )

    def _hold(self) -> None:
        self._robot.forget()
        self.holds_by_watchdog = False
        self.state, self._holds_since, self._asked_to_relax = State.HOLDING, self._clock(), False

    def _stamped(self, observation: Observation, last: int) -> Observation:
        """Return the observation with a stamp of the wall clock, which may be set back; but stamps always increase."""
        return dataclasses.replace(observation, stamp=max(self._wall_clock(), last + 1))


def _ns(seconds: float) -> int:
    return round(seconds * 1e9)
