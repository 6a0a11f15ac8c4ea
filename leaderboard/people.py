"""How far every automatic metric goes along with people: rank correlations over the same contestants."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from leaderboard.claims.correlation import spearman
from leaderboard.claims.finding import Part
from leaderboard.grain import tied
from leaderboard.statistics import holm

#: Fewer contestants give a rank correlation no interval.
CONTESTANTS = 4


@dataclass(frozen=True)
class Along:
    """A metric beside people.

    Attributes:
        metric: Its full name.
        direction: Which way it is better; without one, more counts as better.
        part: Spearman's rank correlation with people's strengths, 1 = it ranks as people do, with its interval.
        p_value: Two-sided, Holm-adjusted over all metrics.
        values: Of the contestants, in the order of the names.
    """

    metric: str
    direction: str
    part: Part
    p_value: float
    values: tuple[float, ...]

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval; None of a perfect correlation, which Fisher's transform makes infinite and so certain."""
        return (self.part.low, self.part.high) if math.isfinite(self.part.low) else None


def along(
    strengths: Mapping[str, float], values: Mapping[str, Mapping[str, float]], directions: Mapping[str, str]
) -> list[Along]:
    """Return what each metric has to do with people, the closest first.

    Args:
        strengths: Contestant -> how much people prefer it.
        values: Metric -> contestant -> its value. A metric counts where it has four contestants or more and varies.
        directions: Metric -> "up", "down" or "none".
    """
    parts: list[tuple[str, Part, Sequence[float]]] = []
    for metric, found in sorted(values.items()):
        names = [name for name in strengths if name in found]
        numbers = np.array([found[name] for name in names])
        people = np.array([strengths[name] for name in names])
        if len(names) < CONTESTANTS or any(len(np.unique(tied(x))) < 2 for x in (numbers, people)):
            continue
        sign = -1 if directions.get(metric) == "down" else 1
        parts.append((metric, spearman(metric, people, sign * numbers), numbers.tolist()))
    adjusted = holm([min(1.0, 2 * min(part.p_support, part.p_contra)) for _, part, _ in parts])
    made = [
        Along(metric, directions.get(metric, "none"), part, p, tuple(numbers))
        for (metric, part, numbers), p in zip(parts, adjusted, strict=True)
    ]
    return sorted(made, key=lambda a: (-a.part.effect, a.metric))
