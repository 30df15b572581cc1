"""Save the files of a checkpoint, check them, and load them into a learner.

`about.json` describes the run and the model, `parameters.safetensors` holds networks and optimisers, `normalisation.json`
the statistics at the same time. A resumable checkpoint also has `random_states.json`, and `replay.npz` if there is a replay
buffer. `model.zip` is for users of stable-baselines3; it is never read here, because that would unpickle data.
"""

from __future__ import annotations

import io
import json
import time
from pathlib import Path
from typing import Any

from gymnasium import spaces as gym_spaces

from rl_trainer_ros.algorithms.learner import learner_space
from rl_trainer_ros.algorithms.protocol import Learner
from rl_trainer_ros.training import normalisation
from rl_trainer_ros.training.checkpoints import (
    folders,
    learner_state,
    parameters,
    replay,
    spaces,
    tensors,
)
from rl_trainer_ros.training.checkpoints.errors import ModelError
from rl_trainer_ros.training.checkpoints.folders import ABOUT, BEST, FINAL, FORMAT, Checkpoint
from robot_interface_ros.files.untrusted_files import FileError, NoFileError, read_json

PARAMETERS, STATISTICS = "parameters.safetensors", "normalisation.json"
RANDOM, REPLAY, MODEL = "random_states.json", "replay.npz", "model.zip"


def save(run: Path, learner: Learner, statistics: Any, about: dict[str, Any], kind: str) -> Path:
    """Save a checkpoint of one of the kinds in `folders`, update its link, return its folder. Raises OSError.

    `statistics`: the learner's VecNormalize; `about`: description of the run, read by `check` and `trained_models.load`.
    """
    buffer = learner.replay_buffer

    def fill(folder: Path) -> None:
        everything = {
            "format": FORMAT,
            "kind": kind,
            "num_timesteps": learner.num_timesteps,
            "saved_ns": time.time_ns(),
            **about,
            "n_envs": learner.n_envs,
            "observation_space": spaces.to_json(learner.observation_space),
            "action_space": spaces.to_json(learner.action_space),
            "counters": learner.counters(),
        }
        (folder / PARAMETERS).write_bytes(tensors.to_bytes(parameters.of(learner)))
        _write_json(folder / STATISTICS, normalisation.to_dict(statistics), allow_nan=False)
        _write_json(folder / ABOUT, everything)
        if kind != BEST:
            _write_json(folder / RANDOM, learner_state.random_states(learner))
            if buffer is not None:
                replay.save(buffer, folder / REPLAY)
        if kind in (BEST, FINAL):
            stream = io.BytesIO()  # write to memory first: for a full disk torch raises an error other than OSError
            learner.save(stream)
            (folder / MODEL).write_bytes(stream.getvalue())

    return folders.write(run, learner.num_timesteps, kind, fill)


def check(
    checkpoint: Checkpoint,
    algo: str,
    encoder: str | None,
    observation_space: gym_spaces.Space[Any],
    action_space: gym_spaces.Space[Any],
) -> None:
    """Raise ModelError, in one line, if a checkpoint has another algorithm, encoder or spaces (of the environment)."""
    folder, about = checkpoint.folder, checkpoint.about
    if about["algo"] != algo:
        raise ModelError(f"{folder} is a model of algo {about['algo']}, not {algo}; use algo:={about['algo']}")
    for name, space in (("observation_space", learner_space(observation_space)), ("action_space", action_space)):
        saved = saved_space(checkpoint, name)
        if saved != space:
            raise ModelError(
                f"{folder} has another {name.replace('_', ' ')}: {spaces.brief(saved)} there, "
                f"{spaces.brief(space, saved)} in this run; robot, action and observation must give the same space"
            )
    if about.get("encoder") != encoder:
        raise ModelError(
            f"{folder} was trained with encoder {about.get('encoder') or 'none'}, but the encoder here is "
            f"{encoder or 'none'}; give the encoder's folder: srl_folder:=..."
        )


def saved_space(checkpoint: Checkpoint, name: str) -> gym_spaces.Space[Any]:
    """Return a checkpoint's observation_space or action_space. Raises ModelError."""
    try:
        return spaces.from_json(checkpoint.about.get(name), f"{ABOUT}: {name}")
    except FileError as error:
        raise ModelError(f"{checkpoint.folder} is damaged: {error}; use another checkpoint") from None


def load_parameters(checkpoint: Checkpoint, learner: Learner) -> None:
    """Load the checkpoint's networks and optimisers into a learner. Raises ModelError."""
    path = checkpoint.folder / PARAMETERS
    parameters.restore(learner, tensors.read(path), str(path))


def load_statistics(checkpoint: Checkpoint) -> dict[str, Any]:
    """Return the checked content of normalisation.json. Raises ModelError."""
    values: dict[str, Any] = _read_json(checkpoint.folder / STATISTICS)
    space = saved_space(checkpoint, "observation_space")
    try:
        found = normalisation.from_dict(values)
        misfit = found.fits(space) or found.not_finite()
    except FileError as error:
        raise ModelError(f"{checkpoint.folder / STATISTICS} is damaged: {error}; use another checkpoint") from None
    if misfit:
        raise ModelError(f"{checkpoint.folder}: {misfit}; the files belong to different runs, or are damaged")
    return values


def load_replay(checkpoint: Checkpoint, learner: Learner) -> None:
    """Fill a learner's replay buffer; its last entry counts as the end of an episode. Raises ModelError."""
    buffer = learner.replay_buffer
    if buffer is None:
        raise ModelError(
            f"a {type(learner.algorithm).__name__} has no replay buffer; leave out load_replay_buffer:=true"
        )
    path = checkpoint.folder / REPLAY
    if not path.exists():
        raise ModelError(f"{checkpoint.folder} has no {REPLAY}; use the run's latest/ or final/")
    replay.load(buffer, path)
    replay.end_episodes(buffer)


def restore(checkpoint: Checkpoint, learner: Learner, statistics: Any) -> None:
    """Restore the state of the checkpoint in a new learner with the same settings. Raises ModelError."""
    load_parameters(checkpoint, learner)
    normalisation.restore(statistics, load_statistics(checkpoint))
    if learner.replay_buffer is not None:
        load_replay(checkpoint, learner)
    learner.restore_counters(checkpoint.about["counters"])
    learner_state.restore_random_states(learner, _random_states(checkpoint))


def check_whole(checkpoint: Checkpoint) -> None:
    """Raise ModelError, in one line, unless a training can be resumed from a checkpoint: all its files can be read.

    The replay buffer is not read here, because it may have gigabytes; it is read later, into the learner's buffer.
    """
    load_statistics(checkpoint)
    _random_states(checkpoint)
    tensors.read(checkpoint.folder / PARAMETERS)
    for name in ("observation_space", "action_space"):
        saved_space(checkpoint, name)
    if "counters" not in checkpoint.about:
        raise ModelError(f"{checkpoint.folder} is damaged: {ABOUT} has no counters; use another checkpoint")


def check_network(checkpoint: Checkpoint) -> None:
    """Raise ModelError, in one line, unless the network described in about.json matches the stored weights."""
    try:
        shapes = tensors.stored_shapes(checkpoint.folder / PARAMETERS)
        settings = checkpoint.about.get("hyperparameters", {})
        tensors.check_network(
            settings, saved_space(checkpoint, "observation_space"), shapes, str(checkpoint.folder / ABOUT)
        )
    except NoFileError:
        raise ModelError(f"{checkpoint.folder} is not a saved model: it has no {PARAMETERS}") from None
    except FileError as error:
        raise ModelError(f"{error}; use another checkpoint") from None


def _random_states(checkpoint: Checkpoint) -> dict[str, Any]:
    path = checkpoint.folder / RANDOM
    states = _read_json(path)
    try:
        return learner_state.checked_random_states(states, str(path))
    except FileError as error:
        raise ModelError(f"{error}; use another checkpoint") from None


def _write_json(path: Path, values: Any, allow_nan: bool = True) -> None:
    path.write_text(json.dumps(values, indent=1, allow_nan=allow_nan) + "\n", encoding="utf-8")


def _read_json(path: Path) -> Any:
    try:
        return read_json(path)
    except NoFileError:
        raise ModelError(f"{path.parent} is incomplete: it has no {path.name}; use another checkpoint") from None
    except FileError as error:
        raise ModelError(f"{error}; use another checkpoint") from None
