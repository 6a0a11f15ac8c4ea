"""COCO's files as people bring them: read right, or refused in one sentence with the file and the row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from datamodules.coco import CocoAnnotations, CocoCaptions
from tests.datamodules import conftest as make
from tests.inputs.refused import one_sentence

BOM = b"\xef\xbb\xbf"


def karpathy(root: Path, content: Any) -> CocoCaptions:
    for name in ("train2014", "val2014"):
        (root / name).mkdir(exist_ok=True)
    if not isinstance(content, bytes):
        content = json.dumps(content).encode()
    (root / "dataset_coco.json").write_bytes(content)
    return CocoCaptions(str(root), {})


ROW = {"filepath": "val2014", "filename": "1.jpg", "split": "train", "cocoid": 1, "sentences": [{"raw": "a"}]}


def test_a_mark_at_the_start_of_json_is_read(tmp_path: Path) -> None:
    assert len(karpathy(tmp_path, BOM + json.dumps({"images": [ROW]}).encode()).listing) == 1


@pytest.mark.parametrize("gone", ["filepath", "filename", "split", "cocoid"])
def test_a_key_that_is_missing_is_named_with_its_row(gone: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=rf"images: row 1: found no '{gone}'; allowed: a row with it") as caught:
        karpathy(tmp_path, {"images": [ROW, {k: v for k, v in ROW.items() if k != gone}]})
    one_sentence(caught.value, "dataset_coco.json")


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"sentences": [{"raw": "a"}, {"tokens": ["b"]}]}, "row 0: sentence 1: found no 'raw'; allowed: a row with it"),
        ({"sentences": ["a"]}, "sentences: found ['a']; allowed: a list of objects"),
        ({"sentences": "a"}, "sentences: found 'a'"),
        ({"sentences": {"raw": "a"}}, "sentences: found {'raw': 'a'}"),
        ({"sentences": [{"raw": 5}]}, "row 0: sentence 0: raw: found 5"),
        ({"sentences": [{"raw": "\ud800"}]}, "sentence 0: raw: found half a character"),
        ({"split": "Train"}, "split: found 'Train'; allowed: train, restval, val, test"),
        ({"split": None}, "split: found None"),
        ({"split": ["train"]}, "split: found ['train']"),
    ],
)
def test_a_wrong_value_is_named_with_its_row(changes: dict[str, Any], found: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="allowed") as caught:
        karpathy(tmp_path, {"images": [{**ROW, **changes}]})
    one_sentence(caught.value, "dataset_coco.json: images: row 0: ", found)


@pytest.mark.parametrize("sentences", [None, [], [{"raw": None}], [{"raw": " "}]])
def test_an_image_without_captions_is_counted(sentences: Any, tmp_path: Path) -> None:
    assert karpathy(tmp_path, {"images": [{**ROW, "sentences": sentences}]}).report() == {"no_caption": ["1"]}


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ([ROW], "found no JSON object with a list 'images' (list)"),
        ({"annotations": []}, "found no JSON object with a list 'images' (keys 'annotations')"),
        ({"images": {"1": ROW}}, "found no JSON object with a list 'images'"),
        ({"images": [ROW, 5]}, "images: row 1: found 5; allowed: an object"),
        ({"images": [None]}, "images: row 0: found None"),
        ({"images": []}, "found no entry in"),
        (b"", "found no JSON object in ''"),
        (json.dumps({"images": [ROW] * 5_000}).encode()[:-9], "found no JSON object in"),
        (json.dumps({"images": [ROW]}).encode("utf-16"), "line 1: found UTF-16"),
        (b'{"images": [{"filename": "K\xe4fer"}]}', "line 1: found byte 0xe4"),
    ],
)
def test_a_file_of_another_shape_is_one_sentence(content: Any, found: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="allowed") as caught:
        karpathy(tmp_path, content)
    one_sentence(caught.value, str(tmp_path), found)


@pytest.mark.parametrize(
    ("image", "note", "found"),
    [
        ({"id": 1}, {}, "images: row 0: found no 'file_name'"),
        ({"file_name": "1.jpg"}, {}, "images: row 0: found no 'id'"),
        ({}, {"id": 1, "image_id": 1}, "annotations: row 0: found no 'caption'"),
        ({}, {"id": 1, "caption": "a"}, "annotations: row 0: found no 'image_id'"),
        ({}, {"image_id": 1, "caption": "a"}, "annotations: row 0: found no 'id'"),
        ({}, {"id": 1, "image_id": 1, "caption": 7}, "annotations: row 0: caption: found 7"),
        ({}, {"id": 1, "image_id": 1, "caption": {"en": "a"}}, "caption: found {'en': 'a'}"),
    ],
)
def test_annotations_are_named_with_their_row(image: Any, note: Any, found: str, tmp_path: Path) -> None:
    make.write_coco_annotations(tmp_path)
    value = {
        "images": [image or {"id": 1, "file_name": "1.jpg"}],
        "annotations": [note or {"id": 1, "image_id": 1, "caption": "a"}],
    }
    make.write_json(tmp_path / "annotations" / "captions_val2017.json", value)
    with pytest.raises(ValueError, match="allowed") as caught:
        CocoAnnotations(str(tmp_path), {})
    one_sentence(caught.value, "captions_val2017.json: ", found)


def test_a_null_caption_is_an_empty_one(tmp_path: Path) -> None:
    make.write_coco_annotations(tmp_path)
    value = {
        "images": [{"id": 1000, "file_name": "1.jpg"}],
        "annotations": [{"id": 1, "image_id": 1000, "caption": None}],
    }
    make.write_json(tmp_path / "annotations" / "captions_val2017.json", value)
    assert "1000" in CocoAnnotations(str(tmp_path), {}).report()["no_caption"]
