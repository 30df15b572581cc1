"""Resume a run in its folder: choose the checkpoint, and move aside everything that was saved after it.

Nothing is deleted. Later checkpoints, films and rows of logs are moved to `attempts/<n>/`.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rl_trainer_ros.training.checkpoints import contents, folders
from rl_trainer_ros.training.checkpoints.errors import ModelError
from rl_trainer_ros.training.checkpoints.folders import Checkpoint
from rl_trainer_ros.training.resumed_settings import run_of
from rl_trainer_ros.training.runs import logs
from rl_trainer_ros.training.trainer_config import TrainerConfig
from robot_interface_ros.config import ConfigError

_log = logging.getLogger(__name__)

DRAWN_ANEW = ("ars", "cma_es")
"""Algorithms that sample new candidates after a resume."""


def start(config: TrainerConfig) -> Checkpoint | None:
    """Return the checkpoint at which the run of a resolved configuration is resumed; None: from the beginning.

    If `resume` names a checkpoint, this one. Otherwise the newest exact one, if resuming from it repeats the steps after it
    bit for bit. If there is none yet, in real time, or if checkpoints are saved only by the clock, it is the newest of all:
    the result is valid, and no learned weights are lost. Damaged checkpoints are reported and left out. Raises ConfigError
    or ModelError.
    """
    run, named = run_of(config), Path(config.resume)
    folders.check_place(run)
    logs.check_places(run)
    if named != run:
        chosen = folders.read(named)
        if not chosen.resumable:
            raise ModelError(
                f"{named} holds only a model; resume the run, or start a new one with it: load_model:={shlex.quote(str(named))}"
            )
        if named.parent != run / folders.CHECKPOINTS:
            raise ModelError(
                f"{named} belongs to an earlier attempt of its run, whose logs have been moved; start a new run with it: "
                f"load_model:={shlex.quote(str(named))}"
            )
    else:
        found = _whole(run)
        if not found:
            return None
        chosen = next((one for one in found if _repeats(config) and _leads_to(one, found[0])), found[0])
    if chosen.num_timesteps >= config.num_timesteps:
        raise ConfigError(
            f"{chosen.folder} already has {chosen.num_timesteps:,} of {config.num_timesteps:,} steps; set a larger number: "
            f"num_timesteps:={2 * chosen.num_timesteps}"
        )
    return chosen


def _whole(run: Path) -> list[Checkpoint]:
    """Return the resumable checkpoints of a run, newest first. Raises ModelError if all are damaged."""
    damaged: list[ModelError] = []
    found = []
    for one in folders.all_of(run, damaged.append):
        if not one.resumable:
            continue
        try:
            contents.check_whole(one)
            found.append(one)
        except ModelError as error:
            damaged.append(error)
    for why in damaged:
        _log.warning("left out: %s", why)
    if damaged and not found:
        raise ModelError(f"no checkpoint of {run} is complete, {len(damaged)} cannot be read; start a new run")
    return found


def departed(checkpoint: Checkpoint | None) -> int:
    """Return the number of steps at which a run last departed from an uninterrupted one; 0: never."""
    if checkpoint is None:
        return 0
    return checkpoint.about.get("departed", 0) if checkpoint.exact else checkpoint.num_timesteps


def _repeats(config: TrainerConfig) -> bool:
    """Return whether a run resumed from an exact checkpoint repeats the same numbers."""
    every = config.checkpoint_every_steps or config.checkpoint_every_episodes
    return bool(every) and not config.realtime and config.algo not in DRAWN_ANEW


def _leads_to(checkpoint: Checkpoint, newest: Checkpoint) -> bool:
    """Return whether a run resumed from an exact checkpoint reaches `newest` again."""
    return checkpoint.exact and departed(checkpoint) == newest.about.get("departed", 0)


@contextmanager
def alone(run: Path) -> Iterator[None]:
    """Lock a run's folder. Raises ConfigError if another trainer has locked it. The lock ends with the process."""
    with open(run / ".lock", "w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigError(f"{run} is in use by another trainer; wait until it has ended, or end it") from None
        yield


ATTEMPTS = "attempts"
_ENDS = ("result.json", "evaluation.json")
"""Files about the end and the evaluation of the earlier attempt."""


def put_aside(run: Path, checkpoint: Checkpoint | None) -> Path | None:
    """Move everything saved after `checkpoint` (None: everything) to a new folder; return it, None if there was nothing.

    Links then point to earlier checkpoints, or are removed. A kill at any time loses no data: rows are copied before they
    are removed, and checkpoints are renamed.
    """
    folders.take_in_copies(run)
    steps = checkpoint.num_timesteps if checkpoint else 0
    later = [one.folder for one in folders.all_of(run) if _beyond(one, checkpoint)]
    rows = logs.beyond(run, checkpoint)
    films = logs.films_beyond(run, steps)
    attempt: Path | None = None
    if later or films or any(rows.values()):
        attempt = _unused(run)
        for name, text in rows.items():
            if text:
                (attempt / name).parent.mkdir(parents=True, exist_ok=True)
                (attempt / name).write_text(text, encoding="utf-8")
        for path in (*later, *films, *(run / name for name in _ENDS if (run / name).is_file())):
            goal = attempt / path.relative_to(run)
            goal.parent.mkdir(parents=True, exist_ok=True)
            os.rename(path, goal)
    folders.point_again(run)
    logs.cut(run, checkpoint)
    return attempt


def _beyond(one: Checkpoint, start: Checkpoint | None) -> bool:
    """Return whether a checkpoint was saved after the one at which the run is resumed."""
    if start is None:
        return True
    place = one.num_timesteps, one.about["saved_ns"]
    return place > (start.num_timesteps, start.about["saved_ns"])


def _unused(run: Path) -> Path:
    parent = run / ATTEMPTS
    parent.mkdir(exist_ok=True)
    number = 1 + max((int(path.name) for path in parent.iterdir() if path.name.isdecimal()), default=0)
    (parent / str(number)).mkdir()
    return parent / str(number)
