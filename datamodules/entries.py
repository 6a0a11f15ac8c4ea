"""The entries of a list: which are kept, which are dropped and why, and which are one picture."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import groupby

from datamodules.excluded import EXCLUDED
from datamodules.ids import hidden
from datamodules.reading import cleaned

#: Defects that drop an entry when the list is read.
DROPPED = {
    "no_caption": "no caption, or only empty ones",
    "duplicate_id": "another entry has the same id; the one whose captions sort first stays",
    "hidden": "a hidden file, or one in a folder of copies (.ipynb_checkpoints, .Trash, __MACOSX, @eaDir)",
    "excluded": f"named in {EXCLUDED}",
}


@dataclass(frozen=True, order=True)
class ListedItem:
    """One picture as the data list it.

    Attributes:
        id: Unique in the data set, the same wherever the data lie.
        captions: Its captions in their order; none empty.
        image: Where the bytes are, for `Listed.open`; a file below the root.
        part: The published split that it belongs to, "" where there is none.
    """

    id: str
    captions: tuple[str, ...]
    image: str
    part: str = ""


def sort_out(
    entries: Iterable[ListedItem], in_rows: bool, merges: bool
) -> tuple[list[ListedItem], dict[str, list[str]], list[str]]:
    """Sort the entries of a list out, in whatever order they come.

    Args:
        entries: As they are listed.
        in_rows: Whether pictures lie in rows of files: then no name hides one.
        merges: Whether entries of one id are one picture, whose captions belong together.

    Returns:
        Entries with an id of their own and cleaned captions, sorted by id; the ids of the others by defect of
        `DROPPED`; and the ids of pictures whose captions were put together.
    """
    kept: list[ListedItem] = []
    dropped: dict[str, list[str]] = {"no_caption": [], "duplicate_id": [], "hidden": []}
    together: list[str] = []
    for one, same in groupby(sorted(entries), key=lambda entry: entry.id):
        held = list(same)
        seen = [e for e in held if in_rows or not hidden(e.image)]
        said = [e for e in map(_cleaned, seen) if e.captions]
        texts = {text for e in said for text in e.captions}
        dropped["hidden"] += [one] * (len(held) - len(seen))
        if not (merges and said):
            dropped["no_caption"] += [one] * (len(seen) - len(said))
        if merges and said and len(texts) > len(set(said[0].captions)):
            together.append(one)
            kept.append(replace(said[0], captions=_ordered(one, texts)))
        elif said:
            kept.append(said[0])
            dropped["duplicate_id"] += [one] * (len(said) - 1)
    return kept, dropped, together


def _cleaned(entry: ListedItem) -> ListedItem:
    return replace(entry, captions=tuple(text for raw in entry.captions if (text := cleaned(raw))))


def _ordered(one: str, texts: Iterable[str]) -> tuple[str, ...]:
    """Return the captions of one picture in an order that neither the order of lines nor the alphabet decides."""
    return tuple(sorted(texts, key=lambda text: hashlib.sha256(f"{one}/{text}".encode()).digest()))
