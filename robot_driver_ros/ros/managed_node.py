"""A managed node (ROS 2 lifecycle). Its transitions run in the thread that owns the robot."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any

from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn

from robot_driver_ros.lifecycle import DriverLife, LifeState

LOOK_EVERY_S = 1.0  # interval to check whether the thread that owns the robot still runs


class Transitions:
    """Passes requested transitions to the thread that calls `turn`."""

    def __init__(self, life: DriverLife, wake: Callable[[], None]):
        """`wake` is called after each request, so that `turn` is called soon."""
        self._life, self._wake = life, wake
        self._requests: queue.Queue[tuple[str, Callable[[str], None]]] = queue.Queue()
        self._closed = False

    def request(self, name: str) -> str:
        """Run a transition and wait for its end; return empty text after success, else the reason.

        The wait has no timeout, because each transition has one (the motion to rest: `reset_timeout_s`), and an earlier
        answer would be wrong.
        """
        done, result = threading.Event(), [""]

        def ended(reason: str) -> None:
            result[0] = reason
            done.set()

        self._requests.put((name, ended))
        self._wake()
        while not done.wait(LOOK_EVERY_S):
            if self._closed:
                return "the driver is shut down"
        return result[0]

    def close(self) -> None:
        """Take no further turns; waiting requests return."""
        self._closed = True

    def turn(self) -> None:
        """Start requested transitions, and advance the running one."""
        while not self._requests.empty():
            name, ended = self._requests.get()
            getattr(self._life, name)(ended)
        self._life.tick()


class ManagedNode(LifecycleNode):
    """A managed node whose lifecycle services control a driver, once `transitions` is set."""

    def __init__(self, *arguments: Any, **settings: Any):
        super().__init__(*arguments, **settings)
        self.life: DriverLife | None = None
        self.transitions: Transitions | None = None
        self.failed = False
        """Whether `start` has failed."""

    def start(self) -> bool:
        """Configure and activate, as an operator would; return whether both succeeded."""
        success = TransitionCallbackReturn.SUCCESS
        self.failed = self.trigger_configure() != success or self.trigger_activate() != success
        return not self.failed

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Connect to the boards."""
        return self._do("configure")

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Allow motion."""
        return self._do("activate")

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Move to rest, then switch the torque off."""
        return self._do("deactivate")

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Close the boards."""
        return self._do("cleanup")

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Move to rest if the driver is active, then close the boards."""
        if self.life is not None and self.life.state is LifeState.ACTIVE:
            self._do("deactivate")
        return self._do("cleanup")

    def _do(self, name: str) -> TransitionCallbackReturn:
        if self.transitions is None:  # in lockstep there is nothing to manage
            return TransitionCallbackReturn.SUCCESS
        problem = self.transitions.request(name)
        if not problem:
            self.get_logger().info(f"{name}: done")
            return TransitionCallbackReturn.SUCCESS
        self.get_logger().error(f"{name}: {problem}")
        return TransitionCallbackReturn.FAILURE
