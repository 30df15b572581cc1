"""A table of states: one row a method, cameras and seed. Run again after an interruption, it goes on.

    .venv/bin/python benchmarks/states.py --frames 20000 --epochs 10

Transitions of reach with a random target are recorded once and kept in the folder of results; each encoder is trained on
them and judged on their held-out episodes (`srl_ros.training.evaluation`). `table.csv` and `table.md` are written after
each row, and rows that are there are not made again.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import time
from pathlib import Path

from rl_trainer_ros import factories
from rl_trainer_ros.cli.commands.train_srl import TrainSrlOptions, recorded
from srl_ros.dataset import Dataset
from srl_ros.methods import METHODS, encoded

TWO = ("external", "above")
FIGURES = ("gtc_mean", "knn_mse", "nmse", "linear_r2", "nonlinear_r2", "probe_error_cm", "probe_error_90_cm")
HEAD = (
    *("method", "cameras", "seed", "frames", "epochs", "values"),
    *(f"target_{name}" for name in FIGURES),
    *("hand_linear_r2", "hand_nonlinear_r2", "reward_accuracy", "minutes"),
)


def data(folder: Path, frames: int, seed: int, task: str) -> Dataset:
    """Return transitions seen by both cameras, from the folder or the simulator."""
    path = folder / f"transitions-{task}-{frames}-{seed}.npz"
    if path.is_file():
        return Dataset.load(path)
    source = Dataset(**recorded(TrainSrlOptions(images=frames, seed=seed, task=task), TWO))
    source.save(path)
    return source


def of_cameras(source: Dataset, cameras: tuple[str, ...]) -> Dataset:
    """Return the same transitions seen by some of the cameras."""
    at = [source.cameras.index(camera) for camera in cameras]
    assert source.next_images is not None
    return dataclasses.replace(
        source, images=source.images[:, at], next_images=source.next_images[:, at], cameras=cameras
    )


def row(source: Dataset, method: str, seed: int, epochs: int, folder: Path, pictures: bool) -> dict[str, object]:
    """Train one encoder and return its row."""
    config = factories.training_config(method, seed=seed, **({"epochs": epochs} if epochs else {}))
    begin = time.monotonic()
    place = folder / f"{method}-{'+'.join(source.cameras)}-{seed}"
    encoder = factories.train_encoder(source, config, place, pictures=pictures)
    metrics = encoder.metrics  # type: ignore[attr-defined]
    found = {f"target_{name}": f"{metrics['target'][name]:.3g}" for name in FIGURES}
    accuracy = metrics.get("reward_accuracy")
    return {
        "method": method,
        "cameras": "+".join(source.cameras),
        "seed": seed,
        "frames": len(source),
        "epochs": config.epochs,
        "values": encoder.state_dim,
        **found,
        "hand_linear_r2": f"{metrics['hand']['linear_r2']:.3g}",
        "hand_nonlinear_r2": f"{metrics['hand']['nonlinear_r2']:.3g}",
        "reward_accuracy": "" if accuracy is None else f"{accuracy:.3g}",
        "minutes": f"{(time.monotonic() - begin) / 60.0:.2f}",
    }


def save(folder: Path, rows: list[dict[str, object]]) -> None:
    """Write the table, as CSV and as text for a page."""
    with (folder / "table.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, HEAD)
        writer.writeheader()
        writer.writerows(rows)
    lines = [
        " | ".join(HEAD),
        " | ".join("---" for _ in HEAD),
        *(" | ".join(str(one[k]) for k in HEAD) for one in rows),
    ]
    (folder / "table.md").write_text("".join(f"| {line} |\n" for line in lines), encoding="utf-8")


def main() -> None:
    """Make the rows that are missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=20_000)
    parser.add_argument("--epochs", type=int, default=0, help="0: as in config/srl/")
    parser.add_argument("--methods", nargs="*", default=list(encoded()))
    parser.add_argument("--cameras", type=int, nargs="*", default=[1, 2], help="1, 2 or both")
    parser.add_argument("--seeds", type=int, nargs="*", default=[0])
    parser.add_argument("--no-pictures", action="store_true", help="leave the pictures of each encoder out")
    parser.add_argument("--task", default="reach")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no row after this time")
    parser.add_argument("--out", type=Path, default=Path("runs/benchmark_states"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    begin, table = time.monotonic(), options.out / "table.csv"
    rows: list[dict[str, object]] = []
    if table.is_file():
        with table.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    source = data(options.out, options.frames, 0, options.task)
    print(f"{len(source):,} transitions after {time.monotonic() - begin:.0f} s", flush=True)
    for seed in options.seeds:
        for count in options.cameras:
            seen = of_cameras(source, TWO[:count])
            for method in options.methods:
                key = (method, "+".join(seen.cameras), str(seed), str(len(source)))
                done = {(one["method"], one["cameras"], str(one["seed"]), str(one["frames"])) for one in rows}
                late = (time.monotonic() - begin) / 60.0 > options.minutes
                if key in done or late or (len(METHODS[method].cameras) > count):
                    continue
                rows.append(row(seen, method, seed, options.epochs, options.out, not options.no_pictures))
                save(options.out, rows)
                print(*(f"{name}={value}" for name, value in rows[-1].items()), flush=True)


if __name__ == "__main__":
    main()
