"""Logs of evaluations during a training: rows in `evaluations.csv`, and a run `evaluation` in TensorBoard."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from rl_trainer_ros.evaluation.episodes import Evaluation, row_of
from rl_trainer_ros.training.runs.logs import EVALUATIONS as EVALUATIONS
from rl_trainer_ros.training.runs.logs import VIDEOS as VIDEOS
from rl_trainer_ros.training.runs.run_tables import read_table, steps_in
from robot_interface_ros.files.atomic_file import write_atomically

_FILM_TAG = "task/first_episode"
_TAGS = {  # the same tags as in training, so that TensorBoard shows both in one chart
    "success_rate": "task/success_rate",
    "mean_final_distance_m": "task/final_distance_m",
    "mean_return": "rollout/ep_rew_mean",
    "mean_steps": "rollout/ep_len_mean",
}


class KeptRows:
    """A CSV file with a column of steps. The whole file is rewritten each time, so a kill never leaves an incomplete row."""

    def __init__(self, file: Path, steps: int):
        """`steps`: number at which the training resumes, 0 in a new run; later rows are dropped."""
        self._file, self.begins = file, steps
        self._rows: list[dict[str, Any]] = []
        if file.is_file():
            self._rows = [row for row in read_table(file) if steps_in(row, "steps") <= steps]

    def add(self, row: dict[str, Any]) -> None:
        """Add one row; its keys are the columns. Raises OSError."""
        self._rows.append(row)
        text = io.StringIO()
        table = csv.DictWriter(text, list(row), extrasaction="ignore", lineterminator="\n")
        table.writeheader()
        table.writerows(self._rows)
        write_atomically(self._file, text.getvalue())


def tensorboard_writer(folder: Path, steps: int) -> Any:
    """Return TensorBoard's writer for a run that resumes after `steps` steps.

    Each log needs its own folder: of two files in one folder TensorBoard reads only the newer one.
    """
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(log_dir=str(folder), purge_step=steps + 1)


class EvaluationLog:
    """Log of the evaluations of the training's task: rows, TensorBoard's values and films."""

    def __init__(self, run: Path, steps: int):
        """`steps`: number at which the training resumes, 0 in a new run; later rows are dropped."""
        self._run, self._rows = run, KeptRows(run / EVALUATIONS, steps)
        self._writer: Any = None

    def add(self, steps: int, evaluation: Evaluation, seconds: float) -> None:
        """Add one evaluation; `seconds`: its duration."""
        self._rows.add({"steps": steps, **row_of(evaluation), "seconds": f"{seconds:.2f}"})
        figures = evaluation.to_dict()
        for name, tag in _TAGS.items():
            self.writer.add_scalar(tag, figures[name], steps)
        self.writer.add_scalar("time/evaluation_s", seconds, steps)
        self.writer.flush()

    def add_film(self, steps: int, gif: bytes) -> None:
        """Add the film of an episode, as a file and to TensorBoard's images, which can play a GIF."""
        write_atomically(self._run / VIDEOS / f"{steps}.gif", gif)
        from tensorboard.compat.proto.summary_pb2 import Summary

        width, height = (int.from_bytes(gif[i : i + 2], "little") for i in (6, 8))
        image = Summary.Image(height=height, width=width, colorspace=3, encoded_image_string=gif)
        self.writer.file_writer.add_summary(Summary(value=[Summary.Value(tag=_FILM_TAG, image=image)]), steps)
        self.writer.flush()

    @property
    def writer(self) -> Any:
        """TensorBoard's writer."""
        if self._writer is None:
            self._writer = tensorboard_writer(self._run / "evaluation", self._rows.begins)
        return self._writer

    def close(self) -> None:
        """Close TensorBoard's file."""
        if self._writer is not None:
            self._writer.close()
