"""Any set of Parquet files with an image and a caption column, as Hugging Face `datasets` write them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import IO, Any, ClassVar

from datamodules.imagefolder import texts_of
from datamodules.listed import Listed, ListedItem
from datamodules.pictures import MAX_PIXELS


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
    ) -> None:
        self.image, self.caption, self.id, self.files, self.needs = image, caption, id, files, (files,)
        super().__init__(root, sizes, resolution, seed, max_pixels, digest)

    def entries(self) -> Iterator[ListedItem]:
        """Yield the rows of every file; images are not read."""
        import pyarrow.parquet as pq

        for file in sorted(self.root.glob(self.files)):
            try:
                opened = pq.ParquetFile(file)
            except (OSError, ValueError) as error:  # pyarrow's own errors are both
                raise ValueError(f"{file}: found no Parquet file ({' '.join(str(error).split())})") from error
            have = opened.schema_arrow.names
            for key in ("image", "caption", "id"):
                column = getattr(self, key)
                if column is not None and column not in have:
                    raise ValueError(f"{file}: {key}: found {column!r}; allowed: {', '.join(have)}")
            name = file.relative_to(self.root).as_posix()
            columns = [self.caption] if self.id is None else [self.caption, self.id]
            table = opened.read(columns=columns)
            ids = range(table.num_rows) if self.id is None else table.column(self.id).to_pylist()
            for row, (key, value) in enumerate(zip(ids, table.column(self.caption).to_pylist(), strict=True)):
                where = f"{name}#{row:09d}"  # of equal width, so that sorting by place is sorting by row
                texts = texts_of(value, f"{file}: row {row}: {self.caption}")
                yield ListedItem(where if self.id is None else str(key), texts, where)

    def open(self, entry: ListedItem) -> IO[bytes]:
        """Open the bytes in a row, or the file that it names; a FileNotFoundError when the row holds neither."""
        file, _, row = entry.image.rpartition("#")
        value = _cell(self.root / file, self.image, int(row))
        found: dict[str, Any] = value if isinstance(value, dict) else {}
        content = found.get("bytes") if found else value
        path = found.get("path") if found else None
        if isinstance(content, str):
            content, path = None, content
        if content is not None:
            return io.BytesIO(content)
        if path is None:
            raise FileNotFoundError(f"{entry.image}: column {self.image} is empty")
        return (self.root / path).open("rb")


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
