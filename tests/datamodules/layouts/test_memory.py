"""Memory does not grow with a set: what is held after all items is what is held after half of them."""

from __future__ import annotations

import gc
import random
import tracemalloc
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Dataset

from benchmarks.measuring.sample import take
from datamodules.layouts import Item, open_set
from tests.datamodules.layouts import writers as write
from tests.datamodules.layouts.writers import Row, tar, write_list

COUNT = 1_000
#: What may be held more after the second half: 49 bytes for each of its items would be as much.
MORE = 24 * 1024
#: What may be held at any time, of a set whose pictures are seven times as much.
MOST = 3 * 2**20


def many(count: int) -> list[Row]:
    return [
        Row(f"{i:06d}", (f"a caption of some length, number {i}, " * 3,), random.Random(i).randbytes(20_000))
        for i in range(count)
    ]


def one_shard(root: Path, data: Sequence[Row]) -> None:
    tar(root / "0.tar", write.members(data))


def one_packed_shard(root: Path, data: Sequence[Row]) -> None:
    tar(root / "0.tar.gz", write.members(data), "w:gz")


def one_list(root: Path, data: Sequence[Row]) -> None:
    write.pictures(root, data[:10])
    table = [{"path": f"{row.key}.jpg", "caption": row.captions[0]} for row in data]
    write_list(root / "all.csv", table)


def captions(root: Path, data: Sequence[Row]) -> None:
    write_list(root / "all.jsonl", [{"image_id": row.key, "caption": row.captions[0]} for row in data])


def arrow(root: Path, data: Sequence[Row]) -> None:
    cells = {"image": [r.content for r in data], "caption": [r.captions[0] for r in data]}
    Dataset.from_dict(cells).save_to_disk(str(root))


def parquet(root: Path, data: Sequence[Row]) -> None:
    root.mkdir()
    table = pa.table(
        {"id": [r.key for r in data], "image": [r.content for r in data], "caption": [r.captions[0] for r in data]}
    )
    pq.write_table(table, root / "0.parquet", row_group_size=20)


def held(path: Path) -> tuple[int, int, int]:
    """Read all, and return the bytes that Python holds after half the items, after all but one, and at most."""
    found = open_set(path)
    next(found.items())  # modules and caches
    half = whole = 0
    tracemalloc.start()
    try:
        for number, item in enumerate(found.items(), 1):
            if item.picture is not None:
                item.picture.bytes()
            if number == COUNT // 2:
                gc.collect()
                half = tracemalloc.get_traced_memory()[0]
            elif number == COUNT - 1:
                gc.collect()
                whole = tracemalloc.get_traced_memory()[0]
        return half, whole, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


WRITE: dict[str, Callable[[Path, Sequence[Row]], object]] = {
    "shard": one_shard, "compressed shard": one_packed_shard, "list": one_list, "captions": captions,
    "save_to_disk": arrow, "Parquet": parquet, "kohya": write.kohya, "img2dataset": write.img2dataset,
}  # fmt: skip


@pytest.mark.parametrize("name", WRITE)
def test_memory_does_not_grow_with_the_set(tmp_path: Path, name: str) -> None:
    WRITE[name](tmp_path / "set", many(COUNT))
    half, whole, most = held(tmp_path / "set")
    assert whole < half + MORE
    assert most < MOST


def test_an_item_is_let_go_when_the_next_one_is_asked_for(tmp_path: Path) -> None:
    one_packed_shard(tmp_path, many(50))
    alive = weakref.WeakSet[Item]()
    most = 0
    for item in open_set(tmp_path).items():
        alive.add(item)
        most = max(most, len(alive))
    assert most <= 2


def test_pictures_of_compressed_shards_that_are_measured_lie_in_files(tmp_path: Path) -> None:
    """They cannot be read again where they lie, and some thousands of photographs are gigabytes."""
    one_packed_shard(tmp_path, many(300))
    tracemalloc.start()
    try:
        sample = take(open_set(tmp_path), most=100)
        gc.collect()
        now, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert now < 20_000 * 100 / 2, "the pictures of the sample would be twice as much"
    assert sample.aside is not None
    assert len(list(Path(sample.aside.name).iterdir())) == len(sample.items) == 100
    plain = {row.key: row.content for row in many(300)}
    assert all(one.picture.bytes() == plain[one.id.rpartition("/")[2]] for one in sample.items)
    folder = Path(sample.aside.name)
    del sample
    gc.collect()
    assert not folder.exists()
