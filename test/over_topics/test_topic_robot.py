"""The client of the robot contract with a simulator in another process."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from serving import discover

pytest.importorskip("rclpy")
from geometry_msgs.msg import PoseStamped
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool, Float64MultiArray, String
from std_srvs.srv import SetBool, Trigger

from rl_trainer_ros.ros.robot_client import discovery
from rl_trainer_ros.ros.robot_client.episode_calls import EpisodeCalls
from rl_trainer_ros.ros.robot_client.timeouts import Timeouts
from rl_trainer_ros.ros.robot_client.topic_robot import TopicRobot
from robot_interface_ros.errors import CommandRejected, RobotError, RobotInterrupted, RobotTimeout, StopRequested
from robot_interface_ros.robot import Command, Episode, Observation
from robot_interface_ros.robot_config import load_robot
from robot_interface_ros.ros.transport import contract, messages
from robot_interface_ros.ros.transport.batch import BatchCodec, BatchPlace, row_of, state_columns
from robot_interface_ros.ros.transport.runtime import Runtime
from robot_interface_ros.ros.transport.waiting import make_waiter

pytestmark = pytest.mark.ros
PERIOD = 50_000_000
QUICK = Timeouts(start_timeout_s=30.0, answer_timeout_s=20.0, repeat_after_s=0.1)


@pytest.fixture
def runtime(domain: int) -> Iterator[Runtime]:
    with Runtime(domain_id=domain) as made:
        yield made


@pytest.fixture
def connect(runtime: Runtime) -> Iterator[Callable[..., TopicRobot]]:
    made: list[TopicRobot] = []

    def connect_robot(timeouts: Timeouts = QUICK, namespace: str = "/env_0", **settings: object) -> TopicRobot:
        made.append(
            TopicRobot(runtime, load_robot("inmoov"), namespace, period_ns=PERIOD, timeouts=timeouts, **settings)
        )
        return made[-1]

    yield connect_robot
    for robot in made:
        robot.close()


class Bystander:
    """Another node on the same topics: an operator, a second client, a listener."""

    def __init__(self, runtime: Runtime):
        self.node = runtime.node("bystander", start_parameter_services=False)
        self.waiter = make_waiter(self.node)

    def until(self, condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline, "the awaited message did not come"
            self.waiter.wait(0.05)

    def call(self, kind: type, name: str, request: object) -> object:
        client = self.waiter.client(kind, name)
        self.until(client.service_is_ready)
        future = client.call_async(request)
        self.until(future.done)
        return future.result()


def step(robot: TopicRobot, observation: Observation, offset: float = 0.0) -> Observation:
    robot.send(Command(observation.stamp, robot.joint_names, observation.joint_target + offset))
    return robot.receive()


def test_every_observation_answers_one_command(simulator: Callable, connect: Callable) -> None:
    simulator(physics_hz=480)  # a whole number where a float is meant, as people write it
    robot = connect()
    observation = robot.reset(Episode(3, (0.3, -0.2, 1.2)))
    np.testing.assert_array_equal(observation.position, load_robot("inmoov").rest)
    np.testing.assert_array_equal(observation.target_position, [0.3, -0.2, 1.2])
    first = observation.stamp
    for k in range(1, 50):
        observation = step(robot, observation, -0.01)
        assert observation.stamp == first + k * PERIOD
    assert robot.reset(Episode()).stamp == first + 51 * PERIOD


def test_both_sides_compute_the_same_target(simulator: Callable, connect: Callable, runtime: Runtime) -> None:
    simulator(publish_joint_target=True)
    bystander, heard = Bystander(runtime), {}
    bystander.waiter.subscribe(
        JointState,
        "/env_0/joint_target",
        lambda message: heard.update({messages.stamp_ns(message): list(message.position)}),
    )
    robot = connect()
    observation = robot.reset(Episode())
    bystander.until(lambda: bystander.node.count_publishers("/env_0/joint_target") > 0)
    generator = np.random.default_rng(0)
    for _ in range(30):
        observation = step(robot, observation, generator.normal(0.0, 0.05, 5))
        bystander.until(lambda stamp=observation.stamp: stamp in heard)
        assert heard[observation.stamp] == observation.joint_target.tolist()


def test_a_second_client_is_refused_with_the_reason(simulator: Callable, connect: Callable) -> None:
    simulator()
    connect().reset(Episode())
    with pytest.raises(
        RobotTimeout, match=r"/env_0: 2 publishers on /env_0/joint_command \(/trainer_robots, this one\): two robots"
    ):
        connect(Timeouts(start_timeout_s=2.0, repeat_after_s=0.2)).reset(Episode())


def test_a_foreign_command_interrupts_the_episode_and_a_reset_goes_on(
    simulator: Callable, connect: Callable, runtime: Runtime
) -> None:
    simulator()
    robot, bystander = connect(), Bystander(runtime)
    observation = robot.reset(Episode())
    seen: list[int] = []
    bystander.waiter.subscribe(
        JointState, "/env_0/joint_states", lambda message: seen.append(messages.stamp_ns(message))
    )
    publisher = bystander.node.create_publisher(JointState, "/env_0/joint_command", contract.RELIABLE)
    bystander.until(lambda: publisher.get_subscription_count() > 0)
    # Its command is executed, and so is the next one on top of it: now our own answer can only be passed by.
    for stamp in (observation.stamp, observation.stamp + PERIOD):
        message = messages.JointStateWriter(robot.joint_names).write(stamp, observation.position)
        bystander.until(lambda message=message, stamp=stamp: (publisher.publish(message), stamp + PERIOD in seen)[1])
    robot.send(Command(observation.stamp, robot.joint_names, observation.position))
    with pytest.raises(
        RobotInterrupted, match="/env_0 sent .* after the awaited one: was it restarted, or reset or commanded"
    ):
        robot.receive()
    bystander.node.destroy_node()
    observation = robot.reset(Episode())
    assert step(robot, observation).stamp == observation.stamp + PERIOD


def test_a_stray_publisher_of_batches_is_named(simulator: Callable, connect: Callable, runtime: Runtime) -> None:
    simulator(namespaces="[/env_0, /env_1]")
    robot, bystander = connect(), Bystander(runtime)
    places: list[BatchPlace] = []
    bystander.waiter.subscribe(
        String, "/env_0/batch", lambda message: places.append(BatchPlace.of(message)), contract.LATCHED
    )
    observation = robot.reset(Episode())
    bystander.until(lambda: bool(places))
    columns = state_columns(places[0].joints)
    row = row_of(places[0].robot, observation.stamp + 10_000 * PERIOD, np.zeros(len(columns) - 3))
    publisher = bystander.node.create_publisher(Float64MultiArray, places[0].states, contract.RELIABLE)
    bystander.until(lambda: publisher.get_subscription_count() > 0)

    def go_on(observation: Observation) -> None:
        for _ in range(1000):
            publisher.publish(BatchCodec(columns).write([row]))
            observation = step(robot, observation)

    with pytest.raises(
        RobotInterrupted, match=r"2 publishers on /env_0/batch_states \(/bystander, /robot_sim_topics\)"
    ):
        go_on(observation)


@pytest.mark.bad_input
def test_a_refused_command_says_why_and_moves_nothing(simulator: Callable, connect: Callable, runtime: Runtime) -> None:
    simulator()
    robot, bystander = connect(), Bystander(runtime)
    observation = robot.reset(Episode())
    reasons: list[str] = []
    bystander.waiter.subscribe(String, "/env_0/command_rejected", lambda message: reasons.append(message.data))
    publisher = bystander.node.create_publisher(JointState, "/env_0/joint_command", contract.RELIABLE)
    hello = messages.JointStateWriter(("nobody",)).write(1, np.zeros(1))
    bystander.until(lambda: (publisher.publish(hello), bool(reasons))[1])  # from here on nothing is lost

    def refused(names: list[str], position: list[float], stamp: int = observation.stamp) -> str:
        reasons.clear()
        publisher.publish(messages.JointStateWriter(names).write(stamp, np.array(position)))
        bystander.until(lambda: any(reason.startswith(f"{stamp}: ") for reason in reasons))
        return reasons[-1]

    assert "unknown joint 'r_elbow_joint' (did you mean r_elbow_flex_joint?)" in refused(["r_elbow_joint"], [0.0])
    assert "unknown joint 'r_index3_joint'" in refused(["r_index3_joint"], [0.0])
    assert "is nan; send finite numbers, rad" in refused([robot.joint_names[0]], [float("nan")])
    assert "is named twice" in refused([robot.joint_names[0]] * 2, [0.0, 0.0])
    assert "2 joint names but 1 positions" in refused(list(robot.joint_names[:2]), [0.0])
    assert refused([robot.joint_names[0]], [0.0], observation.stamp + PERIOD).startswith(
        f"{observation.stamp + PERIOD}: the command answers"
    )
    bystander.node.destroy_node()
    assert step(robot, observation).stamp == observation.stamp + PERIOD
    with pytest.raises(CommandRejected, match="unknown joint 'nose'"):
        robot.send(Command(observation.stamp + PERIOD, ("nose",), np.zeros(1)))
    with pytest.raises(CommandRejected, match="the command answers observation 5"):
        robot.send(Command(5, robot.joint_names, np.zeros(5)))


def test_an_emergency_stop_stops_until_enable(simulator: Callable, connect: Callable, runtime: Runtime) -> None:
    simulator()
    robot, operator = connect(), Bystander(runtime)
    observation = robot.reset(Episode())
    enabled: list[bool] = []
    operator.waiter.subscribe(
        Bool, "/env_0/motion_enabled", lambda message: enabled.append(message.data), contract.LATCHED
    )
    stop = operator.node.create_publisher(Bool, "/env_0/emergency_stop", contract.RELIABLE)
    operator.until(lambda: enabled == [True] and stop.get_subscription_count() > 0)
    stop.publish(Bool(data=True))
    operator.until(lambda: enabled == [True, False])
    robot.send(Command(observation.stamp, robot.joint_names, observation.position))
    with pytest.raises(RobotInterrupted, match=r"refused the command: motion is stopped \(emergency stop\)"):
        robot.receive()
    assert not operator.call(Trigger, "/env_0/reset", Trigger.Request()).success
    stop.publish(Bool(data=False))  # does nothing
    assert "emergency stop" in operator.call(Trigger, "/env_0/reset", Trigger.Request()).message
    assert operator.call(SetBool, "/env_0/enable", SetBool.Request(data=True)).success
    observation = robot.reset(Episode())
    assert step(robot, observation).stamp == observation.stamp + PERIOD


@pytest.mark.parametrize("often", [False, True])
def test_a_flood_on_one_topic_leaves_the_others_their_turn(runtime: Runtime, often: bool) -> None:
    """Every message causes the next one before it is handled: without a limit, one `wait` would never end.

    A subscription `often` is asked alone in three waits of four.
    """
    crowd, heard = Bystander(runtime), {"flood": 0, "stop": 0}
    flood = crowd.node.create_publisher(Bool, "/flood", contract.RELIABLE)
    stop = crowd.node.create_publisher(Bool, "/stop", contract.RELIABLE)

    def beget(message: Bool) -> None:
        heard["flood"] += 1
        if heard["flood"] < 100_000:
            flood.publish(message)
            flood.publish(message)

    def count(message: Bool) -> None:
        heard["stop"] += 1

    crowd.waiter.subscribe(Bool, "/flood", beget, often=often)
    crowd.waiter.subscribe(Bool, "/stop", count)
    crowd.until(lambda: flood.get_subscription_count() > 0 and stop.get_subscription_count() > 0)
    flood.publish(Bool())
    crowd.until(lambda: heard["flood"] > 0)
    before = heard["flood"]
    assert before <= 10
    stop.publish(Bool())
    waits = 6 if often else 3
    for _ in range(waits):
        crowd.waiter.wait(5.0)
    assert heard["stop"] == 1
    assert heard["flood"] - before <= 10 * waits


def test_a_robot_that_is_not_there_is_named(connect: Callable, domain: int) -> None:
    with pytest.raises(RobotTimeout) as error:
        connect(Timeouts(start_timeout_s=0.5)).reset(Episode())
    assert str(error.value) == (
        "/env_0: nobody serves /env_0/joint_states, /env_0/joint_command, /env_0/reset within 0.5 s; "
        "is robot_sim_node (or your robot's driver) running in that namespace and ROS_DOMAIN_ID? (discovery here: "
        f"ROS_DOMAIN_ID={domain}, ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST (only this machine))"
    )


def test_a_missing_stream_is_named(simulator: Callable, connect: Callable, runtime: Runtime) -> None:
    simulator(cameras="[external]")
    discover(runtime)
    with pytest.raises(RobotTimeout, match="nobody serves /env_0/srl_state within 2 s"):
        connect(Timeouts(start_timeout_s=2.0), encoder_id="some-encoder").reset(Episode())


def test_a_restarted_robot_is_used_while_its_killed_process_is_still_in_the_graph(
    simulator: Callable, connect: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also soon after the client's start, when it looks for a second robot; a killed process stays for 20 s."""
    monkeypatch.setattr(discovery, "_YOUNG_S", 600.0)
    first = simulator()
    robot = connect(Timeouts(start_timeout_s=8.0, answer_timeout_s=60.0, repeat_after_s=0.1))
    observation = step(robot, robot.reset(Episode()))
    first.signal(signal.SIGKILL)
    first.wait()
    simulator()
    with pytest.raises(RobotInterrupted):
        step(robot, observation)
    step(robot, robot.reset(Episode()))


def test_another_control_rate_is_noticed(simulator: Callable, connect: Callable) -> None:
    simulator(control_hz=40.0)
    robot = connect(Timeouts(start_timeout_s=20.0, answer_timeout_s=3.0, repeat_after_s=0.1))
    observation = robot.reset(Episode())
    robot.send(Command(observation.stamp, robot.joint_names, observation.position))
    with pytest.raises(RobotError, match="/env_0 runs at another control rate than the 20 Hz expected here"):
        robot.receive()


def test_another_control_rate_is_noticed_the_other_way_round(simulator: Callable, runtime: Runtime) -> None:
    """Stamps of a slower robot look like interruptions; their number is limited, and the error names the rate."""
    simulator()
    robot = TopicRobot(runtime, load_robot("inmoov"), period_ns=PERIOD // 2, timeouts=QUICK)
    for _ in range(4):
        observation = robot.reset(Episode())
        robot.send(Command(observation.stamp, robot.joint_names, observation.position))
        with pytest.raises(RobotInterrupted):
            robot.receive()
    observation = robot.reset(Episode())
    robot.send(Command(observation.stamp, robot.joint_names, observation.position))
    with pytest.raises(
        RobotError, match="5 episodes in a row were interrupted .* another control rate than 40 Hz"
    ) as error:
        robot.receive()
    assert not isinstance(error.value, RobotInterrupted)
    robot.close()


def test_a_slow_reset_is_heard_in_the_end(connect: Callable, domain: int) -> None:
    """A reset that takes longer than the first timeout, without the parameters of an episode, as with a physical robot."""
    serving = Runtime(domain_id=domain, signals=False)
    node = serving.node("slow", start_parameter_services=False)
    waiter, description = make_waiter(node), load_robot("inmoov")
    states = node.create_publisher(JointState, "/env_0/joint_states", contract.RELIABLE)
    poses = node.create_publisher(PoseStamped, "/env_0/target_pose", contract.RELIABLE)
    resets: list[int] = []

    def answer(request: object, response: Trigger.Response) -> Trigger.Response:
        time.sleep(0.5)  # the robot moves
        resets.append(PERIOD * (10 + 2 * len(resets)))
        publish()
        response.success, response.message = True, str(resets[-1])
        return response

    def publish() -> None:
        if resets:
            state = messages.JointStateWriter(description.joint_names)
            states.publish(state.write(resets[-1], description.rest, description.rest, description.rest))
            poses.publish(messages.PoseWriter("base_link").write(resets[-1], np.ones(3)))

    waiter.serve(Trigger, "/env_0/reset", answer)
    waiter.subscribe(JointState, "/env_0/joint_command", lambda message: publish())
    serving.on_stop(waiter.wake)
    thread = threading.Thread(target=lambda: [waiter.wait(1.0) for _ in iter(lambda: serving.stop_requested, True)])
    thread.start()
    try:
        timeouts = Timeouts(start_timeout_s=30.0, optional_timeout_s=0.2, repeat_after_s=0.1)
        observation = connect(timeouts).reset(Episode(1, (0.1, 0.2, 0.3)))
        assert observation.stamp == resets[-1] and len(resets) > 1
        np.testing.assert_array_equal(observation.target_position, 1.0)
    finally:
        serving.request_stop()
        thread.join(10.0)
        serving.close()


def test_parameters_that_do_not_answer_are_an_error_and_no_other_task(runtime: Runtime) -> None:
    """A robot with a silent parameter node is not treated as a robot without parameters."""
    robot, client = runtime.topic_node("robot_sim_topics"), runtime.topic_node("trainer_robots")
    robot.create_publisher(JointState, "/env_0/joint_states", contract.RELIABLE)
    runtime.node("robot", namespace="/env_0", start_parameter_services=False)
    waiter, timeouts = make_waiter(client), Timeouts(start_timeout_s=1.5)
    calls = EpisodeCalls(client, waiter, "/env_0", timeouts, lambda: None)
    with pytest.raises(RobotTimeout, match="/env_0: nobody serves /env_0/robot/set_parameters within 1.5 s, although"):
        calls.start(Episode(), time.monotonic() + 1.5, time.monotonic())


def test_signals_belong_to_one_runtime_and_a_closed_robot_is_forgotten(domain: int) -> None:
    before = signal.getsignal(signal.SIGINT)
    with Runtime(domain_id=domain) as first:
        mine = signal.getsignal(signal.SIGINT)
        robots = [TopicRobot(None, load_robot("inmoov"), period_ns=PERIOD) for _ in range(2)]
        for robot in robots:
            robot.close()
        assert signal.getsignal(signal.SIGINT) == mine
        shared = TopicRobot(first, load_robot("inmoov"), period_ns=PERIOD)
        shared.close()
        os.kill(os.getpid(), signal.SIGINT)
        assert first.stop_requested
        first.request_stop()  # must not wake a closed waiter
    assert signal.getsignal(signal.SIGINT) == before


def test_a_stop_ends_a_wait_at_once(connect: Callable, runtime: Runtime) -> None:
    robot = connect(Timeouts(start_timeout_s=60.0))
    begin = time.monotonic()
    threading.Timer(0.2, runtime.request_stop).start()
    with pytest.raises(StopRequested):
        robot.reset(Episode())
    assert time.monotonic() - begin < 10.0  # far below the 60 s that it would wait


@pytest.mark.parametrize("waiter", ["direct", "executor"])
def test_both_ways_to_wait_do_the_same(
    waiter: str, simulator: Callable, connect: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RL_TRAINER_WAITER", waiter)
    simulator()
    robot = connect()
    observation = robot.reset(Episode(0, (0.3, -0.2, 1.2)))
    for _ in range(20):
        observation = step(robot, observation, -0.02)
    from robot_sim_ros.pybullet_robot import make_robot

    direct = make_robot()
    expected = direct.reset(Episode(0, (0.3, -0.2, 1.2)))
    for _ in range(20):
        direct.send(Command(expected.stamp, direct.joint_names, expected.joint_target - 0.02))
        expected = direct.receive()
    assert observation.position.tobytes() == expected.position.tobytes()
    assert observation.effort.tobytes() == expected.effort.tobytes()
