"""Any set of Parquet files with an image and a caption column, as Hugging Face `datasets` write them."""

from __future__ import annotations

import io
import os
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import IO, Any, ClassVar

from datamodules.arguments import require_texts
from datamodules.entries import ListedItem
from datamodules.ids import below, identifier
from datamodules.listed import Listed
from datamodules.pictures import MAX_PIXELS, BrokenImage
from datamodules.places import found, located
from datamodules.reading import opened, several, texts_of


class ParquetImages(Listed):
    """Rows of Parquet files. All splits are drawn from all rows. See `Listed` for the other arguments.

    An image is a struct of `bytes` and `path` (the `Image` feature of `datasets`), plain bytes, or a path below the
    root.

    Args:
        image: Column of the image.
        caption: Column of the caption: a text or a list of texts.
        id: Column of an id that is unique; None makes ids of file name and row number.
        files: Which files below the root, as a glob pattern.
    """

    name: ClassVar[str] = "parquet_images"
    version: ClassVar[int] = 1
    in_rows: ClassVar[bool] = True

    def __init__(
        self,
        root: str,
        sizes: dict[str, int],
        image: str = "image",
        caption: str = "caption",
        id: str | None = None,
        files: str = "**/*.parquet",
        resolution: int = 512,
        seed: int = 0,
        max_pixels: int = MAX_PIXELS,
        digest: str | None = None,
        excluded: str | None = None,
        original_sizes: bool = False,
    ) -> None:
        require_texts(image=image, caption=caption, id="" if id is None else id, files=files)
        self.image, self.caption, self.id, self.files, self.needs = image, caption, id, files, (files,)
        super().__init__(root, sizes, resolution, seed, max_pixels, digest, excluded, original_sizes)

    def entries(self) -> Iterator[ListedItem]:
        """Yield the rows of every file; images are not read."""
        read: dict[tuple[int, int], str] = {}
        kinds: dict[Path, Any] = {}
        for name in found(self.root, self.files, self.asides):
            file = self.root / name
            with _readable(file):
                status = os.stat(file)
            other = read.setdefault((status.st_dev, status.st_ino), name)
            if other != name:
                self.asides.append(f"{file}: the same file as {other} by a link, read once")
                continue
            with _readable(file):
                schema, table = self._table(file)
                kinds[file] = schema.field(self.image).type
                yield from self._rows(file, name, schema, table)
        for file, kind in kinds.items():
            self._check_image(file, kind)

    def _rows(self, file: Path, name: str, schema: Any, table: Iterator[Any]) -> Iterator[ListedItem]:
        exact = _EXACT.get(str(schema.field(self.id).type), 2**53) if self.id is not None else 0
        place = unicodedata.normalize("NFC", name)
        row = 0
        for batch in table:
            texts = _cells(batch, self.caption, file, row)
            ids = [None] * len(texts) if self.id is None else _cells(batch, self.id, file, row)
            for key, value in zip(ids, texts, strict=True):
                where, at = f"{place}#{row:09d}", f"{file}: row {row}"  # of equal width: sorted by place is by row
                said = texts_of(value, f"{at}: {self.caption}")
                one = where if self.id is None else identifier(key, f"{at}: {self.id}", exact)
                yield ListedItem(one, said, f"{name}#{row:09d}")
                row += 1
        if row == 0:
            self.asides.append(f"{file}: a table without a row")

    def _table(self, file: Path) -> tuple[Any, Iterator[Any]]:
        """Return the schema of a file that has the columns, and batches of captions and ids."""
        import pyarrow.parquet as pq

        with opened(file):  # pyarrow would wait for a pipe, and take a folder for a data set
            whole = pq.ParquetFile(file)
        have = whole.schema_arrow.names
        for key in ("image", "caption", "id"):
            column = getattr(self, key)
            if column is not None and have.count(column) != 1:
                twice = " twice" if column in have else ""
                raise ValueError(f"{file}: {key}: found {column!r}{twice}; allowed: {several(have)}, each once")
        columns = list(dict.fromkeys(name for name in (self.caption, self.id) if name is not None))
        return whole.schema_arrow, whole.iter_batches(columns=columns)

    def _check_image(self, file: Path, kind: Any) -> None:
        """Refuse a column of anything but bytes, paths, or both."""
        import pyarrow.types as types

        held = [kind]
        if types.is_struct(kind):
            held = [part.type for part in (kind.field(i) for i in range(kind.num_fields)) if part.name in _PARTS]
        kinds = {str(one.value_type if types.is_dictionary(one) else one) for one in held}
        allowed = {"binary", "large_binary", "binary_view", "string", "large_string", "string_view", "null"}
        if not kinds or not kinds <= allowed:
            found = str(kind)[:60]
            raise ValueError(f"{file}: {self.image}: found {found}; allowed: bytes, a path, or a struct of both")

    def open(self, entry: ListedItem) -> IO[bytes]:
        """Open the bytes in a row, or the file that it names; a `BrokenImage` when the row holds neither."""
        file, _, row = entry.image.rpartition("#")
        try:
            with _readable(self.root / file):
                value = _cell(self.root / file, self.image, int(row))
        except ValueError as error:
            raise BrokenImage("unreadable_file", f"row {int(row)} of {file[-40:]}") from error
        content, path = (value.get("bytes"), value.get("path")) if isinstance(value, dict) else (value, None)
        if isinstance(content, str):
            content, path = None, content
        if content is not None:
            return io.BytesIO(content)
        if path is None:
            raise BrokenImage("missing_file", f"column {self.image} is empty")
        if not os.path.isabs(path):  # as `datasets` writes it, and part of no id
            try:
                path = below(path, "path")
            except ValueError as error:
                raise BrokenImage("missing_file", str(error)) from error
        return opened(located(self.root, path))


#: What the `Image` feature of `datasets` holds.
_PARTS = ("bytes", "path")
#: Arrow types of an id column that are floats, and the whole number from which on they skip some.
_EXACT = {"halffloat": 2**11, "float": 2**24}


@contextmanager
def _readable(file: Path) -> Iterator[None]:
    """Say of what pyarrow cannot read where it stands."""
    from pyarrow import ArrowException

    try:
        yield
    except (OSError, ValueError, ArithmeticError, ArrowException) as error:
        if str(error).startswith(str(file)):
            raise
        said = " ".join(str(error).split())[:80]
        raise ValueError(f"{file}: found no Parquet file ({said}); allowed: one that pyarrow reads") from error


def _cells(batch: Any, column: str, file: Path, first: int) -> list[Any]:
    """Return what a column holds; text that is no UTF-8, which Arrow does not look at, and the like is a ValueError."""
    cells = batch.column(batch.schema.get_field_index(column))
    try:
        values: list[Any] = cells.to_pylist()
        return values
    except (ValueError, ArithmeticError) as error:
        what = "text that is no UTF-8" if isinstance(error, UnicodeDecodeError) else f"{cells.type} beyond reading"
        raise ValueError(f"{file}: rows from {first}: {column}: found {what}; allowed: UTF-8 text") from error


@lru_cache(maxsize=4096)
def _starts(file: Path) -> tuple[int, ...]:
    """Return the first row of each row group, and the number of rows at the end."""
    import pyarrow.parquet as pq

    meta = pq.read_metadata(file)
    return tuple(accumulate((meta.row_group(g).num_rows for g in range(meta.num_row_groups)), initial=0))


@lru_cache(maxsize=1)  # images are read in the order of their place, so one group at a time is enough
def _group(file: Path, column: str, group: int) -> Any:
    import pyarrow.parquet as pq

    return pq.ParquetFile(file).read_row_group(group, columns=[column]).column(column)


def _cell(file: Path, column: str, row: int) -> Any:
    """Return what a row holds in a column, out of the row group that holds it."""
    starts = _starts(file)
    group = next(g for g in range(len(starts) - 1) if row < starts[g + 1])
    return _group(file, column, group)[row - starts[group]].as_py()
