"""Earlier attempts of a run: what lies beyond the checkpoint where it resumes is moved to `attempts/<n>/`, never deleted.

An attempt holds the checkpoints that were saved beyond that point, the films, and the rows of the logs.
"""

from __future__ import annotations

import os
from pathlib import Path

from rl_trainer_ros.training.checkpoints import folders
from rl_trainer_ros.training.checkpoints.folders import Checkpoint
from rl_trainer_ros.training.runs import logs

ATTEMPTS = "attempts"
_ENDS = ("result.json", "evaluation.json")
"""How the earlier attempt ended, and what was measured of it."""


def put_aside(run: Path, checkpoint: Checkpoint | None) -> Path | None:
    """Move everything beyond `checkpoint` (None: everything) to a folder of its own, and return that; None: nothing was there.

    Links then point to checkpoints before that point, or are gone. A kill at any moment loses nothing: rows are copied
    before they are cut, and checkpoints are renamed.
    """
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
