"""What a pass over a set has to remember, in a temporary file: memory does not grow with the set.

SQLite keeps a database without a name in a file of its own, of which 16 MB are in memory, and removes it when it is
closed. Texts are kept as bytes, since names of files may be no UTF-8.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path, PurePosixPath

from datamodules.ids import hidden
from datamodules.layouts.items import Tally

#: How the names of pictures end.
PICTURES = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".jp2")
#: Of pictures and archives that nothing here reads.
UNREAD = (".heic", ".heif", ".jxl", ".svg", ".psd", ".dng", ".bz2", ".xz", ".zst", ".zip", ".7z", ".rar")
#: How the names of all other files that layouts read end.
OTHERS = (
    ".txt",
    ".caption",
    ".json",
    ".jsonl",
    ".ndjson",
    ".csv",
    ".tsv",
    ".parquet",
    ".pq",
    ".arrow",
    ".tar",
    ".tgz",
    ".gz",
)


def _database(*tables: str) -> sqlite3.Connection:
    # Whoever decodes in threads may ask from any of them; generators are asked by one at a time.
    base = sqlite3.connect("", isolation_level=None, check_same_thread=False)
    for line in ("PRAGMA cache_size=-16384", "PRAGMA journal_mode=OFF", "PRAGMA synchronous=OFF", *tables, "BEGIN"):
        base.execute(line)
    return base


class Seen:
    """A set of texts, of which digests are kept."""

    def __init__(self) -> None:
        self._base = _database("CREATE TABLE seen (one BLOB PRIMARY KEY) WITHOUT ROWID")

    def add(self, text: str) -> bool:
        """Return whether a text is met for the first time."""
        one = hashlib.blake2b(_packed(text), digest_size=16).digest()
        return self._base.execute("INSERT OR IGNORE INTO seen VALUES (?)", (one,)).rowcount == 1

    def shared(self, other: Seen) -> int:
        """Return how many texts another set has, too."""
        ask = "SELECT count(*) FROM seen WHERE one = ?"
        mine = self._base.execute("SELECT one FROM seen")
        return sum(other._base.execute(ask, one).fetchone()[0] for one in mine)


class Keys:
    """A set of texts in their order, of which some are met later."""

    def __init__(self) -> None:
        self._base = _database("CREATE TABLE keys (name BLOB PRIMARY KEY, met INTEGER) WITHOUT ROWID")

    def add(self, name: str) -> None:
        """Add a text."""
        self._base.execute("INSERT OR IGNORE INTO keys VALUES (?, 0)", (_packed(name),))

    def meet(self, name: str) -> None:
        """Note that a text is met, if it is one of these."""
        self._base.execute("UPDATE keys SET met = 1 WHERE name = ?", (_packed(name),))

    def __contains__(self, name: str) -> bool:
        return self._base.execute("SELECT 1 FROM keys WHERE name = ?", (_packed(name),)).fetchone() is not None

    def unmet(self) -> Iterator[str]:
        """Yield those that were not met."""
        return (_text(row[0]) for row in self._base.execute("SELECT name FROM keys WHERE met = 0 ORDER BY name"))


class Grouped:
    """Captions by what they are said of, in the order in which either was first met."""

    def __init__(self) -> None:
        self._base = _database(
            "CREATE TABLE items (item INTEGER PRIMARY KEY, name BLOB UNIQUE, label BLOB)",
            "CREATE TABLE texts (item INTEGER, turn INTEGER, text BLOB, PRIMARY KEY (item, turn)) WITHOUT ROWID",
            "CREATE UNIQUE INDEX said ON texts (item, text)",
        )
        self._turn = 0

    def add(self, name: str, texts: Iterable[str], label: str = "") -> bool:
        """Add captions of a name, of which the first label stays; return whether name or one caption is new."""
        new = self._base.execute(
            "INSERT OR IGNORE INTO items (name, label) VALUES (?, ?)", (_packed(name), _packed(label))
        )
        fresh = new.rowcount == 1
        item = self._base.execute("SELECT item FROM items WHERE name = ?", (_packed(name),)).fetchone()[0]
        for text in texts:
            self._turn += 1
            put = self._base.execute("INSERT OR IGNORE INTO texts VALUES (?, ?, ?)", (item, self._turn, _packed(text)))
            fresh = put.rowcount == 1 or fresh
        return fresh

    def __contains__(self, name: str) -> bool:
        return self._base.execute("SELECT 1 FROM items WHERE name = ?", (_packed(name),)).fetchone() is not None

    def __iter__(self) -> Iterator[tuple[str, str, tuple[str, ...]]]:
        """Yield name, label and captions."""
        rows = self._base.execute(
            "SELECT items.item, name, label, text FROM items LEFT JOIN texts USING (item) ORDER BY items.item, turn"
        )
        for (_, name, label), same in groupby(rows, key=lambda row: row[:3]):
            yield _text(name), _text(label), tuple(_text(row[3]) for row in same if row[3] is not None)


class Files:
    """The files below a folder, by path without ending: those of one name are beside each other.

    Folders that are links are entered, each real one once. Hidden files and folders, and those in which programs keep
    copies, are passed over and counted.

    Args:
        root: The folder.
        named: The files, by their paths below it; None = all that lie there.

    Attributes:
        root: The folder.
        tally: What was passed over, and folders that cannot be read.
    """

    def __init__(self, root: Path, named: Iterable[str] | None = None) -> None:
        self.root, self.tally = root, Tally()
        self._base = _database(
            "CREATE TABLE files (stem BLOB, ending TEXT, path BLOB, PRIMARY KEY (stem, ending, path)) WITHOUT ROWID"
        )
        if named is not None:
            for path in named:
                self.add(path)
            return
        seen = {_place(parent) for parent in Path(os.path.realpath(root)).parents if parent.is_dir()}
        real, linked = [""], list[str]()
        while real or linked:
            linked.sort(reverse=True)  # of two links to one folder the same is entered on every machine
            within = real.pop() if real else linked.pop()
            try:
                if (place := _place(root / within)) not in seen:
                    seen.add(place)
                    self._enter(within, real, linked)
            except OSError as error:
                self.tally.add("unreadable folder", f"{root / within}: {error.strerror}")

    def _enter(self, within: str, real: list[str], linked: list[str]) -> None:
        with os.scandir(self.root / within) as entries:
            for entry in entries:  # not as a list: a folder may hold millions
                path = f"{within}/{entry.name}" if within else entry.name
                folder = _is_folder(entry)
                if hidden(entry.name):
                    if folder or ending_of(path) in (*PICTURES, *OTHERS):
                        self.tally.add("hidden", path)
                elif folder:
                    (linked if entry.is_symlink() else real).append(path)
                else:
                    self.add(path)

    def add(self, path: str) -> None:
        """Add a file by its path below the root."""
        ending = ending_of(path)
        if ending in UNREAD:
            self.tally.add("of a kind that is not read", path)
        stem = unicodedata.normalize("NFC", path[: len(path) - len(ending)])
        self._base.execute("INSERT INTO files VALUES (?, ?, ?)", (os.fsencode(stem), ending, os.fsencode(path)))

    def count(self) -> dict[str, int]:
        """Return ending -> number of files."""
        return dict(self._base.execute("SELECT ending, count(*) FROM files GROUP BY ending ORDER BY ending"))

    def paths(self, *endings: str) -> Iterator[str]:
        """Yield the paths of files with one of some endings, in order."""
        search = f"SELECT path FROM files WHERE ending IN ({_marks(endings)}) ORDER BY path"  # noqa: S608 (? marks alone)
        rows = self._base.execute(search, endings)
        return (os.fsdecode(row[0]) for row in rows)

    def beside(self, some: Iterable[str], others: Iterable[str]) -> int:
        """Return how many names have both a file with one of some endings and one with one of others."""
        some, others = tuple(some), tuple(others)
        pick = "SELECT stem FROM files WHERE ending IN ({})"
        both = f"{pick.format(_marks(some))} INTERSECT {pick.format(_marks(others))}"
        count = f"SELECT count(*) FROM ({both})"  # noqa: S608 (? marks alone)
        found: int = self._base.execute(count, some + others).fetchone()[0]
        return found

    def groups(self) -> Iterator[tuple[str, list[str]]]:
        """Yield each name in order, in composed form (NFC), and the paths of the files that have it."""
        rows = self._base.execute("SELECT stem, path FROM files ORDER BY stem, ending, path")
        for stem, same in groupby(rows, key=lambda row: row[0]):
            yield os.fsdecode(stem), [os.fsdecode(row[1]) for row in same]


def ending_of(path: str) -> str:
    """Return how the name of a file ends, with the dot and in small letters."""
    return PurePosixPath(path).suffix.lower()


def _place(folder: Path) -> tuple[int, int]:
    status = os.stat(folder)
    return status.st_dev, status.st_ino


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _marks(values: tuple[str, ...]) -> str:
    return ", ".join("?" * len(values))


def _packed(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _text(content: bytes) -> str:
    return content.decode("utf-8", "surrogatepass")
