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
from pathlib import Path
from tempfile import TemporaryDirectory

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
        aside: Folder of pictures that lie in compressed files, gone with the sample.
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
    aside: TemporaryDirectory[str] | None = None

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
    kept = _Kept(most)
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
        kept.offer(_number(seed, one.id), one)
    return Sample(
        n, kept.items, copies if seen else None, found.told, seen, pairs, whole.hexdigest()[:16], found.counts,
        found.problems, kept.aside,
    )  # fmt: skip


class _Kept:
    """The items of the smallest numbers; pictures that cannot be read again where they lie, in files of their own."""

    def __init__(self, most: int) -> None:
        self.most, self._offered = most, 0
        self.aside: TemporaryDirectory[str] | None = None
        self._heap: list[tuple[int, str, Item, Path | None]] = []

    def offer(self, number: int, one: Item) -> None:
        """Keep an item, if its number is small enough."""
        if len(self._heap) >= self.most and -number <= self._heap[0][0]:
            return
        one, file = self._moved(one)
        heapq.heappush(self._heap, (-number, one.id, one, file))
        if len(self._heap) > self.most and (gone := heapq.heappop(self._heap)[3]) is not None:
            gone.unlink()

    def _moved(self, one: Item) -> tuple[Item, Path | None]:
        self._offered += 1
        if one.picture is None or one.picture.lasting:
            return one, None
        if self.aside is None:
            self.aside = TemporaryDirectory(prefix="measured-")
        file = Path(self.aside.name) / str(self._offered)
        try:
            return replace(one, picture=one.picture.moved(file)), file
        except BrokenImage:
            return one, None

    @property
    def items(self) -> list[Item]:
        """The items in the order of their numbers."""
        return [one for _, _, one, _ in sorted(self._heap, key=lambda entry: (-entry[0], entry[1]))]


def _content(picture: Picture) -> str | None:
    try:
        return hashlib.sha256(picture.bytes()).hexdigest()
    except BrokenImage:
        return None


def _number(seed: int, name: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}/{name}".encode("utf-8", "surrogatepass")).digest()[:8], "big")
