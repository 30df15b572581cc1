"""Resuming a run in its own folder: from which checkpoint, and what happens to everything that was saved after it.

Nothing is deleted. What lies beyond that checkpoint is moved to `attempts/<n>/`: later checkpoints, films, and rows of the
logs.
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
"""Algorithms whose candidates are drawn anew after a resume."""


def start(config: TrainerConfig) -> Checkpoint | None:
    """Return the checkpoint from which a resolved configuration goes on; None: from the beginning.

    One that is named is taken. Else it is the newest exact one, where going on from it repeats what came after it, bit
    for bit. Where there is none yet, and in real time or where checkpoints come by the clock alone, it is the newest of
    all: what follows is valid, and nothing that was learned is lost. One that is damaged is named and left out. Raises
    ConfigError or ModelError.
    """
    run, named = run_of(config), Path(config.resume)
    if named != run:
        chosen = folders.read(named)
        if not chosen.resumable:
            raise ModelError(
                f"{named} is a model alone; resume the run, or begin a new one with it: load_model:={shlex.quote(str(named))}"
            )
        if named.parent != run / folders.CHECKPOINTS:
            raise ModelError(
                f"{named} belongs to an earlier attempt of its run, whose logs have been cut; begin a new run with it: "
                f"load_model:={shlex.quote(str(named))}"
            )
    else:
        found = _whole(run)
        if not found:
            return None
        chosen = next((one for one in found if _repeats(config) and _leads_to(one, found[0])), found[0])
    if chosen.num_timesteps >= config.num_timesteps:
        raise ConfigError(
            f"{chosen.folder} has done {chosen.num_timesteps:,} of {config.num_timesteps:,} steps already; give more: "
            f"num_timesteps:={2 * chosen.num_timesteps}"
        )
    return chosen


def _whole(run: Path) -> list[Checkpoint]:
    """Checkpoints of a run that a training can go on from, newest first. Raises ModelError where all are damaged."""
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
        raise ModelError(f"no checkpoint of {run} is whole, {len(damaged)} cannot be read; begin a new run")
    return found


def departed(checkpoint: Checkpoint | None) -> int:
    """Return the steps after which a run last went on in another way than an uninterrupted one would; 0: nowhere."""
    if checkpoint is None:
        return 0
    return checkpoint.about.get("departed", 0) if checkpoint.exact else checkpoint.num_timesteps


def _repeats(config: TrainerConfig) -> bool:
    """Whether going on from an exact checkpoint gives the same numbers again."""
    every = config.checkpoint_every_steps or config.checkpoint_every_episodes
    return bool(every) and not config.realtime and config.algo not in DRAWN_ANEW


def _leads_to(checkpoint: Checkpoint, newest: Checkpoint) -> bool:
    """Whether a run that goes on from an exact checkpoint comes to `newest` again."""
    return checkpoint.exact and departed(checkpoint) == newest.about.get("departed", 0)


@contextmanager
def alone(run: Path) -> Iterator[None]:
    """Hold a run's folder; ConfigError while another trainer does. A trainer that dies holds nothing."""
    with open(run / ".lock", "w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigError(f"{run} is in use by another trainer; wait until it has ended, or end it") from None
        yield


ATTEMPTS = "attempts"
_ENDS = ("result.json", "evaluation.json")
"""How the earlier attempt ended, and what was measured of it."""


def put_aside(run: Path, checkpoint: Checkpoint | None) -> Path | None:
    """Move everything beyond `checkpoint` (None: everything) to a folder of its own, and return that; None: nothing was there.

    Links then point to checkpoints before that point, or are gone. A kill at any moment loses nothing: rows are copied
    before they are cut, and checkpoints are renamed.
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
    """Whether a checkpoint is no ancestor of the one where the run resumes."""
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
