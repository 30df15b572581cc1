"""A run's logs when it goes on: rows after the checkpoint are dropped, those that follow are appended."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stable_baselines3.common.logger import CSVOutputFormat, Logger, TensorBoardOutputFormat

from rl_trainer_ros.checkpoints.folders import Checkpoint
from rl_trainer_ros.checkpoints.full_disk import TolerantWriter
from rl_trainer_ros.run_folder import write_text

MONITOR, PROGRESS = "monitor.csv", "progress.csv"
_STEPS = "time/total_timesteps"


def sizes(run: Path) -> dict[str, int]:
    """Return the size in bytes of each robot's monitor file, by its path in the run's folder."""
    files = (run / MONITOR, *run.glob(f"[0-9]*/{MONITOR}"))
    return {str(path.relative_to(run)): path.stat().st_size for path in files if path.is_file()}


def cut(run: Path, checkpoint: Checkpoint | None) -> None:
    """Drop the rows that were written after `checkpoint`; None: all."""
    kept = checkpoint.about.get("logs", {}) if checkpoint else {}
    for name, size in sizes(run).items():
        os.truncate(run / name, min(size, kept.get(name, 0)))
    path = run / PROGRESS
    if path.is_file():
        with open(path, encoding="utf-8", newline="") as stream:
            rows = list(csv.reader(stream))
        steps = checkpoint.num_timesteps if checkpoint else 0
        write_text(path, "".join(f"{','.join(row)}\n" for row in _up_to(rows, steps)))


def logger(run: Path, steps: int | None, report: Callable[[str], None]) -> Logger:
    """Return a logger into progress.csv and TensorBoard's files; `steps`: those after which a run goes on, None: a new run.

    Where the disk is full rows are lost, and said to be; training goes on.
    """

    def tensorboard() -> TensorBoardOutputFormat:
        return TensorBoardOutputFormat(str(run)) if steps is None else ContinuedTensorBoard(run, steps)

    def table() -> CSVOutputFormat:
        path = run / PROGRESS
        return CSVOutputFormat(str(path)) if steps is None or not path.is_file() else ContinuedCsv(path)

    return Logger(str(run), [TolerantWriter(table, report, once=True), TolerantWriter(tensorboard, report)])


def first_moment(path: Path) -> float | None:
    """Return the time at which a monitor file begins, s since the epoch; None where there is no whole header."""
    try:
        with open(path, encoding="utf-8") as stream:
            return float(json.loads(stream.readline()[1:])["t_start"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


class ContinuedCsv(CSVOutputFormat):
    """stable-baselines3's table, which appends to the rows that are there."""

    def __init__(self, path: Path):
        self.file = open(path, "r+", encoding="utf-8")  # noqa: SIM115  closed by close()
        header = self.file.readline().strip()
        self.keys = header.split(",") if header else []
        self.separator, self.quotechar = ",", '"'
        self.file.seek(0, os.SEEK_END)


class ContinuedTensorBoard(TensorBoardOutputFormat):
    """stable-baselines3's writer, which tells TensorBoard to forget what came after a step."""

    def __init__(self, run: Path, steps: int):
        from torch.utils.tensorboard import SummaryWriter

        self.writer: Any = SummaryWriter(log_dir=str(run), purge_step=steps + 1)
        self._is_closed = False


def _up_to(rows: list[list[str]], steps: int) -> list[list[str]]:
    """The header and the whole rows of no more than so many steps."""
    if not rows or _STEPS not in rows[0]:
        return []
    column = rows[0].index(_STEPS)
    whole = [row for row in rows[1:] if len(row) == len(rows[0]) and row[column]]
    kept = [row for row in whole if float(row[column]) <= steps]
    return [rows[0], *kept] if kept else []
