"""Parquet files as people bring them: read right, or refused in one sentence with the file and the column."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from datamodules.parquet import ParquetImages
from tests.inputs.refused import one_sentence

# -- Parquet -------------------------------------------------------------------------------------------------------


def parquet(root: Path, table: pa.Table, **arguments: Any) -> ParquetImages:
    pq.write_table(table, root / "x.parquet")
    return ParquetImages(str(root), {}, **arguments)


IMAGES = pa.array([b"x", b"y"])


@pytest.mark.parametrize(
    ("captions", "expected"),
    [
        (pa.array(["a", "b"]), [("a",), ("b",)]),
        (pa.array(["a", "b"], pa.large_string()), [("a",), ("b",)]),
        (pa.array(["a", "b"]).dictionary_encode(), [("a",), ("b",)]),
        (pa.array([["a", "c"], ["b"]]), [("a", "c"), ("b",)]),
        (pa.array([["a", None], ["b"]], pa.large_list(pa.string())), [("a",), ("b",)]),
        (pa.array([["a", "c"], ["b", "d"]], pa.list_(pa.string(), 2)), [("a", "c"), ("b", "d")]),
    ],
)
def test_columns_of_captions(captions: pa.Array, expected: Any, tmp_path: Path) -> None:
    data = parquet(tmp_path, pa.table({"image": IMAGES, "caption": captions}))
    assert [e.captions for e in data.listing] == expected


@pytest.mark.parametrize(
    ("table", "found"),
    [
        (
            {"image": IMAGES, "caption": pa.array([1, 2])},
            "row 0: caption: found 1; allowed: a text, or a list of texts",
        ),
        ({"image": IMAGES, "caption": pa.array([None, 2.5])}, "row 1: caption: found 2.5"),
        ({"image": IMAGES, "caption": pa.array([b"a", b"b"])}, "row 0: caption: found b'a'"),
        ({"image": IMAGES, "caption": pa.array([[["a"]], []])}, "row 0: caption: found [['a']]"),
        ({"image": IMAGES, "caption": pa.array([{"en": "a"}, None])}, "row 0: caption: found {'en': 'a'}"),
        ({"image": IMAGES, "caption": pa.array([True, None])}, "row 0: caption: found True"),
        ({"image": IMAGES, "text": ["a", "b"]}, "caption: found 'caption'; allowed: image, text"),
        ({"caption": ["a", "b"]}, "image: found 'image'; allowed: caption"),
        ({"image": pa.array([1, 2]), "caption": ["a", "b"]}, "image: found int64; allowed: bytes, a path, or a struct"),
        ({"image": pa.array([[b"x"], []]), "caption": ["a", "b"]}, "image: found list<"),
        ({"image": pa.array([{"url": "x"}, None]), "caption": ["a", "b"]}, "image: found struct<url: string>"),
        ({"image": pa.array([{"bytes": 5}, None]), "caption": ["a", "b"]}, "image: found struct<bytes: int64>"),
        ({f"c{n}": [1] for n in range(300)}, "image: found 'image'; allowed: c0, c1"),
    ],
)
def test_wrong_columns_are_named(table: dict[str, Any], found: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="allowed") as caught:
        parquet(tmp_path, pa.table(table))
    one_sentence(caught.value, f"{tmp_path / 'x.parquet'}: ", found)


def test_a_column_twice_an_empty_table_and_text_that_is_none(tmp_path: Path) -> None:
    twice = pa.Table.from_arrays([IMAGES, pa.array(["a", "b"]), pa.array(["c", "d"])], ["image", "caption", "caption"])
    with pytest.raises(ValueError, match="caption: found 'caption' twice; allowed: image, caption, caption, each once"):
        parquet(tmp_path, twice)
    with pytest.raises(ValueError, match="found no entry in"):
        parquet(tmp_path, pa.table({"image": pa.array([], pa.binary()), "caption": pa.array([], pa.string())}))
    bad = pa.Array.from_buffers(pa.string(), 2, [None, *pa.array([b"a", b"\xff"]).buffers()[1:]])
    with pytest.raises(ValueError, match=r"x\.parquet: rows from 0: caption: found text that is no UTF-8"):
        parquet(tmp_path, pa.table({"image": IMAGES, "caption": bad}))


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" * 50, b"id,caption\n1,a\n"])
def test_what_is_no_parquet_file(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_bytes(content)
    with pytest.raises(ValueError, match=r"x\.parquet: found no Parquet file") as caught:
        ParquetImages(str(tmp_path), {})
    one_sentence(caught.value)
