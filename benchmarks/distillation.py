"""One student of several teachers: tables of success and return beside the teachers'; in process; prints Markdown.

    .venv/bin/python benchmarks/distillation.py                            # everything: hours
    .venv/bin/python benchmarks/distillation.py parts=students seeds=0 actions=plane_discrete steps=60000 episodes=20
    .venv/bin/python benchmarks/distillation.py parts=camera sizes=1000,5000 reach_teacher=config/policies/reach

The same command continues after a kill: what is finished in `out` is not done again. It runs with nice 15, on one core.

parts: students (teachers of circular, square and escape, their students by size of the data set, with and without labels),
continual (distillation, plain fine-tuning, all tasks at once), camera (reach: a teacher that is told where the target is, a
student that sees the camera's image).
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rl_trainer_ros.distillation import continual, distil
from rl_trainer_ros.distillation.continual_config import METHODS, ContinualConfig
from rl_trainer_ros.distillation.distil_config import DistilConfig
from rl_trainer_ros.distillation.student_evaluation import evaluate_on
from rl_trainer_ros.environments.make_env import make_environment
from rl_trainer_ros.training.checkpoints import folders, trained_models
from rl_trainer_ros.training.cross_evaluation.tasks import EvaluatedTask, environment_of
from rl_trainer_ros.training.runs import run_folder
from rl_trainer_ros.training.train import TrainingRun
from rl_trainer_ros.training.trainer_config import TrainerConfig

TASKS = ("circular", "square", "escape")
IMAGES = "{image_width: 64, image_height: 64}"


@dataclass(frozen=True)
class Settings:
    """What is measured. Words of the command line change it."""

    out: str = "runs/benchmark_distillation"
    parts: tuple[str, ...] = ("students", "continual", "camera")
    actions: tuple[str, ...] = ("plane_discrete", "plane")
    tasks: tuple[str, ...] = TASKS
    seeds: tuple[int, ...] = (0, 1, 2)
    sizes: tuple[int, ...] = (1_000, 5_000, 20_000)
    steps: int = 120_000
    """Of training, for each teacher and each task of continual learning."""
    epochs: int = 30
    episodes: int = 100
    """Of an evaluation, on each task."""
    student_rounds: int = 0
    """Of the camera's students: rounds on their own path."""
    reach_teacher: str = ""
    """Of the camera's students: a trained run, such as config/policies/reach; empty: one is trained for each seed."""

    @property
    def folder(self) -> Path:
        """Where everything is kept."""
        return Path(self.out)


def tell(line: str) -> None:
    """Progress goes where the tables do not."""
    print(line, file=sys.stderr, flush=True)


def run_in(folder: Path) -> Path | None:
    """The run below a folder; None where there is none yet."""
    found = sorted(folder.glob("*/*/*/*/config.yaml"))
    return found[-1].parent if found else None


def finished(run: Path | None) -> bool:
    """Whether a run has come to its end."""
    there = run is not None and (run / "final" / folders.ABOUT).is_file()
    return there and folders.read(run / "final").about.get("ended") == "finished"  # type: ignore[operator]


def trained(folder: Path, config: TrainerConfig) -> Path:
    """The run of a training in `folder`, begun, continued or finished already."""
    run = run_in(folder)
    if finished(run):
        return run  # type: ignore[return-value]
    if run is not None:
        config = TrainerConfig(
            resume=str(run), transport="in_process", num_timesteps=config.num_timesteps, namespaces=config.namespaces
        )
    made = replace(config, log_dir=str(folder)) if run is None else config
    settings = made if run is None else run_folder.load_config(run)
    tell(f"training in {folder}")
    result = TrainingRun(made, lambda _: make_environment(settings)).run(report=tell)
    if result.error is not None:
        raise result.error
    return result.folder


def taught(folder: Path, config: DistilConfig) -> Path:
    """The run of a student in `folder`, begun, continued or finished already."""
    run = run_in(folder)
    if finished(run):
        return run  # type: ignore[return-value]
    tell(f"student in {folder}")
    return distil.distil(
        replace(config, log_dir=str(folder)) if run is None else DistilConfig(resume=str(run)), report=tell
    )


def measured(settings: Settings, run: Path, task: str) -> dict[str, float]:
    """Success and return of a run's model on a task, kept in `out`."""
    inside = run.resolve().is_relative_to(settings.folder.resolve())
    name = "+".join(run.resolve().relative_to(settings.folder.resolve()).parts) if inside else run.name
    file = settings.folder / "figures" / f"{name}_{task}_{settings.episodes}.json"
    if not file.is_file():
        tell(f"evaluating {run} on {task}")
        config = run_folder.load_config(run)
        policy = trained_models.load(run / "final")
        own = environment_of(config, EvaluatedTask(task, robot=config.robot))
        found = evaluate_on(own, policy.algorithm, policy.normalisation.apply, settings.episodes)
        figures = {"success": float(found.success.mean()), "return": float(found.episode_return.mean())}
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(figures) + "\n")
    figures: dict[str, float] = json.loads(file.read_text())
    return figures


def cell(figures: dict[str, float]) -> str:
    """One cell of a table."""
    return f"{100 * figures['success']:.0f}, {figures['return']:.0f}"


def teacher_of(settings: Settings, action: str, task: str, seed: int) -> Path:
    """A trained teacher."""
    folder = settings.folder / "teachers" / action / f"seed{seed}"
    config = TrainerConfig(
        transport="in_process",
        task=task,
        action=action,
        num_timesteps=settings.steps,
        seed=seed,
        namespaces=tuple(f"/env_{i}" for i in range(4)),
        log_interval_s=30.0,
    )
    return trained(folder / task, config)


def students(settings: Settings) -> None:
    """Teachers, and students by size and label."""
    print(f"\nSuccess in % of {settings.episodes} unseen episodes, mean return:\n")
    print(f"| action | seed | policy | samples | {' | '.join(settings.tasks)} |", flush=True)
    print(f"|---|---|---|---|{'---|' * len(settings.tasks)}", flush=True)
    for action in settings.actions:
        for seed in settings.seeds:
            teachers = {task: teacher_of(settings, action, task, seed) for task in settings.tasks}
            cells = [cell(measured(settings, teachers[task], task)) for task in settings.tasks]
            print(f"| {action} | {seed} | its own teacher | | {' | '.join(cells)} |", flush=True)
            data = recorded(settings, action, seed, teachers)
            for size in settings.sizes:
                for labels in ((), ("all",)):
                    name = f"{size}_{'labels' if labels else 'plain'}"
                    config = DistilConfig(
                        teachers=data, set_size=size, epochs=settings.epochs, task_labels=labels, seed=seed
                    )
                    run = taught(settings.folder / "students" / action / f"seed{seed}" / name, config)
                    cells = [cell(measured(settings, run, task)) for task in settings.tasks]
                    who = "student with labels" if labels else "student"
                    print(f"| {action} | {seed} | {who} | {size:,} | {' | '.join(cells)} |", flush=True)


def recorded(settings: Settings, action: str, seed: int, teachers: dict[str, Path]) -> str:
    """Folder of the teachers' data, as much as the largest set needs."""
    folder = settings.folder / "data" / action / f"seed{seed}"
    names = ",".join(map(str, teachers.values()))
    distil.record_only(
        DistilConfig(teachers=names, output=str(folder), set_size=max(settings.sizes), seed=seed), report=tell
    )
    return ",".join(str(folder / task) for task in teachers)


def continually(settings: Settings) -> None:
    """Three ways to learn three tasks; the policy after each task, on all of them."""
    print(f"\n| action | seed | method | policy | {' | '.join(settings.tasks)} |", flush=True)
    print(f"|---|---|---|---|{'---|' * len(settings.tasks)}", flush=True)
    for action in settings.actions:
        for seed in settings.seeds:
            for method in METHODS:
                config = ContinualConfig(
                    tasks=settings.tasks,
                    method=method,
                    action=action,
                    seed=seed,
                    num_timesteps=settings.steps,
                    set_size=max(settings.sizes) // len(settings.tasks),
                    epochs=settings.epochs,
                    eval_episodes=settings.episodes,
                    folder=str(settings.folder / "continual" / action / f"seed{seed}" / method),
                )
                matrix = continual.learn(config, report=tell)
                for i, name in enumerate(matrix.names[0]):
                    row = [matrix.cell(i, j) for j in range(len(settings.tasks))]
                    cells = [cell({"success": one["success_rate"], "return": one["mean_return"]}) for one in row]
                    print(f"| {action} | {seed} | {method} | {name} | {' | '.join(cells)} |", flush=True)


def camera(settings: Settings) -> None:
    """Reach: a teacher that is told where the target is, students that see the camera."""
    print(f"\n| seed | who | samples | success in % of {settings.episodes}, return |\n|---|---|---|---|", flush=True)
    for seed in settings.seeds:
        teacher = Path(settings.reach_teacher)
        if not settings.reach_teacher:
            config = TrainerConfig(transport="in_process", num_timesteps=150_000, seed=seed, log_interval_s=30.0)
            teacher = trained(settings.folder / "teachers" / "reach" / f"seed{seed}", config)
        print(f"| {seed} | teacher | | {cell(measured(settings, teacher, 'reach'))} |", flush=True)
        for size in settings.sizes:
            own = DistilConfig(
                teachers=str(teacher),
                observation="raw_pixels",
                observation_settings=IMAGES,
                frame_stack=2,
                set_size=size,
                epochs=settings.epochs,
                student_rounds=settings.student_rounds,
                num_envs=2,
                seed=seed,
            )
            run = taught(settings.folder / "camera" / f"seed{seed}" / f"{size}_{settings.student_rounds}", own)
            who = f"student, student_rounds {settings.student_rounds}" if settings.student_rounds else "student"
            print(f"| {seed} | {who} | {size:,} | {cell(measured(settings, run, 'reach'))} |", flush=True)


PARTS: dict[str, Callable[[Settings], None]] = {"students": students, "continual": continually, "camera": camera}


def settings_of(words: list[str]) -> Settings:
    """Settings from words such as seeds=0,1; ends the program for others."""
    settings = Settings()
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or not hasattr(settings, name) or name == "folder":
            sys.exit(f"unknown word '{word}'; known: {', '.join(f'{key}=' for key in vars(settings))}")
        before: Any = getattr(settings, name)
        value: Any = text
        if isinstance(before, tuple):
            value = tuple(type(before[0])(part) for part in text.split(","))
        elif isinstance(before, int):
            value = int(text)
        settings = replace(settings, **{name: value})
    unknown = [part for part in settings.parts if part not in PARTS]
    if unknown:
        sys.exit(f"unknown part '{unknown[0]}'; known: {', '.join(PARTS)}")
    return settings


def main(words: list[str]) -> None:
    """Measure the parts that are asked for."""
    os.nice(15)
    settings = settings_of(words)
    for part in settings.parts:
        PARTS[part](settings)


if __name__ == "__main__":
    main(sys.argv[1:])
