"""Texts as they come with pictures: files beside them, fields of JSON, cells of tables. A text is UTF-8, or counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from datamodules.layouts.columns import CAPTIONS
from datamodules.layouts.items import Tally
from datamodules.reading import json_of, several, shown, texts_of
from records.errors import UsageError

#: Endings of texts beside a picture, the one that is taken first before the others.
TEXTS = ("txt", "caption", "text", "cap")
#: Bytes of a text beside a picture; what is larger is none.
LARGEST = 16 * 2**20
_MARKS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16", b"\x1f\x8b": "gzip", b"PK\x03\x04": "zip"}


class Unreadable(ValueError):
    """A text that cannot be read; `kind` is what it is counted as."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def decoded(content: bytes) -> str:
    """Return UTF-8 text, with or without a byte order mark."""
    for mark, what in _MARKS.items():
        if content.startswith(mark):
            raise Unreadable("caption not UTF-8", f"found {what}")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable("caption not UTF-8", f"found byte 0x{content[error.start]:02x}") from error


@dataclass(frozen=True)
class Beside:
    """Where the captions of a picture stand among the files that have its name.

    Attributes:
        endings: Of texts, without the dot; of the first that is there all is taken.
        fields: Of the .json; they are asked where `endings` is empty.
        lines: Whether each line of a text is a caption of its own.
    """

    endings: tuple[str, ...]
    fields: tuple[str, ...]
    lines: bool = False

    @property
    def said(self) -> str:
        """Return where captions come from, as a part of a sentence."""
        names = [f".{ending}" for ending in self.endings] + [f"json.{name}" for name in self.fields]
        each = ", one a line" if self.lines else ""
        return f"captions from {', '.join(names)}{each}" if names else "no captions"

    def captions(
        self, one: str, there: Mapping[str, Any], content: Callable[[Any], bytes], tally: Tally
    ) -> tuple[tuple[str, ...], bool]:
        """Return the captions of one picture, and whether a problem that explains missing ones was counted.

        Args:
            one: Id of the picture, for what is counted.
            there: Ending -> what `content` returns the bytes of.
            content: Reads it.
            tally: Counts what cannot be read.
        """
        found: list[str] = []
        try:
            for ending in self.endings:
                if ending in there:
                    text = decoded(content(there[ending]))
                    found += text.splitlines() if self.lines else [text]
            if self.fields and "json" in there:
                found += self._fields(one, decoded(content(there["json"])))
        except Unreadable as error:
            tally.add(error.kind, f"{one}: {error}")
            return tuple(found), True
        except (OSError, ValueError) as error:
            tally.add("unreadable caption", f"{one}: {error}")
            return tuple(found), True
        return tuple(found), False

    def _fields(self, one: str, text: str) -> list[str]:
        row = json_of(text, one, "a JSON object")
        if not isinstance(row, dict):
            raise ValueError(f"found {shown(row)}; allowed: a JSON object")
        return [text for name in self.fields for text in texts_of(row.get(name), name)]


def beside(endings: Sequence[str], fields: Sequence[str], columns: Mapping[str, str], where: str) -> Beside:
    """Return where captions stand, as `--column caption` says or by the usual names.

    Args:
        endings: Those that were met beside pictures, without the dot.
        fields: Names in the .json files that were met.
        columns: What was told.
        where: The set, for errors.

    Raises:
        UsageError: What was told is not there.
    """
    lines = "lines" in columns
    if "caption" in columns:
        told = columns["caption"].split(",")
        others = [name for name in told if name.removeprefix(".") not in endings]
        if unknown := [name for name in others if name.removeprefix("json.") not in fields]:
            have = [e for e in endings if e != "json"] + [f"json.{name}" for name in fields]
            raise UsageError(f"{where}: --column caption: found {shown(unknown[0])}; allowed: {several(have)}")
        texts = tuple(e for name in told if (e := name.removeprefix(".")) in endings)
        return Beside(texts, tuple(name.removeprefix("json.") for name in others), lines)
    usual = [ending for ending in TEXTS if ending in endings]
    others = [ending for ending in endings if ending.rpartition(".")[2] in TEXTS]
    if usual or others:
        return Beside(tuple((usual or others)[:1]), (), lines)
    field = next((name for name in CAPTIONS for have in fields if have.casefold() == name), None)
    return Beside((), () if field is None else (next(f for f in fields if f.casefold() == field),), lines)
