"""WebDataset: shards whose samples are the files of one key, such as `0001.jpg`, `0001.txt` and `0001.json`."""

from __future__ import annotations

import json
import os
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, product
from pathlib import Path
from typing import ClassVar

from datamodules.layouts import tars
from datamodules.layouts.items import Entry, Tally
from datamodules.layouts.on_disk import PICTURES
from datamodules.layouts.tars import Member
from datamodules.layouts.texts import LARGEST, Unreadable, beside
from datamodules.reading import few, opened, several, shown
from records.errors import UsageError

#: Samples that are looked at for where captions stand.
_LOOKED_AT = 100
_PICTURES = tuple(ending[1:] for ending in PICTURES)
_BRACES = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"(\d+)\.\.(\d+)")


class WebDataset:
    """Shards below a folder.

    An id is the name of the shard, a slash and the key: keys of many sets start anew in every shard.

    Args:
        root: The folder.
        shards: Their paths below it, in order.
        columns: `image` is an ending; `caption` endings, or fields of the .json as `json.NAME`.

    Raises:
        UsageError: No shard holds a sample, or what `columns` names is not there.
    """

    name: ClassVar[str] = "webdataset"

    def __init__(self, root: Path, shards: Sequence[str], columns: Mapping[str, str]) -> None:
        self.root, self.shards = root, list(shards)
        where = str(root / self.shards[0])
        endings, fields = self._look(where)
        self.image = columns["image"].removeprefix(".").lower() if "image" in columns else None
        if self.image is not None and self.image not in endings:
            raise UsageError(f"{where}: --column image: found {shown(self.image)}; allowed: {several(endings)}")
        pictures = [self.image] if self.image else [e for e in endings if e.rpartition(".")[2] in _PICTURES]
        self.captions = beside([e for e in endings if e not in pictures], fields, columns, where)
        self.has_pictures = bool(pictures)
        self.has_captions = bool(self.captions.endings or self.captions.fields)
        self.repeats = True
        if not (self.has_pictures or self.has_captions):
            raise UsageError(
                f"{where}: found samples of {several(endings)}; allowed: pictures, or texts as .txt or .json"
            )
        said = f"pictures from {', '.join(f'.{e}' for e in pictures)}" if pictures else "no pictures"
        self.told = f"{said}, {self.captions.said}"

    def _look(self, where: str) -> tuple[list[str], list[str]]:
        """Return the endings of the first samples, and the names in their .json."""
        endings, fields = dict[str, None](), dict[str, None]()
        damage = Tally()
        for shard in self.shards:
            file = self.root / shard
            with opened(file) as stream:
                for _, there in islice(tars.samples(file, shard, damage), _LOOKED_AT):
                    endings.update(dict.fromkeys(there))
                    if "json" in there and there["json"].size <= LARGEST:
                        fields.update(dict.fromkeys(_names(there["json"].content(stream))))
            if endings:
                return list(endings), list(fields)
        said = next(iter(damage.examples.get("broken shard", ["no files in them"])))
        raise UsageError(
            f"{where}: found {len(self.shards)} shards without a sample ({said}); allowed: key.jpg, key.txt"
        )

    def entries(self, tally: Tally) -> Iterator[Entry]:
        """Yield the samples of every shard."""
        for shard in self.shards:
            yield from self.samples(shard, tally)

    def samples(self, shard: str, tally: Tally) -> Iterator[Entry]:
        """Yield the samples of one shard."""
        file = self.root / shard
        label = _label(shard)
        try:
            stream = opened(file)
        except OSError as error:
            tally.add("broken shard", f"{shard}: {error.strerror}")
            return

        def content(member: Member) -> bytes:
            if member.size > LARGEST:
                raise Unreadable("unreadable caption", f"{member.size} bytes are no text")
            return member.content(stream)

        with stream:
            for key, there in tars.samples(file, shard, tally):
                one = unicodedata.normalize("NFC", f"{label}/{key}")
                texts, said = self.captions.captions(one, there, content, tally)
                picture = self._picture(one, there, tally)
                place = None if picture is None else f"{shard}#{picture.offset}+{picture.size}"
                yield Entry(one, texts, place, None if picture is None else picture.held, said)

    def _picture(self, one: str, there: Mapping[str, Member], tally: Tally) -> Member | None:
        if self.image is not None:
            return there.get(self.image)
        found = [m for ending, m in there.items() if ending in _PICTURES]
        found = found or [m for ending, m in there.items() if ending.rpartition(".")[2] in _PICTURES]
        if len(found) > 1:
            tally.add("several pictures", f"{one}: .{found[0].ending} is taken, not .{found[1].ending}")
        return found[0] if found else None

    def read(self, place: str) -> bytes:
        """Return the bytes at a place in a shard; a ValueError for a compressed one, which is read in order alone."""
        shard, _, where = place.rpartition("#")
        offset, _, size = where.partition("+")
        if tars.packed(self.root / shard):
            raise ValueError(f"{shard} is compressed; allowed: a plain .tar, of which any picture can be read")
        with opened(self.root / shard) as file:
            return tars.read_at(file, int(offset), int(size))


def expanded(path: Path) -> list[Path]:
    """Return the paths that a name with braces stands for: `{000..012}` counts, `{a,b}` lists.

    Raises:
        UsageError: Names that are not there, or too many.
    """
    text = str(path)
    parts: list[list[str]] = []
    last = 0
    for brace in _BRACES.finditer(text):
        parts += [[text[last : brace.start()]], _within(brace[1], text)]
        last = brace.end()
    count = 1
    for part in parts:
        count *= len(part)
    if count > 1_000_000:
        raise UsageError(f"{text}: found braces that stand for {count} names; allowed: at most 1000000")
    files = [Path("".join(names)) for names in product(*parts, [text[last:]])]
    gone = [file.name for file in files if not os.path.isfile(file)]
    if gone:
        raise UsageError(
            f"{text}: {len(gone)} of {len(files)} files are not there ({few(gone)}); allowed: names of files"
        )
    return files


def _within(braces: str, text: str) -> list[str]:
    if "," in braces:
        return braces.split(",")
    found = _RANGE.fullmatch(braces)
    if found is None or int(found[1]) > int(found[2]):
        raise UsageError(f"{text}: found {shown('{' + braces + '}')}; allowed: {{000..012}} or {{a,b}}")
    width = len(found[1]) if found[1].startswith("0") or len(found[1]) == len(found[2]) else 0
    if int(found[2]) - int(found[1]) > 1_000_000:
        raise UsageError(f"{text}: found {shown('{' + braces + '}')}; allowed: at most 1000000 names")
    return [f"{number:0{width}d}" for number in range(int(found[1]), int(found[2]) + 1)]


def _label(shard: str) -> str:
    return re.sub(r"\.(tar|tgz|tar\.gz)$", "", shard, flags=re.IGNORECASE)


def _names(content: bytes) -> list[str]:
    try:
        row = json.loads(content)
    except (ValueError, RecursionError):
        return []
    return list(row) if isinstance(row, dict) else []
