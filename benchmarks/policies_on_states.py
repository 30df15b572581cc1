"""A table of policies on states: one row a method, cameras, algorithm and seed. After an interruption it continues.

    .venv/bin/python benchmarks/policies_on_states.py --seeds 0 1 2      # the whole table of reach: days on two cores
    .venv/bin/python benchmarks/policies_on_states.py --methods autoencoder --cameras 2
    .venv/bin/python benchmarks/policies_on_states.py --methods raw_pixels --algorithms drq --steps 50000
    .venv/bin/python benchmarks/policies_on_states.py --task distractors --methods supervised autoencoder

Encoders are trained on transitions that are recorded once (benchmarks/states.py has the functions). A policy trains in
process on eight robots. It is evaluated during the training and at its end, on targets that it has never seen. `table.csv`
and `table.md` are written after each row. An interrupted row resumes its run; a row of the table is not made again.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from states import TWO, data, encoder_settings, of_cameras

from rl_trainer_ros import factories
from rl_trainer_ros.environments.make_env import make_environment
from rl_trainer_ros.evaluation.episodes import evaluate
from rl_trainer_ros.training.checkpoints import trained_models
from rl_trainer_ros.training.train import TrainingRun
from rl_trainer_ros.training.trainer_config import TrainerConfig
from srl_ros.methods import METHODS

AT = (25_000, 50_000, 100_000, 150_000)
"""Steps at which the success of a row is shown; an evaluation is every AT[0] steps."""
LISTED = (
    *(
        "ground_truth",
        "supervised",
        "target_estimate",
        "reward_place",
        "autoencoder",
        "vae",
        "dae",
        "inverse_forward",
        "robotic_priors",
        "triplet",
        "curl",
    ),
    *("vicreg", "srl_3_splits", "random", "pca", "raw_pixels"),
)
ESTIMATES = ("target_estimate", "reward_place")
"""Methods whose state is an estimate of the target, which the observation filters."""
KEYS = ("method", "cameras", "algorithm", "preset", "observation", "seed", "frames", "epochs", "steps", "robots")
HEAD = (
    *KEYS,
    *("probe_error_cm", *(f"success_{steps // 1000}k" for steps in AT), "reached", "of", "final_distance_cm"),
    *("encoder_minutes", "minutes", "command"),
)


@dataclass(frozen=True)
class Row:
    """The settings of a row."""

    method: str
    cameras: tuple[str, ...]
    """Empty: no camera."""
    algorithm: str
    preset: str
    """Of the algorithm's settings."""
    observation: str
    """Settings of the observation, in YAML; empty for rows without an encoder."""
    seed: int
    frames: int
    """Transitions that the encoder is trained on; 0: no encoder."""
    epochs: int
    """Of the encoder's training."""
    steps: int
    robots: int

    @property
    def name(self) -> str:
        """Name of its folder."""
        return "-".join(re.sub(r"[^\w+]+", "_", part).strip("_") or "none" for part in self.key)

    @property
    def key(self) -> tuple[str, ...]:
        """The key of the row, as in the table."""
        numbers = (self.seed, self.frames, self.epochs, self.steps, self.robots)
        words = (self.method, "+".join(self.cameras), self.algorithm, self.preset, self.observation)
        return (*words, *map(str, numbers))


def planned(options: argparse.Namespace) -> list[Row]:
    """Return all rows that the options ask for: methods with an encoder, pixels and ground truth."""
    rows: dict[Row, None] = {}
    for seed in options.seeds:
        for method in options.methods:
            observation = METHODS[method].observation
            seen = observation in ("", "raw_pixels")
            for count in options.cameras if seen else (0,):
                if observation == "" and len(METHODS[method].cameras) > count:
                    continue
                for algorithm in options.algorithms:
                    if algorithm == "drq" and observation != "raw_pixels":
                        continue
                    data_of = (
                        (0, 0)
                        if observation
                        else (options.frames, encoder_settings(method, seed, options.epochs).epochs)
                    )
                    preset = options.preset if algorithm == "ppo" and observation != "raw_pixels" else ""
                    sees = options.observation or ("{estimate: true}" if method in ESTIMATES else "")
                    learner = (algorithm, preset, "" if observation else sees)
                    rows[Row(method, TWO[:count], *learner, seed, *data_of, options.steps, options.robots)] = None
    return list(rows)


def encoder_of(row: Row, options: argparse.Namespace) -> Path:
    """Return the folder of the row's encoder; train it if it is not there."""
    cameras = "+".join(row.cameras)
    folder: Path = options.out / "encoders" / f"{row.method}-{cameras}-{row.seed}-{row.frames}-{row.epochs}"
    if not (folder / "encoder.json").is_file():
        source = of_cameras(data(options.out, row.frames, 0, options.task), row.cameras)
        factories.train_encoder(source, encoder_settings(row.method, row.seed, row.epochs), folder, pictures=False)
    return folder


def settings(row: Row, options: argparse.Namespace, encoder: Path | None) -> TrainerConfig:
    """Return the settings of the row's training."""
    config = TrainerConfig(
        transport="in_process",
        task=options.task,
        namespaces=tuple(f"env_{k}" for k in range(row.robots)),
        algo=row.algorithm,
        preset=row.preset,
        num_timesteps=row.steps,
        seed=row.seed,
        eval_every_steps=AT[0],
        eval_episodes=options.eval_episodes,
        log_dir=str(options.out / row.name),
    )
    if encoder:
        return replace(config, srl_model=row.method, srl_folder=str(encoder), observation_settings=row.observation)
    if row.cameras:
        cameras = json.dumps({"cameras": list(row.cameras)})
        return replace(config, observation="raw_pixels", observation_settings=cameras, frame_stack=options.frame_stack)
    return replace(config, srl_model=row.method)


def trained(config: TrainerConfig) -> Path:
    """Train, or resume the run that is in `log_dir`; return its folder. Raises the training's error."""
    runs = sorted(path.parent for path in Path(config.log_dir).rglob("config.yaml") if "attempts" not in path.parts)
    if runs and (runs[-1] / "result.json").is_file():
        found = json.loads((runs[-1] / "result.json").read_text(encoding="utf-8"))
        if found.get("ended") == "finished":
            return runs[-1]
    resumed = replace(config, resume=str(runs[-1])) if runs else config
    result = TrainingRun(resumed, lambda _: make_environment(resumed)).run(report=lambda line: print(line, flush=True))
    if result.error is not None:
        raise result.error
    if result.ended != "finished":
        raise KeyboardInterrupt
    return result.folder


def during(run: Path) -> dict[str, str]:
    """Return the success at AT, by column, from the evaluation next to each; empty: there was none within a rollout."""
    found = {f"success_{steps // 1000}k": "" for steps in AT}
    path = run / "evaluations.csv"
    if path.is_file():
        with path.open(newline="", encoding="utf-8") as file:
            rows = [(int(one["steps"]), float(one["success_rate"])) for one in csv.DictReader(file)]
        for steps in AT:
            near = [rate for at, rate in rows if steps <= at < steps + AT[0] // 2]
            if near:
                found[f"success_{steps // 1000}k"] = f"{near[0]:.2f}"
    return found


def made(row: Row, options: argparse.Namespace) -> dict[str, Any]:
    """Train and evaluate one row, and return it."""
    encoder = encoder_of(row, options) if row.frames else None
    metrics = json.loads((encoder / "encoder.json").read_text(encoding="utf-8"))["metrics"] if encoder else {}
    config = settings(row, options, encoder)
    run = trained(config)
    policy, environment = trained_models.load(run / "final"), make_environment(config)
    try:
        found = evaluate(lambda observation, _: policy.act(observation), environment, options.episodes)
    finally:
        environment.close()
    seconds = json.loads((run / "result.json").read_text(encoding="utf-8")).get("training_s", 0.0)
    return {
        **dict(zip(KEYS, row.key)),
        "probe_error_cm": f"{metrics['target']['probe_error_cm']:.2f}" if encoder else "",
        **during(run),
        "reached": int(found.success.sum()),
        "of": options.episodes,
        "final_distance_cm": f"{100 * found.distance.mean():.1f}",
        "encoder_minutes": f"{metrics['minutes']:.1f}" if encoder else "",
        "minutes": f"{seconds / 60:.1f}",
        "command": command(row, options),
    }


def command(row: Row, options: argparse.Namespace) -> str:
    """Return the command line that makes this row alone."""
    words = [
        f"--task {options.task}",
        f"--methods {row.method}",
        f"--algorithms {row.algorithm}",
        f"--seeds {row.seed}",
    ]
    words += [f"--cameras {len(row.cameras)}"] if row.cameras else []
    words += [f"--frames {row.frames} --epochs {row.epochs}"] if row.frames else []
    words += [f"--preset {row.preset}"] if row.preset else []
    words += [f"--observation '{row.observation}'"] if row.observation else []
    return " ".join(["benchmarks/policies_on_states.py", *words, f"--steps {row.steps} --robots {row.robots}"])


def read(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a table; empty: there is none yet."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def save(folder: Path, rows: list[dict[str, Any]]) -> None:
    """Write the table, as CSV and as Markdown."""
    with (folder / "table.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, HEAD)
        writer.writeheader()
        writer.writerows(rows)
    lines = [HEAD, ["---"] * len(HEAD), *([str(one[name]) for name in HEAD] for one in rows)]
    text = "".join("| " + " | ".join(line) + " |\n" for line in lines)
    (folder / "table.md").write_text(text, encoding="utf-8")


def parsed(words: list[str] | None = None) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", default="reach", help="reach, button, two_buttons_distractors or another task")
    parser.add_argument("--methods", nargs="*", default=list(LISTED), choices=list(METHODS), metavar="METHOD")
    parser.add_argument("--cameras", type=int, nargs="*", default=[1, 2], choices=[1, 2], help="external; and above")
    parser.add_argument("--algorithms", nargs="*", default=["ppo", "drq"], help="drq trains on raw_pixels only")
    parser.add_argument("--seeds", type=int, nargs="*", default=[0])
    parser.add_argument("--frames", type=int, default=20_000, help="transitions that encoders are trained on")
    parser.add_argument("--epochs", type=int, default=0, help="of encoders; 0: as in config/srl/")
    parser.add_argument("--steps", type=int, default=AT[-1])
    parser.add_argument("--preset", default="", help="of PPO's settings, such as many_robots; not for pixels")
    parser.add_argument("--observation", default="", help="settings of srl_state: '{first: true, hand: true}'")
    parser.add_argument("--robots", type=int, default=8)
    parser.add_argument("--frame-stack", type=int, default=2, help="images that a policy on raw_pixels sees together")
    parser.add_argument("--episodes", type=int, default=500, help="of the evaluation at the end")
    parser.add_argument("--eval-episodes", type=int, default=50, help="of each evaluation during a training")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no row after this time")
    parser.add_argument("--out", type=Path, default=Path("runs/benchmark_policies"))
    return parser.parse_args(words)


def main() -> None:
    """Make the rows that are missing."""
    options = parsed()
    os.nice(10)
    options.out = options.out / options.task
    options.out.mkdir(parents=True, exist_ok=True)
    rows, begin = read(options.out / "table.csv"), time.monotonic()
    there = {tuple(one[name] for name in KEYS) for one in rows}
    for row in planned(options):
        if row.key in there or (time.monotonic() - begin) / 60.0 > options.minutes:
            continue
        print(f"row {row.name}", flush=True)
        rows.append(made(row, options))
        save(options.out, rows)
        print(*(f"{name}={rows[-1][name]}" for name in HEAD), flush=True)


if __name__ == "__main__":
    main()
