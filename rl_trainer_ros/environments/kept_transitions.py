"""Recorded transitions in files of whole episodes: an interrupted recording continues and ends with the same bits."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np

from rl_trainer_ros.environments.transition_recording import Parts, TransitionRecorder, joined
from robot_interface_ros.files.atomic_file import write_atomically
from robot_interface_ros.files.untrusted_arrays import read_npz
from robot_interface_ros.files.untrusted_files import FileError

PER_FILE = 200
"""Smallest number of transitions in a file. An interruption loses at most so many."""
_FORMAT = 3
_LARGEST = 2**32  # bytes of a file
_STATE = "state"
Open = Callable[[], AbstractContextManager[TransitionRecorder]]
"""Opens a simulator; called only if a file is missing."""


def kept(
    folder: Path,
    settings: dict[str, Any],
    open_recorder: Open,
    transitions: int,
    report: Callable[[int], None] = lambda done: None,
    begin: Callable[[int], None] = lambda done: None,
) -> dict[str, Any]:
    """Return `transitions` transitions as the parts of a dataset: those in `folder`, then new ones, which are written there.

    `settings`: everything that the bits depend on, as JSON has it. A file of other settings, a damaged one and those after
    it are written anew. The number of transitions is no setting: more can be recorded later. `begin(done)` is called with
    those in `folder` before a simulator is opened, `report(done)` after each new episode.
    """
    settings = {**settings, "format": _FORMAT}
    played, state = _read(folder, settings, transitions)
    done = sum(len(part["images"]) for part in played)
    names = state["names"] if state else []
    if done < transitions:
        begin(done)
        with open_recorder() as recorder:
            names = list(recorder.names)
            if state:
                recorder.restore(state["recorder"])
            while done < transitions:
                before = done
                played.append(_recorded(recorder, lambda rows: report(min(before + rows, transitions))))  # noqa: B023
                done += len(played[-1]["images"])
                state = {"settings": settings, "names": names, "recorder": recorder.state()}
                _write(_path(folder, len(played) - 1), played[-1], state)
    return {"names": tuple(names), **joined(played, transitions)}


def forget(folder: Path) -> None:
    """Remove the files of a recording, and the folder if nothing else is in it."""
    for path in folder.glob("part-[0-9][0-9][0-9][0-9][0-9].npz"):
        path.unlink()
    with contextlib.suppress(OSError):  # it is not there, or has files of somebody else
        folder.rmdir()


def _recorded(recorder: TransitionRecorder, report: Callable[[int], None]) -> Parts:
    """Return the transitions of a file."""
    episodes: list[Parts] = []
    rows = 0
    while rows < PER_FILE:
        episodes.append(recorder.play())
        rows += len(episodes[-1]["images"])
        report(rows)
    return joined(episodes, rows)


def _write(path: Path, part: Parts, state: dict[str, Any]) -> None:
    arrays: dict[str, Any] = {**part, _STATE: np.array(json.dumps(state))}
    write_atomically(path, lambda file: np.savez_compressed(file, **arrays))


def _path(folder: Path, number: int) -> Path:
    return folder / f"part-{number:05d}.npz"


def _read(folder: Path, settings: dict[str, Any], transitions: int) -> tuple[list[Parts], dict[str, Any]]:
    """Return the whole files from the first on, as many as are needed, and the state at the end of the last."""
    found: list[Parts] = []
    last: dict[str, Any] = {}
    rows = 0
    while rows < transitions and _path(folder, len(found)).is_file():
        try:
            part = read_npz(_path(folder, len(found)), _LARGEST)
            state = json.loads(str(part.pop(_STATE)))
            count = len(part["images"])
            if state["settings"] != settings:
                break
        except (FileError, KeyError, TypeError, ValueError):
            break
        found.append(part)
        last = state
        rows += count
    return found, last
