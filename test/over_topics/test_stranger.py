"""A robot with only the required part of the contract can be trained on in both modes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy")
from std_msgs.msg import String
from std_srvs.srv import SetBool
from strangers import FILE, FOLDER, NAMESPACE, SENSOR, Crowded, Late, Overtaken, Sensor, serving

from rl_trainer_ros.environments.make_env import make_robot_env
from rl_trainer_ros.ros.robot_client.timeouts import Timeouts
from robot_interface_ros.errors import RobotError, RobotTimeout
from robot_interface_ros.robot import Command
from robot_interface_ros.robot_config import load_robot
from robot_interface_ros.ros import operator
from robot_interface_ros.ros.contract_check import rules as contract_rules
from robot_interface_ros.ros.contract_check import rules_lockstep, rules_realtime
from robot_interface_ros.ros.contract_check.check import Outcome, check_contract, text_of
from robot_interface_ros.ros.contract_check.client import ContractClient
from robot_interface_ros.ros.transport import contract
from robot_interface_ros.ros.transport.runtime import Runtime
from robot_interface_ros.ros.transport.waiting import Deferred, make_waiter
from robot_interface_ros.safety.limits import LAG_S, PresumedTarget, TargetLimiter

pytestmark = pytest.mark.ros
TWO_JOINTS = load_robot(str(FILE))
QUICK = Timeouts(start_timeout_s=20.0, optional_timeout_s=0.3, needed_timeout_s=0.6, repeat_after_s=0.1)
RELAXED = {"max_age_s": 5.0, "max_skew_s": 5.0}  # a busy machine is no reason to fail


def environment(realtime: bool = False, timeouts: Timeouts = QUICK, **settings: Any) -> Any:
    return make_robot_env(
        robot=str(FILE),
        transport="topics",
        namespace=NAMESPACE,
        realtime=realtime,
        freshness=RELAXED,
        timeouts=timeouts,
        **settings,
    )


def drive(made: Any, steps: int) -> list[Any]:
    """Return the states of one episode towards one side."""
    _, info = made.reset(seed=4)
    moments = [made.step_state]
    for _ in range(steps):
        _, _, _, truncated, info = made.step(np.ones(2, dtype=np.float32))
        assert not truncated, info
        moments.append(made.step_state)
    return moments


@pytest.mark.parametrize("words", [["--lockstep"], []], ids=["lockstep", "realtime"])
@pytest.mark.timeout(240)
def test_it_is_trained_without_a_companion(
    words: list[str], start: Callable, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.setenv("PYTHONPATH", str(FOLDER))
    start("two_joints", *words)
    mode = [] if words else ["realtime:=true", "max_observation_age_s:=5.0", "max_skew_s:=5.0"]
    trainer = start(
        "rl_trainer_ros.cli.main",
        "train",
        "robot_source:=external",
        f"robot:={FILE}",
        f"namespaces:=[{NAMESPACE}]",
        "algo:=sac",
        f"num_timesteps:={60 if mode else 300}",
        f"log_dir:={tmp_path}",
        *mode,
    )
    assert trainer.wait(200.0) == 0, trainer.lines
    said = "\n".join(trainer.lines)
    assert "model saved in" in said
    assert said.count("/two_joints/target_pose is not published: the trainer's own target is used") == 1
    assert said.count("/two_joints/joint_states has no effort: 0 is used instead") == 1
    assert said.count("episode.target is not served: its episodes cannot be repeated") == 1
    assert said.count("/two_joints/joint_target is not published") == bool(mode)


def test_its_imports_are_those_of_ros_alone() -> None:
    text = (FOLDER / "two_joints.py").read_text()
    ours = ("rl_trainer_ros", "robot_interface_ros", "robot_sim_ros", "robot_driver_ros", "srl_ros")
    assert not [line for line in text.splitlines() if "import" in line and any(name in line for name in ours)]


@pytest.mark.parametrize("mode", ["Lockstep", "RealTime"])
def test_its_target_is_the_one_that_any_other_robot_gets(mode: str, domain: int) -> None:
    alike = make_robot_env(robot=str(FILE))
    _, expected = alike.reset(seed=4)
    alike.close()
    with serving(mode, domain):
        made = environment(mode == "RealTime")
        moments = drive(made, 5)
        made.close()
    for step_state in moments:
        assert tuple(step_state.observation.target_position) == expected["target"]


@pytest.mark.parametrize("mode", ["Lockstep", "RealTime"])
def test_other_joints_orders_and_qualities_of_service_are_adopted(
    mode: str, domain: int, capfd: pytest.CaptureFixture
) -> None:
    with serving(mode, domain, Crowded, Sensor):
        made = environment(mode == "RealTime")
        moments = drive(made, 12)
        made.close()
    first, last = moments[0].observation, moments[-1].observation
    np.testing.assert_allclose(first.position, TWO_JOINTS.rest, atol=1e-9)
    assert (last.position > first.position + 0.1).all()
    assert not last.velocity.any() and not last.effort.any()
    said = "".join(capfd.readouterr())
    assert "joint_states has no velocity and no effort: 0 is used instead" in said
    assert (
        "/two_joints/joint_states is published best effort, volatile, so the subscription is best effort, volatile too"
        in said
    )
    assert ("each lost message costs 0.1 s" in said) == (mode == "Lockstep")
    assert "/two_joints/joint_command is published as transient local" in said


def test_both_sides_move_alike_in_lockstep(domain: int) -> None:
    with serving("Lockstep", domain) as node:
        made = environment()
        for step_state in drive(made, 30)[2:]:  # its servos know no acceleration
            period_s = made.robot.period_ns * 1e-9
            lag = np.abs(step_state.observation.joint_target - step_state.observation.position)
            assert (lag <= TWO_JOINTS.limits.velocity * period_s).all()
        assert node.arm.position["elbow_joint"] == pytest.approx(made.step_state.observation.position[1])
        made.close()


def test_a_stopped_robot_is_not_run_away_from(domain: int) -> None:
    with serving("RealTime", domain) as node:
        made = environment(True)
        drive(made, 2)
        node.enabled = False
        node.arm.hold()
        for _ in range(25):  # its commands are refused without a message
            made.step(np.ones(2, dtype=np.float32))
        observation = made.step_state.observation
        lag = np.abs(observation.joint_target - observation.position)
        assert (lag <= LAG_S * TWO_JOINTS.limits.velocity + 1e-9).all()
        made.close()


def test_a_presumed_target_follows_commands_and_stays_near_the_joint() -> None:
    period_s = 0.05
    limiter = TargetLimiter(TWO_JOINTS.limits, TWO_JOINTS.max_acceleration, period_s)
    target, most = PresumedTarget(limiter, TWO_JOINTS.limits.velocity), LAG_S * TWO_JOINTS.limits.velocity
    target.restart(np.zeros(2))
    target.accept(Command(0, TWO_JOINTS.joint_names, np.array([1.4, 0.0])), 0.05)
    path = np.array([target.step(np.zeros(2)) for _ in range(60)])
    assert path[-1].tolist() == [most[0], 0.0] and (np.diff(path[:, 0]) >= 0.0).all()
    assert target.step(np.array([1.4, 0.0]))[0] > most[0]  # it follows as soon as the joint does
    target.accept(Command(0, TWO_JOINTS.joint_names, np.array([-1.4, 0.0])), 1.0)
    back = target.step(np.array([1.4, 0.0]))
    assert 1.4 - most[0] <= back[0] <= 1.4


@pytest.mark.parametrize(
    "settings, stream, who",
    [
        ({"observation": "raw_pixels"}, "camera/external/image_raw", "observation raw_pixels needs"),
        ({"task": "chasing"}, "target_pose", "task chasing, whose target moves, needs"),
    ],
)
def test_what_a_task_cannot_be_without_is_refused_early(
    settings: dict[str, str], stream: str, who: str, domain: int, tmp_path: Any
) -> None:
    arena = "arena: {centre: [0.4, 0.0, 0.2], half_width: 0.05}\npostures: {arena: {elbow_joint: 0.5}}\n"
    file = tmp_path / "two_joints.yaml"
    file.write_text(FILE.read_text().replace("two_joints.urdf", str(FOLDER / "two_joints.urdf")) + arena)
    with serving("Lockstep", domain):
        made = make_robot_env(robot=str(file), transport="topics", namespace=NAMESPACE, timeouts=QUICK, **settings)
        begin = time.monotonic()
        with pytest.raises(RobotError, match=f"{who} {NAMESPACE}/{stream}, which {NAMESPACE} does not publish") as said:
            made.reset(seed=0)
        assert time.monotonic() - begin < 10.0 and "\n" not in str(said.value)
        made.close()


def test_each_mode_is_told_from_the_other(domain: int) -> None:
    with serving("Lockstep", domain):
        made = environment(True, Timeouts(start_timeout_s=20.0, optional_timeout_s=0.5))
        with pytest.raises(RobotTimeout, match="nor do joint_states come without commands; a robot in lockstep"):
            made.reset(seed=0)
        made.close()
    with serving("RealTime", domain):
        made = environment(False)

        def goes_on() -> None:
            for seed in range(20):
                made.reset(seed=seed)
                made.step(np.ones(2, dtype=np.float32))

        with pytest.raises(RobotError, match=r"or in real time \(give the trainer realtime:=true\)"):
            goes_on()
        made.close()


def test_a_reset_that_leads_elsewhere_is_said_once(domain: int, capfd: pytest.CaptureFixture) -> None:
    def elsewhere(node: Any) -> None:
        node.arm.place = lambda: node.arm.position.update(shoulder_joint=0.6, elbow_joint=0.5)

    with serving("Lockstep", domain, made=elsewhere):
        made = environment()
        for _ in range(2):
            drive(made, 3)
        made.close()
    said = "".join(capfd.readouterr())
    assert said.count("after a reset shoulder_joint is at 0.600, but rest in the robot file is 0.000") == 1


def test_a_target_that_somebody_publishes_counts(domain: int) -> None:
    """For example a separate perception node, with the quality of service of a sensor."""
    from geometry_msgs.msg import PoseStamped

    def perceive(node: Any) -> None:
        poses = node.create_publisher(PoseStamped, "target_pose", SENSOR)
        publish = node.publish

        def with_a_pose() -> None:
            pose = PoseStamped()
            pose.header.stamp.sec, pose.header.stamp.nanosec = divmod(node.stamp, 1_000_000_000)
            pose.pose.position.x, pose.pose.position.z = 0.3, 0.4
            poses.publish(pose)
            publish()

        node.publish = with_a_pose

    with serving("Lockstep", domain, made=perceive):
        made = environment()
        for step_state in drive(made, 3):
            assert step_state.observation.target_position.tolist() == [0.3, 0.0, 0.4]
        made.close()


CHECKS = {"Lockstep": ("lockstep", 16), "RealTime": ("realtime", 16)}


@pytest.mark.parametrize("mode", CHECKS)
def test_contract_check_answers_every_rule(mode: str, domain: int) -> None:
    with serving(mode, domain, Late, Overtaken):
        points = list(check_contract(NAMESPACE, 10.0, domain_id=domain))
    name, rules = CHECKS[mode]
    found = {point.rule: point for point in points}
    assert not [point for point in points if point.outcome in (Outcome.BROKEN, Outcome.UNCHECKED)]
    assert sum(point.outcome is Outcome.KEPT for point in points) == rules and f"mode: {name}" in found
    lacking = {rule for rule, point in found.items() if point.outcome is Outcome.LACKING}
    optional = ["target_pose", "command_rejected", "motion_enabled", "robot/set_parameters"]
    assert {f"{name} is optional" for name in optional} <= lacking
    assert ("joint_target is optional" in lacking) == (mode == "RealTime")
    own = rules_realtime.IN_REAL_TIME if mode == "RealTime" else rules_lockstep.IN_LOCKSTEP
    every = {text_of(rule) for rule in (*contract_rules.FIRST, *contract_rules.BOTH, *own, *contract_rules.LAST)}
    assert every <= set(found)


def test_contract_check_looks_at_the_joints_that_are_commanded(domain: int) -> None:
    """Its description has one more joint, which moves by itself and accepts no commands."""

    def with_a_wheel(node: Any) -> None:
        wheel = (
            '<link name="wheel"/><joint name="wheel_joint" type="continuous"><parent link="base"/><child link="wheel"/>'
            '<axis xyz="0 0 1"/><limit effort="1" velocity="1"/></joint></robot>'
        )
        urdf = (FOLDER / "two_joints.urdf").read_text().replace("</robot>", wheel)
        node.description.publish(String(data=urdf))

    with serving("Lockstep", domain, Crowded, Sensor, made=with_a_wheel):
        joints = ("shoulder_joint", "elbow_joint")
        points = list(check_contract(NAMESPACE, 10.0, domain_id=domain, joints=joints))
    broken = [point.detail for point in points if not point.kept]
    assert len(broken) == 1 and "joint_command; it is transient local" in broken[0]


def test_a_stop_is_told_to_a_robot_that_cannot_say_so(domain: int) -> None:
    with serving("RealTime", domain) as node:
        assert operator.stop(NAMESPACE, 10.0, domain) is False
        assert not node.enabled
        operator.enable(NAMESPACE, True, 10.0, domain)
        assert node.enabled
        operator.move(NAMESPACE, {"elbow_joint": 0.7}, 10.0, domain)
        assert abs(node.arm.position["elbow_joint"] - 0.7) < 0.05


@pytest.mark.parametrize("caller", ["operator", "contract_check"])
def test_enable_is_called_again_where_its_answer_is_lost(domain: int, caller: str) -> None:
    asked: list[bool] = []

    def handle(request: Any, response: Any) -> Any:
        asked.append(request.data)
        if len(asked) == 1:
            return Deferred()  # never answered
        response.success = True
        return response

    with Runtime(domain_id=domain, signals=False) as runtime:
        node = runtime.node("robot", start_parameter_services=False)
        waiter, ended = make_waiter(node), threading.Event()
        waiter.serve(SetBool, f"{NAMESPACE}/enable", handle)
        serving_thread = threading.Thread(target=lambda: [waiter.wait(0.05) for _ in iter(ended.is_set, True)])
        serving_thread.start()
        try:
            if caller == "operator":
                operator.enable(NAMESPACE, True, 60.0, domain)
            else:
                client = ContractClient(runtime, NAMESPACE, timeout_s=60.0)
                assert client.call(client.enable_service, SetBool.Request(data=True)).success
                client.close()
        finally:
            ended.set()
            serving_thread.join()
            waiter.close()
    assert asked[:2] == [True, True]


def test_a_node_that_is_called_robot_need_not_have_parameters_of_episodes(
    domain: int, capfd: pytest.CaptureFixture
) -> None:
    """Every node serves set_parameters, and `robot` is a likely name."""
    with serving("Lockstep", domain, name="robot"):
        made = environment(timeouts=Timeouts(start_timeout_s=10.0, optional_timeout_s=5.0))
        for _ in range(2):
            drive(made, 2)
        made.close()
        points = list(check_contract(NAMESPACE, 10.0, domain_id=domain))
    said = "set_parameters with episode.seed and episode.target is not served: its episodes cannot be repeated"
    assert "".join(capfd.readouterr()).count(said) == 1
    assert not [point for point in points if not point.kept]
    assert [point for point in points if "node /two_joints/robot has no such parameters" in point.detail]


def test_the_contract_page_marks_every_row() -> None:
    page = (FOLDER.parent / "robot_contract.md").read_text()
    table = page.split("| name | required? |")[1].split("\n\n")[0].splitlines()[2:]
    marks = {row.split(" | ")[0].strip("| `"): row.split(" | ")[1] for row in table}
    assert {name for name, mark in marks.items() if mark == "**required**"} == set(contract.REQUIRED)
    assert set(marks.values()) <= {"**required**", "optional", "where needed", "not by the robot"}
    assert {marks[name] for name in contract_rules.LACKING} == {"optional"}
