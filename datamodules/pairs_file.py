"""Pairs as one Parquet file that Hugging Face `datasets` opens as it is: images as PNG, every column under its name.

PNG loses nothing, so what is read equals what was written to the last bit. The schema carries the `datasets` features,
hence `load_dataset("parquet", data_files=...)` has an `Image` column, and the file can be put on a hub unchanged.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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
}
#: Bytes of raw images in one row group, which is written and read at once.
_GROUP = 64 * 2**20
_OURS, _FORMER = b"mmcollapse", b"collapse_bench"  # pools that were made under the former name stay readable


def write(file: Path, images: np.ndarray, fields: dict[str, Any]) -> None:
    """Write images, (n, H, W, 3) uint8 or (n,) float64, and n values of each field; one that is None has no column."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    pictures = images.ndim == 4
    struct = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    present = {name: column for name, column in COLUMNS.items() if fields[name] is not None}
    types = {column: getattr(pa, kind)() for column, kind in present.values()}
    features = {column: {"dtype": kind, "_type": "Value"} for column, kind in present.values()}
    first = {"_type": "Image"} if pictures else {"dtype": "float64", "_type": "Value"}
    metadata = {
        b"huggingface": json.dumps({"info": {"features": {"image": first, **features}}}).encode(),
        _OURS: json.dumps({"schema": 1, "shape": list(images.shape[1:])}).encode(),
    }
    schema = pa.schema({"image": struct if pictures else pa.float64(), **types}, metadata)
    rows = max(1, _GROUP // max(1, int(np.prod(images.shape[1:]))))
    # Neither packed nor indexed again: PNGs are packed already, and all else is small.
    with pq.ParquetWriter(file, schema, compression="NONE", use_dictionary=False) as writer:
        for start in range(0, max(1, len(images)), rows):
            part = slice(start, start + rows)
            cells = [{"bytes": png.encode(image), "path": None} for image in images[part]] if pictures else images[part]
            columns = [pa.array(cells, struct if pictures else pa.float64())]
            columns += [pa.array(fields[name][part], types[column]) for name, (column, _) in present.items()]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema), row_group_size=rows)


def read(file: Path) -> tuple[np.ndarray, dict[str, Any]]:
    """Return the images and fields that `write` was given; a ValueError if another wrote the file."""
    import pyarrow.parquet as pq

    if not file.is_file():
        raise FileNotFoundError(f"{file} is missing")
    opened = pq.ParquetFile(file)
    metadata = opened.schema_arrow.metadata or {}
    ours = metadata.get(_OURS) or metadata.get(_FORMER)
    if ours is None:
        raise ValueError(f"{file}: found no shape of its images; allowed: a file written by Pairs.save")
    shape = tuple(json.loads(ours)["shape"])
    table = opened.read(columns=[name for name in opened.schema_arrow.names if name != "image"])
    fields: dict[str, Any] = dict.fromkeys(COLUMNS)
    for name, (column, kind) in COLUMNS.items():
        if column in table.column_names:
            values = table.column(column)
            fields[name] = tuple(values.to_pylist()) if kind == "string" else values.to_numpy()
    images = np.empty((table.num_rows, *shape), np.uint8 if shape else np.float64)
    start = 0
    for batch in _groups(opened):
        if shape:
            for row, content in enumerate(batch.field("bytes"), start):
                images[row] = png.decode(content.as_buffer())
        else:
            images[start : start + len(batch)] = batch.to_numpy()
        start += len(batch)
    return images, fields


def _groups(opened: Any) -> Iterator[Any]:
    """Yield the image column, one row group at a time."""
    for group in range(opened.num_row_groups):
        yield from opened.read_row_group(group, columns=["image"]).column("image").chunks
