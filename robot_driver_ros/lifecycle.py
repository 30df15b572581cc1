"""The states of a managed driver, without ROS: unconfigured, inactive, active, and the transitions between them.

A transition may take seconds (a board starts, an arm moves to rest), so it is started and then advanced at every `tick`.
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

CONNECT_TIMEOUT_S = 12.0  # longer than the timeout of a board's greeting
BRAKING_TIMEOUT_S = 1.0  # time for a stopped robot to brake; a lost board is not awaited

Ended = Callable[[str], None]
"""Called at the end of a transition: with empty text after success, else with the reason."""


class LifeState(enum.Enum):
    """State of a managed driver; the names are those of ROS 2's managed nodes."""

    UNCONFIGURED = "unconfigured"
    INACTIVE = "inactive"
    ACTIVE = "active"


class DriverLife:
    """The lifecycle of a driver.

    configure: connect to the boards; activate: allow motion; deactivate: move to rest, then torque off; cleanup: close the
    boards. An inactive robot is observed, but `drive` is refused, so no command, reset or enable can power a servo.
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
        """`safe`: the robot within `robot`; `parked`: `(n_joints,)` rad, position before the torque is switched off.

        `stays_disabled`: whether an operator switched the torque off before; then `activate` does not switch it on.
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
        """Reason for which the boards cannot be used, also after a retry; empty if the last `configure` found none."""
        robot.unavailable = self._why_unavailable
        self._disable()

    @property
    def disabled(self) -> bool:
        """Whether an operator has switched the torque off; only `enable` ends this, a restart does not."""
        if self.state is not LifeState.ACTIVE or self._step is not None:
            return self._stays_disabled
        return not self._robot.motion_enabled and not self._safe.emergency_stopped

    @property
    def waits_for(self) -> str:
        """Board or answer that a running `configure` waits for, one line; empty otherwise."""
        return self._driver.problem if self._under_way == "configure" else ""

    def configure(self, ended: Ended) -> None:
        """Open the boards and wait for their greetings; a refused board ends the wait at once."""
        if self._is_free(ended):
            self._deadline, self.refused = self._clock() + CONNECT_TIMEOUT_S, ""
            self._begin("configure", self._connecting, ended)

    def activate(self, ended: Ended) -> None:
        """Allow motion from the current position; after an emergency stop, only `enable` does this."""
        if not self._is_free(ended):
            return
        self._driver.active = True
        if not self._safe.emergency_stopped and not self._stays_disabled:
            self._robot.enable(True)
        self.state = LifeState.ACTIVE
        ended("")

    def deactivate(self, ended: Ended) -> None:
        """Move to rest unless the robot is stopped, then switch the torque off."""
        if not self._is_free(ended):
            return
        self._stays_disabled = self.disabled
        self._reset = None
        self._safe.rest = self._parked
        try:
            self._robot.start_reset(Episode, self._on_reset_end)
        except RobotError as error:  # stopped: it must not move, only the torque is switched off
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
        """Advance the running transition, if any."""
        if self._step is None:
            return
        result = self._step()
        if result is not None and self._ended is not None:
            ended, self._step, self._ended, self._under_way = self._ended, None, None, ""
            ended(result)

    def park(self) -> bool:
        """Start `deactivate` if the driver is active; return whether it is still running. Call `tick` meanwhile."""
        if self.state is LifeState.ACTIVE and self._step is None:
            self.deactivate(lambda result: None)
        return self._under_way == "deactivate"

    def close(self) -> None:
        """End at once: torque off, boards closed."""
        self._disable()
        if self._ended is not None:
            self._ended("the driver is shut down")
            self._step = self._ended = None
            self._under_way = ""
        self._robot.close()

    def _is_free(self, ended: Ended) -> bool:
        """Return whether no transition is running; call `ended` with a reason if one is."""
        if self._step is not None:
            ended(f"{self._under_way} is running; try again when it has ended")
        return self._step is None

    def _begin(self, name: str, step: Callable[[], str | None], ended: Ended) -> None:
        self._under_way, self._step, self._ended = name, step, ended

    def _why_unavailable(self) -> str:
        """Return the reason for which commands and resets are not possible now, or empty text."""
        if self._under_way == "configure":
            return f"the driver waits for its boards: {self._driver.problem}"
        if self._under_way:
            return f"the driver is busy: {self._under_way} is running"
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
        self._step = self._switching_off
        return None

    def _switching_off(self) -> str | None:
        if not self._robot.relaxed and self._clock() < self._deadline:
            return None
        self._disable()
        self._safe.rest = self._rest
        self.state = LifeState.INACTIVE
        return ""

    def _on_reset_end(self, result: Observation | RobotError) -> None:
        self._reset = result

    def _disable(self) -> None:
        self._robot.enable(False)  # also after an emergency stop, which only holds: this switches the torque off
        self._driver.active = False
