"""What about.json must say: types and ranges of every value in it that is used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from robot_interface_ros.files import checked_values as check

_TEXTS = ("policy", "task", "robot", "srl_model", "action", "observation")
_LONGEST_TRAINING_S = 1e10  # 300 years


def checked(about: Any, where: str, kinds: tuple[str, ...]) -> dict[str, Any]:
    """Return what an about.json says. Raises FileError, one line, for a value that no checkpoint of ours has.

    `kinds`: the kinds of checkpoints. The spaces are checked where they are made, hyper-parameters by their algorithm.
    """
    about = check.mapping(about, where)
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
