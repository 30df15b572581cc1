"""A table of states: one row a method, cameras and seed. Run again after an interruption, it goes on.

    .venv/bin/python benchmarks/states.py --frames 20000 --epochs 10

Transitions with a random target are recorded once and kept in `<out>/<task>`, in files of 200; those that are there are
not recorded again, and more frames are recorded after them. Each encoder is trained on them and judged on their held-out
episodes (`srl_ros.training.evaluation`). `table.csv` and `table.md` are written after each row. A row that is there is not
made again, and an interrupted one goes on after its last epoch.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import time
from pathlib import Path
from typing import Any

from rl_trainer_ros import factories
from rl_trainer_ros.cli.commands.train_srl import TrainSrlOptions, recorded
from srl_ros.dataset import Dataset
from srl_ros.methods import METHODS, encoded
from srl_ros.training.evaluation import places

TWO = ("external", "above")
FIGURES = ("gtc_mean", "knn_mse", "nmse", "linear_r2", "nonlinear_r2", "probe_error_cm", "probe_error_90_cm")
KEYS = ("method", "cameras", "seed", "frames", "epochs")
OTHERS = ("linear_r2", "nonlinear_r2")
"""Figures of the hand, and of each loose object of the world, as columns after those of HEAD."""
HEAD = (
    *(*KEYS, "values"),
    *(f"target_{name}" for name in FIGURES),
    *("reward_accuracy", "minutes"),
)


def data(folder: Path, frames: int, seed: int, task: str) -> Dataset:
    """Return transitions seen by both cameras, from the folder or the simulator.

    They are kept in files of a few hundred: an interrupted recording goes on, and so does one of more frames.
    """
    options = TrainSrlOptions(images=frames, seed=seed, task=task)
    return Dataset(**recorded(options, TWO, folder / f"transitions-{seed}"))


def of_cameras(source: Dataset, cameras: tuple[str, ...]) -> Dataset:
    """Return the same transitions seen by some of the cameras."""
    at = [source.cameras.index(camera) for camera in cameras]
    assert source.next_images is not None
    return dataclasses.replace(
        source, images=source.images[:, at], next_images=source.next_images[:, at], cameras=cameras
    )


def encoder_settings(method: str, seed: int, epochs: int) -> Any:
    """Return the settings of an encoder's training; `epochs` 0: as in config/srl/."""
    return factories.training_config(method, seed=seed, **({"epochs": epochs} if epochs else {}))


def key(source: Dataset, config: Any) -> tuple[str, ...]:
    """Return the key of a row, as in the table: KEYS."""
    return (config.method, "+".join(source.cameras), str(config.seed), str(len(source)), str(config.epochs))


def row(source: Dataset, config: Any, folder: Path, pictures: bool) -> dict[str, object]:
    """Train one encoder and return its row."""
    begin = time.monotonic()
    encoder = factories.train_encoder(source, config, folder / "-".join(key(source, config)), pictures=pictures)
    metrics = encoder.metrics  # type: ignore[attr-defined]
    found = {f"target_{name}": f"{metrics['target'][name]:.3g}" for name in FIGURES}
    accuracy = metrics.get("reward_accuracy")
    others = [place for place in places(source.names) if place != "target"]
    return {
        **dict(zip(KEYS, key(source, config))),
        "values": encoder.state_dim,
        **found,
        "reward_accuracy": "" if accuracy is None else f"{accuracy:.3g}",
        "minutes": f"{(time.monotonic() - begin) / 60.0:.2f}",
        **{f"{other}_{name}": f"{metrics[other][name]:.3g}" for other in others for name in OTHERS},
    }


def save(folder: Path, rows: list[dict[str, object]]) -> None:
    """Write the table, as CSV and as text for a page."""
    head = (*HEAD, *dict.fromkeys(name for one in rows for name in one if name not in HEAD))
    with (folder / "table.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, head)
        writer.writeheader()
        writer.writerows(rows)
    lines = [
        " | ".join(head),
        " | ".join("---" for _ in head),
        *(" | ".join(str(one[k]) for k in head) for one in rows),
    ]
    (folder / "table.md").write_text("".join(f"| {line} |\n" for line in lines), encoding="utf-8")


def main() -> None:
    """Make the rows that are missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=20_000)
    parser.add_argument("--epochs", type=int, default=0, help="0: as in config/srl/")
    parser.add_argument("--methods", nargs="*", default=list(encoded()), choices=list(encoded()), metavar="METHOD")
    parser.add_argument("--cameras", type=int, nargs="*", default=[1, 2], choices=[1, 2], help="1, 2 or both")
    parser.add_argument("--seeds", type=int, nargs="*", default=[0])
    parser.add_argument("--no-pictures", action="store_true", help="leave the pictures of each encoder out")
    parser.add_argument("--task", default="reach", help="reach, button, two_buttons_distractors or another task")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no row after this time")
    parser.add_argument("--out", type=Path, default=Path("runs/benchmark_states"))
    options = parser.parse_args()
    folder: Path = options.out / options.task
    folder.mkdir(parents=True, exist_ok=True)
    begin, table = time.monotonic(), folder / "table.csv"
    rows: list[dict[str, object]] = []
    if table.is_file():
        with table.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    there = {tuple(one[name] for name in KEYS) for one in rows}
    source = data(folder, options.frames, 0, options.task)
    print(f"{len(source):,} transitions after {time.monotonic() - begin:.0f} s", flush=True)
    for seed in options.seeds:
        for count in options.cameras:
            seen = of_cameras(source, TWO[:count])
            for method in options.methods:
                config = encoder_settings(method, seed, options.epochs)
                late = (time.monotonic() - begin) / 60.0 > options.minutes
                if key(seen, config) in there or late or len(METHODS[method].cameras) > count:
                    continue
                rows.append(row(seen, config, folder, not options.no_pictures))
                save(folder, rows)
                print(*(f"{name}={value}" for name, value in rows[-1].items()), flush=True)


if __name__ == "__main__":
    main()
