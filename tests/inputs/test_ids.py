"""What tells pictures apart: one way of writing an id, whatever list, machine or column it comes from."""

from __future__ import annotations

import json
import unicodedata
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from datamodules.check import inspect
from datamodules.coco import CocoAnnotations, CocoCaptions
from datamodules.flickr30k import Flickr30k, Flickr30kTokens
from datamodules.ids import below, identifier, twins
from datamodules.imagefolder import ImageFolder
from datamodules.parquet import ParquetImages
from tests.datamodules.conftest import plain, put, write_json

# -- COCO's numbers ------------------------------------------------------------------------------------------------


def write_coco(root: Path, image_id: Any, note_id: Any, file_name: Any = "1.jpg") -> CocoAnnotations:
    for folder in ("train2017", "val2017"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    images = [{"id": image_id, "file_name": file_name}]
    notes = [{"id": turn, "image_id": note_id, "caption": f"way {turn}"} for turn in (10, 9)]
    write_json(root / "annotations" / "captions_train2017.json", {"images": images, "annotations": notes})
    write_json(root / "annotations" / "captions_val2017.json", {"images": [], "annotations": []})
    return CocoAnnotations(str(root), {})


@pytest.mark.parametrize(
    ("image_id", "note_id", "expected"),
    [
        (139, "139", "139"),
        ("139", 139, "139"),
        ("000000000139", 139, "139"),
        (139.0, 139, "139"),
        (" 139", "139 ", "139"),
        ("img_a", "img_a", "img_a"),
        (10**25, str(10**25), str(10**25)),
        ("é", "e\u0301", "é"),
    ],
)
def test_coco_ids_of_two_lists_meet(image_id: Any, note_id: Any, expected: str, tmp_path: Path) -> None:
    (entry,) = write_coco(tmp_path, image_id, note_id).listing
    assert (entry.id, entry.captions) == (expected, ("way 9", "way 10"))


@pytest.mark.parametrize("wrong", [None, True, 1.5, 2.0**60, float("nan"), "", "  ", [1], {"a": 1}])
@pytest.mark.parametrize("where", ["image_id", "note_id"])
def test_what_is_no_id_is_refused_with_its_row(wrong: Any, where: str, tmp_path: Path) -> None:
    ids = {"image_id": 1, "note_id": 1, where: wrong}
    key = {"image_id": "images: row 0: id", "note_id": "annotations: row 0: image_id"}[where]
    with pytest.raises(ValueError, match=rf"captions_train2017\.json: {key}: found .*; allowed: ") as caught:
        write_coco(tmp_path, **ids)
    assert len(str(caught.value)) < 300


def test_captions_of_images_that_are_not_listed_are_said(tmp_path: Path) -> None:
    data = write_coco(tmp_path, 1, 2)
    assert data.report() == {"no_caption": ["1"]}
    assert any("captions of 1 images that it does not list (2)" in note for note in data.notes())


# -- columns -------------------------------------------------------------------------------------------------------


def column(root: Path, *parts: pa.Array) -> ParquetImages:
    root.mkdir(exist_ok=True)
    for number, keys in enumerate(parts):
        captions = [f"file {number} row {row}" for row in range(len(keys))]
        table = pa.table(
            {"image": pa.array([plain(row) for row in range(len(keys))]), "caption": captions, "key": keys}
        )
        pq.write_table(table, root / f"{number}.parquet")
    return ParquetImages(str(root), {}, id="key")


def test_two_and_two_point_zero_are_one_id(tmp_path: Path) -> None:
    data = column(tmp_path, pa.array([1, 2]), pa.array([2.0, 3.0]), pa.array([Decimal("3.00"), Decimal("4")]))
    assert [e.id for e in data.listing] == ["1", "2", "3", "4"]
    assert data.report() == {"duplicate_id": ["2", "3"]}


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (pa.array(["007", "7"]), ["007", "7"]),  # texts are as they are; that they are alike is said
        (pa.array(["a ", " b"]), ["a", "b"]),
        (pa.array([2**63], pa.uint64()), [str(2**63)]),
        (pa.array(["x", "y"]).dictionary_encode(), ["x", "y"]),
        (pa.array([2.0**53 - 1]), [str(2**53 - 1)]),
        (pa.array([-0.0, 1.0]), ["0", "1"]),
    ],
)
def test_columns_of_ids(keys: pa.Array, expected: list[str], tmp_path: Path) -> None:
    assert [e.id for e in column(tmp_path, keys).listing] == expected


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        (pa.array([1, None]), "row 1: key: found None"),
        (pa.array(["a", None]), "row 1: key: found None"),
        (pa.array([True, False]), "row 0: key: found True"),
        (pa.array([1.0, 2.5]), "row 1: key: found 2.5"),
        (pa.array([1.0, float("nan")]), "row 1: key: found nan"),
        (pa.array([float("inf")]), "row 0: key: found inf"),
        (pa.array([2.0**53, 2.0**53 + 2]), "row 0: key: found 9007199254740992.0, and floats from 9007199254740992"),
        (pa.array([2.0**24], pa.float32()), "row 0: key: found 16777216.0, and floats from 16777216 on skip"),
        (pa.array([b"a"]), "row 0: key: found b'a'"),
        (pa.array([["a"]]), "row 0: key: found ['a']"),
        (pa.array(["", "a"]), "row 0: key: found ''"),
    ],
)
def test_columns_that_are_no_ids_are_refused(keys: pa.Array, found: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="allowed: ") as caught:
        column(tmp_path, keys)
    assert str(caught.value).startswith(f"{tmp_path / '0.parquet'}: {found}")
    assert len(str(caught.value)) < 300


# -- paths ---------------------------------------------------------------------------------------------------------


def folder(root: Path, *names: Any, within: str = ".") -> ImageFolder:
    (root / within).mkdir(parents=True, exist_ok=True)
    rows = [json.dumps({"file_name": name, "text": f"line {n}"}) + "\n" for n, name in enumerate(names)]
    (root / within / "metadata.jsonl").write_text("".join(rows))
    return ImageFolder(str(root), {}, resolution=4)


@pytest.mark.parametrize(
    "other", ["s/../b.jpg", "./b.jpg", ".//b.jpg", " b.jpg ", "s/./../b.jpg", ".\\b.jpg", "s\\..\\b.jpg", "b.jpg/"]
)
def test_other_ways_of_writing_a_path_are_the_same_picture(other: str, tmp_path: Path) -> None:
    put(tmp_path, {"b.jpg": plain(1)})
    data = folder(tmp_path, "b.jpg", other)
    assert [e.id for e in data.listing] == ["b.jpg"]
    assert data.report() == {}
    assert sorted(data.listing[0].captions) == ["line 0", "line 1"]
    assert folder(tmp_path, other).found_digest != folder(tmp_path, "c.jpg").found_digest
    assert inspect(folder(tmp_path, other)) == {}


def test_a_list_in_a_folder_may_name_its_neighbours(tmp_path: Path) -> None:
    put(tmp_path, {"a/1.jpg": plain(1), "b/2.jpg": plain(2)})
    data = folder(tmp_path, "1.jpg", "../b/2.jpg", "..//b/./2.jpg", within="a")
    assert [e.id for e in data.listing] == ["a/1.jpg", "b/2.jpg"]
    assert inspect(data) == {}


@pytest.mark.parametrize(
    "wrong",
    ["/x/b.jpg", "../b.jpg", "s/../../b.jpg", "C:\\x\\b.jpg", "c:/b.jpg", "\\\\server\\b.jpg", "http://x.org/b.jpg",
     "https:/x/b.jpg", "file:///b.jpg", "s3://x/b.jpg", "", " ", ".", "..", 5, None, True, ["b.jpg"]],
)  # fmt: skip
def test_paths_that_leave_the_root_are_refused_with_their_line(wrong: Any, tmp_path: Path) -> None:
    place = r"metadata\.jsonl: line 2: file_name: found .*; allowed: the path of a file below the root"
    with pytest.raises(ValueError, match=place) as caught:
        folder(tmp_path / "root", "a.jpg", wrong)
    assert len(str(caught.value)) < 300
    (tmp_path / "root" / "flickr30k-images").mkdir()
    if isinstance(wrong, str) and not wrong.endswith("../b.jpg"):  # one up of the images is the root itself
        (tmp_path / "root" / "results_20130124.token").write_text(f"{wrong}#0\ta caption\n")
        with pytest.raises(ValueError, match=r"token: line 1: found"):
            Flickr30kTokens(str(tmp_path / "root"), {})
    with pytest.raises(ValueError, match="file_name: found"):
        write_coco(tmp_path / "coco", 1, 1, f"../{wrong}" if ".." in str(wrong) else wrong)


def test_the_digest_is_the_same_wherever_the_data_lie(tmp_path: Path) -> None:
    names = ["a.jpg", "s/b.jpg", "é.jpg"]
    one = folder(tmp_path / "here", *names)
    two = folder(tmp_path / "there" / "deep", *(unicodedata.normalize("NFD", f"./{name}") for name in names))
    assert one.found_digest == two.found_digest


@pytest.mark.parametrize("listed", ["NFC", "NFD"])
@pytest.mark.parametrize("stored", ["NFC", "NFD"])
def test_composed_and_decomposed_names_find_their_file(listed: Any, stored: Any, tmp_path: Path) -> None:
    put(tmp_path, {unicodedata.normalize(stored, "é/ü.jpg"): plain(1)})
    data = folder(tmp_path, unicodedata.normalize(listed, "é/ü.jpg"))
    assert [e.id for e in data.listing] == ["é/ü.jpg"]
    assert inspect(data) == {}


def test_ids_that_people_take_for_one_are_said(tmp_path: Path) -> None:
    data = folder(tmp_path, "A.jpg", "a.jpg", "img_01.jpg", "img_1.jpg", "b.jpg")
    assert len(data.listing) == 5
    said = "2 ids that are alike but for case or zeros (A.jpg and a.jpg, img_01.jpg and img_1.jpg)"
    assert any(said in note for note in data.notes())
    assert twins(["2", "2.0", "02", "1.10", "1.1", "x"]) == [("2", "2.0"), ("2", "02")]
    assert twins(["img1", "img10", "img100", "1.0.jpg", "1.jpg"]) == []


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (-3, "-3"), (10**400, "1" + "0" * 400), (" x ", "x"), (3.0, "3")]
)
def test_identifiers(value: Any, text: str) -> None:
    assert identifier(value, "") == text


def test_paths_below() -> None:
    assert below("x/../y//z.jpg", "", "a") == "a/y/z.jpg"
    assert below("..\\z.jpg", "", "a") == "z.jpg"


def karpathy(root: Path, file: str, **changes: Any) -> None:
    row = {"filepath": "val2014", "filename": "1.jpg", "split": "train", "cocoid": 1, "sentences": [{"raw": "a"}]}
    write_json(root / file, {"images": [{k: v for k, v in {**row, **changes}.items() if v != "GONE"}]})
    for name in ("train2014", "val2014", "flickr30k-images"):
        (root / name).mkdir(exist_ok=True)


def test_karpathys_ids(tmp_path: Path) -> None:
    for found in (7, "7", "0007", 7.0):
        karpathy(tmp_path, "dataset_coco.json", cocoid=found)
        assert [e.id for e in CocoCaptions(str(tmp_path), {}).listing] == ["7"]
    for wrong in (None, True, 1.5, ""):
        karpathy(tmp_path, "dataset_coco.json", cocoid=wrong)
        with pytest.raises(ValueError, match=r"dataset_coco\.json: images: row 0: cocoid: found"):
            CocoCaptions(str(tmp_path), {})
    for wrong in ("/abs.jpg", "../../x.jpg", None, 5):
        karpathy(tmp_path, "dataset_flickr30k.json", filename=wrong)
        with pytest.raises(ValueError, match=r"dataset_flickr30k\.json: images: row 0: filename: found"):
            Flickr30k(str(tmp_path), {})
    karpathy(tmp_path, "dataset_coco.json", filepath="..")
    with pytest.raises(ValueError, match="filepath: found"):
        CocoCaptions(str(tmp_path), {})
