"""How a training starts: from the beginning, with a trained model, or by resuming a run."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gymnasium import spaces

from rl_trainer_ros import algorithms
from rl_trainer_ros.algorithms.hyperparameters import checked
from rl_trainer_ros.algorithms.protocol import Learner
from rl_trainer_ros.environments.env_config import settings_of
from rl_trainer_ros.training import resumed_settings
from rl_trainer_ros.training.checkpoints import contents, resume, trained_models
from rl_trainer_ros.training.checkpoints.errors import ModelError
from rl_trainer_ros.training.checkpoints.folders import Checkpoint
from rl_trainer_ros.training.runs import robot_files, run_folder
from rl_trainer_ros.training.runs.encoders import with_encoder
from rl_trainer_ros.training.trainer_config import TrainerConfig
from robot_interface_ros.config import ConfigError
from robot_interface_ros.robot_config import RobotDescription


@dataclass(frozen=True)
class StartMode:
    """The start of a run, as its settings determine it."""

    config: TrainerConfig
    """The settings; those of the resumed run, if there is one."""
    run: Path | None
    """Folder of the resumed run; None: a new run."""
    checkpoint: Checkpoint | None
    """Checkpoint at which the run is resumed; None: from the beginning."""
    model: Checkpoint | None
    """Trained model to start with; None: untrained."""

    @property
    def notes(self) -> dict[str, Any]:
        """States of this package's callbacks at the checkpoint."""
        return self.checkpoint.about.get("notes", {}) if self.checkpoint else {}

    @property
    def training_s(self) -> float:
        """Duration of the training so far, s."""
        return self.checkpoint.about.get("training_s", 0.0) if self.checkpoint else 0.0

    @property
    def num_timesteps(self) -> int:
        """Number of steps so far."""
        return self.checkpoint.num_timesteps if self.checkpoint else 0

    @property
    def departed(self) -> int:
        """Number of steps at which the run last departed from an uninterrupted one; 0: never."""
        return resume.departed(self.checkpoint)

    def hyperparameters(self, kind: str) -> dict[str, Any]:
        """Return the algorithm's hyper-parameters for a kind of observation. Raises ConfigError."""
        if self.run:
            where = f"{self.run / 'config.yaml'}: hyperparameters"
            return checked(self.config.algo, run_folder.hyperparameters_of(self.run), where)
        config, given = self.config, settings_of("hyperparameters", self.config.hyperparameters)
        everything = algorithms.hyperparameters(config.algo, given, kind=kind, preset=config.preset)
        return trained_models.fine_tuning_settings(self.model, given) if self.model else everything

    def check(self, encoder: str | None, observation: spaces.Space[Any], action: spaces.Space[Any]) -> None:
        """Raise ModelError, in one line, if the loaded checkpoint or model does not fit this run."""
        for loaded in (self.checkpoint, self.model):
            if not loaded:
                continue
            try:
                contents.check(loaded, self.config.algo, encoder, observation, action)
            except ModelError as error:
                changed = self._robot_of_model()
                raise ModelError(f"{error}; {changed}") if changed else error from None

    def _robot_of_model(self) -> str:
        """Return how this robot differs from the one that the loaded model was trained on; empty if it does not."""
        return robot_files.difference(self.model.folder.parent.parent, self.config.robot) if self.model else ""

    @contextmanager
    def folder(self, hyperparameters: dict[str, Any], robot: RobotDescription) -> Iterator[Path]:
        """Lock the folder of the new or resumed run. Raises ConfigError if another trainer has locked it."""
        folder = self.run or run_folder.create(self.config, hyperparameters, robot)
        with resume.alone(folder):
            yield folder

    def bring(self, learner: Learner, statistics: Any) -> None:
        """Load the checkpoint or model, if there is one, into a new learner. Raises ModelError."""
        if self.checkpoint:
            contents.restore(self.checkpoint, learner, statistics)
            statistics.training = not (self.config.load_model and self.config.freeze_normalisation)
            learner.begin_restored_episodes()
        elif self.model:
            trained_models.begin_with(self.model, learner, statistics, self.config)

    def take_over(self) -> str:
        """Once robots have answered, move aside all data after the checkpoint of a resumed run; return a line for users."""
        if not self.run:
            changed = self._robot_of_model()
            line = f"starts with the model in {self.model.folder}" if self.model else ""
            return f"{line} (another robot: {changed})" if changed else line
        run_folder.go_on(self.run, self.config)
        attempt = resume.put_aside(self.run, self.checkpoint)
        kept = f"; later data is kept in {attempt.relative_to(self.run)}" if attempt else ""
        if not self.checkpoint:
            return f"no checkpoint yet: starts again{kept}"
        line = f"resumes after {self.num_timesteps:,} steps, from {self.checkpoint.folder.name}"
        if not (self.checkpoint.exact or self.config.realtime):
            line += " (valid, but with other numbers than without the interruption)"
        return line + kept


def beginning(config: TrainerConfig) -> StartMode:
    """Find and read the run and the model that the settings name. Raises ConfigError or ModelError, in one line."""
    run = checkpoint = model = None
    if config.resume:
        config = resumed_settings.resolved(config)
        run, checkpoint = resumed_settings.run_of(config), resume.start(config)
        if checkpoint:
            config = with_encoder(config, run, checkpoint.about)
    if config.load_model and not checkpoint:
        model = trained_models.source(config.load_model, config.log_dir)
        if config.preset and not run:
            raise ConfigError(
                "preset has no effect with load_model, which takes the hyper-parameters of the model; change single ones: "
                "hyperparameters.NAME:=VALUE"
            )
        policy = config.policy or model.about.get("policy", "")
        config = dataclasses.replace(config, load_model=str(model.folder), policy=policy)
        contents.check_network(model)
        if model.about["algo"] != config.algo:
            raise ConfigError(
                f"{model.folder} is a model of algo {model.about['algo']}, not {config.algo}; use algo:={model.about['algo']}"
            )
    return StartMode(config, run, checkpoint, model)
