"""Evaluations during a training: rows in `evaluations.csv`, and the run `evaluation` beside the training in TensorBoard."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rl_trainer_ros.training.runs.logs import EVALUATIONS as EVALUATIONS
from rl_trainer_ros.training.runs.logs import VIDEOS as VIDEOS
from rl_trainer_ros.training.runs.run_tables import read_table, steps_in
from robot_interface_ros.files.atomic_file import write_atomically

if TYPE_CHECKING:
    from rl_trainer_ros.evaluation.episodes import Evaluation

_FILM_TAG = "task/first_episode"
_TAGS = {  # those of the training, so that TensorBoard draws both into one chart
    "success_rate": "task/success_rate",
    "mean_final_distance_m": "task/final_distance_m",
    "mean_return": "rollout/ep_rew_mean",
    "mean_steps": "rollout/ep_len_mean",
}


class EvaluationLog:
    """Rows are kept and the file is written whole each time, so that a kill leaves none that is cut."""

    def __init__(self, run: Path, steps: int):
        """`steps`: after which the training goes on; rows beyond are dropped, 0 in a new run."""
        self._run = run
        self._rows: list[dict[str, Any]] = []
        if (run / EVALUATIONS).is_file():
            self._rows = [row for row in read_table(run / EVALUATIONS) if steps_in(row, "steps") <= steps]
        self._steps, self._writer = steps, None  # type: int, Any

    def add(self, steps: int, evaluation: Evaluation, seconds: float) -> None:
        """Add one evaluation; `seconds` is how long it took."""
        self._rows.append({"steps": steps, **row_of(evaluation), "seconds": f"{seconds:.2f}"})
        text = io.StringIO()
        table = csv.DictWriter(text, list(self._rows[-1]), extrasaction="ignore", lineterminator="\n")
        table.writeheader()
        table.writerows(self._rows)
        write_atomically(self._run / EVALUATIONS, text.getvalue())
        figures = evaluation.to_dict()
        for name, tag in _TAGS.items():
            self.writer.add_scalar(tag, figures[name], steps)
        self.writer.add_scalar("time/evaluation_s", seconds, steps)
        self.writer.flush()

    def add_film(self, steps: int, gif: bytes) -> None:
        """Add the film of an episode, as a file and to TensorBoard's images, which play a GIF."""
        write_atomically(self._run / VIDEOS / f"{steps}.gif", gif)
        from tensorboard.compat.proto.summary_pb2 import Summary

        width, height = (int.from_bytes(gif[i : i + 2], "little") for i in (6, 8))
        image = Summary.Image(height=height, width=width, colorspace=3, encoded_image_string=gif)
        self.writer.file_writer.add_summary(Summary(value=[Summary.Value(tag=_FILM_TAG, image=image)]), steps)
        self.writer.flush()

    @property
    def writer(self) -> Any:
        """TensorBoard's, in a folder of its own: of two files in one it reads but the newer."""
        if self._writer is None:
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(log_dir=str(self._run / "evaluation"), purge_step=self._steps + 1)
        return self._writer

    def close(self) -> None:
        """Close TensorBoard's file."""
        if self._writer is not None:
            self._writer.close()


def row_of(evaluation: Evaluation) -> dict[str, Any]:
    """The figures of one evaluation, those with an interval with its ends, in columns."""
    row: dict[str, Any] = {}
    for name, value in evaluation.to_dict().items():
        if isinstance(value, list):
            row[f"{name.removesuffix('_interval')}_low"], row[f"{name.removesuffix('_interval')}_high"] = value
        else:
            row[name] = value
    return row
