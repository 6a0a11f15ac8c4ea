"""The paired difference that so many seeds find four times in five; smaller ones are often missed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, stats

from leaderboard.grain import grain
from leaderboard.statistics import SEEDS_FOR_INTERVALS

POWER, ALPHA = 0.8, 0.05
QUANTILES = 20_000


@dataclass(frozen=True)
class Power:
    """The power of one group.

    Attributes:
        seeds: Number of seeds.
        sd: Spread over seeds of a paired difference, pooled over `pooled` differences.
        difference: What is found with 80 % power by one two-sided paired t test at 5 %.
        pooled: How many differences the spread was taken from.
    """

    seeds: int
    sd: float
    difference: float
    pooled: int


@cache
def detectable_effect(seeds: int, power: float = POWER, alpha: float = ALPHA) -> float:
    """Return the smallest mean in standard deviations that a two-sided one-sample t test finds with this power.

    The power is averaged over the law of the estimated spread (midpoints of its quantiles), which holds where
    library routines for the noncentral t distribution give up.
    """
    freedom = seeds - 1
    limit = float(stats.t.ppf(1 - alpha / 2, freedom))
    spread = np.sqrt(stats.chi2.ppf((np.arange(QUANTILES) + 0.5) / QUANTILES, freedom) / freedom)

    def missing(effect: float) -> float:
        shift = effect * np.sqrt(seeds)
        found = stats.norm.cdf(shift - limit * spread) + stats.norm.cdf(-shift - limit * spread)
        return float(found.mean()) - power

    return float(optimize.brentq(missing, 0.0, 100.0, xtol=1e-9))


def detectable_difference(differences: Sequence[ArrayLike], items: int = 0) -> Power | None:
    """Return the power of paired comparisons whose differences over seeds these are.

    Variances are averaged: every difference has as many seeds. Shares of ``items`` have a spread of one item at least.
    None below two seeds or without differences.
    """
    arrays = [np.asarray(d, dtype=np.float64) for d in differences]
    if not arrays or len(arrays[0]) < SEEDS_FOR_INTERVALS:
        return None
    seeds = len(arrays[0])
    sd = float(np.sqrt(np.mean([d.var(ddof=1) for d in arrays])))
    if any(d.any() for d in arrays):  # rows that are equal to the last bit say nothing about noise
        sd = max(sd, grain(np.concatenate(arrays), items))
    return Power(seeds, sd, sd * detectable_effect(seeds), len(arrays))
