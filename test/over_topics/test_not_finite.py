"""NaN and infinity from a robot interrupt the episode, with robot, stream and joint; if they last, it is an error."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from rl_trainer_ros.environments.environment import RobotEnv
from rl_trainer_ros.environments.make_env import make_robot_env
from robot_driver_ros.mock_robot import MockRobot
from robot_interface_ros.errors import NotFiniteReading, RobotError
from robot_interface_ros.robot import Command, Episode, Observation
from robot_interface_ros.robot_config import load_robot
from robot_interface_ros.safety.finite import check_finite
from robot_interface_ros.safety.safe_robot import SafeRobot

pytestmark = pytest.mark.bad_input
INMOOV = load_robot("inmoov")
JOINTS = INMOOV.joint_names
PERIOD = 50_000_000
WHOLE = Observation(
    1,
    *(np.full(len(JOINTS), 0.5) for _ in range(3)),
    np.ones(3),
    np.full(len(JOINTS), 0.5),
    srl_state=np.ones(4, np.float32),
    depths={"external": np.array([[1.0, np.inf]], np.float32)},
    contact=np.ones(6),
    signals={"button_0": 1.0},
)


def spoilt(values: np.ndarray, at: int, value: float) -> np.ndarray:
    values = values.copy()
    values.flat[at] = value
    return values


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("position", f"/env_0: joint_states: position of joint {JOINTS[1]} is"),
        ("velocity", f"/env_0: joint_states: velocity of joint {JOINTS[1]} is"),
        ("effort", f"/env_0: joint_states: effort of joint {JOINTS[1]} is"),
        ("target_position", "/env_0: target_pose: y is"),
        ("joint_target", f"/env_0: joint_target: joint {JOINTS[1]} is"),
        ("srl_state", "/env_0: srl_state: state_1 is"),
        ("contact", "/env_0: contact: force y is"),
    ],
)
def test_robot_stream_and_joint_are_named(field: str, said: str, value: float) -> None:
    check_finite(WHOLE, JOINTS, "/env_0")
    observation = dataclasses.replace(WHOLE, **{field: spoilt(getattr(WHOLE, field), 1, value)})
    with pytest.raises(NotFiniteReading, match=f"{said} {value}"):
        check_finite(observation, JOINTS, "/env_0")


def test_signals_and_depths_are_named_and_huge_numbers_are_numbers() -> None:
    with pytest.raises(NotFiniteReading, match="/env_0: world_state: signal button_0 is nan"):
        check_finite(dataclasses.replace(WHOLE, signals={"button_0": np.nan}), JOINTS, "/env_0")
    depth = {"external": np.array([[np.nan, 1.0, -np.inf]], np.float32)}
    with pytest.raises(NotFiniteReading, match="depth of camera external: 2 of 3 pixels are NaN or -infinity"):
        check_finite(dataclasses.replace(WHOLE, depths=depth), JOINTS, "/env_0")
    check_finite(dataclasses.replace(WHOLE, effort=np.full(len(JOINTS), 1.7e308)), JOINTS, "/env_0")


class Broken:
    """A robot that reports NaN for a joint in the observations for which `when(resets, steps)` is true."""

    def __init__(self, robot: Any, when: Callable[[int, int], bool]):
        self._robot, self._when = robot, when
        self.joint_names, self.period_ns = robot.joint_names, robot.period_ns
        self.resets = self.steps = 0

    def reset(self, episode: Episode) -> Observation:
        self.resets, self.steps = self.resets + 1, 0
        return self._said(self._robot.reset(episode))

    def send(self, command: Command) -> None:
        self.steps += 1
        self._robot.send(command)

    def receive(self, timeout_s: float | None = None) -> Observation:
        return self._said(self._robot.receive(timeout_s))

    def close(self) -> None:
        self._robot.close()

    def _said(self, observation: Observation) -> Observation:
        if not self._when(self.resets, self.steps):
            return observation
        return dataclasses.replace(observation, position=spoilt(observation.position, 1, np.nan))


@pytest.fixture
def broken() -> Iterator[Callable[..., RobotEnv]]:
    made = []

    def make(when: Callable[[int, int], bool]) -> RobotEnv:
        environment = make_robot_env()
        environment.robot = Broken(environment.robot, when)
        made.append(environment)
        return environment

    yield make
    for environment in made:
        environment.close()


def test_one_reading_cuts_one_episode_in_process(broken: Callable[..., RobotEnv]) -> None:
    environment = broken(lambda resets, steps: (resets, steps) == (1, 3))
    environment.reset(seed=0)
    rows = [environment.step(np.zeros(environment.action_space.shape)) for _ in range(3)]
    assert [row[3] for row in rows] == [False, False, True]
    assert "joint_states: position of joint r_shoulder_lift_joint is nan" in rows[-1][4]["interrupted"]
    assert all(np.isfinite(row[0]).all() for row in rows)
    environment.reset()
    for _ in range(10):
        assert not environment.step(np.zeros(environment.action_space.shape))[3]


def test_a_reset_is_tried_again(broken: Callable[..., RobotEnv]) -> None:
    environment = broken(lambda resets, steps: resets < 3)
    assert np.isfinite(environment.reset(seed=0)[0]).all()


@pytest.mark.parametrize("from_step", [0, 1, 4])
def test_what_lasts_is_an_error(broken: Callable[..., RobotEnv], from_step: int) -> None:
    environment = broken(lambda resets, steps: steps >= from_step)
    cut = 0

    def run() -> None:
        nonlocal cut
        while True:
            environment.reset(seed=0)
            while not environment.step(np.zeros(environment.action_space.shape))[3]:
                pass
            cut += 1

    with pytest.raises(RobotError, match="in a row .* position of joint r_shoulder_lift_joint is nan") as error:
        run()
    assert not isinstance(error.value, NotFiniteReading)
    assert cut == (9 if from_step else 0)


def test_episodes_that_end_well_between_are_no_lasting_fault(broken: Callable[..., RobotEnv]) -> None:
    environment = broken(lambda resets, steps: resets % 2 == 0 and steps == 2)
    for _ in range(40):
        environment.reset(seed=0)
        for _ in range(3):
            if environment.step(np.zeros(environment.action_space.shape))[3]:
                break


def test_a_robot_that_cannot_say_where_it_stands_gets_no_target_from_there() -> None:
    plant = Broken(MockRobot(INMOOV, PERIOD), lambda resets, steps: True)
    with pytest.raises(RobotError, match="joint r_shoulder_lift_joint stands at nan rad; is its sensor broken"):
        SafeRobot(plant, INMOOV).stand()


@pytest.mark.ros
@pytest.mark.parametrize("realtime", [False, True])
def test_over_topics_the_namespace_is_named_and_what_was_not_measured_is_zero(domain: int, realtime: bool) -> None:
    pytest.importorskip("rclpy")
    from serving import serve_here

    from robot_interface_ros.ros.serving.program import Stepping
    from robot_interface_ros.ros.transport.runtime import Runtime

    class Unfeeling(Broken):
        def _said(self, observation: Observation) -> Observation:
            effort = np.full_like(observation.effort, np.nan)
            return dataclasses.replace(super()._said(observation), effort=effort)

    spoil = threading.Event()
    with Runtime(domain_id=domain, signals=False) as runtime:
        stepping = Stepping(runtime, runtime.node("broken"))
        robot = SafeRobot(Unfeeling(MockRobot(INMOOV, PERIOD), lambda resets, steps: spoil.is_set()), INMOOV)
        turn = serve_here(stepping, robot, INMOOV, realtime)
        serving = threading.Thread(target=stepping.run, args=(turn,))
        serving.start()
        patient = {"max_age_s": 10.0, "max_skew_s": 10.0}
        environment = make_robot_env(transport="topics", realtime=realtime, freshness=patient)
        try:
            action = np.zeros(environment.action_space.shape)
            environment.reset(seed=0)
            assert not environment.step(action)[3]
            np.testing.assert_array_equal(environment.step_state.observation.effort, 0.0)
            spoil.set()
            rows = [environment.step(action)]
            while not rows[-1][3]:
                rows.append(environment.step(action))
            assert len(rows) < 10
            said = "/env_0: joint_states: position of joint r_shoulder_lift_joint is nan"
            assert said in rows[-1][4]["interrupted"]
            spoil.clear()
            environment.reset()
            assert not environment.step(action)[3]
        finally:
            environment.close()
            runtime.request_stop()
            serving.join(20.0)
