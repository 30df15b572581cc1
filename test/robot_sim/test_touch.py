"""Forces on the end effector, compared with known weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from robot_interface_ros.robot import Command, Episode, Observation
from robot_interface_ros.robot_config import load_robot
from robot_interface_ros.safety.safe_robot import SafeRobot
from robot_sim_ros.pybullet_robot import PyBulletRobot
from robot_sim_ros.sim_config import SimConfig
from robot_sim_ros.world import touch

pytestmark = pytest.mark.slow

MASS, GRAVITY = 0.5, 9.81
INTO_THE_TORSO = np.array([-0.13, -0.11, 1.51, -0.74, -0.05])


def flat_hand(lean: float) -> np.ndarray:
    """Return a posture with a level forearm and the back of the hand up; `lean`: rad by which the fingertips are lower."""
    return np.array([-0.2, -0.2708 + lean, 0.0, -1.3, -0.05])


def hold(robot: SafeRobot, observation: Observation, posture: np.ndarray, steps: int) -> Observation:
    for _ in range(steps):
        robot.send(Command(observation.stamp, robot.joint_names, posture))
        observation = robot.receive()
    return observation


def simulated(**settings: Any) -> tuple[PyBulletRobot, SafeRobot]:
    description = load_robot("inmoov")
    inner = PyBulletRobot(description, SimConfig(contact=True, **settings), start_ns=0)
    return inner, SafeRobot(inner, description)


@pytest.mark.parametrize(("physics_hz", "lean"), [(240.0, 0.0), (480.0, 0.0), (240.0, 0.12), (240.0, -0.12)])
def test_a_body_that_rests_on_the_hand_weighs_what_it_weighs(physics_hz: float, lean: float) -> None:
    """For any number of substeps; on a slope friction carries a part, so the total force is vertical again."""
    inner, robot = simulated(physics_hz=physics_hz)
    observation = hold(robot, robot.reset(Episode()), flat_hand(lean), 100)
    assert observation.contact is not None and not observation.contact.any()
    client, palm = inner._client, load_robot("inmoov").model.chain("r_palm")
    shape = client.createCollisionShape(client.GEOM_BOX, halfExtents=[0.02, 0.02, 0.01])
    off_centre = np.add(palm.position(observation.position), [0.0, 0.012, 0.032])
    box = client.createMultiBody(MASS, shape, basePosition=off_centre.tolist())
    observation = hold(robot, observation, flat_hand(lean), 80)
    assert observation.contact is not None
    np.testing.assert_allclose(observation.contact[:3], [0.0, 0.0, -MASS * GRAVITY], atol=0.02)
    arm = np.array(client.getBasePositionAndOrientation(box)[0]) - palm.position(observation.position)
    np.testing.assert_allclose(observation.contact[3:], np.cross(arm, [0.0, 0.0, -MASS * GRAVITY]), atol=0.002)
    assert abs(observation.contact[3]) > 0.04
    assert observation.signals == {"self_collision": 0.0, "world_collision": 4.0}


def test_the_robots_own_body_is_felt_and_counted_as_itself() -> None:
    _, robot = simulated()
    observation = hold(robot, robot.reset(Episode()), INTO_THE_TORSO, 120)
    assert observation.contact is not None
    assert observation.signals["self_collision"] >= 1.0 and observation.signals["world_collision"] == 0.0


def test_without_contact_nothing_is_said() -> None:
    description = load_robot("inmoov")
    robot = SafeRobot(PyBulletRobot(description, SimConfig(), start_ns=0), description)
    for observation in (robot.reset(Episode()), hold(robot, robot.reset(Episode()), flat_hand(0.0), 2)):
        assert observation.contact is None and not observation.signals


def test_the_hand_is_the_palm_with_all_its_fingers() -> None:
    links = touch.end_effector_links(load_robot("inmoov").model, "r_palm")
    assert {"r_hand", "r_palm", "r_thumb3", "r_pinky4"} <= links
    assert not {"r_forearm", "l_hand", "torso"} & links
    fingers_move = load_robot("inmoov", ("right_arm", "right_hand")).model
    assert touch.end_effector_links(fingers_move, "r_palm") == links


def point(link_a: int, body_b: int, link_b: int, force: float, normal: tuple[float, ...], at: tuple[float, ...]) -> Any:
    """Return a contact point of body 0 in PyBullet's format, with friction of 2 along x and 3 along y."""
    return (0, 0, body_b, link_a, link_b, at, at, normal, -0.001, force, 2.0, (1.0, 0.0, 0.0), 3.0, (0.0, 1.0, 0.0))


def test_forces_add_up_and_the_hand_does_not_feel_itself() -> None:
    up, at, origin = (0.0, 0.0, 1.0), (0.0, 1.0, 0.0), np.zeros(3)
    felt = touch.wrench([point(4, 7, -1, 5.0, up, at)], 0, {4, 5}, origin, 2.0)
    np.testing.assert_allclose(felt, [4.0, 6.0, 10.0, 10.0, 0.0, -4.0])
    mirrored = touch.wrench([point(1, 0, 4, 5.0, up, at)], 0, {4, 5}, origin, 2.0)  # the hand is the second link
    np.testing.assert_allclose(mirrored, -felt)
    assert not touch.wrench([point(4, 0, 5, 5.0, up, at), point(1, 7, -1, 5.0, up, at)], 0, {4, 5}, origin, 2.0).any()
    apart = (*point(4, 7, -1, 0.0, up, at)[:8], 0.01, *point(4, 7, -1, 0.0, up, at)[9:])
    assert touch.touching([apart]) == []
