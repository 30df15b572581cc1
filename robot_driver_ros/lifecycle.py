"""The states of a managed driver, without ROS: unconfigured, inactive, active, and the ways between them.

Every way may take seconds (a board starts, an arm moves to rest), so it is begun and then advanced at every `tick`.
"""

from __future__ import annotations

import enum
import time
from collections.abc import Callable

from robot_driver_ros.servos.servo_driver import ServoDriver
from robot_interface_ros.errors import RobotError
from robot_interface_ros.realtime.realtime_robot import RealTimeRobot, State
from robot_interface_ros.robot import Array, Episode, Observation
from robot_interface_ros.safety.safe_robot import SafeRobot

CONNECT_TIMEOUT_S = 12.0  # more than a board has for its greeting
BRAKING_TIMEOUT_S = 1.0  # until a robot that was stopped stands; a board that is lost is not waited for

Ended = Callable[[str], None]
"""Is told how a transition ended: empty for well, else why not."""


class LifeState(enum.Enum):
    """What a managed driver is; the names are those of ROS 2's managed nodes."""

    UNCONFIGURED = "unconfigured"
    INACTIVE = "inactive"
    ACTIVE = "active"


class DriverLife:
    """configure: connect to the boards; activate: power; deactivate: to rest, then no power; cleanup: let go of the boards.

    While inactive the robot is observed, but `drive` is refused, so that no command, reset or enable can power it.
    """

    def __init__(
        self,
        driver: ServoDriver,
        robot: RealTimeRobot,
        safe: SafeRobot,
        parked: Array,
        clock: Callable[[], float] = time.monotonic,
        stays_disabled: bool = False,
    ):
        """`safe`: what `robot` lives around; `parked`: `(n_joints,)` rad, where to leave the joints.

        `stays_disabled`: whether an operator took the torque off before; `activate` leaves it so.
        """
        self.state = LifeState.UNCONFIGURED
        self._safe, self._parked, self._rest = safe, parked, safe.rest
        self._driver, self._robot, self._clock = driver, robot, clock
        self._step: Callable[[], str | None] | None = None
        self._ended: Ended | None = None
        self._deadline = 0.0
        self._reset: Observation | RobotError | None = None
        self._stays_disabled = stays_disabled
        self._under_way = ""
        self.refused = ""
        """Why the boards cannot be used, where trying again changes nothing; empty: the last `configure` found no reason."""
        robot.unavailable = self._why_unavailable
        self._disable()

    @property
    def disabled(self) -> bool:
        """Whether an operator has taken the torque off, and nobody has ended that; a life anew does not."""
        if self.state is not LifeState.ACTIVE or self._step is not None:
            return self._stays_disabled
        return not self._robot.motion_enabled and not self._safe.emergency_stopped

    @property
    def waits_for(self) -> str:
        """What `configure` waits for, one line; empty where it is not under way."""
        return self._driver.problem if self._under_way == "configure" else ""

    def configure(self, ended: Ended) -> None:
        """Open the boards and wait for their greeting; a board that is refused ends that at once."""
        if self._is_free(ended):
            self._deadline, self.refused = self._clock() + CONNECT_TIMEOUT_S, ""
            self._begin("configure", self._connecting, ended)

    def activate(self, ended: Ended) -> None:
        """Allow motion, from where the robot is; after an emergency stop only `enable` does."""
        if not self._is_free(ended):
            return
        self._driver.active = True
        if not self._safe.emergency_stopped and not self._stays_disabled:
            self._robot.enable(True)
        self.state = LifeState.ACTIVE
        ended("")

    def deactivate(self, ended: Ended) -> None:
        """Move to rest, where nothing has stopped the robot, and take the torque off."""
        if not self._is_free(ended):
            return
        self._stays_disabled = self.disabled
        self._reset = None
        self._safe.rest = self._parked
        try:
            self._robot.start_reset(Episode, self._on_reset_end)
        except RobotError as error:  # stopped: it must not move, and only goes limp
            self._reset = error
        self._begin("deactivate", self._going_to_rest, ended)

    def cleanup(self, ended: Ended) -> None:
        """Close the boards."""
        if not self._is_free(ended):
            return
        self._disable()
        self._driver.close()
        self.state = LifeState.UNCONFIGURED
        ended("")

    def tick(self) -> None:
        """Advance the transition that is under way, if any."""
        if self._step is None:
            return
        said = self._step()
        if said is not None and self._ended is not None:
            ended, self._step, self._ended, self._under_way = self._ended, None, None, ""
            ended(said)

    def park(self) -> bool:
        """Begin to deactivate, if that is possible and not under way; return whether it goes on. Call `tick` meanwhile."""
        if self.state is LifeState.ACTIVE and self._step is None:
            self.deactivate(lambda said: None)
        return self._under_way == "deactivate"

    def close(self) -> None:
        """End at once: no power, boards closed."""
        self._disable()
        if self._ended is not None:
            self._ended("the driver is shut down")
            self._step = self._ended = None
            self._under_way = ""
        self._robot.close()

    def _is_free(self, ended: Ended) -> bool:
        """Whether no transition is under way; else `ended` is told which."""
        if self._step is not None:
            ended(f"{self._under_way} is under way; ask again when it has ended")
        return self._step is None

    def _begin(self, name: str, step: Callable[[], str | None], ended: Ended) -> None:
        self._under_way, self._step, self._ended = name, step, ended

    def _why_unavailable(self) -> str:
        """Why neither commands nor resets are possible now whatever is enabled; empty: they are."""
        if self._under_way == "configure":
            return f"the driver waits for its boards: {self._driver.problem}"
        if self._under_way:
            return f"the driver is busy: {self._under_way} is under way"
        if self.state is LifeState.UNCONFIGURED:
            return (
                "the driver is not connected to its boards; ros2 lifecycle set /robot_driver configure, then activate"
            )
        if self.state is LifeState.INACTIVE:
            return "the driver is not active; ros2 lifecycle set /robot_driver activate"
        return ""

    def _connecting(self) -> str | None:
        if self._driver.poll():
            self.state = LifeState.INACTIVE
            return ""
        if self._driver.refused or self._clock() > self._deadline:
            self.refused = self._driver.refused
            problem = self.refused or self._driver.problem
            self._driver.close()
            return problem
        return None

    def _going_to_rest(self) -> str | None:
        if self._reset is None and self._robot.state is State.RESETTING:
            return None
        self._robot.enable(False)
        self._deadline = self._clock() + BRAKING_TIMEOUT_S
        self._step = self._going_limp
        return None

    def _going_limp(self) -> str | None:
        if not self._robot.relaxed and self._clock() < self._deadline:
            return None
        self._disable()
        self._safe.rest = self._rest
        self.state = LifeState.INACTIVE
        return ""

    def _on_reset_end(self, result: Observation | RobotError) -> None:
        self._reset = result

    def _disable(self) -> None:
        self._robot.enable(False)  # after an emergency stop too: that holds, this takes the torque off
        self._driver.active = False
