"""How long the rows of benchmarks/distillation.py take, from the time of a short run of each kind of work."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass, replace
from typing import Any

from distillation_parts import (
    Settings,
    camera_student_of,
    episodes_of,
    measured,
    reach_teacher_of,
    recorded,
    student_of,
    teacher_of,
)

SHORT, FEW, FEW_IMAGES, EPISODES = 2_048, 400, 100, 2
"""Of the short run: steps of a training, samples of a data set, with images, episodes of an evaluation."""


@dataclass(frozen=True)
class Costs:
    """Seconds of processor time of each kind of work; one idle core needs as much."""

    step: float = 0.0
    """Of training one step of the simulated robot."""
    sample: float = 0.0
    """Of recording a teacher's sample."""
    lesson: float = 0.0
    """Of learning from a sample once."""
    episode: float = 0.0
    """Of an evaluation."""
    camera_sample: float = 0.0
    camera_lesson: float = 0.0
    camera_episode: float = 0.0

    def __str__(self) -> str:
        return "Seconds of an idle core: " + ", ".join(f"{name} {value:.2g}" for name, value in vars(self).items())

    def of(self, row: Any, settings: Settings, there: set[str]) -> float:
        """Return the seconds of a row. `there`: what rows before it have made; what this one makes is added."""
        tasks, largest = len(settings.tasks), max(settings.sizes)
        rounds = range(1, row.rounds + 2)

        def once(name: str, seconds: float) -> float:
            new = name not in there
            there.add(name)
            return seconds if new else 0.0

        if row.part == "continual":
            evaluations = tasks * (1 if row.policy == "joint" else tasks) * settings.episodes
            training, seconds = tasks * settings.steps * self.step, evaluations * self.episode
            if row.policy != "distil":
                seconds += training
            else:
                seconds += once(f"teachers {row.action} {row.seed}", training)
                share = largest // tasks
                lessons = share * settings.epochs * sum(range(1, tasks + 1))
                seconds += tasks * share * self.sample + lessons * self.lesson
            return seconds
        if row.part == "camera":
            teacher = 0.0 if settings.reach_teacher else settings.reach_steps * self.step
            seconds = once(f"reach {row.seed}", teacher)
            if not row.size:
                return seconds + settings.episodes * self.episode  # the teacher needs no image
            learned = sum(row.size * part / len(rounds) for part in rounds) * settings.epochs
            return (
                seconds
                + row.size * self.camera_sample
                + learned * self.camera_lesson
                + settings.episodes * self.camera_episode
            )
        seconds = once(f"teachers {row.action} {row.seed}", tasks * settings.steps * self.step)
        seconds += sum(episodes_of(settings, task) for task in settings.tasks) * self.episode
        if row.size:
            data = once(f"data {row.action} {row.seed}", largest * self.sample)
            learned = sum(row.size * part / len(rounds) for part in rounds) * settings.epochs
            seconds += (row.size * self.sample if row.rounds else data) + learned * self.lesson
        return seconds


def measured_costs(settings: Settings) -> Costs:
    """Make a small row of each kind that the settings ask for, in a temporary folder, and measure its time."""
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        small = replace(settings, out=folder, steps=SHORT, reach_steps=SHORT, sizes=(FEW,), epochs=4, episodes=EPISODES)
        action, seed = settings.actions[0], settings.seeds[0]
        if set(settings.parts) & {"students", "continual"}:
            found["step"] = _timed(teacher_of, small, action, small.tasks[0], seed) / SHORT
            run = teacher_of(small, action, small.tasks[0], seed)
            found["episode"] = _timed(measured, small, run, small.tasks[0]) / episodes_of(small, small.tasks[0])
            one = replace(small, tasks=small.tasks[:1])
            found["sample"] = _timed(recorded, one, action, seed) / FEW
            found["lesson"] = _timed(student_of, one, action, seed, FEW, False, 0) / (FEW * small.epochs)
        if "camera" in settings.parts:
            seconds = _timed(reach_teacher_of, small, seed) / SHORT
            found.setdefault("step", seconds)
            short = replace(small, epochs=1)
            more = replace(short, epochs=3, out=f"{folder}/more", reach_teacher=str(reach_teacher_of(small, seed)))
            once, thrice = (_timed(camera_student_of, one, seed, FEW_IMAGES, 0) for one in (short, more))
            found["camera_lesson"] = max(thrice - once, 0.0) / (2 * FEW_IMAGES)
            found["camera_sample"] = max(once / FEW_IMAGES - found["camera_lesson"], 0.0)
            run = camera_student_of(short, seed, FEW_IMAGES, 0)
            found["camera_episode"] = _timed(measured, small, run, "reach") / EPISODES
            found.setdefault("episode", found["camera_episode"] / 2)
    return Costs(**found)


def _timed(work: Any, *given: Any) -> float:
    begin = time.process_time()
    work(*given)
    return time.process_time() - begin
