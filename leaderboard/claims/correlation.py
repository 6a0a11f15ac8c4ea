"""A claim about many variants: the worse a synthetic set looks, the more a model is damaged that learns from it.

The unit is the variant, a decoding or a model, not the seed: seeds of one variant repeat one set quality. Each
variant is one point, the mean over its seeds. Spearman's rank correlation, since quality and damage need not be on one
scale, and a permutation test over variants, since they are few.
"""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import scipy  # its `stats` is loaded on first use: planning a suite with claims must not wait for it

from leaderboard.claims.finding import Finding, Part, Undecided
from leaderboard.claims.terms import alike, read, varying
from leaderboard.grain import tied
from leaderboard.series import Evidence, Series
from leaderboard.statistics import LEVEL, Array
from records.findings import Statistic
from records.names import MetricName, RowName

#: Fewer variants give a permutation test no chance.
VARIANTS_TO_DECIDE = 8
#: All orders are tried up to this number, else as many drawn ones.
PERMUTATIONS = 40_320
#: What the series of all variants share.
ALIKE = ("metric", "n", "iterations", "seeds")


@dataclass(frozen=True)
class Points:
    """One point a variant, means over its seeds.

    Attributes:
        rows: `scenario/variant/mitigation`.
        quality: Of the synthetic set, as it was measured.
        sign: 1 where a larger quality number is worse, -1 where it is better.
        damage: Of the model that was trained on it, larger is worse.
        metric: Full name of what is damaged.
    """

    rows: tuple[str, ...]
    quality: Array
    sign: int
    damage: Array
    metric: str


@dataclass(frozen=True)
class Correlation:
    """Set quality at iteration 1 against the damage of the fit on that set.

    Attributes:
        scenario: Its variants under `none` are the units.
        quality: `set/metric`, or `votes` for people's.
        damage: `side/metric` of the model that was trained on the set.
        expect: `positive` = worse sets go with more damage; of a quality without a direction, larger ones do.
        statistic: What counts as damage.
        votes: JSON file beside the suite, {variant: mean vote, higher is better}; read for quality `votes`.
        variants: Fewest variants that decide.
    """

    scenario: str
    quality: str
    damage: str
    expect: Literal["positive", "negative"] = "positive"
    statistic: Statistic = "worsening"
    votes: str = ""
    variants: int = VARIANTS_TO_DECIDE

    def __post_init__(self) -> None:
        """Check the names."""
        if self.quality != "votes":
            if MetricName.parse(self.quality, "quality").side != "set":
                raise ValueError(f"quality: found {self.quality!r}; allowed: set/metric, or votes")
        elif not self.votes:
            raise ValueError("votes: found nothing; allowed: a JSON file, for quality votes")
        if self.variants < 4:
            raise ValueError(f"variants: found {self.variants}; allowed: 4 or more")
        MetricName.parse(self.damage, "damage")

    def judge(self, evidence: Evidence) -> Finding:
        """Test the rank correlation.

        Raises:
            Undecided: A variant cannot be read, variants are not comparable, or one of the two does not vary.
        """
        points = self.points(evidence)
        if len(points.rows) < self.variants:
            return Finding((), f"{len(points.rows)} variants; {self.variants} are needed")
        damage, quality = varying(points.damage, "damage"), varying(points.sign * points.quality, "set quality")
        part = spearman(f"rank correlation of {self.quality} and {points.metric}", quality, damage)
        if self.expect == "negative":
            part = Part(part.label, part.effect, part.low, part.high, part.p_contra, part.p_support, part.n, part.unit)
        return Finding((part,))

    def points(self, evidence: Evidence) -> Points:
        """Return one point a variant.

        Raises:
            Undecided: A variant cannot be read, or variants are not comparable.
        """
        rows = evidence.variants(self.scenario)
        if not rows:
            raise Undecided(f"no row of {self.scenario}: not run, or not in the plan")
        damaged = [read(evidence, row, self.damage) for row in rows]
        alike(damaged, ALIKE)
        damage = np.array([s.damage(self.statistic).mean() for s in damaged])
        return Points(rows, *self._quality(evidence, rows, damaged[0]), damage, damaged[0].metric)

    def _quality(self, evidence: Evidence, rows: tuple[str, ...], damaged: Series) -> tuple[Array, int]:
        """Return one number a variant, and 1 where larger ones are worse."""
        if self.quality == "votes":
            votes = _votes(evidence.folder / self.votes)
            names = [RowName.parse(row).variant for row in rows]
            if missing := [name for name in names if name not in votes]:
                raise Undecided(f"{self.votes} holds no votes on {', '.join(missing)}")
            return np.array([votes[name] for name in names]), -1
        quality = in_space_of(damaged, self.quality)
        sets = [read(evidence, row, quality) for row in rows]
        alike(sets, ALIKE)
        return np.array([s.curves[:, 0].mean() for s in sets]), -1 if sets[0].signed == "up" else 1


def in_space_of(damaged: Series, quality: str) -> str:
    """Return a quality of sets in the judge's space that damage is measured in; where it names one itself, that one.

    Raises:
        Undecided: Several other judges measure it, so that which of them is meant is not known.
    """
    wanted, space = MetricName.parse(quality), MetricName.parse(damaged.metric).judge
    names = map(MetricName.parse, damaged.cells[0].info) if damaged.cells else ()
    judges = {name.judge for name in names if name.fits(wanted)}
    if wanted.judge is not None or space is None or len(judges) < 2:
        return quality
    if space not in judges:
        measured = ", ".join(sorted(str(judge) for judge in judges))
        raise Undecided(
            f"{quality} is measured by {measured}, and {damaged.metric} by none of them: say which is meant"
        )
    return str(replace(wanted, judge=space))


def spearman(label: str, x: Array, y: Array, seed: int = 0) -> Part:
    """Return the rank correlation with its permutation test.

    Every order of the variants is tried up to 8 of them, else 40,320 drawn ones with the observed one counted in
    (Phipson and Smyth 2010, SAGMB 9). The interval is Fisher's with the variance of Bonett and Wright (2000,
    Psychometrika 65); of a perfect correlation there is none.

    Args:
        label: What is correlated.
        x: (variants,).
        y: (variants,).
        seed: Of the drawn orders.
    """
    a, b = _standard(x), _standard(y)
    n = len(a)
    observed = float(a @ b)
    orders, exact = _orders(n, seed)
    drawn = a @ b[orders].T
    slack = 1e-12  # equal up to rounding counts as reached
    reached, under = int((drawn >= observed - slack).sum()), int((drawn <= observed + slack).sum())
    extra = 0 if exact else 1
    total = len(orders) + extra
    low, high = -math.inf, math.inf
    if abs(observed) < 1 - 1e-9:  # at +-1 Fisher's transform is infinite, and so certain as n points never are
        half = float(scipy.stats.norm.ppf((1 + LEVEL) / 2)) * math.sqrt((1 + observed**2 / 2) / (n - 3))
        low, high = math.tanh(math.atanh(observed) - half), math.tanh(math.atanh(observed) + half)
    return Part(label, observed, low, high, (reached + extra) / total, (under + extra) / total, n, "variants")


def _standard(values: Array) -> Array:
    ranks = scipy.stats.rankdata(tied(values))
    centred = ranks - ranks.mean()
    return centred / math.sqrt(float(centred @ centred))


@cache
def _orders(n: int, seed: int) -> tuple[Any, bool]:
    if math.factorial(n) <= PERMUTATIONS:
        return np.array(list(itertools.permutations(range(n)))), True
    rng = np.random.default_rng(seed)
    return rng.permuted(np.tile(np.arange(n), (PERMUTATIONS, 1)), axis=1), False


def _votes(file: Path) -> dict[str, float]:
    try:
        votes = json.loads(file.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise Undecided(f"no votes: {file.name} is not there") from None
    except (OSError, ValueError) as error:
        raise Undecided(f"{file.name} cannot be read: {error}") from None
    if not isinstance(votes, dict) or not all(isinstance(v, int | float) and math.isfinite(v) for v in votes.values()):
        raise Undecided(f"{file.name} holds no mapping of variant to mean vote, a finite number")
    return {str(name): float(vote) for name, vote in votes.items()}
