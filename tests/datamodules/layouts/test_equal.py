"""The same pictures and captions in every layout: found as what they are, and read to the same values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from datamodules.layouts import Item, open_set
from datamodules.pictures import header, upright
from tests.datamodules.layouts.writers import WRITERS, Row, pictures, rows, webdataset, write_list


def values(items: list[Item]) -> list[tuple[tuple[str, ...], bytes]]:
    """Captions and pixels, in an order that no layout decides."""
    return sorted((item.captions, item.picture.pixels().tobytes() if item.picture else b"") for item in items)


def expected(data: list[Row]) -> list[tuple[tuple[str, ...], bytes]]:
    import io

    return sorted((row.captions, np.asarray(upright(header(io.BytesIO(row.content or b"")))).tobytes()) for row in data)


@pytest.mark.parametrize("name", WRITERS)
def test_every_layout_is_found_and_yields_the_same(tmp_path: Path, name: str) -> None:
    write, layout, several = WRITERS[name]
    data = rows(12, 3 if several else 1)
    found = open_set(write(tmp_path / "set", data))
    assert found.layout == layout
    items = list(found.items())
    assert values(items) == expected(data)
    assert len({item.id for item in items}) == len(data)
    assert found.counts == {}, found.problems
    again = list(found.items())
    assert [(i.id, i.captions) for i in again] == [(i.id, i.captions) for i in items]


@pytest.mark.parametrize("name", WRITERS)
def test_pictures_can_be_asked_for_in_any_order_and_twice(tmp_path: Path, name: str) -> None:
    data = rows(12)
    items = list(open_set(WRITERS[name][0](tmp_path / "set", data)).items())
    first = [item.picture.bytes() for item in items if item.picture]
    assert [item.picture.bytes() for item in reversed(items) if item.picture] == first[::-1]
    assert len(set(first)) == len(data)


@pytest.mark.parametrize("name", [name for name, row in WRITERS.items() if row[1] != "pairs"])
def test_the_encoded_file_is_returned_as_it_lies_there(tmp_path: Path, name: str) -> None:
    data = rows(12)
    items = open_set(WRITERS[name][0](tmp_path / "set", data)).items()
    assert sorted(i.picture.bytes() for i in items if i.picture) == sorted(row.content or b"" for row in data)


@pytest.mark.parametrize("file", ["all.txt", "all.jsonl", "all.csv", "all.tsv", "all.parquet"])
def test_captions_alone(tmp_path: Path, file: str) -> None:
    data = rows(12)
    if file == "all.txt":
        (tmp_path / file).write_text("\n".join(row.captions[0] for row in data), encoding="utf-8")
    else:
        write_list(tmp_path / file, [{"prompt": row.captions[0], "seed": 1} for row in data])
    for path in (tmp_path, tmp_path / file):
        found = open_set(path)
        assert (found.layout, found.has_pictures) == ("captions", False)
        items = list(found.items())
        assert [item.captions for item in items] == [row.captions for row in data]
        assert all(item.picture is None for item in items)
        assert found.counts == {}


def test_rows_of_captions_that_share_an_id_are_one_item(tmp_path: Path) -> None:
    table = [{"image_id": i % 3, "caption": f"caption {i}"} for i in range(6)]
    write_list(tmp_path / "all.jsonl", table)
    found = open_set(tmp_path)
    assert [(i.id, i.captions) for i in found.items()] == [
        (str(k), (f"caption {k}", f"caption {k + 3}")) for k in range(3)
    ]


def test_pictures_alone(tmp_path: Path) -> None:
    data = rows(6)
    pictures(tmp_path, data[:3], "dogs")
    pictures(tmp_path, data[3:], "cats")
    found = open_set(tmp_path)
    assert (found.layout, found.has_captions) == ("images", False)
    items = list(found.items())
    assert [item.id for item in items] == [f"cats/{k:05d}.jpg" for k in (3, 4, 5)] + [
        f"dogs/{k:05d}.jpg" for k in (0, 1, 2)
    ]
    assert found.counts == {}
    assert all(item.captions == () for item in items)


def test_shards_by_braces_and_one_shard(tmp_path: Path) -> None:
    data = rows(12)
    webdataset(tmp_path, data)
    some = open_set(tmp_path / "{00000..00001}.tar")
    assert values(list(some.items())) == expected(data[:9])
    assert values(list(open_set(tmp_path / "{00000,00002}.tar").items())) == expected(data[:5] + data[9:])
    assert values(list(open_set(tmp_path / "00002.tar").items())) == expected(data[9:])


def test_a_list_is_opened_by_its_own_path(tmp_path: Path) -> None:
    data = rows(12)
    names = pictures(tmp_path, data, "p")
    for file, part in (("train.csv", slice(0, 8)), ("val.csv", slice(8, 12))):
        table = [{"file": n, "caption": r.captions[0]} for n, r in zip(names[part], data[part], strict=True)]
        write_list(tmp_path / file, table)
    assert values(list(open_set(tmp_path / "val.csv").items())) == expected(data[8:])
    assert values(list(open_set(tmp_path).items())) == expected(data)


@pytest.mark.parametrize(("column", "said"), [("caption", "short"), ("long", "long"), ("caption,long", "short long")])
def test_captions_come_from_the_columns_that_are_told(tmp_path: Path, column: str, said: str) -> None:
    pictures(tmp_path, rows(2))
    table = [{"path": f"{i:05d}.jpg", "caption": f"short {i}", "long": f"long {i}"} for i in range(2)]
    write_list(tmp_path / "all.csv", table)
    found = open_set(tmp_path, columns={"caption": column})
    assert [item.captions for item in found.items()] == [
        tuple(f"{word} {i}" for word in said.split()) for i in range(2)
    ]


def test_captions_come_from_a_field_or_ending_that_is_told(tmp_path: Path) -> None:
    from tests.datamodules.layouts.writers import tar

    members = [
        ("1.jpg", rows(1)[0].content or b""),
        ("1.txt", b"raw"),
        ("1.json", b'{"caption": "made", "recap": "anew"}'),
    ]
    tar(tmp_path / "0.tar", members)
    for column, said in ((None, "raw"), ("json.recap", "anew"), ("caption", "made"), ("txt,json.caption", "raw made")):
        columns = {} if column is None else {"caption": column}
        assert [" ".join(i.captions) for i in open_set(tmp_path, columns=columns).items()] == [said]


def test_a_text_of_several_lines_is_one_caption_unless_told(tmp_path: Path) -> None:
    pictures(tmp_path, rows(1))
    (tmp_path / "00000.txt").write_text("first\n\nsecond\n")
    assert [i.captions for i in open_set(tmp_path).items()] == [("first\n\nsecond",)]
    lines = open_set(tmp_path, columns={"lines": "captions"})
    assert [i.captions for i in lines.items()] == [("first", "second")]


def test_one_split_of_several(tmp_path: Path) -> None:
    from tests.datamodules.layouts.writers import hub, saved_splits

    data = rows(12)
    saved_splits(tmp_path / "saved", data)
    assert len(list(open_set(tmp_path / "saved", columns={"split": "test"}).items())) == 5
    (tmp_path / "hub" / "data").mkdir(parents=True)
    for split, part in (("train", data[:7]), ("test", data[7:])):
        hub(part).to_parquet(str(tmp_path / "hub" / "data" / f"{split}-00000-of-00001.parquet"))
    assert len(list(open_set(tmp_path / "hub").items())) == 12
    assert len(list(open_set(tmp_path / "hub", columns={"split": "train"}).items())) == 7
