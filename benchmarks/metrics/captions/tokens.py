"""Captions and references as the tokens that overlap scores, METEOR and SPICE compare.

The tokeniser is one of English. What other scripts need is done around it, and plain English passes untouched.
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.metrics.family import MetricUnavailable
from benchmarks.metrics.java.ptb import tokenise
from benchmarks.metrics.texts import (
    by_characters,
    caseless,
    divided_by_characters,
    undivided,
    without_foreign_punctuation,
)


def tokenise_pairs(
    captions: Sequence[str], references: Sequence[tuple[str, ...]]
) -> tuple[list[str], list[tuple[str, ...]]]:
    """Tokenises n captions and n tuples of references in one go, hence with at most one call of Java.

    A reference without a word is none. Where most references are Chinese or Japanese, a character is a word.

    Raises:
        ValueError: if the numbers differ, there are none, or an item has no reference.
        MetricUnavailable: if an item has no reference with a word, or words are not divided in references.
    """
    if len(captions) != len(references) or not captions:
        raise ValueError(f"{len(captions)} captions, but references of {len(references)} items")
    if not all(references):
        raise ValueError("an item has no reference caption")
    tokens = tokenise_groups([captions, *references], references)
    said, real = tokens[0], [tuple(filter(None, texts)) for texts in tokens[1:]]
    if silent := sum(not texts for texts in real):
        raise MetricUnavailable(f"{silent} of {len(real)} items have no reference with a word that the tokeniser reads")
    if (reason := undivided([text.split() for texts in real for text in texts])) is not None:
        raise MetricUnavailable(reason)
    return list(said), real


def tokenise_groups(groups: Sequence[Sequence[str]], real: Sequence[Sequence[str]]) -> list[tuple[str, ...]]:
    """Tokenise groups of texts; real captions among them decide whether a character is a word."""
    flat = [without_foreign_punctuation(text) for texts in groups for text in texts]
    if by_characters([text for texts in real for text in texts]):
        flat = [divided_by_characters(text) for text in flat]
    tokens = iter(map(caseless, tokenise(flat)))
    return [tuple(next(tokens) for _ in texts) for texts in groups]
