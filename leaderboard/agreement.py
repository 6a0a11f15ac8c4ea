"""Whether raters agree: Krippendorff's alpha of their votes on the same questions, and its interval.

Alpha is 1 where all agree and 0 where they agree as often as votes drawn from all votes would (Krippendorff 2019,
Content Analysis, chapter 12). A tie lies half way between the two options. Which option of a question comes first is
nobody's choice, so every question counts in both orders. The interval is a bootstrap's over questions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from leaderboard.preferences import Votes
from leaderboard.statistics import LEVEL, Array

RESAMPLES = 500
#: Fewer questions that several raters answered give no interval.
QUESTIONS_FOR_INTERVALS = 8


@dataclass(frozen=True)
class Agreement:
    """How far raters agree.

    Attributes:
        alpha: Krippendorff's; None where no question has two votes, or all votes are the same.
        low: Lower end of its 95 % interval; None where there is none.
        high: Upper end.
        questions: How many have votes of two raters or more.
    """

    alpha: float | None
    low: float | None
    high: float | None
    questions: int


def agreement(votes: Votes, seed: int = 0) -> Agreement:
    """Return how far the raters of some votes agree.

    Args:
        votes: At most one vote of a rater on a question.
        seed: Of the bootstrap.
    """
    raters, r = np.unique(votes.rater, return_inverse=True)
    questions, q = np.unique(votes.question, return_inverse=True)
    table = np.full((len(raters), len(questions)), np.nan)
    table[r, q] = votes.won
    table = table[:, (~np.isnan(table)).sum(axis=0) > 1]
    count = table.shape[1]
    alpha = _alpha(table)
    if alpha is None or count < QUESTIONS_FOR_INTERVALS:
        return Agreement(alpha, None, None, count)
    rng = np.random.default_rng(seed)
    drawn = [_alpha(table[:, rng.integers(count, size=count)]) for _ in range(RESAMPLES)]
    tail = (1 - LEVEL) / 2
    low, high = np.quantile([value for value in drawn if value is not None], (tail, 1 - tail))
    return Agreement(alpha, float(low), float(high), count)


def _alpha(table: Array) -> float | None:
    """Return 1 - observed / expected disagreement by squared differences, of (raters, questions) with NaN for no vote.

    Own code, since the library for it is under a licence that this project cannot take on; a test holds it to that one.
    """
    if not table.size:
        return None
    both = np.concatenate([table, 1 - table], axis=1)
    votes = (~np.isnan(both)).sum(axis=0)
    total = int(votes.sum())
    within = 2 * (votes * np.nansum(both**2, axis=0) - np.nansum(both, axis=0) ** 2) / (votes - 1)
    expected = 2 * (total * np.nansum(both**2) - np.nansum(both) ** 2) / (total - 1)
    return None if expected <= 0 else float(1 - within.sum() / expected)
