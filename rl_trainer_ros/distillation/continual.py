"""Continual learning: tasks are learned one after the other, and the policy is evaluated on all of them.

Every stage is a run in its own folder, and a finished stage is not repeated. So the same command continues after a kill,
between two stages or within one.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rl_trainer_ros import algorithms
from rl_trainer_ros.distillation import distil as distillation
from rl_trainer_ros.distillation.continual_config import DISTIL, FINETUNE, JOINT, ContinualConfig
from rl_trainer_ros.distillation.distil_config import DistilConfig
from rl_trainer_ros.distillation.sources import sources
from rl_trainer_ros.distillation.teachers import Recorded, action_of, of_tasks
from rl_trainer_ros.environments.env_config import settings_of
from rl_trainer_ros.environments.environment import RobotEnv
from rl_trainer_ros.environments.make_env import make_environment, parts
from rl_trainer_ros.environments.requirements import task_class
from rl_trainer_ros.evaluation.matrix import Matrix
from rl_trainer_ros.training import learner_check
from rl_trainer_ros.training.checkpoints import folders
from rl_trainer_ros.training.checkpoints.spaces import brief
from rl_trainer_ros.training.cross_evaluation import sequence, unfinished
from rl_trainer_ros.training.cross_evaluation.measure import cross_evaluate, frame
from rl_trainer_ros.training.cross_evaluation.models import Model
from rl_trainer_ros.training.cross_evaluation.tasks import EvaluatedTask
from rl_trainer_ros.training.runs import run_folder
from rl_trainer_ros.training.runs.run_tables import write_table
from rl_trainer_ros.training.train import TrainingRun
from rl_trainer_ros.training.trainer_config import TrainerConfig
from robot_interface_ros.config import ConfigError
from robot_interface_ros.errors import RobotError, StopRequested
from robot_interface_ros.files.atomic_file import write_atomically
from robot_interface_ros.files.paths import check_folder, joined_paths
from robot_interface_ros.files.untrusted_files import FileError, NoFileError, read_json

Report = Callable[[str], None]
SETTINGS, MATRIX, TRANSFER = run_folder.CONTINUAL, "matrix.csv", "matrix_transfer.csv"
_FREE = ("folder", "log_dir", "eval_episodes", "torch_threads")


def learn(config: ContinualConfig, report: Report = print) -> Matrix:
    """Learn all tasks with `config.method`; return the policy's figures on all tasks after each stage.

    They are also in `matrix.csv`; transfer and forgetting in `matrix_transfer.csv`. Raises ConfigError, RobotError, OSError.
    """
    if not config.tasks:
        raise ConfigError("tasks is empty; name them in their order: tasks:='[circular, square, escape]'")
    for task in config.tasks:
        task_class(task)
    check_folder("folder", config.place)
    folder = Path(config.place)
    stages = _Stages(config, folder, report)
    stages.check()
    _keep_settings(folder, config)
    try:
        models = {DISTIL: stages.distilled, FINETUNE: stages.fine_tuned, JOINT: stages.jointly}[config.method]()
        return stages.matrix(models)
    except (KeyboardInterrupt, StopRequested, RobotError, OSError):
        report(f"stopped in {folder}; the same command of rl_trainer continual continues there")
        raise


def _keep_settings(folder: Path, config: ContinualConfig) -> None:
    """Write the settings into a new folder. Raises ConfigError if the folder was begun with other settings."""
    own = {
        name: value for name, value in json.loads(json.dumps(dataclasses.asdict(config))).items() if name not in _FREE
    }
    path = folder / SETTINGS
    try:
        before = read_json(path)
    except NoFileError:
        write_atomically(path, json.dumps(own, indent=2) + "\n")
        return
    except FileError as error:
        raise ConfigError(f"{error}; give another folder:=...") from None
    new = {"teachers": "", "preset": ""}  # a folder of an older version was begun without them
    for name, value in own.items():
        was = before.get(name, new.get(name)) if isinstance(before, dict) else before
        if was != value:
            raise ConfigError(f"{folder} was begun with {name} {was!r}, not {value!r}; give another folder:=...")


class _Stages:
    def __init__(self, config: ContinualConfig, folder: Path, report: Report):
        self._config, self._folder, self._report = config, folder, report
        self._given = of_tasks(config)
        first = next(iter(self._given.values()), None)
        self._action = config.action or (action_of(first) if first else task_class(config.tasks[0]).action)

    def check(self) -> None:
        """Make the parts of each task's training, without robots. Raises ConfigError before anything is written."""
        if self._given:  # one student must be able to learn from all of them
            seen = {name: getattr(self._config, name) for name in ("observation", "observation_settings")}
            sources(list(self._given.values()), DistilConfig(**seen))
        made = {}
        for task in self._config.tasks:
            training = self._training("", task)
            learner_check.check(training)
            both = parts(training, None)
            made[task] = {"action": both.action.space, "observation": both.observation.space}
        first, *others = made
        for task, kind in itertools.product(others, ("action", "observation")):
            if made[task][kind] != made[first][kind]:
                raise ConfigError(
                    f"one policy cannot learn {first} and {task}: the {kind} space is {brief(made[first][kind])} in {first}, "
                    f"{brief(made[task][kind], made[first][kind])} in {task}"
                )

    def distilled(self) -> list[Path]:
        """Return the student after each task."""
        data: list[Path] = []
        students: list[Path] = []
        for k, task in enumerate(self._config.tasks):
            data.append(self._data_of(k, task, students[-1] if students else None))
            students.append(self._student(f"{k + 1}_student", task, data))
        return students

    def _data_of(self, k: int, task: str, student: Path | None) -> Path:
        """Return the folder of the k-th task's samples, recorded from its teacher; `student`: that of the tasks before."""
        config, given = self._config, self._given.get(task)
        if isinstance(given, Recorded):
            return given.folder
        begins_with = student if config.from_student else None
        teacher = given.folder if given else self._train(f"{k + 1}_teacher_{task}", task, begins_with)
        folder = self._folder / f"{k + 1}_data_{task}"
        recording = DistilConfig(
            teachers=joined_paths([str(teacher)]), output=str(folder), set_size=config.set_size, **self._common(task)
        )
        distillation.record_only(recording, report=self._report)
        return folder

    def _student(self, stage: str, task: str, data: list[Path]) -> Path:
        """Distil a new student from the samples of all tasks so far, the last of which is `task`; return its run."""
        config = self._config
        return self._distil(
            stage,
            DistilConfig(
                teachers=joined_paths([str(folder) for folder in data]),
                set_size=config.set_size * len(data),
                epochs=config.epochs,
                temperature=config.temperature,
                algo=config.algo,
                hyperparameters=config.hyperparameters,
                task_labels=config.tasks if config.task_label else (),
                log_dir=str(self._folder / stage),
                **self._common(task),
            ),
        )

    def _common(self, task: str) -> dict[str, Any]:
        """Return the settings that recording and distilling of a task share."""
        config = self._config
        common = {"num_envs": config.num_envs, "seed": config.seed, "torch_threads": config.torch_threads}
        if task not in self._given:
            return common
        return {**common, "observation": config.observation, "observation_settings": config.observation_settings}

    def fine_tuned(self) -> list[Path]:
        """Return the policy after each task: each begins with the one before."""
        runs: list[Path] = []
        for k, task in enumerate(self._config.tasks):
            runs.append(self._train(f"{k + 1}_{task}", task, runs[-1] if runs else None))
        return runs

    def jointly(self) -> list[Path]:
        """Return the policy that was trained on all tasks at the same time, for the steps of all tasks together."""
        tasks = self._config.tasks
        n = max(1, round(self._config.num_envs / len(tasks))) * len(tasks)
        base = dataclasses.replace(
            self._training("1_joint", tasks[0]),
            num_timesteps=self._config.num_timesteps * len(tasks),
            namespaces=tuple(f"/env_{i}" for i in range(n)),
        )

        def make_env(namespace: str) -> RobotEnv:
            place = base.namespaces.index(namespace) % len(tasks)
            return make_environment(dataclasses.replace(base, task=tasks[place]))

        return [self._trained("1_joint", base, make_env)]

    def matrix(self, runs: list[Path]) -> Matrix:
        """Evaluate the policy after each stage on all tasks; write the table, and that of transfer and forgetting."""
        config = self._config
        tasks = [EvaluatedTask(task, robot=config.robot) for task in config.tasks]
        models = [Model(run, run / "final", run_folder.load_config(run)) for run in runs]
        names = [f"after {task}" for task in config.tasks] if len(runs) > 1 else ["after all"]
        in_turn = len(runs) > 1
        self._report(f"evaluating {len(models)} models on {len(tasks)} tasks, {config.eval_episodes} episodes each")
        file, episodes = self._folder / MATRIX, config.eval_episodes
        known = unfinished.known(file, frame(models, names, tasks, in_turn), episodes)
        found = cross_evaluate(
            models,
            names,
            tasks,
            episodes,
            untrained=in_turn,
            known=known,
            keep=self._keep,
        )
        kept = sequence.figures(found, range(len(tasks))) if in_turn else []
        cells = {place: cell for place, cell in found.cells.items() if place[0] < len(models)}
        found = Matrix(found.models[: len(models)], found.tasks, cells)  # without the untrained one
        write_table(file, found.rows())
        unfinished.beside(file).unlink(missing_ok=True)
        self._report(f"\n{found.text()}\n")
        if kept:
            write_table(self._folder / TRANSFER, [one.row() for one in kept])
            self._report(f"{sequence.text(kept)}\n")
        return found

    def _keep(self, so_far: Matrix) -> None:
        try:
            unfinished.save(self._folder / MATRIX, so_far)
        except OSError as error:  # the evaluation continues
            self._report(f"the cells so far are not kept: {error}")

    def _training(self, stage: str, task: str) -> TrainerConfig:
        config = self._config
        return TrainerConfig(
            task=task,
            robot=config.robot,
            action=self._action,
            observation=config.observation,
            observation_settings=config.observation_settings,
            task_labels=config.tasks if config.task_label else (),
            algo=config.algo,
            hyperparameters=config.hyperparameters,
            preset=config.preset,
            transport="in_process",
            namespaces=tuple(f"/env_{i}" for i in range(config.num_envs)),
            num_timesteps=config.num_timesteps,
            seed=config.seed,
            torch_threads=config.torch_threads,
            log_dir=str(self._folder / stage),
        )

    def _train(self, stage: str, task: str, begins_with: Path | None = None) -> Path:
        """Train a policy on one task, from new weights or from those of a run, or continue the training; return its run."""
        config = self._training(stage, task)
        if begins_with is not None:
            # The full learning rate, not that of fine-tuning: the task is new.
            given = settings_of("hyperparameters", config.hyperparameters)
            rate = algorithms.hyperparameters(config.algo, given, preset=config.preset).get("learning_rate")
            given = {**given, **({} if rate is None else {"learning_rate": rate})}
            config = dataclasses.replace(
                config,
                load_model=str(begins_with),
                freeze_normalisation=False,
                hyperparameters=json.dumps(given),
                preset="",  # all else is the loaded model's
            )
        return self._trained(stage, config, lambda _: make_environment(config))

    def _trained(self, stage: str, config: TrainerConfig, make_env: Callable[[str], RobotEnv]) -> Path:
        begun = self._begun(stage)
        if begun is not None and _finished(begun):
            return begun
        self._report(f"{self._config.method}: {stage}{', continued' if begun else ''}")
        if begun is not None:
            config = TrainerConfig(  # all else is the run's own
                resume=str(begun),
                transport="in_process",
                namespaces=config.namespaces,
                num_timesteps=config.num_timesteps,
                log_dir=config.log_dir,
            )
        result = TrainingRun(config, make_env).run(report=self._report)
        if result.error is not None:
            raise result.error
        if result.ended != "finished":
            raise StopRequested
        return result.folder

    def _distil(self, stage: str, config: DistilConfig) -> Path:
        begun = self._begun(stage)
        if begun is not None and _finished(begun):
            return begun
        self._report(f"{self._config.method}: {stage}{', continued' if begun else ''}")
        if begun is not None:
            config = DistilConfig(  # all else is the run's own; the folder may have been moved
                resume=str(begun), teachers=config.teachers, torch_threads=config.torch_threads
            )
        return distillation.distil(config, report=self._report)

    def _begun(self, stage: str) -> Path | None:
        """Return the run of a stage; None if it has not begun."""
        found = sorted((self._folder / stage).glob("*/*/*/*/config.yaml"))
        return found[-1].parent if found else None


def _finished(run: Path) -> bool:
    """Whether a run is finished."""
    if not (run / "final" / folders.ABOUT).is_file():
        return False
    return bool(folders.read(run / "final").about.get("ended") == "finished")
