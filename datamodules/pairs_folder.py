"""A folder of pairs: their fields, and their pictures or links to the files that hold them.

One file, `pairs.parquet`, opens with `datasets`. Where it holds pictures, `fields.pq` says all else once more, so that
whoever needs captions reads no picture. Where the pictures lie in other folders already, it holds none: their files are
linked beside it (`pictures-0.pq`), which takes no space, outlasts the other folder, and is a copy where the file system
has no links.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from datamodules import pairs_file
from datamodules.images import Elsewhere, Images, InFile

FILE, FIELDS, HELD = "pairs.parquet", "fields.pq", "pictures-{}.pq"


def save(folder: Path, images: Any, fields: dict[str, Any]) -> None:
    """Write pairs into a folder that is there."""
    shape = images.shape[1:]
    if not isinstance(images, Images):
        write(folder / FILE, images, fields)
        if shape:
            _write_fields(folder / FIELDS, images, fields)
        return
    sources = [images.sources[number] for number in np.unique(images.source).tolist()]
    if sources and all(isinstance(source, Elsewhere) for source in sources):
        _write_fields(folder / FILE, images, fields, [])
    elif (file := _same(images, sources, fields)) is not None:
        _put(file, folder / FILE)
        _write_fields(folder / FIELDS, images, fields)
    elif not any(isinstance(source, InFile) for source in sources):
        write(folder / FILE, images, fields)
        _write_fields(folder / FIELDS, images, fields)
    else:
        _write_links(folder, images, fields)


def spooled(file: Path, parts: Iterable[np.ndarray], fields: dict[str, Any]) -> Images:
    """Write pictures (k, H, W, 3) uint8 to a file as they come, and return them; `save` moves the file."""
    waiting = iter(parts)
    first = next(waiting)
    with pairs_file.Writer(file, first.shape[1:], fields) as writer:
        for part in chain([first], waiting):
            writer.add(part)
            os.utime(file.parent)  # it is still in use, whoever sweeps the store
    return Images.of(InFile(file, writer.done, first.shape[1:], own=True), first.shape[1:], np.arange(writer.done))


def gathered(file: Path, images: Images, fields: dict[str, Any]) -> Images:
    """Write pictures of several files to one, undecoded, and return them there; `save` moves the file."""
    write(file, images, fields)
    shape = images.shape[1:]
    return Images.of(InFile(file, len(images), shape, own=True), shape, np.arange(len(images)))


def load(folder: Path, check: Callable[[str], object] | None = None) -> tuple[Any, dict[str, Any]]:
    """Return images and fields.

    Args:
        folder: That `save` wrote to, of this version or any before.
        check: Called with the name of a file of `deferred` before a picture of it is read.
    """
    file = folder / (FIELDS if (folder / FIELDS).is_file() else FILE)
    shape, fields, held = pairs_file.read(file)
    if not shape:
        return np.array(fields.pop("images")), fields  # whoever reads it may write to it
    n = len(fields["ids"])

    def pictures(name: str, count: int) -> InFile:
        return InFile(folder / name, count, shape, None if check is None else partial(check, name))

    if held is None:
        return Images.of(pictures(FILE, n), shape, np.arange(n)), fields
    if "file" not in fields:
        return Images.of(Elsewhere(), shape, np.arange(n)), fields
    files = [pictures(HELD.format(number), count) for number, count in enumerate(held)]
    return Images(shape, files, fields.pop("file").astype(np.int64), fields.pop("row").astype(np.int64)), fields


def deferred(folder: Path) -> set[str]:
    """Return the names of the files that hold pictures and that `load` does not read."""
    names = {file.name for file in folder.glob(HELD.format("*"))}
    return names | ({FILE} if (folder / FIELDS).is_file() else set())


def _same(images: Images, sources: list[Any], fields: dict[str, Any]) -> InFile | None:
    """Return the file that holds just these pairs already."""
    if len(sources) != 1 or not isinstance(sources[0], InFile):
        return None
    source = sources[0]
    if source.count != len(images) or not np.array_equal(images.row, np.arange(len(images))):
        return None
    _, there, held = pairs_file.read(source.path)
    alike = (_equal(there.get(name), fields.get(name)) for name in pairs_file.COLUMNS)
    return source if held is None and all(alike) else None


def _equal(one: Any, other: Any) -> bool:
    if one is None or other is None:
        return one is other
    return bool(one == other) if isinstance(one, tuple) else np.array_equal(one, other)


def _write_links(folder: Path, images: Images, fields: dict[str, Any]) -> None:
    """Link the files that hold the pictures; a file of which less than half is needed is not held on to."""
    used = {number: int(np.sum(images.source == number)) for number in np.unique(images.source).tolist()}
    place = {"file": np.zeros(len(images), np.int16), "row": images.row.copy()}
    held: list[int] = []
    for number, count in used.items():
        source = images.sources[number]
        if isinstance(source, InFile) and 2 * count >= source.count:
            _put(source, folder / HELD.format(len(held)))
            place["file"][images.source == number] = len(held)
            held.append(source.count)
            used[number] = 0
    mine = np.flatnonzero(np.isin(images.source, [number for number, count in used.items() if count]))
    if len(mine):
        part = {name: None if fields[name] is None else _rows(fields[name], mine) for name in pairs_file.COLUMNS}
        write(folder / HELD.format(len(held)), images.select(mine), part)
        place["file"][mine], place["row"][mine] = len(held), np.arange(len(mine))
        held.append(len(mine))
    _write_fields(folder / FILE, images, {**fields, **place}, held)


def _rows(values: Any, rows: np.ndarray) -> Any:
    return values[rows] if isinstance(values, np.ndarray) else tuple(values[row] for row in rows.tolist())


def write(file: Path, images: Any, fields: dict[str, Any]) -> None:
    """Write one file that holds everything, PNGs of other files as they are."""
    with pairs_file.Writer(file, images.shape[1:], fields) as writer:
        writer.add_cells(images.encoded()) if isinstance(images, Images) else writer.add(images)


def _write_fields(file: Path, images: Any, fields: dict[str, Any], held: list[int] | None = None) -> None:
    with pairs_file.Writer(file, images.shape[1:], fields, held) as writer:
        writer.add_cells(None for _ in range(len(images)))


def _put(source: InFile, target: Path) -> None:
    """Have a file under another name too: moved where nobody else needs it, linked, or copied where links cannot be."""
    if source.own:
        os.replace(source.path, target)
        return
    try:
        os.link(source.path, target)
    except OSError:
        shutil.copyfile(source.path, target)
