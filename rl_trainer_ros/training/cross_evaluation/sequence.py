"""Sequences of models that learned one task after the other: transfer and forgetting."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rl_trainer_ros.evaluation import transfer
from rl_trainer_ros.evaluation.matrix import RETURN, SUCCESS, Matrix
from rl_trainer_ros.training.cross_evaluation.models import Model
from rl_trainer_ros.training.cross_evaluation.tasks import EvaluatedTask, of_run
from robot_interface_ros.config import ConfigError
from robot_interface_ros.files.paths import expanded

GEM = "Lopez-Paz and Ranzato 2017"
SOURCES = {
    "average": GEM,
    "backward transfer": GEM,
    "forward transfer": GEM,
    "forgetting": "Chaudhry et al. 2018",
}


@dataclass(frozen=True)
class Kept:
    """One metric of a sequence."""

    name: str
    """A key of SOURCES."""
    of: str
    """The score, a column of the matrix."""
    value: float

    def row(self) -> dict[str, Any]:
        """Return it as a row of a CSV file."""
        return {"figure": self.name, "of": self.of, "value": self.value, "source": SOURCES[self.name]}


def is_sequence(models: Sequence[Model]) -> bool:
    """Return whether each model started from the one before it (`load_model`), on another task."""
    return len(models) > 1 and all(
        after.config.task != before.config.task and _begins_with(after, before)
        for before, after in zip(models, models[1:])
    )


def columns_of(models: Sequence[Model], tasks: Sequence[EvaluatedTask]) -> list[int]:
    """Return the index of the task that each model learned. Raises ConfigError if these are not all different."""
    found = []
    for model in models:
        own = of_run(model.config)
        fitting = [j for j, task in enumerate(tasks) if task == own]
        fitting = fitting or [j for j, task in enumerate(tasks) if task.task == own.task]
        if len(fitting) != 1:
            raise ConfigError(
                f"sequence: {model.run} learned task {own.task}, which is evaluated {len(fitting)} times; transfer needs the "
                "task of each run once"
            )
        found += fitting
    if len(found) < 2 or len(set(found)) < len(found):
        raise ConfigError("sequence: transfer needs at least two runs, each with another task; name one run per task")
    return found


def figures(matrix: Matrix, columns: Sequence[int]) -> list[Kept]:
    """Return the metrics of a sequence; `columns`: the tasks in their order. A further row belongs to the untrained model."""
    found = []
    for of in (SUCCESS, RETURN):
        values = matrix.values(of)[:, list(columns)]
        scores, rest = values[: len(columns)], values[len(columns) :]
        untrained = rest[0] if len(rest) else np.full(len(columns), math.nan)
        found += [
            Kept("average", of, transfer.average_score(scores)),
            Kept("backward transfer", of, transfer.backward_transfer(scores)),
            Kept("forward transfer", of, transfer.forward_transfer(scores, untrained)),
            Kept("forgetting", of, transfer.forgetting(scores)),
        ]
    return found


def text(kept: Sequence[Kept]) -> str:
    """Return the metrics as a table for a terminal."""
    lines = [f"  {'after the last task':<22}{'success, %':>12}{'return':>12}"]
    for name, source in SOURCES.items():
        values = {one.of: one.value for one in kept if one.name == name}
        success, total = 100.0 * values.get(SUCCESS, math.nan), values.get(RETURN, math.nan)
        lines.append(f"  {name:<22}{_signed(success, name, 1):>12}{_signed(total, name, 2):>12}   {source}")
    return "\n".join(lines)


def _signed(value: float, name: str, digits: int) -> str:
    if not math.isfinite(value):
        return "-"
    return f"{value:{'' if name == 'average' else '+'}.{digits}f}"


def _begins_with(model: Model, before: Model) -> bool:
    if not model.config.load_model:
        return False
    loaded = expanded(model.config.load_model).resolve()
    return before.run.resolve() in (loaded, *loaded.parents)
