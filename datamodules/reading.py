"""Text and JSON as people bring them: what is wrong with a file is one sentence that names it and the line."""

from __future__ import annotations

import errno
import json
import os
import stat
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

#: Marks at the start of text that is not UTF-8, or of compressed text.
_MARKS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16", b"\x1f\x8b": "gzip", b"PK\x03\x04": "zip"}


def shown(value: Any, most: int = 40) -> str:
    """Return a found value as an error shows it: on one line, printable anywhere, long ones cut."""
    text = repr(value[: 2 * most] if isinstance(value, (str, bytes)) else value)
    return text if len(text) <= most else f"{text[: most - 3]}..."


def printable(text: object) -> str:
    """Return a text with what no terminal shows, or not every file can hold, written as escapes."""
    text = str(text)
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def few(names: Sequence[str]) -> str:
    """Return the first three names of many."""
    return ", ".join(printable(name)[:60] for name in names[:3])


def several(names: Iterable[object], most: int = 80) -> str:
    """Return the names that are allowed, as many as a sentence takes."""
    text = printable(", ".join(map(str, names)))
    return text if len(text) <= most else f"{text[: most - 3]}..."


def opened(file: Path) -> IO[bytes]:
    """Open a regular file; a pipe or device, which would never end, and a folder are an IsADirectoryError."""
    if not stat.S_ISREG(os.stat(file).st_mode):
        raise IsADirectoryError(errno.EISDIR, "no regular file", str(file))
    return file.open("rb")


def read_text(file: Path) -> str:
    """Return a file of UTF-8 text, with or without a byte order mark; what cannot be read is a ValueError."""
    try:
        with opened(file) as stream:
            content = stream.read()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise ValueError(f"{file}: cannot be read ({str(why)[:60]}); allowed: a file of UTF-8 text") from error
    for mark, what in _MARKS.items():
        if content.startswith(mark):
            raise ValueError(f"{file}: line 1: found {what}; allowed: UTF-8 text")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = content.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"{file}: line {number}: found byte 0x{content[error.start]:02x}, which is no UTF-8; allowed: UTF-8 text"
        ) from error


def lines(file: Path) -> Iterator[tuple[str, str]]:
    """Yield where each line stands that is not blank, and the line.

    Only line feeds and carriage returns end a line: U+2028, U+0085 and form feeds may stand in JSON and in captions.
    """
    for number, line in enumerate(read_text(file).replace("\r\n", "\n").replace("\r", "\n").split("\n"), 1):
        line = line.removeprefix("\ufeff")  # files that were put together keep their marks
        if line.strip():
            yield f"{file}: line {number}", line


def json_of(text: str, where: str, allowed: str) -> Any:
    """Parse JSON; text that is none, or names a key twice, is a ValueError."""
    try:
        return json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        found = f"{shown(text)} ({' '.join(str(error).split())[:60]})"
        raise ValueError(f"{where}: found no JSON object in {found}; allowed: {allowed}") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"key {shown(next(n for n in names if names.count(n) > 1))} stands twice")
    return made


def rows_of(file: Path, *keys: str) -> list[list[tuple[str, dict[str, Any]]]]:
    """Return the lists of objects under some keys of a JSON file, each object after where it stands."""
    whole = json_of(read_text(file), str(file), "a JSON object, as published")
    found = []
    for key in keys:
        if not isinstance(whole, dict) or not isinstance(whole.get(key), list):
            held = f"keys {several(map(shown, whole), 60)}" if isinstance(whole, dict) else type(whole).__name__
            raise ValueError(f"{file}: found no JSON object with a list {key!r} ({held}); allowed: as published")
        rows = [(f"{file}: {key}: row {number}", row) for number, row in enumerate(whole[key])]
        for where, row in rows:
            if not isinstance(row, dict):
                raise ValueError(f"{where}: found {shown(row)}; allowed: an object, as published")
        found.append(rows)
    return found


def field(row: dict[str, Any], key: str, where: str) -> Any:
    """Return what a row holds under a key that it must have."""
    if key not in row:
        raise ValueError(f"{where}: found no {key!r}; allowed: a row with it (here: {several(map(shown, row))})")
    return row[key]


def texts_of(value: Any, where: str) -> tuple[str, ...]:
    """Return the captions in one cell: a text, a list of texts, or nothing; else a ValueError names the place."""
    texts = value if isinstance(value, (list, tuple)) else [value]
    for text in texts:
        if not (text is None or isinstance(text, str)):
            raise ValueError(f"{where}: found {shown(value)}; allowed: a text, or a list of texts")
        if text is not None and not text.isascii() and any("\ud800" <= c <= "\udfff" for c in text):
            raise ValueError(f"{where}: found half a character in {shown(text)}; allowed: text that UTF-8 can hold")
    return tuple(text for text in texts if text is not None)


def cleaned(text: str) -> str:
    """Return a caption as it is used: in composed form (NFC), without white space around; "" where nothing is seen."""
    text = unicodedata.normalize("NFC", text).strip()
    if text.isprintable() or any(not c.isspace() and unicodedata.category(c) not in ("Cc", "Cf") for c in text):
        return text
    return ""
