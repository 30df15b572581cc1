"""The logs of a run: progress.csv, TensorBoard's files and monitor.csv.

When a run is resumed, rows after the checkpoint are removed and new rows are appended. On a full disk a row that cannot be
written is lost, one line reports it, and training continues.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stable_baselines3.common.logger import CSVOutputFormat, KVWriter, Logger, TensorBoardOutputFormat

from rl_trainer_ros.training.checkpoints.folders import Checkpoint
from rl_trainer_ros.training.runs.run_tables import TABLE_LIMIT, number_in, read_rows
from robot_interface_ros.files.atomic_file import write_atomically
from robot_interface_ros.files.untrusted_files import FileError, read_bytes

MONITOR, PROGRESS, EVALUATIONS = "monitor.csv", "progress.csv", "evaluations.csv"
CROSS_EVALUATIONS = "cross_evaluations.csv"
VIDEOS = "videos"
_TABLES = {PROGRESS: "time/total_timesteps", EVALUATIONS: "steps", CROSS_EVALUATIONS: "steps"}
"""Tables whose rows belong to a number of steps, and the column with this number."""


def sizes(run: Path) -> dict[str, int]:
    """Return the size of each robot's monitor file in bytes, by its path in the run's folder."""
    check_places(run)
    return {str(path.relative_to(run)): path.stat().st_size for path in _monitors(run) if path.is_file()}


def check_places(run: Path) -> None:
    """Raise FileError where something other than a file stands in the place of a run's table."""
    for path in (*_monitors(run), *(run / name for name in _TABLES)):
        if path.exists() and not path.is_file():
            raise FileError(f"{path} is not a regular file; the run writes a table there: move it away")


def _monitors(run: Path) -> list[Path]:
    return [run / MONITOR, *run.glob(f"[0-9]*/{MONITOR}")]


def beyond(run: Path, checkpoint: Checkpoint | None) -> dict[str, str]:
    """Return the rows written after `checkpoint` (None: all), with their header, by file; empty if there are none."""
    kept = checkpoint.about.get("logs", {}) if checkpoint else {}
    found = {}
    for name, size in sizes(run).items():
        header = _header(run / name)
        begin = max(len(header), min(size, kept.get(name, 0)))
        rows = read_bytes(run / name, TABLE_LIMIT)[begin:]
        found[name] = (header + rows).decode(errors="replace") if rows else ""
    steps = checkpoint.num_timesteps if checkpoint else 0
    for name, column in _TABLES.items():
        found[name] = _text(_table(run / name, column, steps)[1])
    return found


def films_beyond(run: Path, steps: int) -> list[Path]:
    """Return the films of evaluations after `steps` steps."""
    return [file for file in (run / VIDEOS).glob("*.gif") if file.stem.isdecimal() and int(file.stem) > steps]


def cut(run: Path, checkpoint: Checkpoint | None) -> None:
    """Remove the rows written after `checkpoint` (None: all). Headers are kept."""
    kept = checkpoint.about.get("logs", {}) if checkpoint else {}
    for name, size in sizes(run).items():
        os.truncate(run / name, max(len(_header(run / name)), min(size, kept.get(name, 0))))
    steps = checkpoint.num_timesteps if checkpoint else 0
    for name, column in _TABLES.items():
        if (run / name).is_file():
            write_atomically(run / name, _text(_table(run / name, column, steps)[0]))


def logger(run: Path, steps: int | None, report: Callable[[str], None]) -> Logger:
    """Return a logger to progress.csv and TensorBoard's files; `steps`: number at which a run resumes, None: a new run.

    On a full disk rows are lost, which is reported; training continues.
    """

    def tensorboard() -> TensorBoardOutputFormat:
        return TensorBoardOutputFormat(str(run)) if steps is None else ContinuedTensorBoard(run, steps)

    def table() -> CSVOutputFormat:
        path = run / PROGRESS
        return CSVOutputFormat(str(path)) if steps is None or not path.is_file() else ContinuedCsv(path)

    return Logger(str(run), [TolerantWriter(table, report, once=True), TolerantWriter(tensorboard, report)])


class ContinuedCsv(CSVOutputFormat):
    """stable-baselines3's table that appends to existing rows."""

    def __init__(self, path: Path):
        self.file = open(path, "r+", encoding="utf-8")  # noqa: SIM115  closed by close()
        header = self.file.readline().strip()
        self.keys = header.split(",") if header else []
        self.separator, self.quotechar = ",", '"'
        self.file.seek(0, os.SEEK_END)


class ContinuedTensorBoard(TensorBoardOutputFormat):
    """stable-baselines3's writer that tells TensorBoard to drop all data after a step."""

    def __init__(self, run: Path, steps: int):
        from torch.utils.tensorboard import SummaryWriter

        self.writer: Any = SummaryWriter(log_dir=str(run), purge_step=steps + 1)
        self._is_closed = False


def _table(path: Path, column: str, steps: int) -> tuple[list[list[str]], list[list[str]]]:
    """Return a table's rows up to `steps`, and the others, each with the header; empty if there are none."""
    if not path.is_file():
        return [], []
    rows = read_rows(path)
    if not rows or column not in rows[0]:
        return [], rows
    header, place = rows[0], rows[0].index(column)
    kept: list[list[str]] = []
    others: list[list[str]] = []
    for row in rows[1:]:
        whole = len(row) == len(header)
        (kept if whole and number_in(row[place]) <= steps else others).append(row)
    return [header, *kept] if kept else [], [header, *others] if others else []


def _text(rows: list[list[str]]) -> str:
    return "".join(f"{','.join(row)}\n" for row in rows)


def _header(path: Path) -> bytes:
    """Return the first two lines of a monitor file; empty if they are incomplete."""
    with open(path, "rb") as stream:
        lines = stream.readline(), stream.readline()
    return b"".join(lines) if all(line.endswith(b"\n") for line in lines) else b""


Report = Callable[[str], None]


class TolerantWriter(KVWriter):
    """A writer of stable-baselines3's logger that tolerates a full disk."""

    def __init__(self, make: Callable[[], Any], report: Report, once: bool = False):
        """`make`: opens the writer, also again after a failure; `once`: it recovers by itself and is not opened again."""
        self._make, self._report, self._once = make, report, once
        self._writer: Any = make()
        self._failed = False

    def write(self, key_values: Any, key_excluded: Any, step: int = 0) -> None:
        """See KVWriter."""
        try:
            if self._writer is None:
                self._writer = self._make()
            self._writer.write(key_values, key_excluded, step)
            self._failed = False
        except OSError as error:
            if not self._once:
                self._writer = None
            if not self._failed:
                self._report(f"a log cannot be written ({error}); rows are lost, training continues")
            self._failed = True

    def close(self) -> None:
        """See KVWriter."""
        try:
            if self._writer is not None:
                self._writer.close()
        except OSError as error:
            self._report(f"a log cannot be written ({error})")


class TolerantRows:
    """The same for the rows of stable-baselines3's Monitor: it tolerates a full disk."""

    def __init__(self, writer: Any, report: Report):
        self._writer, self._report = writer, report
        self._failed = False

    def write_row(self, row: dict[str, Any]) -> None:
        """Write the row of one episode; it is lost if the disk is full."""
        try:
            self._writer.write_row(row)
            self._failed = False
        except OSError as error:
            if not self._failed:
                self._report(f"monitor.csv cannot be written ({error}); rows are lost, training continues")
            self._failed = True

    def close(self) -> None:
        """Close the file."""
        try:
            self._writer.close()
        except OSError as error:
            self._report(f"monitor.csv cannot be written ({error})")
