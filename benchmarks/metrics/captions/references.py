"""What overlap scores need of a reference alone, made once a process and kept by content.

A suite scores every model against the same references, so their counts and masks are the larger part of the
work, and the part that never changes. They are kept sentence by sentence: floors leave one reference out at a
time, and find all of them again.
"""

from __future__ import annotations

import hashlib
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TypeVar

NGRAM = 4
T = TypeVar("T")

_KEPT: dict[str, Sentence] = {}
_MOST_KEPT = 60_000  # 5,000 items with six captions, twice; about 5 kB each


class Sentence:
    """A tokenised reference.

    Attributes:
        length: Words between white space of any kind, as BLEU and CIDEr count them.
        width: Words between single spaces, as ROUGE counts them; an empty sentence has one, the empty word.
        counts: How often each of its n-grams, n = 1..4, is said.
    """

    __slots__ = ("_masks", "counts", "length", "width")

    def __init__(self, text: str) -> None:
        self.counts = ngrams(text)
        self.length = len(text.split())
        words = text.split(" ")
        self.width = len(words)
        self._masks: dict[str, int] = {}
        for position, word in enumerate(words):
            self._masks[sys.intern(word)] = self._masks.get(word, 0) | 1 << position

    def common_subsequence(self, words: list[str]) -> int:
        """Return the length of the longest common subsequence with other words.

        Bit i of the row is 0 where the length grows at word i; a word of the other sentence is one addition
        (Crochemore et al. 2001, Information Processing Letters 80, section 3).
        """
        everywhere = (1 << self.width) - 1
        row = everywhere
        for word in words:
            if mask := self._masks.get(word):
                matches = row & mask
                row = (row + matches | row - matches) & everywhere
        return self.width - row.bit_count()


def ngrams(text: str) -> dict[tuple[str, ...], int]:
    """Return how often each n-gram, n = 1..4, of a tokenised sentence is said."""
    words = [sys.intern(word) for word in text.split()]
    return Counter(tuple(words[i : i + n]) for n in range(1, NGRAM + 1) for i in range(len(words) - n + 1))


def reference(text: str) -> Sentence:
    """Return a reference; those asked for last are kept."""
    sentence = _KEPT.pop(text, None)
    if sentence is None:
        sentence = Sentence(text)
        while len(_KEPT) >= _MOST_KEPT:
            _KEPT.pop(next(iter(_KEPT)))
    _KEPT[text] = sentence
    return sentence


def of_corpus(kept: dict[str, T], corpus: Sequence[tuple[str, ...]], make: Callable[[], T]) -> T:
    """Return what was made of a corpus of raw references; the last two are remembered by content."""
    content = hashlib.sha256("\n".join("\t".join(texts) for texts in corpus).encode(errors="replace")).hexdigest()
    if content not in kept:
        while len(kept) >= 2:
            kept.pop(next(iter(kept)))
        kept[content] = make()
    return kept[content]
