"""Find models by texts such as `latest`, `runs/reach` or `RUN/checkpoints/14000`, and give them different names."""

from __future__ import annotations

import glob
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rl_trainer_ros.training.checkpoints.folders import ABOUT, CHECKPOINTS, LINKS, model_of, read
from rl_trainer_ros.training.runs import run_folder
from rl_trainer_ros.training.runs.encoders import with_encoder
from rl_trainer_ros.training.runs.search import runs_below
from rl_trainer_ros.training.trainer_config import TrainerConfig
from robot_interface_ros.config import ConfigError
from robot_interface_ros.errors import RobotError
from robot_interface_ros.files.paths import expanded

_NAMING_SETTINGS = ("task", "algo", "state", "preset", "robot", "imperfection", "seed")
"""Settings that distinguish runs in their names, in this order."""


@dataclass(frozen=True)
class Model:
    """A saved model of a run."""

    run: Path
    folder: Path
    """Folder of the checkpoint, or the run's link to it."""
    config: TrainerConfig
    tasks: tuple[TrainerConfig, ...] = ()
    """The settings for each task that the run learned, where these are several."""

    @property
    def learned(self) -> tuple[TrainerConfig, ...]:
        """The settings for each task that the run learned."""
        return self.tasks or (self.config,)

    @property
    def steps(self) -> int | None:
        """Steps after which it was saved, from the name of its checkpoint; None if the name has no number."""
        number = self.folder.resolve().name.partition("_")[0]
        return int(number) if number.isdecimal() else None


def find(texts: Sequence[str], log_dir: str, link: str, note: Callable[[str], None] = lambda line: None) -> list[Model]:
    """Return the models that `texts` name, each once, in their order. Raises ConfigError, in one line.

    A text is `latest`, a run (its folder, or the name of its folder anywhere in `log_dir`), a folder that contains runs, the
    folder of a checkpoint, or `RUN/checkpoints/STEPS`. `link`: the model to use for a run without a named checkpoint.
    `note(line)` is called for each run of a folder that is left out, because it is damaged or lacks that model.
    """
    found: list[Model] = []
    for text in texts:
        found += _named(text.strip(), log_dir, link, note)
    if not found:
        raise ConfigError("runs is empty; name run folders, checkpoints, or latest")
    return list({model.folder.resolve(): model for model in reversed(found)}.values())[::-1]


def labels(models: Sequence[Model]) -> list[str]:
    """Return a name for each model: the settings in which the runs differ, and the steps if a run has several models.

    If these names are not unique, the run's folder is added, and then a number.
    """
    differ = [name for name in _NAMING_SETTINGS if len({getattr(model.config, name) for model in models}) > 1]
    several = [sum(other.run == model.run for other in models) > 1 for model in models]
    names = []
    for model, more in zip(models, several):
        words = [_shown(model.config, name) for name in differ]
        if more:
            words.append(f"{model.steps:,} steps" if model.steps is not None else model.folder.name)
        names.append(" ".join(word for word in words if word))
    return _unlike(_unlike(names, [model.run.name for model in models]), [str(i + 1) for i in range(len(models))])


def _unlike(names: Sequence[str], more: Sequence[str]) -> list[str]:
    """Return the names, with `more` added to each one that is empty or occurs twice."""
    return [
        name if name and list(names).count(name) == 1 else f"{name} {end}".strip() for name, end in zip(names, more)
    ]


def _shown(config: TrainerConfig, name: str) -> str:
    value = getattr(config, name)
    return f"seed {value}" if name == "seed" else str(value)


def _named(text: str, log_dir: str, link: str, note: Callable[[str], None]) -> list[Model]:
    if text == "latest":
        return [_of_run(run_folder.find(text, log_dir, learned=True), link)]
    path = expanded(text)
    if not path.exists() and not path.is_absolute() and (beside := _within(text, log_dir)):
        path = beside
    if (path / ABOUT).is_file():
        run = run_folder.find(str(path), log_dir)
        return [_model(run, path)]
    if path.parent.name == CHECKPOINTS and path.name.replace("_", "").replace(",", "").isdecimal():
        return [_at(path, log_dir)]
    below = runs_below(path)
    if below and path not in below:
        learned = [run for run in below if run_folder.has_model(run)]
        if not learned:
            raise ConfigError(f"no run in {path} has saved a model yet; train first")
        return _readable(learned, link, note)
    return [_of_run(run_folder.find(str(path), log_dir), link)]


def _readable(runs: Sequence[Path], link: str, note: Callable[[str], None]) -> list[Model]:
    """Return the models of the runs that can be read. Raises the first run's error if there is none."""
    found, faults = [], []
    for run in runs:
        try:
            found.append(_of_run(run, link))
        except (ConfigError, RobotError, OSError) as error:
            faults.append(error)
    if not found:
        raise faults[0]
    for fault in faults:
        note(f"left out: {fault}")
    return found


def _within(text: str, log_dir: str) -> Path | None:
    """Return the same path in `log_dir`, at any depth; None if it does not exist. Raises ConfigError if it is not unique."""
    folder, _, rest = text.strip("/").partition("/")
    runs = {path for depth in range(4) for path in expanded(log_dir).glob("*/" * depth + glob.escape(folder))}
    found = sorted(path / rest for path in runs if path.is_dir())
    if len(found) > 1:
        raise ConfigError(
            f"{text} is the name of {len(found)} folders: {', '.join(map(str, found[:4]))}; give its path"
        )
    return found[0] if found else None


def _of_run(run: Path, link: str) -> Model:
    found = model_of(run, link)
    if found is None:
        there = [f"model:={name}" for name in LINKS if model_of(run, name)]
        raise ConfigError(f"{run} has no {link} model; it has: {', '.join(there) or 'none yet'}")
    return _model(run, found)


def _at(path: Path, log_dir: str) -> Model:
    """Return the checkpoint with this number of steps; if there are several, a resumable or final one rather than a best."""
    run, steps = run_folder.find(str(path.parent), log_dir), int(path.name.replace("_", "").replace(",", ""))
    there = [folder for folder in sorted(path.parent.glob("[!.]*")) if (folder / ABOUT).is_file()]
    fitting = [folder for folder in there if folder.name.partition("_")[0].isdecimal()]
    chosen = [folder for folder in fitting if int(folder.name.partition("_")[0]) == steps]
    if not chosen:
        known = ", ".join(folder.name for folder in there) or "none"
        raise ConfigError(f"{run} has no checkpoint of {steps:,} steps; it has: {known}")
    return _model(run, min(chosen, key=lambda folder: folder.name.endswith("best")))


def _model(run: Path, folder: Path) -> Model:
    """Return the model with the encoder that it acted on, which need not be that of the run's settings. Raises ModelError."""
    config = run_folder.load_config(run)
    tasks = tuple(run_folder.learned_configs(run, config))
    return Model(run, folder, with_encoder(config, run, read(folder).about) if config.srl_learns else config, tasks)
