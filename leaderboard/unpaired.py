"""Comparisons of rows that ran on different kinds of hosts: their seeds are not pairs.

Two kinds of hosts sum in another order, so after a few training steps equal seeds hold unequal noise. Such rows are
compared as independent samples: Welch's test for differences, and Fieller's set with the covariances that are left.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from leaderboard.grain import ROUNDING, difference, grain
from leaderboard.statistics import LEVEL, SEEDS_FOR_INTERVALS, Array, MeanInterval, Ratio, fieller_set


def _variance(values: ArrayLike, items: int = 0) -> tuple[Array, float]:
    x = np.asarray(values, dtype=np.float64)
    return x, max(float(x.var(ddof=1)), grain(x, items) ** 2) / len(x)  # of the mean


def _welch(a: ArrayLike, b: ArrayLike, items: int) -> tuple[float, float, float]:
    """Return mean(a) - mean(b), its standard error and the degrees of freedom (Welch 1947, Biometrika 34)."""
    (x, v_x), (y, v_y) = _variance(a, items), _variance(b, items)
    gap = float(difference(x.mean(), y.mean()))
    if max(v_x, v_y) <= (ROUNDING * max(float(np.abs(x).max()), float(np.abs(y).max()))) ** 2:
        return gap, 0.0, 1.0  # without any spread the means are certain, as in `paired_p`
    freedom = (v_x + v_y) ** 2 / (v_x**2 / (len(x) - 1) + v_y**2 / (len(y) - 1))
    return gap, float(np.sqrt(v_x + v_y)), freedom


def welch_interval(a: ArrayLike, b: ArrayLike, level: float = LEVEL, items: int = 0) -> MeanInterval:
    """Return the interval of mean(a) - mean(b) for independent samples of unequal spread.

    ``n`` of the interval is the smaller sample's.
    """
    n = min(np.size(a), np.size(b))
    if n < SEEDS_FOR_INTERVALS:
        means = (np.asarray(values, dtype=np.float64).mean() for values in (a, b))
        return MeanInterval(float(difference(*means)), float("-inf"), float("inf"), n)
    gap, error, freedom = _welch(a, b, items)
    half = float(stats.t.ppf((1 + level) / 2, freedom)) * error
    return MeanInterval(gap, gap - half, gap + half, n)


def welch_p(a: ArrayLike, b: ArrayLike, items: int = 0) -> float:
    """Return the two-sided p value of Welch's test; samples without any spread are certain, as in `paired_p`."""
    if min(np.size(a), np.size(b)) < SEEDS_FOR_INTERVALS:
        return 1.0
    gap, error, freedom = _welch(a, b, items)
    if gap == 0.0 or error == 0.0:
        return 0.0 if gap else 1.0
    return float(2 * stats.t.sf(abs(gap) / error, freedom))


def prevented_unpaired(
    none: ArrayLike, method: ArrayLike, real: ArrayLike, controls_paired: bool = True, level: float = LEVEL,
    items: int = 0,
) -> Ratio:  # fmt: skip
    """Return collapse prevented where the method's seeds are no pairs of the controls' seeds.

    The numerator none - method and the denominator none - real share `none` only, and the variances add up. With the
    smallest sample's degrees of freedom, which is on the safe side.

    Args:
        none: Values at T over seeds.
        method: Values at T over seeds, independent of the controls.
        real: Values at T over seeds.
        controls_paired: Whether `none` and `real` are pairs.
        level: Confidence level.
        items: That the metric was measured on; 0 = unknown.
    """
    (x, v_none), (m, v_method), (r, v_real) = (_variance(values, items) for values in (none, method, real))
    shared = float(np.cov(np.stack([x, r]), ddof=1)[0, 1]) / len(x) if controls_paired else 0.0
    covariance = np.array(
        [[v_none + v_method, v_none - shared], [v_none - shared, v_none + v_real - 2 * shared]], dtype=np.float64
    )
    freedom = min(len(x), len(m), len(r)) - 1
    ends = float(difference(x.mean(), m.mean())), float(difference(x.mean(), r.mean()))
    return fieller_set(*ends, covariance, freedom, level)
