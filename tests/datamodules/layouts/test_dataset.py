"""Sets in any layout as the data of a testbed: splits, pictures, defects, checks, and a loop on shards."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from benchmarks.planning.planner import make_plan
from benchmarks.running.execute import execute
from benchmarks.running.executors import InProcessExecutor
from datamodules.check import inspect, main
from datamodules.imagefolder import ImageFolder
from datamodules.layouts.dataset import AnySet
from datamodules.pictures import BrokenImage
from tests.datamodules.layouts import writers as write
from tests.datamodules.layouts.writers import WRITERS, pictures, rows, write_list
from tests.datamodules.test_listed import all_ids, write_bed
from tests.datamodules.test_loop_on_files import write_study
from tests.memory_store import MemoryStore

SIZES = {"train": 2, "prompts": 3, "evaluation": 4, "floor": 3}
LASTING = [name for name in WRITERS if name != "shards, compressed"]


@pytest.mark.parametrize("name", LASTING)
def test_every_layout_serves_disjoint_splits_with_its_own_pictures(tmp_path: Path, name: str) -> None:
    data = rows(12)
    found = AnySet(str(WRITERS[name][0](tmp_path / "set", data)), SIZES, resolution=16)
    ids = [one for split in all_ids(found).values() for one in split]
    assert len(set(ids)) == sum(SIZES.values())
    pictures(tmp_path / "folder", data)
    table = [{"file_name": f"{row.key}.jpg", "text": row.captions[0]} for row in data]
    write_list(tmp_path / "folder" / "metadata.jsonl", table)
    expected = ImageFolder(str(tmp_path / "folder"), SIZES, resolution=16)
    said = {entry.captions: expected.picture(entry) for entry in expected.unchecked}
    for split, size in SIZES.items():
        captions, images = found.captions(split, np.arange(size)), found.images(split, np.arange(size))
        for texts, image in zip(captions, images, strict=True):
            assert np.array_equal(image, said[texts])


def test_splits_are_those_of_an_image_folder_where_ids_are_the_same(tmp_path: Path) -> None:
    root = write.listed(tmp_path / "set", rows(12), "metadata.jsonl")
    one, other = AnySet(str(root), SIZES, seed=3), ImageFolder(str(root), SIZES, seed=3)
    assert all_ids(one) == all_ids(other)
    assert one.identity == other.identity
    assert all_ids(AnySet(str(root), SIZES, seed=4)) != all_ids(one)


def test_what_is_wrong_is_said_checked_and_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = rows(14)
    data[1] = replace(data[1], content=b"no picture")
    data[4] = replace(data[4], captions=())
    data[5] = replace(data[5], content=None)
    write.webdataset(tmp_path / "set", [*data, data[13]])
    found = AnySet(str(tmp_path / "set"), SIZES, resolution=8)
    notes = found.notes()
    assert any("read as webdataset, since there are 3 .tar" in note for note in notes)
    assert any("duplicate id: 1 (00002/00013" in note for note in notes), notes
    assert any("no picture: 1 (00001/00005)" in note for note in notes)
    assert found.report() == {"no_caption": ["00000/00004"]}
    assert inspect(found, decode=True)["broken_image"] == ["00000/00001"]
    bed = write_bed(tmp_path, AnySet, tmp_path / "set", sizes={})
    assert main([str(bed), "--decode", "--write"]) == 0
    capsys.readouterr()
    assert [e.id for e in AnySet(str(tmp_path / "set"), {}).listing] == [
        f"{shard}/{k:05d}" for shard, ks in (("00000", (0, 2, 3)), ("00001", (6, 7, 8)), ("00002", (9, 10, 11, 12, 13))) for k in ks
    ]  # fmt: skip


def test_a_broken_picture_is_an_error_that_names_it(tmp_path: Path) -> None:
    data = [replace(row, content=b"no picture") for row in rows(12)]
    found = AnySet(str(write.webdataset(tmp_path / "set", data)), SIZES)
    with pytest.raises(BrokenImage, match=r"0000.\.tar#\d+\+10: image '0000./000..': the bytes are no whole image"):
        found.images("prompts", np.arange(1))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("shards, compressed", "found compressed shards; allowed: plain .tar"),
        ("captions", "read as captions, since all.jsonl names no picture"),
        ("both", "which can be read in 2 ways; allowed: --layout webdataset"),
    ],
)
def test_what_no_loop_can_run_on_is_refused(tmp_path: Path, name: str, said: str) -> None:
    if name == "captions":
        write_list(tmp_path / "set" / "all.jsonl", [{"prompt": "x"}])
    elif name == "both":
        write.webdataset(tmp_path / "set", rows(12))
        write.kohya(tmp_path / "set" / "loose", rows(30))
    else:
        WRITERS[name][0](tmp_path / "set", rows(12))
    with pytest.raises(ValueError, match="allowed") as error:
        AnySet(str(tmp_path / "set"), SIZES)
    assert said in str(error.value)


def test_layout_and_columns_are_told_as_on_the_command_line(tmp_path: Path) -> None:
    root = tmp_path / "set"
    names = pictures(root, rows(12), "p")
    table = [{"path": n, "caption": f"short {i}", "long": f"long {i}"} for i, n in enumerate(names)]
    write_list(root / "all.csv", table)
    found = AnySet(str(root), SIZES, layout="table", columns={"caption": "long"})
    assert all(texts[0].startswith("long ") for texts in found.captions("prompts", np.arange(3)))
    with pytest.raises(ValueError, match="columns: found 'long'; allowed: a mapping"):
        AnySet(str(root), SIZES, columns="long")  # type: ignore[arg-type]


def test_a_file_and_names_with_braces_are_roots_too(tmp_path: Path) -> None:
    write.webdataset(tmp_path / "set", rows(12))
    assert len(AnySet(str(tmp_path / "set" / "00000.tar"), {}).listing) == 5
    assert len(AnySet(str(tmp_path / "set" / "{00000..00001}.tar"), {}).listing) == 9


def test_a_digest_stands_for_data_that_are_elsewhere(tmp_path: Path) -> None:
    root = write.webdataset(tmp_path / "set", rows(12))
    there = AnySet(str(root), SIZES)
    away = AnySet(str(tmp_path / "gone"), SIZES, digest=there.found_digest)
    assert away.identity == there.identity
    assert "is missing" in (away.missing() or "")


def test_a_loop_runs_on_shards(tmp_path: Path) -> None:
    write.webdataset(tmp_path / "data", rows(40))
    suite = write_study(tmp_path, tmp_path / "data")
    bed = yaml.safe_load((tmp_path / "bed.yaml").read_text())
    bed["data"]["class_path"] = "datamodules.layouts.dataset.AnySet"
    del bed["data"]["init_args"]["caption"]
    (tmp_path / "bed.yaml").write_text(yaml.safe_dump(bed))
    outcome = execute(make_plan(str(suite)), MemoryStore(), InProcessExecutor(), tmp_path / "results")
    assert [result.error for result in outcome.failed] == []
    assert list((tmp_path / "results").rglob("*.json"))
