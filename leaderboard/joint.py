"""The headline of a loop that trains several sides: the mean over its sides of collapse prevented, and ranks by it.

A share is a ratio of means, and its mean over sides one of several ratios, for which there is no exact interval. Here
each ratio a / b is taken to first order: seed i has a/b + (a_i - (a/b) b_i) / b, whose mean is the ratio and whose
spread is that of the ratio (the delta method; Cochran, Sampling Techniques, 1977, section 6.4). Averaged over sides
seed by seed, these are numbers like any other: t intervals, paired tests and rank ranges are those of other columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.stats

from leaderboard import statistics as st
from leaderboard.board import Group
from leaderboard.comparing import paired
from leaderboard.grain import ROUNDING, difference, grain
from leaderboard.line import Line
from leaderboard.statistics import Array


@dataclass(frozen=True)
class Joint:
    """One row over all sides of its loop.

    Attributes:
        share: Mean over the sides of collapse prevented, with its interval.
        rank: Rank range among the methods of the loop; None where it is not ranked.
    """

    share: st.MeanInterval
    rank: tuple[int, int] | None = None


def linearised(none: Array, method: Array, real: Array, direction: str) -> Array:
    """Return one number a seed whose mean is collapse prevented and whose spread is that of this ratio, to first order.

    Args:
        none: Values at T, (seeds,).
        method: The same of the method, paired by seed.
        real: The same of `real`.
        direction: Of the metric.
    """
    gain, gap = st.worsening(method, none, direction), st.worsening(real, none, direction)
    share = gain.mean() / gap.mean()
    return share + (gain - share * gap) / gap.mean()


def joint(groups: Sequence[Group], rows: Mapping[str, Mapping[str, Line]], ranked: Sequence[str]) -> dict[str, Joint]:
    """Return the joint headline of the rows that have a number on every side of a loop whose controls are all valid.

    Args:
        groups: The sides of one loop.
        rows: Name -> modality -> line, each scored against its own controls: a scenario that mitigates may have fewer
            seeds than these groups.
        ranked: Names of the methods that are ranked among each other; the others have a share only.
    """
    if len(groups) < 2 or not all(group.controls.judged for group in groups):
        return {}
    scores = {name: found for name, lines in rows.items() if (found := _scores(groups, lines)) is not None}
    seeds = len(groups[0].controls.reading("none").row.seeds)
    names = [name for name in ranked if name in scores]
    ranks: dict[str, tuple[int, int]] = {}
    if len(names) > 1 and seeds >= st.SEEDS_FOR_RANKS:
        least = {name: _least(groups, rows[name]) for name in names}
        ranks = st.rank_ranges(
            {name: scores[name] for name in names}, "up",
            test=lambda one, other: _p_value(scores[one], scores[other], max(least[one], least[other])),
        )  # fmt: skip
    return {
        name: Joint(st.t_interval(values, least=_least(groups, rows[name])), ranks.get(name))
        for name, values in scores.items()
    }


def _scores(groups: Sequence[Group], lines: Mapping[str, Line]) -> Array | None:
    """Return the mean over sides of the linearised shares, (seeds,); None unless every side is scored and paired."""
    found = []
    for group in groups:
        line = lines.get(group.modality)
        if line is None or line.prevented is None or not line.controls.judged:
            return None
        none, real = (line.controls.reading(name) for name in ("none", "real"))
        if not (paired(none, line.reading) and paired(none, real)):
            return None
        found.append(linearised(none.at(-1), _end(line), real.at(-1), group.direction))
    return np.mean(found, axis=0)


def _least(groups: Sequence[Group], lines: Mapping[str, Line]) -> float:
    """Return the least spread over seeds that is believed: one item on every side, as a share of its collapse."""
    parts = []
    for group in groups:
        line = lines[group.modality]
        none, gap = line.controls.reading("none"), line.controls.gap
        assert gap is not None
        parts.append(grain(difference(none.at(-1), _end(line)), line.reading.items) / gap.mean)
    return float(np.sqrt(np.sum(np.square(parts)))) / len(groups)


def _end(line: Line) -> Array:
    """Return what a row ends with, (seeds,): where it begins for a model that is never trained."""
    return line.reading.at(0 if line.role == "never trained" else -1)


def _p_value(one: Array, other: Array, least: float) -> float:
    """Return the two-sided p value of no difference between two rows' scores, paired by seed."""
    gaps = difference(one, other)
    if not gaps.any():
        return 1.0
    mean, sd = st.mean_sd(gaps)
    sd = max(sd, least)
    if sd <= ROUNDING * float(max(np.abs(one).max(), np.abs(other).max())):
        return 0.0
    return float(2 * scipy.stats.t.sf(abs(mean) / (sd / np.sqrt(len(gaps))), len(gaps) - 1))
