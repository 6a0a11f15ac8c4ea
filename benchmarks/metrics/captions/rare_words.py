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
    """Looks in n captions for words that are rare in the references of a pinned split.

    Words are chosen for being rare in one half of it and counted in the other, both ways round. Counted where they were
    chosen, they would seem rarer than they are, and what five people say of one picture more usual.
    """

    name: ClassVar[str] = "rare_words"
    version: ClassVar[int] = 2
    side: ClassVar[str] = "captioner"
    needs: ClassVar[tuple[str, ...]] = ("captions", "document_frequency")
    declares: ClassVar[dict[str, dict[str, Any]]] = {
        "rare_word_survival": {
            "direction": "up",
            "range": [0, None],
            "with_n": "stable above 1,000 words",
            "source": "different rare words expected in 1,000, over those in real ones; about 1 for real captions",
            "misses": "whether they are said of the right picture",
            "healthy": "hot sampling says rare words anywhere",
        }
    }

    def evaluate(self, view: View) -> dict[str, float]:
        """Compute the value that `declares` names."""
        real = halves(view.document_frequency)
        texts = [words(caption) for caption in view.captions]
        if (reason := undivided(texts)) is not None:
            raise MetricUnavailable(reason)
        counts = Counter(word for text in texts for word in text)
        survival = rare_word_survival(counts, real)
        if survival is None:
            self.absent["rare_word_survival"] = (
                f"{' and '.join(str(len(rare_words(half))) for half in real)} rare words in the halves of the pinned "
                f"captions, of {' and '.join(str(half.total()) for half in real)} words, {counts.total()} words in "
                f"those measured: one that is in both halves, and {BUDGET} words each, are needed"
            )
            return {}
        return {"rare_word_survival": survival}


def rare_word_survival(
    counts: Counter[str], real: tuple[Counter[str], Counter[str]], budget: int = BUDGET
) -> float | None:
    """Return the expected number of different rare words in `budget` words, over the same of real captions.

    About 1 where captions use rare words as real ones do, 0 where none is left. At an equal budget of words, so it
    does not depend on the amount of text beyond noise (rarefaction, Hurlbert 1971).

    Args:
        counts: how often captions say each word.
        real: how often the real captions of each half do. The rare words of a half are counted in the other one.
        budget: number of words in a subsample.

    Returns:
        the ratio, summed over both halves before it is taken; None where one of the three has fewer words than the
        budget, or no rare word of one half is said in the other.
    """
    if min(counts.total(), *(half.total() for half in real)) < budget:
        return None
    chosen = [rare_words(half) for half in real]
    expected = _expected(real[1], chosen[0], budget) + _expected(real[0], chosen[1], budget)
    return sum(_expected(counts, rare, budget) for rare in chosen) / expected if expected else None


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


_REAL: dict[str, tuple[Counter[str], Counter[str]]] = {}


def halves(corpus: Sequence[tuple[str, ...]]) -> tuple[Counter[str], Counter[str]]:
    """Count the words of raw references, of every second item each; the last two corpora are remembered by content."""
    return of_corpus(_REAL, corpus, lambda: (_counted(corpus[::2]), _counted(corpus[1::2])))


def _counted(corpus: Sequence[tuple[str, ...]]) -> Counter[str]:
    return Counter(word for texts in corpus for text in texts for word in words(text))
