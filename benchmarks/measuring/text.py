"""What captions of a set have lost, line by line; what was found is taken away before the next line is measured.

Half the captions of a set with one opening have fewer different phrases, too, and pack better. To say the same fault in
six lines hides what else is wrong, so copies are counted and left out first, then openings are counted and, where they
are worse than people's, cut off; everything else is measured of what is left.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.measuring.lines import CUT, LEAST, OTHERS, Line, Way, judged, line
from benchmarks.measuring.texts import ENOUGH, PACKED, Texts
from benchmarks.metrics.captions.rare_words import rare_words
from benchmarks.metrics.texts import folded, words

USUAL = 10  # openings that are cut off where they are worse than people's


#: (name, which way is worse, what it is, the measure), all of what is left after copies and openings.
MEASURES: tuple[tuple[str, Way, str, Callable[[Texts, np.ndarray], float]], ...] = (
    ("distinct1", "down", "different words of 1,000, as a share", lambda texts, rows: texts.distinct(1)(rows)),
    ("distinct2", "down", "different pairs of words of 1,000", lambda texts, rows: texts.distinct(2)(rows)),
    ("distinct3", "down", "different triples of words of 1,000", lambda texts, rows: texts.distinct(3)(rows)),
    ("packing", "up", "how many times smaller 1,000 captions pack", Texts.packing),
    ("repetition", "up", "four-word phrases that another caption says, too", Texts.repetition),
    ("self_bleu", "up", "likeness to ten other captions", Texts.self_bleu),
    ("length", "", "words a caption", Texts.length),
)


#: Of those that are expected among 1,000 phrases, how many words a phrase has.
LENGTHS = {"distinct1": 1, "distinct2": 2, "distinct3": 3}


@dataclass(frozen=True)
class TextLines:
    """The lines, and how captions begin: (words, share of the set's captions, of people's)."""

    lines: tuple[Line, ...]
    openings: tuple[tuple[str, float, float | None], ...]


def text_lines(
    captions: Sequence[str], real: Sequence[str] | None, known: Sequence[str] | None, seed: int = 0
) -> TextLines:
    """Measure captions of n items beside those of n real ones.

    Args:
        captions: One caption an item.
        real: As many of real items; None = without a reference.
        known: Captions of other real items, which say what words are rare; None = without a reference.
        seed: Of the half-samples.
    """
    mine, theirs = Texts(captions), Texts(real) if real is not None else None
    n = mine.n
    found = [_line("copies", "up", "captions that another item has, too", mine, theirs, Texts.repeated, n, seed)]
    mine, theirs = _once(mine), _once(theirs) if theirs else None
    n = min(mine.n, theirs.n) if theirs else mine.n
    about = "captions with the most usual first three words"
    found.append(_line("opening", "up", about, mine, theirs, Texts.opening, n, seed))
    openings, given = _openings(mine, theirs, n), tuple[str, ...]()
    if judged(found)[-1].word == "worse":
        begun = frozenset(opening for opening, _ in mine.openings(np.arange(n))[:USUAL])
        mine, given = mine.without(begun), (CUT,)
    left = []
    for name, worse, about, measure in MEASURES:
        most = min(n, PACKED) if measure is Texts.packing else n  # half-samples are of what is packed, and no others
        length = LENGTHS.get(name)
        few = None if length is None else _few(mine, theirs, length, n)
        left.append(
            Line(name, "text", worse, about, reason=few)
            if few
            else _line(name, worse, about, mine, theirs, measure, most, seed)
        )
    if known is not None and theirs is not None:
        rare = rare_words(Counter(word for caption in known for word in words(caption)))
        about = f"of {len(rare)} words that are rare in real captions, how many 1,000 words have"
        few, name = _few(mine, theirs, 1, n), "rare_words"
        one = (
            Line(name, "text", "down", about, reason=few)
            if few
            else line(name, "text", "down", about, mine.survival(rare), theirs.survival(rare), n, seed)
        )
        left.append(replace(one, given=(OTHERS,)))
    return TextLines((*found, *(replace(one, given=(*given, *one.given)) for one in left)), openings)


def _few(mine: Texts, theirs: Texts | None, length: int, n: int) -> str:
    """Return why what is expected among 1,000 phrases cannot be told of n items of each side; "" where it can.

    Among fewer it would be how many there are, and of half of them, which the error is from, sooner.
    """
    there = min(texts.phrases(length, n) for texts in (mine, theirs) if texts is not None)
    kind = {1: "words", 2: "pairs of words", 3: "triples of words"}[length]
    return "" if there >= ENOUGH or n < LEAST else f"{there:,} {kind}; at least {ENOUGH:,} are needed"


def _line(
    name: str, worse: Way, about: str, mine: Texts, theirs: Texts | None,
    measure: Callable[[Texts, np.ndarray], float], n: int, seed: int,
) -> Line:  # fmt: skip
    real = None if theirs is None else lambda rows: measure(theirs, rows)
    twins = measure is Texts.repeated
    return line(name, "text", worse, about, lambda rows: measure(mine, rows), real, n, seed, twins=twins)


def _once(texts: Texts) -> Texts:
    """Return the items without those whose caption was there before."""
    seen = dict.fromkeys(" ".join(folded(caption).split()) for caption in texts.captions)
    return Texts(list(seen))


def _openings(mine: Texts, theirs: Texts | None, n: int) -> tuple[tuple[str, float, float | None], ...]:
    real = dict(theirs.openings(np.arange(n))) if theirs else {}
    return tuple(
        (" ".join(opening), count / n, real.get(opening, 0) / n if theirs else None)
        for opening, count in mine.openings(np.arange(n))[:5]
    )
