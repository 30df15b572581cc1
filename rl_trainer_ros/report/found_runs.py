"""The runs below a folder. Damaged and unfinished runs are read as far as possible, and have a line that says so."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from rl_trainer_ros.report.settings import flat
from rl_trainer_ros.training.curves.episodes import MONITOR, Episodes, Evaluations, read_episodes, read_evaluations
from rl_trainer_ros.training.runs import run_folder
from rl_trainer_ros.training.runs.search import walked
from robot_interface_ros.command_lines import command_line
from robot_interface_ros.config import read_yaml
from robot_interface_ros.files.checked_values import mapping, number, whole
from robot_interface_ros.files.untrusted_files import FileError, read_json

CONFIG = "config.yaml"
_SECTIONS, _DISTILLATION = ("trainer", "hyperparameters", "robot"), "distillation"
_TAUGHT_WITH = (
    *("set_size", "balance", "epochs", "student_rounds", "temperature", "sampled", "batch_size", "learning_rate"),
    *("validation", "num_envs"),
)
"""Settings of a distillation that change what is learned, and that are no settings of the run itself."""
FINISHED = "finished"
_JOINT = (
    "trained on its tasks at the same time, so its episodes are of all of them; matrix.csv of its folder has the scores"
)


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
    """The figures of its `evaluation.json`; empty where there is none, or where the run was trained further since."""
    conditions: str = ""
    """How that evaluation differs from one of the final model as it was trained, in words; empty: in nothing."""
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
    for path, below, files in walked(folder):
        if CONFIG in files or MONITOR in files or "checkpoints" in below:
            below.clear()  # a run holds no runs
            yield path


def read(run: Path, name: str) -> FoundRun | DamagedRun:
    """Read a run. Errors in its files are in its line, and are not raised."""
    try:
        values = read_yaml(run / CONFIG)
        settings = flat(run_folder.config_of(values, run), other_sections(values))
        tasks, joint = _tasks_of_student(values), run_folder.joint_tasks(run)
    except (OSError, ValueError) as error:
        return DamagedRun(run, name, one_line(error))
    if len(tasks) > 1 or joint:
        settings["task"] = "+".join(joint or tasks)
    problems = [_JOINT] if joint else []
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
    # of several tasks `evaluate` measures the first one only
    alone, conditions = _evaluation(run, last_step) if len(tasks) < 2 and not joint else ({}, "")
    found = FoundRun(run, name, settings, ended, episodes, evaluations, training_s, alone, conditions, last_step)
    if not found.measured:
        problems.append(_not_measured(run, ended, tasks))
    return dataclasses.replace(found, problem="; ".join(problems))


def without_repetitions(runs: Sequence[FoundRun]) -> list[FoundRun]:
    """Return the runs; one that repeats another one, seed and numbers too, has a line that says so.

    In lockstep the same settings and seed give the same bits, and a copied folder is the same run. Counted twice, one result
    would look like two that agree. Of equal runs the one that was evaluated is counted, otherwise the first.
    """
    first: dict[tuple[Any, ...], FoundRun] = {}
    found = {run.name: run for run in runs}
    for run in sorted((run for run in runs if not run.problem), key=lambda run: not run.evaluation):
        numbers = [run.episodes.returns, run.episodes.distance] if len(run.episodes) else [run.evaluations.returns]
        if not any(map(len, numbers)):
            continue
        key = (*sorted(run.settings.items()), *(one.tobytes() for one in numbers))
        other = first.setdefault(key, run)
        if other is not run:
            problem = f"repeats {other.name}: the same settings, seed and numbers, so it counts once"
            found[run.name] = dataclasses.replace(run, problem=problem)
    return list(found.values())


def other_sections(values: Mapping[str, Any]) -> dict[str, Any]:
    """The sections of a `config.yaml` beyond those of every run; of `distillation` the settings that are learned with."""
    found = {name: values[name] for name in values if name not in _SECTIONS}
    taught = found.get(_DISTILLATION)
    if isinstance(taught, Mapping) and isinstance(taught.get("settings"), Mapping):
        found[_DISTILLATION] = {name: taught["settings"][name] for name in _TAUGHT_WITH if name in taught["settings"]}
    return found


def _tasks_of_student(values: Mapping[str, Any]) -> list[str]:
    """The tasks that a student of policy distillation learned; empty for other runs. `values`: of its `config.yaml`."""
    taught = values.get(_DISTILLATION)
    tasks = taught.get("tasks") if isinstance(taught, Mapping) else None
    return list(dict.fromkeys(map(str, tasks))) if isinstance(tasks, list) else []


def _not_measured(run: Path, ended: str, tasks: Sequence[str]) -> str:
    """Why a run has no score, and the command that makes one."""
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


def _evaluation(run: Path, last_step: int) -> tuple[dict[str, float], str]:
    """The figures of a run's `evaluation.json`, and in words the conditions in which it is not that of the final model."""
    path = run / "evaluation.json"
    try:
        values = mapping(read_json(path), str(path))
        names = ("success_rate", "mean_return", "mean_final_distance_m", "episodes")
        figures = {name: number(values.get(name), f"{path}: {name}") for name in names}
        given = mapping(values.get("conditions", {}), f"{path}: conditions")
    except FileError:
        return {}, ""
    model = PurePath(str(values.get("model"))).name
    if model in ("final", str(None)) or model.endswith("_final"):
        if values.get("num_timesteps", last_step) != last_step and last_step:
            return {}, ""  # the run was trained further
        model = ""
    words = [f"model {model}"] if model else []
    words += [name if value is True else f"{name} {value}" for name, value in sorted(given.items())]
    return figures, one_line(", ".join(words))


def one_line(error: object) -> str:
    """Return a value as one short line that can be printed. File names may hold bytes that are not UTF-8."""
    return " ".join(str(error).encode("utf-8", "backslashreplace").decode().split())[:300]
