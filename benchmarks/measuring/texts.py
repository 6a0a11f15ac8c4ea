"""Captions as numbers: which words and phrases each of n items says, and what any part of the items comes to.

Every item has one caption here: sets with five captions a picture are held against sets with one. Words and phrases are
given numbers once, so that a measure of any part of the items is a count.
"""

from __future__ import annotations

import math
import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from benchmarks.metrics.captions.diversity import BUDGET, rarefied_each
from benchmarks.metrics.captions.variety import NGRAM, REFERENCES, closest_lengths, missed
from benchmarks.metrics.texts import folded, words

OPENING = 3  # words that make an opening
ENOUGH = 2 * BUDGET  # phrases, so that half of the items have the 1,000 among which others are expected
PACKED = 1_000  # captions that are packed together: a ratio of sizes depends on how much there is


class Texts:
    """One caption each of n items.

    Args:
        captions: n texts.
    """

    def __init__(self, captions: Sequence[str]) -> None:
        self.captions = list(captions)
        self.words = [words(caption) for caption in self.captions]
        self.n = len(self.captions)

    def without(self, openings: frozenset[tuple[str, ...]]) -> Texts:
        """Return the same items without the openings that are named, for what is said after them."""
        kept = [text[OPENING:] if tuple(text[:OPENING]) in openings else text for text in self.words]
        return Texts([" ".join(text) for text in kept])

    def openings(self, rows: np.ndarray | None = None) -> list[tuple[tuple[str, ...], int]]:
        """Return how captions begin, the most usual first: (three words, how many captions)."""
        chosen = range(self.n) if rows is None else rows.tolist()
        begun = Counter(tuple(self.words[i][:OPENING]) for i in chosen if len(self.words[i]) >= OPENING)
        return sorted(begun.items(), key=lambda found: (-found[1], found[0]))

    @cached_property
    def _grams(self) -> dict[int, tuple[np.ndarray, np.ndarray]]:
        """Length -> numbers of all n-grams, and the item that says each."""
        return {n: _numbered([_ngrams(text, n) for text in self.words]) for n in range(1, NGRAM + 1)}

    @cached_property
    def _said(self) -> dict[int, tuple[np.ndarray, np.ndarray]]:
        """Length -> numbers of (n-gram, at least how many times), and the item."""
        found = {}
        for n in range(1, NGRAM + 1):
            times = [
                [(gram, i) for gram, count in Counter(_ngrams(text, n)).items() for i in range(1, count + 1)]
                for text in self.words
            ]
            found[n] = _numbered(times)
        return found

    @cached_property
    def _whole(self) -> tuple[np.ndarray, np.ndarray]:
        return _numbered([[" ".join(folded(caption).split())] for caption in self.captions])

    @cached_property
    def _opened(self) -> tuple[np.ndarray, np.ndarray]:
        return _numbered([[tuple(text[:OPENING])] if len(text) >= OPENING else [] for text in self.words])

    @cached_property
    def lengths(self) -> np.ndarray:
        """(n,) words of each caption."""
        return np.array([len(text) for text in self.words])

    def phrases(self, length: int, n: int) -> int:
        """Return how many phrases of so many words the first n captions have."""
        return int(np.maximum(0, self.lengths[:n] - length + 1).sum())

    def opening(self, rows: np.ndarray) -> float:
        """Share of captions that begin with the most usual three words."""
        counts = self._counts(self._opened, rows)
        return float(counts.max(initial=0)) / len(rows)

    def repeated(self, rows: np.ndarray) -> float:
        """Share of captions that are equal, but for case and white space, to another one."""
        counts = self._counts(self._whole, rows)
        return float(counts[counts > 1].sum()) / len(rows)

    def distinct(self, n: int) -> Callable[[np.ndarray], float]:
        """Return the measure distinct-n: different n-grams expected among 1,000, over 1,000 (arXiv 1510.03055)."""
        return lambda rows: _rarefied(self._counts(self._grams[n], rows)) / BUDGET

    def vocabulary(self, rows: np.ndarray) -> float:
        """Different words expected among 1,000."""
        return _rarefied(self._counts(self._grams[1], rows))

    def repetition(self, rows: np.ndarray) -> float:
        """Share of four-word phrases that another caption says, too (after arXiv 2210.08145, as a share)."""
        gram, item = self._grams[NGRAM]
        there = _mask(rows, self.n)[item]
        pairs = np.unique(np.stack([gram[there], item[there]]), axis=1)
        if not pairs.size:
            return 0.0
        said_by = np.bincount(pairs[0])
        return float((said_by[pairs[0]] > 1).mean())

    def self_bleu(self, rows: np.ndarray) -> float:
        """Self-BLEU-4 against ten other captions, expected over their choice (arXiv 1802.01886)."""
        none, logs, lengths = missed(len(rows) - 1, REFERENCES), [], self.lengths[rows]
        for n in range(1, NGRAM + 1):
            many = self._counts(self._said[n], rows)
            many = many[many > 0]
            total = np.maximum(0, lengths - n + 1).sum()
            matched = float((many * (1 - none[many - 1])).sum())
            if not matched or not total:
                return 0.0
            logs.append(math.log(matched / total))
        shortness = min(0.0, 1 - closest_lengths(lengths.tolist(), none) / lengths.sum())
        return min(1.0, math.exp(shortness + math.fsum(logs) / NGRAM))

    def packing(self, rows: np.ndarray) -> float:
        """Compression ratio: bytes of 1,000 captions over those of their packed form (arXiv 2403.00553)."""
        text = "\n".join(" ".join(self.words[i]) for i in rows[:PACKED]).encode()
        return len(text) / len(zlib.compress(text, 9))

    def length(self, rows: np.ndarray) -> float:
        """Words a caption."""
        return float(self.lengths[rows].mean())

    def survival(self, rare: frozenset[str]) -> Callable[[np.ndarray], float]:
        """Return the measure of rare words: how many of these are expected among 1,000 words."""
        index = {word: number for number, word in enumerate(sorted(rare))}
        mine = _numbered([[word for word in text if word in index] for text in self.words], index)

        def measure(rows: np.ndarray) -> float:
            total = int(self.lengths[rows].sum())
            counts = Counter(self._counts(mine, rows).tolist())
            del counts[0]
            chances = rarefied_each(sorted(counts), total, BUDGET)
            return math.fsum(counts[count] * chance for count, chance in zip(sorted(counts), chances, strict=True))

        return measure

    def _counts(self, said: tuple[np.ndarray, np.ndarray], rows: np.ndarray) -> np.ndarray:
        number, item = said
        return np.bincount(number[_mask(rows, self.n)[item]], minlength=1)


def _mask(rows: np.ndarray, n: int) -> np.ndarray:
    mask = np.zeros(n, bool)
    mask[rows] = True
    return mask


def _ngrams(text: Sequence[str], n: int) -> list[tuple[str, ...]]:
    return [tuple(text[i : i + n]) for i in range(len(text) - n + 1)]


def _numbered(
    said: Sequence[Sequence[object]], index: Mapping[Any, int] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers of all that items say, equal for what is equal, and the item of each."""
    known: dict[Any, int] = dict(index or {})
    numbers = [known.setdefault(thing, len(known)) for things in said for thing in things]
    owners = np.repeat(np.arange(len(said)), [len(things) for things in said])
    return np.array(numbers, dtype=np.int64), owners


def _rarefied(counts: np.ndarray) -> float:
    """Return how many different values are expected among `BUDGET` tokens (Hurlbert 1971)."""
    values, many = np.unique(counts[counts > 0], return_counts=True)
    chances = rarefied_each(values.tolist(), int(counts.sum()), BUDGET)
    return math.fsum(float(m) * chance for m, chance in zip(many, chances, strict=True))
