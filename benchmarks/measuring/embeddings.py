"""What a judge sees of a set: pictures as they pass by, a batch of them in memory, and one caption an item."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

HELD = 64 * 2**20  # bytes of pictures that wait for others of their size
UNKNOWN = 0.05  # share of a set's words that a judge may not know and is asked for captions all the same


@dataclass(frozen=True, eq=False)
class Embeddings:
    """What one judge sees of a sample.

    Attributes:
        pictures: (n, d) float64, in the order of the items, those that can be read; None: no pictures, or not its kind.
        numbers: (n,) the items that they belong to.
        captions: (m, d) float64, one caption of each item that has any; None: no captions, or not its kind.
        told: (m,) the items that they belong to.
        unknown: Share of the captions' words that the judge does not know.
    """

    pictures: np.ndarray | None = None
    numbers: np.ndarray | None = None
    captions: np.ndarray | None = None
    told: np.ndarray | None = None
    unknown: float = 0.0

    def first(self, count: int) -> Embeddings:
        """Return what belongs to the first so many items."""
        pictures, numbers = _first(self.pictures, self.numbers, count)
        captions, told = _first(self.captions, self.told, count)
        return Embeddings(pictures, numbers, captions, told, self.unknown)

    def pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the pictures and the captions of items that have both, (k, d) each."""
        if self.pictures is None or self.captions is None or self.numbers is None or self.told is None:
            return np.zeros((0, 1)), np.zeros((0, 1))
        _, first, second = np.intersect1d(self.numbers, self.told, return_indices=True)
        return self.pictures[first], self.captions[second]


def _first(
    features: np.ndarray | None, numbers: np.ndarray | None, count: int
) -> tuple[np.ndarray | None, np.ndarray | None]:
    if features is None or numbers is None:
        return None, None
    return features[numbers < count], numbers[numbers < count]


class Watcher:
    """Embeds pictures that somebody else looks at one by one: those of one size are embedded together.

    Args:
        judge: Has `embed_images`.
    """

    def __init__(self, judge: Any) -> None:
        self._judge = judge
        self._waiting: dict[tuple[int, ...], list[tuple[int, np.ndarray]]] = {}
        self._bytes = 0
        self._numbers: list[int] = []
        self._features: list[np.ndarray] = []

    def watch(self, pictures: Iterable[tuple[int, np.ndarray]]) -> Iterator[tuple[int, np.ndarray]]:
        """Yield numbered pictures as they come."""
        for number, pixels in pictures:
            self._waiting.setdefault(pixels.shape, []).append((number, pixels))
            self._bytes += pixels.nbytes
            if self._bytes > HELD:
                self._embed()
            yield number, pixels
        self._embed()

    def found(self) -> tuple[np.ndarray, np.ndarray]:
        """Return features (n, d) float64 and the (n,) numbers of their pictures, in rising order."""
        numbers = np.array(self._numbers, dtype=np.int64)
        if not len(numbers):
            return np.zeros((0, 1)), numbers
        order = np.argsort(numbers)
        return np.concatenate(self._features)[order].astype(np.float64), numbers[order]

    def _embed(self) -> None:
        for same in self._waiting.values():
            self._numbers += [number for number, _ in same]
            self._features.append(self._judge.embed_images(np.stack([pixels for _, pixels in same])))
        self._waiting.clear()
        self._bytes = 0


def unknown_words(judge: Any, captions: Sequence[str]) -> float:
    """Return the share of tokens that a judge's tokenizer has no word for; 0 where it can spell everything."""
    tokenizer = judge.tokenizer
    if tokenizer.unk_token_id is None:
        return 0.0
    ids = [i for text in tokenizer(list(captions), add_special_tokens=False, verbose=False)["input_ids"] for i in text]
    return sum(i == tokenizer.unk_token_id for i in ids) / max(len(ids), 1)
