"""An operator of a robot over topics: commands, services, states of a managed node, and received messages."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import numpy as np
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool

from robot_interface_ros.ros.transport import contract, messages
from robot_interface_ros.ros.transport.runtime import Runtime
from robot_interface_ros.ros.transport.waiting import make_waiter

ELBOW = "r_elbow_flex_joint"


@contextmanager
def an_operator() -> Iterator[Operator]:
    """A new operator does not receive messages of a killed driver."""
    with Runtime(signals=False) as runtime:
        yield Operator(runtime)


class Operator:
    """Commands, services and received messages of one robot."""

    def __init__(self, runtime: Runtime):
        self.node = runtime.node("operator", start_parameter_services=False)
        self.waiter = make_waiter(self.node)
        self.states: list[JointState] = []
        self.enabled: list[bool] = []
        self.waiter.subscribe(JointState, "/env_0/joint_states", self.states.append)
        self.waiter.subscribe(
            Bool, "/env_0/motion_enabled", lambda message: self.enabled.append(message.data), contract.LATCHED
        )
        self.stop = self.node.create_publisher(Bool, "/env_0/emergency_stop", contract.RELIABLE)

    @cached_property
    def commands(self) -> Any:
        """Return the publisher of commands; it is made for the first command, because a robot has one client."""
        return self.node.create_publisher(JointState, "/env_0/joint_command", contract.RELIABLE)

    def until(self, condition: Callable[[], Any], timeout_s: float = 30.0) -> Any:
        deadline = time.monotonic() + timeout_s
        while not (found := condition()):
            assert time.monotonic() < deadline, "what was awaited did not come"
            self.waiter.wait(0.02)
        return found

    def call(self, kind: type, name: str, **request: Any) -> Any:
        client = self.waiter.client(kind, name)
        self.until(client.service_is_ready)
        future = client.call_async(kind.Request(**request))
        self.until(future.done)
        return future.result()

    def change(self, transition: int) -> bool:
        return self.call(ChangeState, "/robot_driver/change_state", transition=Transition(id=transition)).success

    def life(self) -> int:
        return self.call(GetState, "/robot_driver/get_state").current_state.id

    def position(self, joint: str = ELBOW) -> float:
        """Return the joint's position in a current message; older ones may wait in the queue."""
        now = time.time_ns()
        self.until(lambda: self.states and messages.stamp_ns(self.states[-1]) >= now)
        state = self.states[-1]
        return state.position[list(state.name).index(joint)]

    def move(self, joint: str, angle: float, timeout_s: float = 30.0) -> None:
        """Command until the joint has arrived."""
        message = messages.JointStateWriter([joint]).write(0, np.array([angle]))
        self.until(lambda: (self.commands.publish(message), abs(self.position(joint) - angle) < 0.01)[1], timeout_s)
