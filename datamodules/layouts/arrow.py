"""Files of Arrow tables, Parquet and `save_to_disk`'s: rows in batches, and single cells of pictures when asked for.

Both are read with pyarrow, which is all that `datasets` would do here; it would also make a cache of what it reads.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import accumulate
from pathlib import Path
from typing import Any

from datamodules.layouts.items import Tally
from datamodules.pictures import BrokenImage
from datamodules.reading import opened
from records.errors import UsageError

#: Rows of texts, and of pictures, that are in memory at once.
_TEXTS, _PICTURES = 1024, 16
_PARTS = ("bytes", "path")
_TEXT_KINDS = {"string", "large_string", "string_view"}
_CELLS = {"binary", "large_binary", "binary_view", *_TEXT_KINDS}


class Table:
    """One file of rows.

    Args:
        root: Folder that `path` starts from.
        path: Of a Parquet file, or one of Arrow in either form.

    Attributes:
        schema: Of Arrow.

    Raises:
        UsageError: It is none of them.
    """

    def __init__(self, root: Path, path: str) -> None:
        from pyarrow import ArrowException

        self.path, self.file = path, root / path
        try:
            with opened(self.file) as stream:
                start = stream.read(6)
            self.kind = "parquet" if start[:4] == b"PAR1" else "file" if start == b"ARROW1" else "stream"
            self.schema = self._open().schema_arrow if self.kind == "parquet" else self._arrow().schema
        except (OSError, ValueError, ArrowException) as error:
            said = " ".join(str(getattr(error, "strerror", None) or error).split())[:80]
            raise UsageError(
                f"{self.file}: found no table ({said}); allowed: Parquet or Arrow that pyarrow reads"
            ) from error

    @property
    def names(self) -> list[str]:
        """Return the names of the columns that stand there once."""
        return [name for name in self.schema.names if self.schema.names.count(name) == 1]

    @property
    def rows(self) -> int | None:
        """Return how many rows there are, where the file says."""
        return self._open().metadata.num_rows if self.kind == "parquet" else None

    def holds_pictures(self, column: str) -> bool:
        """Whether a column holds bytes, paths, or a struct of both."""
        kind = self.schema.field(column).type
        return bool(kinds := _held(kind)) and kinds <= _CELLS | {"null"}

    def holds_bytes(self, column: str) -> bool:
        """Whether a column holds bytes, alone or in a struct."""
        return bool(_held(self.schema.field(column).type) & (_CELLS - _TEXT_KINDS))

    def batches(
        self, columns: Sequence[str], image: str | None, tally: Tally
    ) -> Iterator[tuple[range, dict[str, list[Any]], set[int]]]:
        """Yield batches: which rows they are, their columns, and which of the rows have no picture in `image`.

        No picture is read for the last, but where a row group says that it has empty cells. What cannot be read is
        counted as unreadable rows, and ends the file.
        """
        from pyarrow import ArrowException

        first = 0
        try:
            for batch, empty in self._parts(list(columns), image):
                cells = {name: _values(batch.column(batch.schema.get_field_index(name))) for name in columns}
                yield range(first, first + batch.num_rows), cells, empty
                first += batch.num_rows
        except (OSError, ValueError, ArithmeticError, ArrowException) as error:
            said = " ".join(str(error).split())[:80]
            tally.add("unreadable rows", f"{self.path}: rows from {first} ({said})")

    def _parts(self, columns: list[str], image: str | None) -> Iterator[tuple[Any, set[int]]]:
        """Yield batches with some columns at least, and which rows of the file have no picture."""
        import pyarrow as pa

        first = 0
        if self.kind != "parquet":
            for batch in self._from_start():
                yield batch, set() if image is None else {first + i for i in _absent(batch, image)}
                first += batch.num_rows
            return
        whole = self._open()
        for group in range(whole.num_row_groups):
            count = whole.metadata.row_group(group).num_rows
            empty = self._empty(whole, group, first, image)
            if columns:
                batches = whole.iter_batches(_TEXTS, [group], columns=columns)
            else:
                sizes = (min(_TEXTS, count - start) for start in range(0, count, _TEXTS))
                batches = (pa.RecordBatch.from_arrays([pa.nulls(size)], ["none"]) for size in sizes)
            for batch in batches:
                yield batch, empty
            first += count

    def _empty(self, whole: Any, group: int, first: int, image: str | None) -> set[int]:
        """Return the rows of a group without a picture; pictures are read only where its numbers say that there are."""
        if image is None:
            return set()
        meta = whole.metadata.row_group(group)
        for index in range(meta.num_columns):
            column = meta.column(index)
            if column.path_in_schema in (image, f"{image}.bytes"):
                said = column.statistics
                if said is None or not said.has_null_count or said.null_count == 0:
                    return set()
        found, row = set[int](), first
        for batch in whole.iter_batches(_PICTURES, [group], columns=[image]):
            found |= {row + i for i in _absent(batch, image)}
            row += batch.num_rows
        return found

    def _open(self) -> Any:
        import pyarrow.parquet as pq

        return pq.ParquetFile(self.file, buffer_size=2**20)  # else a whole column of a row group is in memory

    def _arrow(self) -> Any:
        import pyarrow as pa

        mapped = pa.memory_map(str(self.file))
        return pa.ipc.open_file(mapped) if self.kind == "file" else pa.ipc.open_stream(mapped)

    def _from_start(self) -> Iterator[Any]:
        reader = self._arrow()
        return map(reader.get_batch, range(reader.num_record_batches)) if self.kind == "file" else iter(reader)

    def starting(self, row: int, column: str) -> tuple[int, int | None, Iterator[Any]]:
        """Return batches of one column that hold a row or come before it: the first row, the end if known, batches."""
        if self.kind != "parquet":
            return 0, None, self._from_start()
        whole = self._open()
        counts = (whole.metadata.row_group(g).num_rows for g in range(whole.num_row_groups))
        starts = list(accumulate(counts, initial=0))
        group = next((g for g in range(len(starts) - 1) if row < starts[g + 1]), None)
        if group is None:
            raise ValueError(f"there is no row {row}")
        return starts[group], starts[group + 1], whole.iter_batches(_PICTURES, [group], columns=[column])


class Cells:
    """Pictures of one column, read in the order in which they lie: a step back starts again where its group does.

    Args:
        table: The file.
        column: Of pictures.
    """

    def __init__(self, table: Table, column: str) -> None:
        self.table, self.column = table, column
        self._lock = threading.Lock()
        self._first = 0
        self._end: int | None = None
        self._batch: Any = None
        self._rest: Iterator[Any] = iter(())

    def cell(self, row: int) -> tuple[bytes | None, str | None]:
        """Return bytes and path of a row; a BrokenImage where the row cannot be read, or holds neither."""
        from pyarrow import ArrowException

        try:
            with self._lock:
                value = self._cell(row)
        except (OSError, ValueError, ArithmeticError, StopIteration, ArrowException) as error:
            raise BrokenImage("unreadable_file", f"row {row} of {self.table.path[-40:]}") from error
        content, path = (value.get("bytes"), value.get("path")) if isinstance(value, dict) else (value, None)
        if isinstance(content, str):
            content, path = None, content
        if content is None and path is None:
            raise BrokenImage("missing_file", f"column {self.column} is empty")
        return content, path

    def _cell(self, row: int) -> Any:
        if self._batch is None or row < self._first or (self._end is not None and row >= self._end):
            self._batch = None
            self._first, self._end, self._rest = self.table.starting(row, self.column)
            self._batch = next(self._rest)
        while row >= self._first + self._batch.num_rows:
            self._first += self._batch.num_rows
            self._batch = None
            self._batch = next(self._rest)
        place = self._batch.schema.get_field_index(self.column)
        return self._batch.column(place)[row - self._first].as_py()


def _held(kind: Any) -> set[str]:
    import pyarrow.types as types

    held = [kind]
    if types.is_struct(kind):
        held = [part.type for part in (kind.field(i) for i in range(kind.num_fields)) if part.name in _PARTS]
    return {str(one.value_type if types.is_dictionary(one) else one) for one in held}


def _absent(batch: Any, image: str) -> list[int]:
    """Return which rows of a batch hold neither bytes nor a path."""
    import pyarrow as pa
    import pyarrow.compute as pc

    column = batch.column(batch.schema.get_field_index(image))
    empty = pc.is_null(column)
    if pa.types.is_struct(column.type):
        inner = None
        for part in _PARTS:
            if column.type.get_field_index(part) >= 0:
                none = pc.is_null(pc.struct_field(column, part))
                inner = none if inner is None else pc.and_(inner, none)
        empty = empty if inner is None else pc.or_(empty, inner)
    return [i for i, gone in enumerate(empty.to_pylist()) if gone]


def _values(column: Any) -> list[Any]:
    """Return the cells of a column; texts that are no UTF-8, which Arrow does not look at, as bytes."""
    with suppress(UnicodeDecodeError):  # all at once is many times faster
        values: list[Any] = column.to_pylist()
        return values
    found: list[Any] = []
    for cell in column:
        try:
            found.append(cell.as_py())
        except UnicodeDecodeError:
            found.append(cell.as_buffer().to_pybytes() if hasattr(cell, "as_buffer") else b"")  # of a list: no text
    return found
