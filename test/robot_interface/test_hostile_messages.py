"""No message from an unknown node ends a node: it is refused, counted and reported."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy")
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import PoseStamped, WrenchStamped
from hostile import RawRequests, hostile_bytes
from rclpy.node import Node
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import Bool, Float64MultiArray, String
from std_srvs.srv import SetBool, Trigger

from robot_interface_ros.ros.transport import contract, messages
from robot_interface_ros.ros.transport.runtime import Runtime
from robot_interface_ros.ros.transport.waiting import DirectWaiter, ExecutorWaiter, Waiter, make_waiter

pytestmark = [pytest.mark.ros, pytest.mark.bad_input]
VALID = {
    JointState: JointState(name=["a", "b"], position=[1.0, 2.0], velocity=[3.0, 4.0], effort=[5.0, 6.0]),
    PoseStamped: PoseStamped(),
    WrenchStamped: WrenchStamped(),
    Image: messages.image_message(1, np.zeros((2, 2, 3), np.uint8), "frame"),
    Bool: Bool(),
    String: String(data="text"),
    DiagnosticArray: DiagnosticArray(),
    Float64MultiArray: Float64MultiArray(data=[1.0, 2.0, 3.0]),
}


@pytest.fixture
def runtime(domain: int) -> Iterator[Runtime]:
    with Runtime(domain_id=domain) as made:
        yield made


class Stranger:
    """Publishes any messages, and subscribes to /diagnostics."""

    def __init__(self, runtime: Runtime):
        self.node = Node("stranger", context=runtime.context, start_parameter_services=False)
        self.waiter = make_waiter(self.node)
        self.told: dict[str, Any] = {}
        self.waiter.subscribe(DiagnosticArray, "/diagnostics", self._on_diagnostics)

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        self.told.update({status.name: status for status in message.status})

    def until(self, condition: Callable[[], Any], timeout_s: float = 30.0) -> None:
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline, "the awaited did not come"
            self.waiter.wait(0.02)

    def heard_by(self, node: str) -> dict[str, Any]:
        """Topic -> message type of all subscriptions of a node."""
        found = self.node.get_subscriber_names_and_types_by_node(node, "/")
        kinds = {f"{kind.__module__.split('.')[0]}/msg/{kind.__name__}": kind for kind in VALID}
        return {topic: kinds[types[0]] for topic, types in found}

    def attack(self, topic: str, kind: Any, pause_s: float) -> None:
        """`pause_s`: pause after each message, so that the reader's queue does not overflow."""
        publisher = self.node.create_publisher(kind, topic, contract.LATCHED)  # what every reader accepts
        self.until(publisher.get_subscription_count)
        for data in hostile_bytes(VALID[kind]):
            try:
                publisher.publish(data)
            except RuntimeError:  # the middleware of the sender refuses it already
                continue
            time.sleep(pause_s)
        self.node.destroy_publisher(publisher)


@pytest.mark.parametrize("make", [DirectWaiter, ExecutorWaiter])
def test_what_cannot_be_read_is_counted_and_what_comes_after_it_is_heard(
    make: Callable[[Node], Waiter], runtime: Runtime
) -> None:
    stranger = Stranger(runtime)
    node = runtime.topic_node("reader")
    waiter = make(node)
    for k, (kind, valid) in enumerate(VALID.items()):
        topic, heard = f"/topic_{k}", []
        waiter.subscribe(kind, topic, heard.append)
        publisher = stranger.node.create_publisher(kind, topic, 100)
        stranger.until(publisher.get_subscription_count)
        sent = 0

        def all_came(topic: str = topic, heard: list[Any] = heard) -> bool:
            waiter.wait(0.01)
            return len(heard) + waiter.refused.counts[topic] == sent  # noqa: B023

        for data in (*hostile_bytes(valid), valid):
            try:
                publisher.publish(data)
            except RuntimeError:
                continue
            sent += 1
            stranger.until(all_came)
        assert heard[-1] == valid
        assert 10 < waiter.refused.counts[topic] < sent

    def told() -> dict[str, int]:
        waiter.wait(0.01)
        status = stranger.told.get("reader: refused messages")
        assert status is None or status.level == DiagnosticStatus.WARN
        return {pair.key: int(pair.value.partition(";")[0]) for pair in status.values} if status else {}

    stranger.until(lambda: told() == dict(waiter.refused.counts))


ROBOTS = [
    ("robot_sim_ros.ros.robot_sim_node", {"realtime": False}, "direct"),
    ("robot_sim_ros.ros.robot_sim_node", {"realtime": True}, "executor"),
    ("robot_driver_ros.ros.robot_driver_node", {"board": "mock", "realtime": True}, "direct"),
    ("robot_interface_ros.ros.frames_node", {}, "direct"),
]


@pytest.mark.parametrize(("module", "settings", "waiter"), ROBOTS)
def test_no_subscription_or_service_of_a_node_is_ended_by_bytes(
    module: str,
    settings: dict[str, Any],
    waiter: str,
    start: Callable,
    runtime: Runtime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if "frames" in module:
        pytest.importorskip("tf2_msgs")
    monkeypatch.setenv("RL_TRAINER_WAITER", waiter)
    process = start(module, **settings)
    process.wait_for("frames of" if "frames" in module else "serving")
    stranger = Stranger(runtime)
    name = {"robot_sim": "robot_sim_topics", "robot_driver": "robot_driver_topics", "frames": "frames_reader"}[
        module.split(".")[-1].removesuffix("_node")
    ]
    stranger.until(lambda: stranger.heard_by(name) if name in stranger.node.get_node_names() else None)
    topics = stranger.heard_by(name)
    assert topics
    for topic, kind in topics.items():
        stranger.attack(topic, kind, 0.04 if "frames" in module else 0.002)
    said = f"{name}: refused messages"
    stranger.until(lambda: said in stranger.told and len(stranger.told[said].values) == len(topics))
    if "frames" not in module:
        for kind, service in ((Trigger, "/env_0/reset"), (SetBool, "/env_0/enable")):
            requests = RawRequests(stranger.node, kind, service)
            stranger.until(requests.matched)
            for data in hostile_bytes(kind.Request()):
                requests.publish(data)
                stranger.waiter.wait(0.002)
        enable = stranger.waiter.client(SetBool, "/env_0/enable")  # the attack may have stopped it
        reset = stranger.waiter.client(Trigger, "/env_0/reset")
        stranger.until(lambda: enable.service_is_ready() and reset.service_is_ready())
        for client, request in ((enable, SetBool.Request(data=True)), (reset, Trigger.Request())):
            future = client.call_async(request)
            stranger.until(future.done)
            assert future.result().success, future.result().message
    assert process.process.poll() is None
    process.signal(signal.SIGINT)
    assert process.wait() == 0
    said_so = [line for line in process.lines if "refused a message" in line]
    assert len(topics) <= len(said_so) <= 4 * len(topics), process.lines  # now and then, not for every message
