"""Makes the report on a folder of runs and writes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rl_trainer_ros.report import attachments, found_runs, tables
from rl_trainer_ros.report.found_runs import DamagedRun, FoundRun
from rl_trainer_ros.report.page.html import Report, html
from rl_trainer_ros.report.variants import by_task
from rl_trainer_ros.training.runs.run_tables import write_table
from robot_interface_ros.config import ConfigError
from robot_interface_ros.files.atomic_file import write_atomically


@dataclass(frozen=True)
class Written:
    """The written files, and the number of runs."""

    report: Report
    files: tuple[Path, ...]


def write_report(
    folder: Path, file: Path, title: str, window: int, progress: Callable[[int, int], None] = lambda done, total: None
) -> Written:
    """Write the page and its tables. Raises ConfigError where the folder holds no run; damaged runs have a line each."""
    report = make(folder, file, title, window, progress)
    rows = {
        "runs": tables.run_rows(report.tasks, report.differ, report.left_out),
        "variants": tables.variant_rows(report.tasks),
        "comparisons": tables.pair_rows(report.tasks),
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(file, html(report, datetime.now()).encode("utf-8", "replace"))
    files = [file]
    for name, table in rows.items():
        files.append(file.with_name(f"{file.stem}_{name}.csv"))
        write_table(files[-1], table)
    return Written(report, tuple(files))


def make(folder: Path, file: Path, title: str, window: int, progress: Callable[[int, int], None]) -> Report:
    """Read a folder of runs. Raises ConfigError where it holds none."""
    places = list(found_runs.find(folder))
    if not places:
        raise ConfigError(f"no run in {folder}; give a folder above run folders: folder:=runs")
    read: list[FoundRun | DamagedRun] = []
    for place in places:
        name = place.relative_to(folder) if place != folder else place.absolute().name
        read.append(found_runs.read(place, found_runs.one_line(name)))
        progress(len(read), len(places))
    shown = found_runs.without_repetitions([run for run in read if isinstance(run, FoundRun) and run.measured])
    left_out = [run for run in read if not isinstance(run, FoundRun) or not run.measured]
    tasks, differ = by_task(shown, window)
    matrices, problems = attachments.matrices(folder, places)
    if not shown and not matrices:
        first = left_out[0]
        raise ConfigError(
            f"none of the {len(left_out)} runs in {folder} has anything to show yet; {first.name}: {first.problem}"
            if len(left_out) > 1
            else f"the run {first.name} has nothing to show: {first.problem}"
        )
    during, more = attachments.during_trainings(shown)
    return Report(
        title or _title(shown, folder),
        folder,
        file,
        tasks,
        differ,
        left_out,
        matrices,
        during,
        attachments.films(tasks),
        [*problems, *more],
        window,
    )


def _title(runs: Sequence[FoundRun], folder: Path) -> str:
    tasks = sorted({run.settings["task"] for run in runs})
    algos = sorted({run.settings["algo"].upper() for run in runs})
    if not tasks:
        return f"Runs in {folder.absolute().name}"
    return (
        f"{' and '.join(algos)} on {' and '.join(tasks)}"
        if len(tasks) + len(algos) < 6
        else f"Runs in {folder.absolute().name}"
    )
