"""Whether captions still say the words that real captions say rarely."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any, ClassVar

from benchmarks.metrics.captions.diversity import BUDGET, rarefied_each
from benchmarks.metrics.captions.references import of_corpus
from benchmarks.metrics.family import Family, MetricUnavailable
from benchmarks.metrics.texts import undivided, words
from benchmarks.metrics.view import View

SHARE = 0.05  # of the words of real captions that are rare ones


class RareWords(Family):
    """Looks in n captions for words that are rare in the references of a pinned split."""

    name: ClassVar[str] = "rare_words"
    version: ClassVar[int] = 1
    side: ClassVar[str] = "captioner"
    needs: ClassVar[tuple[str, ...]] = ("captions", "document_frequency")
    declares: ClassVar[dict[str, dict[str, Any]]] = {
        "rare_word_survival": {
            "direction": "up",
            "range": [0, None],
            "with_n": "stable above 1,000 words",
            "source": "different rare words expected in 1,000 words, over the number in real captions: 1 as in those",
            "misses": "whether they are said of the right picture",
            "healthy": "hot sampling says rare words anywhere",
        }
    }

    def evaluate(self, view: View) -> dict[str, float]:
        """Compute the value that `declares` names."""
        real = word_counts(view.document_frequency)
        rare = rare_words(real)
        texts = [words(caption) for caption in view.captions]
        if (reason := undivided(texts)) is not None:
            raise MetricUnavailable(reason)
        counts = Counter(word for text in texts for word in text)
        if not rare or min(counts.total(), real.total()) < BUDGET:
            self.absent["rare_word_survival"] = (
                f"{len(rare)} rare words in {real.total()} of the pinned captions, {counts.total()} words in those "
                f"measured: one and {BUDGET} are needed"
            )
            return {}
        return {"rare_word_survival": rare_word_survival(counts, real, rare)}


def rare_word_survival(counts: Counter[str], real: Counter[str], rare: frozenset[str], budget: int = BUDGET) -> float:
    """Return the expected number of different rare words in `budget` words, over the same of real captions.

    1 where captions use rare words as real ones do, 0 where none is left. At an equal budget of words, so it
    does not depend on the amount of text beyond noise (rarefaction, Hurlbert 1971).

    Args:
        counts: how often captions say each word, at least `budget` in all.
        real: how often real captions do, at least `budget` in all.
        rare: words of `real`, at least one.
        budget: number of words in a subsample.
    """
    return _expected(counts, rare, budget) / _expected(real, rare, budget)


def _expected(counts: Counter[str], rare: frozenset[str], budget: int) -> float:
    return math.fsum(rarefied_each([counts[word] for word in sorted(rare)], counts.total(), budget))


def rare_words(real: Counter[str]) -> frozenset[str]:
    """Return the least frequent words that together make at most a twentieth of all; words said once are left out.

    Words that are equally frequent are rare together or not at all. What was said once is as often a slip.
    """
    how_many = Counter(real.values())
    taken, limit = 0, 1
    for count in sorted(how_many):
        taken += count * how_many[count]
        if taken > SHARE * real.total():
            break
        limit = count
    return frozenset(word for word, count in real.items() if 1 < count <= limit)


_REAL: dict[str, Counter[str]] = {}


def word_counts(corpus: Sequence[tuple[str, ...]]) -> Counter[str]:
    """Count the words of raw references; the last two corpora are remembered by content."""
    return of_corpus(_REAL, corpus, lambda: Counter(word for texts in corpus for text in texts for word in words(text)))
