"""What is wrong with a set is counted by kind, with examples, and alike in every layout; the rest is read."""

from __future__ import annotations

import json
import os
import tarfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from datamodules.layouts import BrokenImage, OpenSet, open_set
from tests.datamodules.conftest import MAX_PIXELS, odd_pictures, plain, put
from tests.datamodules.layouts import writers as write
from tests.datamodules.layouts.writers import WRITERS, Row, rows, tar, write_list


def counted(found: OpenSet) -> dict[str, int]:
    """Read everything, pictures too, and return what was counted."""
    for item in found.items():
        if item.picture is not None:
            with suppress(BrokenImage):
                item.picture.pixels(MAX_PIXELS)
    assert found.counts == {kind: found.counts[kind] for kind in found.problems}
    assert all(0 < len(examples) <= min(20, found.counts[kind]) for kind, examples in found.problems.items())
    return found.counts


def damaged() -> list[Row]:
    """Twelve rows: 1 is no picture, 2 half a picture, 4 has no caption, 5 no picture, 6 only white space."""
    data = rows(12)
    data[1] = replace(data[1], content=b"no picture")
    data[2] = replace(data[2], content=(data[2].content or b"")[:300])
    data[4] = replace(data[4], captions=())
    data[5] = replace(data[5], content=None)
    data[6] = replace(data[6], captions=(" \u200b ",))
    return data


@pytest.mark.parametrize("name", [name for name, row in WRITERS.items() if row[1] not in ("pairs", "img2dataset")])
def test_broken_pictures_missing_captions_and_missing_pictures_are_counted_alike(tmp_path: Path, name: str) -> None:
    data = damaged()
    if name in ("Parquet of bytes", "Parquet of a hub") or name.startswith("save"):
        data = sorted(data, key=lambda row: row.content is None)  # pictures first: types are told by the first cell
    found = open_set(WRITERS[name][0](tmp_path / "set", data))
    if name.endswith((".csv", "CSV", "TSV")):  # a row a caption: without one there is no row
        assert counted(found) == {"broken": 2, "no caption": 1, "no picture": 1, "in no list": 1}
        assert len(list(found.items())) == 11
        return
    assert counted(found) == {"broken": 2, "no caption": 2, "no picture": 1}
    assert len(list(found.items())) == 12
    assert any(item.picture is None and item.captions for item in found.items())


def test_what_cannot_be_decoded_is_told_by_its_defect(tmp_path: Path) -> None:
    put(tmp_path, odd_pictures())
    found = open_set(tmp_path)
    assert counted(found) == {"broken": 2, "huge picture": 1, "unsupported mode": 1}
    assert found.problems["huge picture"] == ["huge.png: more pixels than max_pixels (found 200 x 60, allowed: 10000)"]
    assert found.problems["broken"][0].startswith("text.jpg: the bytes are no whole image (it starts with b'this is")


def test_an_error_names_picture_and_place_and_is_counted_once(tmp_path: Path) -> None:
    tar(tmp_path / "0.tar", [("a.jpg", b"nothing"), ("a.txt", b"said")])
    found = open_set(tmp_path)
    (item,) = found.items()
    assert item.picture is not None
    for _ in range(2):
        with pytest.raises(BrokenImage, match=r"0\.tar#512\+7: picture of '0/a': the bytes are no whole image"):
            item.picture.pixels()
    assert found.counts == {"broken": 1}


def twice(kind: str, root: Path, data: Sequence[Row]) -> Path:
    """Write rows of which the fourth stands twice."""
    if kind == "webdataset":
        tar(root / "0.tar", [*write.members(data), *write.members(data[3:4])])
    elif kind == "parquet":
        root.mkdir()
        table = [{"key": row.key, "jpg": row.content, "caption": row.captions[0]} for row in [*data, data[3]]]
        pq.write_table(pa.Table.from_pylist(table), root / "0.parquet")
    elif kind == "captions":
        write_list(root / "0.jsonl", [{"id": row.key, "caption": row.captions[0]} for row in [*data, data[3]]])
    elif kind == "img2dataset":
        write.img2dataset(root, data)
        with tarfile.open(root / "00000.tar", "a") as archive:
            members = [*write.members(data[3:4]), *write.members(data[9:10])]
        tar(root / "00003.tar", members)
        archive.close()
    else:
        names = write.pictures(root, data)
        file = {"imagefolder": "metadata.csv", "table": "all.jsonl"}[kind]
        table = [{"file_name": n, "text": r.captions[0]} for n, r in zip(names, data, strict=True)]
        write_list(root / file, [*table, table[3]])
    return root


@pytest.mark.parametrize("kind", ["webdataset", "parquet", "captions", "imagefolder", "table"])
def test_of_rows_with_one_id_the_first_stays(tmp_path: Path, kind: str) -> None:
    data = rows(12)
    found = open_set(twice(kind, tmp_path / "set", data))
    assert [item.captions for item in found.items()] == [row.captions for row in data]
    assert found.counts == {"duplicate id": 1}
    assert any(word in found.problems["duplicate id"][0] for word in ("00003", "#000000014"))


def test_a_key_of_img2dataset_that_lies_in_two_shards_is_one_item(tmp_path: Path) -> None:
    data = rows(12)
    found = open_set(twice("img2dataset", tmp_path / "set", data))
    assert len(list(found.items())) == 12
    assert found.counts["duplicate id"] == 2
    assert found.problems["duplicate id"] == ["00003", "00009"]


@pytest.mark.parametrize("kind", ["webdataset", "files", "parquet"])
def test_downloads_that_failed_are_counted_by_status(tmp_path: Path, kind: str) -> None:
    data = rows(12)
    data[2] = replace(data[2], status="failed_to_download")
    data[3] = replace(data[3], status="failed_to_download")
    data[8] = replace(data[8], status="failed_to_resize")
    found = open_set(write.img2dataset(tmp_path / "set", data, kind))
    assert sorted(item.id for item in found.items()) == [row.key for row in data if row.status == "success"]
    assert found.counts == {"status failed_to_download": 2, "status failed_to_resize": 1}
    assert found.problems["status failed_to_download"][0] == "00002 (HTTP Error 404)"


def test_keys_that_lie_in_no_shard_and_shards_that_were_not_finished_are_counted(tmp_path: Path) -> None:
    write.img2dataset(tmp_path, rows(12))
    (tmp_path / "00002_stats.json").unlink()
    (tmp_path / "00001.tar").unlink()
    found = open_set(tmp_path)
    assert len(list(found.items())) == 8
    assert found.counts == {"listed, in no shard": 4, "unfinished shard": 1}


@pytest.mark.parametrize(
    ("content", "kind"),
    [(b"b\xe9", "caption not UTF-8"), ("bé".encode("utf-16"), "caption not UTF-8"), ("\ufeffbé\r\n".encode(), ""),
     (b"a\0b", ""), ("be\u0301".encode(), "")],
)  # fmt: skip
@pytest.mark.parametrize("layout", ["kohya", "webdataset"])
def test_a_text_that_is_no_utf_8_is_counted(tmp_path: Path, layout: str, content: bytes, kind: str) -> None:
    files = {"1.jpg": plain(1), "1.txt": content, "2.jpg": plain(2), "2.txt": b"plain"}
    put(tmp_path, files) if layout == "kohya" else tar(tmp_path / "0.tar", list(files.items()))
    found = open_set(tmp_path)
    said = [item.captions for item in found.items()]
    assert said[1] == ("plain",)
    assert found.counts == ({kind: 1} if kind else {})
    if not kind:
        assert said[0] in (("bé",), ("a\0b",))


def test_lines_that_cannot_be_read_are_counted_and_the_others_stay(tmp_path: Path) -> None:
    lines = [
        b'{"prompt": "one"}',
        b"not json",
        b"[1]",
        b'{"prompt": 5}',
        b'{"prompt": "b\xe9"}',
        b"",
        b'{"prompt": "two"}',
    ]
    (tmp_path / "a.jsonl").write_bytes(b"\r\n".join(lines))
    found = open_set(tmp_path / "a.jsonl")
    assert [item.captions for item in found.items()] == [("one",), (), ("two",)]
    assert found.counts == {"unreadable caption": 1, "unreadable line": 3}
    cells = [b"path,caption", b"a.jpg,one", b'b.jpg,"never ends', b"c.jpg,b\xe9", b"d.jpg", b"e.jpg,two"]
    (tmp_path / "csv").mkdir()
    put(tmp_path / "csv", {f"{name}.jpg": plain(1) for name in "abcde"})
    (tmp_path / "csv" / "all.csv").write_bytes(b"\n".join(cells))
    found = open_set(tmp_path / "csv")
    assert [(i.id, i.captions) for i in found.items()] == [("a.jpg", ("one",)), ("e.jpg", ("two",))]
    assert found.counts == {"in no list": 3, "unreadable line": 3}, "an open quote takes its own line alone"
    (tmp_path / "csv" / "all.csv").write_bytes(b"\n".join(cells[:2] + cells[3:]))
    assert [i.captions for i in found.items()] == [("one",), ("two",)]
    assert found.counts == {"in no list": 3, "unreadable line": 2}
    (tmp_path / "b.txt").write_bytes(b"one\nb\xe9\n\ntwo")
    found = open_set(tmp_path / "b.txt")
    assert [item.captions for item in found.items()] == [("one",), ("two",)]
    assert found.counts == {"unreadable line": 1}


def test_text_in_parquet_that_is_no_utf_8_is_counted(tmp_path: Path) -> None:
    column = pa.Array.from_buffers(pa.string(), 2, pa.array([b"good", b"b\xe9"], pa.binary()).buffers())
    pq.write_table(pa.table({"caption": column}), tmp_path / "a.parquet")
    found = open_set(tmp_path)
    assert [item.captions for item in found.items()] == [("good",), ()]
    assert found.counts == {"caption not UTF-8": 1}


HIDDEN = (".ipynb_checkpoints/00000-checkpoint.jpg", "._00001.jpg", "__MACOSX/00002.jpg", ".DS_Store")


@pytest.mark.parametrize("name", [name for name in WRITERS if name.startswith(("kohya", "imagefolder", "CSV", "JSON"))])
def test_hidden_files_and_copies_are_no_data(tmp_path: Path, name: str) -> None:
    root = WRITERS[name][0](tmp_path / "set", rows(12))
    put(root, dict.fromkeys(HIDDEN, plain(0)))
    found = open_set(root)
    assert len(list(found.items())) == 12
    assert found.counts == {"hidden": 3}
    assert (
        found.problems["hidden"] == ["._00001.jpg", ".ipynb_checkpoints", "__MACOSX"]
        or len(found.problems["hidden"]) == 3
    )


def test_hidden_members_of_a_shard_are_no_data(tmp_path: Path) -> None:
    tar(
        tmp_path / "0.tar",
        [*write.members(rows(3)), *((name, plain(0)) for name in HIDDEN), ("./5.jpg", plain(5)), ("5.txt", b"x")],
    )
    found = open_set(tmp_path)
    assert [item.id for item in found.items()] == ["0/00000", "0/00001", "0/00002", "0/5"]
    assert found.counts == {"hidden": 4}


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (cut, "it ends within|unexpected end|truncated|it has no end mark"),
        (lambda content: (body := content.rstrip(b"\0")) + bytes(-len(body) % 512), "no end mark"),
        (lambda content: content[:3072] + b"garbage!" * 64 + content[3072 + 512 :], "byte 3072 is no header|no header"),
        (lambda content: content + content, "more follows its end mark"),
        (lambda content: b"", "it is empty"),
        (lambda content: b"no tar at all" * 100, "invalid header|truncated header|bad checksum|not a"),
    ],
    ids=["cut", "unfinished", "overwritten", "joined", "empty", "no tar"],
)  # fmt: skip
def test_a_shard_that_is_not_whole_is_counted_and_the_others_are_read(
    tmp_path: Path, damage: Callable[[bytes], bytes], said: str
) -> None:
    import re

    write.webdataset(tmp_path, rows(12))
    shard = tmp_path / "00001.tar"
    shard.write_bytes(damage(shard.read_bytes()))
    found = open_set(tmp_path)
    items = list(found.items())
    assert found.counts["broken shard"] == 1, found.counts
    assert re.search(said, found.problems["broken shard"][0]), found.problems
    assert {i.id for i in items} >= {
        f"{s}/{k:05d}" for s, ks in (("00000", range(5)), ("00002", (9, 10, 11))) for k in ks
    }


def test_a_compressed_shard_that_is_cut_is_counted(tmp_path: Path) -> None:
    write.webdataset(tmp_path, rows(12), "txt", "w:gz", "tar.gz")
    shard = tmp_path / "00001.tar.gz"
    shard.write_bytes(cut(shard.read_bytes()))
    found = open_set(tmp_path)
    assert len(list(found.items())) >= 8
    assert found.counts["broken shard"] == 1


def test_rows_beyond_damage_are_counted(tmp_path: Path) -> None:
    write.parquet(tmp_path, rows(12), "bytes")
    file = tmp_path / "train-00001-of-00003.parquet"
    content = bytearray(file.read_bytes())
    content[4 : len(content) // 2] = bytes(len(content) // 2 - 4)
    file.write_bytes(content)
    found = open_set(tmp_path)
    counts = counted(found)
    assert set(counts) & {"unreadable rows", "unreadable file"}, counts
    assert sum(1 for _ in found.items()) >= 8


def test_pictures_elsewhere_and_pictures_in_no_list_are_counted(tmp_path: Path) -> None:
    put(tmp_path, {"a.jpg": plain(1), "b.jpg": plain(2), "c.jpg": plain(3)})
    paths = ["a.jpg", str(tmp_path / "b.jpg"), "/elsewhere/x.jpg", "http://x/y.jpg", "../z.jpg", "gone.jpg", ""]
    write_list(tmp_path / "all.jsonl", [{"path": path, "caption": f"at {i}"} for i, path in enumerate(paths)])
    found = open_set(tmp_path)
    items = list(found.items())
    assert [item.picture is not None for item in items] == [True, True, False, False, False, False, False]
    assert [item.captions for item in items] == [(f"at {i}",) for i in range(7)]
    assert found.counts == {"in no list": 1, "no picture": 5, "picture elsewhere": 3}
    assert found.problems["in no list"] == ["c.jpg"]


def test_names_in_any_form_are_found(tmp_path: Path) -> None:
    put(tmp_path, {"be\u0301.jpg": plain(1), "A.JPG": plain(2), "B.jpg": plain(3)})
    os.rename(tmp_path / "B.jpg", os.fsencode(str(tmp_path)) + b"/b\xe9.jpg")
    put(tmp_path, {"b\u00e9.txt": b"composed", "A.txt": b"capital"})
    found = open_set(tmp_path)
    read = {item.id: item.captions for item in found.items()}
    assert read == {"A.JPG": ("capital",), "b\u00e9.jpg": ("composed",), "b\udce9.jpg": ()}
    assert counted(found) == {"no caption": 1}
    assert found.problems["no caption"] == ["b\\udce9.jpg"]


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    write.kohya(tmp_path / "set" / "1_dog", rows(3))
    (tmp_path / "set" / "1_dog" / "loop").symlink_to(tmp_path / "set")
    (tmp_path / "set" / "again").symlink_to(tmp_path / "set" / "1_dog")
    (tmp_path / "set" / "self").symlink_to("self")
    assert len(list(open_set(tmp_path / "set").items())) == 3


def test_several_pictures_of_one_sample_are_said(tmp_path: Path) -> None:
    tar(tmp_path / "0.tar", [("1.seg.png", plain(1)), ("1.jpg", plain(2)), ("1.png", plain(3)), ("1.txt", b"x")])
    found = open_set(tmp_path)
    (item,) = found.items()
    assert item.picture is not None
    assert item.picture.bytes() == plain(2)
    assert found.counts == {"several pictures": 1}
    (item,) = open_set(tmp_path, columns={"image": "seg.png"}).items()
    assert item.picture is not None
    assert item.picture.bytes() == plain(1)


def test_examples_end_where_counts_go_on(tmp_path: Path) -> None:
    (tmp_path / "all.jsonl").write_text("".join(json.dumps({"prompt": ""}) + "\n" for _ in range(50)))
    found = open_set(tmp_path)
    assert len(list(found.items())) == 50
    assert found.counts == {"no caption": 50}
    assert len(found.problems["no caption"]) == 20
    assert found.problems["no caption"][1] == "all.jsonl#000000002"


def test_a_file_of_another_table_ends_in_one_sentence(tmp_path: Path) -> None:
    from records.errors import UsageError

    write.parquet(tmp_path, rows(12))
    other: dict[str, Any] = {"something": [1]}
    pq.write_table(pa.table(other), tmp_path / "zzz.parquet")
    with pytest.raises(UsageError, match=r"zzz\.parquet: found no column 'caption'; allowed: those of train-00000"):
        list(open_set(tmp_path).items())


def test_pictures_of_other_endings_are_read_or_counted(tmp_path: Path) -> None:
    put(tmp_path, {name: plain(1) for name in ("a.jpg", "b.jfif", "c.jpe")})
    for name in ("d.heic", "e.svg", "f.tar.zst"):
        (tmp_path / name).write_bytes(b"x")
    found = open_set(tmp_path)
    assert [item.id for item in found.items()] == ["a.jpg", "b.jfif", "c.jpe"]
    assert found.counts == {"of a kind that is not read": 3}


@pytest.mark.parametrize("name", ["image_id", "id"])
def test_rows_of_one_picture_are_one_item_where_the_id_is_a_picture_s(name: str, tmp_path: Path) -> None:
    """Parquet as many hubs have it: a row a caption."""
    cells = {
        name: [7, 7, 8, 7], "caption": ["one", "two", "other", "two"],
        "image": [{"bytes": plain(i), "path": None} for i in (1, 1, 2, 1)],
    }  # fmt: skip
    pq.write_table(pa.table(cells), tmp_path / "a.parquet")
    found = open_set(tmp_path)
    items = [(item.id, item.captions, item.picture is not None) for item in found.items()]
    assert items == [("7", ("one", "two") if name == "image_id" else ("one",), True), ("8", ("other",), True)]
    assert found.counts == {"duplicate id": 1 if name == "image_id" else 2}
    told = open_set(tmp_path, columns={"id": name})
    assert [item.captions for item in told.items()] == [("one", "two"), ("other",)]
