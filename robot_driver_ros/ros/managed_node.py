"""A managed node (ROS 2 lifecycle) whose transitions are done by another thread, the one that owns the robot."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any

from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn

from robot_driver_ros.lifecycle import DriverLife, LifeState

LOOK_EVERY_S = 1.0  # whether whoever owns the robot still takes its turns


class Transitions:
    """Hands transitions from the threads that ask for them to the one that calls `turn`."""

    def __init__(self, life: DriverLife, wake: Callable[[], None]):
        """`wake` is called after each request, so that `turn` comes soon."""
        self._life, self._wake = life, wake
        self._asked: queue.Queue[tuple[str, Callable[[str], None]]] = queue.Queue()
        self._closed = False

    def request(self, name: str) -> str:
        """Do a transition and wait for its end; empty for well, else why not.

        However long it takes: each has a time limit of its own (a way to rest: `reset_timeout_s`), and an answer before
        its end would be a lie.
        """
        done, said = threading.Event(), [""]

        def ended(why: str) -> None:
            said[0] = why
            done.set()

        self._asked.put((name, ended))
        self._wake()
        while not done.wait(LOOK_EVERY_S):
            if self._closed:
                return "the driver is shut down"
        return said[0]

    def close(self) -> None:
        """Take no further turns: whoever waits is told so."""
        self._closed = True

    def turn(self) -> None:
        """Begin what was asked for, and advance what is under way."""
        while not self._asked.empty():
            name, ended = self._asked.get()
            getattr(self._life, name)(ended)
        self._life.tick()


class ManagedNode(LifecycleNode):
    """Its services `change_state` and the like lead through the life of a driver, once it has `transitions`."""

    def __init__(self, *arguments: Any, **settings: Any):
        super().__init__(*arguments, **settings)
        self.life: DriverLife | None = None
        self.transitions: Transitions | None = None
        self.failed = False
        """Whether `start` has failed."""

    def start(self) -> bool:
        """Configure and activate, as an operator would; returns whether that went well."""
        went_well = TransitionCallbackReturn.SUCCESS
        self.failed = self.trigger_configure() != went_well or self.trigger_activate() != went_well
        return not self.failed

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Connect to the boards."""
        return self._do("configure")

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Enable torque."""
        return self._do("activate")

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Move to rest, then take the torque off."""
        return self._do("deactivate")

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Let go of the boards."""
        return self._do("cleanup")

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """To rest if it is active, then let go of the boards."""
        if self.life is not None and self.life.state is LifeState.ACTIVE:
            self._do("deactivate")
        return self._do("cleanup")

    def _do(self, name: str) -> TransitionCallbackReturn:
        if self.transitions is None:  # it serves in lockstep, where nothing has to be managed
            return TransitionCallbackReturn.SUCCESS
        problem = self.transitions.request(name)
        if not problem:
            self.get_logger().info(f"{name}: done")
            return TransitionCallbackReturn.SUCCESS
        self.get_logger().error(f"{name}: {problem}")
        return TransitionCallbackReturn.FAILURE
