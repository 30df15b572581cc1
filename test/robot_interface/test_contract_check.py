"""The contract check: the nodes of this package keep every rule; for a node that breaks a rule, the rule is named."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("rclpy")
import broken_robots as broken
from sensor_msgs.msg import JointState
from serving import serve_here
from std_srvs.srv import Trigger

from robot_driver_ros.mock_robot import MockRobot
from robot_interface_ros.robot_config import load_robot
from robot_interface_ros.ros.contract_check import rules
from robot_interface_ros.ros.contract_check import rules_lockstep as lockstep
from robot_interface_ros.ros.contract_check import rules_realtime as realtime
from robot_interface_ros.ros.contract_check.check import LOCKSTEP, REAL_TIME, Outcome, Point, check_contract, text_of
from robot_interface_ros.ros.serving.program import Stepping
from robot_interface_ros.ros.serving.robot_server import RobotServer
from robot_interface_ros.ros.transport.runtime import Runtime
from robot_interface_ros.safety.safe_robot import SafeRobot

pytestmark = [pytest.mark.ros, pytest.mark.contract]
PERIOD = 50_000_000
ALL_RULES = (*rules.FIRST, *rules.BOTH, *lockstep.IN_LOCKSTEP, *realtime.IN_REAL_TIME, *rules.LAST)


@pytest.mark.parametrize(
    "module, parameters, mode, points",
    [
        ("robot_sim_ros.ros.robot_sim_node", {}, LOCKSTEP, 19),
        ("robot_sim_ros.ros.robot_sim_node", {"realtime": True}, REAL_TIME, 19),
        ("robot_driver_ros.ros.robot_driver_node", {}, LOCKSTEP, 19),
        ("robot_driver_ros.ros.robot_driver_node", {"realtime": True}, REAL_TIME, 19),
    ],
)
def test_our_own_nodes_keep_every_rule(
    module: str, parameters: dict[str, Any], mode: str, points: int, start: Callable[..., Any], domain: int
) -> None:
    start(module, **parameters).wait_for("serving")
    found = list(check_contract(timeout_s=10.0, domain_id=domain))
    assert [point for point in found if not point.kept] == []
    assert len(found) == points and Point(f"mode: {mode}", Outcome.KEPT) in found


@pytest.fixture
def serve(domain: int) -> Iterator[Callable[..., None]]:
    """Serve one robot of these classes in a thread."""
    runtime = Runtime(domain_id=domain, signals=False)
    threads: list[threading.Thread] = []

    def serve_robot(
        mode: str,
        plant: type = MockRobot,
        safe: type = SafeRobot,
        server: type = RobotServer,
        inner: type | None = None,
        groups: tuple[str, ...] = (),
    ) -> None:
        """`inner`: class that replaces LockstepRobot or RealTimeRobot."""
        description = load_robot("inmoov", groups)
        stepping = Stepping(runtime, runtime.node("broken"))
        robot = safe(plant(description, PERIOD), description)
        turn = serve_here(stepping, robot, description, mode == REAL_TIME, inner, server)
        threads.append(threading.Thread(target=stepping.run, args=(turn,)))
        threads[-1].start()

    yield serve_robot
    runtime.request_stop()
    for thread in threads:
        thread.join(20.0)
    runtime.close()


BREACHES = [
    (rules.endpoints, {"server": broken.Misnamed}, "a publisher of /env_0/joint_states"),
    (rules.types, {"server": broken.Mistyped}, "expected /env_0/command_rejected to be std_msgs/msg/String; it is"),
    (
        rules.robot_description_is_latched,
        {"server": broken.Undescribed},
        "expected a URDF on robot_description; the robot description",
    ),
    (rules.motion_is_enabled, {"server": broken.Unannounced}, "also long after it was published"),
    (
        rules.reset_answers_a_stamp,
        {"server": broken.Curt},
        "expected reset to answer the new observation's stamp in ns; it answered 'at",
    ),
    (rules.quality_of_service, {"server": broken.Fleeting}, "reliable in lockstep; it is best effort, volatile"),
    (rules.joint_states_are_complete, {"plant": broken.Numb}, "expected finite effort; it is [nan"),
    (
        rules.target_pose_has_its_frame,
        {"server": broken.Unframed},
        "expected frame_id env_0/base_link; it is 'base_link'",
    ),
    (rules.episode_target_is_published, {"plant": broken.Forgetful}, "expected the target at"),
    (rules.bad_commands_are_refused, {"safe": broken.Gullible}, "expected command_rejected for NaN"),
    (rules.bad_commands_are_refused, {"server": broken.Silent}, "expected command_rejected for NaN"),
    (rules.bad_commands_are_refused, {"safe": broken.Obliging}, "expected command_rejected for a fixed joint"),
    (
        rules.bad_commands_are_refused,
        {"safe": broken.Obliging, "groups": ("right_hand",)},
        "expected command_rejected for a mimic joint",
    ),
    (lockstep.a_command_is_one_period, {"plant": broken.Limping}, "after a command with the stamp before it"),
    (lockstep.repetitions_move_nothing, {"inner": broken.Eager}, "again, after a command with older stamp"),
    (lockstep.newer_stamps_are_refused, {"inner": broken.Eager}, "expected command_rejected"),
    (lockstep.refused_commands_move_nothing, {"inner": broken.Defiant}, "again, because a bad command was refused"),
    (
        lockstep.refused_commands_move_nothing,
        {"safe": broken.Unbridled},
        "expected command_rejected for a command after emergency_stop",
    ),
    (lockstep.a_reset_is_two_periods, {"plant": broken.OnePeriod}, "after a reset; it is"),
    (lockstep.episodes_are_reproducible, {"plant": broken.Impure}, "it differs"),
    (lockstep.speed_is_limited, {"safe": broken.Hasty}, "to move at most"),
    (realtime.streams_run_by_themselves, {"inner": broken.BackAndForth}, "expected stamps to rise; they do not"),
    (realtime.streams_run_by_themselves, {"inner": broken.Uptime}, "behind the clock of this machine"),
    (realtime.commands_move, {"safe": broken.Idle}, "rad, where commands send it; nothing came within"),
    (
        realtime.robot_holds_without_commands,
        {"inner": broken.Tireless},
        "to hold when commands stop; its target moved on by",
    ),
    (realtime.speed_is_limited, {"safe": broken.Hasty}, "rad/s; its joint_target moved"),
    (
        realtime.refused_commands_move_nothing,
        {"safe": broken.Restless},
        "expected a command after emergency_stop to move nothing; joint_target of",
    ),
    (realtime.a_reset_arrives, {"inner": broken.Premature}, "expected reset to answer at rest; joint_target of"),
    (realtime.a_reset_arrives, {"inner": broken.Absent}, "expected commands to be refused during a reset"),
    (
        realtime.a_stop_interrupts_a_reset,
        {"server": broken.Busy},
        "expected emergency_stop to interrupt a reset; it continued for",
    ),
    (
        realtime.a_stop_interrupts_a_reset,
        {"safe": broken.Homesick},
        "to hold where emergency_stop stopped it; its target moved on",
    ),
    (rules.emergency_stop_lasts, {"safe": broken.Deaf}, "expected motion_enabled false after emergency_stop"),
]


@pytest.mark.parametrize(
    "rule, robot, said",
    BREACHES,
    ids=[f"{rule.__name__}-{next(iter(robot.values())).__name__}" for rule, robot, _ in BREACHES],
)
def test_a_node_that_breaks_a_rule_is_told_which(
    rule: rules.Rule, robot: dict[str, Any], said: str, serve: Callable[..., None], domain: int
) -> None:
    mode = REAL_TIME if rule in realtime.IN_REAL_TIME else LOCKSTEP
    serve(mode, **robot)
    points = list(check_contract("/env_0", 1.0, mode, domain, rules=(lockstep.a_command_is_one_period, rule)))
    assert points[0].kept == (rule is not rules.endpoints)
    if rule is rules.endpoints:  # the others have their lines all the same
        unchecked = [point.rule for point in points if point.outcome is Outcome.UNCHECKED]
        assert text_of(lockstep.a_command_is_one_period) in unchecked
    found = [point for point in points if point.rule == text_of(rule)]
    assert len(found) == 1 and not found[0].kept, points
    assert said in found[0].detail and "\n" not in found[0].detail


def test_target_poses_of_the_way_to_rest_are_not_the_episodes(serve: Callable[..., None], domain: int) -> None:
    serve(REAL_TIME, inner=broken.Leisurely)
    rule = rules.episode_target_is_published
    points = list(check_contract("/env_0", 10.0, REAL_TIME, domain, rules=(rule,)))
    assert Point(text_of(rule), Outcome.KEPT) in points, points


class _AtRest:
    """A client of a robot that answers each reset with the stamp of its newest observation."""

    def __init__(self, lockstep: bool):
        self.lockstep, self.stamp, self.states, self.stop_unseen = lockstep, 0, [JointState()], False

    def forget(self) -> None:
        self.states.clear()

    def reset(self) -> Trigger.Response:
        return Trigger.Response(success=True, message="0")

    def state_at(self, stamp: int, what: str) -> JointState:
        return self.states[0]


def test_a_robot_at_rest_may_answer_a_reset_with_what_has_come() -> None:
    assert rules.begin(_AtRest(lockstep=False)) == JointState()  # type: ignore[arg-type]
    with pytest.raises(IndexError):  # in lockstep a reset advances
        rules.begin(_AtRest(lockstep=True))  # type: ignore[arg-type]


def test_every_rule_has_a_node_that_breaks_it() -> None:
    assert {rule for rule, _, _ in BREACHES} == set(ALL_RULES)
    assert len({text_of(rule) for rule in ALL_RULES}) == len(ALL_RULES)


def test_nobody_there_is_said(domain: int) -> None:
    (point,) = check_contract(timeout_s=0.5, domain_id=domain)
    assert not point.kept
    assert (
        "a publisher of /env_0/joint_states" in point.detail
        and "/env_0/target_pose" not in point.detail
        and "service /env_0/reset" in point.detail
    )
