"""What a folder is taken for is said in one sentence; where it could be several things, all of them are named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from datamodules.layouts import open_set
from datamodules.layouts.finding import LAYOUTS
from datamodules.layouts.opening import READERS
from records.errors import UsageError, sentence
from tests.datamodules.conftest import plain, put
from tests.datamodules.layouts import writers as write
from tests.datamodules.layouts.writers import WRITERS, rows, tar, write_list

#: What writes a set -> the middle of the sentence about it.
TOLD = {
    "shards, .txt": "read as webdataset, since there are 3 .tar: pictures from .jpg, captions from .txt",
    "shards, .json": "read as webdataset, since there are 3 .tar: pictures from .jpg, captions from json.caption",
    "img2dataset, shards": "read as img2dataset, since 00000.parquet has key and status: format webdataset: pictures from .jpg, captions from .txt",
    "img2dataset, files": "read as img2dataset, since 00000.parquet has key and status: format files: pictures in files, captions from .txt",
    "img2dataset, Parquet": "read as img2dataset, since 00000.parquet has key and status: format parquet: pictures from jpg, captions from caption, ids from key, by row",
    "kohya, .caption": "read as kohya, since 12 pictures have a text of their name: pictures in files, captions from .caption",
    "kohya, repeats": "pictures in files, each once (10_dog and the like say repeats of training), captions from .txt",
    "imagefolder, .csv": "read as imagefolder, since metadata.csv lies among pictures: pictures from file_name, captions from text, by metadata.csv",
    "save_to_disk, splits": "read as save_to_disk, since dataset_dict.json is there: pictures from image, captions from caption, by row, splits train, test",
    "Parquet of bytes": "has a column of pictures: pictures from jpg, captions from txt, ids from key, by row",
    "CSV": "read as table, since all.csv names pictures: pictures from path, captions from caption, by all.csv",
    "pairs": "read as pairs, since pairs.parquet is of this project: pairs of this project, pictures from image, captions from caption",
}  # fmt: skip


@pytest.mark.parametrize("name", WRITERS)
def test_what_a_folder_is_taken_for_is_one_sentence(tmp_path: Path, name: str) -> None:
    found = open_set(WRITERS[name][0](tmp_path / "set", rows(12)))
    assert found.told.startswith(f"{tmp_path / 'set'}: read as {found.layout}, since ")
    assert found.told.endswith(" (--layout NAME and --column KEY=NAME say otherwise)")
    assert TOLD.get(name, "") in found.told
    assert "\n" not in found.told


@pytest.mark.parametrize("name", WRITERS)
def test_the_layout_that_is_found_can_be_told(tmp_path: Path, name: str) -> None:
    path = WRITERS[name][0](tmp_path / "set", rows(12))
    found = open_set(path, WRITERS[name][1])
    assert "since it was told" in found.told
    assert len(list(found.items())) == 12


def test_every_layout_has_a_reader_and_a_writer() -> None:
    assert set(READERS) == set(LAYOUTS)
    assert {row[1] for row in WRITERS.values()} == set(LAYOUTS) - {"captions", "images"}


def kohya_and_list(root: Path) -> None:
    write.kohya(root, rows(4))
    write_list(root / "metadata.jsonl", [{"file_name": "00000.jpg", "text": "x"}])


def two_texts(root: Path) -> None:
    write.kohya(root, rows(4))
    write.kohya(root, rows(3), "caption")


def shards_and_pictures(root: Path) -> None:
    write.webdataset(root, rows(12))
    write.kohya(root / "loose", rows(30))


def shards_and_tables(root: Path) -> None:
    write.webdataset(root, rows(12))
    write.parquet(root / "data", rows(12))


def two_lists(root: Path) -> None:
    names = write.pictures(root, rows(4))
    table = [{"path": n, "caption": "x"} for n in names]
    write_list(root / "a.csv", table)
    write_list(root / "b.jsonl", table)


def pools(root: Path) -> None:
    for name in "ab":
        write.pool(root / name / "value", rows(3))


def list_without_pictures(root: Path) -> None:
    write_list(root / "a.csv", [{"path": "a.jpg", "caption": "x"}])


REFUSED: dict[str, tuple[Any, str]] = {
    "texts and list": (kohya_and_list, "found 4 .jpg beside 4 .txt, 1 .jsonl, which can be read in 2 ways; allowed: --layout imagefolder "
                       "(metadata.jsonl lies among pictures) or --layout kohya (4 pictures have a text of their name)"),
    "two texts": (two_texts, "found 4 .txt and 3 .caption beside pictures; allowed: one of them, as --column caption=txt or --column caption=caption"),
    "shards and pictures": (shards_and_pictures, "found 30 .jpg beside 30 .txt, 3 .tar, which can be read in 2 ways; allowed: --layout webdataset "
                            "(there are 3 .tar) or --layout kohya (30 pictures have a text of their name)"),
    "shards and tables": (shards_and_tables, "which can be read in 2 ways; allowed: --layout webdataset (there are 3 .tar) or --layout parquet"),
    "two lists": (two_lists, "found lists of several kinds (a.csv, b.jsonl); allowed: the path of one of them"),
    "pools": (pools, "found 2 pools of pairs (a/value/pairs.parquet, b/value/pairs.parquet); allowed: the path of one"),
    "list without pictures": (list_without_pictures, "a.csv: names pictures in 'path', and found 1 .csv; allowed: --layout captions for the captions alone"),
    "nothing": (lambda root: root.mkdir(), "found no file; allowed: a folder that holds one of webdataset, img2dataset, kohya"),
    "something else": (lambda root: put(root, {"a.npy": b"", "b.npy": b""}), "found 2 .npy, of no layout; allowed: --layout webdataset|"),
    "no folder": (lambda root: None, "there is no such file or folder; allowed: a folder, a file of a set, or shards as name-{000..012}.tar"),
    "prose": (lambda root: put(root, {"README.txt": b"", "LICENSE.txt": b""}), "found 2 .txt, of no layout"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_can_be_read_in_no_way_or_in_several_is_one_sentence(tmp_path: Path, name: str) -> None:
    make, said = REFUSED[name]
    make(tmp_path / "set")
    with pytest.raises(UsageError) as error:
        open_set(tmp_path / "set")
    assert said in str(error.value)
    assert str(tmp_path / "set") in str(error.value)
    assert len(sentence(error.value)) < 300
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("layout", "columns", "said"),
    [
        ("tar", {}, "--layout: found 'tar'; allowed: auto, webdataset, img2dataset, kohya"),
        ("webdataset", {}, "--layout webdataset: found 12 .jpg beside 12 .txt; allowed: .tar shards of key.jpg"),
        ("save_to_disk", {}, "--layout save_to_disk: found 12 .jpg beside 12 .txt; allowed: dataset_info.json"),
        ("auto", {"colour": "red"}, "--column: found 'colour=red'; allowed: KEY=NAME with a KEY of image, caption, id, lines, split"),
        ("auto", {"caption": "words"}, "--column caption: found 'words'; allowed: txt"),
        ("auto", {"lines": "one"}, "--column lines: found 'one'; allowed: captions"),
    ],
)  # fmt: skip
def test_what_is_told_and_not_there_is_one_sentence(
    tmp_path: Path, layout: str, columns: dict[str, str], said: str
) -> None:
    write.kohya(tmp_path, rows(12))
    with pytest.raises(UsageError) as error:
        open_set(tmp_path, layout, columns)
    assert said in str(error.value)


def test_columns_that_are_not_there_are_refused_with_those_that_are(tmp_path: Path) -> None:
    write.parquet(tmp_path / "hub", rows(12))
    for columns, said in (
        ({"caption": "text"}, "--column caption: found 'text'; allowed: image, caption"),
        ({"image": "caption"}, "--column image: found 'caption', which holds neither bytes nor paths; allowed: image"),
        ({"split": "val"}, "--column split: found 'val'; allowed: one of train-00000-of-00003.parquet"),
    ):
        with pytest.raises(UsageError) as error:
            open_set(tmp_path / "hub", columns=columns)
        assert said in str(error.value)
    write.webdataset(tmp_path / "shards", rows(12))
    for columns, said in (
        ({"caption": "json.recap"}, "--column caption: found 'json.recap'; allowed: txt"),
        ({"image": "png"}, "--column image: found 'png'; allowed: jpg, txt"),
    ):
        with pytest.raises(UsageError) as error:
            open_set(tmp_path / "shards", columns=columns)
        assert said in str(error.value)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "{00000..00009}.tar",
            "7 of 10 files are not there (00003.tar, 00004.tar, 00005.tar); allowed: names of files",
        ),
        ("{00002..00000}.tar", "found '{00002..00000}'; allowed: {000..012} or {a,b}"),
        ("{x}.tar", "found '{x}'; allowed: {000..012} or {a,b}"),
        ("{0..99999999}.tar", "found '{0..99999999}'; allowed: at most 1000000 names"),
    ],
)
def test_braces_that_stand_for_no_files_are_refused(tmp_path: Path, name: str, said: str) -> None:
    write.webdataset(tmp_path, rows(12))
    with pytest.raises(UsageError) as error:
        open_set(tmp_path / name)
    assert said in str(error.value)


def test_a_list_alone_can_be_read_for_its_captions(tmp_path: Path) -> None:
    list_without_pictures(tmp_path)
    assert [item.captions for item in open_set(tmp_path, "captions").items()] == [("x",)]


def test_a_page_about_a_set_does_not_hide_it(tmp_path: Path) -> None:
    """A repository of a hub has a README, licences and a few pictures beside its tables."""
    write.parquet(tmp_path / "data", rows(12))
    put(tmp_path, {"README.md": b"", "LICENSE.txt": b"", ".gitattributes": b"", "assets/teaser.png": plain(1)})
    assert open_set(tmp_path).layout == "parquet"


def test_shards_without_a_sample_are_refused(tmp_path: Path) -> None:
    tar(tmp_path / "0.tar", [])
    with pytest.raises(
        UsageError, match=r"0\.tar: found 1 shards without a sample \(no files in them\); allowed: key\.jpg"
    ):
        open_set(tmp_path)
    tar(tmp_path / "0.tar", [("a.npy", b"x")])
    with pytest.raises(UsageError, match=r"found samples of npy; allowed: pictures, or texts as \.txt or \.json"):
        open_set(tmp_path)


def test_a_table_that_is_none_is_refused(tmp_path: Path) -> None:
    put(tmp_path, {"a.parquet": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n"})
    with pytest.raises(UsageError, match=r"a\.parquet: found no table"):
        open_set(tmp_path)


def test_pools_without_pictures_are_said_to_have_none(tmp_path: Path) -> None:
    from datamodules.images import Elsewhere, Images

    data = rows(4)
    kept = write.pairs(data)
    import numpy as np

    kept.with_(images=Images.of(Elsewhere(), kept.images.shape[1:], np.arange(4))).save(tmp_path / "pool")
    found = open_set(tmp_path / "pool")
    assert "its pictures are the data set's own" in found.told
    assert [item.captions for item in found.items()] == [row.captions for row in data]
    assert found.counts == {}


def test_opening_a_set_reads_no_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import Image

    def never(*_: object, **__: object) -> None:
        raise AssertionError("a picture was opened")

    paths = [
        write[0](tmp_path / str(i) / "set", rows(12))
        for i, write in enumerate(WRITERS.values())
        if made(tmp_path / str(i))
    ]
    monkeypatch.setattr(Image, "open", never)
    for path in paths:
        assert all(item.captions for item in open_set(path).items())


def made(folder: Path) -> bool:
    folder.mkdir()
    return True
