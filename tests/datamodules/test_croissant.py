"""Exported pairs are described beside them in Croissant: every column, the file by its digest, and nothing invented."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from datamodules.croissant import FILE
from datamodules.layouts import open_set
from datamodules.pairs import Pairs


def pool(n: int = 4, **more: Any) -> Pairs:
    images = np.random.default_rng(0).integers(0, 256, (n, 8, 8, 3)).astype(np.uint8)
    texts = tuple(f"caption {i}" for i in range(n))
    source = tuple("" if i == 0 else "sd@12ab + blip@34cd" for i in range(n))
    return Pairs(np.arange(n), images, texts, texts, np.minimum(np.arange(n), 1), source=source, **more)


def read(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / FILE).read_text(encoding="utf-8"))
    return found


def test_every_column_of_the_file_is_described(tmp_path: Path) -> None:
    pool(seeds=np.arange(4, dtype=np.uint64), weights=np.ones(4)).export(tmp_path / "pool.parquet")
    found = read(tmp_path)
    (table,) = found["recordSet"]
    named = {field["source"]["extract"]["column"]: field["dataType"] for field in table["field"]}
    assert list(named) == pq.read_schema(tmp_path / "pool.parquet").names
    assert named == {
        "image": "sc:ImageObject", "caption": "sc:Text", "prompt": "sc:Text", "id": "sc:Integer", "source": "sc:Text",
        "seed": "sc:Integer", "iteration": "sc:Integer", "weight": "sc:Float",
    }  # fmt: skip
    assert all(field["description"] and field["@id"] == f"pool/{field['name']}" for field in table["field"])
    assert table["field"][0]["source"]["transform"] == {"jsonPath": "bytes"}
    assert table["description"] == "pool.parquet: 4 pairs, 1 of them real, 3 made by blip@34cd, sd@12ab."


def test_the_file_is_told_by_size_and_digest(tmp_path: Path) -> None:
    pool().export(tmp_path / "pool.parquet")
    (file,) = read(tmp_path)["distribution"]
    content = (tmp_path / "pool.parquet").read_bytes()
    assert file["sha256"] == hashlib.sha256(content).hexdigest()
    assert file["contentSize"] == f"{len(content)} B"
    assert (file["contentUrl"], file["encodingFormat"]) == ("pool.parquet", "application/x-parquet")


def test_several_files_of_a_folder_are_described_and_what_was_added_by_hand_stays(tmp_path: Path) -> None:
    pool().export(tmp_path / "a.parquet")
    told = read(tmp_path)
    (tmp_path / FILE).write_text(json.dumps({**told, "license": "https://example.org/licence"}))
    pool(6).export(tmp_path / "b.parquet")
    pool(5).export(tmp_path / "a.parquet")
    found = read(tmp_path)
    assert found["license"] == "https://example.org/licence"
    assert [file["@id"] for file in found["distribution"]] == ["b.parquet", "a.parquet"]
    assert [table["@id"] for table in found["recordSet"]] == ["b", "a"]
    assert found["rai:dataCollection"].startswith("b.parquet: 6 pairs, 1 of them real, 5 made by")


def test_nothing_is_written_over_another_document(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("[1, 2]")
    with pytest.raises(
        ValueError, match=r"croissant\.json: found another document; allowed: a Croissant file, or none"
    ):
        pool().export(tmp_path / "pool.parquet")
    assert not (tmp_path / "pool.parquet").exists()


def test_numbers_of_the_analytic_testbed_are_described_as_such(tmp_path: Path) -> None:
    Pairs(np.arange(2), np.zeros(2), ("a", "b"), ("", ""), np.zeros(2, np.int16)).export(tmp_path / "pool.parquet")
    assert read(tmp_path)["recordSet"][0]["field"][0]["dataType"] == "sc:Float"


def test_an_exported_folder_is_read_as_pairs(tmp_path: Path) -> None:
    pool().export(tmp_path / "pool.parquet")
    found = open_set(tmp_path)
    assert found.layout == "pairs"
    assert len(list(found.items())) == 4
