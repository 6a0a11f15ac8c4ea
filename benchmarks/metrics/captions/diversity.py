"""Diversity of generated captions, by themselves: no references, no model.

Counts of different words grow with the amount of text, so two sets compare only at an equal budget of
tokens. A random subsample would add noise and depend on order; the expectation over all subsamples has a
closed form (rarefaction), and that is what is used here.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np

from benchmarks.metrics.family import Family
from benchmarks.metrics.texts import folded, undivided, words
from benchmarks.metrics.view import View

BUDGET = 1_000  # tokens; 128 captions of eight words have as many


class CaptionDiversity(Family):
    """Counts words of n captions, lower case, punctuation dropped; an empty caption counts as a caption."""

    name: ClassVar[str] = "caption_diversity"
    version: ClassVar[int] = 1
    side: ClassVar[str] = "captioner"
    needs: ClassVar[tuple[str, ...]] = ("captions",)
    declares: ClassVar[dict[str, dict[str, Any]]] = {
        "distinct1": {
            "direction": "up",
            "range": [0, 1],
            "with_n": "stable above 1,000 tokens, rises below",
            "source": "Li et al., arXiv 1510.03055, at an equal token budget",
            "misses": "whether the words are true: noise is diverse",
            "healthy": "sampling breaks sentences up: it rises while quality falls",
        },
        "distinct2": {
            "direction": "up",
            "range": [0, 1],
            "with_n": "stable above 1,000 tokens, rises below",
            "source": "Li et al., arXiv 1510.03055, at an equal token budget",
            "misses": "whether the words are true: noise is diverse",
            "healthy": "sampling breaks sentences up: it rises while quality falls",
        },
        "unique_share": {
            "direction": "up",
            "range": [0, 1],
            "with_n": "falls (repetition is found more often)",
            "source": "share of different captions",
            "misses": "small variations of one sentence count in full",
            "healthy": "one template is filled with shuffled words",
        },
        "vocabulary": {
            "direction": "up",
            "range": [0, 1000],
            "with_n": "stable above 1,000 tokens, rises below",
            "source": "Hurlbert 1971 (rarefaction), expected number of different words in 1,000 tokens",
            "misses": "how the words are used",
            "healthy": "words are misspelt: each is a new word",
        },
        "length_mean": {
            "direction": "none",
            "range": [0, None],
            "with_n": "stable",
            "source": "words per caption",
            "misses": "everything but length",
            "healthy": "always: it explains other numbers",
        },
        "length_sd": {
            "direction": "none",
            "range": [0, None],
            "with_n": "stable",
            "source": "standard deviation of words per caption",
            "misses": "everything but length; one runaway caption moves it",
            "healthy": "always: it explains other numbers",
        },
        "word_entropy": {
            "direction": "none",
            "range": [0, None],
            "with_n": "rises a little (plug-in estimate)",
            "source": "Shannon 1948, plug-in estimate over words, in nats",
            "misses": "whether the words are true",
            "healthy": "sampling is noisy: it rises while quality falls",
        },
    }

    def evaluate(self, view: View) -> dict[str, float]:
        """Compute the values that `declares` names."""
        texts = [words(caption) for caption in view.captions]
        unique = unique_share(view.captions)
        if (reason := uncounted(view.captions, texts)) is not None:
            self.absent = {name: reason for name in self.declares if name != "unique_share"}
            return {"unique_share": unique}
        counts = Counter(word for text in texts for word in text)
        pairs = Counter(pair for text in texts for pair in pairwise(text))
        lengths = np.array([len(text) for text in texts], dtype=np.float64)
        expected = rarefied(counts, BUDGET)
        return {
            "distinct1": expected / BUDGET,
            "distinct2": rarefied(pairs, BUDGET) / BUDGET,
            "unique_share": unique,
            "vocabulary": expected,
            "length_mean": lengths.mean(),
            "length_sd": lengths.std(),
            "word_entropy": entropy(counts),
        }


def uncounted(captions: Sequence[str], texts: Sequence[Sequence[str]]) -> str | None:
    """Say why words of captions cannot be counted, or None where they can: where nothing is said, there are none."""
    if not any(texts) and any(caption.strip() for caption in captions):
        return "no caption holds a word: all that is said is punctuation or symbols"
    return undivided(texts)


def rarefied(counts: Counter[Any], budget: int) -> float:
    """Return the expected number of different values among `budget` tokens (rarefaction, Hurlbert 1971, eq. 14).

    Of tokens drawn without replacement: a value said c times among N is missed with probability C(N - c,
    budget) / C(N, budget). Of fewer tokens than the budget all are taken, and nothing is extrapolated: a
    model that falls silent gains no diversity.

    Args:
        counts: how often each value occurs.
        budget: number of tokens, at least one.

    Returns:
        a number in [0, budget].
    """
    total = sum(counts.values())
    how_many = Counter(counts.values())
    found = rarefied_each(sorted(how_many), total, budget)
    return math.fsum(how_many[count] * chance for count, chance in zip(sorted(how_many), found, strict=True))


def rarefied_each(counts: Sequence[int], total: int, budget: int) -> list[float]:
    """Chance of each value to be among `budget` tokens, by how often it occurs among `total` (Hurlbert 1971)."""
    if total <= budget:
        return [float(count > 0) for count in counts]

    def log_ways(n: int) -> float:
        return math.lgamma(n + 1) - math.lgamma(budget + 1) - math.lgamma(n - budget + 1)

    whole = log_ways(total)
    return [1 - math.exp(log_ways(total - count) - whole) if total - count >= budget else 1.0 for count in counts]


def unique_share(captions: Sequence[str]) -> float:
    """Share of different captions, after case and white space; 1 where no two are equal."""
    said: set[Hashable] = {" ".join(folded(caption).split()) for caption in captions}
    return len(said) / len(captions)


def entropy(counts: Counter[Any]) -> float:
    """Entropy of the plug-in distribution in nats; 0 for no or one value."""
    shares = np.sort(np.array(list(counts.values()), dtype=np.float64)) / max(1, sum(counts.values()))
    return float(max(0.0, -(shares * np.log(shares)).sum()))
