"""When a change begins: a test against the noise between seeds, at every iteration, that has to last.

For each iteration t a one-sided t test over seeds asks whether the change since iteration 0 is above the smallest
effect that the metric is trusted to see. Iterations are tested from T backwards until the first that fails: a fixed
sequence of tests, so the chance of naming any iteration too early, or naming one at all where nothing changes, is at
most alpha, however the noise of one iteration goes on into the next (Maurer, Hothorn, Lehmacher 1995; Westfall and
Krishen 2001, Journal of Statistical Planning and Inference 99). A change that is gone at T has no onset.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from leaderboard.statistics import SEEDS_FOR_INTERVALS, Array, worsening

ALPHA = 0.05
NEVER = -1


def p_above(changes: ArrayLike, minimum_effect: ArrayLike) -> Array:
    """Return one-sided p values of mean change > minimum effect.

    Args:
        changes: (..., seeds, T + 1).
        minimum_effect: A number.

    Returns:
        (..., T + 1). Without any spread the answer is certain: 0 or 1.
    """
    x = np.asarray(changes, dtype=np.float64)
    excess = x.mean(axis=-2) - np.asarray(minimum_effect, dtype=np.float64)
    error = x.std(axis=-2, ddof=1) / np.sqrt(x.shape[-2])
    certain = error <= 1e-12 * np.maximum(np.abs(x).max(axis=-2), 1e-300)
    t = excess / np.where(certain, 1.0, error)
    return np.where(certain, np.where(excess > 0, 0.0, 1.0), stats.t.sf(t, x.shape[-2] - 1))


def onsets(changes: ArrayLike, minimum_effect: float, alpha: float = ALPHA) -> NDArray[np.int64]:
    """Return the onset of each stack of changes (worse is positive), `NEVER` where there is none.

    Args:
        changes: (..., seeds, T + 1).
        minimum_effect: The smallest change that counts.
        alpha: Chance of naming an iteration too early.
    """
    above = p_above(changes, minimum_effect) < alpha
    lasting = np.flip(np.logical_and.accumulate(np.flip(above, axis=-1), axis=-1), axis=-1)
    return np.where(lasting.any(axis=-1), lasting.argmax(axis=-1), NEVER)


def onset(curves: ArrayLike, direction: str, minimum_effect: float, alpha: float = ALPHA) -> int | None:
    """Return the iteration from which (seeds, T + 1) curves are worse than at 0, beyond effect and noise, up to T.

    None where no such iteration is found, and where one seed says nothing about noise.
    """
    x = np.asarray(curves, dtype=np.float64)
    if len(x) < SEEDS_FOR_INTERVALS:
        return None
    found = int(onsets(worsening(x[:, :1], x, direction), minimum_effect, alpha))
    return None if found == NEVER else found
