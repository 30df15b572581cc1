"""`rl_trainer cross_evaluate`: evaluate the models of several runs on the tasks of all runs."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rl_trainer_ros.cli.command import Command
from rl_trainer_ros.cli.shown_progress import Progress
from robot_interface_ros.command_lines import listed
from robot_interface_ros.config import ConfigError, option
from robot_interface_ros.errors import StopRequested
from robot_interface_ros.files.paths import check_file, check_folder, expanded, listed_paths
from robot_interface_ros.start import leaving_at_once

if TYPE_CHECKING:
    from rl_trainer_ros.evaluation.matrix import Matrix

FOLDER = "cross_evaluations"
TRANSFER = "_transfer.csv"
"""Suffix of the file with transfer and forgetting of a sequence of models."""


@dataclass(frozen=True)
class CrossEvaluateOptions:
    """Arguments of `rl_trainer cross_evaluate`."""

    runs: str = option(
        "latest",
        "models, separated by commas: latest, a run (path, or name in log_dir), a folder with runs, or RUN/checkpoints/STEPS",
    )
    model: str = option("final", "model of each run", choices=("final", "best", "latest"))
    tasks: str = option("", "tasks, separated by commas; empty: those of the runs")
    robots: str = option("", "robots, separated by commas; empty: those of the runs")
    imperfections: str = option("", "imperfections, separated by commas, may include none; empty: those of the runs")
    episodes: int = option(
        100, "number of unseen targets in each cell, the same for every model", minimum=1, maximum=1_000_000
    )
    sequence: bool = option(
        False,
        "the runs learned their tasks one after the other, in this order: report forgetting and transfer too. This is detected "
        "if each run started with the model of the run before",
    )
    file: str = option(
        "",
        "table to write (.csv); a plot (.png) is written with it; empty: <log_dir>/cross_evaluations/<time>.csv",
        path=True,
    )
    log_dir: str = option("runs", "folder with the runs", path=True)


def cross_evaluate_runs(options: CrossEvaluateOptions) -> int:
    """Evaluate, print the matrix, write it as a table and as a plot; return 1 if every cell is empty."""
    file = _file(options)
    with leaving_at_once():
        import torch

        from rl_trainer_ros.evaluation import matrix_picture
        from rl_trainer_ros.training.cross_evaluation import models as of_models
        from rl_trainer_ros.training.cross_evaluation import sequence, unfinished
        from rl_trainer_ros.training.cross_evaluation import tasks as of_tasks
        from rl_trainer_ros.training.cross_evaluation.measure import cross_evaluate, frame
        from rl_trainer_ros.training.runs import robot_files
        from rl_trainer_ros.training.runs.run_tables import write_table

    models = of_models.find(listed_paths(options.runs), options.log_dir, options.model, _note)
    names = of_models.labels(models)
    configs = [config for model in models for config in model.learned]
    tasks = of_tasks.evaluated(configs, *map(listed, (options.tasks, options.robots, options.imperfections)))
    in_sequence = options.sequence or (
        sequence.is_sequence(models) and not options.imperfections and not options.robots
    )
    columns = sequence.columns_of(models, tasks) if in_sequence else []
    for run, robot in dict.fromkeys((model.run, task.robot) for model in models for task in tasks):
        if changed := robot_files.difference(run, robot):
            print(f"another robot than {run} was trained on: {changed}", file=sys.stderr, flush=True)
    torch.set_num_threads(configs[0].torch_threads)
    n = len(models) + in_sequence
    print(f"evaluating {n} models on {len(tasks)} tasks, {options.episodes} episodes each, in process", flush=True)
    progress = Progress("episode", n * len(tasks) * options.episodes)
    empty = frame(models, names, tasks, in_sequence)
    if not options.file:
        file = unfinished.begun_in(file.parent, empty, options.episodes) or file
    known = unfinished.known(file, empty, options.episodes)
    if known:
        print(f"{len(known)} of {n * len(tasks)} cells are in {unfinished.beside(file)}", flush=True)
    try:
        matrix = cross_evaluate(
            models,
            names,
            tasks,
            options.episodes,
            untrained=in_sequence,
            report=progress.show,
            known=known,
            keep=lambda so_far: _keep(file, so_far),
        )
    except (KeyboardInterrupt, StopRequested):
        if unfinished.beside(file).is_file():
            _note(f"stopped; {unfinished.beside(file)} has the cells so far, and the same command continues with them")
        raise
    print(f"\n{matrix.text()}\n")
    for reason, cells in matrix.reasons().items():
        print(f"empty: {', '.join(cells[:4])}{f' and {len(cells) - 4} more' if cells[4:] else ''}: {reason}")
    kept = sequence.figures(matrix, columns) if in_sequence else []
    if kept:
        print(f"{sequence.text(kept)}\n")
        write_table(file.with_name(f"{file.stem}{TRANSFER}"), [one.row() for one in kept])
    write_table(file, matrix.rows())
    unfinished.beside(file).unlink(missing_ok=True)
    picture = file.with_suffix(".png")
    matrix_picture.save_picture(matrix, picture, f"{options.episodes} unseen targets in each cell")
    print("intervals of 95 %: success by Wilson's score, return by the bootstrap over episodes")
    print(f"matrix in {file}, picture in {picture}", flush=True)
    return 0 if any(cell.figures for cell in matrix.cells.values()) else 1


def _keep(file: Path, so_far: Matrix) -> None:
    """Write the cells so far; an evaluation continues where that fails."""
    from rl_trainer_ros.training.cross_evaluation import unfinished

    try:
        unfinished.save(file, so_far)
    except OSError as error:
        _note(f"the cells so far are not kept: {error}")


def _note(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _file(options: CrossEvaluateOptions) -> Path:
    from rl_trainer_ros.training.cross_evaluation import unfinished

    if not options.file:
        check_folder("log_dir", options.log_dir)
        folder, name = expanded(options.log_dir) / FOLDER, datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
        files = [folder / f"{one}.csv" for one in (name, *(f"{name}_{i}" for i in range(2, 100)))]
        return next(file for file in files if not file.exists() and not unfinished.beside(file).exists())
    file = expanded(options.file)
    if file.suffix != ".csv":
        raise ConfigError(f"file is {options.file}; give the name of a .csv file; the plot is written next to it")
    check_file("file", options.file)
    return file


COMMAND = Command(
    "cross_evaluate",
    "evaluate several trained policies on the tasks of all: a matrix, forgetting, transfer",
    run=cross_evaluate_runs,
    options=CrossEvaluateOptions,
    examples=(
        "rl_trainer cross_evaluate runs:=runs/circular,runs/square tasks:=circular,square,escape",
        "rl_trainer cross_evaluate runs:=latest imperfections:=none,mild,strong",
        "rl_trainer cross_evaluate runs:=2026-01-31_12-00-00/checkpoints/20000,2026-01-31_12-00-00",
    ),
)
