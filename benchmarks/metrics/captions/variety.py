"""More of what captions are by themselves: phrases, likeness to each other, loops, and the head of the vocabulary.

As in `caption_diversity`, whatever depends on how many captions or words there are is an expectation over all
subsamples of a fixed size, in closed form: no seed, no order, and no dependence on n but noise.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from scipy.special import gammaln

from benchmarks.metrics.captions.diversity import BUDGET, rarefied, uncounted
from benchmarks.metrics.family import Family, MetricUnavailable
from benchmarks.metrics.texts import words
from benchmarks.metrics.view import View

REFERENCES = 10  # of self-BLEU: other captions that each one is held against
NGRAM = 4


class CaptionVariety(Family):
    """Counts phrases of n captions, lower case, punctuation dropped."""

    name: ClassVar[str] = "caption_variety"
    version: ClassVar[int] = 1
    side: ClassVar[str] = "captioner"
    needs: ClassVar[tuple[str, ...]] = ("captions",)
    declares: ClassVar[dict[str, dict[str, Any]]] = {
        "distinct3": {
            "direction": "up",
            "range": [0, 1],
            "with_n": "stable above 1,000 tokens, rises below",
            "source": "Li et al., arXiv 1510.03055, at an equal token budget",
            "misses": "whether the words are true: noise is diverse",
            "healthy": "sampling breaks sentences up: it rises while quality falls",
        },
        "self_bleu": {
            "direction": "down",
            "range": [0, 1],
            "with_n": "stable (10 references each, whatever n is)",
            "source": "Zhu et al., arXiv 1802.01886, BLEU-4 against 10 other captions, expected over their choice",
            "misses": "whether the words are true: noise is unlike itself",
            "healthy": "sampling breaks sentences up: it falls as quality does",
        },
        "repetition2": {
            "direction": "down",
            "range": [0, 1],
            "with_n": "stable (mean over captions)",
            "source": "Welleck et al., arXiv 1908.04319 (seq-rep-2), mean over captions",
            "misses": "repetition between captions; a picture of two alike things asks for some",
            "healthy": "every caption says the same, once",
        },
        "repetition4": {
            "direction": "down",
            "range": [0, 1],
            "with_n": "stable (mean over captions)",
            "source": "Welleck et al., arXiv 1908.04319 (seq-rep-4), mean over captions",
            "misses": "repetition between captions; loops shorter than five words",
            "healthy": "every caption says the same, once",
        },
        "zipf_exponent": {
            "direction": "none",
            "range": [0, None],
            "with_n": "stable (of 1,000 words)",
            "source": "Zipf 1949; minus the slope of log frequency over log rank, of 1,000 words",
            "misses": "which words are frequent",
            "healthy": "noise flattens what loss of the tail steepens",
        },
    }

    def evaluate(self, view: View) -> dict[str, float]:
        """Compute the values that `declares` names."""
        texts = [words(caption) for caption in view.captions]
        if (reason := uncounted(view.captions, texts)) is not None:
            raise MetricUnavailable(reason)
        values = {
            "distinct3": distinct(texts, 3),
            "repetition2": sequence_repetition(texts, 2),
            "repetition4": sequence_repetition(texts, 4),
        }
        if len(texts) <= REFERENCES:
            self.absent["self_bleu"] = f"{len(texts)} captions: each needs {REFERENCES} others"
        elif max(map(len, texts)) < NGRAM:
            self.absent["self_bleu"] = f"no caption has {NGRAM} words"
        else:
            values["self_bleu"] = self_bleu(texts)
        counts = Counter(word for text in texts for word in text)
        if counts.total() < BUDGET or len(counts) < 2:
            self.absent["zipf_exponent"] = f"{counts.total()} words, {len(counts)} of them different: too few"
        else:
            values["zipf_exponent"] = zipf_exponent(counts)
        return values


def distinct(texts: Sequence[Sequence[str]], n: int, budget: int = BUDGET) -> float:
    """Distinct-n (Li et al. 2016): expected number of different n-grams among `budget` of them, over `budget`.

    In [0, 1], higher is more diverse. Above the budget it does not depend on the amount of text; below, all
    n-grams are counted and nothing is extrapolated.
    """
    return rarefied(Counter(gram for text in texts for gram in _grams(text, n)), budget) / budget


def sequence_repetition(texts: Sequence[Sequence[str]], n: int) -> float:
    """Sequence-level repetition, seq-rep-n (Welleck et al. 2020, eq. 8): share of n-grams said before in the text.

    In [0, 1), 0 where no text repeats itself; a mean over texts, those too short for an n-gram counting as 0.
    It does not depend on how many texts there are, but long texts repeat more.
    """
    shares = []
    for text in texts:
        grams = _grams(text, n)
        shares.append(1 - len(set(grams)) / len(grams) if grams else 0.0)
    return math.fsum(shares) / len(shares)


def self_bleu(texts: Sequence[Sequence[str]], references: int = REFERENCES) -> float:
    """Self-BLEU (Zhu et al. 2018) with a fixed number of references, expected over their choice.

    Corpus BLEU-4 in which each of n texts is held against `references` of the n - 1 others. Averaged over all
    choices, a text's clipped matches of an n-gram said c times are the sum over j = 1..c of the chance that one
    of its references says it at least j times: counts of captions suffice, and nothing is drawn. The closest
    reference length is averaged in the same way. In [0, 1], lower is more diverse. It does not depend on n, and
    would rise with the number of references.

    Args:
        texts: n > `references` texts as lists of words, one of them with at least four words.
        references: how many others each is held against.
    """
    none = missed(len(texts) - 1, references)
    logs = []
    for n in range(1, NGRAM + 1):
        said: Counter[tuple[Any, int]] = Counter()  # how many texts say an n-gram at least so many times
        for text in texts:
            for gram, count in Counter(_grams(text, n)).items():
                said.update((gram, times) for times in range(1, count + 1))
        matched = math.fsum(many * (1 - none[many - 1]) for many in said.values())
        if not matched:
            return 0.0
        logs.append(math.log(matched / sum(max(0, len(text) - n + 1) for text in texts)))
    total = sum(map(len, texts))
    shortness = min(0.0, 1 - closest_lengths([len(text) for text in texts], none) / total)
    return min(1.0, math.exp(shortness + math.fsum(logs) / NGRAM))


def missed(others: int, drawn: int) -> np.ndarray:
    """Chance that none of `drawn` out of `others` is among h of them, for h = 0..others."""
    left = others - np.arange(others + 1.0)
    chances = np.ones(others + 1)
    for i in range(drawn):
        chances *= np.clip(left - i, 0, None) / (others - i)
    return chances


def closest_lengths(lengths: list[int], missed: np.ndarray) -> float:
    """Return the expected sum over texts of the closest length among their references, the shorter of two as close."""
    many = Counter(lengths)
    expected = []
    for own, texts in many.items():
        before = 0
        for length in sorted(many, key=lambda other: (abs(other - own), other)):
            within = before + many[length] - (length == own)
            expected.append(texts * length * (missed[before] - missed[within]))
            before = within
    return math.fsum(expected)


def zipf_exponent(counts: Counter[Any], budget: int = BUDGET) -> float:
    """Exponent of Zipf's law: minus the least-squares slope of log frequency over log rank, of `budget` words.

    The slope of a sample depends on its size, so the frequency at each rank is that of the expected curve of
    all subsamples: at rank r stands the largest frequency that at least r words (rounded) are expected to reach.
    About 1 for English; 0 where all words are equally frequent. Above the budget it does not depend on the
    amount of text.

    Args:
        counts: how often each word occurs, two words or more, at least `budget` in all.
        budget: number of words in a subsample.
    """
    total = counts.total()
    how_many = Counter(counts.values())
    values = np.array(sorted(how_many), dtype=np.float64)[:, None]
    times = np.arange(min(budget, int(values.max())) + 1.0)[None, :]
    possible = (times <= values) & (budget - times <= total - values)
    ways = _log_ways(values, times) + _log_ways(total - values, budget - times) - _log_ways(total, budget)
    chances = np.where(possible, np.exp(np.where(possible, ways, -np.inf)), 0.0)
    reach = chances[:, ::-1].cumsum(axis=1)[:, ::-1]  # chance of a word to occur at least so many times
    ranks = np.array([how_many[int(value)] for value in values[:, 0]]) @ reach[:, 1:]
    frequency = np.array([(ranks >= rank - 0.5).sum() for rank in range(1, round(ranks[0]) + 1)], dtype=np.float64)
    if len(frequency) < 2:
        return 0.0
    slope = np.polyfit(np.log(np.arange(1, len(frequency) + 1)), np.log(frequency), 1)[0]
    return float(max(0.0, -slope))


def _log_ways(total: Any, drawn: Any) -> Any:
    """Logarithm of the binomial coefficient; anything where it is zero."""
    left = np.maximum(total - drawn, 0)
    return gammaln(total + 1.0) - gammaln(np.maximum(drawn, 0) + 1.0) - gammaln(left + 1.0)


def _grams(text: Sequence[str], n: int) -> list[tuple[str, ...]]:
    return [tuple(text[i : i + n]) for i in range(len(text) - n + 1)]
