"""Service calls that start an episode: set its parameters, then reset. Answers may be late, lost or negative."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from rcl_interfaces.srv import SetParameters
from rclpy.node import Node
from rclpy.parameter import Parameter
from std_srvs.srv import Trigger

from rl_trainer_ros.ros.robot_client.timeouts import Timeouts, likely_cause
from robot_interface_ros.errors import RobotError, RobotTimeout
from robot_interface_ros.robot import Episode
from robot_interface_ros.ros.transport import contract, messages
from robot_interface_ros.ros.transport.contract import absolute
from robot_interface_ros.ros.transport.graph import has_parameter_node, is_named
from robot_interface_ros.ros.transport.waiting import Waiter


class EpisodeCalls:
    """Client of a robot's `reset` service and of the parameters of its episodes."""

    def __init__(self, node: Node, waiter: Waiter, namespace: str, timeouts: Timeouts, check: Callable[[], None]):
        """`check`: called while waiting; an exception from it ends the wait."""
        self._node, self._waiter, self._namespace, self._timeouts, self._check = (
            node,
            waiter,
            namespace,
            timeouts,
            check,
        )
        self.reset = waiter.client(Trigger, absolute(namespace, contract.RESET))
        self._parameters = waiter.client(
            SetParameters, absolute(namespace, f"{contract.PARAMETER_NODE}/set_parameters")
        )
        self._states = absolute(namespace, contract.JOINT_STATES)
        self.takes_episodes: bool | None = None
        """Whether the robot accepts seed and target of an episode; None: not known yet."""
        self.target_is_ours = False
        """Whether the robot publishes no target, so that the episode's target is used."""

    @property
    def parameters_ready(self) -> bool:
        """Whether the parameter service is available now."""
        return bool(self._parameters.service_is_ready())

    def start(self, episode: Episode, deadline: float, look_until: float) -> int:
        """Start an episode and return the stamp of its first observation, ns. Raises RobotTimeout or RobotError.

        `look_until`: time until which the parameters are searched, if it is unknown whether the robot has them.
        """
        if self._has_parameters(deadline, look_until):
            answer = self._call(self._parameters, _request(episode), deadline, "take the episode's parameters")
            if messages.undeclared(answer):  # another node that has this name by chance
                self._do_without()
        answer = self._call(self.reset, Trigger.Request(), deadline, "reset").message
        if not answer.isdecimal():
            raise RobotError(
                f"{self.name_of(self.reset)} answered '{answer}'; expected the new observation's stamp in ns"
            )
        return int(answer)

    def name_of(self, client: Any) -> str:
        """Return the name of a client's service, after remappings."""
        return str(self._node.resolve_service_name(client.srv_name))

    def _has_parameters(self, deadline: float, look_until: float) -> bool:
        """Return whether the robot accepts the parameters of an episode; it is found out once.

        Raises RobotTimeout if the robot should accept them but does not: it accepted them before, or its parameter node is
        running. Training without them would silently be another task.
        """
        if self.takes_episodes is False:
            return False
        while not (ready := self.parameters_ready) and time.monotonic() < deadline:
            if time.monotonic() >= look_until and is_named(self._node, self._states) and not self._should_have_them():
                break
            self._waiter.wait(0.02)  # discovery does not end a wait, so check again
            self._check()
        name = self.name_of(self._parameters)
        if not ready and self._should_have_them():
            waited = f"within {self._timeouts.start_timeout_s:g} s"
            raise RobotTimeout(
                f"{self._namespace}: nobody serves {name} {waited}, although this robot has parameters of episodes; "
                f"{likely_cause([name])}"
            )
        self.takes_episodes = ready
        if not ready:
            self._do_without()
        return ready

    def _do_without(self) -> None:
        """Report once that the robot does not accept the parameters of an episode."""
        self.takes_episodes = False
        chooses = "" if self.target_is_ours else "this robot chooses targets itself, and "
        name = f"{self._parameters.srv_name} with {contract.EPISODE_SEED} and {contract.EPISODE_TARGET}"
        self._node.get_logger().warning(f"{name} is not served: {chooses}its episodes cannot be repeated")

    def _should_have_them(self) -> bool:
        return bool(self.takes_episodes) or has_parameter_node(self._node, self._namespace)

    def _call(self, client: Any, request: Any, deadline: float, what: str) -> Any:
        """Call until a call succeeds. Only the answer to the last call is used, because earlier ones may be late.

        The timeout doubles with each call, so that slow answers are received in the end.
        """
        refusal, patience_s = "", self._timeouts.repeat_after_s
        while True:
            future = client.call_async(request)
            future.add_done_callback(lambda _: self._waiter.wake())
            patience_s *= 2
            repeat_at = min(deadline, time.monotonic() + patience_s)
            while not future.done() and time.monotonic() < repeat_at:
                self._waiter.wait(repeat_at - time.monotonic())
                self._check()
            if future.done():
                response = future.result()
                refusal = _refusal(response)
                if not refusal:
                    return response
                patience_s = self._timeouts.repeat_after_s
                self._rest(min(time.monotonic() + 0.2, deadline))  # the robot may accept the next call
            else:
                client.remove_pending_request(future)
            if time.monotonic() >= deadline:
                name, waited = self.name_of(client), f"within {self._timeouts.start_timeout_s:g} s"
                if refusal:
                    raise RobotTimeout(f"{self._namespace}: {name} refused to {what} {waited}: {refusal}")
                raise RobotTimeout(
                    f"{self._namespace}: no answer to {what} from {name} {waited}; {likely_cause([name])}"
                )

    def _rest(self, until: float) -> None:
        while (left := until - time.monotonic()) > 0.0:
            self._waiter.wait(left)
            self._check()


def _request(episode: Episode) -> SetParameters.Request:
    target = list(episode.target) if episode.target is not None else [0.0]
    if not np.all(np.isfinite(target)):
        raise RobotError(f"episode target is {episode.target}; expected three finite numbers, m")
    return SetParameters.Request(
        parameters=[
            Parameter(contract.EPISODE_SEED, Parameter.Type.INTEGER, episode.seed).to_parameter_msg(),
            Parameter(contract.EPISODE_TARGET, Parameter.Type.DOUBLE_ARRAY, target).to_parameter_msg(),
        ]
    )


def _refusal(response: Any) -> str:
    """Return why a service refused; empty if it did not."""
    if isinstance(response, Trigger.Response):
        return "" if response.success else response.message or "refused without a reason"
    if messages.undeclared(response):
        return ""
    return "; ".join(result.reason for result in response.results if not result.successful)
