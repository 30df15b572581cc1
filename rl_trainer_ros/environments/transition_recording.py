"""Transitions from a simulator, with the hand near its target and elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_trainer_ros.arm.gaze import SEEN
from rl_trainer_ros.arm.scripted import ScriptedReach
from rl_trainer_ros.environments.environment import RobotEnv
from rl_trainer_ros.environments.image_keeper import STRIDE
from robot_interface_ros.robot import layer_with

EPISODE_STEPS = 40
"""A transition begins at every STRIDE-th step of an episode."""
HELD = 4
"""Steps that the action of a transition lasts: in one step of 50 ms an arm moves by less than a pixel."""
NAMES = ("target_x", "target_y", "target_z", "hand_x", "hand_y", "hand_z")
_GAZE_ERROR_M = 0.1
"""Standard deviation, on each axis, of the error of an estimate at which the eyes look."""
Parts = dict[str, NDArray[Any]]
"""Arrays of a `srl_ros.dataset.Dataset` by name, one row for each transition."""


class TransitionRecorder:
    """Plays episodes and keeps their transitions.

    Episodes are in turn scripted with noise, which shows the hand near its target, and random. The action of a transition is
    held for HELD steps, whose rewards are added. `action_probabilities` are the scripted policy's actions, which knows the
    target. `hand` is where the measured joints put the hand, m, which a robot knows. The truth is where target, hand and the
    world's loose objects are, m, and, with a gaze, where the target is in the frame of the eyes.
    """

    def __init__(
        self,
        environment: RobotEnv,
        cameras: tuple[str, ...],
        seed: int,
        on_demand: bool = False,
        gaze_errs: bool = False,
        scripted: Callable[[], Callable[[], Any]] | None = None,
    ):
        """`on_demand`: render only the images that are kept, one in four; for a simulation without delayed or lost images.

        The images are the same, bit for bit. `gaze_errs`: the eyes look at the target with an error, as at an estimate of it;
        another error before each transition. `scripted`: called at the start of an episode; returns a function that returns the
        action which brings the hand nearer to the target. None: that of joint velocities.
        """
        self._environment, self._seen = environment, partial(_observed, environment, cameras)
        if on_demand:
            renderer = layer_with(environment.robot, "render_on_demand")
            renderer.render_on_demand()
            self._seen = partial(_rendered, renderer, cameras)
        self._begin_scripted = scripted or self._velocities
        self._gaze, self._gaze_errs = environment.arm.gaze, gaze_errs
        self._seed, self._generator = seed, np.random.default_rng(seed)
        self._world = layer_with(environment.robot, "loose_objects")
        loose = self._world.loose_objects() if self._world else ()
        self.names = (*NAMES, *(f"{name}_{axis}" for name in loose for axis in "xyz"))
        self.names += SEEN if self._gaze is not None else ()
        self.episode = 0
        """Number of the next episode."""

    def state(self) -> dict[str, Any]:
        """Return a state, as JSON has it, from which the next episodes are the same bits."""
        generators = {"policy": self._generator.bit_generator.state}
        if self.episode:
            generators["episodes"] = self._environment.random_state()
        return {"episode": self.episode, **generators}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a state of `state`, of a recorder with the same settings."""
        self.episode = state["episode"]
        self._generator.bit_generator.state = state["policy"]
        if self.episode:
            self._environment.set_random_state(state["episodes"])

    def play(self) -> Parts:
        """Return the transitions of the next episode, EPISODE_STEPS / STRIDE of them."""
        environment, generator = self._environment, self._generator
        environment.gaze_error = np.zeros(3)
        environment.reset(seed=None if self.episode else self._seed)
        scripted = self._begin_scripted()
        drift = generator.uniform(-1.0, 1.0, environment.action_space.shape)
        parts: dict[str, list[Any]] = {name: [] for name in _PARTS}
        held, left = drift, 0
        for step in range(EPISODE_STEPS + HELD):
            if left == 0 or step % STRIDE == STRIDE - 1:
                wanted = scripted() if self.episode % 2 == 0 else drift
                noise = generator.normal(0.0, 0.4, environment.action_space.shape)
                held = np.clip(wanted + noise, -1.0, 1.0).astype(np.float32)
                if self._gaze_errs:
                    environment.gaze_error = generator.normal(0.0, _GAZE_ERROR_M, 3)
            if step % STRIDE == STRIDE - 1 and step < EPISODE_STEPS:
                left = HELD
                parts["images"].append(self._seen())
                parts["ground_truth"].append(self._truth())
                parts["hand"].append(environment.step_state.hand)
                parts["action"].append(held)
                parts["action_probabilities"].append(scripted())
                parts["reward"].append(0.0)
                parts["terminated"].append(False)
                parts["episode"].append(self.episode)
            _, reward, terminated, _, _ = environment.step(held)
            if left:
                parts["reward"][-1] += reward
                parts["terminated"][-1] |= terminated
                left -= 1
                if left == 0:
                    parts["next_images"].append(self._seen())
                    parts["next_ground_truth"].append(self._truth())
                    parts["next_hand"].append(environment.step_state.hand)
        self.episode += 1
        return {name: np.array(rows) for name, rows in parts.items()}

    def _velocities(self) -> Callable[[], Any]:
        """Return a function that returns the joint velocities which bring the hand nearer to the target."""
        environment = self._environment
        policy = ScriptedReach(environment.arm, environment.task.period_s)
        return lambda: policy.act(environment.step_state)

    def _truth(self) -> NDArray[np.float64]:
        step_state = self._environment.step_state
        loose = self._world.loose_objects().values() if self._world else ()
        observation = step_state.observation
        places = [observation.target_position, step_state.hand, *loose]
        if self._gaze is not None:
            places.append(self._gaze.seen(observation.position, observation.target_position))
        return np.concatenate(places)


def record(
    environment: RobotEnv,
    cameras: tuple[str, ...],
    images: int,
    seed: int,
    report: Callable[[int], None] = lambda done: None,
    on_demand: bool = False,
) -> dict[str, Any]:
    """Return `images` transitions as the parts of a `srl_ros.dataset.Dataset`; see TransitionRecorder.

    `report(done)` is called after each episode.
    """
    recorder = TransitionRecorder(environment, cameras, seed, on_demand)
    played: list[Parts] = []
    done = 0
    while done < images:
        played.append(recorder.play())
        done = min(done + len(played[-1]["images"]), images)
        report(done)
    return {"names": recorder.names, "cameras": cameras, **joined(played, images)}


def joined(played: list[Parts], rows: int) -> Parts:
    """Return the first `rows` rows of several parts; `played` is emptied on the way, because images need much memory."""
    found = {name: np.empty((rows, *array.shape[1:]), array.dtype) for name, array in played[0].items()}
    begin = 0
    while played:
        part = played.pop(0)
        end = min(begin + len(part["images"]), rows)
        for name, array in found.items():
            array[begin:end] = part[name][: end - begin]
        begin = end
    return found


_PARTS = (
    *("images", "next_images", "ground_truth", "next_ground_truth", "action", "action_probabilities"),
    *("hand", "next_hand", "reward", "terminated", "episode"),
)


def _observed(environment: RobotEnv, cameras: tuple[str, ...]) -> Any:
    images = environment.step_state.observation.images
    return np.stack([images[camera] for camera in cameras])


def _rendered(renderer: Any, cameras: tuple[str, ...]) -> Any:
    images, _ = renderer.render_images(cameras)
    return np.stack([images[camera] for camera in cameras])
