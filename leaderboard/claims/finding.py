"""What a claim comes to: its parts, each with effect, interval and the chance of either sign.

A claim with several parts ("variance rises while quality falls") holds only where each part does: its p value is the
largest of theirs (intersection-union, Berger 1982, Technometrics 24). It is contradicted where any part clearly goes
the other way: the smallest of those p values, times their number. Nothing is ever concluded from a large p value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtr

from leaderboard.grain import ROUNDING
from leaderboard.statistics import LEVEL, t_interval

#: Fewer seeds describe and decide nothing, as on the board.
SEEDS_TO_DECIDE = 5


class Undecided(Exception):
    """A claim cannot be tested, and why."""


@dataclass(frozen=True)
class Part:
    """One tested quantity.

    Attributes:
        label: What it is, with its unit.
        effect: Its estimate.
        low: Lower end of its 95 % interval.
        high: Upper end.
        p_support: One-sided p value that the effect has the claimed sign.
        p_contra: One-sided p value that it has the other one.
        n: Units it rests on.
        unit: "seeds" or "variants".
        margin: The size below which the effect counts for nothing, declared before it is scored; None = none known.
        p_negligible: p value that the effect is not that small: the larger one of two one-sided tests.
    """

    label: str
    effect: float
    low: float
    high: float
    p_support: float
    p_contra: float
    n: int
    unit: str = "seeds"
    margin: float | None = None
    p_negligible: float = 1.0

    def beside(self, margin: float, p_negligible: float) -> Part:
        """Return the part with its margin."""
        return replace(self, margin=margin, p_negligible=p_negligible)


@dataclass(frozen=True)
class Finding:
    """The parts of one claim.

    Attributes:
        parts: What was tested.
        reason: Why the claim cannot be decided, where that is known before any p value.
        no_sign: Why it has no sign that could be named, such as a knob that helps and then harms; it may be negligible.
    """

    parts: tuple[Part, ...]
    reason: str = ""
    no_sign: str = ""

    @property
    def p_support(self) -> float:
        """Of the claim: every part has its sign."""
        return max((part.p_support for part in self.parts), default=1.0)

    @property
    def p_contra(self) -> float:
        """Of its contradiction: some part has the other sign."""
        return min(1.0, len(self.parts) * min((part.p_contra for part in self.parts), default=1.0))

    @property
    def p_negligible(self) -> float:
        """Of the claim's being about nothing: every part is negligible; 1 where the claim could not be tested."""
        return 1.0 if self.reason else max((part.p_negligible for part in self.parts), default=1.0)

    @property
    def p_value(self) -> float:
        """Two-sided: what enters Holm's procedure; 1 where the claim could not be tested, or has no sign."""
        if self.reason or self.no_sign or not self.parts:
            return 1.0
        return min(1.0, 2 * min(self.p_support, self.p_contra))


def mean_part(label: str, values: ArrayLike, sign: int, least: float = 0.0) -> Part:
    """Test by a t test whether the mean of one number a seed has a sign.

    Args:
        label: What the numbers are.
        values: (seeds,).
        sign: 1 where the claim says above zero, -1 below.
        least: The smallest spread over seeds that is believed (`leaderboard.grain`).
    """
    x = np.asarray(values, dtype=np.float64)
    interval = t_interval(x, LEVEL, least)
    if len(x) < 2:
        return Part(label, interval.mean, interval.low, interval.high, 1.0, 1.0, len(x))
    above, below = tails(x, least)
    support, contra = (above, below) if sign > 0 else (below, above)
    return Part(label, interval.mean, interval.low, interval.high, support, contra, len(x))


def tails(values: ArrayLike, least: float = 0.0) -> tuple[float, float]:
    """Return the one-sided p values of a mean above zero and below zero, of two values or more."""
    x = np.asarray(values, dtype=np.float64)
    mean, sd = float(x.mean()), max(float(x.std(ddof=1)), least)
    if sd <= ROUNDING * max(float(np.abs(x).max()), 1e-300):  # without a spread over seeds the sign is certain
        return float(mean <= 0), float(mean >= 0)
    score = mean / (sd / np.sqrt(len(x)))
    return float(stdtr(len(x) - 1, -score)), float(stdtr(len(x) - 1, score))


def seeds_reason(parts: Sequence[Part], needed: int) -> str:
    """Say why so few seeds decide nothing; "" where they may."""
    fewest = min((part.n for part in parts if part.unit == "seeds"), default=needed)
    return f"{fewest} seeds are descriptive; {needed} are needed" if fewest < needed else ""
