"""Episodes of an environment as bytes, to compare two robots bit for bit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from gymnasium.wrappers import TimeLimit

from rl_trainer_ros.arm.scripted import ScriptedReach
from rl_trainer_ros.environments.environment import RobotEnv

INTO_THE_TORSO = np.array([-0.13, -0.11, 1.51, -0.74, -0.05])
MAX_STEPS = 60  # short episodes: with 120 steps scripted ones would never be truncated


@dataclass
class Trace:
    """All data of a learner as bytes, and counts of the events in them."""

    rows: list[tuple] = field(default_factory=list)  # type: ignore[type-arg]
    successes: int = 0
    truncations: int = 0
    contacts: int = 0


def contacts_of(robot: object) -> Callable[[], list]:  # type: ignore[type-arg]
    """Return the contacts of the simulated robot, inside of its wrappers; none over topics."""
    while robot is not None and not hasattr(robot, "contacts"):
        robot = getattr(robot, "_robot", None)
    return getattr(robot, "contacts", list)


def rollout(environment: RobotEnv, steps: int, seed: int) -> Trace:
    """Episodes alternate: scripted, random, and pushing into the torso, with the environment's targets."""
    limited, scripted = TimeLimit(environment, MAX_STEPS), ScriptedReach(environment.arm, 0.05)
    generator, trace, episode = np.random.default_rng(seed), Trace(), -1
    contacts = contacts_of(environment.robot)
    ended = True
    for _ in range(steps):
        if ended:
            episode += 1
            observation, info = limited.reset(seed=seed if episode == 0 else None)
            trace.rows.append((observation.tobytes(), info["target"], info["elapsed_ns"]))
        step_state = environment.step_state
        if episode % 3 == 0:
            action = scripted.act(step_state)
        elif episode % 3 == 1:
            action = generator.uniform(-1.0, 1.0, 5).astype(np.float32)
        else:
            way = (INTO_THE_TORSO - step_state.observation.joint_target) / (environment.arm.velocity * 0.05)
            action = np.clip(way + generator.normal(0.0, 0.3, 5), -1.0, 1.0).astype(np.float32)
        observation, reward, terminated, truncated, info = limited.step(action)
        ended = terminated or truncated
        trace.rows.append(
            (
                observation.tobytes(),
                np.float64(reward).tobytes(),
                terminated,
                truncated,
                info["elapsed_ns"],
                environment.step_state.observation.effort.tobytes(),
                environment.step_state.observation.joint_target.tobytes(),
                tuple(image.tobytes() for image in environment.step_state.observation.images.values()),
            )
        )
        trace.successes += info["is_success"]
        trace.truncations += truncated
        trace.contacts += bool(contacts())
    environment.close()
    return trace


def assert_same(first: Trace, second: Trace) -> None:
    assert len(first.rows) == len(second.rows)
    differing = [k for k, (a, b) in enumerate(zip(first.rows, second.rows)) if a != b]
    assert not differing, f"{len(differing)} of {len(first.rows)} rows differ, the first at {differing[0]}"
