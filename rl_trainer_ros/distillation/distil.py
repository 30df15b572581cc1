"""A distillation from its settings to a saved student. No ROS here: robots come from `make_robots`."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rl_trainer_ros import algorithms
from rl_trainer_ros.algorithms.hyperparameters import checked
from rl_trainer_ros.algorithms.learner import action_kind, check_actions, observation_kind, policy_name
from rl_trainer_ros.algorithms.schedules import linear
from rl_trainer_ros.distillation import recording
from rl_trainer_ros.distillation.data_set import DataSet
from rl_trainer_ros.distillation.distil_config import ALL, DistilConfig
from rl_trainer_ros.distillation.distributions import CATEGORICAL, GAUSSIAN, SQUASHED
from rl_trainer_ros.distillation.progress import Progress
from rl_trainer_ros.distillation.recording import MakeRobots, Source
from rl_trainer_ros.distillation.student import (
    Lessons,
    Student,
    balanced_order,
    fill_statistics,
    labelled_rows,
    lessons_of,
    make_student,
    split,
)
from rl_trainer_ros.distillation.teachers import Teacher, find
from rl_trainer_ros.environments.env_config import GROUND_TRUTH, EnvConfig, settings_of
from rl_trainer_ros.environments.make_env import make_environment
from rl_trainer_ros.evaluation.episodes import Evaluation, evaluate
from rl_trainer_ros.evaluation.policy_runner import PolicyRunner
from rl_trainer_ros.observations.with_label import labelled_space
from rl_trainer_ros.training.callbacks.evaluation import SEED
from rl_trainer_ros.training.callbacks.evaluation_log import EvaluationLog
from rl_trainer_ros.training.checkpoints import contents, folders, resume
from rl_trainer_ros.training.checkpoints.folders import EXACT, Checkpoint
from rl_trainer_ros.training.checkpoints.saver import Saver
from rl_trainer_ros.training.curves.callback import draw_run, run_title
from rl_trainer_ros.training.runs import logs, run_folder
from rl_trainer_ros.training.runs.run_folder import TrainingResult
from rl_trainer_ros.training.trainer_config import TrainerConfig
from robot_interface_ros.command_lines import command_line
from robot_interface_ros.config import ConfigError, from_mapping
from robot_interface_ros.errors import StopRequested
from robot_interface_ros.files import checked_values as check

Report = Callable[[str], None]
DATA = "data"
_NOTES = "distillation"
_SPLIT, _ORDER = 1, 2  # what random numbers are for; recordings have a round and a teacher there


@dataclass
class _Plan:
    """What a distillation comes to, new or continued."""

    config: DistilConfig
    run_config: TrainerConfig
    sources: list[Source]
    shares: list[float]
    counts: list[list[int]]
    labels: tuple[str, ...]
    hyperparameters: dict[str, Any]
    run: Path | None = None
    checkpoint: Checkpoint | None = None

    @property
    def space(self) -> Any:
        """What the student observes of an environment."""
        source = self.sources[0]
        if not self.labels:
            return source.observation
        return labelled_space(source.observation, len(self.labels), source.environment.frame_stack)


def record_only(config: DistilConfig, make_robots: MakeRobots | None = None, report: Report = print) -> list[Path]:
    """Record the teachers into folders below `config.output` and return these. Raises ConfigError, ModelError, OSError."""
    config.check_named()
    torch.set_num_threads(config.torch_threads)
    found = recording.sources(find(config.names, config.log_dir), config)
    shares = recording.shares_of(config, len(found))
    written = []
    for i, (source, samples) in enumerate(zip(found, recording.samples_of(config, shares)[0])):
        if not isinstance(source.teacher, Teacher):
            raise ConfigError(f"{source.teacher.folder} is recorded already; leave it out")
        folder = Path(config.output) / source.name
        robots = make_robots or recording.simulated(config.num_envs)
        recording.obtain(source, samples, folder, config, (0, i), robots, report)
        written.append(folder)
    return written


def distil(config: DistilConfig, make_robots: MakeRobots | None = None, report: Report = print) -> Path:
    """Teach a student and return its run's folder; `config.resume`: go on with one. A kill loses the last epochs at most.

    Raises ConfigError, ModelError, RobotError or OSError, one line each.
    """
    torch.set_num_threads(config.torch_threads)
    plan = _resumed(config) if config.resume else _new(config)
    learner, statistics = make_student(plan.run_config, plan.hyperparameters, plan.space, plan.sources[0].action)
    with _folder(plan) as run:
        distillation = _Distillation(plan, run, learner, statistics, make_robots, report)
        try:
            return distillation.run()
        except (KeyboardInterrupt, StopRequested):
            report(f"stopped; continue with {command_line('distil', f'resume:={run}')}")
            raise


@contextmanager
def _folder(plan: _Plan) -> Iterator[Path]:
    """Hold the run's folder: a new one, or that of the run which is continued."""
    run = plan.run
    if run is None:
        settings = {**dataclasses.asdict(plan.config), "balance": list(plan.config.balance)}
        settings |= {"task_labels": list(plan.config.task_labels), "namespaces": list(plan.config.namespaces)}
        section = {
            "tasks": [source.environment.task for source in plan.sources],
            "environments": [_changes(source.environment, plan.run_config) for source in plan.sources],
            "settings": settings,
        }
        run = run_folder.create(plan.run_config, plan.hyperparameters, plan.sources[0].robot, section)
    with resume.alone(run):
        yield run


def _changes(environment: EnvConfig, run: TrainerConfig) -> dict[str, Any]:
    """The settings in which a teacher's environment differs from that of the run, to evaluate the student in it."""
    mine, its = dataclasses.asdict(run.environment(task_labels=())), dataclasses.asdict(environment)
    return {name: value for name, value in its.items() if mine[name] != value}


def _new(config: DistilConfig) -> _Plan:
    config.check_named()
    config = dataclasses.replace(config, teachers=",".join(_absolute(name, config.log_dir) for name in config.names))
    found = recording.sources(find(config.names, config.log_dir), config)
    first = found[0]
    tasks = tuple(dict.fromkeys(source.environment.task for source in found))
    labels = tasks if config.task_labels == (ALL,) else config.task_labels
    for source in found:
        if labels and source.environment.task not in labels:
            raise ConfigError(f"task_labels lacks {source.environment.task}, a teacher's task; add it, or give [{ALL}]")
    shares = recording.shares_of(config, len(found))
    counts = recording.samples_of(config, shares)
    check_actions(config.algo, first.action)
    for source in found:  # a teacher that has no distribution is told before anything is recorded
        if isinstance(source.teacher, Teacher):
            source.teacher.check()
    run_config = dataclasses.replace(_run_config(config, first, labels), num_timesteps=_steps(config, found, counts))
    space = (
        labelled_space(first.observation, len(labels), first.environment.frame_stack) if labels else first.observation
    )
    policy_name(config.algo, space, config.policy)
    given = settings_of("hyperparameters", config.hyperparameters)
    hyperparameters = algorithms.hyperparameters(config.algo, given, kind=observation_kind(space))
    return _Plan(config, run_config, found, shares, counts, labels, hyperparameters)


def _absolute(name: str, log_dir: str) -> str:
    """A teacher's path that stays right when a run is continued from elsewhere."""
    return str(run_folder.find(name, log_dir, learned=True) if name == "latest" else Path(name).expanduser().resolve())


def _run_config(config: DistilConfig, first: Source, labels: tuple[str, ...]) -> TrainerConfig:
    """The student's settings as those of a training, which evaluation, fine-tuning and reports read."""
    environment = {field.name: getattr(first.environment, field.name) for field in dataclasses.fields(EnvConfig)}
    environment |= {"task_labels": labels}
    return TrainerConfig(
        **environment,
        srl_model=first.srl_model if first.environment.encoder_folder else GROUND_TRUTH,
        algo=config.algo,
        policy=config.policy,
        hyperparameters=config.hyperparameters,
        transport="in_process",
        seed=config.seed,
        log_dir=config.log_dir,
        torch_threads=config.torch_threads,
        keep_checkpoints=config.keep_checkpoints,
    )


def _steps(config: DistilConfig, found: Sequence[Source], counts: Sequence[Sequence[int]]) -> int:
    """Return how many samples the student learns from, each as often as it comes."""
    total = rows = 0
    for per_teacher in counts:
        for source, n in zip(found, per_teacher):
            there = n if isinstance(source.teacher, Teacher) else min(n, len(source.teacher.data))
            rows += there - int(there * config.validation)
        total += config.epochs * rows
    return total


def _resumed(config: DistilConfig) -> _Plan:
    run = run_folder.find(config.resume, config.log_dir)
    section = run_folder.distillation_of(run)
    if section is None:
        raise ConfigError(
            f"{run} is a training, not a distillation; continue it with {command_line('train', f'resume:={run}')}"
        )
    if (run / "final" / folders.ABOUT).is_file():
        raise ConfigError(
            f"{run} is finished; train its student further with {command_line('train', f'load_model:={run}')}"
        )
    where = f"{run / 'config.yaml'}: distillation"
    own = from_mapping(DistilConfig, check.mapping(section.get("settings"), where), where)
    found = recording.sources(find(own.names, own.log_dir), own)
    shares = recording.shares_of(own, len(found))
    run_config = run_folder.load_config(run)
    hyperparameters = checked(own.algo, run_folder.hyperparameters_of(run), where)
    return _Plan(
        own,
        run_config,
        found,
        shares,
        recording.samples_of(own, shares),
        run_config.task_labels,
        hyperparameters,
        run,
        # one step more: its last epoch may be done, and only the end not saved
        resume.start(dataclasses.replace(run_config, resume=str(run), num_timesteps=run_config.num_timesteps + 1)),
    )


class _Distillation:
    """One run: rounds of recording and learning."""

    def __init__(
        self, plan: _Plan, run: Path, learner: Any, statistics: Any, make_robots: MakeRobots | None, report: Report
    ):
        self._plan, self._run, self._report = plan, run, report
        self._learner, self._statistics = learner, statistics
        self._make_robots = make_robots or recording.simulated(plan.config.num_envs)
        self._student = Student(learner, statistics, plan.config.temperature)
        algo = plan.config.algo
        discrete = action_kind(plan.sources[0].action) == algorithms.DISCRETE
        self._kind = CATEGORICAL if discrete else SQUASHED if algo == "sac" else GAUSSIAN
        self._data: list[tuple[int, DataSet]] = []
        self._epoch = 0  # of all rounds together

    def run(self) -> Path:
        """Record and learn what is left, and save the end."""
        plan, config = self._plan, self._plan.config
        begins = self._continue() if plan.run else ""
        steps = plan.checkpoint.num_timesteps if plan.checkpoint else None
        self._learner.set_logger(logs.logger(self._run, (steps or 0) if plan.run else None, self._report))
        self._report(" ".join(("run folder", str(self._run), begins)).strip())
        trained_s = plan.checkpoint.about.get("training_s", 0.0) if plan.checkpoint else 0.0
        saver = Saver(
            self._run, self._learner, self._statistics, self._about(), config.keep_checkpoints, self._report, trained_s
        )
        saver.notes = lambda: {_NOTES: {"epochs": self._epoch}}
        evaluations = EvaluationLog(self._run, self._learner.num_timesteps)
        self._progress = Progress(
            "learning", config.epochs * len(plan.counts), "epochs", config.log_interval_s, self._report, self._epoch
        )
        saved = time.monotonic()
        try:
            for number in range(len(plan.counts)):
                learned_before = self._epoch >= config.epochs * (number + 1)
                self._record(number)
                if learned_before:
                    continue
                training, held = self._lessons()
                if number == 0 and self._epoch == 0:
                    self._measure_statistics(training)
                while self._epoch < config.epochs * (number + 1):
                    self._learn(training, held)
                    if self._due():
                        self._evaluate(evaluations)
                    if time.monotonic() - saved >= config.checkpoint_interval_s:
                        saver.save(EXACT)
                        saved = time.monotonic()
                if number + 1 < len(plan.counts):
                    saver.save(EXACT)  # the next round is recorded by this student
        finally:
            evaluations.close()
            self._learner.close()
        saver.save_end("finished")
        run_folder.write_result(TrainingResult(self._run, self._learner.num_timesteps, saver.training_s(), "finished"))
        draw_run(self._run, plan.run_config.best_window, run_title(plan.run_config, self._run))
        self._report(
            f"finished after {self._epoch} epochs and {saver.training_s():.0f} s; model saved in {saver.newest}"
        )
        return self._run

    def _continue(self) -> str:
        """Bring the student to its checkpoint, and put aside what came after; return a line for users."""
        plan = self._plan
        resume.put_aside(self._run, plan.checkpoint)
        if plan.checkpoint is None:
            return "no checkpoint yet: begins again with the data that are recorded"
        contents.restore(plan.checkpoint, self._learner, self._statistics)
        notes = check.mapping(plan.checkpoint.about.get("notes", {}).get(_NOTES), f"{plan.checkpoint.folder}: notes")
        self._epoch = check.whole(notes.get("epochs"), f"{plan.checkpoint.folder}: epochs")
        return f"continues after {self._epoch} epochs, from {plan.checkpoint.folder.name}"

    def _record(self, number: int) -> None:
        """Take the samples of a round: from the teachers in the first, on the student's own path in the others."""
        plan = self._plan
        for i, (source, samples) in enumerate(zip(plan.sources, plan.counts[number])):
            folder = self._run / DATA / f"{number}_{source.name}"
            student = None
            if number:
                student = partial(self._answer, source)
            data = recording.obtain(
                source, samples, folder, plan.config, (number, i), self._make_robots, self._report, student
            )
            self._data.append((i, data))

    def _answer(self, source: Source, observations: Any) -> Any:
        """What the student would do for observations without a label."""
        data = next(data for i, data in self._data if self._plan.sources[i] is source)
        return self._student.answer(labelled_rows(observations, data, self._plan.labels))

    def _lessons(self) -> tuple[Lessons, Lessons]:
        """All samples so far: those to learn from, and those to measure on (the same where none are held back)."""
        everything = lessons_of(self._data, self._kind, self._plan.labels)
        learned, held, begin = [], [], 0
        for place, (_, data) in enumerate(self._data):
            generator = np.random.default_rng([self._plan.config.seed, _SPLIT, place])
            mine, others = split(len(data), self._plan.config.validation, generator)
            learned.append(mine + begin)
            held.append(others + begin)
            begin += len(data)
        training = everything.rows(np.concatenate(learned))
        rest = np.concatenate(held)
        return training, everything.rows(rest) if len(rest) else training

    def _measure_statistics(self, training: Lessons) -> None:
        sets = [data for _, data in self._data]
        gamma = self._plan.hyperparameters.get("gamma", 0.99)
        fill_statistics(self._statistics, training.observations, sets, len(self._plan.labels), gamma)

    def _learn(self, training: Lessons, held: Lessons) -> None:
        """One epoch, and its row in the log."""
        config = self._plan.config
        total = config.epochs * len(self._plan.counts)
        generator = np.random.default_rng([config.seed, _ORDER, self._epoch])
        order = balanced_order(training.teacher, self._plan.shares, generator)
        falling = linear(config.learning_rate)
        epoch = self._epoch
        self._student.learn(training.rows(order), config.batch_size, lambda done: falling(1.0 - (epoch + done) / total))
        self._epoch += 1
        logger, steps = self._learner.algorithm.logger, self._learner.num_timesteps
        kl, alike = self._student.measure(held)
        name = "agreement" if self._kind == CATEGORICAL else "action_distance"
        logger.record("time/total_timesteps", steps, exclude="tensorboard")
        logger.record("distil/epoch", self._epoch)
        logger.record("distil/kl", kl)
        logger.record(f"distil/{name}", alike)
        for i, source in enumerate(self._plan.sources):
            own = held.rows(np.flatnonzero(held.teacher == i))
            if len(own.teacher):
                logger.record(f"distil/{name}/{source.name}", self._student.measure(own)[1])
        logger.dump(steps)
        shown = f"agreement {100 * alike:.1f} %" if self._kind == CATEGORICAL else f"action distance {alike:.4f}"
        self._progress.show(self._epoch, f"kl {kl:.4f}  {shown}")
        if self._epoch % config.epochs == 0:
            self._report(f"after {self._epoch} epochs: kl {kl:.4f}, {shown} on {len(held.teacher):,} samples held back")

    def _due(self) -> bool:
        every, total = self._plan.config.eval_every_epochs, self._plan.config.epochs * len(self._plan.counts)
        return bool(every) and (self._epoch % every == 0 or self._epoch == total)

    def _evaluate(self, log: EvaluationLog) -> None:
        """Evaluate the student on each task; the run's table holds all episodes together."""
        begin, found = time.monotonic(), []
        for source in self._plan.sources:
            config = dataclasses.replace(source.environment, task_labels=self._plan.labels)
            one = evaluate_on(config, self._learner, self._student.normalise, self._plan.config.eval_episodes)
            self._report(f"evaluation after {self._epoch} epochs, {source.name}: {one.short()}")
            found.append(one)
        log.add(self._learner.num_timesteps, joined(found), time.monotonic() - begin)

    def _about(self) -> dict[str, Any]:
        """What a checkpoint says that it belongs to."""
        config, source = self._plan.run_config, self._plan.sources[0]
        names = ("task", "robot", "srl_model", "algo", "policy", "action", "frame_stack", "action_repeat")
        about = {name: getattr(config, name) for name in names}
        about |= {"observation": config.observed, "robot_urdf_sha256": run_folder.urdf_digest(source.robot)}
        about |= {"departed": 0, "encoder": source.encoder, "hyperparameters": self._plan.hyperparameters}
        return {**about, "tasks": [one.environment.task for one in self._plan.sources]}


def evaluate_on(
    config: EnvConfig, actor: Any, normalise: Callable[[Any], Any], episodes: int, seed: int = SEED
) -> Evaluation:
    """Evaluate a policy in a simulated environment."""
    environment = make_environment(config)
    try:
        return evaluate(PolicyRunner(actor, normalise), environment, episodes, seed)
    finally:
        environment.close()


def joined(found: Sequence[Evaluation]) -> Evaluation:
    """Return the episodes of several evaluations as one."""
    names = ("success", "distance", "episode_return", "steps")
    return Evaluation(**{name: np.concatenate([getattr(one, name) for one in found]) for name in names}, held=None)
