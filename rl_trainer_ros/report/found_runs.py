"""The runs below a folder. Damaged and unfinished runs are read as far as possible, and have a line that says so."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from rl_trainer_ros.report.settings import flat
from rl_trainer_ros.training.curves.episodes import MONITOR, Episodes, Evaluations, read_episodes, read_evaluations
from rl_trainer_ros.training.runs import run_folder
from robot_interface_ros.command_lines import command_line
from robot_interface_ros.config import read_yaml
from robot_interface_ros.files.checked_values import mapping, number, whole
from robot_interface_ros.files.untrusted_files import FileError, read_json

CONFIG = "config.yaml"
_OWN = ("attempts", "checkpoints", "videos", "evaluation", "cross_evaluation")
"""Folders of a run that hold no runs."""
_DEEPEST = 12
_SECTIONS, _DISTILLATION = ("trainer", "hyperparameters", "robot"), "distillation"
_TAUGHT_WITH = (
    *("set_size", "balance", "epochs", "student_rounds", "temperature", "sampled", "batch_size", "learning_rate"),
    *("validation", "num_envs"),
)
"""Settings of a distillation that change what is learned, and that are no settings of the run itself."""
FINISHED = "finished"


@dataclass(frozen=True)
class FoundRun:
    """One run."""

    folder: Path
    name: str
    """Its path from the report's folder."""
    settings: Mapping[str, str]
    """As `settings.flat` gives them."""
    ended: str
    """finished, stopped, failed, or unfinished."""
    episodes: Episodes
    evaluations: Evaluations
    training_s: float | None = None
    evaluation: Mapping[str, float] = field(default_factory=dict)
    """The figures of its `evaluation.json`; empty where there is none."""
    last_step: int = 0
    """Steps of the whole run, as its `result.json` says; 0: unknown."""
    problem: str = ""
    """Why it is not compared with others, in one line; empty where it is."""

    @property
    def steps(self) -> int:
        """Steps of the whole run, or at the end of the last episode or evaluation that is known."""
        known = np.concatenate([self.episodes.steps, self.evaluations.steps])
        return self.last_step or int(known[np.isfinite(known)].max(initial=0.0))

    @property
    def measured(self) -> bool:
        """Whether it has episodes or evaluations. A student of policy distillation has evaluations and no episodes."""
        return bool(len(self.episodes) or len(self.evaluations.steps) or self.evaluation)


@dataclass(frozen=True)
class DamagedRun:
    """A run whose settings cannot be read."""

    folder: Path
    name: str
    problem: str


def find(folder: Path) -> Iterator[Path]:
    """Yield the folders of runs below a folder, or the folder itself where it is one, sorted by their paths."""
    for place, below, files in os.walk(folder):
        path = Path(place)
        if CONFIG in files or MONITOR in files or "checkpoints" in below:
            below.clear()  # a run holds no runs
            yield path
        below[:] = sorted(name for name in below if not name.startswith(".") and name not in _OWN)
        if len(path.relative_to(folder).parts) >= _DEEPEST:
            below.clear()


def read(run: Path, name: str) -> FoundRun | DamagedRun:
    """Read a run. Errors in its files are in its line, and are not raised."""
    try:
        others = other_sections(run)
        settings = flat(run_folder.load_config(run), others)
        tasks = _tasks_of_student(run)
    except (OSError, ValueError) as error:
        return DamagedRun(run, name, one_line(error))
    if len(tasks) > 1:
        settings["task"] = "+".join(tasks)
    problems = []
    try:
        episodes = read_episodes(run)
    except (OSError, ValueError) as error:
        problems.append(one_line(error))
        episodes = Episodes(*(np.zeros(0) for _ in range(4)))
    try:
        evaluations = read_evaluations(run)
    except (OSError, ValueError) as error:
        problems.append(one_line(error))
        evaluations = Evaluations(*(np.zeros(0) for _ in range(4)), *(np.zeros((0, 2)) for _ in range(3)))
    ended, training_s, last_step, why = _ended(run)
    problems += [why] if why else []
    alone = _evaluation(run) if len(tasks) < 2 else {}  # of several tasks `evaluate` measures the first one only
    found = FoundRun(run, name, settings, ended, episodes, evaluations, training_s, alone, last_step)
    if not found.measured:
        problems.append(_not_measured(run, ended, tasks))
    return dataclasses.replace(found, problem="; ".join(problems))


def other_sections(run: Path) -> dict[str, Any]:
    """The sections of a run's `config.yaml` beyond those of every run; of `distillation` the settings that are learned with."""
    values = read_yaml(run / CONFIG)
    found = {name: values[name] for name in values if name not in _SECTIONS}
    taught = found.get(_DISTILLATION)
    if isinstance(taught, Mapping) and isinstance(taught.get("settings"), Mapping):
        found[_DISTILLATION] = {name: taught["settings"][name] for name in _TAUGHT_WITH if name in taught["settings"]}
    return found


def _tasks_of_student(run: Path) -> list[str]:
    """The tasks that a student of policy distillation learned; empty for other runs."""
    taught = read_yaml(run / CONFIG).get(_DISTILLATION)
    tasks = taught.get("tasks") if isinstance(taught, Mapping) else None
    return [str(task) for task in tasks] if isinstance(tasks, list) else []


def _not_measured(run: Path, ended: str, tasks: Sequence[str]) -> str:
    """Why a run has no score, and what makes one."""
    if ended != FINISHED or not tasks:
        return "no episode and no evaluation has ended"
    if len(tasks) > 1:
        return f"not evaluated on its tasks; distil with eval_every_epochs, or {command_line('cross_evaluate', f'runs:={run}')}"
    return f"not evaluated; {command_line('evaluate', f'run:={run}')}"


def _ended(run: Path) -> tuple[str, float | None, int, str]:
    """How a run ended, how long it took, its steps, and the line about it where it did not finish."""
    path = run / "result.json"
    if not path.exists():
        return "unfinished", None, 0, "unfinished: it has no result.json; it still trains, or was killed"
    try:
        result = mapping(read_json(path), str(path))
        seconds = number(result.get("training_s"), f"{path}: training_s", 0.0)
        steps = whole(result.get("num_timesteps", 0), f"{path}: num_timesteps")
    except FileError as error:
        return "unfinished", None, 0, one_line(error)
    ended = str(result.get("ended"))
    if ended == FINISHED:
        return ended, seconds, steps, ""
    why = result.get("error")
    return ended, seconds, steps, f"{ended} before its end" + (f": {one_line(why)}" if why else "")


def _evaluation(run: Path) -> dict[str, float]:
    path = run / "evaluation.json"
    try:
        values = mapping(read_json(path), str(path))
        names = ("success_rate", "mean_return", "mean_final_distance_m", "episodes")
        return {name: number(values.get(name), f"{path}: {name}") for name in names}
    except FileError:
        return {}


def one_line(error: object) -> str:
    """Return a value as one short line that can be printed. File names may hold bytes that are not UTF-8."""
    return " ".join(str(error).encode("utf-8", "backslashreplace").decode().split())[:300]
