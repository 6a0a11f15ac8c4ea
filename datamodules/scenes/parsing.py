"""Reading captions: runs of describing words, and the words between them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from datamodules.scenes.oracle import ABSENT, UNREADABLE


@dataclass(frozen=True)
class Run:
    """Neighbouring describing words, for example "large red circle".

    Attributes:
        values: kind of word -> the values named, in order.
        before: the word before the run, "" at the start.
        after: the word after the run, "" at the end.
    """

    values: dict[str, list[str]]
    before: str
    after: str

    def only(self, kind: str) -> str:
        """Return the one value of a kind, or "?" if there is none or more than one."""
        return single(self.values.get(kind, []))


# A letter with a mark, or of another alphabet, is part of its word: "blué" is no "blu".
_WORD = re.compile(r"(?:[^\W\d_]|[\u0300-\u036f])+|,")


def words_in(caption: str) -> list[str]:
    """Split any text into lower-case words and commas; everything else only separates."""
    return _WORD.findall(caption.lower())


def runs_of(words: list[str], lexicon: Mapping[str, tuple[str, str]]) -> list[Run]:
    """Split the words of a sentence into its runs, by a lexicon of describing word -> (kind, value)."""
    runs: list[Run] = []
    start = 0
    while start < len(words):
        end = start
        values: dict[str, list[str]] = {}
        while end < len(words) and words[end] in lexicon:
            kind, value = lexicon[words[end]]
            values.setdefault(kind, []).append(value)
            end += 1
        if end > start:
            before = words[start - 1] if start else ""
            runs.append(Run(values, before, words[end] if end < len(words) else ""))
        start = end + 1
    return runs


def single(values: Collection[str]) -> str:
    """Return the one element, or "?" if there is none or more than one."""
    return next(iter(values)) if len(values) == 1 else UNREADABLE


def padded(values: list[str], slots: int) -> list[str]:
    """Fill up with absent slots."""
    return values + [ABSENT] * (slots - len(values))
