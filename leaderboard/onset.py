"""When a change begins: a test against the noise between seeds, at every iteration, that has to last.

For each iteration t a one-sided t test over seeds asks whether the change since iteration 0 is above the smallest
effect that the metric is trusted to see. Iterations are tested from T backwards until the first that fails: a fixed
sequence of tests, so the chance of naming any iteration too early, or naming one at all where nothing changes, is at
most alpha, however the noise of one iteration goes on into the next (Maurer, Hothorn, Lehmacher 1995; Westfall and
Krishen 2001, Journal of Statistical Planning and Inference 99). A change that is gone at T has no onset.
"""

from __future__ import annotations

import numpy as np
import scipy  # its `stats` is loaded on first use, which no plan makes
from numpy.typing import ArrayLike, NDArray

from leaderboard.grain import ROUNDING, above, below, grain
from leaderboard.statistics import SEEDS_FOR_INTERVALS, Array, worsening

ALPHA = 0.05
NEVER = -1


def p_above(changes: ArrayLike, minimum_effect: ArrayLike, items: int = 0) -> Array:
    """Return one-sided p values of mean change > minimum effect.

    Args:
        changes: (..., seeds, T + 1).
        minimum_effect: A number.
        items: That the metric was measured on: the spread of a share is one item at least; 0 = unknown.

    Returns:
        (..., T + 1). Without any spread the answer is certain: 0 or 1.
    """
    x = np.asarray(changes, dtype=np.float64)
    mean, limit = x.mean(axis=-2), np.asarray(minimum_effect, dtype=np.float64)
    error = np.maximum(x.std(axis=-2, ddof=1), grain(x, items)) / np.sqrt(x.shape[-2])
    certain = error <= ROUNDING * np.maximum(np.abs(x).max(axis=-2), 1e-300)
    t = (mean - limit) / np.where(certain, 1.0, error)
    return np.where(certain, np.where(above(mean, limit), 0.0, 1.0), scipy.stats.t.sf(t, x.shape[-2] - 1))


def onsets(changes: ArrayLike, minimum_effect: float, alpha: float = ALPHA, items: int = 0) -> NDArray[np.int64]:
    """Return the onset of each stack of changes (worse is positive), `NEVER` where there is none.

    Args:
        changes: (..., seeds, T + 1).
        minimum_effect: The smallest change that counts.
        alpha: Chance of naming an iteration too early.
        items: As in `p_above`.
    """
    seen = below(p_above(changes, minimum_effect, items), alpha)
    lasting = np.flip(np.logical_and.accumulate(np.flip(seen, axis=-1), axis=-1), axis=-1)
    return np.where(lasting.any(axis=-1), lasting.argmax(axis=-1), NEVER)


def onset(
    curves: ArrayLike, direction: str, minimum_effect: float, alpha: float = ALPHA, items: int = 0, first: int = 0
) -> int | None:
    """Return the iteration from which curves are worse than at their first, beyond effect and noise, up to T.

    Args:
        curves: (seeds, iterations), from the ``first`` one to T.
        direction: Of the metric.
        minimum_effect: The smallest change that counts.
        alpha: Chance of naming an iteration too early.
        items: As in `p_above`.
        first: The iteration that curves begin at; 1 for metrics of sets.

    None where no such iteration is found, and where one seed says nothing about noise.
    """
    x = np.asarray(curves, dtype=np.float64)
    if len(x) < SEEDS_FOR_INTERVALS:
        return None
    found = int(onsets(worsening(x[:, :1], x, direction), minimum_effect, alpha, items))
    return None if found == NEVER else found + first
