"""Saved models: the learner, the normalisation statistics of that very moment, and what they belong to.

A model is a folder `checkpoints/<steps>_<link>/`; `best`, `latest` and `final` are links to one. A folder is written
under a temporary name and renamed, a link is replaced by a rename, so a kill at any moment leaves the last one whole.
"""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rl_trainer_ros import normalisation
from rl_trainer_ros.algorithms import algorithm_class
from rl_trainer_ros.normalisation import Normalisation
from rl_trainer_ros.run_folder import write_json

LINKS = ("best", "latest", "final")
MODEL, STATISTICS, ABOUT = "model.zip", "normalisation.json", "about.json"


class ModelError(Exception):
    """A file or folder that is not a saved model, or not a whole one; one line."""


def save(run: Path, algorithm: Any, statistics: Any, about: dict[str, Any], link: str) -> Path:
    """Save `checkpoints/<steps>_<link>/` and point the link, one of LINKS, at it; returns the folder.

    `algorithm`: a stable-baselines3 learner; `statistics`: its VecNormalize; `about`: what it was trained for.
    """
    checkpoints = run / "checkpoints"
    checkpoints.mkdir(exist_ok=True)
    # The link's name too: after its last rollout a learner is updated once more, and its steps do not tell.
    folder = checkpoints / f"{algorithm.num_timesteps:09d}_{link}"
    if not folder.exists():
        temporary = checkpoints / f".{folder.name}.{os.getpid()}"
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        algorithm.save(temporary / MODEL)
        write_json(temporary / STATISTICS, normalisation.to_dict(statistics))
        write_json(temporary / ABOUT, {**about, "num_timesteps": algorithm.num_timesteps})
        for path in temporary.iterdir():
            with open(path, "rb") as stream:
                os.fsync(stream.fileno())
        os.replace(temporary, folder)
    _point(run / link, folder)
    _prune(run)
    return folder


@dataclass(frozen=True)
class Policy:
    """A trained policy with its normalisation."""

    algorithm: Any
    normalisation: Normalisation
    about: dict[str, Any]

    def act(self, observation: Any) -> NDArray[Any]:
        """Return the deterministic action for one observation, an array or a dictionary of arrays."""
        action, _ = self.algorithm.predict(self.normalisation.apply(observation), deterministic=True)
        return np.asarray(action)


def load(folder: Path) -> Policy:
    """Load a saved model. Raises ModelError, one line, for what is not one."""
    for name in (ABOUT, STATISTICS, MODEL):
        if not (folder / name).is_file():
            raise ModelError(f"{folder} is no saved model: it has no {name}; give a run folder, or its best/ or final/")
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        statistics = json.loads((folder / STATISTICS).read_text(encoding="utf-8"))
        normalised = normalisation.from_dict(statistics)
        kind = algorithm_class(about["algo"])
    except (json.JSONDecodeError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise ModelError(
            f"{folder} is damaged or not a model of rl_trainer_ros: {ABOUT} or {STATISTICS}: {error!r}"
        ) from None
    if not zipfile.is_zipfile(folder / MODEL):
        raise ModelError(
            f"{folder / MODEL} is no model file (not a zip archive); it may be truncated. Use another checkpoint"
        )
    try:
        algorithm = kind.load(folder / MODEL, device="cpu")
    except Exception as error:  # the library raises whatever its parts do
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise ModelError(f"{folder / MODEL} cannot be loaded as {about['algo']}: {reason}") from None
    misfit = normalised.fits(algorithm.observation_space)
    if misfit:
        raise ModelError(f"{folder}: {misfit}; the files are of different runs")
    return Policy(algorithm, normalised, about)


def _point(link: Path, folder: Path) -> None:
    temporary = link.with_name(f".{link.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(folder.relative_to(link.parent), target_is_directory=True)
    os.replace(temporary, link)


def _prune(run: Path) -> None:
    """Remove checkpoints that no link points to any more."""
    kept = {(run / link).resolve() for link in LINKS if (run / link).exists()}
    for folder in (run / "checkpoints").iterdir():
        if folder.resolve() not in kept:
            shutil.rmtree(folder, ignore_errors=True)
