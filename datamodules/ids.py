"""What tells pictures apart: numbers and texts of an id column, and paths below the root, each written in one way.

The same thing has the same id wherever it is listed and on whatever machine: 2.0 is 2, `s/../b.jpg` is `b.jpg`.
"""

from __future__ import annotations

import math
import posixpath
import re
import unicodedata
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from datamodules.reading import shown

_ELSEWHERE = re.compile(r"/|[A-Za-z]:|[A-Za-z][A-Za-z0-9+.-]+:/")
#: Folders in which programs keep copies of what lies elsewhere, beside all whose name starts with a dot.
_COPIES = frozenset({"__MACOSX", "@eaDir", "@Recycle", "#recycle", "$RECYCLE.BIN", "lost+found", "_temporary"})


def identifier(value: Any, where: str, exact: int = 2**53) -> str:
    """Return an id as text: a text without white space around, in composed form, or a whole number.

    Raises:
        ValueError: It is empty, no text and no whole number, or a float of `exact` or more, from where on floats of
            its kind skip whole numbers.
    """
    if isinstance(value, str) and value.strip():
        return unicodedata.normalize("NFC", value.strip())
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, (float, Decimal)) and math.isfinite(value) and value == int(value):
        if isinstance(value, Decimal) or abs(value) < exact:
            return str(int(value))
        raise ValueError(
            f"{where}: found {value!r}, and floats from {exact} on skip whole numbers; allowed: texts or integers"
        )
    raise ValueError(f"{where}: found {shown(value)}; allowed: a text that is not empty, or a whole number")


def number(value: Any, where: str) -> str:
    """Return an id that is a number where it can be: COCO's, which some lists hold as text, with zeros before it."""
    if type(value) is int:  # as published: most of a million
        return str(value)
    text = identifier(value, where)
    return str(int(text)) if text.isascii() and text.isdecimal() and len(text) < 1_000 else text


def below(value: Any, where: str, within: str = "") -> str:
    """Return the path of a picture below the root, in one way of writing; `within` is the folder that it starts from.

    Raises:
        ValueError: It is no text, or leads elsewhere: an absolute path, a URL, or `..` out of the root.
    """
    if isinstance(value, str) and value.strip():
        path = unicodedata.normalize("NFC", value.strip()).replace("\\", "/")
        whole = posixpath.normpath(posixpath.join(within, path))
        if not _ELSEWHERE.match(path) and whole.split("/")[0] not in ("..", ".") and whole != within:
            return whole
    raise ValueError(f"{where}: found {shown(value)}; allowed: the path of a file below the root of the data")


def hidden(path: str) -> bool:
    """Whether a path leads to a hidden file, or through a folder that is hidden or holds copies."""
    return any((part.startswith(".") and part != "..") or part in _COPIES for part in path.split("/"))


def twins(ids: Iterable[str]) -> list[tuple[str, str]]:
    """Return pairs of ids that people take for one: apart in case, in zeros before a number, or as 2 and 2.0."""
    first: dict[str, str] = {}
    found = []
    for one in ids:
        plain = re.sub(r"(?<![0-9.])0+(?=[0-9])", "", one.casefold())
        other = first.setdefault(re.sub(r"^([0-9]+)\.0+$", r"\1", plain), one)
        if other != one:
            found.append((other, one))
    return found
