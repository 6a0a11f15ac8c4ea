"""Pictures in files of their own, with or without a text of the same name: `1.jpg` beside `1.txt` or `1.caption`."""

from __future__ import annotations

import json
import os
import re
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from datamodules.layouts.items import Entry, Tally
from datamodules.layouts.on_disk import PICTURES, Files, ending_of
from datamodules.layouts.texts import LARGEST, Unreadable, beside
from datamodules.places import located
from datamodules.reading import opened, printable
from records.errors import UsageError

#: A folder of kohya's trainers: how often it is repeated in an epoch, and the class of what it shows.
_REPEATS = re.compile(r"[0-9]+_.+")
_SIDECARS = ("txt", "caption", "json")


class Kohya:
    """Pictures beside texts, as trainers of adapters read them (kohya-ss/sd-scripts and others).

    An id is the path of the picture; a text without a picture is an item without one. How often a folder is repeated
    (`10_dog`) is a matter of training: each picture counts once, and the name of its class is no caption.

    Args:
        files: Below the root.
        columns: `caption` is `txt`, `caption`, or a field of the .json as `json.NAME`.

    Raises:
        UsageError: Both .txt and .caption lie beside pictures, or what `columns` names is not there.
    """

    name: ClassVar[str] = "kohya"

    def __init__(self, files: Files, columns: Mapping[str, str]) -> None:
        self.files, self.root = files, files.root
        counts = {ending: files.beside(PICTURES, [f".{ending}"]) for ending in _SIDECARS}
        endings = [ending for ending, count in counts.items() if count]
        if "caption" not in columns and counts["txt"] and counts["caption"]:
            raise UsageError(
                f"{self.root}: found {counts['txt']} .txt and {counts['caption']} .caption beside pictures; "
                "allowed: one of them, as --column caption=txt or --column caption=caption"
            )
        self.captions = beside(endings, self._fields() if counts["json"] else [], columns, str(self.root))
        self.has_pictures = self.repeats = True
        self.has_captions = bool(self.captions.endings or self.captions.fields)
        repeated = sorted({part for path in _some(files) for part in path.split("/")[:-1] if _REPEATS.fullmatch(part)})
        times = f", each once ({printable(repeated[0])} and the like say repeats of training)" if repeated else ""
        self.told = f"pictures in files{times}, {self.captions.said}"

    def _fields(self) -> list[str]:
        """Return the names in the first .json beside a picture."""
        for _, paths in self.files.groups():
            by = {ending_of(path): path for path in paths}
            if ".json" in by and any(ending in by for ending in PICTURES):
                try:
                    row = json.loads(self._content(by[".json"]))
                except (OSError, ValueError, RecursionError):
                    continue
                if isinstance(row, dict):
                    return list(row)
        return []

    def entries(self, tally: Tally) -> Iterator[Entry]:
        """Yield the pictures, and the texts that have none, in the order of their names."""
        for stem, paths in self.files.groups():
            pictures = [path for path in paths if ending_of(path) in PICTURES]
            there = {ending_of(path)[1:]: path for path in reversed(paths)}
            if not pictures and not any(ending in there for ending in self.captions.endings):
                continue
            texts, said = self.captions.captions(stem, there, self._content, tally)
            for path in pictures:
                yield Entry(unicodedata.normalize("NFC", path), texts, path, None, said)
            if not pictures:
                yield Entry(stem, texts, None, None, said)

    def _content(self, path: str) -> bytes:
        file = self.root / path
        with opened(file) as stream:
            if os.fstat(stream.fileno()).st_size > LARGEST:
                raise Unreadable("unreadable caption", "too large for a text")
            return stream.read()

    def read(self, place: str) -> bytes:
        """Return the bytes of a file."""
        return file_at(self.root, place)


class Images:
    """Pictures alone. An id is the path; folders are no captions.

    Args:
        files: Below the root.
    """

    name: ClassVar[str] = "images"

    def __init__(self, files: Files) -> None:
        self.files, self.root = files, files.root
        self.has_pictures, self.has_captions, self.repeats = True, False, True
        self.told = "pictures in files, no captions"

    def entries(self, tally: Tally) -> Iterator[Entry]:
        """Yield the pictures in the order of their paths."""
        for path in self.files.paths(*PICTURES):
            yield Entry(unicodedata.normalize("NFC", path), (), path)

    def read(self, place: str) -> bytes:
        """Return the bytes of a file."""
        return file_at(self.root, place)


def file_at(root: Path, path: str) -> bytes:
    """Return the bytes of a file below the root."""
    with opened(located(root, path)) as file:
        return file.read()


def _some(files: Files) -> Iterator[str]:
    """Yield the paths of pictures; folders of repeats are in all of them or none, and the first thousand tell."""
    for number, path in enumerate(files.paths(*PICTURES)):
        if number == 1_000:
            return
        yield path
