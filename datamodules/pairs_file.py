"""Pairs as one Parquet file that Hugging Face `datasets` opens as it is: images as PNG, every column under its name.

PNG loses nothing, so what is read equals what was written to the last bit. The schema carries the `datasets` features,
hence `load_dataset("parquet", data_files=...)` has an `Image` column, and the file can be put on a hub unchanged.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Self

import numpy as np

from datamodules import png

#: Attribute of `Pairs` -> column, and its type in Arrow and in `datasets`, in the order of the file.
COLUMNS = {
    "captions": ("caption", "string"),
    "prompts": ("prompt", "string"),
    "ids": ("id", "int64"),
    "source": ("source", "string"),
    "seeds": ("seed", "uint64"),
    "origin": ("iteration", "int16"),
    "draw": ("draw", "int16"),
    "weights": ("weight", "float32"),
    "heights": ("original_height", "int32"),
    "widths": ("original_width", "int32"),
}
#: Where the picture of a row lies, in a file that holds none itself: which other file, and which row of it.
PLACE = {"file": ("picture_file", "int16"), "row": ("picture_row", "int64")}
#: Bytes of raw images in one row group, which is written and read at once: whoever wants one picture reads its group.
_GROUP = 16 * 2**20
_OURS, _FORMER = b"mmcollapse", b"collapse_bench"  # pools that were made under the former name stay readable


class Writer:
    """Writes pairs part by part.

    Args:
        file: To write to.
        shape: Of one image: (H, W, 3), or () for numbers.
        fields: n values of each field, `COLUMNS` and `PLACE`; one that is None has no column.
        held: How many pictures each of the files holds that this one points to; None = it holds its own.
    """

    def __init__(
        self, file: Path, shape: Sequence[int], fields: dict[str, Any], held: Sequence[int] | None = None
    ) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self.shape, self.fields, self.done = tuple(shape), fields, 0
        self.image = pa.struct([("bytes", pa.binary()), ("path", pa.string())]) if shape else pa.float64()
        self.present = {n: c for n, c in {**COLUMNS, **PLACE}.items() if fields.get(n) is not None}
        features = {column: {"dtype": kind, "_type": "Value"} for column, kind in self.present.values()}
        first = {"_type": "Image"} if shape else {"dtype": "float64", "_type": "Value"}
        said = {"schema": 1, "shape": list(shape)} | ({} if held is None else {"held": list(held)})
        metadata = {
            b"huggingface": json.dumps({"info": {"features": {"image": first, **features}}}).encode(),
            _OURS: json.dumps(said).encode(),
        }
        types = {column: getattr(pa, kind)() for column, kind in self.present.values()}
        self.schema = pa.schema({"image": self.image, **types}, metadata)
        self.rows = max(1, _GROUP // max(1, int(np.prod(shape))))
        # Neither packed nor indexed again: PNGs are packed already, and all else is small.
        self.writer = pq.ParquetWriter(file, self.schema, compression="NONE", use_dictionary=False)

    def add(self, images: np.ndarray) -> None:
        """Write the next images, (k, H, W, 3) uint8 or (k,) float64, with their fields."""
        self.add_cells((png.encode(image) for image in images) if self.shape else images)

    def add_cells(self, cells: Iterable[Any]) -> None:
        """Write the next images as the file holds them: PNGs, or None for one that lies elsewhere, or numbers."""
        import pyarrow as pa

        waiting = iter(cells)
        while (group := list(islice(waiting, self.rows))) or not self.done:
            column = [None if c is None else {"bytes": c, "path": None} for c in group] if self.shape else group
            part = slice(self.done, self.done + len(group))
            columns = [pa.array(column, self.image)]
            for name, (column_name, _) in self.present.items():
                columns.append(pa.array(self.fields[name][part], self.schema.field(column_name).type))
            self.writer.write_table(pa.Table.from_arrays(columns, schema=self.schema), row_group_size=self.rows)
            self.done += len(group)
            if not group:
                break

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.writer.close()


class Groups:
    """The pictures of a file, read a row group at a time; the last one read is kept."""

    def __init__(self, file: Path) -> None:
        self.opened = _opened(file)
        counts = [self.opened.metadata.row_group(g).num_rows for g in range(self.opened.num_row_groups)]
        self.ends = np.cumsum(counts)
        self.kept, self.pngs = -1, None

    def png(self, row: int) -> bytes:
        """Return the PNG of a row."""
        group = int(np.searchsorted(self.ends, row, side="right"))
        if group != self.kept:
            self.pngs = self.opened.read_row_group(group, columns=["image"]).column("image").combine_chunks()
            self.kept = group
        start = 0 if group == 0 else int(self.ends[group - 1])
        assert self.pngs is not None
        content: bytes = self.pngs.field("bytes")[row - start].as_py()
        return content


def read(file: Path) -> tuple[tuple[int, ...], dict[str, Any], list[int] | None]:
    """Return all but the pictures: the shape of an image, the fields and places, what other files hold (`Writer`).

    Where images are numbers, they are the field "images". A ValueError if another wrote the file.
    """
    opened = _opened(file)
    metadata = opened.schema_arrow.metadata or {}
    ours = metadata.get(_OURS) or metadata.get(_FORMER)
    if ours is None:
        raise ValueError(f"{file}: found no shape of its images; allowed: a file written by Pairs.save")
    said = json.loads(ours)
    shape = tuple(said["shape"])
    table = opened.read(columns=[name for name in opened.schema_arrow.names if name != "image" or not shape])
    fields: dict[str, Any] = dict.fromkeys(COLUMNS)
    for name, (column, kind) in {**COLUMNS, **PLACE, "images": ("image", "float64")}.items():
        if column in table.column_names:
            values = table.column(column)
            fields[name] = tuple(values.to_pylist()) if kind == "string" else values.to_numpy()
    return shape, fields, said.get("held")


def _opened(file: Path) -> Any:
    import pyarrow.parquet as pq

    if not file.is_file():
        raise FileNotFoundError(f"{file} is missing")
    return pq.ParquetFile(file)
