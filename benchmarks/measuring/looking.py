"""Everything that is looked at in a sample, in one pass over its pictures: by eye, and by judges."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.measuring.embeddings import UNKNOWN, Embeddings, Watcher, unknown_words
from benchmarks.measuring.judges import FoundJudge
from benchmarks.measuring.pictures import Looks
from benchmarks.measuring.sample import Sample


@dataclass(frozen=True)
class Judge:
    """A judge that is loaded.

    Attributes:
        found: Its name and where it lies.
        model: Has `embed_images`, `embed_texts` or both.
    """

    found: FoundJudge
    model: Any


def load_judges(found: Sequence[FoundJudge]) -> list[Judge]:
    """Load judges.

    Raises:
        UsageError: The weights of one cannot be read.
    """
    return [Judge(one, one.load()) for one in found]


@dataclass(frozen=True, eq=False)
class Looked:
    """What was seen of a sample.

    Attributes:
        items: How many there are.
        captions: One of each item that has any, by the number of the item.
        looks: Its pictures; None where the set has none.
        embeddings: By judge.
    """

    items: int
    captions: Mapping[int, str]
    looks: Looks | None
    embeddings: Mapping[str, Embeddings]

    def first(self, count: int) -> Looked:
        """Return what was seen of the first so many items."""
        return Looked(
            min(count, self.items),
            {number: text for number, text in self.captions.items() if number < count},
            None if self.looks is None else self.looks.first(count),
            {name: seen.first(count) for name, seen in self.embeddings.items()},
        )


def look(sample: Sample, judges: Sequence[Judge] = (), seed: int = 0) -> Looked:
    """Look at every picture of a sample once, and at one caption an item."""
    captions = sample.captions(seed)
    looks, watchers = None, dict[str, Watcher]()
    if sample.copies is not None:
        pictures: Iterable[tuple[int, np.ndarray]] = sample.pixels()
        for judge in judges:
            if "images" in judge.found.embeds:
                watchers[judge.found.name] = watcher = Watcher(judge.model)
                pictures = watcher.watch(pictures)
        looks = Looks(pictures)
    found = {}
    for judge in judges:
        shown, numbers = watchers[judge.found.name].found() if judge.found.name in watchers else (None, None)
        said, told, unknown = _read(judge, captions)
        found[judge.found.name] = Embeddings(shown, numbers, said, told, unknown)
    return Looked(len(sample.items), captions, looks, found)


def _read(judge: Judge, captions: Mapping[int, str]) -> tuple[np.ndarray | None, np.ndarray | None, float]:
    if "captions" not in judge.found.embeds or not captions:
        return None, None, 0.0
    texts = list(captions.values())
    unknown = unknown_words(judge.model, texts)
    if unknown > UNKNOWN:
        return None, None, unknown
    return judge.model.embed_texts(texts).astype(np.float64), np.array(list(captions)), unknown
