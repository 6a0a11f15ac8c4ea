"""What is taken of a set to be measured: one pass over all of it, which counts, and a sample of fixed size.

The sample is of the items whose names, hashed with the seed, come first: the same whatever order they lie in, and no
more of the set is in memory than that.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from datamodules.layouts import BrokenImage, Item, OpenSet, Picture
from datamodules.layouts.on_disk import Seen

MOST = 2_000  # items that are measured


@dataclass
class Sample:
    """A part of a set.

    Attributes:
        n: Items in the set.
        items: Those that were taken, in the order of their hashes.
        copies: Pictures of the whole set whose bytes another one had before; None where it has no pictures.
        counts: What is wrong with the set, by kind.
        examples: Of each kind.
        told: What the set was read as.
    """

    n: int
    items: list[Item]
    copies: int | None
    told: str
    counts: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def captions(self, seed: int = 0) -> list[str]:
        """Return one caption of each item that has any: of several, one by the item's name."""
        return [one.captions[_number(seed, one.id) % len(one.captions)] for one in self.items if one.captions]

    def pixels(self) -> Iterator[tuple[int, np.ndarray]]:
        """Yield pictures (H, W, 3) uint8, each with the number of its item, in the order in which they lie on the disk.

        In the order of the items a table of pictures would be read again and again. Those that cannot be used are
        counted by the set.
        """
        there = [(one.picture.place, i, one.picture) for i, one in enumerate(self.items) if one.picture is not None]
        for _, number, picture in sorted(there, key=lambda found: found[:2]):
            try:
                yield number, picture.pixels()
            except BrokenImage:
                continue

    def halves(self) -> tuple[Sample, Sample]:
        """Return two parts that share no item."""
        return tuple(  # type: ignore[return-value]
            Sample(self.n, self.items[start::2], self.copies, self.told, self.counts, self.examples) for start in (0, 1)
        )

    def first(self, count: int) -> Sample:
        """Return at most so many of the items."""
        return Sample(self.n, self.items[:count], self.copies, self.told, self.counts, self.examples)


def take(found: OpenSet, most: int = MOST, seed: int = 0) -> Sample:
    """Read a set once and return a sample of at most so many items.

    Raises:
        UsageError: As `OpenSet.items`.
    """
    kept: list[tuple[int, str, Item]] = []
    n = copies = 0
    seen = Seen() if found.has_pictures else None
    for one in found.items():
        n += 1
        if seen is not None and one.picture is not None and (content := _content(one.picture)) is not None:
            copies += not seen.add(content)
        entry = (-_number(seed, one.id), one.id, one)
        if len(kept) < most:
            heapq.heappush(kept, entry)
        elif entry[0] > kept[0][0]:
            heapq.heapreplace(kept, entry)
    items = [one for _, _, one in sorted(kept, key=lambda entry: (-entry[0], entry[1]))]
    return Sample(n, items, copies if seen else None, found.told, found.counts, found.problems)


def _content(picture: Picture) -> str | None:
    try:
        return hashlib.sha256(picture.bytes()).hexdigest()
    except BrokenImage:
        return None


def _number(seed: int, name: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}/{name}".encode()).digest()[:8], "big")
