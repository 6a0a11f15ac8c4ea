"""What people prefer, from votes on pairs: Bradley-Terry strengths, and how far they are known.

A strength is a log-odds: of two contestants the one that is stronger by d is preferred with chance 1 / (1 + exp(-d))
(Bradley and Terry 1952, Biometrika 39). A tie counts as half a win on either side.

Votes of one rater go together, and so do votes on one question, which shows one picture or caption a side: more raters
do not make up for few questions. A variance is therefore that over raters, plus that over questions, less that over
single votes, which both hold (Cameron, Gelbach and Miller 2011, JBES 29), and never less than either one. Each is a
bootstrap's: raters, questions or votes are drawn again with replacement. Student's t takes the degrees of freedom of
the fewer ones. Votes that all say the same are the same however they are drawn, so no variance is below that of as many
votes of which none has to do with another (the inverse information of the fit; for one pair that of Gart 1966,
Biometrika 53). `tests/leaderboard/test_preferences.py` says how often intervals hold the truth.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy
from numpy.typing import NDArray

from leaderboard.statistics import LEVEL, Array, holm

#: Fewer raters describe and decide nothing, as fewer seeds on a board.
RATERS_TO_DECIDE = 5
RESAMPLES = 300
#: Votes that every pair which was asked about is given on either side, so that who always wins stays finite.
PRIOR = 0.5

Whole = NDArray[np.int64]


@dataclass(frozen=True)
class Votes:
    """n votes on pairs.

    Attributes:
        rater: (n,) who voted.
        question: (n,) on what.
        one: (n,) a contestant, from 0 on.
        two: (n,) another one.
        won: (n,) 1 where the first was preferred, 0 where the second was, 0.5 for a tie.
    """

    rater: Whole
    question: Whole
    one: Whole
    two: Whole
    won: Array

    def __post_init__(self) -> None:
        """Check lengths and ranges."""
        lengths = {len(values) for values in (self.rater, self.question, self.one, self.two, self.won)}
        if len(lengths) > 1:
            raise ValueError(f"votes need one of each a vote, got {sorted(lengths)}")
        if (self.one == self.two).any() or not np.isin(self.won, (0.0, 0.5, 1.0)).all():
            raise ValueError("votes are on two different contestants; a side won (1), lost (0) or neither did (0.5)")

    def __len__(self) -> int:
        return len(self.won)


@dataclass(frozen=True)
class Ranking:
    """What votes say of contestants.

    Attributes:
        strength: (contestants,) log-odds, their mean is 0.
        spread: (contestants, contestants) standard errors of differences; the diagonal is that of the strength itself,
            beside the mean. None where there are too few raters.
        freedom: Degrees of freedom of these.
        raters: How many people voted.
        questions: How many questions they answered.
        won: (contestants, contestants) votes of the row over the column, ties as halves.
    """

    strength: Array
    spread: Array | None
    freedom: int
    raters: int
    questions: int
    won: Array

    def interval(self, one: int, two: int | None = None, level: float = LEVEL) -> tuple[float, float] | None:
        """Return the interval of a difference, or of a strength beside the mean; None where it is not known."""
        if self.spread is None:
            return None
        two = one if two is None else two
        middle = self.strength[one] - (self.strength[two] if two != one else 0.0)
        half = float(scipy.special.stdtrit(self.freedom, (1 + level) / 2)) * float(self.spread[one, two])
        return float(middle) - half, float(middle) + half

    def p_value(self, one: int, two: int) -> float:
        """Return the two-sided p value of one difference; 1 where there are too few raters."""
        if self.spread is None:
            return 1.0
        score = abs(float(self.strength[one] - self.strength[two])) / float(self.spread[one, two])
        return float(2 * scipy.special.stdtr(self.freedom, -score))

    @cached_property
    def p_values(self) -> Array:
        """Return (contestants, contestants) p values of differences, Holm-adjusted over all pairs."""
        count = len(self.strength)
        p = np.ones((count, count))
        one, two = np.triu_indices(count, k=1)
        p[one, two] = p[two, one] = holm([self.p_value(i, j) for i, j in zip(one.tolist(), two.tolist(), strict=True)])
        return p

    def share(self, one: int, two: int) -> float | None:
        """Return the share of votes that one has over another; None where nobody was asked."""
        total = self.won[one, two] + self.won[two, one]
        return float(self.won[one, two] / total) if total else None


def rank(votes: Votes, contestants: int, seed: int = 0, resamples: int = RESAMPLES) -> Ranking:
    """Return strengths with their standard errors.

    Args:
        votes: One or more.
        contestants: How many there are; each one voted on.
        seed: Of the bootstraps.
        resamples: Of each bootstrap.

    Raises:
        ValueError: There are no votes, or they do not connect all contestants.
    """
    if not len(votes):
        raise ValueError("no votes to rank by")
    wins = _won(votes, contestants, np.ones(len(votes)))
    prior = np.where(wins + wins.T > 0, PRIOR, 0.0)
    _connected(prior)
    strength = _fit(wins + prior)
    raters, questions = len(np.unique(votes.rater)), len(np.unique(votes.question))
    spread, freedom = None, min(raters, questions) - 1
    if raters >= RATERS_TO_DECIDE and questions > 1:
        rng = np.random.default_rng(seed)
        groups = (votes.rater, votes.question, np.arange(len(votes)))
        over = [_variance(votes, group, strength, prior, rng, resamples) for group in groups]
        spread = np.sqrt(np.maximum.reduce([over[0] + over[1] - over[2], *over[:2], _least(wins + prior, strength)]))
    return Ranking(strength, spread, freedom, raters, questions, wins)


def _won(votes: Votes, contestants: int, weights: Array) -> Array:
    """Return (contestants, contestants) weighted votes of the row over the column."""
    wins = np.zeros((contestants, contestants))
    np.add.at(wins, (votes.one, votes.two), weights * votes.won)
    np.add.at(wins, (votes.two, votes.one), weights * (1 - votes.won))
    return wins


def _fit(wins: Array, start: Array | None = None) -> Array:
    """Return the strengths of largest likelihood, of mean 0 (choix's iterative Luce spectral ranking)."""
    import choix

    found = choix.ilsr_pairwise_dense(wins, initial_params=start, max_iter=10_000, tol=1e-6)
    return np.asarray(found - found.mean())


def _variance(
    votes: Votes, groups: Whole, strength: Array, prior: Array, rng: np.random.Generator, resamples: int
) -> Array:
    """Return (contestants, contestants) bootstrap variances of differences, those of strengths on the diagonal."""
    names, member = np.unique(groups, return_inverse=True)
    count = len(names)
    drawn = rng.multinomial(count, np.full(count, 1 / count), size=resamples)
    fits = np.stack([_fit(_won(votes, len(strength), w[member]) + prior, strength) for w in drawn])
    gaps = fits[:, :, None] - fits[:, None, :]
    variance = gaps.var(axis=0, ddof=1)
    variance[np.diag_indices(len(strength))] = fits.var(axis=0, ddof=1)
    return variance * count / (count - 1)


def _least(votes: Array, strength: Array) -> Array:
    """Return (contestants, contestants) variances of differences of a fit to votes that are independent."""
    chance = scipy.special.expit(strength[:, None] - strength[None, :])
    known = (votes + votes.T) * chance * (1 - chance)
    inverse = np.linalg.pinv(np.diag(known.sum(axis=1)) - known, hermitian=True)
    own = np.diag(inverse)
    variance = own[:, None] + own[None, :] - 2 * inverse
    variance[np.diag_indices(len(strength))] = own
    return np.asarray(variance)


def _connected(asked: Array) -> None:
    """Refuse contestants between which no chain of votes leads."""
    parts, _ = scipy.sparse.csgraph.connected_components(asked, directed=False)
    if parts > 1:
        raise ValueError(f"votes fall into {parts} groups of contestants that were never compared with each other")
