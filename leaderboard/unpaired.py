"""Comparisons of rows that ran on different kinds of hosts: their seeds are not pairs.

Two kinds of hosts sum in another order, so after a few training steps equal seeds hold unequal noise. Such rows are
compared as independent samples: Welch's test for differences, and Fieller's set with the covariances that are left.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from leaderboard.statistics import LEVEL, SEEDS_FOR_INTERVALS, Array, MeanInterval, Ratio, fieller_set


def _variance(values: ArrayLike) -> tuple[Array, float]:
    x = np.asarray(values, dtype=np.float64)
    return x, float(x.var(ddof=1)) / len(x)  # of the mean


def welch_interval(a: ArrayLike, b: ArrayLike, level: float = LEVEL) -> MeanInterval:
    """Return the interval of mean(a) - mean(b) for independent samples of unequal spread (Welch 1947, Biometrika 34).

    ``n`` of the interval is the smaller sample's.
    """
    x, y = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    n, gap = min(len(x), len(y)), float(x.mean() - y.mean())
    if n < SEEDS_FOR_INTERVALS:
        return MeanInterval(gap, float("-inf"), float("inf"), n)
    if np.ptp(x) == np.ptp(y) == 0.0:
        return MeanInterval(gap, gap, gap, n)
    low, high = stats.ttest_ind(x, y, equal_var=False).confidence_interval(level)
    return MeanInterval(gap, float(low), float(high), n)


def welch_p(a: ArrayLike, b: ArrayLike) -> float:
    """Return the two-sided p value of Welch's test; samples without any spread are certain, as in `paired_p`."""
    x, y = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if min(len(x), len(y)) < SEEDS_FOR_INTERVALS:
        return 1.0
    scale = 1e-12 * max(float(np.abs(x).max()), float(np.abs(y).max()), 1e-300)
    if max(float(np.ptp(x)), float(np.ptp(y))) <= scale:
        return 0.0 if abs(float(x.mean() - y.mean())) > scale else 1.0
    return float(stats.ttest_ind(x, y, equal_var=False).pvalue)


def prevented_unpaired(
    none: ArrayLike, method: ArrayLike, real: ArrayLike, controls_paired: bool = True, level: float = LEVEL
) -> Ratio:
    """Return collapse prevented where the method's seeds are no pairs of the controls' seeds.

    The numerator none - method and the denominator none - real share `none` only, and the variances add up. With the
    smallest sample's degrees of freedom, which is on the safe side.

    Args:
        none: Values at T over seeds.
        method: Values at T over seeds, independent of the controls.
        real: Values at T over seeds.
        controls_paired: Whether `none` and `real` are pairs.
        level: Confidence level.
    """
    (x, v_none), (m, v_method), (r, v_real) = _variance(none), _variance(method), _variance(real)
    shared = float(np.cov(np.stack([x, r]), ddof=1)[0, 1]) / len(x) if controls_paired else 0.0
    covariance = np.array(
        [[v_none + v_method, v_none - shared], [v_none - shared, v_none + v_real - 2 * shared]], dtype=np.float64
    )
    freedom = min(len(x), len(m), len(r)) - 1
    return fieller_set(float(x.mean() - m.mean()), float(x.mean() - r.mean()), covariance, freedom, level)
