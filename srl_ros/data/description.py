"""The description of a dataset in words."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from srl_ros.data.bag_dataset import BagDataset

_BAR = 30
_BINS = 8


def describe(dataset: BagDataset) -> str:
    """Return a text of some lines: bags, episodes, lengths, rate, cameras, parts, and a histogram of the rewards."""
    lengths = np.unique(dataset.episodes, return_counts=True)[1]
    rows = [("bags", ", ".join(f"{part.bag.path} ({len(part):,} steps)" for part in dataset.parts[:6]))]
    if len(dataset.parts) > 6:
        rows.append(("", f"and {len(dataset.parts) - 6} more"))
    about = dataset.parts[0].about
    rows += [
        ("recorded", time.strftime("%Y-%m-%d %H:%M", time.localtime(about["episodes"][0]["stamp"] / 1e9))),
        ("robot", f"{', '.join(dataset.robots) or 'not said'}, {len(about['joint_names'])} joints"),
        (
            "episodes",
            f"{len(lengths):,}, of {lengths.min():,} to {lengths.max():,} steps, {lengths.mean():.1f} on average",
        ),
        ("steps", f"{len(dataset):,}"),
        ("rate", _rate(dataset)),
        ("cameras", _cameras(dataset)),
        *([("gaze", ", ".join(dataset.gazes))] if set(dataset.gazes) - {"none"} else []),
        ("actions", _actions(dataset)),
        ("parts", ", ".join(sorted(dataset.has)) or "images alone"),
        ("ground truth", ", ".join(dataset.truth_names) or "none"),
    ]
    if dataset.policies:
        rows.append(("policy", ", ".join(dataset.policies)))
    success = dataset.column("success")
    if success is not None:
        last = [np.flatnonzero(dataset.episodes == name)[-1] for name in np.unique(dataset.episodes)]
        rows.append(("success", f"{100 * np.mean(success[last] > 0.5):.0f} % of episodes"))
    rows.append(("id", dataset.digest()[:16]))
    lines = [f"  {name:<14}{text}" for name, text in rows]
    reward = dataset.column("reward")
    if reward is not None:
        lines += ["  reward of a step", *_histogram(reward)]
    return "\n".join(lines)


def _rate(dataset: BagDataset) -> str:
    periods = {part.about["period_ns"] for part in dataset.parts}
    return ", ".join(f"{1e9 / period:g} Hz" if period else "not known" for period in sorted(periods))


def _cameras(dataset: BagDataset) -> str:
    height, width, _ = dataset.image_shape
    return f"{', '.join(dataset.cameras)} ({width}x{height})" if dataset.cameras else "none"


def _actions(dataset: BagDataset) -> str:
    if "action" not in dataset.has:
        return "none"
    if dataset.discrete_actions:
        return f"{dataset.discrete_actions} discrete ones"
    labels = dataset.parts[0].about["action_labels"]
    return f"{len(labels)} numbers: {', '.join(labels)}"


def _histogram(reward: NDArray[np.float64]) -> list[str]:
    values = np.unique(np.round(reward, 9))
    if len(values) <= _BINS:
        counts = [int((np.round(reward, 9) == value).sum()) for value in values]
        labels = [f"{value:g}" for value in values]
    else:
        counts_, edges = np.histogram(reward, bins=_BINS)
        counts = counts_.tolist()
        labels = [f"{low:.3g} to {high:.3g}" for low, high in zip(edges, edges[1:])]
    most = max(counts)
    return [
        f"    {label:<20}{n:>10,}  {'#' * (max(1, round(_BAR * n / most)) if n else 0)}"
        for label, n in zip(labels, counts)
    ]
