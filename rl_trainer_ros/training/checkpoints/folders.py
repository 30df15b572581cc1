"""Checkpoints as folders: written whole or not at all, found again, pointed at by links, thrown away.

A checkpoint is `checkpoints/<steps>_<kind>/` in a run's folder. It is written under a hidden name, brought to disk and
renamed; a link is replaced by a rename; what is thrown away gets a hidden name first. So after a kill at any moment
every folder without a dot is a whole checkpoint.
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
"""Kinds. EXACT ends all episodes, so that going on from it gives the same bits; TIMED does not."""
LINK_OF = {BEST: "best", EXACT: "latest", TIMED: "latest", FINAL: "final"}
FORMAT = 1


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint's folder and what its about.json says."""

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
        """Whether a training can go on from it; one of the best model is a model alone."""
        return self.kind != BEST

    @property
    def exact(self) -> bool:
        """Whether going on from it leads where an uninterrupted training would have come."""
        return self.kind == EXACT or (self.kind == FINAL and self.about.get("ended") == "finished")


def write(run: Path, num_timesteps: int, kind: str, fill: Callable[[Path], None]) -> Path:
    """Make a checkpoint: `fill(folder)` writes its files. Raises OSError, and then leaves nothing behind."""
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
    """Read a checkpoint's about.json. Raises ModelError, one line, for what is none."""
    path = folder / ABOUT
    try:
        values = mapping(read_json(path), str(path))
        if "format" in values and values["format"] != FORMAT:
            raise ModelError(
                f"{folder} has format {shown(values['format'])}, and this version of rl_trainer_ros reads format {FORMAT}; use "
                "the version that wrote it (versions.txt in the run folder)"
            )
        if "format" not in values:
            raise FileError(f"{path} lacks format")
        return Checkpoint(folder, _checked_about(values, str(path), tuple(LINK_OF)))
    except NoFileError:
        raise ModelError(
            f"{folder} is no saved model: it has no {ABOUT}; give a run folder, or its best/ or final/"
        ) from None
    except FileError as error:
        raise ModelError(
            f"{folder} is damaged or not a model of rl_trainer_ros: {error}; use another checkpoint"
        ) from None


def all_of(run: Path, damaged: Callable[[ModelError], None] = lambda error: None) -> list[Checkpoint]:
    """Every checkpoint of a run that can be read, newest first; `damaged` is told of each that cannot."""
    found = []
    for folder in sorted((run / CHECKPOINTS).glob("[!.]*")):
        try:
            found.append(read(folder))
        except ModelError as error:
            damaged(error)
    return sorted(found, key=lambda checkpoint: checkpoint.about["saved_ns"], reverse=True)


def prune(run: Path, keep: int) -> None:
    """Throw away what no link points to, but for the newest `keep` of each periodic kind, and what a kill has left.

    With each one from which the run may resume stays the best model as it was at that moment. What cannot be read stays.
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
    """Move folders that stand where links belong, as in a run that was copied without its links, to the checkpoints."""
    for link in LINKS:
        if (run / link).is_dir() and not (run / link).is_symlink():
            parent = run / CHECKPOINTS
            parent.mkdir(exist_ok=True)
            os.rename(run / link, _unused(parent, f"{link}_copy"))


def point_again(run: Path) -> None:
    """Let every link point at the newest checkpoint of its kind; a link without one is removed."""
    found = all_of(run)
    for link in LINKS:
        fitting = [one.folder for one in found if LINK_OF[one.kind] == link]
        if fitting:
            point(run / link, fitting[0])
        else:
            (run / link).unlink(missing_ok=True)


def point(link: Path, folder: Path) -> None:
    """Let a link point at a folder beside or below it."""
    with replacing(link) as temporary:
        temporary.symlink_to(folder.relative_to(link.parent), target_is_directory=True)


def _unused(parent: Path, name: str) -> Path:
    """The same step may be saved twice, by a run that went back to an earlier checkpoint."""
    names = [name, *(f"{name}_{i}" for i in range(2, 10_000))]
    return next(parent / entry for entry in names if not (parent / entry).exists())


_TEXTS = ("policy", "task", "robot", "srl_model", "action", "observation")
_LONGEST_TRAINING_S = 1e10  # 300 years


def _checked_about(content: Any, where: str, kinds: tuple[str, ...]) -> dict[str, Any]:
    """Return what an about.json says. Raises FileError, one line, for a value that no checkpoint of ours has.

    `kinds`: the kinds of checkpoints. The spaces are checked where they are made, hyper-parameters by their algorithm.
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
    """What our callbacks noted: the last episodes, and how good the best model was."""
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
