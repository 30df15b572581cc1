"""Worlds in PyBullet: positions of objects, pressing of buttons, and independence of episodes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scripted_press import ScriptedPress

from rl_trainer_ros.arm.arm import Arm, StepState
from robot_interface_ros.robot import Command, Episode, Observation
from robot_interface_ros.robot_config import RobotDescription, load_robot, robot_names
from robot_interface_ros.safety.safe_robot import SafeRobot
from robot_sim_ros.pybullet_robot import PyBulletRobot
from robot_sim_ros.sim_config import SimConfig
from robot_sim_ros.world.config import world_names

pytestmark = pytest.mark.slow

PERIOD_S = 0.05
WITH_TABLE = [name for name in robot_names() if load_robot(name).config.table is not None]


class Stage:
    """A robot in a world, which actions of the arm move."""

    def __init__(self, world: str, robot: str = "inmoov", **settings: Any):
        self.description: RobotDescription = load_robot(robot)
        self.arm = Arm(self.description)
        self.inner = PyBulletRobot(self.description, SimConfig(robot=robot, world=world, **settings), start_ns=0)
        self.robot = SafeRobot(self.inner, self.description)

    def reset(self, seed: int = 0, target: tuple[float, float, float] | None = None) -> StepState:
        return self.step_state(self.robot.reset(Episode(seed, target)))

    def step(self, step_state: StepState, action: np.ndarray) -> StepState:
        observation = step_state.observation
        step = np.clip(action, -1.0, 1.0) * self.arm.velocity * PERIOD_S
        targets = observation.joint_target[self.arm.indices] + step
        self.robot.send(Command(observation.stamp, self.arm.names, targets))
        return self.step_state(self.robot.receive())

    def step_state(self, observation: Observation) -> StepState:
        return StepState(observation, self.arm.hand(observation.position))

    def place_of(self, body: str) -> np.ndarray:
        return np.array(self.inner._client.getBasePositionAndOrientation(self.inner.world.bodies[body])[0])


@pytest.mark.parametrize("world", sorted(world_names()))
def test_the_first_observation_has_the_target_where_the_episode_says(world: str) -> None:
    stage = Stage(world)
    for target in ((0.41, -0.3, 1.02), (0.3, -0.25, 1.1)):
        first = stage.reset(5, target).observation
        assert tuple(first.target_position.tolist()) == target
        assert first.drawn == {} and not any(first.signals.values())
    drawn = stage.reset(5).observation.target_position
    np.testing.assert_array_equal(stage.reset(5).observation.target_position, drawn)


def test_the_tomato_can_be_reached() -> None:
    stage = Stage("tomato")
    tomato = stage.reset().observation.target_position
    np.testing.assert_array_equal(tomato, [0.4, -0.4, 1.1])
    chain = stage.arm.chain
    posture = chain.inverse(tomato, stage.arm.rest, stage.arm.lower, stage.arm.upper)
    assert np.linalg.norm(chain.position(posture) - tomato) < 1e-3
    np.testing.assert_allclose(stage.place_of("tomato_plant"), tomato)


def press(stage: Stage, step_state: StepState, steps: int) -> tuple[list[int], list[int], list[StepState]]:
    """Return the steps at which button 0 was pressed and released, and the states of all steps."""
    policy, pressed, released, moments = ScriptedPress(stage.arm, PERIOD_S), [], [], [step_state]
    for step in range(steps):
        before, step_state = step_state, stage.step(step_state, policy.act(step_state))
        moments.append(step_state)
        change = step_state.observation.signals["button_0"] - before.observation.signals["button_0"]
        if change:
            (pressed if change > 0 else released).append(step)
    return pressed, released, moments


@pytest.mark.parametrize("robot", WITH_TABLE)
def test_the_button_is_pressed_within_120_steps_and_released_again(robot: str) -> None:
    stage = Stage("button", robot, contact=True)
    x, y, z = stage.reset().observation.target_position
    for target in (None, (x - 0.04, y + 0.06, z), (x + 0.03, y - 0.06, z)):
        pressed, released, moments = press(stage, stage.reset(0, target), 120)
        assert pressed and released and released[0] > pressed[0], f"{robot}: {pressed} {released}"
        assert moments[-1].observation.signals["presses"] == len(pressed)
        assert not any(step_state.observation.signals["table_contact"] for step_state in moments)
        felt = np.array([step_state.observation.contact for step_state in moments])
        held = [step_state.observation.signals["button_0"] == 1.0 for step_state in moments]
        assert felt[held, 2].max() > 2.0  # the spring's 3 N push the hand up
        assert not felt[: pressed[0] // 2].any()


def test_two_buttons_are_pressed_in_turn_and_the_target_goes_to_the_next() -> None:
    stage = Stage("two_buttons")
    _, _, moments = press(stage, stage.reset(), 200)
    turns = [step_state.observation.signals["presses"] for step_state in moments]
    assert turns[-1] >= 2.0
    for step_state in moments:
        expected = stage.place_of(f"button_{int(step_state.observation.signals['presses']) % 2}")
        np.testing.assert_allclose(step_state.observation.target_position, expected, atol=1e-12)
    assert any(step_state.observation.signals["button_1"] for step_state in moments)


def test_a_moving_button_is_pressed_while_it_moves() -> None:
    stage = Stage("moving_button")
    pressed, _, moments = press(stage, stage.reset(3), 120)
    path = np.array([step_state.observation.target_position for step_state in moments])
    assert pressed
    np.testing.assert_allclose(np.abs(np.diff(path[:, 1])), 0.001, atol=1e-12)
    np.testing.assert_allclose(stage.place_of("button_0"), path[-1], atol=1e-12)


def test_objects_slide_about_a_table_with_two_buttons_by_themselves() -> None:
    stage = Stage("two_buttons_distractors")
    step_state, path = stage.reset(1), []
    for _ in range(150):  # the hand stays
        path.append(np.array(list(stage.inner.world.loose_objects().values())))
        step_state = stage.step(step_state, np.zeros(5))
    places = np.array(path)  # (steps, objects, 3)
    moved = np.linalg.norm(np.diff(places[..., :2], axis=0), axis=-1)
    assert (moved < 0.0021).all() and ((moved > 0.0019).sum(axis=0) > 50).all()
    np.testing.assert_allclose(places[..., 2], np.broadcast_to(places[0, :, 2], places.shape[:2]), atol=0.003)
    x, y, _ = stage.description.config.table
    assert (np.abs(places[..., :2] - (x, y)) < (0.13, 0.28)).all()
    for k in range(2):
        away = np.linalg.norm(places[..., :2] - stage.place_of(f"button_{k}")[:2], axis=-1)
        assert away.min() > 0.04 + 0.02 + 0.02


def test_the_table_is_felt() -> None:
    stage = Stage("button")
    step_state, seen = stage.reset(), 0.0
    for _ in range(60):  # straight at the table's edge, from below
        step_state = stage.step(step_state, np.array([0.0, 0.0, 0.0, -1.0, 0.0]))
        seen = max(seen, step_state.observation.signals["table_contact"])
    assert seen == 1.0


def test_a_pursuer_reaches_a_hand_that_stays() -> None:
    stage = Stage("escape")
    step_state = stage.reset(1)
    distances = [np.linalg.norm(step_state.to_target[:2])]
    for _ in range(60):
        step_state = stage.step(step_state, np.zeros(5))
        distances.append(np.linalg.norm(step_state.to_target[:2]))
    assert distances[-1] < 0.06 < distances[0]  # the hand at rest is just outside the arena


def kick(stage: Stage, seed: int, steps: int = 100) -> tuple[str, float]:
    """Run an episode in which the hand pushes down on objects; return a digest, and how far the objects moved."""
    generator, digest = np.random.default_rng(seed), hashlib.sha256()
    step_state = stage.reset(seed)
    things = [name for name in stage.inner.world.bodies if name.startswith("distractor")]
    before = {name: stage.place_of(name) for name in things}
    near = np.array(stage.description.config.table) if not things else before[things[seed]]
    above, down, onto = np.add(near, [-0.10, 0.0, 0.24]), False, np.add(near, [-0.06, 0.12, 0.07])
    for _ in range(steps):
        down = down or float(np.linalg.norm(step_state.hand - above)) < 0.05
        posture = step_state.observation.joint_target[stage.arm.indices]
        way = (onto if down else above) - stage.arm.chain.position(posture)
        way *= min(1.0, 0.02 / float(np.linalg.norm(way)))
        action = stage.arm.chain.velocity_step(posture, way) / (stage.arm.velocity * PERIOD_S)
        action /= max(1.0, float(np.abs(action).max()))
        step_state = stage.step(step_state, action + generator.normal(0.0, 0.1, 5))
        seen = step_state.observation
        digest.update(b"".join(a.tobytes() for a in (seen.position, seen.velocity, seen.effort, seen.target_position)))
        digest.update(seen.contact.tobytes() + repr(dict(seen.signals)).encode())
    moved = max((float(np.linalg.norm(stage.place_of(name) - before[name])) for name in things), default=0.0)
    digest.update(b"".join(stage.place_of(name).tobytes() for name in things))
    return digest.hexdigest(), moved


@pytest.mark.equality
@pytest.mark.parametrize("world", ["distractors", "two_buttons"])
def test_an_episode_alone_equals_the_same_episode_after_others(world: str) -> None:
    """Also after objects were pushed and buttons were left half pressed."""
    alone = {seed: kick(Stage(world, contact=True), seed) for seed in range(3)}
    assert len({digest for digest, _ in alone.values()}) == 3
    if world == "distractors":
        assert max(moved for _, moved in alone.values()) > 0.03
    stage = Stage(world, contact=True)
    order = [2, 0, 1, 1, 2, 0]
    assert [kick(stage, seed) for seed in order] == [alone[seed] for seed in order]


@pytest.mark.equality
@pytest.mark.parametrize("world", ["chasing", "escape", "moving_button", "two_buttons_distractors"])
def test_what_moves_does_not_remember_the_last_episode(world: str) -> None:
    def path(stage: Stage, seed: int) -> bytes:
        step_state, places = stage.reset(seed), []
        for _ in range(40):
            step_state = stage.step(step_state, np.full(5, -0.5))
            places += [step_state.observation.target_position, *stage.inner.world.loose_objects().values()]
        return np.array(places).tobytes()

    stage = Stage(world)
    first = [path(Stage(world), seed) for seed in range(3)]
    assert [path(stage, seed) for seed in (2, 1, 0, 2)] == [first[seed] for seed in (2, 1, 0, 2)]


def test_observations_are_not_changed_by_what_comes_later() -> None:
    stage = Stage("chasing")
    step_state = stage.reset(0)
    kept: Callable[[], bytes] = step_state.observation.target_position.tobytes
    first = kept()
    stage.step(step_state, np.zeros(5))
    assert kept() == first
    with pytest.raises(ValueError, match="read-only"):
        step_state.observation.target_position[0] = 0.0
