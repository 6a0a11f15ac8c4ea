"""Lines of a measured set: a number with its interval, the same of as many real items, and whether it is worse.

A number and its spread come from the set itself: half-samples without replacement. Of a mean over items their variance
is that of the whole sample: a half of n/2 items drawn from n varies by sigma^2/n around the whole. Of a share of items
that have a twin it is not: k pairs that came about independently give a share that varies by 4k/n^2, and half-samples,
in which each pair is whole once in four times, vary by 3k/n^2 (`PAIRS`). Where many items are copies of one, the share
varies as a mean does, and its error comes out larger than it is. Both sides have equally many items, so that whatever
grows or falls with their number does so on both.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy import stats

from leaderboard.grain import below
from leaderboard.statistics import holm

Word = Literal["worse", "as real", "unknown"]
Way = Literal["up", "down", ""]
Measure = Callable[[np.ndarray], float]
Bounds = tuple[float | None, float | None]

HALVES = 40  # half-samples of each side
PAIRS = math.sqrt(4 / 3)  # by which the error of a share of twins is larger than the spread of half-samples
LEVEL = 0.05  # chance, over all lines of a set, of calling any worse that is not
LEAST = 50  # items; of fewer nothing is told
RELEVANT = 0.05  # of the real value: what is smaller is told from chance and called as real all the same
OTHERS = "held against real items"  # what a line may depend on
CUT = "measured without usual openings"


@dataclass(frozen=True)
class Line:
    """What one measure says.

    Attributes:
        name: What is measured.
        part: Of what: "set", "text", "images" or "pairs".
        worse: Which way is worse: "up" or "down"; "" where neither is, and the line is for information.
        about: What the number is, in a few words.
        value: Of the set; None where it cannot be told.
        sd: Its standard error.
        real: Of as many real items; None without a reference.
        real_sd: Its standard error.
        p: One-sided, that the set is worse by chance alone; of `judged` lines Holm-adjusted.
        word: What that comes to.
        reason: Why there is no number; "" where there is one.
        least: A difference below that does not matter; None: one of 5 % of the real value.
        bounds: Between which the number lies; None = without end.
        items: Of each side, where the number is a share of independent items, so that chance is exact; else None.
        whole: Whether it is moved by whatever is wrong, and does not say by what.
        n: Items of each side that it is a number of; None where it cannot be told.
        given: What it depends on beside the items: other numbers are of something else.
    """

    name: str
    part: str
    worse: Way
    about: str
    value: float | None = None
    sd: float = 0.0
    real: float | None = None
    real_sd: float = 0.0
    p: float | None = None
    word: Word = "unknown"
    reason: str = ""
    least: float | None = None
    bounds: Bounds = (0.0, None)
    items: int | None = None
    whole: bool = False
    n: int | None = None
    given: tuple[str, ...] = ()

    @property
    def interval(self) -> tuple[float, float] | None:
        """95 % interval of the value, within its bounds; of a share of independent items Clopper and Pearson's."""
        if self.value is None:
            return None
        if self.items is not None:
            share = stats.binomtest(round(self.value * self.items), self.items).proportion_ci(0.95, "exact")
            return float(share.low), float(share.high)
        wide = float(stats.t.ppf(0.975, HALVES - 1)) * self.sd
        least, most = self.bounds
        low, high = self.value - wide, self.value + wide
        return low if least is None else max(least, low), high if most is None else min(most, high)

    @property
    def relevant(self) -> bool:
        """Whether the difference is large enough to matter, chance apart."""
        if self.value is None or self.real is None:
            return False
        least = RELEVANT * max(abs(self.real), 1e-9) if self.least is None else self.least
        return abs(self.value - self.real) > least


def spread(measure: Measure, n: int, seed: int) -> float:
    """Return the standard error of a measure of n items, from half-samples; 0 of fewer than four."""
    if n < 4:
        return 0.0
    rng = np.random.default_rng(seed)
    values = [measure(np.sort(rng.choice(n, n // 2, replace=False))) for _ in range(HALVES)]
    return float(np.nanstd(values, ddof=1))


def line(
    name: str, part: str, worse: Way, about: str, mine: Measure, real: Measure | None, n: int,
    seed: int = 0, least: float | None = None, bounds: Bounds = (0.0, None),
    independent: bool = False, twins: bool = False,
) -> Line:  # fmt: skip
    """Measure n items of a set and n real ones.

    Args:
        name: What is measured.
        part: Of what.
        worse: Which way is worse.
        about: What the number is.
        mine: Of some of the set's items, by their rows.
        real: Of some of the real ones; None without a reference.
        n: Items of each.
        seed: Of the half-samples.
        least: As `Line.least`.
        bounds: As `Line.bounds`.
        independent: Whether the number is a share of items, of which none has to do with another.
        twins: Whether it is a share of items that have a twin among the others.
    """
    if n < LEAST:
        return Line(name, part, worse, about, reason=f"{n} different items; at least {LEAST} are needed")
    rows, wide = np.arange(n), PAIRS if twins else 1.0
    value = mine(rows)
    found = Line(name, part, worse, about, value, wide * spread(mine, n, seed), least=least, bounds=bounds, n=n)
    found = replace(found, items=n if independent else None)
    if real is None:
        return found
    other = replace(found, real=real(rows), real_sd=wide * spread(real, n, seed + 1))
    return replace(other, p=chance(other))


def chance(found: Line) -> float | None:
    """Return the one-sided p value that a set is worse.

    Of shares of independent items that of Fisher's exact test, else of a t test with the variance of both sides: half
    samples of a handful of items know nothing of their spread.
    """
    if not found.worse or found.value is None or found.real is None:
        return None
    if found.items is not None:
        mine, real = round(found.value * found.items), round(found.real * found.items)
        law = stats.hypergeom(2 * found.items, mine + real, found.items)
        return float(law.sf(mine - 1) if found.worse == "up" else law.cdf(mine))
    gap = (found.value - found.real) * (1 if found.worse == "up" else -1)
    noise = float(np.hypot(found.sd, found.real_sd))
    if noise <= 0:
        return float(gap <= 0)
    return float(stats.t.sf(gap / noise, HALVES - 1))


def judged(lines: Sequence[Line], level: float = LEVEL) -> list[Line]:
    """Return the lines with their words: worse where chance is adjusted (Holm) over all of them, and it matters."""
    tested = [i for i, found in enumerate(lines) if found.p is not None]
    adjusted = dict(zip(tested, holm([lines[i].p or 0.0 for i in tested]), strict=True))
    said = []
    for i, found in enumerate(lines):
        if i not in adjusted:
            said.append(found)
            continue
        bad = below(adjusted[i], level) and found.relevant
        said.append(replace(found, p=adjusted[i], word="worse" if bad else "as real"))
    return said
