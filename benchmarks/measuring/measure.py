"""Measure a set: how large and how sound it is, what its captions and pictures have lost, beside as many real items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from benchmarks.measuring.attributes import Attributes, attribute_lines
from benchmarks.measuring.lines import CUT, LEVEL, OTHERS, Line, chance, judged
from benchmarks.measuring.looking import Judge, Looked, look
from benchmarks.measuring.pictures import picture_lines
from benchmarks.measuring.sample import MOST, Sample, take
from benchmarks.measuring.space import space_lines
from benchmarks.measuring.text import text_lines
from datamodules.layouts import OpenSet
from datamodules.layouts.on_disk import Seen
from leaderboard.text import counted
from records.errors import UsageError

SCHEMA = 1
#: Numbers of items that differ by less are as good as equal: a Fréchet distance then moves by as much, not by 5 %.
ALIKE = 0.02


@dataclass(frozen=True)
class Read:
    """How real items were read.

    Attributes:
        n: How many there are.
        told: As what.
        counts: What is wrong with them, by kind; examples of each.
        examples: Of each kind.
        digest: Of all that they hold.
    """

    n: int
    told: str
    counts: dict[str, int]
    examples: dict[str, list[str]]
    digest: str


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
        taken: Different pictures of the whole set that are byte for byte a real one; None without pictures to compare.
        lines: Every measure.
        openings: How captions begin: (words, share, share of people's or None).
        judges: What judged it, by name: what that was trained on.
        digest: Of all that it holds.
        pairs: Items with a caption and a picture.
        real: The real items, as they were read.
    """

    name: str
    against: str
    n: int
    measured: int
    told: str
    counts: dict[str, int]
    examples: dict[str, list[str]]
    copies: int | None
    taken: int | None
    lines: tuple[Line, ...]
    openings: tuple[tuple[str, float, float | None], ...]
    judges: dict[str, str]
    digest: str
    pairs: int
    real: Read | None = None

    @property
    def worse(self) -> list[Line]:
        """The lines that are worse than those of real items."""
        return [line for line in self.lines if line.word == "worse"]

    @property
    def told_apart(self) -> bool:
        """Whether any line could be compared with that of real items."""
        return any(line.p is not None for line in self.lines)

    def document(self) -> dict[str, Any]:
        """Return everything as plain JSON data."""
        return {"schema": SCHEMA, **asdict(self), "lines": [_record(line) for line in self.lines]}


@dataclass(frozen=True, eq=False)
class Reference:
    """Real items that sets are held against, looked at once.

    Attributes:
        name: Of the set.
        people: Half of them, which are compared with.
        others: The other half: what words are rare, and what distances are taken to.
        content: The bytes of all of their pictures; None where there are none.
        pairs: Items with a caption and a picture.
        read: How they were read.
    """

    name: str
    people: Looked
    others: Looked
    content: Seen | None
    pairs: int
    read: Read


def look_at_real(real: OpenSet, judges: Sequence[Judge] = (), most: int = MOST, seed: int = 0) -> Reference:
    """Look at real items, two for every one that is measured, or as many as there are.

    Raises:
        UsageError: The set cannot be read or holds nothing.
    """
    sample = _required(take(real, 2 * most, seed), real)
    people, others = (look(half, judges, seed) for half in sample.halves())
    return Reference(str(real.path), people, others, sample.content, sample.pairs, _read(sample, real))


def _read(sample: Sample, found: OpenSet) -> Read:
    """Return how a set was read, after its pictures were decoded."""
    counts, examples = {**sample.counts, **found.counts}, {**sample.examples, **found.problems}
    return Read(sample.n, sample.told, counts, examples, sample.digest)


def measure(
    found: OpenSet, real: Reference | None = None, judges: Sequence[Judge] = (), most: int = MOST, seed: int = 0,
    attributes: Attributes | None = None, spoken: Attributes | None = None,
) -> Measured:  # fmt: skip
    """Measure a set beside real items.

    Args:
        found: The set.
        real: Real items.
        judges: That look at both; the same as have looked at the real items.
        most: Items that are measured at most.
        seed: Of the samples.
        attributes: What pictures are read for.
        spoken: The words by which captions say it; None = the names of the values.

    Raises:
        UsageError: A set cannot be read or holds nothing.
    """
    sample = _required(take(found, most, seed), found)
    own = look(sample, judges, seed)
    people = None
    if real is not None:
        count = min(own.items, real.people.items)
        own, people = own.first(count), real.people.first(count)
    lines, openings = all_lines(own, people, real.others if real else None, seed)
    lines += attribute_lines(attributes or {}, own, people, real.others if real else None, judges, seed, spoken)
    read = _read(sample, found)
    if real is not None:
        lines = [replace(one, given=_beside(one.given, real.read.digest)) for one in lines]
    taken = (
        None if real is None or real.content is None or sample.content is None else sample.content.shared(real.content)
    )
    return Measured(
        str(found.path), real.name if real else "", read.n, own.items, read.told, read.counts, read.examples,
        sample.copies, taken, tuple(judged(lines)), openings,
        {judge.found.name: judge.found.about for judge in judges}, read.digest, sample.pairs,
        real.read if real else None,
    )  # fmt: skip


def _beside(given: tuple[str, ...], digest: str) -> tuple[str, ...]:
    """Return what a line depends on, with the real items by their digest."""
    return tuple(f"{what} ({digest})" if what == OTHERS else what for what in given)


def _required(sample: Sample, found: OpenSet) -> Sample:
    if not sample.items:
        wrong = ", ".join(f"{count} {kind}" for kind, count in sample.counts.items()) or "nothing"
        raise UsageError(f"{found.path}: found {wrong}; allowed: one item or more ({found.told})")
    return sample


def all_lines(
    own: Looked, people: Looked | None, others: Looked | None, seed: int
) -> tuple[list[Line], tuple[tuple[str, float, float | None], ...]]:
    """Return every line of what was seen of a set, but those of attributes, without its word; and how captions begin.

    Args:
        own: What was seen of the set.
        people: Of as many real items; None = without a reference.
        others: Of other real items.
        seed: Of the half-samples.
    """
    lines: list[Line] = []
    openings: tuple[tuple[str, float, float | None], ...] = ()
    captions = list(own.captions.values())
    if captions:
        real = list(people.captions.values()) if people else None
        count = min(len(captions), len(real)) if real else len(captions)
        known = list(others.captions.values()) if others else None
        text = text_lines(captions[:count], real[:count] if real else None, known, seed)
        lines, openings = list(text.lines), text.openings
    if own.looks is not None and own.looks.n:
        lines += picture_lines(own.looks, people.looks if people else None, seed)
    for name, seen in own.embeddings.items():
        theirs, rest = (None if one is None else one.embeddings[name] for one in (people, others))
        lines += space_lines(name, seen, theirs, None if rest is None else rest.first(own.items), seed)
    return lines, openings


@dataclass(frozen=True)
class Compared:
    """A set beside an earlier one.

    Attributes:
        lines: What was compared; `real` is the earlier value.
        unlike: What was not, since it is a number of something else: what of.
    """

    lines: tuple[Line, ...]
    unlike: tuple[tuple[Line, str], ...] = ()

    @property
    def worse(self) -> list[Line]:
        """The lines that are worse than those of the earlier set."""
        return [line for line in self.lines if line.word == "worse"]


def beside(now: Measured, then: Mapping[str, Any]) -> Compared:
    """Compare a set with an earlier document, line by line, beyond the noise of both.

    Many numbers rise or fall with the items that they are of, so those of unlike numbers of items are not compared.

    Raises:
        UsageError: The document is not one that `document` made.
    """
    lines, unlike = [], []
    try:
        before, whole = {(line["part"], line["name"]): line for line in then["lines"]}, int(then["measured"])
        for line in now.lines:
            old = before.get((line.part, line.name))
            if line.value is None or old is None or old["value"] is None:
                continue
            mine, its = line.n or now.measured, int(old.get("n") or whole)
            if why := _other(line.given, old.get("given", ())):
                unlike.append((line, why))
            elif alike(mine, its):
                one = replace(line, real=float(old["value"]), real_sd=float(old["sd"]), word="unknown", items=None)
                lines.append(replace(one, p=chance(one)))
            else:
                unlike.append((line, f"of {counted(mine, 'item')} here and of {its:,} there"))
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"found {error!r}; allowed: a measure.json that `measure` wrote") from error
    return Compared(tuple(judged(lines, LEVEL)), tuple(unlike))


def _other(mine: Sequence[str], its: Sequence[str]) -> str:
    """Return why two numbers are of different things; "" where they are not."""
    for what in (OTHERS, CUT):
        here, there = ([one for one in given if one.startswith(what)] for given in (mine, its))
        if here != there:
            return f"{what}, others there" if here and there else f"{what} {'here' if here else 'there'} alone"
    return ""


def alike(mine: int, its: int) -> bool:
    """Whether two numbers of items are so near that what grows with them differs by less than what matters."""
    return abs(mine - its) <= ALIKE * max(mine, its)


def _record(line: Line) -> dict[str, Any]:
    interval = line.interval
    data = asdict(line)
    data["low"], data["high"] = interval if interval else (None, None)
    return {
        key: (None if isinstance(value, float) and not np.isfinite(value) else value) for key, value in data.items()
    }
