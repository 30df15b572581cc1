"""Two robots in one namespace, or two clients of one robot: the first is served, the second is refused with the reason."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest

pytest.importorskip("rclpy")
from diagnostic_msgs.msg import DiagnosticArray
from sensor_msgs.msg import JointState
from serving import serve_here

from rl_trainer_ros.ros.robot_client import discovery
from rl_trainer_ros.ros.robot_client.realtime_exchange import RealTime
from rl_trainer_ros.ros.robot_client.timeouts import Timeouts
from rl_trainer_ros.ros.robot_client.topic_robot import TopicRobot
from robot_driver_ros.mock_robot import MockRobot
from robot_interface_ros.errors import CommandRejected, RobotError, RobotTimeout
from robot_interface_ros.realtime.newest import Freshness
from robot_interface_ros.robot import Command, Episode
from robot_interface_ros.robot_config import load_robot
from robot_interface_ros.ros import operator
from robot_interface_ros.ros.operator import move
from robot_interface_ros.ros.serving.namespace_lock import NamespaceLock
from robot_interface_ros.ros.serving.program import Stepping
from robot_interface_ros.ros.transport.conflicts import conflict_text
from robot_interface_ros.ros.transport.contract import RELIABLE
from robot_interface_ros.ros.transport.graph import publishers
from robot_interface_ros.ros.transport.runtime import Runtime
from robot_interface_ros.ros.transport.waiting import make_waiter
from robot_interface_ros.safety.safe_robot import SafeRobot

pytestmark = pytest.mark.ros
INMOOV = load_robot("inmoov")
PERIOD = 50_000_000
REMEDY = r"two robots \(or two clients\) serve /env_0\. End one .* domain_id:=, namespaces:= or transport:=in_process"


def test_one_is_no_crowd_and_two_are_named() -> None:
    assert conflict_text("/env_0", "/env_0/joint_command", ["/trainer"]) == ""
    said = conflict_text("/env_0", "/env_0/joint_command", ["/trainer", "/another"])
    assert said.startswith(
        "2 publishers on /env_0/joint_command (/another, /trainer): two robots (or two clients) serve"
    )


@pytest.fixture
def serve(domain: int) -> Iterator[Callable[..., None]]:
    """Serve a mock robot in a thread, in a separate context, like another process."""
    runtimes: list[Runtime] = []
    threads: list[threading.Thread] = []

    def serve_robot(realtime: bool) -> None:
        runtimes.append(Runtime(domain_id=domain, signals=False))
        stepping = Stepping(runtimes[-1], runtimes[-1].node("mock"))
        turn = serve_here(stepping, SafeRobot(MockRobot(INMOOV, PERIOD), INMOOV), INMOOV, realtime)
        threads.append(threading.Thread(target=stepping.run, args=(turn,)))
        threads[-1].start()

    yield serve_robot
    for runtime, thread in zip(runtimes, threads):
        runtime.request_stop()
        thread.join(20.0)
        runtime.close()


@pytest.fixture
def connect(domain: int) -> Iterator[Callable[..., Any]]:
    """Return a client in a separate context."""
    made: list[tuple[Runtime, Any]] = []

    def connect_client(realtime: bool, start_timeout_s: float = 30.0, discovers: tuple[str, ...] = ()) -> Any:
        runtime, timeouts = Runtime(domain_id=domain, signals=False), Timeouts(start_timeout_s=start_timeout_s)
        watcher = runtime.node("watcher", start_parameter_services=False)
        until = time.monotonic() + 60.0
        while not all(map(watcher.count_publishers, discovers)):
            assert time.monotonic() < until, f"discovery did not find {discovers}"
            time.sleep(0.02)
        mode = RealTime(Freshness(10.0, 10.0)) if realtime else None
        made.append((runtime, TopicRobot(runtime, INMOOV, period_ns=PERIOD, timeouts=timeouts, mode=mode)))
        return made[-1][1]

    yield connect_client
    for runtime, client in made:
        client.close()
        runtime.close()


@pytest.mark.parametrize("realtime", [False, True])
def test_a_second_client_is_told_and_the_first_one_goes_on(
    realtime: bool,
    serve: Callable,
    connect: Callable,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(discovery, "TELL_AFTER_S", 0.1)
    serve(realtime)
    first = connect(realtime)
    first.reset(Episode())
    told: list[RobotError] = []

    def second() -> None:
        try:
            connect(realtime, 3.0, ("/env_0/joint_states", "/env_0/joint_command")).reset(Episode())
        except RobotTimeout as error:
            told.append(error)

    thread = threading.Thread(target=second)
    thread.start()
    while thread.is_alive():
        observation, began = first.reset(Episode(1)), time.monotonic()
        assert time.monotonic() - began < 10.0
        for _ in range(3):
            first.send(Command(observation.stamp, first.joint_names, observation.joint_target))
            observation = first.receive()
    thread.join()
    said = r"/env_0: 2 publishers on /env_0/joint_command \(/trainer_robots, this one\): " + REMEDY
    assert re.search("/env_0: waits . s at most: 2 publishers on /env_0/joint_command", capfd.readouterr().err)
    with pytest.raises(RobotTimeout, match=said):
        raise told[0]


@pytest.mark.parametrize("realtime", [False, True])
def test_a_client_refuses_two_robots(
    realtime: bool, serve: Callable, connect: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discovery, "FORGOTTEN_S", 1.0)
    for _ in range(2):
        serve(realtime)
    client = connect(realtime)

    def go_on() -> None:
        """Reset until discovery has found both robots."""
        for _ in range(100):
            client.reset(Episode())
            time.sleep(0.1)

    said = r"2 publishers on /env_0/joint_states \(/mock_topics, /mock_topics\): " + REMEDY
    with pytest.raises(RobotError, match=said):
        go_on()


def test_a_second_robot_that_comes_later_is_noticed_in_real_time(
    serve: Callable, connect: Callable, domain: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rl_trainer_ros.ros.robot_client.realtime_exchange.FORGOTTEN_S", 2.0)
    serve(True)
    client = connect(True)
    observation = client.reset(Episode())
    serve(True)
    told: dict[str, str] = {}
    with Runtime(domain_id=domain, signals=False) as runtime:
        node = runtime.topic_node("listener")
        waiter = make_waiter(node)
        waiter.subscribe(
            DiagnosticArray, "/diagnostics", lambda message: told.update({s.name: s.message for s in message.status})
        )
        deadline = time.monotonic() + 30.0

        def go_on() -> None:
            last = observation
            while time.monotonic() < deadline:
                client.send(Command(last.stamp, client.joint_names, last.joint_target))
                last = client.receive()
                waiter.wait(0.0)

        with pytest.raises(RobotError, match="2 publishers on /env_0/joint_states") as error:
            go_on()
        assert type(error.value) is RobotError
        assert "two robots (or two clients) serve /env_0" in told["mock: /env_0"]


@pytest.mark.parametrize("realtime", [False, True])
def test_a_second_simulator_does_not_begin_to_serve(realtime: bool, simulator: Callable, start: Callable) -> None:
    simulator(realtime=realtime)
    second = start("robot_sim_ros.ros.robot_sim_node", realtime=realtime)
    assert second.wait() == 2
    assert any("2 publishers on /env_0/joint_states" in line and "this robot" in line for line in second.lines)


def test_a_publisher_whose_node_is_not_discovered_yet_is_told_as_that() -> None:
    unknown = SimpleNamespace(node_name="_NODE_NAME_UNKNOWN_", node_namespace="_NODE_NAMESPACE_UNKNOWN_")
    node = Mock(get_publishers_info_by_topic=lambda _: [unknown, SimpleNamespace(node_name="sim", node_namespace="/a")])
    assert publishers(node, "/a/joint_states") == ["/a/sim", "a node that is not discovered yet"]


def test_a_second_move_is_refused_and_goes_when_the_first_one_has_ended(
    serve: Callable, domain: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(True)
    with Runtime(domain_id=domain, signals=False) as runtime:
        node = runtime.topic_node("first_move")
        publisher = node.create_publisher(JointState, "/env_0/joint_command", RELIABLE)
        # The second move may discover the first one, or its name, after it has begun to publish itself.
        both = "/first_move, this one|/first_move, /operator|/operator, a node that is not discovered yet"
        said = rf"2 publishers on /env_0/joint_command \(({both})\): " + REMEDY
        with pytest.raises(CommandRejected, match=said):
            move("/env_0", {"r_wrist_roll_joint": -0.2}, 20.0, domain)
        monkeypatch.setattr(operator, "GONE_S", 60.0)  # discovery may be slow
        threading.Timer(0.5, lambda: node.destroy_publisher(publisher)).start()
        move("/env_0", {"r_wrist_roll_joint": -0.2}, 20.0, domain)


@pytest.mark.skipif(sys.platform != "linux", reason="the lock is of Linux")
def test_the_lock_names_its_holder_and_is_free_after_a_kill(domain: int) -> None:
    code = "import os, signal; from robot_interface_ros.ros.serving.namespace_lock import NamespaceLock; "
    code += f"lock = NamespaceLock(); print(lock.hold({domain}, '/lock/joint_states'), flush=True); signal.pause()"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "\n"
        lock = NamespaceLock()
        assert lock.hold(domain, "/lock/joint_states") == f"process {first.pid}"
        assert lock.hold(domain, "/another/joint_states") == ""
        assert lock.hold(domain + 1, "/lock/joint_states") == ""
        first.kill()
    assert lock.hold(domain, "/lock/joint_states") == ""
    lock.close()
    again = NamespaceLock()
    assert again.hold(domain, "/lock/joint_states") == ""
    again.close()
