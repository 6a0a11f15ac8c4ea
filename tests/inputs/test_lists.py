"""Lists as people bring them: read right, or refused in one sentence with the file and the line or row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.planning.planner import make_plan
from datamodules.check import main, write_excluded
from datamodules.coco import CocoAnnotations, CocoCaptions
from datamodules.flickr30k import Flickr30kTokens
from datamodules.imagefolder import ImageFolder
from datamodules.listed import EXCLUDED
from datamodules.parquet import ParquetImages
from records.errors import UsageError
from tests.datamodules import conftest as make
from tests.datamodules.test_listed import write_bed
from tests.datamodules.test_loop_on_files import write_study

BOM = b"\xef\xbb\xbf"


def refused(error: BaseException, *parts: str) -> None:
    """The error is one short sentence that holds these parts."""
    said = str(error)
    assert len(said) < 300, said
    assert said.isprintable()
    assert "allowed: " in said
    for part in parts:
        assert part in said


# -- metadata.jsonl ------------------------------------------------------------------------------------------------


def jsonl(root: Path, content: bytes | str, **arguments: Any) -> ImageFolder:
    root.mkdir(exist_ok=True)
    (root / "metadata.jsonl").write_bytes(content if isinstance(content, bytes) else content.encode())
    return ImageFolder(str(root), {}, **arguments)


GOOD = [{"file_name": f"{n}.jpg", "text": f"picture {n}"} for n in range(3)]
TEXT = "".join(json.dumps(row) + "\n" for row in GOOD)


@pytest.mark.parametrize(
    "content",
    [
        BOM + TEXT.encode(),
        TEXT.replace("\n", "\r\n"),
        TEXT.replace("\n", "\r"),
        TEXT.rstrip("\n"),
        "\n\n" + TEXT.replace("\n", "\n \n"),
        TEXT.replace("picture", "a\u2028b"),
        TEXT.replace("picture", "a\u2029b"),
        TEXT.replace("picture", "a\x85b"),
        TEXT.replace("picture", "\x7f\x9fa"),
        TEXT.replace("}", ', "more": {"deep": [1, null]}}'),
    ],
)
def test_legal_lines_are_read(content: bytes | str, tmp_path: Path) -> None:
    data = jsonl(tmp_path, content)
    assert [e.id for e in data.listing] == ["0.jpg", "1.jpg", "2.jpg"]
    assert data.listing[0].captions[0].endswith(" 0") or data.listing[0].captions[0].endswith("b 0")
    if isinstance(content, str) and "\u2028" in content:
        assert data.listing[0].captions == ("a\u2028b 0",)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ('["a.jpg", "x"]', "found ['a.jpg', 'x']; allowed: a JSON object with file_name"),
        ("5", "found 5"),
        ("null", "found None"),
        ('"a.jpg"', "found 'a.jpg'"),
        ('{"text": "x"}', "found {'text': 'x'}; allowed: a JSON object with file_name"),
        ('{"file_name": "a.jpg", "text": "x"', "found no JSON object in"),
        ('{"file_name": "a.jpg", "text": "a\tb"}', "found no JSON object in"),
        ("{'file_name': 'a.jpg'}", "found no JSON object in"),
        ("file_name,text", "found no JSON object in"),
        ('{"file_name": "a.jpg", "text": "x", "text": "y"}', "key 'text' stands twice"),
        ('{"file_name": "a.jpg", "text": 7}', "text: found 7; allowed: a text, or a list of texts"),
        ('{"file_name": "a.jpg", "text": NaN}', "text: found nan"),
        ('{"file_name": "a.jpg", "text": true}', "text: found True"),
        ('{"file_name": "a.jpg", "text": ["x", 1]}', "text: found ['x', 1]"),
        ('{"file_name": "a.jpg", "text": [["x"]]}', "text: found [['x']]"),
        ('{"file_name": "a.jpg", "text": {"en": "x"}}', "text: found {'en': 'x'}"),
        ('{"file_name": "a.jpg", "text": "a \\ud800 b"}', r"text: found half a character in 'a \ud800 b'"),
        ('{"file_name": "a.jpg", "text": ["x", "\\udfff"]}', "text: found half a character"),
        ('{"file_name": "a.jpg", "text": "' + "x" * 10_000 + '", 5}', "found no JSON object in"),
        ('{"file_name": "a.jpg", "text": ' + json.dumps([["y" * 50] * 999]) + "}", "text: found [["),
        ("[" * 100_000, "found no JSON object in"),
        ('{"file_name": "a.jpg", "text": ' + "9" * 5_000 + "}", "found no JSON object in"),
    ],
)  # fmt: skip
def test_a_wrong_line_is_named(line: str, found: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="metadata") as caught:
        jsonl(tmp_path, TEXT + line + "\n")
    refused(caught.value, f"{tmp_path / 'metadata.jsonl'}: line 4: ", found)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (TEXT.encode("utf-16"), "metadata.jsonl: line 1: found UTF-16"),
        (TEXT.encode("utf-16-be"), "metadata.jsonl: line 1: found"),
        (TEXT.replace("picture 2", "Käfer").encode("latin-1"), "line 3: found byte 0xe4, which is no UTF-8"),
        (TEXT.encode() + b"\x00\xff", "line 4: found byte 0xff"),
        (b"\x1f\x8b\x08", "line 1: found gzip"),
        (b"", "found no entry in '**/metadata.jsonl'; allowed: one or more"),
        (b" \n\n", "found no entry in"),
        (BOM, "found no entry in"),
    ],
)
def test_text_of_another_encoding_names_file_and_line(content: bytes, found: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="allowed") as caught:
        jsonl(tmp_path, content)
    refused(caught.value, str(tmp_path), found)


@pytest.mark.parametrize(
    ("caption", "kept"),
    [(None, ()), ("", ()), (" \t\n", ()), ("\u200b\ufeff", ()), ([], ()), ([None, " "], ()), ("\u3000", ()), ("\0", ()),
     (" a ", ("a",)), ("cafe\u0301", ("café",)), (["a", None, "b"], ("a", "b")), ("a\u00a0b", ("a\u00a0b",)), ("👍🏽", ("👍🏽",))],
)  # fmt: skip
def test_captions_are_cleaned_in_one_way_and_empty_ones_counted(caption: Any, kept: Any, tmp_path: Path) -> None:
    rows = [*GOOD, {"file_name": "x.jpg", "text": caption}]
    data = jsonl(tmp_path, "".join(json.dumps(row) + "\n" for row in rows))
    if kept:
        assert data.listing[-1].captions == kept
    else:
        assert data.report() == {"no_caption": ["x.jpg"]}


def test_a_list_that_is_no_file_is_one_sentence(tmp_path: Path) -> None:
    import os

    jsonl(tmp_path, TEXT)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "metadata.jsonl").symlink_to("nowhere")
    with pytest.raises(ValueError, match=r"a/metadata\.jsonl: cannot be read \(No such file or directory\)"):
        ImageFolder(str(tmp_path), {})
    (tmp_path / "a" / "metadata.jsonl").unlink()
    os.mkfifo(tmp_path / "a" / "metadata.jsonl")  # would be waited for without end
    with pytest.raises(ValueError, match=r"a/metadata\.jsonl: cannot be read \(.*no regular file"):
        ImageFolder(str(tmp_path), {})


@pytest.mark.parametrize("root", [5, None, "", " ", "a\0b", ["a"]])
def test_a_root_that_is_no_folder(root: Any) -> None:
    with pytest.raises(ValueError, match=r"root: found .*; allowed: a folder"):
        ImageFolder(root, {})


@pytest.mark.parametrize(
    ("cls", "arguments", "found"),
    [
        (ImageFolder, {"sizes": None}, "sizes: found None; allowed: a mapping"),
        (ImageFolder, {"sizes": ["prompts"]}, "sizes: found ['prompts']"),
        (ImageFolder, {"sizes": {"prompts": "3"}}, "sizes: prompts: found '3'; allowed: 0 or more"),
        (ImageFolder, {"sizes": {"prompts": True}}, "sizes: prompts: found True"),
        (ImageFolder, {"caption": ["text"]}, "caption: found ['text']; allowed: a text"),
        (ImageFolder, {"resolution": "512"}, "resolution: found '512'; allowed: 1 to 16384"),
        (ImageFolder, {"max_pixels": 1.5}, "max_pixels: found 1.5"),
        (ImageFolder, {"excluded": 5}, "excluded: found 5; allowed: a file"),
        (ImageFolder, {"seed": "0"}, "seed: found '0'"),
        (ImageFolder, {"seed": 0.0}, "seed: found 0.0"),
        (ImageFolder, {"sizes": {5: 5}}, "sizes: found split 5; allowed: train, prompts"),
        (ParquetImages, {"id": 5}, "id: found 5; allowed: a text"),
        (ParquetImages, {"files": None}, "files: found None"),
        (CocoAnnotations, {"year": "2017"}, "year: found '2017'; allowed: 2014, 2017"),
    ],
)
def test_arguments_of_another_kind_are_one_sentence(cls: Any, arguments: Any, found: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="allowed") as caught:
        cls(**{"root": str(tmp_path), "sizes": {}, **arguments})
    refused(caught.value, found)


def test_many_fields_do_not_make_a_long_sentence(tmp_path: Path) -> None:
    row = {"file_name": "a.jpg", **{f"field {n}": "x" for n in range(500)}}
    with pytest.raises(ValueError, match="caption: found 'text'; allowed: field 0, ") as caught:
        jsonl(tmp_path, json.dumps(row))
    refused(caught.value)


# -- Flickr30k's tokens --------------------------------------------------------------------------------------------


def tokens(root: Path, content: bytes) -> Flickr30kTokens:
    (root / "flickr30k-images").mkdir(exist_ok=True)
    (root / "results_20130124.token").write_bytes(content)
    return Flickr30kTokens(str(root), {})


def test_a_mark_at_the_start_of_a_token_list_makes_no_image(tmp_path: Path) -> None:
    lines = b"".join(b"%d.jpg#%d\tcaption %d\n" % (n, turn, turn) for n in (1, 2) for turn in range(5))
    data = tokens(tmp_path, BOM + lines)
    assert [(e.id, len(e.captions)) for e in data.listing] == [("1.jpg", 5), ("2.jpg", 5)]
    assert data.found_digest == tokens(tmp_path, lines).found_digest
    joined = lines[: len(lines) // 2] + BOM + lines[len(lines) // 2 :]  # of two files
    assert tokens(tmp_path, BOM + joined).found_digest == data.found_digest
    assert tokens(tmp_path, lines.replace(b"\n", b"\r\n")).found_digest == data.found_digest


@pytest.mark.parametrize("mark", ["\u2028", "\x85", "\x0b", "\x0c", "\x1c"])
def test_captions_may_hold_what_python_takes_for_line_ends(mark: str, tmp_path: Path) -> None:
    data = tokens(tmp_path, f"1.jpg#0\ta{mark}b\n1.jpg#1\tc\n".encode())
    assert data.listing[0].captions == (f"a{mark}b", "c")


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("1.jpg a caption", "found '1.jpg a caption'; allowed: image.jpg#0, a tab, a caption"),
        ("1.jpg\ta caption", "found"),
        ("1.jpg#x\ta caption", "found"),
        ("1.jpg#²\ta caption", "found"),
        ("1.jpg#-1\ta caption", "found"),
        ("1.jpg| 0| a caption", "found"),
        ("#0\ta caption", "found ''; allowed: the path of a file"),
        ("x" * 5_000, "found 'xxxx"),
    ],
)
def test_a_wrong_line_of_tokens_is_named(line: str, found: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="token: line 2: ") as caught:
        tokens(tmp_path, f"1.jpg#0\tgood\n{line}\n".encode())
    refused(caught.value, found)


# -- JSON files ----------------------------------------------------------------------------------------------------


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
    refused(caught.value, "dataset_coco.json")


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
    refused(caught.value, "dataset_coco.json: images: row 0: ", found)


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
    refused(caught.value, str(tmp_path), found)


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
    refused(caught.value, "captions_val2017.json: ", found)


def test_a_null_caption_is_an_empty_one(tmp_path: Path) -> None:
    make.write_coco_annotations(tmp_path)
    value = {
        "images": [{"id": 1000, "file_name": "1.jpg"}],
        "annotations": [{"id": 1, "image_id": 1000, "caption": None}],
    }
    make.write_json(tmp_path / "annotations" / "captions_val2017.json", value)
    assert "1000" in CocoAnnotations(str(tmp_path), {}).report()["no_caption"]


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
    refused(caught.value, f"{tmp_path / 'x.parquet'}: ", found)


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
    refused(caught.value)


# -- what was left out ---------------------------------------------------------------------------------------------

ODD = ["a\u2028b.jpg", "c\x85d.jpg", "e\nf.jpg", 'g"h.jpg', "é.jpg", "\ud800.jpg", "k\0l.jpg", "日本.jpg"]


def test_what_is_left_out_can_be_read_again(tmp_path: Path) -> None:
    data = jsonl(tmp_path, "".join(json.dumps({"file_name": name, "text": "x"}) + "\n" for name in [*ODD, "z.jpg"]))
    write_excluded(data, {"missing_file": ODD})
    after = ImageFolder(str(tmp_path), {"prompts": 1})
    assert after.excluded() == dict.fromkeys(ODD, "missing_file")
    assert after.ids("prompts", np.array([0])) == ["z.jpg"]
    # as it was written by earlier versions, and with a mark
    (tmp_path / EXCLUDED).write_bytes(BOM + '{"id": "a\u2028b.jpg", "reason": "missing_file"}\r\n'.encode())
    assert list(ImageFolder(str(tmp_path), {}).excluded()) == ["a\u2028b.jpg"]


@pytest.mark.parametrize(
    "line",
    ['{"id": null, "reason": "x"}', '{"id": "a.jpg"}', '["a.jpg", "x"]', '{"id": "a.jpg", "reason": 5}', "a.jpg", '{"id": true, "reason": "x"}'],
)  # fmt: skip
def test_a_wrong_line_of_what_is_left_out(line: str, tmp_path: Path) -> None:
    (tmp_path / EXCLUDED).write_text('{"id": "0.jpg", "reason": "x"}\n' + line + "\n")
    with pytest.raises(ValueError, match=r"excluded\.jsonl: line 2: ") as caught:
        jsonl(tmp_path, TEXT)
    refused(caught.value)


def test_ids_left_out_that_no_entry_has_are_said(tmp_path: Path) -> None:
    (tmp_path / EXCLUDED).write_text('{"id": "former.jpg", "reason": "x"}\n')
    assert any("1 ids in excluded.jsonl that no entry has (former.jpg)" in n for n in jsonl(tmp_path, TEXT).notes())


# -- through a plan and the check ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (TEXT.encode("utf-16"), "line 1: found UTF-16; allowed: UTF-8 text"),
        (b'{"file_name": "00.jpg", "text": "\\ud800"}\n', "line 1: text: found half a character"),
        (b'{"file_name": "00.jpg", "text": 5}\n', "line 1: text: found 5"),
        (b'{"text": "x"}\n', "line 1: found {'text': 'x'}"),
    ],
)
def test_a_plan_and_the_check_say_the_same(
    content: bytes, found: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make.write_imagefolder(tmp_path / "data", odd=False)
    (tmp_path / "data" / "a" / "metadata.jsonl").write_bytes(content)
    with pytest.raises(UsageError) as caught:
        make_plan(str(write_study(tmp_path, tmp_path / "data")))
    refused(caught.value, "bed.yaml: data: ", "a/metadata.jsonl: ", found)
    assert main([str(write_bed(tmp_path, ImageFolder, tmp_path / "data"))]) == 2
    assert capsys.readouterr().err.strip() == f"error: {caught.value}"


@pytest.mark.parametrize(
    "content", [b"", b"[1]", b"data: 5", b"data: {class_path: 5}", b"\xff\xfe", b"data: {class_path: nothing}"]
)
def test_a_testbed_that_is_none_is_one_sentence(
    content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bed.yaml").write_bytes(content)
    assert main([str(tmp_path / "bed.yaml")]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"error: {tmp_path / 'bed.yaml'}: ")
    assert said.count("\n") == 1
