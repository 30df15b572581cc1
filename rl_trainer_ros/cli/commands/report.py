"""`rl_trainer report`: write a page that compares the runs of a folder."""

from __future__ import annotations

from dataclasses import dataclass

from rl_trainer_ros.cli.command import Command
from rl_trainer_ros.cli.shown_progress import Progress
from robot_interface_ros.config import ConfigError, option
from robot_interface_ros.files.paths import check_file, expanded
from robot_interface_ros.start import leaving_at_once


@dataclass(frozen=True)
class ReportOptions:
    """Arguments of `rl_trainer report`."""

    folder: str = option("", "folder of the runs, at any depth; empty: log_dir", path=True)
    file: str = option(
        "",
        "page to write (.html); its tables (.csv) are written next to it; empty: report.html in the folder",
        path=True,
    )
    title: str = option("", "title of the page; empty: algorithms and tasks of the runs")
    window: int = option(100, "number of training episodes to average in curves", minimum=1, maximum=1_000_000)
    log_dir: str = option("runs", "folder of the runs if `folder` is empty", path=True)


def write(options: ReportOptions) -> int:
    """Write the page, and print a summary."""
    folder = expanded(options.folder or options.log_dir)
    if not folder.is_dir():
        raise ConfigError(f"there is no folder {folder}; give the folder of the runs: folder:=...")
    file = expanded(options.file) if options.file else folder / "report.html"
    if file.suffix not in (".html", ".htm"):
        raise ConfigError(f"file is {options.file}; give the name of an .html file")
    check_file("file", file.with_name(f"{file.stem}_comparisons.csv"))  # the longest of its names
    check_file("file", file)
    with leaving_at_once():
        from rl_trainer_ros.report.write import write_report

    progress: list[Progress] = []

    def show(done: int, total: int) -> None:
        if not progress:
            progress.append(Progress("run", total))
        progress[0].show(done)

    written = write_report(folder, file, options.title, options.window, show)
    report = written.report
    for run in report.not_compared:
        print(f"  not compared: {run.name}: {run.problem}")
    for problem in report.problems:
        print(f"  not read: {problem}")
    whole = len(report.runs) + len(report.left_out) - len(report.not_compared)
    tables = ", ".join(path.name for path in written.files[1:])
    print(f"report on {whole} finished runs, {len(report.not_compared)} others, in {file}; tables next to it: {tables}")
    return 0


COMMAND = Command(
    "report",
    "write a page that compares the runs of a folder: curves, intervals, comparisons, matrices, films",
    run=write,
    options=ReportOptions,
    examples=(
        "rl_trainer report                                       # of all runs in runs/",
        "rl_trainer report folder:=runs/reach file:=reach.html title:='Reach, three learning rates'",
    ),
)
