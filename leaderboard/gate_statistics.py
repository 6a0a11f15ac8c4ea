"""The test behind the gate: did the mean over seeds move, by more than matters and more than seeds explain?

Baseline and new run are compared unpaired, so their seeds may be disjoint. A change counts where it is larger than the
relevant size *and* significant: one of the two alone reddens builds over nothing. All functions are pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import optimize, stats

from leaderboard.grain import above, below, difference, grain
from leaderboard.statistics import Array, holm

#: False alarms allowed over all gates of a suite together.
FAMILY_LEVEL = 0.01
#: The power at which a change is called visible.
POWER = 0.8


@dataclass(frozen=True)
class Sample:
    """What a gate compares: one number a seed, before and now, worse is positive.

    Attributes:
        old: Of the baseline.
        new: Of the run.
        relevant: Smallest change that matters.
        both: Whether a change of either sign is a regression.
        spread: Group that shares one variance; "" = its own.
        items: Into how many parts a share is divided, so that its spread is one of them at least; 0 = unknown.
    """

    old: Array
    new: Array
    relevant: float
    both: bool = False
    spread: str = ""
    items: int = 0


@dataclass(frozen=True)
class Change:
    """What became of one gate.

    Attributes:
        change: Mean now less mean before, worse is positive.
        p_value: Of a change of the watched sign or signs, Holm-adjusted over all gates.
        regression: Larger than what matters, and significant.
        improved: The same with the other sign; never where both signs are watched.
        sight: What could have been seen.
    """

    change: float
    p_value: float
    regression: bool
    improved: bool
    sight: Sight

    @property
    def sd(self) -> float:
        """Spread over seeds, pooled over baseline, run and the gates of its group."""
        return self.sight.sd

    @property
    def power(self) -> float:
        """Chance to see a change of three spreads; 1 where seeds do not differ and any change stands out."""
        return self.sight.power(3 * self.sd) if self.sd else 1.0

    @property
    def visible(self) -> float:
        """The change that is seen with a chance of 80 %."""
        return self.sight.visible()


@dataclass(frozen=True)
class Sight:
    """How well a gate sees, at the worst of Holm's steps (Bonferroni).

    Attributes:
        sd: Pooled spread over seeds, taken for the true one.
        dof: Its degrees of freedom.
        factor: Standard error of the change in units of the spread.
        limit: The t value from which a change is significant.
        relevant: The change from which it matters.
    """

    sd: float
    dof: int
    factor: float
    limit: float
    relevant: float

    def power(self, change: float) -> float:
        """Return the chance that a true change is called a regression: significant and larger than what matters.

        The mean over the law of the estimated spread, by its quantiles, of a normal tail.
        """
        if self.sd == 0:
            return float(above(abs(change), self.relevant))
        error = self.sd * self.factor
        spreads = np.sqrt(_quantiles(self.dof) / self.dof)
        return float(stats.norm.sf(np.maximum(self.limit * spreads, self.relevant / error) - change / error).mean())

    def visible(self) -> float:
        """Return the change that is called a regression with a chance of `POWER`."""
        if self.sd == 0:
            return self.relevant
        error = self.sd * self.factor
        most = self.relevant + error * (10 + 10 * self.limit)
        return float(optimize.brentq(lambda change: self.power(change) - POWER, 0.0, most, xtol=1e-6 * error))


@cache
def _quantiles(dof: int) -> Array:
    return np.asarray(stats.chi2.ppf((np.arange(400) + 0.5) / 400, dof))


def compare(samples: Sequence[Sample], level: float = FAMILY_LEVEL) -> list[Change]:
    """Test every gate, false alarms of all together at most ``level``.

    Two-sample t tests with the variance pooled over both runs and over the gates of a spread group, one-sided unless
    both signs are watched; Holm over the gates. Improvements are tested in the same way among themselves.

    Raises:
        ValueError: A sample has no value, or a group has a single value a side, so that no spread is known.
    """
    spreads = [_spread(sample, samples) for sample in samples]
    changes = [float(difference(s.new.mean(), s.old.mean())) for s in samples]
    scores = [_score(change, sd * _factor(s)) for change, (sd, _), s in zip(changes, spreads, samples, strict=True)]
    worse = holm([_tail(z, dof, s.both) for z, (_, dof), s in zip(scores, spreads, samples, strict=True)])
    better = holm([_tail(-z, dof, False) for z, (_, dof) in zip(scores, spreads, strict=True)])
    found = []
    for s, change, (sd, dof), up, down in zip(samples, changes, spreads, worse, better, strict=True):
        size = abs(change) if s.both else change
        regression = bool(above(size, s.relevant) and below(up, level))
        improved = bool(not s.both and above(-change, s.relevant) and below(down, level))
        limit = float(stats.t.isf(level / len(samples) / (2 if s.both else 1), dof))
        found.append(Change(change, up, regression, improved, Sight(sd, dof, _factor(s), limit, s.relevant)))
    return found


def _spread(sample: Sample, samples: Sequence[Sample]) -> tuple[float, int]:
    """Return the pooled standard deviation of a sample's group and its degrees of freedom."""
    group = [s for s in samples if s.spread == sample.spread] if sample.spread else [sample]
    parts = [part for s in group for part in (s.old, s.new)]
    if any(len(part) == 0 for part in parts):
        raise ValueError("a gate without values cannot be compared")
    dof = sum(len(part) - 1 for part in parts)
    if dof == 0:
        raise ValueError("one seed a side leaves the spread over seeds unknown")
    # values that do not differ have no spread, whatever rounding makes of their mean
    squares = sum(float(((part - part.mean()) ** 2).sum()) for part in parts if np.ptp(part) > 0)
    least = max(grain(np.concatenate([s.old, s.new]), s.items) for s in group)
    return max(float(np.sqrt(squares / dof)), least), dof


def _factor(sample: Sample) -> float:
    return float(np.sqrt(1 / len(sample.old) + 1 / len(sample.new)))


def _score(change: float, error: float) -> float:
    if error == 0:
        return float(np.sign(change)) * np.inf if change else 0.0
    return change / error


def _tail(score: float, dof: int, both: bool) -> float:
    return float(2 * stats.t.sf(abs(score), dof)) if both else float(stats.t.sf(score, dof))


def equal_spreads(groups: Sequence[Array], least: float = 0.0) -> float:
    """Return Levene's p value (about medians; Brown and Forsythe 1974, JASA 69) of equal spreads over seeds.

    Spreads of at most ``least``, one item of a share, are equal.
    """
    if len(groups) < 2 or any(len(g) < 3 for g in groups):
        return 1.0
    if all(np.ptp(g) == 0 or g.std(ddof=1) <= least for g in groups):
        return 1.0
    return float(stats.levene(*groups, center="median").pvalue)
