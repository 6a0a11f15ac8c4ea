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
        sd: Spread over seeds of the middle one of `pooled` paired differences.
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

    Of three or more, the spread is that of the middle one, its median bias taken out: one method that scatters widely
    says nothing of what is found of others, and would carry a mean away. Shares of ``items`` have a spread of one item
    at least. None below two seeds or without differences.
    """
    arrays = [np.asarray(d, dtype=np.float64) for d in differences]
    if not arrays or len(arrays[0]) < SEEDS_FOR_INTERVALS:
        return None
    seeds = len(arrays[0])
    told = [d for d in arrays if d.any()] or arrays  # rows that are equal to the last bit say nothing about noise
    variances, freedom = [d.var(ddof=1) for d in told], seeds - 1
    # The median of so many draws is near that of their law, chi squared; of two it is their mean.
    middle = np.median(variances) / (stats.chi2.ppf(0.5, freedom) / freedom) if len(told) > 2 else np.mean(variances)
    sd = float(np.sqrt(middle))
    if told[0].any():
        sd = max(sd, grain(np.concatenate(arrays), items))
    return Power(seeds, sd, sd * detectable_effect(seeds), len(arrays))
