"""The client of the contract check: receives every topic of one robot, sends commands and calls services."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from geometry_msgs.msg import PoseStamped
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool, String
from std_srvs.srv import SetBool, Trigger

from robot_interface_ros.errors import RobotError
from robot_interface_ros.ros.transport import contract, messages, offered_qos
from robot_interface_ros.ros.transport.contract import absolute
from robot_interface_ros.ros.transport.repeated_call import RepeatedCall
from robot_interface_ros.ros.transport.runtime import Runtime
from robot_interface_ros.ros.transport.waiting import make_waiter
from robot_interface_ros.urdf.robot_model import RobotModel

MEASURED_RAD = 0.02
SET_PARAMETERS = f"{contract.PARAMETER_NODE}/set_parameters"


class RuleBroken(RobotError):
    """The robot breaks a rule of the contract; the message is one line with what was expected and what came."""


class ContractClient:
    """Subscribes to the topics of the contract, keeps the messages, and waits for expected ones."""

    def __init__(self, runtime: Runtime, namespace: str, timeout_s: float, joints: Sequence[str] = ()):
        """`timeout_s`: longest wait for an answer (for a reset ten times as long, because the robot may have to move).

        `joints`: the joints to command; empty: all independent joints of the robot description.
        """
        self.only = tuple(joints)
        self.namespace, self.timeout_s = namespace, timeout_s
        self.node = runtime.topic_node("contract_check", (namespace,))
        self._waiter = make_waiter(self.node)
        self.states: list[JointState] = []
        self.targets: list[JointState] = []
        self.poses: list[PoseStamped] = []
        self.rejected: list[str] = []
        self.enabled: list[bool] = []
        self.descriptions: list[str] = []
        self._subscribed: dict[str, tuple[type, Callable[[Any], Any], QoSProfile]] = {
            contract.JOINT_STATES: (JointState, self.states.append, contract.RELIABLE),
            contract.JOINT_TARGET: (JointState, self.targets.append, contract.RELIABLE),
            contract.TARGET_POSE: (PoseStamped, self.poses.append, contract.RELIABLE),
            contract.COMMAND_REJECTED: (String, lambda text: self.rejected.append(text.data), contract.RELIABLE),
            contract.MOTION_ENABLED: (Bool, lambda flag: self.enabled.append(flag.data), contract.LATCHED),
            contract.ROBOT_DESCRIPTION: (String, lambda text: self.descriptions.append(text.data), contract.LATCHED),
        }
        self._adopted: dict[str, QoSProfile] = {}
        for name, (kind, callback, qos) in self._subscribed.items():
            self._waiter.subscribe(kind, self.name(name), callback, qos)
        self.commands = self.node.create_publisher(JointState, self.name(contract.JOINT_COMMAND), contract.RELIABLE)
        self.stop = self.node.create_publisher(Bool, self.name(contract.EMERGENCY_STOP), contract.RELIABLE)
        self.reset_service = self._waiter.client(Trigger, self.name(contract.RESET))
        self.enable_service = self._waiter.client(SetBool, self.name(contract.ENABLE))
        self.parameters = self._waiter.client(SetParameters, self.name(f"{contract.PARAMETER_NODE}/set_parameters"))
        self.model: RobotModel | None = None
        self.joints: tuple[str, ...] = ()
        self.stamp = 0
        """Stamp of the current observation, in lockstep."""
        self.period_ns = 0
        self.unusable: set[str] = set()
        """Names of the contract that are not served, or that cannot be used for checks."""
        self.lockstep = False
        self.stop_unseen = False
        """Whether the last stop was sent to a robot that does not tell whether it has taken it."""

    @property
    def step_topics(self) -> tuple[str, ...]:
        """The topics that a trainer uses in every step, and emergency_stop."""
        published = (contract.JOINT_STATES, contract.JOINT_TARGET, contract.TARGET_POSE, contract.COMMAND_REJECTED)
        return (*published, contract.JOINT_COMMAND, contract.EMERGENCY_STOP)

    def kind_of(self, name: str) -> str:
        """Return a description of the expected endpoint of a name."""
        if name in (contract.RESET, contract.ENABLE):
            return f"service {self.name(name)}"
        sent = name in (contract.JOINT_COMMAND, contract.EMERGENCY_STOP)
        return f"a {'subscription' if sent else 'publisher'} of {self.name(name)}"

    def serves(self, name: str) -> bool:
        """Whether the robot serves a name, and it can be used for checks."""
        return name not in self.unusable

    @property
    def motion_messages(self) -> list[JointState]:
        """The messages that show the motion: joint_target or, if the robot lacks it, joint_states."""
        return self.targets if self.serves(contract.JOINT_TARGET) else self.states

    @property
    def motion_topic(self) -> str:
        """The topic of the messages in `motion_messages`."""
        return contract.JOINT_TARGET if self.serves(contract.JOINT_TARGET) else contract.JOINT_STATES

    @property
    def slack_rad(self) -> float:
        """Allowed error of `motion_messages`, rad: measured positions have noise and lag."""
        return 0.0 if self.serves(contract.JOINT_TARGET) else MEASURED_RAD

    def adopt(self, name: str) -> QoSProfile | None:
        """Use the robot's quality of service for a topic; return it if it differs from the contract's, else None."""
        if name in self._subscribed:
            kind, callback, own = self._subscribed[name]
            qos = offered_qos.hearing_all(self.node, self.name(name), own)
            if qos != own and self._adopted.get(name) != qos:
                self._waiter.subscribe(kind, self.name(name), callback, qos)
        else:
            own, qos = contract.RELIABLE, offered_qos.heard_by_all(self.node, self.name(name), contract.RELIABLE)
            if qos != own and self._adopted.get(name) != qos:
                publisher = self.commands if name == contract.JOINT_COMMAND else self.stop
                self.node.destroy_publisher(publisher)
                made = self.node.create_publisher(publisher.msg_type, self.name(name), qos)
                if name == contract.JOINT_COMMAND:
                    self.commands = made
                else:
                    self.stop = made
        self._adopted[name] = qos
        return qos if qos != own else None

    def name(self, name: str) -> str:
        """Return the absolute name of a topic or service of the robot, after remappings."""
        return str(self.node.resolve_topic_name(absolute(self.namespace, name)))

    def until(
        self,
        condition: Callable[[], Any],
        expected: str,
        timeout_s: float | None = None,
        came: Callable[[], str] = lambda: "nothing came",
    ) -> Any:
        """Wait for a condition and return its value. Raises RuleBroken with the expectation and `came`."""
        timeout_s = self.timeout_s if timeout_s is None else timeout_s
        deadline = time.monotonic() + timeout_s
        while not (found := condition()):
            if time.monotonic() > deadline:
                raise RuleBroken(f"expected {expected}; {came()} within {timeout_s:g} s")
            self._waiter.wait(0.02)
        return found

    def listen(self, seconds: float) -> None:
        """Receive messages for a time."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0.0:
            self._waiter.wait(left)

    def call(self, client: Any, request: Any) -> Any:
        """Call a service that may be called twice, and return its answer."""
        self.until(client.service_is_ready, f"service {client.srv_name}")
        call = RepeatedCall(client, request)
        self.until(call.answered, f"an answer of {client.srv_name}")
        return call.answer

    def reset(self) -> Trigger.Response:
        """Call reset once and return its answer, also a refusal."""
        self.until(self.reset_service.service_is_ready, f"service {self.reset_service.srv_name}")
        future = self.reset_service.call_async(Trigger.Request())
        self.until(future.done, f"an answer of {self.reset_service.srv_name}", 10.0 * self.timeout_s)
        return future.result()

    def set_episode(self, seed: int, target: Sequence[float]) -> bool:
        """Set the parameters of the next episode; return whether the robot has them."""
        if not self.serves(SET_PARAMETERS):
            return False
        values = [
            Parameter(contract.EPISODE_SEED, value=seed).to_parameter_msg(),
            Parameter(contract.EPISODE_TARGET, value=list(target)).to_parameter_msg(),
        ]
        answer = self.call(self.parameters, SetParameters.Request(parameters=values))
        if messages.undeclared(answer):
            self.unusable.add(SET_PARAMETERS)
            return False
        for result in answer.results:
            if not result.successful:
                raise RuleBroken(f"expected the robot to accept the parameters of an episode; refused: {result.reason}")
        return True

    def send(self, stamp: int, names: Sequence[str], position: Sequence[float]) -> None:
        """Publish a command."""
        writer = messages.JointStateWriter(list(names))
        self.commands.publish(writer.write(stamp, np.array(position, dtype=np.float64)))

    def forget(self) -> None:
        """Drop the messages received so far."""
        for received in (self.states, self.targets, self.poses, self.rejected):
            received.clear()

    def state_at(self, stamp: int, what: str) -> JointState:
        """Wait for the joint state with a stamp. Raises RuleBroken; `what` says when it was expected."""
        return self.until(
            lambda: next((state for state in self.states if messages.stamp_ns(state) == stamp), None),
            f"joint_states with stamp {stamp} {what}",
            came=lambda: f"{_stamps(self.states)} came" if self.states else "nothing came",
        )

    def pose_since(self, stamp: int) -> PoseStamped:
        """Wait for the first target_pose with this stamp or later; in real time, the motion to rest has earlier ones."""
        return self.until(
            lambda: next((pose for pose in self.poses if messages.stamp_ns(pose) >= stamp), None),
            f"target_pose with stamp {stamp} or later",
        )

    def position(self, state: JointState) -> dict[str, float]:
        """Return joint -> position, rad."""
        return dict(zip(state.name, state.position))

    def close(self) -> None:
        """Destroy the node."""
        self._waiter.close()
        self.node.destroy_node()


def _stamps(states: Sequence[JointState]) -> str:
    return ", ".join(str(messages.stamp_ns(state)) for state in states[-3:])
