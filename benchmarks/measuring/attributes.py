"""How often a set says and shows what a list names: values of attributes, such as colours, beside real items.

Captions are read word by word; pictures by a judge of both, which errs, but alike on both sides
(`benchmarks.metrics.images.attribute_reader`). What is rare goes first, and a value that becomes more frequent is no
loss: only a smaller share is worse.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from benchmarks.measuring.embeddings import UNKNOWN, unknown_words
from benchmarks.measuring.lines import Line, Measure, line
from benchmarks.measuring.looking import Judge, Looked
from benchmarks.metrics.images.attribute_reader import zero_shot
from benchmarks.metrics.oracle_scores import TAIL_ITEMS
from benchmarks.metrics.texts import words

#: Attribute -> value -> phrases that say it.
Attributes = Mapping[str, Mapping[str, Sequence[str]]]


def attribute_lines(
    attributes: Attributes, own: Looked, people: Looked | None, others: Looked | None = None,
    judges: Sequence[Judge] = (), seed: int = 0, spoken: Attributes | None = None,
) -> list[Line]:  # fmt: skip
    """Return a line for every value in captions, and one in pictures for every judge that reads both.

    Args:
        attributes: What pictures are read for.
        own: What was seen of the set.
        people: Of as many real items; None = without a reference.
        others: Of other real items, which say what is too rare to be told: chosen by those that are compared with, it
            would be what happens to be frequent there.
        judges: That read pictures.
        seed: Of the half-samples.
        spoken: Attribute -> value -> words of which a caption that says the value has one; None = its name. The name of
            a value may be a word for other things: a dark room is no skin.
    """
    values = [(attribute, value) for attribute, named in attributes.items() for value in named]
    if not values:
        return []
    found = []
    names = {a: {v: [v.replace("_", " ")] for v in named} for a, named in attributes.items()}
    asked = [(a, v, w) for a, named in (names if spoken is None else spoken).items() for v, w in named.items()]
    if own.captions and asked:
        says = [_said([w for *_, w in asked], one) for one in (own, people, others)]
        found += _shares([(a, v) for a, v, _ in asked], "text", "", says, seed)
    elif own.captions:
        reason = "the list has no `words` by which captions say its values"
        found.append(Line("attributes", "text", "down", "values that captions say", reason=reason))
    for judge in judges:
        name, pictures = judge.found.name, own.embeddings[judge.found.name].pictures
        if pictures is None or not len(pictures) or "captions" not in judge.found.embeds:
            continue
        phrases = {a: {v: list(said) for v, said in named.items()} for a, named in attributes.items()}
        unknown = unknown_words(judge.model, [p for named in phrases.values() for said in named.values() for p in said])
        if unknown > UNKNOWN:
            reason = f"{name} does not know {unknown:.0%} of the list's words"
            found.append(Line(f"attributes@{name}", "images", "down", "values that pictures show", reason=reason))
            continue
        read = {a: {v: judge.model.embed_texts(said) for v, said in named.items()} for a, named in phrases.items()}
        seen = [pictures, *(one.embeddings[name].pictures if one else None for one in (people, others))]
        found += _shares(values, "images", f"@{name}", [_shown(values, read, one) for one in seen], seed)
    return found


def _said(values: Sequence[Sequence[str]], looked: Looked | None) -> np.ndarray | None:
    """Return which captions have one of the words of each value, (n, values)."""
    if looked is None or not looked.captions:
        return None
    texts = [_spaced(text) for text in looked.captions.values()]
    sought = [[_spaced(word) for word in said] for said in values]
    return np.array([[any(word in text for word in said) for said in sought] for text in texts])


def _spaced(text: str) -> str:
    return f" {' '.join(words(text.replace('-', ' ')))} "


def _shown(
    values: Sequence[tuple[str, str]], read: Mapping[str, dict[str, np.ndarray]], pictures: np.ndarray | None
) -> np.ndarray | None:
    """Return which pictures a judge reads which value off, (n, values)."""
    if pictures is None or not len(pictures):
        return None
    readings = {attribute: np.array(zero_shot(pictures, phrases)) for attribute, phrases in read.items()}
    return np.stack([readings[attribute] == value for attribute, value in values], axis=1)


def _shares(
    values: Sequence[tuple[str, str]],
    part: str,
    judge: str,
    has: Sequence[np.ndarray | None],
    seed: int,
) -> list[Line]:
    mine, real, others = has
    if mine is None:
        return []
    n = len(mine) if real is None else min(len(mine), len(real))
    asked = real if others is None else others
    there = None if asked is None else asked[:n]
    found = []
    for i, (attribute, value) in enumerate(values):
        name, about = f"{attribute}_{value}{judge}", f"share that {'says' if part == 'text' else 'shows'} {value}"
        if there is not None and there[:, i].sum() < TAIL_ITEMS:
            reason = f"{int(there[:, i].sum())} of {len(there)} real items; at least {TAIL_ITEMS} are needed"
            found.append(Line(name, part, "down", about, reason=reason))
            continue
        own, theirs = _share(mine[:, i]), None if real is None else _share(real[:, i])
        found.append(line(name, part, "down", about, own, theirs, n, seed, bounds=(0.0, 1.0), independent=True))
    return found


def _share(has: np.ndarray) -> Measure:
    return lambda rows: float(has[rows].mean())
