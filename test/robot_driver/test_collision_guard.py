"""The guard against self-collision, compared with PyBullet's contacts, and during normal reaching."""

from __future__ import annotations

import numpy as np
import pytest
from boards import whole_robot

from robot_driver_ros.collision_guard import CollisionGuard, capsules, segment_distances
from robot_driver_ros.servos.hardware import load_hardware
from robot_interface_ros.robot_config import load_robot
from robot_interface_ros.urdf.elements import Shape


def guard(*groups: str) -> CollisionGuard:
    return CollisionGuard(load_robot("inmoov", groups or None), load_hardware().config.may_touch)


@pytest.mark.parametrize(
    "first, second, distance",
    [
        (((0, 0, 0), (1, 0, 0)), ((0, 1, 0), (1, 1, 0)), 1.0),  # parallel
        (((0, 0, 0), (1, 0, 0)), ((0.5, -1, 2), (0.5, 1, 2)), 2.0),  # crossing above
        (((0, 0, 0), (1, 0, 0)), ((4, 4, 0), (4, 8, 0)), 5.0),  # end to end
        (((0, 0, 0), (0, 0, 0)), ((3, 4, 0), (3, 4, 0)), 5.0),  # points
        (((0, 0, 0), (0, 0, 0)), ((-1, 2, 0), (1, 2, 0)), 2.0),  # point and segment
    ],
)
def test_distances_of_segments(first: object, second: object, distance: float) -> None:
    (p1, q1), (p2, q2) = (np.array(segment, dtype=float)[:, None, :] for segment in (first, second))
    assert segment_distances(p1, q1, p2, q2) == pytest.approx([distance])
    assert segment_distances(p2, q2, p1, q1) == pytest.approx([distance])


@pytest.mark.parametrize(
    "shape",
    [
        Shape("box", (0.1, 0.25, 0.4), (0.1, 0.0, 0.2), (0.3, -0.2, 0.9)),
        Shape("box", (0.1, 0.1, 0.05)),
        Shape("cylinder", (0.05, 0.2), (0.0, 0.1, 0.0), (1.0, 0.0, 0.0)),
        Shape("sphere", (0.07,), (0.1, 0.2, 0.3)),
    ],
)
def test_capsules_cover_their_shape(shape: Shape) -> None:
    from robot_interface_ros.urdf.kinematics import rotation_rpy

    generator = np.random.default_rng(0)
    if shape.kind == "box":
        points = generator.choice([-0.5, 0.5], (500, 3)) * np.array(shape.size)  # corners, and so everything
        points[100:] = generator.uniform(-0.5, 0.5, (400, 3)) * np.array(shape.size)
    else:
        points = generator.normal(size=(500, 3))
        points /= np.linalg.norm(points[:, : 3 if shape.kind == "sphere" else 2], axis=1, keepdims=True) / shape.size[0]
        if shape.kind == "cylinder":
            points[:, 2] = generator.uniform(-0.5, 0.5, 500) * shape.size[1]
    points = points @ np.array(rotation_rpy(shape.rpy)).reshape(3, 3).T + np.array(shape.xyz)
    inside = np.zeros(len(points), dtype=bool)
    for start, end, radius in capsules(shape):
        ends = (np.broadcast_to(end_point, points.shape) for end_point in (start, end))
        inside |= segment_distances(points, points, *ends) <= radius + 1e-9
    assert inside.all()


@pytest.mark.slow
def test_every_contact_of_the_simulator_is_refused_and_little_else() -> None:
    from robot_sim_ros.pybullet_robot import PyBulletRobot
    from robot_sim_ros.sim_config import SimConfig

    description, the_guard = load_robot("inmoov"), guard()
    simulated, generator = PyBulletRobot(description, SimConfig()), np.random.default_rng(1)
    touching = refused = 0
    for _ in range(2500):
        position = generator.uniform(description.limits.lower, description.limits.upper)
        simulated.body.place(position)
        simulated.body._client.performCollisionDetection()
        near = the_guard.clearance(position) < 0.0
        if simulated.contacts():
            touching += 1
            assert near, f"{simulated.contacts()} at {position.tolist()}"
        refused += near
    simulated.close()
    assert touching > 20
    assert refused < 0.12 * 2500


def test_rest_is_allowed_and_nothing_near_it_is_a_trap() -> None:
    hardware = whole_robot()
    the_guard = CollisionGuard(hardware.description, hardware.config.may_touch)
    rest, generator = hardware.description.rest, np.random.default_rng(3)
    assert the_guard.clearance(rest) > 0.0
    for _ in range(100):
        near = rest + generator.normal(0.0, 0.02, len(rest))
        assert the_guard.allows(rest, near) and the_guard.allows(near, rest)


def test_what_is_too_near_may_move_apart_only() -> None:
    description, the_guard = load_robot("inmoov"), guard()
    generator = np.random.default_rng(5)
    draws = (generator.uniform(description.limits.lower, description.limits.upper) for _ in range(10_000))
    inside = next(q for q in draws if the_guard.clearance(q) < -0.02)
    assert the_guard.nearest(inside)[0] != the_guard.nearest(inside)[1]
    path = [inside + (description.rest - inside) * share for share in np.linspace(0.0, 1.0, 200)]
    out = next(i for i, q in enumerate(path) if the_guard.clearance(q) > 0.0)
    assert not the_guard.allows(path[out], path[0])
    apart = [q for q in path[:out] if the_guard.clearance(q) > the_guard.clearance(inside)]
    assert the_guard.allows(path[out - 1], path[out])
    assert apart


def test_straight_ways_to_nearly_all_targets_of_the_reach_task_are_allowed() -> None:
    from rl_trainer_ros.arm.arm import Arm
    from rl_trainer_ros.arm.workspace import ReachWorkspace

    description, the_guard = load_robot("inmoov"), guard()
    arm, generator = Arm(description), np.random.default_rng(0)
    workspace = ReachWorkspace(arm, 4.0)
    allowed = 0
    for _ in range(60):
        goal = workspace.draw(generator)
        lower, upper = description.limits.lower, description.limits.upper
        end = arm.chain.inverse(goal, description.rest, lower, upper)
        path = [description.rest + (end - description.rest) * share for share in np.linspace(0.0, 1.0, 30)]
        allowed += all(the_guard.allows(a, b) for a, b in zip(path, path[1:]))
    assert allowed >= 57
