"""Measure a set: how large and how sound it is, what its captions and pictures have lost, beside as many real items."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from benchmarks.measuring.lines import LEVEL, Line, judged
from benchmarks.measuring.pictures import Looks, picture_lines
from benchmarks.measuring.sample import MOST, Sample, take
from benchmarks.measuring.text import text_lines
from datamodules.layouts import OpenSet
from records.errors import UsageError

SCHEMA = 1


@dataclass(frozen=True)
class Measured:
    """What is known of a set.

    Attributes:
        name: Of the set, as it was named.
        against: Of the real items; "" where there are none.
        n: Items in the set; `measured` of them were looked at, and as many real ones.
        measured: How many.
        told: What the set was read as.
        counts: What is wrong with it, by kind; examples of each.
        examples: Of each kind.
        copies: Pictures that are byte for byte another one, in the whole set; None without pictures.
        lines: Every measure.
        openings: How captions begin: (words, share, share of people's or None).
    """

    name: str
    against: str
    n: int
    measured: int
    told: str
    counts: dict[str, int]
    examples: dict[str, list[str]]
    copies: int | None
    lines: tuple[Line, ...]
    openings: tuple[tuple[str, float, float | None], ...]

    @property
    def worse(self) -> list[Line]:
        """The lines that are worse than those of real items."""
        return [line for line in self.lines if line.word == "worse"]

    def document(self) -> dict[str, Any]:
        """Return everything as plain JSON data."""
        return {"schema": SCHEMA, **asdict(self), "lines": [_record(line) for line in self.lines]}


def measure(found: OpenSet, real: OpenSet | None = None, most: int = MOST, seed: int = 0) -> Measured:
    """Measure a set beside real items.

    Real items are taken apart: half of them are compared with, the others say which words are rare.

    Args:
        found: The set.
        real: Real items, two for every one that is measured, or fewer are.
        most: Items that are measured at most.
        seed: Of the samples.

    Raises:
        UsageError: A set cannot be read or holds nothing.
    """
    own = _required(take(found, most, seed), found)
    if real is None:
        return _measured(found, own, None, None, seed)
    people, known = _required(take(real, 2 * most, seed), real).halves()
    count = min(len(own.items), len(people.items))
    return _measured(found, own.first(count), people.first(count), known, seed, str(real.path))


def _required(sample: Sample, found: OpenSet) -> Sample:
    if not sample.items:
        wrong = ", ".join(f"{count} {kind}" for kind, count in sample.counts.items()) or "nothing"
        raise UsageError(f"{found.path}: found {wrong}; allowed: one item or more ({found.told})")
    return sample


def _measured(
    found: OpenSet, own: Sample, people: Sample | None, known: Sample | None, seed: int, against: str = ""
) -> Measured:
    lines: list[Line] = []
    openings: tuple[tuple[str, float, float | None], ...] = ()
    captions = own.captions(seed)
    if captions:
        real = people.captions(seed) if people else None
        count = min(len(captions), len(real)) if real else len(captions)
        text = text_lines(
            captions[:count], real[:count] if real else None, known.captions(seed) if known else None, seed
        )
        lines, openings = list(text.lines), text.openings
    if own.copies is not None:
        looks = Looks(own.pixels())
        others = Looks(people.pixels()) if people is not None and people.copies is not None else None
        lines += picture_lines(looks, others, seed) if looks.n else []
    counts, examples = found.counts, found.problems  # after the pictures were decoded
    return Measured(
        str(found.path), against, own.n, len(own.items), own.told, {**own.counts, **counts},
        {**own.examples, **examples}, own.copies, tuple(judged(lines)), openings,
    )  # fmt: skip


def beside(now: Measured, then: Mapping[str, Any]) -> list[Line]:
    """Return what is worse than in an earlier document of a set, beyond the noise of both.

    Raises:
        UsageError: The document is not one that `document` made.
    """
    try:
        before = {(line["part"], line["name"]): line for line in then["lines"]}
        lines = [
            replace(line, real=float(old["value"]), real_sd=float(old["sd"]), p=None, word="unknown")
            for line in now.lines
            if line.value is not None and (old := before.get((line.part, line.name))) and old["value"] is not None
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"found {error!r}; allowed: a measure.json that `measure` wrote") from error
    from benchmarks.measuring.lines import chance

    return [line for line in judged([replace(line, p=chance(line)) for line in lines], LEVEL) if line.word == "worse"]


def _record(line: Line) -> dict[str, Any]:
    interval = line.interval
    data = asdict(line)
    data["low"], data["high"] = interval if interval else (None, None)
    return {
        key: (None if isinstance(value, float) and not np.isfinite(value) else value) for key, value in data.items()
    }
