"""Lists of lines as people bring them: read right, or refused in one sentence with the file and the line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.planning.planner import make_plan
from datamodules.check import main, write_excluded
from datamodules.coco import CocoAnnotations
from datamodules.flickr30k import Flickr30kTokens
from datamodules.imagefolder import ImageFolder
from datamodules.listed import EXCLUDED
from datamodules.parquet import ParquetImages
from records.errors import UsageError
from tests.datamodules import conftest as make
from tests.datamodules.test_listed import write_bed
from tests.datamodules.test_loop_on_files import write_study
from tests.inputs.refused import one_sentence

BOM = b"\xef\xbb\xbf"


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
    one_sentence(caught.value, f"{tmp_path / 'metadata.jsonl'}: line 4: ", found)


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
    one_sentence(caught.value, str(tmp_path), found)


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
    one_sentence(caught.value, found)


def test_many_fields_do_not_make_a_long_sentence(tmp_path: Path) -> None:
    row = {"file_name": "a.jpg", **{f"field {n}": "x" for n in range(500)}}
    with pytest.raises(ValueError, match="caption: found 'text'; allowed: field 0, ") as caught:
        jsonl(tmp_path, json.dumps(row))
    one_sentence(caught.value)


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
    one_sentence(caught.value, found)


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
    one_sentence(caught.value)


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
    one_sentence(caught.value, "bed.yaml: data: ", "a/metadata.jsonl: ", found)
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
