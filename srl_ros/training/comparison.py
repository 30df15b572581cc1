"""Compares any number of encoders in one table and one picture."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np

from robot_interface_ros.files.atomic_file import write_atomically
from srl_ros.encoder import Encoder
from srl_ros.training.batches import gathered
from srl_ros.training.evaluation import figures, places, thinned
from srl_ros.transitions import DatasetError, TransitionSource, split_by_episode

COLUMNS = (
    "encoder",
    "cameras",
    "values",
    "gtc_target",
    "knn_mse_target",
    "nmse_target",
    "r2_target",
    "nonlinear_r2_target",
    "probe_cm_target",
    "r2_hand",
    "nonlinear_r2_hand",
    "r2_objects",
    "nonlinear_r2_objects",
    "reward_accuracy",
    "minutes",
)
"""Of the table. gtc: mean of the largest correlations; r2: linear; probe_cm: median error of a small network's read-out;
objects: mean over the world's loose objects, which a state does not need."""


def compare(folders: list[Path], to: Path, source: TransitionSource | None = None, seed: int = 0) -> list[str]:
    """Write `encoders.csv` and `encoders.png` into `to`; return the lines of the table.

    With `source` every encoder is judged on the same transitions, of which a half trains the read-outs; else the figures are
    those of each training, of its own unseen images. Raises DatasetError for a camera that the source lacks.
    """
    rows = []
    for folder in folders:
        encoder = Encoder.load(folder)
        metrics = encoder.metrics if source is None else {**encoder.metrics, **judged(encoder, source, seed)}
        rows.append(row_of(encoder, metrics))
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    writer.writerows(rows)
    to.mkdir(parents=True, exist_ok=True)
    write_atomically(to / "encoders.csv", text.getvalue())
    save_bars(to / "encoders.png", rows)
    cells = [COLUMNS, *(tuple(str(row[name]) for name in COLUMNS) for row in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(COLUMNS))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in cells]


def judged(encoder: Encoder, source: TransitionSource, seed: int = 0) -> dict[str, Any]:
    """Return the figures of an encoder on transitions; the read-outs are trained on half of the episodes."""
    missing = [camera for camera in encoder.cameras if camera not in source.cameras]
    if missing:
        raise DatasetError(f"{encoder.id} needs images of {missing[0]}; these are of {', '.join(source.cameras)}")
    at = [source.cameras.index(camera) for camera in encoder.cameras]
    parts = []
    for rows in split_by_episode(source.episodes, 0.5, np.random.default_rng(seed)):
        few = thinned(rows)
        states = [
            encoder.encode_batch(np.ascontiguousarray(source.gather(some).images[:, at]))
            for some in np.array_split(few, -(-len(few) // 256))
        ]
        parts.append((np.concatenate(states), gathered(source, few, ("ground_truth",))["ground_truth"]))
    return figures(*parts[0], *parts[1], source.truth_names)


def row_of(encoder: Encoder, metrics: dict[str, Any]) -> dict[str, Any]:
    """Return one row of the table. Cells of unknown figures are empty."""
    target, hand = _group(metrics, "target"), _group(metrics, "hand")
    loose = [
        _group(metrics, place) for place in places(tuple(_group(metrics, "gtc"))) if place not in ("target", "hand")
    ]
    objects = {
        name: float(np.mean(known))
        for name in ("linear_r2", "nonlinear_r2")
        if (known := [one[name] for one in loose if isinstance(one.get(name), float)])
    }
    values = {
        "encoder": encoder.id,
        "cameras": "+".join(encoder.cameras),
        "values": encoder.state_dim,
        "gtc_target": target.get("gtc_mean"),
        "knn_mse_target": target.get("knn_mse"),
        "nmse_target": target.get("nmse"),
        "r2_target": target.get("linear_r2"),
        "nonlinear_r2_target": target.get("nonlinear_r2"),
        "probe_cm_target": target.get("probe_error_cm"),
        "r2_hand": hand.get("linear_r2"),
        "nonlinear_r2_hand": hand.get("nonlinear_r2"),
        "r2_objects": objects.get("linear_r2"),
        "nonlinear_r2_objects": objects.get("nonlinear_r2"),
        "reward_accuracy": metrics.get("reward_accuracy"),
        "minutes": metrics.get("minutes"),
    }
    return {
        name: f"{v:.3g}" if isinstance(v, float) else v if isinstance(v, (str, int)) else ""
        for name, v in values.items()
    }


def _group(metrics: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the figures of a group; none where an encoder.json has something else there."""
    found = metrics.get(name)
    return found if isinstance(found, dict) else {}


def save_bars(path: Path, rows: list[dict[str, Any]]) -> None:
    """Draw R^2 of target and hand, and the error of the read-out, a bar for each encoder."""
    from matplotlib.figure import Figure

    shown = ("nonlinear_r2_target", "probe_cm_target", "nonlinear_r2_hand")
    figure = Figure(figsize=(12, 1.2 + 0.28 * len(rows)), layout="constrained")
    names = [f"{row['encoder'].rpartition('-')[0]} ({row['cameras']})" for row in rows]
    for i, column in enumerate(shown):
        axes = figure.add_subplot(1, len(shown), i + 1, title=column)
        axes.barh(range(len(rows)), [float(row[column] or 0.0) for row in rows])
        axes.set_yticks(range(len(rows)), names if i == 0 else [""] * len(rows), fontsize=8)
        axes.invert_yaxis()
    figure.savefig(path, dpi=100)
