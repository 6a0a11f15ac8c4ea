"""What a set yields, whatever layout it lies in: items, and a count of what is wrong with others."""

from __future__ import annotations

import builtins
import io
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

import numpy as np

from datamodules import pictures
from datamodules.pictures import MAX_PIXELS, BrokenImage
from datamodules.reading import printable, shown

#: Examples kept of each kind of problem.
MOST = 20
#: What is counted of a picture that was asked for and cannot be used, by its defect.
BROKEN = {
    "missing_file": "no picture",
    "unreadable_file": "unreadable file",
    "broken_image": "broken",
    "huge_image": "huge picture",
    "unsupported_mode": "unsupported mode",
}


class Tally:
    """What is wrong with a set: how often, and the first examples of each kind; it does not grow with the set."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.examples: dict[str, list[str]] = {}

    def add(self, kind: str, example: str, count: int = 1) -> None:
        """Count one problem, or `count` of a kind that have one example."""
        self.counts[kind] += count
        kept = self.examples.setdefault(kind, [])
        if len(kept) < MOST:
            kept.append(printable(example)[:200])

    def clear(self) -> None:
        """Forget everything."""
        self.counts.clear()
        self.examples.clear()

    def take(self, other: Tally) -> None:
        """Add what another one counted."""
        for kind, examples in other.examples.items():
            self.counts[kind] += other.counts[kind]
            self.examples.setdefault(kind, []).extend(examples)


class Picture:
    """One picture of a set; nothing is read before it is asked for.

    It may be asked for later and in any order; in the order of places it is much faster, since rows are read in groups.

    Attributes:
        id: Of its item.
        place: Where its bytes lie: a file, or `FILE#WHERE` in one.
        lasting: Whether `OpenSet.read` finds it by its place; not so in a compressed archive.
    """

    def __init__(self, one: str, place: str, read: Callable[[], bytes], tally: Tally, lasting: bool = True) -> None:
        self.id, self.place, self.lasting = one, place, lasting
        self._read, self._tally, self._counted = read, tally, False

    def bytes(self) -> builtins.bytes:
        """Return the encoded file as it lies there.

        Raises:
            BrokenImage: There is no such file, or it cannot be read; counted in the problems of its set.
        """
        try:
            return self._read()
        except (OSError, ValueError) as error:
            raise self._named(pictures.unopened(error)) from error

    def pixels(self, max_pixels: int = MAX_PIXELS) -> np.ndarray:
        """Return (H, W, 3) uint8: upright RGB, as every data set of this project decodes pictures.

        Raises:
            BrokenImage: It cannot be used, by one of the defects in `datamodules.pictures.UNUSABLE`; counted in the
                problems of its set, once.
        """
        content = self.bytes()
        try:
            with pictures.header(io.BytesIO(content), max_pixels) as picture:
                return np.asarray(pictures.upright(picture))
        except BrokenImage as error:
            raise self._named(error) from error

    def moved(self, file: Path) -> Picture:
        """Return the same picture, whose bytes lie in a file from now on; errors are those of `bytes`."""
        file.write_bytes(self.bytes())
        return Picture(self.id, self.place, file.read_bytes, self._tally, self.lasting)

    def _named(self, error: BrokenImage) -> BrokenImage:
        if not self._counted:
            self._tally.add(BROKEN[error.defect], f"{self.id}: {error}")
            self._counted = True
        error.args = (f"{printable(self.place)[-120:]}: picture of {shown(self.id, 80)}: {error}",)
        return error


@dataclass(frozen=True)
class Item:
    """One picture with what is said of it.

    Attributes:
        id: Unique in its set.
        captions: As they are used: in composed form (NFC), without white space around, none empty, in their order.
        picture: None in a set of captions alone, and where the picture is not there.
    """

    id: str
    captions: tuple[str, ...]
    picture: Picture | None


@dataclass(frozen=True)
class Entry:
    """What a layout yields: an item before its captions are cleaned and its id is compared with others.

    Attributes:
        id: As the layout has it.
        texts: Captions as they stand there.
        place: Of the picture, for `Layout.read`; None where there is none.
        held: Bytes of a picture that cannot be found again by its place, as in a compressed archive.
        said: Whether a problem that explains missing captions was counted already.
    """

    id: str
    texts: tuple[str, ...]
    place: str | None
    held: bytes | None = None
    said: bool = False


class Layout(Protocol):
    """One way in which a set lies on a disk.

    Attributes:
        name: As `--layout` takes it.
        told: What it was taken for and what captions, pictures and ids are, as the second half of a sentence.
        has_captions: Whether an item without captions is a problem.
        has_pictures: Whether an item without a picture is a problem.
        repeats: Whether an id can stand twice, so that ids have to be compared.
    """

    name: ClassVar[str]
    told: str
    has_captions: bool
    has_pictures: bool
    repeats: bool

    def entries(self, tally: Tally) -> Iterator[Entry]:
        """Yield what lies there, in an order that is always the same; what cannot be read is counted."""

    def read(self, place: str) -> bytes:
        """Return the bytes of a picture; an OSError or ValueError where they cannot be read."""
