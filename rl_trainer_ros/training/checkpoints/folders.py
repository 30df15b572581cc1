"""Folders of checkpoints: write them atomically, find them, link to them, delete old ones.

A checkpoint is `checkpoints/<steps>_<kind>/` in a run's folder. It is written under a hidden name, synchronised to disk and
then renamed. Links are replaced by a rename. A folder to delete gets a hidden name first. So after a kill at any time,
every folder whose name does not begin with a dot is a complete checkpoint.
"""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rl_trainer_ros.training.checkpoints.errors import ModelError
from robot_interface_ros.files import checked_values as check
from robot_interface_ros.files.atomic_file import replacing, to_disk
from robot_interface_ros.files.checked_values import mapping, shown
from robot_interface_ros.files.untrusted_files import FileError, NoFileError, read_json

ABOUT, CHECKPOINTS = "about.json", "checkpoints"
LINKS = ("best", "latest", "final")
BEST, EXACT, TIMED, FINAL = "best", "exact", "timed", "final"
"""Kinds. EXACT ends all episodes, so that a run resumed from it gives the same bits; TIMED does not."""
LINK_OF = {BEST: "best", EXACT: "latest", TIMED: "latest", FINAL: "final"}
FORMAT = 1


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint's folder and the content of its about.json."""

    folder: Path
    about: dict[str, Any]

    @property
    def kind(self) -> str:
        """One of the kinds above."""
        kind: str = self.about["kind"]
        return kind

    @property
    def num_timesteps(self) -> int:
        """Environment steps at which it was saved."""
        steps: int = self.about["num_timesteps"]
        return steps

    @property
    def resumable(self) -> bool:
        """Whether a training can be resumed from it. A checkpoint of the best model holds only the model."""
        return self.kind != BEST

    @property
    def exact(self) -> bool:
        """Whether a run resumed from it gives the same result as an uninterrupted one."""
        return self.kind == EXACT or (self.kind == FINAL and self.about.get("ended") == "finished")


def trained(about: Mapping[str, Any]) -> bool:
    """Whether the policy that an about.json speaks of was updated. One that is stopped before its first update was not."""
    counted = about.get("counters", {}).get("_n_updates")
    return counted != 0 or about["algo"] == "random" or about.get("ended") == "finished"


def write(run: Path, num_timesteps: int, kind: str, fill: Callable[[Path], None]) -> Path:
    """Make a checkpoint; `fill(folder)`: writes its files. Raises OSError, and then leaves no files behind."""
    parent = run / CHECKPOINTS
    parent.mkdir(exist_ok=True)
    folder = _unused(parent, f"{num_timesteps:09d}_{kind}")
    with replacing(folder) as temporary:
        temporary.mkdir()
        fill(temporary)
        for path in temporary.iterdir():
            to_disk(path)
    to_disk(parent)
    point(run / LINK_OF[kind], folder)
    return folder


def read(folder: Path) -> Checkpoint:
    """Read a checkpoint's about.json. Raises ModelError, in one line, if it is not a checkpoint."""
    path = folder / ABOUT
    try:
        values = mapping(read_json(path), str(path))
        if "format" in values and values["format"] != FORMAT:
            raise ModelError(
                f"{folder} has format {shown(values['format'])}, but this version of rl_trainer_ros reads format {FORMAT}; use "
                "the version that wrote it (versions.txt in the run folder)"
            )
        if "format" not in values:
            raise FileError(f"{path} has no format")
        return Checkpoint(folder, _checked_about(values, str(path), tuple(LINK_OF)))
    except NoFileError:
        raise ModelError(
            f"{folder} is not a saved model: it has no {ABOUT}; give a run folder, or its best/ or final/"
        ) from None
    except FileError as error:
        raise ModelError(
            f"{folder} is damaged or not a model of rl_trainer_ros: {error}; use another checkpoint"
        ) from None


def check_place(run: Path) -> None:
    """Raise ModelError where something else stands in the place of the folder of a run's checkpoints."""
    place = run / CHECKPOINTS
    if os.path.lexists(place) and not place.is_dir():
        raise ModelError(f"{place} is not a folder, and checkpoints are saved in a folder of that name: move it away")


def all_of(run: Path, damaged: Callable[[ModelError], None] = lambda error: None) -> list[Checkpoint]:
    """Return all readable checkpoints of a run, newest first; `damaged` is called for each of the others."""
    found = []
    for folder in sorted((run / CHECKPOINTS).glob("[!.]*")):
        try:
            found.append(read(folder))
        except ModelError as error:
            damaged(error)
    return sorted(found, key=lambda checkpoint: checkpoint.about["saved_ns"], reverse=True)


def model_of(run: Path, link: str) -> Path | None:
    """Return the folder of the model that a link of a run names; None if there is none.

    In a run that was copied without its links it is the newest checkpoint of that kind.
    """
    if (run / link / ABOUT).is_file():
        return run / link
    if any(os.path.lexists(run / name) for name in LINKS):
        return None
    return next((one.folder for one in all_of(run) if LINK_OF[one.kind] == link), None)


def prune(run: Path, keep: int) -> None:
    """Delete checkpoints without a link, except the newest `keep` of each periodic kind, and leftovers of killed processes.

    For each kept resumable checkpoint, the best model at its time is kept too. Unreadable folders are kept.
    """
    found = all_of(run)  # newest first
    kept = {(run / link).resolve() for link in LINKS if (run / link).exists()}
    for kind in (EXACT, TIMED):
        kept |= {one.folder.resolve() for one in [one for one in found if one.kind == kind][:keep]}
    for resumable in [one for one in found if one.resumable and one.folder.resolve() in kept]:
        before = (one for one in found if one.kind == BEST and one.about["saved_ns"] <= resumable.about["saved_ns"])
        kept |= {one.folder.resolve() for one in itertools.islice(before, 1)}
    useless = [one.folder for one in found if one.folder.resolve() not in kept]
    for folder in (*useless, *(run / CHECKPOINTS).glob(".*")):
        hidden = folder
        if not folder.name.startswith("."):
            hidden = folder.with_name(f".{folder.name}.{os.getpid()}")
            os.rename(folder, hidden)
        shutil.rmtree(hidden, ignore_errors=True)


def take_in_copies(run: Path) -> None:
    """Move folders in place of links, as in a run that was copied without its links, to the checkpoints."""
    for link in LINKS:
        if (run / link).is_dir() and not (run / link).is_symlink():
            parent = run / CHECKPOINTS
            parent.mkdir(exist_ok=True)
            os.rename(run / link, _unused(parent, f"{link}_copy"))


def point_again(run: Path) -> None:
    """Set every link to the newest checkpoint of its kind; remove a link that has none."""
    found = all_of(run)
    for link in LINKS:
        fitting = [one.folder for one in found if LINK_OF[one.kind] == link]
        if fitting:
            point(run / link, fitting[0])
        else:
            (run / link).unlink(missing_ok=True)


def point(link: Path, folder: Path) -> None:
    """Set a link to a folder next to it or below it."""
    with replacing(link) as temporary:
        temporary.symlink_to(folder.relative_to(link.parent), target_is_directory=True)


def _unused(parent: Path, name: str) -> Path:
    """Return an unused path. A run that was resumed from an earlier checkpoint may save the same step again."""
    names = [name, *(f"{name}_{i}" for i in range(2, 10_000))]
    return next(parent / entry for entry in names if not (parent / entry).exists())


_TEXTS = ("policy", "task", "robot", "srl_model", "action", "observation")
_LONGEST_TRAINING_S = 1e10  # 300 years


def _checked_about(content: Any, where: str, kinds: tuple[str, ...]) -> dict[str, Any]:
    """Return the content of an about.json. Raises FileError, in one line, for an impossible value.

    `kinds`: the kinds of checkpoints. Spaces are checked when they are made, and hyper-parameters by their algorithm.
    """
    about = check.mapping(content, where)
    lacks = [name for name in ("kind", "num_timesteps", "saved_ns", "algo") if name not in about]
    if lacks:
        raise check.FileError(f"{where} lacks {', '.join(lacks)}")
    if about["kind"] not in kinds:
        raise check.FileError(f"{where}: kind is {check.shown(about['kind'])}; known: {', '.join(kinds)}")
    check.whole(about["num_timesteps"], f"{where}: num_timesteps")
    check.whole(about["saved_ns"], f"{where}: saved_ns", 0, check.LARGEST_NS)
    check.text(about["algo"], f"{where}: algo")
    for name in _TEXTS:
        check.text(about.get(name, ""), f"{where}: {name}")
    if about.get("encoder") is not None:
        check.text(about["encoder"], f"{where}: encoder")
    check.number(about.get("training_s", 0.0), f"{where}: training_s", 0.0, _LONGEST_TRAINING_S)
    check.whole(about.get("departed", 0), f"{where}: departed")
    check.mapping(about.get("hyperparameters", {}), f"{where}: hyperparameters")
    for name, size in check.mapping(about.get("logs", {}), f"{where}: logs").items():
        check.whole(size, f"{where}: logs: {name:.80}")
    _check_counters(check.mapping(about.get("counters", {}), f"{where}: counters"), f"{where}: counters")
    _check_notes(check.mapping(about.get("notes", {}), f"{where}: notes"), f"{where}: notes")
    return about


def _check_counters(counts: Mapping[str, Any], where: str) -> None:
    for name, value in counts.items():
        place = f"{where}: {name:.80}"
        if name == "ep_info_buffer":
            for row in check.listed(value, place):
                for key, entry in check.mapping(row, place).items():
                    if not isinstance(entry, bool):
                        check.number_or_none(entry, f"{place}: {key:.80}")
        elif name == "ep_success_buffer":
            for entry in check.listed(value, place):
                if not isinstance(entry, bool):
                    check.number_or_none(entry, place)
        elif name in ("_current_progress_remaining", "exploration_rate"):
            check.number(value, place)
        else:
            check.whole(value, place)


def _check_notes(notes: Mapping[str, Any], where: str) -> None:
    """Check the states of this package's callbacks: the last episodes, and the return of the best model."""
    for row in check.listed(notes.get("progress", []), f"{where}: progress"):
        total, success, distance = check.listed(row, f"{where}: progress", 3)
        check.number_or_none(total, f"{where}: progress")
        check.number_or_none(distance, f"{where}: progress")
        if not isinstance(success, bool):
            raise check.FileError(f"{where}: progress: success is {check.shown(success)}; expected true or false")
    kept = check.mapping(notes.get("checkpoints", {}), f"{where}: checkpoints")
    for value in check.listed(kept.get("returns", []), f"{where}: checkpoints: returns"):
        check.number_or_none(value, f"{where}: checkpoints: returns")
    check.number_or_none(kept.get("best"), f"{where}: checkpoints: best")
    check.whole(kept.get("episodes", 0), f"{where}: checkpoints: episodes")
