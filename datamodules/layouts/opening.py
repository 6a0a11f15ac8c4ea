"""Open a set of pictures and captions as it lies on the disk: find its layout, or take the one that is told."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from datamodules.layouts.beside import Images, Kohya
from datamodules.layouts.columns import require_keys
from datamodules.layouts.finding import LAYOUTS, Found, chosen, look
from datamodules.layouts.img2dataset import Img2Dataset
from datamodules.layouts.items import Entry, Item, Layout, Picture, Tally
from datamodules.layouts.lists import Captions, ImageFolder, TableOfPictures
from datamodules.layouts.on_disk import Seen
from datamodules.layouts.rows import OwnPairs, Rows, SaveToDisk
from datamodules.layouts.webdataset import WebDataset
from datamodules.reading import cleaned, shown
from records.errors import UsageError

#: What reads each of `LAYOUTS`.
READERS: dict[str, Callable[[Found, Mapping[str, str]], Layout]] = {
    "webdataset": lambda found, columns: WebDataset(found.root, found.shards, columns),
    "img2dataset": lambda found, columns: Img2Dataset(found.root, found.parquet, found.files, columns),
    "kohya": lambda found, columns: Kohya(found.files, columns),
    "imagefolder": lambda found, columns: ImageFolder(found.root, found.metadata, columns, found.files),
    "save_to_disk": lambda found, columns: SaveToDisk(found.root, columns),
    "parquet": lambda found, columns: Rows(found.root, found.split(columns), columns),
    "table": lambda found, columns: TableOfPictures(found.root, found.lists(), columns, found.unlisted),
    "captions": lambda found, columns: Captions(found.root, found.texts(), columns),
    "images": lambda found, columns: Images(found.files),
    "pairs": lambda found, columns: OwnPairs(found.root, found.pairs, columns),
}


class OpenSet:
    """A set of pictures and captions.

    Attributes:
        path: As it was named.
        layout: One of `LAYOUTS`.
        told: What it was taken for, why, and how to say otherwise, in one sentence.
        has_pictures: False in a set of captions alone.
        has_captions: False in a set of pictures alone.
    """

    def __init__(self, path: Path, layout: Layout, why: str, walked: Tally) -> None:
        self.path, self.layout = path, layout.name
        self.has_pictures, self.has_captions = layout.has_pictures, layout.has_captions
        self.told = (
            f"{path}: read as {layout.name}, since {why}: {layout.told} "
            "(--layout NAME and --column KEY=NAME say otherwise)"
        )
        self._reader, self._walked, self._tally = layout, walked, Tally()

    def items(self) -> Iterator[Item]:
        """Yield the items in an order that is always the same; again from the start with every call.

        One item at a time is in memory. Of entries with one id the first stays. What is wrong is counted as it is met,
        in `problems` and `counts`, which begin anew with every call.

        Raises:
            UsageError: A file has other columns than the first one; there is no room for temporary files.
        """
        self._tally = tally = Tally()
        tally.take(self._walked)
        try:
            seen = Seen() if self._reader.repeats else None
            for entry in self._reader.entries(tally):
                if seen is not None and not seen.add(entry.id):
                    tally.add("duplicate id", entry.id)
                else:
                    yield self._item(entry, tally)
        except sqlite3.Error as error:
            raise UsageError(
                f"{tempfile.gettempdir()}: {error}; allowed: room for temporary files, or TMPDIR"
            ) from error

    def _item(self, entry: Entry, tally: Tally) -> Item:
        captions = tuple(text for raw in entry.texts if (text := cleaned(raw)))
        if not captions and self.has_captions and not entry.said:
            tally.add("no caption", entry.id)
        if entry.place is None:
            if self.has_pictures:
                tally.add("no picture", entry.id)
            return Item(entry.id, captions, None)
        read = partial(self._reader.read, entry.place) if entry.held is None else partial(bytes, entry.held)
        return Item(entry.id, captions, Picture(entry.id, entry.place, read, tally, entry.held is None))

    def read(self, place: str) -> bytes:
        """Return the bytes of the picture at a `Picture.place`; an OSError or ValueError where they cannot be read."""
        return self._reader.read(place)

    @property
    def problems(self) -> dict[str, list[str]]:
        """Return kind -> the first twenty examples of what the last call of `items` met, sorted by kind."""
        return {kind: list(self._tally.examples[kind]) for kind in sorted(self._tally.examples)}

    @property
    def counts(self) -> dict[str, int]:
        """Return kind -> how many of them the last call of `items` met, sorted by kind."""
        return {kind: self._tally.counts[kind] for kind in sorted(self._tally.counts)}


def open_set(path: Path, layout: str = "auto", columns: Mapping[str, str] | None = None) -> OpenSet:
    """Open a set of pictures and captions in any of `LAYOUTS`; headers and the first rows are read, no picture.

    Args:
        path: A folder; one file of a set; or names of shards with braces (`shards/{000..012}.tar`).
        layout: One of `LAYOUTS`, or `auto`: found by what lies there.
        columns: What `--column KEY=NAME` says, by `datamodules.layouts.columns.KEYS`.

    Raises:
        UsageError: There is nothing to read, it could be read in several ways, or what is told is not there. One
            sentence with what was found, what is allowed, and how to say otherwise.
    """
    path, columns = Path(path), columns or {}
    require_keys(columns, str(path))
    if layout != "auto" and layout not in LAYOUTS:
        raise UsageError(f"{path}: --layout: found {shown(layout)}; allowed: auto, {', '.join(LAYOUTS)}")
    try:
        found = look(path)
        name, why = chosen(found, columns) if layout == "auto" else (layout, "it was told")
        if layout != "auto":
            found.require(name)
        return OpenSet(path, READERS[name](found, columns), why, found.files.tally)
    except sqlite3.Error as error:
        raise UsageError(f"{tempfile.gettempdir()}: {error}; allowed: room for temporary files, or TMPDIR") from error
