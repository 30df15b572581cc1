"""Transitions from a simulator, with the hand near its target and elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from rl_trainer_ros.arm.scripted import ScriptedReach
from rl_trainer_ros.environments.environment import RobotEnv
from robot_interface_ros.robot import layer_with

EPISODE_STEPS, STRIDE = 40, 8
"""A transition begins at every STRIDE-th step of an episode: neighbours differ too little to teach anything."""
HELD = 4
"""Steps that the action of a transition lasts: in one step of 50 ms an arm moves by less than a pixel."""
NAMES = ("target_x", "target_y", "target_z", "hand_x", "hand_y", "hand_z")


def record(
    environment: RobotEnv,
    cameras: tuple[str, ...],
    images: int,
    seed: int,
    report: Callable[[int], None] = lambda done: None,
    on_demand: bool = False,
) -> dict[str, Any]:
    """Return `images` transitions as the parts of a `srl_ros.dataset.Dataset`.

    Episodes are in turn scripted with noise, which shows the hand near its target, and random. The action of a transition is
    held for HELD steps, whose rewards are added. `action_probabilities` are the scripted policy's actions, which knows the
    target. The truth is where target and hand are, m. `report(done)` is called after each episode.
    `on_demand`: render only the images that are kept, one in four; for a simulation that does not delay or drop images.
    The images are the same, bit for bit.
    """
    seen = partial(_observed, environment)
    if on_demand:
        renderer = layer_with(environment.robot, "render_on_demand")
        renderer.render_on_demand()
        seen = partial(_rendered, renderer)
    generator = np.random.default_rng(seed)
    scripted = ScriptedReach(environment.arm, environment.task.period_s)
    parts: dict[str, list[Any]] = {name: [] for name in _PARTS}
    episode = 0
    while len(parts["images"]) < images:
        environment.reset(seed=seed if episode == 0 else None)
        drift = generator.uniform(-1.0, 1.0, environment.action_space.shape)
        held, left = drift, 0
        for step in range(EPISODE_STEPS + HELD):
            if left == 0 or step % STRIDE == STRIDE - 1:
                wanted = scripted.act(environment.step_state) if episode % 2 == 0 else drift
                noise = generator.normal(0.0, 0.4, environment.action_space.shape)
                held = np.clip(wanted + noise, -1.0, 1.0).astype(np.float32)
            if step % STRIDE == STRIDE - 1 and step < EPISODE_STEPS:
                left = HELD
                parts["images"].append(seen(cameras))
                parts["ground_truth"].append(_truth(environment))
                parts["action"].append(held)
                parts["action_probabilities"].append(scripted.act(environment.step_state))
                parts["reward"].append(0.0)
                parts["terminated"].append(False)
                parts["episode"].append(episode)
            _, reward, terminated, _, _ = environment.step(held)
            if left:
                parts["reward"][-1] += reward
                parts["terminated"][-1] |= terminated
                left -= 1
                if left == 0:
                    parts["next_images"].append(seen(cameras))
                    parts["next_ground_truth"].append(_truth(environment))
        episode += 1
        report(min(len(parts["images"]), images))
    return {"names": NAMES, "cameras": cameras, **{name: np.array(rows[:images]) for name, rows in parts.items()}}


_PARTS = (
    *("images", "next_images", "ground_truth", "next_ground_truth", "action", "action_probabilities"),
    *("reward", "terminated", "episode"),
)


def _observed(environment: RobotEnv, cameras: tuple[str, ...]) -> Any:
    images = environment.step_state.observation.images
    return np.stack([images[camera] for camera in cameras])


def _rendered(renderer: Any, cameras: tuple[str, ...]) -> Any:
    images, _ = renderer.render_images(cameras)
    return np.stack([images[camera] for camera in cameras])


def _truth(environment: RobotEnv) -> Any:
    step_state = environment.step_state
    return np.concatenate([step_state.observation.target_position, step_state.hand])
