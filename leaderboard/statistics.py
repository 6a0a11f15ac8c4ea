"""The statistics behind the board: pure functions of arrays with one number per seed.

Conventions: arrays are (seeds,) unless said otherwise, index i of two arrays is the same seed, so comparisons
are paired. ``direction`` is "up" (larger is better) or "down". *Worsening* is signed, worse is positive.
All seeds of a suite start from one base model, so every interval is conditional on that base. ``items`` is the number
of items that a metric was measured on, which bounds the spread of a share from below
(`leaderboard.grain`); 0 = unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy  # its `stats` is loaded on first use: planning a suite with claims must not wait for it
from numpy.typing import ArrayLike, NDArray

from leaderboard.grain import ROUNDING, TOLERANCE, above, below, difference, grain

LEVEL = 0.95
SEEDS_FOR_RANKS = 5
SEEDS_FOR_INTERVALS = 2
VALIDITY_SHARE = 0.25

Array = NDArray[np.float64]


@dataclass(frozen=True)
class MeanInterval:
    """A mean with its confidence interval; low and high are infinite where n < 2 leaves them unknown."""

    mean: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Ratio:
    """A ratio of means with Fieller's confidence set.

    Attributes:
        value: mean(numerator) / mean(denominator).
        low: Lower end of the set.
        high: Upper end of the set.
        kind: "bounded": [low, high]. "exclusive": everything outside (low, high). "all": the whole line.
            Only a bounded set says something; the others mean that the denominator may be zero.
    """

    value: float
    low: float
    high: float
    kind: Literal["bounded", "exclusive", "all"]


@dataclass(frozen=True)
class Validity:
    """Whether a testbed shows collapse, not a destructive learning rate.

    Attributes:
        valid: True, False, or None where the controls do not say.
        share: Mean worsening of `real` as a share of that of `none`; None where `none` did not worsen.
    """

    valid: bool | None
    share: float | None


def _array(values: ArrayLike) -> Array:
    return np.asarray(values, dtype=np.float64)


def worsening(before: ArrayLike, after: ArrayLike, direction: str) -> Array:
    """Return after - before, signed so that worse is positive; rounding is no change."""
    if direction not in ("up", "down"):
        raise ValueError(f"nothing can worsen without a direction, got {direction!r}")
    change = difference(after, before)
    return change if direction == "down" else -change


def mean_sd(values: ArrayLike) -> tuple[float, float]:
    """Return the mean and the sample standard deviation (n - 1); the latter is NaN for one value."""
    x = _array(values)
    return float(x.mean()), float(x.std(ddof=1)) if len(x) > 1 else float("nan")


def t_interval(values: ArrayLike, level: float = LEVEL, least: float = 0.0) -> MeanInterval:
    """Return Student's t interval of a mean: m +- t(n - 1) s / sqrt(n), with the least spread that is believed."""
    x = _array(values)
    mean, sd = mean_sd(x)
    if len(x) < SEEDS_FOR_INTERVALS:
        return MeanInterval(mean, float("-inf"), float("inf"), len(x))
    sd = max(sd, least)
    half = float(scipy.special.stdtrit(len(x) - 1, (1 + level) / 2)) * sd / float(np.sqrt(len(x)))
    return MeanInterval(mean, mean - half, mean + half, len(x))


def paired_p(a: ArrayLike, b: ArrayLike, items: int = 0) -> float:
    """Return the two-sided p value of the paired t test.

    Differences without any spread (deterministic testbeds) are certain: p = 0, or 1 where they are all zero. Those of
    shares have a spread of one item at least.
    """
    gaps = difference(a, b)
    if len(gaps) < SEEDS_FOR_INTERVALS or not gaps.any():
        return 1.0
    mean, sd = mean_sd(gaps)
    least = grain(gaps, items)
    if sd < least:
        return float(2 * scipy.stats.t.sf(abs(mean) / (least / np.sqrt(len(gaps))), len(gaps) - 1))
    scale = ROUNDING * float(max(np.abs(_array(a)).max(), np.abs(_array(b)).max()))
    if sd <= scale:
        return 0.0 if abs(mean) > scale else 1.0
    return float(scipy.stats.ttest_1samp(gaps, 0.0).pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return Holm's step-down adjusted p values (Holm 1979, Scandinavian Journal of Statistics 6); of NaN 1."""
    p = np.nan_to_num(_array(p_values), nan=1.0)
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    running = 0.0
    for position, index in enumerate(order):
        running = max(running, (len(p) - position) * float(p[index]))
        adjusted[index] = min(1.0, running)
    return [float(x) for x in adjusted]


def fieller(numerator: ArrayLike, denominator: ArrayLike, level: float = LEVEL, items: int = 0) -> Ratio:
    """Return mean(numerator) / mean(denominator) with Fieller's confidence set.

    The set holds every r for which the paired t test of numerator - r denominator does not reject zero:
    (a - r b)^2 <= t^2 (v_aa - 2 r v_ab + r^2 v_bb), a quadratic in r, where v are (co)variances of the means.
    Exact for normal pairs, unlike the delta method (Fieller 1954, JRSS B 16).
    """
    x, y = _array(numerator), _array(denominator)
    if len(x) < SEEDS_FOR_INTERVALS:
        return Ratio(_ratio(x.mean(), y.mean()), float("-inf"), float("inf"), "all")
    covariance = np.cov(np.stack([x, y]), ddof=1)
    for i, values in enumerate((x, y)):
        covariance[i, i] = max(covariance[i, i], grain(values, items) ** 2)
    return fieller_set(float(x.mean()), float(y.mean()), covariance / len(x), len(x) - 1, level)


def fieller_set(a: float, b: float, covariance: Array, freedom: float, level: float = LEVEL) -> Ratio:
    """Return a / b with Fieller's set, from two estimated means and the 2 x 2 covariance of those means.

    Args:
        a: Mean of the numerator.
        b: Mean of the denominator.
        covariance: Of the two means, not of the single values.
        freedom: Degrees of freedom of that covariance.
        level: Confidence level.
    """
    value = _ratio(a, b)
    (v_aa, v_ab), (_, v_bb) = covariance
    t2 = float(scipy.stats.t.ppf((1 + level) / 2, freedom)) ** 2
    # q2 r^2 - 2 q1 r + q0 <= 0; q2 > 0 exactly where the denominator differs from zero
    q2, q1, q0 = b * b - t2 * v_bb, a * b - t2 * v_ab, a * a - t2 * v_aa
    if np.isclose(b * b, t2 * v_bb, rtol=TOLERANCE, atol=0.0):
        q2 = 0.0
    discriminant = q1 * q1 - q2 * q0
    if q2 == 0.0 or (q2 < 0 and discriminant <= 0):
        return Ratio(value, float("-inf"), float("inf"), "all")
    root = float(np.sqrt(max(discriminant, 0.0)))  # for q2 > 0 only rounding can make it negative
    ends = sorted(((q1 - root) / q2, (q1 + root) / q2))
    return Ratio(value, float(ends[0]), float(ends[1]), "bounded" if q2 > 0 else "exclusive")


def _ratio(a: float, b: float) -> float:
    return float(a) / float(b) if b else float("nan")


def collapse_prevented(
    none: ArrayLike, method: ArrayLike, real: ArrayLike, level: float = LEVEL, items: int = 0
) -> Ratio:
    """Return (none - method) / (none - real) at T as a ratio of seed means, with Fieller's interval.

    1 = as good as training on real data, 0 = as bad as no mitigation, negative = worse than that, in raw
    metric units; the direction of the metric cancels.
    """
    return fieller(difference(none, method), difference(none, real), level, items)


def validity(none_worsening: ArrayLike, real_worsening: ArrayLike) -> Validity:
    """Compare mean worsenings from iteration 0 to T: `real` may lose at most a quarter of what `none` does.

    Where `none` did not worsen there is nothing to compare and validity is unknown.
    """
    none, real = float(_array(none_worsening).mean()), float(_array(real_worsening).mean())
    if none <= 0:
        return Validity(None, None)
    return Validity(not above(real / none, VALIDITY_SHARE), real / none)


def rank_ranges(
    values: Mapping[str, ArrayLike],
    direction: str,
    level: float = LEVEL,
    test: Callable[[str, str], float] | None = None,
) -> dict[str, tuple[int, int]]:
    """Return each method's rank range [1 + significantly better ones, M - significantly worse ones].

    Every method is compared with all others, Holm-adjusted over its own M - 1 comparisons: the range is then a
    confidence set for that method's rank (Mogstad, Romano, Shaikh, Wilhelm 2024, Review of Economic Studies 91).

    Args:
        values: Name -> values over seeds; seeds must agree between methods.
        direction: Of the metric.
        level: Confidence level of each range.
        test: p value of two names; default: the paired t test of their values.
    """
    names = list(values)
    test = test or (lambda one, other: paired_p(values[one], values[other]))
    ranges = {}
    for name in names:
        others = [other for other in names if other != name]
        adjusted = holm([test(name, other) for other in others])
        gaps = [float(worsening(values[other], values[name], direction).mean()) for other in others]
        significant = [gap for gap, p in zip(gaps, adjusted, strict=True) if below(p, 1 - level)]
        better = sum(gap > 0 for gap in significant)
        worse = sum(gap < 0 for gap in significant)
        ranges[name] = (1 + better, len(names) - worse)
    return ranges


def trajectory_area(curves: ArrayLike, direction: str) -> Array:
    """Return per seed the mean worsening of (seeds, T + 1) curves: trapezoid area since iteration 0 by T."""
    x = _array(curves)
    worse = worsening(x[:, :1], x, direction)
    return np.trapezoid(worse, axis=1) / max(x.shape[1] - 1, 1)


def robust_slope(curves: ArrayLike, direction: str) -> Array:
    """Return per seed the Theil-Sen slope of the worsening, a median over pairs (Sen 1968, JASA 63)."""
    x = _array(curves)
    start, end = np.triu_indices(x.shape[1], k=1)
    if len(start) == 0:
        return np.zeros(len(x))
    return np.median(worsening(x[:, start], x[:, end], direction) / (end - start), axis=1)


def seed_correlation(a: ArrayLike, b: ArrayLike) -> float | None:
    """Return the correlation over seeds, which is what pairing gains from; None where it is undefined."""
    x, y = _array(a), _array(b)
    if len(x) < 3 or any(not difference(values, values[0]).any() for values in (x, y)):
        return None
    return float(np.corrcoef(x, y)[0, 1])
