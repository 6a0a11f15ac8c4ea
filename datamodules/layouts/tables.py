"""Lists as text, CSV or JSON lines, row by row: a line that cannot be read is counted, the others stay."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any

from datamodules.layouts.arrow import Table
from datamodules.layouts.items import Tally
from datamodules.layouts.on_disk import ending_of
from datamodules.layouts.texts import Unreadable, decoded
from datamodules.reading import json_of, opened, shown
from records.errors import UsageError

LINES = (".jsonl", ".ndjson")
CELLS = (".csv", ".tsv")
PARQUET = (".parquet", ".pq")
LISTS = (*LINES, *CELLS, *PARQUET)
#: Rows that are looked at for the names of fields.
_LOOKED_AT = 100
_DELIMITERS = (",", "\t", ";", "|")


def fields(root: Path, path: str) -> list[str]:
    """Return the names of the columns of a list, of JSON lines those in the first hundred.

    Raises:
        UsageError: It cannot be read, or has no column.
    """
    file, ending = root / path, ending_of(path)
    if ending in PARQUET:
        return Table(root, path).names
    require_text(file)
    if ending in CELLS:
        with _text(file, newline="") as stream:
            try:
                found = next(csv.reader(stream, delimiter=_delimiter(file), strict=True), [])
            except csv.Error as error:
                raise UsageError(f"{file}: line 1: {error}; allowed: a line with the names of columns") from error
        if len(set(found)) < len(found):
            twice = next(name for name in found if found.count(name) > 1)
            raise UsageError(f"{file}: line 1: found column {shown(twice)} twice; allowed: each once")
    else:
        found = list(dict.fromkeys(n for _, row in islice(rows(root, path, Tally()), _LOOKED_AT) for n in row))
    if not found:
        raise UsageError(f"{file}: found no row; allowed: CSV with names of columns, or a JSON object a line")
    return found


def rows(root: Path, path: str, tally: Tally) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield where each row stands (`FILE#ROW`) and its cells; lines that cannot be read are counted."""
    file, ending = root / path, ending_of(path)
    if ending in PARQUET:
        table = Table(root, path)
        for numbers, cells, _ in table.batches(table.names, None, tally):
            for i, row in enumerate(numbers):
                yield f"{path}#{row:09d}", {name: column[i] for name, column in cells.items()}
    elif ending in CELLS:
        yield from _cells(file, path, tally)
    else:
        for number, line in lines(file):
            where = f"{path}#{number:09d}"
            try:
                row = json_of(line, where, "a JSON object a line")
                if not isinstance(row, dict):
                    raise ValueError(f"{where}: found {shown(row)}; allowed: a JSON object a line")
                _require_whole(line)
            except ValueError as error:
                tally.add("unreadable line", str(error))
                continue
            yield where, row


def lines(file: Path) -> Iterator[tuple[int, str]]:
    """Yield number and text of each line that is not blank; bytes that are no UTF-8 are halves of characters in it.

    Only line feeds and carriage returns end a line.
    """
    with _text(file, newline=None) as stream:
        for number, line in enumerate(stream, 1):
            text = line.removeprefix("\ufeff").rstrip("\n")
            if text.strip():
                yield number, text


def require_text(file: Path) -> None:
    """Refuse a list that cannot be opened, and one that begins as UTF-16 or compressed."""
    try:
        with opened(file) as stream:
            start = stream.read(4)
    except OSError as error:
        raise UsageError(f"{file}: cannot be read ({error.strerror}); allowed: a file of UTF-8 text") from error
    try:
        decoded(start[:2] if start[:2] in (b"\xff\xfe", b"\xfe\xff", b"\x1f\x8b") else b"")
    except Unreadable as error:
        raise UsageError(f"{file}: line 1: {error}; allowed: UTF-8 text") from error


def whole(text: str) -> bool:
    """Whether every byte of a line was UTF-8."""
    return text.isascii() or not any("\udc80" <= c <= "\udcff" for c in text)


def _require_whole(line: str) -> None:
    if not whole(line):
        raise ValueError(f"found {shown(line)}; allowed: UTF-8 text")


def _text(file: Path, newline: str | None) -> IO[str]:
    opened(file).close()  # a pipe would never end
    return file.open(encoding="utf-8-sig", errors="surrogateescape", newline=newline)


def _delimiter(file: Path) -> str:
    """Return what parts the names of columns: what stands between most of them, a comma where nothing does."""
    if ending_of(file.name) == ".tsv":
        return "\t"
    with _text(file, newline=None) as stream:
        first = stream.readline()
    return max(_DELIMITERS, key=first.count)


class _Rows:
    """Cells of each row of a CSV file. A quote that is open at the end of its line may close in a later one.

    Where it does not, or what follows is no row, that line alone cannot be read: the next one begins anew. In a file
    with tabs it is a character as any other, as few such files quote; what is quoted there goes over no tab.
    """

    def __init__(self, stream: IO[str], delimiter: str) -> None:
        self._lines, self._again = iter(stream), deque[str]()
        self._row: list[str] = []
        self._delimiter, self.number = delimiter, 0

    def _next(self) -> Iterator[str]:
        while True:
            line = self._again.popleft() if self._again else next(self._lines, None)
            if line is None:
                return
            self._row.append(line)
            self.number += 1
            yield line

    def row(self) -> list[str] | None:
        """Return the cells of the next row; None where there is none.

        Raises:
            csv.Error: The next line is none, and was passed over.
        """
        self._row.clear()
        try:
            found = next(csv.reader(self._next(), delimiter=self._delimiter, strict=True), None)
            if self._delimiter == "\t" and any("\t" in line for line in self._row[1:]):
                raise csv.Error("a quote that is not closed")
            return found
        except csv.Error:
            first = self._row[0]
            self._again.extendleft(reversed(self._row[1:]))
            self.number -= len(self._row) - 1
            if self._delimiter == "\t":
                return first.rstrip("\r\n").split("\t")
            raise


def _cells(file: Path, path: str, tally: Tally) -> Iterator[tuple[str, dict[str, Any]]]:
    with _text(file, newline="") as stream:
        reader = _Rows(stream, _delimiter(file))
        try:
            names = reader.row() or []
        except csv.Error as error:
            tally.add("unreadable file", f"{path}: line 1: {error}")
            return
        while True:
            where = f"{path}#{reader.number + 1:09d}"
            try:
                row = reader.row()
            except csv.Error as error:
                tally.add("unreadable line", f"{where}: {error}")
                continue
            if row is None:
                return
            if not any(cell.strip() for cell in row):
                continue
            if len(row) != len(names):
                tally.add("unreadable line", f"{where}: found {len(row)} cells; allowed: {len(names)}")
            elif not all(map(whole, row)):
                tally.add("unreadable line", f"{where}: found {shown(row)}; allowed: UTF-8 text")
            else:
                yield where, dict(zip(names, row, strict=True))
