"""`rl_trainer curves`: plot the learning curves of one run again, or of several runs in one plot."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rl_trainer_ros.cli.command import Command
from robot_interface_ros.config import ConfigError, option
from robot_interface_ros.files.paths import check_file, expanded, listed_paths
from robot_interface_ros.start import leaving_at_once

if TYPE_CHECKING:
    from rl_trainer_ros.training.curves.picture import Curve
    from rl_trainer_ros.training.trainer_config import TrainerConfig

_SUFFIXES = (".png", ".svg", ".pdf")
_NAMED_BY = (
    "task",
    "algo",
    "state",
    "preset",
    "seed",
)  # names contain the settings in which the runs differ, in this order


@dataclass(frozen=True)
class CurvesOptions:
    """Arguments of `rl_trainer curves`."""

    run: str = option(
        "latest", "latest, a run folder, or several separated by commas; a folder with runs means all of them"
    )
    window: int = option(100, "number of episodes to average", minimum=1, maximum=1_000_000)
    file: str = option(
        "", "picture to write (.png, .svg or .pdf); empty: learning_curve.png in the run, or curves.png here", path=True
    )
    log_dir: str = option("runs", "folder in which latest is searched", path=True)


def draw_curves(options: CurvesOptions) -> int:
    """Draw, and say where the picture is."""
    with leaving_at_once():
        from rl_trainer_ros.training.curves.callback import PICTURE
        from rl_trainer_ros.training.curves.picture import save_picture

    read = _read_all(find_runs(options.run, options.log_dir))
    runs = list(read)
    file = Path(options.file) if options.file else runs[0] / PICTURE if len(runs) == 1 else Path("curves.png")
    if file.suffix not in _SUFFIXES:
        raise ConfigError(f"file is {file}; a picture ends in {', '.join(_SUFFIXES)}")
    check_file("file", file)
    curves = dict(zip(names_of(runs), read.values()))
    there = {name: curve for name, curve in curves.items() if len(curve.episodes) or len(curve.evaluations.steps)}
    if not there:
        raise ConfigError(f"no episode has ended yet in {options.run}")
    file.parent.mkdir(parents=True, exist_ok=True)
    save_picture(there, file, options.window, title_of(runs[0]) if len(runs) == 1 else "")
    for name, curve in there.items():
        steps = max((int(part.steps[-1]) for part in (curve.episodes, curve.evaluations) if len(part.steps)), default=0)
        print(f"  {name}: {len(curve.episodes):,} episodes, {steps:,} steps")
    print(f"learning curves in {file}")
    return 0


def _read_all(runs: list[Path]) -> dict[Path, Curve]:
    """Return the curve of each run. A damaged run is told and left out; raises ConfigError if none can be read."""
    from rl_trainer_ros.training.curves.episodes import read_episodes, read_evaluations
    from rl_trainer_ros.training.curves.picture import Curve
    from rl_trainer_ros.training.runs import run_folder

    read, problems = {}, []
    for run in runs:
        try:
            run_folder.load_config(run)
            read[run] = Curve(read_episodes(run), read_evaluations(run))
        except (OSError, ValueError) as error:
            problems.append(str(error))
    if not read:
        raise ConfigError(problems[0])
    for problem in problems:
        print(f"left out: {problem}", file=sys.stderr)
    return read


def find_runs(text: str, log_dir: str) -> list[Path]:
    """Return the run folders that `text` names. Raises ConfigError for anything else."""
    from rl_trainer_ros.training.runs import run_folder
    from rl_trainer_ros.training.runs.search import runs_below

    found: list[Path] = []
    for name in listed_paths(text):
        below = [] if name == "latest" else runs_below(expanded(name))
        found += below or [run_folder.find(name, log_dir)]
    if not found:
        raise ConfigError("run is empty; name a run folder, or latest")
    return list(dict.fromkeys(found))


def names_of(runs: list[Path]) -> list[str]:
    """Return a name for each run: the settings in which they differ, and the time or the path if these are not unique."""
    from rl_trainer_ros.training.runs import run_folder

    configs = [run_folder.load_config(run) for run in runs]
    differ = [name for name in _NAMED_BY if len({getattr(config, name) for config in configs}) > 1]
    names = [", ".join(_shown(config, name) for name in differ) for config in configs]
    if len(runs) == 1:
        return ["training"]
    timed = [name if names.count(name) == 1 else f"{name} {run.name}".strip() for name, run in zip(names, runs)]
    return [name if timed.count(name) == 1 else f"{names[i]} {runs[i]}".strip() for i, name in enumerate(timed)]


def title_of(run: Path) -> str:
    """Return a title for one run."""
    from rl_trainer_ros.training.curves.callback import run_title
    from rl_trainer_ros.training.runs import run_folder

    return run_title(run_folder.load_config(run), run)


def _shown(config: TrainerConfig, name: str) -> str:
    value = getattr(config, name)
    return f"{name} {value}" if name == "seed" else str(value)


COMMAND = Command(
    "curves",
    "plot the learning curves of a run, or of several in one plot",
    run=draw_curves,
    options=CurvesOptions,
    examples=(
        "rl_trainer curves                                       # of the newest run, in its folder",
        "rl_trainer curves run:=runs/a,runs/b file:=ppo_and_sac.svg window:=50",
    ),
)
