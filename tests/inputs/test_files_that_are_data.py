"""Which files below a root are data: linked folders are, copies that programs keep are not, and each is said."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from datamodules.check import inspect, main
from datamodules.imagefolder import ImageFolder
from datamodules.parquet import ParquetImages
from tests.datamodules.conftest import plain, put
from tests.datamodules.test_listed import write_bed


def listed(folder: Path, *names: str) -> None:
    """Write pictures and the list that names them."""
    put(folder, {name: plain(len(name) + sum(map(ord, name))) for name in names})
    (folder / "metadata.jsonl").write_text(
        "".join(json.dumps({"file_name": n, "text": f"a {n}"}) + "\n" for n in names)
    )


def ids(root: Path) -> list[str]:
    return [e.id for e in ImageFolder(str(root), {}).listing]


def test_linked_folders_below_the_root_are_followed(tmp_path: Path) -> None:
    listed(tmp_path / "root" / "a", "1.jpg", "2.jpg", "3.jpg")
    listed(tmp_path / "elsewhere", "4.jpg", "5.jpg")
    listed(tmp_path / "elsewhere" / "deep", "6.jpg")
    (tmp_path / "root" / "b").symlink_to(tmp_path / "elsewhere")
    assert ids(tmp_path / "root") == ["a/1.jpg", "a/2.jpg", "a/3.jpg", "b/4.jpg", "b/5.jpg", "b/deep/6.jpg"]
    assert "missing_file" not in inspect(ImageFolder(str(tmp_path / "root"), {}))


@pytest.mark.parametrize("to", [".", "..", "../..", "a", "b", "nowhere"])
def test_loops_and_dangling_links_end(to: str, tmp_path: Path) -> None:
    root = tmp_path / "up" / "root"
    listed(root / "a", "1.jpg")
    listed(tmp_path / "up" / "beside", "not.jpg")
    (root / "b").symlink_to(to)
    data = ImageFolder(str(root), {})
    assert [e.id for e in data.listing] == ["a/1.jpg"]
    assert any("links to folders read before: 1 (b)" in note for note in data.notes()) == (to not in ("b", "nowhere"))


def test_two_folders_linked_in_a_circle_are_read_once(tmp_path: Path) -> None:
    listed(tmp_path / "a", "1.jpg")
    listed(tmp_path / "b", "2.jpg")
    (tmp_path / "a" / "other").symlink_to(tmp_path / "b")
    (tmp_path / "b" / "other").symlink_to(tmp_path / "a")
    assert ids(tmp_path) == ["a/1.jpg", "b/2.jpg"]


@pytest.mark.parametrize(
    "copy", [".ipynb_checkpoints", ".Trash", ".Trash-1000/files", "__MACOSX", "@eaDir", ".hidden", "$RECYCLE.BIN"]
)
def test_lists_and_pictures_in_folders_of_copies_do_not_count(copy: str, tmp_path: Path) -> None:
    listed(tmp_path, "1.jpg", "2.jpg")
    listed(tmp_path / "a" / copy, "1.jpg", "2.jpg")
    assert ids(tmp_path) == ["1.jpg", "2.jpg"]
    assert any("passed over, as hidden or copies: 1" in note for note in ImageFolder(str(tmp_path), {}).notes())
    listed(tmp_path, "1.jpg", "2.jpg", f"{copy}/1.jpg", "._1.jpg")  # by a script that listed all it found
    data = ImageFolder(str(tmp_path), {})
    assert [e.id for e in data.listing] == ["1.jpg", "2.jpg"]
    assert data.report()["hidden"] == sorted([f"{copy}/1.jpg", "._1.jpg"])
    assert "2 hidden" in data.notes()[0]


def test_no_copy_is_a_prompt_and_an_evaluation_picture(tmp_path: Path) -> None:
    listed(tmp_path, *(f"{n}.jpg" for n in range(12)))
    listed(tmp_path / ".ipynb_checkpoints", *(f"{n}.jpg" for n in range(12)))
    data = ImageFolder(str(tmp_path), {"prompts": 6, "evaluation": 6})
    drawn = data.ids("prompts", np.arange(6)) + data.ids("evaluation", np.arange(6))
    assert sorted(os.path.basename(one) for one in drawn) == sorted(f"{n}.jpg" for n in range(12))
    with pytest.raises(ValueError, match="at most 12 together"):
        ImageFolder(str(tmp_path), {"prompts": 13})


def test_a_root_may_lie_in_a_hidden_folder_and_data_behind_a_link_to_one(tmp_path: Path) -> None:
    listed(tmp_path / ".cache" / "root" / ".store" / "x", "1.jpg")
    (tmp_path / ".cache" / "root" / "data").symlink_to(".store/x")
    assert ids(tmp_path / ".cache" / "root") == ["data/1.jpg"]


def test_pictures_that_no_list_names_are_said(tmp_path: Path) -> None:
    listed(tmp_path, "1.jpg", "2.jpg", "é.png")
    put(tmp_path, {"3.JPG": b"", "b/4.png": b"", ".hidden/5.jpg": b"", "notes.txt": b"", "._1.jpg": b""})
    said = ImageFolder(str(tmp_path), {}).notes()
    assert any("2 pictures that no list names (3.JPG, b/4.png)" in note for note in said)
    listed(tmp_path, "1.jpg", "2.jpg", "é.png", "3.JPG", "b/4.png")
    assert not any("no list names" in note for note in ImageFolder(str(tmp_path), {}).notes())


def write_table(file: Path, *captions: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    cells = [plain(len(caption)) for caption in captions]
    pq.write_table(pa.table({"image": pa.array(cells, pa.binary()), "caption": list(captions)}), file)


def test_parquet_files_follow_the_same_rules(tmp_path: Path) -> None:
    root = tmp_path / "root"
    write_table(root / "0.parquet", "one")
    write_table(root / ".ipynb_checkpoints" / "0-checkpoint.parquet", "one")
    put(root, {"._0.parquet": b"\0\5\26\7", "__MACOSX/._0.parquet": b"\0"})
    write_table(root / "spark.parquet" / "part-0.parquet", "three")  # Spark's folder of parts
    write_table(tmp_path / "elsewhere" / "1.parquet", "seven..")
    (root / "linked").symlink_to(tmp_path / "elsewhere")
    (root / "twice.parquet").symlink_to("0.parquet")
    (root / "loop").symlink_to(".")
    data = ParquetImages(str(root), {}, resolution=8)
    assert [e.id.partition("#")[0] for e in data.listing] == [
        "0.parquet",
        "linked/1.parquet",
        "spark.parquet/part-0.parquet",
    ]
    assert any("twice.parquet: the same file as 0.parquet by a link" in note for note in data.notes())
    assert inspect(data) == {}
    assert data.picture(data.listing[1]).shape == (8, 8, 3)
    named = ParquetImages(str(root), {}, files=".ipynb_checkpoints/*.parquet")  # a folder that is named is meant
    assert len(named.listing) == 1


@pytest.mark.parametrize("pattern", ["x/../*.parquet", "/*.parquet", "none/**/*.parquet", "no.parquet", ""])
def test_a_pattern_that_matches_nothing_is_one_sentence(pattern: str, tmp_path: Path) -> None:
    write_table(tmp_path / "up.parquet", "one")
    write_table(tmp_path / "root" / "0.parquet", "one")
    if pattern:
        assert "is missing, found 1 .parquet; allowed" in (
            ParquetImages(str(tmp_path / "root"), {}, files=pattern).missing() or ""
        )
    else:  # the root itself is there
        with pytest.raises(ValueError, match="found no entry in ''; allowed: one or more"):
            ParquetImages(str(tmp_path / "root"), {}, files=pattern)


def test_one_picture_under_two_names_by_links_is_said_and_left_out_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "root"
    put(root / "a", {"1.jpg": plain(1), "2.jpg": plain(2)})
    (root / "a" / "link.jpg").symlink_to("1.jpg")
    (root / "b").symlink_to("a")
    os.link(root / "a" / "2.jpg", root / "a" / "hard.jpg")
    names = ["a/1.jpg", "a/2.jpg", "a/link.jpg", "b/2.jpg", "a/hard.jpg"]
    (root / "metadata.jsonl").write_text("".join(json.dumps({"file_name": n, "text": n}) + "\n" for n in names))
    data = ImageFolder(str(root), {})
    assert any(
        "2 images that are one file by links (a/1.jpg and a/link.jpg, a/2.jpg and b/2.jpg)" in n for n in data.notes()
    )
    assert inspect(data)["duplicate_image"] == ["a/hard.jpg", "a/link.jpg", "b/2.jpg"] or inspect(data)[
        "duplicate_image"
    ] == ["a/2.jpg", "a/link.jpg", "b/2.jpg"]  # the id that sorts first stays
    assert main([str(write_bed(tmp_path, ImageFolder, root)), "--write"]) == 0
    assert "duplicate_image           3" in capsys.readouterr().out
    assert len(ImageFolder(str(root), {}).listing) == 2
