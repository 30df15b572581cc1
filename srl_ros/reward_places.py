"""Where the target of each episode is, from rewards and hand positions: trilateration. The ground truth is not used.

The reward of a task such as reach depends on the distance between hand and target. Each transition of an episode says how much
nearer the hand came, so several of them determine the one place that fits all: with four transitions or more that are not on
one line, in general a single one. An episode that leaves more than one place open, or none, has no place here.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from srl_ros.transitions import DatasetError

Array = NDArray[np.float64]
SURE_M = 0.01
"""Standard deviation of a place (m) up to which it is known."""
_RIVAL_M = 0.02
"""A place is not known if another one, this far away or further, explains the episode as well."""
_LEAST_NOISE_M = 1e-6
"""Of the differences, m: rewards are float32."""
_FITS = 4.0
"""Deviations of the noise up to which a place explains an episode."""
_MOST_SUCCESS = 0.5  # share of transitions; if more have the largest reward, it is not that of a success
_SUCCESS_M = 0.1  # from the mean of an episode's successes; if one is further away, they are not at one place
_STARTS, _KEPT, _ITERATIONS = 200, 8, 40
_PART = 1000  # transitions that are solved together
_STEP_M = 0.2  # longest step of the search


class Places(NamedTuple):
    """A place for each transition."""

    place: Array
    """(n, 3): m, root frame; 0 where it is not known."""
    known: NDArray[np.bool_]
    """(n,)"""


class _Fit(NamedTuple):
    """Candidates `s` of each of several episodes `e` of up to `k` transitions."""

    place: Array
    """(e, s, 3)"""
    differences: Array
    """(e, s, k): of what a place predicts and what the rewards say, m; 0 for transitions that do not count."""
    slope: Array
    """(e, s, k, 3): of the differences"""

    @property
    def squares(self) -> Array:
        """(e, s): their sum, m^2."""
        found: Array = np.square(self.differences).sum(axis=-1)
        return found


class _Solution(NamedTuple):
    """The best place of each episode."""

    place: Array
    """(e, 3)"""
    rms: Array
    """(e,): of the differences, m, over the transitions that are more than the three that are needed."""
    rival_rms: Array
    """(e,): of the best place that is far from it"""
    spread: Array
    """(e,): deviation of the place in deviations of a difference"""


def reward_places(
    hand: Array,
    next_hand: Array,
    reward: Array,
    episode: NDArray[np.int64],
    law: str = "progress",
    scale: float = 10.0,
    bonus: float = 5.0,
) -> Places:
    """Return the place of each transition's episode.

    `hand`, `next_hand` `(n, 3)` m: before and after a transition. `reward`, `episode` `(n,)`. `law`, `scale`, `bonus`: the
    reward is

    | law | reward of a transition |
    |---|---|
    | `progress` | `scale` for each metre that the hand comes nearer, and `bonus` at each step of a success |
    | `distance` | minus `scale` x the distance after the transition, m |
    | `success` | larger at a success than elsewhere: the hand is at the place then |

    Raises DatasetError, one line, if no episode has a place.
    """
    episodes, at = np.unique(episode, return_inverse=True)
    place, known = np.zeros((len(episodes), 3)), np.zeros(len(episodes), dtype=np.bool_)
    if law == "success":
        success = reward >= reward.max()
        success &= success.mean() < _MOST_SUCCESS
        count = np.bincount(at[success], minlength=len(episodes))
        for axis in range(3):
            place[:, axis] = np.bincount(at[success], next_hand[success, axis], len(episodes)) / np.maximum(count, 1)
        off = np.linalg.norm(next_hand[success] - place[at[success]], axis=1)
        farthest = np.zeros(len(episodes))
        np.maximum.at(farthest, at[success], off)
        known = (count > 0) & (farthest <= _SUCCESS_M)
    else:
        measured = gained(reward, scale, bonus) if law == "progress" else -reward / scale
        starts = next_hand[:: -(-len(next_hand) // _STARTS)]  # a target is where a hand can be
        rows = _rows_of(at, len(episodes))
        parts = [
            _solved(hand[some], next_hand[some], measured[some], some >= 0, starts, law == "progress")
            for some in np.array_split(rows, -(-rows.size // _PART))
        ]
        found = _Solution(*map(np.concatenate, zip(*parts)))
        noise = max(_LEAST_NOISE_M, float(np.median(found.rms)))
        place = found.place
        known = (found.rms <= _FITS * noise) & (found.rival_rms > _FITS * noise) & (found.spread * noise <= SURE_M)
    if not known.any():
        raise DatasetError(
            f"reward_place found the target of none of {len(episodes)} episodes: the rewards do not follow reward_law {law} "
            f"with reward_scale {scale:g} and reward_bonus {bonus:g}, episodes are too short, or the target "
            "moves; set them as in the task, such as reward_law:=success for sparse rewards"
        )
    return Places(np.where(known[at, None], place[at], 0.0), known[at])


def gained(reward: Array, scale: float, bonus: float) -> Array:
    """Return the progress of the hand towards the target, m, in the shape of `reward`: without its bonuses, over `scale`.

    Progress must be worth less than half a bonus.
    """
    without = reward - bonus * np.maximum(np.round(reward / bonus), 0.0) if bonus > 0.0 else reward
    found: Array = without / scale
    return found


def _rows_of(at: NDArray[np.int64], episodes: int) -> NDArray[np.int64]:
    """Return `(episodes, k)`: the rows of each episode in order; -1 fills shorter ones."""
    count = np.bincount(at, minlength=episodes)
    order = np.argsort(at, kind="stable")
    found = np.full((episodes, count.max()), -1, dtype=np.int64)
    found[np.arange(count.max())[None] < count[:, None]] = order
    return found


def _solved(
    hand: Array, next_hand: Array, measured: Array, counts: NDArray[np.bool_], starts: Array, progress: bool
) -> _Solution:
    """Return the place of each of several episodes.

    Least squares by Levenberg and Marquardt's method, from those of `starts` `(s, 3)` that fit best. `hand`, `next_hand`
    `(e, k, 3)`, `measured`, `counts` `(e, k)`.
    """

    def fit(place: Array) -> _Fit:
        way, next_way = place[:, :, None] - hand[:, None], place[:, :, None] - next_hand[:, None]
        before, after = np.linalg.norm(way, axis=-1), np.linalg.norm(next_way, axis=-1)
        predicted, slope = after, next_way / np.maximum(after, 1e-9)[..., None]
        if progress:
            predicted, slope = before - after, way / np.maximum(before, 1e-9)[..., None] - slope
        which = counts[:, None]
        return _Fit(place, np.where(which, predicted - measured[:, None], 0.0), np.where(which[..., None], slope, 0.0))

    e = np.arange(len(hand))
    first = fit(np.broadcast_to(starts, (len(hand), *starts.shape)))
    now = fit(starts[np.argsort(first.squares, axis=1, kind="stable")[:, :_KEPT]])
    damping = np.full(now.squares.shape, 1e-4)
    for _ in range(_ITERATIONS):
        square = np.einsum("eski,eskj->esij", now.slope, now.slope) + damping[..., None, None] * np.eye(3)
        step = np.linalg.solve(square, np.einsum("eski,esk->esi", now.slope, now.differences)[..., None])[..., 0]
        length = np.linalg.norm(step, axis=-1, keepdims=True)
        tried = fit(now.place - step * np.minimum(1.0, _STEP_M / np.maximum(length, 1e-12)))
        better = tried.squares < now.squares
        now = _Fit(*(np.where(better.reshape(better.shape + (1,) * (a.ndim - 2)), b, a) for a, b in zip(now, tried)))
        damping = np.clip(np.where(better, 0.2 * damping, 5.0 * damping), 1e-13, 1e2)
    spare = counts.sum(axis=1) - 3
    rms = np.where(spare[:, None] > 0, np.sqrt(now.squares / np.maximum(spare, 1)[:, None]), np.inf)
    chosen = rms.argmin(axis=1)
    place, slope = now.place[e, chosen], now.slope[e, chosen]
    far = np.linalg.norm(now.place - place[:, None], axis=-1) > _RIVAL_M
    strengths = np.linalg.eigvalsh(np.einsum("eki,ekj->eij", slope, slope))
    spread = np.sqrt((1.0 / np.maximum(strengths, 1e-30)).sum(axis=1))
    return _Solution(place, rms[e, chosen], np.where(far, rms, np.inf).min(axis=1), spread)
