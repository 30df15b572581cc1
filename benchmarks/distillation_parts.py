"""Teachers, their data, students and figures: the parts of rows of benchmarks/distillation.py.

Each part is kept, and continues after an interruption.
"""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from rl_trainer_ros import factories
from rl_trainer_ros.distillation import distil
from rl_trainer_ros.distillation.distil_config import DistilConfig
from rl_trainer_ros.distillation.student_evaluation import evaluate_on
from rl_trainer_ros.environments.make_env import make_environment
from rl_trainer_ros.training.checkpoints import folders, trained_models
from rl_trainer_ros.training.cross_evaluation.tasks import EvaluatedTask, environment_of
from rl_trainer_ros.training.runs import run_folder
from rl_trainer_ros.training.train import TrainingRun
from rl_trainer_ros.training.trainer_config import TrainerConfig
from robot_interface_ros.files.atomic_file import replacing

TASKS = ("circular", "square", "escape")
ALIKE = ("circular", "square")
"""Tasks in which nothing is random: all episodes of a policy that takes its best action are the same, so one is enough."""
IMAGES = "{image_width: 64, image_height: 64}"


@dataclass(frozen=True)
class Settings:
    """Settings of the measurement. Words of the command line change them."""

    out: str = "runs/benchmark_distillation"
    rows: str = ""
    """Only rows whose name matches one of these patterns: students/plane/*/1000*,camera/*"""
    plan: bool = False
    """Only list the rows, which of them are there, and how long the others take, measured by a short run."""
    parts: tuple[str, ...] = ("students", "continual", "camera")
    actions: tuple[str, ...] = ("plane", "plane_discrete")
    tasks: tuple[str, ...] = TASKS
    seeds: tuple[int, ...] = (0, 1, 2)
    sizes: tuple[int, ...] = (1_000, 5_000, 20_000)
    rounds: tuple[int, ...] = (0,)
    """Of the students: rounds that are recorded on their own path (DAgger), after the teachers' data."""
    steps: int = 120_000
    """Of training, for each teacher and each task of continual learning."""
    reach_steps: int = 150_000
    """Of training, for each teacher of the camera's students."""
    num_envs: int = 1
    """Robots of a training. With one, and 120,000 steps, the teachers of all three tasks succeed with the action plane."""
    preset: str = ""
    """Of the teachers' algorithm, and of continual learning: many_robots needs fewer steps for reach, not for circular."""
    epochs: int = 20
    episodes: int = 50
    """Of an evaluation, on each task. Of the tasks in ALIKE, one."""
    camera_batch: int = 64
    """Samples of an update of the camera's students: they need more updates than those that see numbers."""
    camera_encoder: str = ""
    """Folder of an encoder through which the camera's students see; empty: they see two images of `external`."""
    reach_teacher: str = ""
    """Of the camera's students: a trained run, such as config/policies/reach; empty: one is trained for each seed."""

    @property
    def folder(self) -> Path:
        """Where everything is kept."""
        return Path(self.out)


def tell(line: str) -> None:
    """Progress goes where the table does not."""
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
    """The run of a training in `folder`, begun, continued or finished already. Ctrl-C ends the program."""
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
    if result.ended != "finished":
        raise KeyboardInterrupt
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


def teacher_of(settings: Settings, action: str, task: str, seed: int) -> Path:
    """A trained teacher of a plane's task."""
    config = TrainerConfig(
        transport="in_process",
        task=task,
        action=action,
        num_timesteps=settings.steps,
        seed=seed,
        preset=settings.preset,
        namespaces=tuple(f"/env_{i}" for i in range(settings.num_envs)),
        log_interval_s=30.0,
    )
    return trained(settings.folder / "teachers" / action / f"seed{seed}" / task, config)


def reach_teacher_of(settings: Settings, seed: int) -> Path:
    """A trained policy that is told where the target is."""
    if settings.reach_teacher:
        return _ending_at_success(Path(settings.reach_teacher), settings.folder / "teachers" / "reach_given")
    config = TrainerConfig(
        transport="in_process",
        num_timesteps=settings.reach_steps,
        seed=seed,
        preset=settings.preset,
        namespaces=tuple(f"/env_{i}" for i in range(settings.num_envs)),
        log_interval_s=30.0,
    )
    return trained(settings.folder / "teachers" / "reach" / f"seed{seed}", config)


def _ending_at_success(run: Path, copy: Path) -> Path:
    """Return a copy of a run of reach whose episodes end when the hand is there: more targets in as many samples."""
    if not copy.is_dir():
        with replacing(copy) as temporary:
            shutil.copytree(run, temporary)
            config = yaml.safe_load((temporary / "config.yaml").read_text(encoding="utf-8"))
            config["trainer"]["task_settings"] = ""
            (temporary / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    return copy


def recorded(settings: Settings, action: str, seed: int) -> str:
    """Folders of the data of all teachers, as much as the largest set needs."""
    teachers = [str(teacher_of(settings, action, task, seed)) for task in settings.tasks]
    samples = max(settings.sizes)
    folder = settings.folder / "data" / action / f"seed{seed}" / str(samples)
    distil.record_only(
        DistilConfig(teachers=",".join(teachers), output=str(folder), set_size=samples, seed=seed), report=tell
    )
    return ",".join(str(folder / task) for task in settings.tasks)


def student_of(settings: Settings, action: str, seed: int, size: int, labels: bool, rounds: int) -> Path:
    """A student of all teachers of an action and a seed."""
    teachers = [str(teacher_of(settings, action, task, seed)) for task in settings.tasks]
    config = DistilConfig(
        teachers=",".join(teachers) if rounds else recorded(settings, action, seed),
        set_size=size,
        epochs=settings.epochs,
        student_rounds=rounds,
        task_labels=("all",) if labels else (),
        seed=seed,
    )
    name = f"{size}_{'labels' if labels else 'plain'}_{rounds}"
    return taught(settings.folder / "students" / action / f"seed{seed}" / name, config)


def camera_student_of(settings: Settings, seed: int, size: int, rounds: int) -> Path:
    """A student of the reach teacher that sees two images of the camera, or the states or estimates of an encoder."""
    config = DistilConfig(
        teachers=str(reach_teacher_of(settings, seed)),
        **_through(settings.camera_encoder),
        set_size=size,
        epochs=settings.epochs,
        batch_size=settings.camera_batch,
        student_rounds=rounds,
        num_envs=2,
        seed=seed,
    )
    return taught(settings.folder / "camera" / f"seed{seed}" / f"{size}_{rounds}", config)


def _through(encoder: str) -> dict[str, Any]:
    """Return the settings of what a student of the camera sees."""
    if not encoder:
        return {"observation": "raw_pixels", "observation_settings": IMAGES, "frame_stack": 2}
    estimates = bool(factories.load_encoder(encoder).estimates)
    return {"srl_model": encoder, "observation_settings": "{estimate: true}" if estimates else ""}


def episodes_of(settings: Settings, task: str) -> int:
    """How many episodes of a task are evaluated."""
    return 1 if task in ALIKE else settings.episodes


def measured(settings: Settings, run: Path, task: str) -> dict[str, float]:
    """Success and return of a run's model on a task, kept in `out`."""
    inside = run.resolve().is_relative_to(settings.folder.resolve())
    name = "+".join(run.resolve().relative_to(settings.folder.resolve()).parts) if inside else run.name
    episodes = episodes_of(settings, task)
    file = settings.folder / "figures" / f"{name}_{task}_{episodes}.json"
    if not file.is_file():
        tell(f"evaluating {run} on {task}")
        config = run_folder.load_config(run)
        policy = trained_models.load(run / "final")
        own = environment_of(config, EvaluatedTask(task, robot=config.robot))
        found = evaluate_on(own, policy.algorithm, policy.normalisation.apply, episodes)
        figures = {"success": float(found.success.mean()), "return": float(found.episode_return.mean())}
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(figures) + "\n")
    figures: dict[str, float] = json.loads(file.read_text())
    return figures
