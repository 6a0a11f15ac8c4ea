"""Shards: tar files whose members of one name, but for what follows its first dot, are one sample (WebDataset).

Read with the standard library's `tarfile`, not with `webdataset`: importing that imports torch, it reads every picture
into memory, also where only captions are asked for, and a shard with a damaged header ends there without a word.
Members of a plain tar are found by their place in the file, so that nothing but headers and texts is read before
somebody asks for a picture; of a compressed one they are read on the way.
"""

from __future__ import annotations

import re
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import IO

from datamodules.ids import hidden
from datamodules.layouts.items import Tally
from datamodules.reading import opened

_NAME = re.compile(r"((?:.*/|)[^./][^./]*)\.([^/]*)")
#: Members that hold what is said of the shard itself.
_META = re.compile(r"__[^/]*__($|/)")
_BLOCK = 512


@dataclass(frozen=True)
class Member:
    """One file of a shard.

    Attributes:
        key: Its name up to the first dot behind the last slash.
        ending: What follows that dot, in small letters.
        offset: Where its bytes start in the shard.
        size: How many there are.
        held: The bytes themselves, of a compressed shard.
    """

    key: str
    ending: str
    offset: int
    size: int
    held: bytes | None = None

    def content(self, file: IO[bytes] | None) -> bytes:
        """Return the bytes, from the shard or from memory."""
        if self.held is not None:
            return self.held
        assert file is not None
        return read_at(file, self.offset, self.size)


def read_at(file: IO[bytes], offset: int, size: int) -> bytes:
    """Return some bytes of a file; a ValueError where it ends before."""
    file.seek(offset)
    content = file.read(size)
    if len(content) < size:
        raise ValueError("the shard ends within it")
    return content


def packed(file: Path) -> bool:
    """Whether a shard is compressed."""
    with opened(file) as stream:
        return stream.read(2) == b"\x1f\x8b"


def samples(file: Path, name: str, tally: Tally) -> Iterator[tuple[str, dict[str, Member]]]:
    """Yield key and members of each sample of a shard, in its order; a second file of one ending begins another one.

    What keeps it from being read to its end is counted as a broken shard.
    """
    for key, same in groupby(_members(file, name, tally), key=lambda member: member.key):
        sample: dict[str, Member] = {}
        for member in same:
            if member.ending in sample:
                yield key, sample
                sample = {}
            sample[member.ending] = member
        yield key, sample


def _members(file: Path, name: str, tally: Tally) -> Iterator[Member]:
    try:
        with opened(file) as stream:
            compressed = stream.read(2) == b"\x1f\x8b"
            end = stream.seek(0, 2)
            stream.seek(0)
            if end == 0:
                tally.add("broken shard", f"{name}: it is empty")
                return
            with tarfile.open(fileobj=stream, mode="r|gz" if compressed else "r:") as tar:
                yield from _walk(tar, name, None if compressed else end, tally)
                if not compressed:
                    _require_end(stream, tar.offset, end)
    except (OSError, EOFError, ValueError, tarfile.TarError, zlib.error) as error:
        said = getattr(error, "strerror", None) or str(error)
        tally.add("broken shard", f"{name}: {said}")


def _walk(tar: tarfile.TarFile, name: str, end: int | None, tally: Tally) -> Iterator[Member]:
    while (info := tar.next()) is not None:
        tar.members = []  # type: ignore[attr-defined]  # else it keeps them all
        path = info.name.removeprefix("./")
        if _META.match(path) or info.isdir():
            continue
        if hidden(path):
            tally.add("hidden", f"{name}: {path}")
            continue
        found = _NAME.fullmatch(path)
        if not info.isreg() or info.issparse() or found is None:
            tally.add("no file of a sample", f"{name}: {path}")
            continue
        if end is not None and info.offset_data + info.size > end:
            raise ValueError(f"it ends within {path}")
        held = None
        if end is None:
            stream = tar.extractfile(info)
            held = b"" if stream is None else stream.read()
        yield Member(found[1], found[2].lower(), info.offset_data, info.size, held)


def _require_end(stream: IO[bytes], offset: int, end: int) -> None:
    """Raise a ValueError where the last header is no end mark: `tarfile` stops at damage as it does there."""
    stream.seek(min(offset, end))
    mark = stream.read(_BLOCK)
    if not mark:
        raise ValueError("it has no end mark: whoever wrote it did not finish")
    if mark.strip(b"\0"):
        raise ValueError(f"byte {offset} is no header; what follows is not read")
    while more := stream.read(2**14):
        if more.strip(b"\0"):
            raise ValueError("more follows its end mark, which is not read")
