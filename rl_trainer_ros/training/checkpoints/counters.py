"""How far a learner is: the counts that schedules, target networks and exploration go by, as JSON."""

from __future__ import annotations

from collections import deque
from typing import Any

NAMES = ("num_timesteps", "_n_updates", "_episode_num", "_n_calls", "_current_progress_remaining", "exploration_rate")
_EPISODES, _SUCCESSES = "ep_info_buffer", "ep_success_buffer"


def of(algorithm: Any) -> dict[str, Any]:
    """Return the counts that this algorithm has, and its last episodes, which its log averages."""
    counts = {name: plain(getattr(algorithm, name)) for name in NAMES if hasattr(algorithm, name)}
    counts[_EPISODES] = [{key: plain(value) for key, value in row.items()} for row in algorithm.ep_info_buffer or ()]
    counts[_SUCCESSES] = [plain(value) for value in algorithm.ep_success_buffer or ()]
    return counts


def restore(algorithm: Any, counts: dict[str, Any]) -> None:
    """Put back what `of` returned."""
    for name in NAMES:
        if name in counts and hasattr(algorithm, name):
            setattr(algorithm, name, counts[name])
    window = algorithm._stats_window_size
    algorithm.ep_info_buffer = deque(counts[_EPISODES], maxlen=window)
    algorithm.ep_success_buffer = deque(counts[_SUCCESSES], maxlen=window)


def plain(value: Any) -> Any:
    """A number of NumPy's as Python's."""
    return value.item() if hasattr(value, "item") else value
