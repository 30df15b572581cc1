"""Real time over topics: a simulator at its own rate, its client, an environment, a trainer."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from serving import discover

pytest.importorskip("rclpy")
from diagnostic_msgs.msg import DiagnosticArray
from gymnasium.wrappers import TimeLimit
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import Bool
from std_srvs.srv import SetBool, Trigger

from rl_trainer_ros.environments.make_env import make_robot_env
from rl_trainer_ros.ros.robot_client.realtime_exchange import RealTime
from rl_trainer_ros.ros.robot_client.timeouts import Timeouts
from rl_trainer_ros.ros.robot_client.topic_robot import TopicRobot
from robot_interface_ros.errors import RobotInterrupted, RobotTimeout
from robot_interface_ros.realtime.newest import Freshness
from robot_interface_ros.robot import Command, Episode
from robot_interface_ros.robot_config import load_robot
from robot_interface_ros.ros.transport import contract, messages
from robot_interface_ros.ros.transport.messages import stamp_ns
from robot_interface_ros.ros.transport.runtime import Runtime
from robot_interface_ros.ros.transport.waiting import make_waiter

pytestmark = [pytest.mark.ros, pytest.mark.realtime, pytest.mark.xdist_group("quiet")]
INMOOV = load_robot("inmoov")
PERIOD = 50_000_000
RELAXED = {"max_age_s": 5.0, "max_skew_s": 5.0}  # a busy machine is no reason to fail


class Operator:
    """Receives all messages and, if there is no other client, sends commands."""

    def __init__(self, runtime: Runtime, alone: bool = False):
        self.node = runtime.node("operator", start_parameter_services=False)
        self.waiter = make_waiter(self.node)
        self.states: list[np.ndarray] = []
        self.targets: list[np.ndarray] = []
        self.enabled: list[bool] = []
        self.clock: list[Clock] = []
        self.diagnostics: dict[str, dict[str, str]] = {}
        take = self.waiter.subscribe
        take(JointState, "/env_0/joint_states", lambda message: self.states.append(np.array(message.position)))
        take(JointState, "/env_0/joint_target", lambda message: self.targets.append(np.array(message.position)))
        take(Bool, "/env_0/motion_enabled", lambda message: self.enabled.append(message.data), contract.LATCHED)
        take(Clock, "/env_0/clock", self.clock.append)
        take(DiagnosticArray, "/diagnostics", self.on_diagnostics)
        if alone:
            self.commands = self.node.create_publisher(JointState, "/env_0/joint_command", contract.RELIABLE)
            self.until(self.commands.get_subscription_count)
        self.stop = self.node.create_publisher(Bool, "/env_0/emergency_stop", contract.RELIABLE)
        self.reset = self.waiter.client(Trigger, "/env_0/reset")
        self.enable = self.waiter.client(SetBool, "/env_0/enable")
        self.until(self.stop.get_subscription_count)
        self.until(lambda: self.reset.service_is_ready() and self.enable.service_is_ready())

    def on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            self.diagnostics[status.name] = {pair.key: pair.value for pair in status.values}

    def until(self, condition: Callable[[], Any], timeout_s: float = 30.0) -> None:
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline, "the awaited did not come"
            self.waiter.wait(0.05)

    def answer(self, future: Any) -> Any:
        self.until(future.done)
        return future.result()

    def hear(self, more: int) -> None:
        n = len(self.targets) + more
        self.until(lambda: len(self.targets) >= n)

    def drive(self, position: np.ndarray, until: Callable[[], bool]) -> None:
        """Repeat the same command, once for each state."""
        writer = messages.JointStateWriter(INMOOV.joint_names)

        def once() -> bool:
            self.commands.publish(writer.write(0, position))
            return until()

        self.until(once)


@pytest.fixture
def runtime(domain: int) -> Iterator[Runtime]:
    with Runtime(domain_id=domain) as made:
        yield made


@pytest.mark.parametrize("waiter", ["direct", "executor"])
def test_a_robot_lives_without_commands_and_obeys_a_stop_in_the_middle_of_a_reset(
    waiter: str, simulator: Callable, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RL_TRAINER_WAITER", waiter)  # the simulator's
    simulator(realtime=True)
    monkeypatch.delenv("RL_TRAINER_WAITER")
    robot = Operator(runtime, alone=True)
    robot.hear(5)  # states come, and nothing moves
    np.testing.assert_allclose(robot.states[-1], INMOOV.rest, atol=0.01)
    robot.until(lambda: robot.clock)

    away = INMOOV.rest + np.array([-0.3, 0.4, 0.4, -0.3, 0.5])
    robot.drive(away, lambda: np.abs(robot.targets[-1] - INMOOV.rest).max() > 0.2)
    robot.until(lambda: (robot.targets[-1] == robot.targets[-2]).all())  # without commands it holds, before the target
    held = robot.targets[-1]
    assert np.abs(held - away).max() > 0.01
    robot.hear(10)
    np.testing.assert_array_equal(robot.targets[-1], held)
    robot.until(lambda: robot.diagnostics.get("robot_sim: /env_0", {}).get("watchdog") == "holding")

    future = robot.reset.call_async(Trigger.Request())
    robot.until(lambda: (robot.targets[-1] != held).any())
    robot.stop.publish(Bool(data=True))
    answer = robot.answer(future)
    assert not answer.success and "the reset was interrupted (emergency stop)" in answer.message
    robot.until(lambda: robot.enabled[-1] is False)
    robot.until(lambda: (robot.targets[-1] == robot.targets[-2]).all())
    stopped = robot.targets[-1]
    assert np.abs(stopped - INMOOV.rest).max() > 0.01
    assert not robot.answer(robot.reset.call_async(Trigger.Request())).success

    assert robot.answer(robot.enable.call_async(SetBool.Request(data=True))).success
    robot.hear(3)
    np.testing.assert_array_equal(robot.targets[-1], stopped)
    first = robot.reset.call_async(Trigger.Request())
    robot.hear(1)
    again = robot.reset.call_async(Trigger.Request())  # joins it
    answers = [robot.answer(first), robot.answer(again)]
    assert answers[0].success and answers[0].message == answers[1].message
    robot.hear(2)
    np.testing.assert_array_equal(robot.targets[-1], INMOOV.rest)
    steps = np.abs(np.diff(robot.targets, axis=0))
    assert (steps <= INMOOV.limits.velocity * PERIOD * 1e-9 + 1e-12).all()  # in all of this


def test_an_environment_in_real_time_knows_the_age_of_what_it_sees(simulator: Callable, domain: int) -> None:
    simulator(realtime=True)
    environment = TimeLimit(
        make_robot_env(transport="topics", realtime=True, freshness=RELAXED, end_at_success=False), 20
    )
    for k in range(2):
        _, info = environment.reset(seed=k)
        assert set(info["timing"]["ages_s"]) == {"joint_states", "target_pose", "joint_target"}
        target, moved = info["target"], 0.0
        begin, truncated = time.monotonic(), False
        while not truncated:
            before = environment.unwrapped.step_state.observation
            _, _, _, truncated, info = environment.step(np.array([0, 1, 0, 0, 0], dtype=np.float32))
            after = environment.unwrapped.step_state.observation
            assert after.stamp >= before.stamp and after.target_position.tolist() == list(target)
            moved += after.joint_target[1] - before.joint_target[1]
            timing = info["timing"]
            assert 0.0 <= timing["age_s"] < 5.0 and 0.0 <= timing["skew_s"] < 5.0
            json.dumps(timing)  # loggers take it
        assert time.monotonic() - begin > 0.9  # 20 steps of 50 ms are not over in less than a second
        assert moved > 0.1
    environment.close()


def test_a_robot_that_falls_silent_is_no_observation_and_a_reset_finds_it_again(
    simulator: Callable, runtime: Runtime
) -> None:
    process = simulator(realtime=True)
    robot = TopicRobot(runtime, INMOOV, period_ns=PERIOD, mode=RealTime(Freshness(2.0, 2.0)))
    robot.reset(Episode())
    process.signal(signal.SIGSTOP)  # the last messages become old

    def go_on() -> None:
        for _ in range(100):
            robot.send(Command(0, robot.joint_names, INMOOV.rest))
            robot.receive()

    with pytest.raises(RobotInterrupted, match=r"of /env_0 is 2.* s old, more than max_observation_age_s:=2; does"):
        go_on()
    process.signal(signal.SIGCONT)
    first = robot.reset(Episode(0, (0.3, -0.2, 1.2)))
    assert first.timing["age_s"] < 2.0 and first.target_position.tolist() == [0.3, -0.2, 1.2]
    robot.close()


def test_a_pause_of_the_policy_is_an_overrun_and_the_robot_holds_meanwhile(
    simulator: Callable, runtime: Runtime
) -> None:
    simulator(realtime=True)
    operator = Operator(runtime)
    robot = TopicRobot(runtime, INMOOV, period_ns=PERIOD, mode=RealTime(Freshness(**RELAXED)))
    observation = robot.reset(Episode(0, (0.3, -0.2, 1.2)))
    for _ in range(5):
        robot.send(Command(observation.stamp, robot.joint_names, observation.joint_target - 0.01))
        observation = robot.receive()
    overruns = observation.timing["overruns"]
    operator.until(lambda: operator.diagnostics.get("robot_sim: /env_0", {}).get("watchdog") == "holding")  # an update
    robot.send(Command(observation.stamp, robot.joint_names, observation.joint_target - 0.01))
    after = robot.receive()
    assert after.timing["overruns"] == overruns + 1
    # The robot measures the silence of 0.3 s from the command, the trainer from the observation, up to two periods later.
    assert after.timing["policy_s"] > 0.15 and after.timing["step_s"] > after.timing["policy_s"] + 0.04
    assert (after.joint_target < observation.joint_target).any()  # the command had a period of its own

    def told() -> bool:
        robot.send(Command(0, robot.joint_names, INMOOV.rest))
        robot.receive()
        return "trainer: /env_0" in operator.diagnostics

    operator.until(told)
    robot.close()


def test_cameras_render_for_those_who_look_and_their_images_are_of_a_known_moment(
    simulator: Callable, runtime: Runtime
) -> None:
    simulator(realtime=True, cameras="[external]", camera_hz=10.0)
    operator = Operator(runtime)
    stamps: list[int] = []
    images: list[int] = []
    operator.waiter.subscribe(JointState, "/env_0/joint_states", lambda message: stamps.append(stamp_ns(message)))
    best_effort = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)  # the publisher is reliable
    operator.waiter.subscribe(
        Image, "/env_0/camera/external/image_raw", lambda message: images.append(stamp_ns(message)), best_effort
    )
    operator.until(lambda: len(images) >= 5)
    operator.hear(2)
    assert set(images[1:]) <= set(stamps)
    assert len(images) < len(stamps)
    robot = TopicRobot(runtime, INMOOV, period_ns=PERIOD, cameras=("external",), mode=RealTime(Freshness(**RELAXED)))
    observation = robot.reset(Episode())
    assert observation.images["external"].shape == (64, 64, 3) and observation.images["external"].std() > 10.0
    assert "camera/external/image_raw" in observation.timing["ages_s"]
    robot.close()


def test_a_robot_in_lockstep_is_told_from_one_in_real_time(simulator: Callable, runtime: Runtime) -> None:
    simulator()
    discover(runtime)
    robot = TopicRobot(runtime, INMOOV, period_ns=PERIOD, mode=RealTime(), timeouts=Timeouts(start_timeout_s=3.0))
    with pytest.raises(
        RobotTimeout, match="nobody serves /env_0/joint_target, nor do joint_states come .*realtime:=true"
    ):
        robot.reset(Episode())
    robot.close()


@pytest.mark.timeout(240)
def test_a_trainer_learns_in_real_time_from_several_robots(start: Callable, tmp_path: Any) -> None:
    words = ["train", "realtime:=true", "num_envs:=2", "sim_processes:=1", "num_timesteps:=60", f"log_dir:={tmp_path}"]
    settings = ["control_hz:=200", "physics_hz:=400", "max_observation_age_s:=5.0", "max_skew_s:=5.0"]
    process = start("rl_trainer_ros.cli.main", *words, *settings)
    process.wait_for("serving /env_0, /env_1 in real time at 200 Hz", 120.0)
    assert process.wait(180.0) == 0
    assert any("model saved in" in line for line in process.lines)
