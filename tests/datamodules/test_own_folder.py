"""What people bring in a folder of their own: a line a caption, other layouts, pictures and sizes that do not fit."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from datamodules.check import inspect, main
from datamodules.imagefolder import ImageFolder
from datamodules.parquet import ParquetImages
from tests.datamodules.conftest import plain, put
from tests.inputs.refused import one_sentence


def write_lines(root: Path, rows: list[tuple[str, object]]) -> Path:
    root.mkdir(exist_ok=True)
    (root / "metadata.jsonl").write_text("".join(json.dumps({"file_name": n, "text": t}) + "\n" for n, t in rows))
    return root


ONE_A_CAPTION = [(f"{n}.jpg", f"picture {n} in way {way}") for way in range(5) for n in range(4)]


def test_a_line_a_caption_is_one_picture_with_all_its_captions(tmp_path: Path) -> None:
    data = ImageFolder(str(write_lines(tmp_path, ONE_A_CAPTION)), {})
    assert [e.id for e in data.listing] == ["0.jpg", "1.jpg", "2.jpg", "3.jpg"]
    for number, entry in enumerate(data.listing):
        assert sorted(entry.captions) == [f"picture {number} in way {way}" for way in range(5)]
    assert data.report() == {}
    assert any("4 pictures that several lines name" in note for note in data.notes())


def test_the_order_of_such_lines_changes_nothing(tmp_path: Path) -> None:
    one = ImageFolder(str(write_lines(tmp_path / "one", ONE_A_CAPTION)), {"prompts": 3})
    two = ImageFolder(str(write_lines(tmp_path / "two", ONE_A_CAPTION[::-1])), {"prompts": 3})
    assert one.identity == two.identity
    assert one.captions("prompts", np.arange(3)) == two.captions("prompts", np.arange(3))
    ordered = {tuple(text[-1] for text in entry.captions) for entry in one.listing}
    assert len(ordered) > 1, "no way of saying it is the first of every picture"


def test_lines_that_say_nothing_new_are_counted(tmp_path: Path) -> None:
    rows = [("a.jpg", "a cat"), ("a.jpg", " a cat "), ("b.jpg", "a dog"), ("b.jpg", None), ("c.jpg", None)]
    data = ImageFolder(str(write_lines(tmp_path, rows)), {})
    assert [(e.id, e.captions) for e in data.listing] == [("a.jpg", ("a cat",)), ("b.jpg", ("a dog",))]
    assert data.report() == {"duplicate_id": ["a.jpg"], "no_caption": ["c.jpg"]}


def test_the_order_within_one_line_is_kept(tmp_path: Path) -> None:
    texts = [f"way {way}" for way in (3, 1, 2)]
    assert ImageFolder(str(write_lines(tmp_path, [("a.jpg", texts)])), {}).listing[0].captions == tuple(texts)


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({}, "an empty folder"),
        ({"a.tar": b""}, "found 1 .tar"),
        ({f"{n}.{kind}": b"" for n in range(4) for kind in ("jpg", "txt")}, "found 4 .jpg beside 4 .txt"),
        ({"a.JPG": b"", "b.jpg": b"", "list.csv": b"", ".hidden/c.jpg": b""}, "found 2 .jpg, 1 .csv"),
        ({"a": b"", "deep/er/b": b""}, "found 2 without ending"),
    ],
)
@pytest.mark.parametrize("cls", [ImageFolder, ParquetImages])
def test_a_refusal_says_what_it_found(
    cls: type[ImageFolder | ParquetImages], files: dict[str, bytes], found: str, tmp_path: Path
) -> None:
    put(tmp_path, files)
    said = cls(str(tmp_path), {"prompts": 2}).missing() or ""
    one_sentence(ValueError(said), str(tmp_path), f"is missing, {found}; allowed: a folder with ")


def test_a_folder_that_is_none_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "is missing, there is no such folder; allowed" in (ImageFolder(str(tmp_path / "no"), {}).missing() or "")
    assert "is missing, a file; allowed" in (ImageFolder(str(tmp_path / "file"), {}).missing() or "")


def test_pictures_that_are_enlarged_and_images_in_no_split_are_said(tmp_path: Path) -> None:
    put(tmp_path, {f"{n}.jpg": plain(n) for n in range(4)})  # 32 x 24
    write_lines(tmp_path, ONE_A_CAPTION)
    notes = ImageFolder(str(tmp_path), {"prompts": 2, "floor": 1}, resolution=32).notes()
    assert f"{tmp_path}: 4 of 4 images are enlarged: resolution 32, a short side of 24" in notes
    assert f"{tmp_path}: 1 of 4 images are in no split: sizes add up to 3" in notes
    whole = ImageFolder(str(tmp_path), {"prompts": 4}, resolution=24)
    assert not any("enlarged" in note or "no split" in note for note in whole.notes())
    assert inspect(whole) == {}
    assert inspect(ImageFolder(str(tmp_path), {}, resolution=25)) == {"enlarged": [f"{n}.jpg" for n in range(4)]}


def test_of_many_pictures_some_are_looked_at(tmp_path: Path) -> None:
    put(tmp_path, {f"{n}.jpg": plain(n) for n in range(200)})
    write_lines(tmp_path, [(f"{n}.jpg", f"picture {n}") for n in range(200)])
    (note,) = (n for n in ImageFolder(str(tmp_path), {"prompts": 200}).notes() if "enlarged" in n)
    assert "64 of 64 images looked at are enlarged" in note


def test_the_check_reads_what_a_testbed_extends(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(tmp_path / "data", {f"{n}.jpg": plain(n) for n in range(4)})
    write_lines(tmp_path / "data", ONE_A_CAPTION)
    bed = tmp_path / "bed.yaml"
    bed.write_text(f"extends: testbeds/imagefolder\nname: bed\ndata: {{init_args: {{root: {tmp_path / 'data'}}}}}\n")
    assert main([str(bed)]) == 0
    assert "4 images can be drawn; digest " in capsys.readouterr().out
    bed.write_text("extends: nothing\nname: bed\n")
    assert main([str(bed)]) == 2
    assert "extends: found 'nothing'" in capsys.readouterr().err
