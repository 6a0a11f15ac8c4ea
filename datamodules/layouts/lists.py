"""Lists that name pictures and captions, and lists of captions alone; all of `LISTS` and plain text."""

from __future__ import annotations

import os
import posixpath
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from datamodules.ids import identifier
from datamodules.layouts.beside import file_at
from datamodules.layouts.columns import Chosen, choose
from datamodules.layouts.items import Entry, Tally
from datamodules.layouts.on_disk import PICTURES, Files, Grouped, ending_of
from datamodules.layouts.rows import captions_of, placed
from datamodules.layouts.tables import fields, lines, require_text, rows, whole
from datamodules.places import located
from datamodules.reading import cleaned, several, shown
from records.errors import UsageError


class TableOfPictures:
    """Rows that name a picture and its captions; rows of one picture are one item.

    A path starts from the folder of its list, or from the root. An id is that of a column, or the path.

    Args:
        root: The folder.
        paths: Of the lists below it, in order.
        columns: `image`, `caption`, `id`.
        files: Below the root, of which those that no list names are counted; None = they are not looked at.

    Raises:
        UsageError: A list cannot be read, or names no picture.
    """

    name: ClassVar[str] = "table"

    def __init__(
        self, root: Path, paths: Sequence[str], columns: Mapping[str, str], files: Files | None = None
    ) -> None:
        self.root, self.paths, self.files = root, list(paths), files
        self.chosen = self._choose(fields(root, self.paths[0]), columns)
        if self.chosen.image is None:
            names = fields(root, self.paths[0])
            raise UsageError(
                f"{root / self.paths[0]}: found columns {several(names)}, none of paths of pictures; allowed: "
                "--column image=NAME, or --layout captions"
            )
        self.has_pictures, self.has_captions = True, bool(self.chosen.captions)
        self.repeats = self.chosen.id is not None
        self.told = f"{self.chosen.said}, by {several(self.paths, 40)}"

    def _choose(self, names: Sequence[str], columns: Mapping[str, str]) -> Chosen:
        return choose(names, columns, str(self.root / self.paths[0]))

    def entries(self, tally: Tally) -> Iterator[Entry]:
        """Yield the pictures in the order in which the lists first name them."""
        grouped = Grouped()
        for path in self.paths:
            for where, row in rows(self.root, path, tally):
                self._add(grouped, path, where, row, tally)
        for name, label, texts in grouped:
            there = not name.startswith("\0") and os.path.isfile(located(self.root, name))
            one = label or name.lstrip("\0")
            yield Entry(one, tuple(texts), name if there else None)
        if self.files is not None:
            for path in self.files.paths(*PICTURES):
                if unicodedata.normalize("NFC", path) not in grouped:
                    tally.add("in no list", path)

    def _add(self, grouped: Grouped, path: str, where: str, row: Mapping[str, Any], tally: Tally) -> None:
        image = row.get(self.chosen.image or "")
        try:
            name = placed(self.root, image, posixpath.dirname(path))
        except ValueError:
            name = f"\0{where}"  # of no file: an item without a picture
            if image not in (None, ""):
                tally.add("picture elsewhere", f"{where}: {shown(image, 100)}")
        texts, _ = captions_of(where, row, self.chosen.captions, tally)
        label = ""
        if self.chosen.id is not None:
            try:
                label = identifier(row.get(self.chosen.id), where)
            except ValueError as error:
                tally.add("no id", str(error))
        if not grouped.add(name, [text for raw in texts if (text := cleaned(raw))], label):
            tally.add("duplicate id", f"{where}: {label or name}")

    def read(self, place: str) -> bytes:
        """Return the bytes of a file."""
        return file_at(self.root, place)


class ImageFolder(TableOfPictures):
    """What `datasets` calls `imagefolder`: lists named `metadata`, with paths in `file_name`.

    See `TableOfPictures` for the arguments.
    """

    name: ClassVar[str] = "imagefolder"

    def _choose(self, names: Sequence[str], columns: Mapping[str, str]) -> Chosen:
        chosen = choose(names, {"image": "file_name", **columns}, str(self.root / self.paths[0]))
        return chosen if "id" in columns else Chosen(chosen.image, chosen.captions, None)


class Captions:
    """Captions without pictures: a text of one a line, or a list with a column of them.

    An id is that of a column, whose rows belong together, or file and line.

    Args:
        root: The folder.
        paths: Of the texts or lists below it, in order; of one kind.
        columns: `caption`, `id`.

    Raises:
        UsageError: A list cannot be read, or has no captions.
    """

    name: ClassVar[str] = "captions"

    def __init__(self, root: Path, paths: Sequence[str], columns: Mapping[str, str]) -> None:
        self.root, self.paths = root, list(paths)
        self.has_pictures, self.has_captions, self.repeats = False, True, False
        self.chosen: Chosen | None = None
        if self._plain:
            for path in self.paths:
                require_text(root / path)
            self.told = f"captions without pictures, one a line of {several(self.paths, 40)}"
            return
        where, names = str(root / self.paths[0]), fields(root, self.paths[0])
        chosen = choose(names, {k: v for k, v in columns.items() if k != "image"}, where)
        if not chosen.captions:
            raise UsageError(
                f"{where}: found columns {several(names)}, none of captions; allowed: --column caption=NAME"
            )
        self.chosen = Chosen(None, chosen.captions, chosen.id)
        self.told = f"captions without pictures, {self.chosen.said}"

    @property
    def _plain(self) -> bool:
        return ending_of(self.paths[0]) == ".txt"

    def entries(self, tally: Tally) -> Iterator[Entry]:
        """Yield the captions in their order."""
        if self.chosen is None:
            yield from self._lines(tally)
        elif self.chosen.id is None:
            for where, row in self._rows(tally):
                texts, said = captions_of(where, row, self.chosen.captions, tally)
                yield Entry(where, texts, None, None, said)
        else:
            yield from self._grouped(self.chosen.id, self.chosen.captions, tally)

    def _lines(self, tally: Tally) -> Iterator[Entry]:
        for path in self.paths:
            for number, line in lines(self.root / path):
                if whole(line):
                    yield Entry(f"{path}#{number:09d}", (line,), None)
                else:
                    tally.add("unreadable line", f"{path}#{number:09d}: found {shown(line)}; allowed: UTF-8 text")

    def _rows(self, tally: Tally) -> Iterator[tuple[str, dict[str, Any]]]:
        for path in self.paths:
            yield from rows(self.root, path, tally)

    def _grouped(self, one: str, captions: Sequence[str], tally: Tally) -> Iterator[Entry]:
        grouped = Grouped()
        for where, row in self._rows(tally):
            try:
                name = identifier(row.get(one), where)
            except ValueError as error:
                tally.add("no id", str(error))
                name = where
            texts, _ = captions_of(where, row, captions, tally)
            if not grouped.add(name, [text for raw in texts if (text := cleaned(raw))]):
                tally.add("duplicate id", f"{where}: {name}")
        for name, _, texts in grouped:
            yield Entry(name, texts, None)

    def read(self, place: str) -> bytes:
        """There is nothing to read."""
        raise FileNotFoundError(place)
