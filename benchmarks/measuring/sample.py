"""What is taken of a set to be measured: one pass over all of it, which counts, and a sample of fixed size.

The sample is of the items whose names, hashed with the seed, come first: the same whatever order they lie in, and no
more of the set is in memory than that.
"""

from __future__ import annotations

import hashlib
import heapq
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

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
        content: The bytes of all of its pictures, as digests; None where it has none.
        pairs: Items that have both a caption and a picture with bytes, broken or not.
        digest: 16 hex digits of all that the set holds: names, captions and pictures.
        counts: What is wrong with the set, by kind.
        examples: Of each kind.
        told: What the set was read as.
    """

    n: int
    items: list[Item]
    copies: int | None
    told: str
    content: Seen | None = None
    pairs: int = 0
    digest: str = ""
    counts: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def captions(self, seed: int = 0) -> dict[int, str]:
        """Return one caption of each item that has any, by the number of the item: of several, one by its name."""
        return {
            i: one.captions[_number(seed, one.id) % len(one.captions)]
            for i, one in enumerate(self.items)
            if one.captions
        }

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
        return tuple(replace(self, items=self.items[start::2]) for start in (0, 1))  # type: ignore[return-value]


def take(found: OpenSet, most: int = MOST, seed: int = 0) -> Sample:
    """Read a set once and return a sample of at most so many items.

    Raises:
        UsageError: As `OpenSet.items`.
    """
    kept: list[tuple[int, str, Item]] = []
    n = copies = pairs = 0
    seen = Seen() if found.has_pictures else None
    whole = hashlib.sha256()
    for one in found.items():
        n += 1
        content = None if one.picture is None else _content(one.picture)
        if seen is not None and content is not None:
            copies += not seen.add(content)
            pairs += bool(one.captions)
        whole.update(json.dumps([one.id, one.captions, content]).encode())
        entry = (-_number(seed, one.id), one.id, one)
        if len(kept) < most:
            heapq.heappush(kept, entry)
        elif entry[0] > kept[0][0]:
            heapq.heapreplace(kept, entry)
    items = [one for _, _, one in sorted(kept, key=lambda entry: (-entry[0], entry[1]))]
    return Sample(
        n, items, copies if seen else None, found.told, seen, pairs, whole.hexdigest()[:16], found.counts,
        found.problems,
    )  # fmt: skip


def _content(picture: Picture) -> str | None:
    try:
        return hashlib.sha256(picture.bytes()).hexdigest()
    except BrokenImage:
        return None


def _number(seed: int, name: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}/{name}".encode()).digest()[:8], "big")
