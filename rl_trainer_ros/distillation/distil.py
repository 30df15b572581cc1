"""A distillation from its settings to a saved student. No ROS here: robots come from `make_robots`."""

from __future__ import annotations

import dataclasses
import shlex
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rl_trainer_ros import algorithms
from rl_trainer_ros.algorithms.learner import action_kind
from rl_trainer_ros.algorithms.schedules import linear
from rl_trainer_ros.distillation import recording
from rl_trainer_ros.distillation.data_set import DataSet
from rl_trainer_ros.distillation.distil_config import DistilConfig
from rl_trainer_ros.distillation.distributions import CATEGORICAL, GAUSSIAN, SQUASHED
from rl_trainer_ros.distillation.plan import DATA, Plan, new_plan, resumed_plan
from rl_trainer_ros.distillation.progress import Progress
from rl_trainer_ros.distillation.recording import MakeRobots
from rl_trainer_ros.distillation.sources import Source, sources
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
from rl_trainer_ros.distillation.student_evaluation import evaluate_on, joined
from rl_trainer_ros.distillation.teachers import Teacher, find
from rl_trainer_ros.training.callbacks.evaluation_log import EvaluationLog
from rl_trainer_ros.training.checkpoints import contents, resume
from rl_trainer_ros.training.checkpoints.folders import EXACT
from rl_trainer_ros.training.checkpoints.saver import Diverged, Saver
from rl_trainer_ros.training.curves.callback import draw_run, run_title
from rl_trainer_ros.training.runs import logs, run_folder
from rl_trainer_ros.training.runs.run_folder import TrainingResult
from robot_interface_ros.command_lines import command_line
from robot_interface_ros.config import ConfigError
from robot_interface_ros.errors import RobotError, StopRequested
from robot_interface_ros.files import checked_values as check
from robot_interface_ros.files.paths import check_folder

Report = Callable[[str], None]
_NOTES = "distillation"
_SPLIT, _ORDER = 1, 2  # what random numbers are for; recordings have a round and a teacher there


def record_only(config: DistilConfig, make_robots: MakeRobots | None = None, report: Report = print) -> list[Path]:
    """Record the teachers into folders below `config.output`; return the folders. Raises ConfigError, ModelError, OSError."""
    config.check_named()
    check_folder("output", config.output)
    torch.set_num_threads(config.torch_threads)
    found = sources(find(config.names, config.log_dir), config)
    shares = recording.shares_of(config, len(found))
    counts = recording.samples_of(config, shares)
    for source, samples in zip(found, counts[0]):
        recording.check_memory([source], [[samples]], copies=2)
        if not isinstance(source.teacher, Teacher):
            raise ConfigError(f"{source.teacher.folder} is recorded already; leave it out")
        source.teacher.check()
    written = []
    for i, (source, samples) in enumerate(zip(found, counts[0])):
        folder = Path(config.output) / source.name
        robots = make_robots or recording.simulated(config.num_envs)
        recording.obtain(source, samples, folder, config, (0, i), robots, report)
        written.append(folder)
    return written


def distil(config: DistilConfig, make_robots: MakeRobots | None = None, report: Report = print) -> Path:
    """Train a student, or continue the run `config.resume`; return the run's folder. A kill loses the last epochs at most.

    Raises ConfigError, ModelError, RobotError or OSError, one line each.
    """
    plan = resumed_plan(config) if config.resume else new_plan(config)
    torch.set_num_threads(plan.config.torch_threads)
    learner, statistics = make_student(plan.run_config, plan.hyperparameters, plan.space, plan.sources[0].action)
    with _folder(plan) as run:
        distillation = _Distillation(plan, run, learner, statistics, make_robots, report)
        try:
            return distillation.run()
        except Diverged as error:
            again = f"; teachers:={shlex.quote(str(run / DATA))} has its samples" if any((run / DATA).glob("*")) else ""
            raise Diverged(
                f"{run}: {error}. Begin a new student with a learning_rate below {plan.config.learning_rate:g}{again}"
            ) from None
        except (KeyboardInterrupt, StopRequested, RobotError, OSError) as error:
            if isinstance(error, RobotError) and plan.run is None and not any((run / DATA).glob("*")):
                shutil.rmtree(run)  # nothing is recorded: the same command begins again
            else:
                report(f"stopped; continue with {command_line('distil', f'resume:={run}')}")
            raise


@contextmanager
def _folder(plan: Plan) -> Iterator[Path]:
    """Lock the run's folder: a new one, or that of the continued run."""
    run = plan.run or run_folder.create(plan.run_config, plan.hyperparameters, plan.sources[0].robot, plan.section)
    with resume.alone(run):
        yield run


class _Distillation:
    """One run: rounds of recording and learning."""

    def __init__(
        self, plan: Plan, run: Path, learner: Any, statistics: Any, make_robots: MakeRobots | None, report: Report
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
        """Record and learn all that is not done yet, and save the final model."""
        plan, config = self._plan, self._plan.config
        begins = self._continue() if plan.run else ""
        steps = plan.checkpoint.num_timesteps if plan.checkpoint else None
        self._learner.set_logger(logs.logger(self._run, (steps or 0) if plan.run else None, self._report))
        self._report(" ".join(("run folder", str(self._run), begins)).strip())
        trained_s = plan.checkpoint.about.get("training_s", 0.0) if plan.checkpoint else 0.0
        saver = Saver(
            self._run, self._learner, self._statistics, plan.about, config.keep_checkpoints, self._report, trained_s
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
        """Restore the student from its checkpoint, and move later files aside; return a line for users."""
        plan = self._plan
        resume.put_aside(self._run, plan.checkpoint)
        if plan.checkpoint is None:
            return "no checkpoint yet: begins again with the data that are recorded"
        contents.restore(plan.checkpoint, self._learner, self._statistics)
        notes = check.mapping(plan.checkpoint.about.get("notes", {}).get(_NOTES), f"{plan.checkpoint.folder}: notes")
        self._epoch = check.whole(notes.get("epochs"), f"{plan.checkpoint.folder}: epochs")
        return f"continues after {self._epoch} epochs, from {plan.checkpoint.folder.name}"

    def _record(self, number: int) -> None:
        """Get the samples of a round: the teachers act in the first round, the student in the others."""
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
        """Return the student's distributions of actions for observations without a label."""
        data = next(data for i, data in self._data if self._plan.sources[i] is source)
        return self._student.answer(labelled_rows(observations, data, self._plan.labels))

    def _lessons(self) -> tuple[Lessons, Lessons]:
        """Return all samples so far: those for training, and those for validation (the same if none are held back)."""
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
        """Train for one epoch, and log it."""
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
