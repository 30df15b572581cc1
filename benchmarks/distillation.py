"""Students of several teachers, continual learning and a student that sees the camera: a table of success and return.

    .venv/bin/python benchmarks/distillation.py plan=true                  # lists the rows and how long they take
    .venv/bin/python benchmarks/distillation.py                            # all rows: hours
    .venv/bin/python benchmarks/distillation.py rows='students/plane_discrete/0/*'
    .venv/bin/python benchmarks/distillation.py rows='continual/*/0/*,camera/0/*' steps=60000 episodes=20
    .venv/bin/python benchmarks/distillation.py parts=camera sizes=1000,5000 reach_teacher=config/policies/reach

In process, with nice 15, on one core. A row makes the teachers and data that it needs, unless they are there. `table.csv`
and `table.md` in `out` are written after each row. The same command continues after a kill, within a row too; rows that
are there are not made again. A folder keeps the settings that it was begun with; others need another `out`.

parts: students (teachers of circular, square and escape, their students by size of the data set, with and without labels),
continual (distillation, plain fine-tuning, all tasks at once), camera (reach: a teacher that is told where the target is, a
student that sees the camera's image, or with camera_encoder=FOLDER through an encoder).
"""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from distillation_estimate import Costs, measured_costs
from distillation_parts import (
    Settings,
    camera_student_of,
    measured,
    reach_teacher_of,
    student_of,
    teacher_of,
    tell,
)

from rl_trainer_ros.distillation import continual
from rl_trainer_ros.distillation.continual_config import DISTIL, METHODS, ContinualConfig
from robot_interface_ros.files.atomic_file import write_atomically

STUDENTS, CONTINUAL, CAMERA = "students", "continual", "camera"
TEACHER = "teacher"
PARTS = (STUDENTS, CONTINUAL, CAMERA)
FIXED = (
    "tasks",
    "steps",
    "reach_steps",
    "num_envs",
    "preset",
    "epochs",
    "episodes",
    "camera_batch",
    "camera_encoder",
    "reach_teacher",
)
"""Settings that all rows of a folder share."""
Figures = dict[str, dict[str, float]]
"""Task -> success and return."""


@dataclass(frozen=True)
class Row:
    """One row of the plan; several lines of the table for continual learning."""

    part: str
    action: str
    """Empty: the camera's student, which has the action of reach."""
    seed: int
    policy: str
    """teacher, or a student's labels (plain, labels), or the method of continual learning."""
    size: int = 0
    rounds: int = 0

    @property
    def name(self) -> str:
        """The name that `rows` selects, such as students/plane/0/5000/labels."""
        parts = [self.part, self.action, str(self.seed), str(self.size) if self.size else "", self.policy]
        return "/".join(part for part in [*parts, f"rounds{self.rounds}" if self.rounds else ""] if part)


def planned(settings: Settings) -> list[Row]:
    """Return the rows that the settings ask for, teachers before their students."""
    rows: list[Row] = []
    for part in settings.parts:
        for action in settings.actions if part != CAMERA else ("",):
            for seed in settings.seeds:
                if part == CONTINUAL:
                    rows += [Row(part, action, seed, method) for method in METHODS]
                    continue
                rows.append(Row(part, action, seed, TEACHER))
                for size in settings.sizes:
                    for policy in ("plain", "labels") if part == STUDENTS else ("student",):
                        rows += [Row(part, action, seed, policy, size, rounds) for rounds in settings.rounds]
    patterns = [pattern.strip() for pattern in settings.rows.split(",") if pattern.strip()]
    return [row for row in rows if not patterns or any(fnmatch(row.name, pattern) for pattern in patterns)]


def made(row: Row, settings: Settings) -> list[tuple[str, Figures]]:
    """Make a row, or continue it; return its lines: name of the policy, figures."""
    if row.part == CONTINUAL:
        return _continual(row, settings)
    if row.part == CAMERA:
        teacher = row.policy == TEACHER
        run = (
            reach_teacher_of(settings, row.seed)
            if teacher
            else camera_student_of(settings, row.seed, row.size, row.rounds)
        )
        return [(row.policy, {"reach": measured(settings, run, "reach")})]
    if row.policy == TEACHER:
        runs = {task: teacher_of(settings, row.action, task, row.seed) for task in settings.tasks}
    else:
        student = student_of(settings, row.action, row.seed, row.size, row.policy == "labels", row.rounds)
        runs = dict.fromkeys(settings.tasks, student)
    return [(row.policy, {task: measured(settings, run, task) for task, run in runs.items()})]


def _continual(row: Row, settings: Settings) -> list[tuple[str, Figures]]:
    teachers = ""
    if row.policy == DISTIL:  # those of the students too
        teachers = ",".join(str(teacher_of(settings, row.action, task, row.seed)) for task in settings.tasks)
    config = ContinualConfig(
        tasks=settings.tasks,
        method=row.policy,
        teachers=teachers,
        preset=settings.preset,
        num_envs=settings.num_envs,
        action=row.action,
        seed=row.seed,
        num_timesteps=settings.steps,
        set_size=max(1, max(settings.sizes) // len(settings.tasks)),
        epochs=settings.epochs,
        eval_episodes=settings.episodes,
        folder=str(settings.folder / CONTINUAL / row.action / f"seed{row.seed}" / row.policy),
    )
    matrix = continual.learn(config, report=tell)
    lines = []
    for i, name in enumerate(matrix.names[0]):
        cells = {task: matrix.cell(i, j) for j, task in enumerate(settings.tasks)}
        figures = {
            task: {"success": cell["success_rate"], "return": cell["mean_return"]} for task, cell in cells.items()
        }
        lines.append((f"{row.policy}: {name}", figures))
    return lines


def kept(row: Row, settings: Settings) -> Path:
    """The file of a finished row."""
    return settings.folder / "rows" / f"{row.name.replace('/', '+')}.json"


def save(row: Row, settings: Settings, lines: list[tuple[str, Figures]]) -> None:
    """Keep a finished row, and write the table of all rows in the folder."""
    about = {"part": row.part, "action": row.action, "seed": row.seed, "samples": row.size, "rounds": row.rounds}
    write_atomically(kept(row, settings), json.dumps({**about, "lines": lines}) + "\n")
    tasks = (*settings.tasks, "reach")
    head = [*about, "policy", *(f"{task}_{figure}" for task in tasks for figure in ("success", "return"))]
    text = io.StringIO()
    writer = csv.DictWriter(text, head)
    writer.writeheader()
    names = [*about, "policy", *tasks]
    page = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    for path in sorted((settings.folder / "rows").glob("*.json"), key=lambda path: path.stat().st_mtime_ns):
        found = json.loads(path.read_text(encoding="utf-8"))
        for policy, figures in found.pop("lines"):
            numbers = {f"{task}_{figure}": value for task, cell in figures.items() for figure, value in cell.items()}
            writer.writerow({**found, "policy": policy, **numbers})
            shown = [
                f"{100 * figures[t]['success']:.0f}, {figures[t]['return']:.0f}" if t in figures else "" for t in tasks
            ]
            page.append("| " + " | ".join([*map(str, found.values()), policy, *shown]) + " |")
    write_atomically(settings.folder / "table.csv", text.getvalue())
    write_atomically(settings.folder / "table.md", "\n".join(page) + "\n")


def check_folder(settings: Settings) -> None:
    """Keep the shared settings in a new folder; end the program if the folder was begun with others."""
    path = settings.folder / "settings.json"
    own = json.loads(json.dumps({name: getattr(settings, name) for name in FIXED}))
    if not path.is_file():
        write_atomically(path, json.dumps(own, indent=2) + "\n")
    before = {"camera_encoder": "", **json.loads(path.read_text(encoding="utf-8"))}  # older folders have none
    for name in FIXED:
        if before.get(name) != own[name]:
            sys.exit(f"{settings.folder} was begun with {name}={before.get(name)}, not {own[name]}; give another out=")


def show_plan(settings: Settings, rows: list[Row]) -> None:
    """Print each row with its time. Teachers and data that several rows share count for the first of them."""
    missing = [row for row in rows if not kept(row, settings).is_file()]
    costs = measured_costs(settings) if missing else Costs()
    there: set[str] = set()
    total = 0.0
    for row in rows:
        seconds = costs.of(row, settings, there) if row in missing else 0.0
        total += seconds
        print(f"{row.name:45s} {f'{seconds / 60.0:7.1f} min' if row in missing else '  is there'}", flush=True)
    print(f"{len(missing)} of {len(rows)} rows are missing: about {total / 3600.0:.1f} hours. {costs}")


def settings_of(words: list[str]) -> Settings:
    """Settings from words such as seeds=0,1; ends the program for others."""
    settings = Settings()
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or not hasattr(settings, name) or name == "folder":
            sys.exit(f"unknown word '{word}'; known: {', '.join(f'{key}=' for key in vars(settings))}")
        before: Any = getattr(settings, name)
        try:
            value: Any = text
            if isinstance(before, tuple):
                value = tuple(type(before[0])(part) for part in text.split(","))
            elif isinstance(before, bool):
                value = {"true": True, "false": False}[text.lower()]
            elif isinstance(before, int):
                value = int(text)
        except (ValueError, KeyError):
            sys.exit(f"{word}: expected {'true or false' if isinstance(before, bool) else 'whole numbers'}")
        settings = replace(settings, **{name: value})
    unknown = [part for part in settings.parts if part not in PARTS]
    if unknown:
        sys.exit(f"unknown part '{unknown[0]}'; known: {', '.join(PARTS)}")
    return settings


def main(words: list[str]) -> None:
    """Make the rows that are missing."""
    settings = settings_of(words)
    rows = planned(settings)
    if not rows:
        every = ", ".join(row.name for row in planned(replace(settings, rows=""))[:4])
        sys.exit(f"no row matches rows={settings.rows}; plan=true lists them: {every}, ...")
    if settings.plan:
        show_plan(settings, rows)
        return
    os.nice(15)
    check_folder(settings)
    for row in rows:
        if kept(row, settings).is_file():
            continue
        tell(f"row {row.name}")
        lines = made(row, settings)
        save(row, settings, lines)
        for policy, figures in lines:
            print(
                row.name,
                policy,
                *(f"{task}: {f['success']:.2f}, {f['return']:.0f}" for task, f in figures.items()),
                flush=True,
            )
    print(f"table: {settings.folder / 'table.md'}")


if __name__ == "__main__":
    main(sys.argv[1:])
