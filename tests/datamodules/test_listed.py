"""Data sets read from files: every layout loads, splits never meet, and every defect has its outcome."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from datasets import Dataset, Features, Value
from datasets import Image as HubImage
from PIL import Image

from datamodules.check import inspect, main, write_excluded
from datamodules.coco import CocoAnnotations, CocoCaptions
from datamodules.flickr30k import Flickr30k, Flickr30kTokens
from datamodules.imagefolder import ImageFolder
from datamodules.listed import EXCLUDED, Listed
from datamodules.parquet import ParquetImages
from datamodules.pictures import BrokenImage
from tests.datamodules import conftest as make

HELD = {"train": 2, "prompts": 3, "reserve": 2, "judge": 2, "scorer": 1}
TABLE = {"image": "picture", "caption": "said", "id": "key"}
LAYOUTS: dict[str, tuple[Callable[..., None], type[Listed], dict[str, Any], dict[str, int]]] = {
    "coco-karpathy": (make.write_coco_karpathy, CocoCaptions, {}, {**HELD, "evaluation": 4, "floor": 3}),
    "coco-2017": (make.write_coco_annotations, CocoAnnotations, {}, {**HELD, "evaluation": 5, "floor": 5}),
    "flickr30k-karpathy": (make.write_flickr, Flickr30k, {}, {"prompts": 5, "reserve": 3, "evaluation": 6, "floor": 6}),
    "flickr30k-token": (make.write_flickr, Flickr30kTokens, {}, {**HELD, "evaluation": 5, "floor": 5}),
    "imagefolder": (make.write_imagefolder, ImageFolder, {}, {**HELD, "evaluation": 4, "floor": 4}),
    "parquet": (make.write_parquet, ParquetImages, TABLE, {**HELD, "evaluation": 3, "floor": 3}),
}


@pytest.fixture(params=LAYOUTS)
def layout(request: pytest.FixtureRequest) -> tuple[Callable[..., None], type[Listed], dict[str, Any], dict[str, int]]:
    return LAYOUTS[request.param]


def all_ids(data: Listed) -> dict[str, list[str]]:
    return {split: data.ids(split, np.arange(size)) for split, size in data.sizes.items()}


# -- every layout --------------------------------------------------------------------------------------------------


def test_a_layout_loads_and_its_splits_never_meet(layout: Any, tmp_path: Path) -> None:
    write, cls, arguments, sizes = layout
    write(tmp_path)
    data = cls(str(tmp_path), sizes, **arguments, resolution=16, max_pixels=make.MAX_PIXELS)
    ids = all_ids(data)
    assert {split: len(of) for split, of in ids.items()} == sizes
    together = [i for of in ids.values() for i in of]
    assert len(set(together)) == len(together)
    for split, size in sizes.items():
        captions = data.captions(split, np.arange(size))
        assert all(texts and all(text == text.strip() != "" for text in texts) for texts in captions)
    assert data.attributes("prompts", np.arange(2)) is None


def test_splits_are_the_same_in_any_order_of_the_list(layout: Any, tmp_path: Path, shuffled: Any) -> None:
    write, cls, arguments, sizes = layout
    write(tmp_path / "one")
    write(tmp_path / "two", turn=shuffled)
    one, two = (cls(str(tmp_path / name), sizes, **arguments) for name in ("one", "two"))
    assert all_ids(one) == all_ids(two)
    for split, size in sizes.items():
        assert one.captions(split, np.arange(size)) == two.captions(split, np.arange(size))
    assert one.identity == two.identity
    turned = cls(str(tmp_path / "one"), dict(reversed(sizes.items())), **arguments)
    assert all_ids(turned) == all_ids(one)
    assert all_ids(cls(str(tmp_path / "one"), sizes, **arguments, seed=1)) != all_ids(one)


def test_defects_of_the_list_are_dropped_and_counted(layout: Any, tmp_path: Path) -> None:
    write, cls, arguments, _ = layout
    write(tmp_path)
    report = cls(str(tmp_path), {}, **arguments).report()
    expected = {
        CocoCaptions: {"no_caption": ["1"], "duplicate_id": ["2"]},
        CocoAnnotations: {"no_caption": ["1"], "duplicate_id": ["2"]},
        Flickr30k: {"no_caption": ["101.jpg"], "duplicate_id": ["102.jpg"]},
        Flickr30kTokens: {"no_caption": ["101.jpg"]},
        ImageFolder: {"no_caption": ["b/none.jpg"]},
        ParquetImages: {"no_caption": ["1", "2"], "duplicate_id": ["4"]},
    }
    assert report == expected[cls]


def test_more_items_than_there_are_is_one_sentence(layout: Any, tmp_path: Path) -> None:
    write, cls, arguments, _ = layout
    write(tmp_path)
    with pytest.raises(ValueError, match=r"sizes: found 68 for train, prompts; allowed: at most \d+ together"):
        cls(str(tmp_path), {"prompts": 60, "train": 8}, **arguments)
    with pytest.raises(ValueError, match="'holdout'; allowed: train, prompts"):
        cls(str(tmp_path), {"holdout": 2}, **arguments)
    with pytest.raises(ValueError, match="sizes: prompts: found -1"):
        cls(str(tmp_path), {"prompts": -1}, **arguments)


def test_where_the_data_are_not_sizes_still_plan(layout: Any, tmp_path: Path) -> None:
    _, cls, arguments, sizes = layout
    data = cls(str(tmp_path / "nowhere"), sizes, **arguments)
    assert data.sizes == sizes
    assert "is missing, there is no such folder; allowed: a folder with" in (data.missing() or "")
    assert "list" not in data.identity


@pytest.mark.parametrize(
    ("cls", "sizes"),
    [
        (CocoCaptions, {"prompts": 113_288}),
        (CocoAnnotations, {"evaluation": 2_501, "floor": 2_500}),
        (Flickr30k, {"evaluation": 1_001}),
        (Flickr30kTokens, {"evaluation": 1_000, "prompts": 31_000}),
    ],
)
def test_a_published_set_is_checked_without_its_data(cls: type[Listed], sizes: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="allowed: at most"):
        cls("nowhere", sizes)


def test_identity_is_the_list_not_its_place(tmp_path: Path) -> None:
    make.write_imagefolder(tmp_path / "one")
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    sizes = {"prompts": 5}
    one, two = (ImageFolder(str(tmp_path / name), sizes) for name in ("one", "two"))
    assert one.identity == two.identity
    declared = ImageFolder(str(tmp_path / "nowhere"), sizes, digest=one.found_digest)
    assert declared.identity == one.identity
    assert ImageFolder(str(tmp_path / "one"), sizes, digest=one.found_digest).identity == one.identity
    with (tmp_path / "two" / "a" / "metadata.jsonl").open("a") as file:
        file.write(json.dumps({"file_name": "more.jpg", "text": "one more"}) + "\n")
    assert ImageFolder(str(tmp_path / "two"), sizes).identity != one.identity
    with pytest.raises(ValueError, match="digest: found"):
        ImageFolder(str(tmp_path / "two"), sizes, digest=one.found_digest)


def test_one_entry_less_moves_no_other_one(tmp_path: Path) -> None:
    make.write_imagefolder(tmp_path, odd=False)
    whole = ImageFolder(str(tmp_path), {"prompts": 12, "reserve": 7})
    before = [*all_ids(whole)["prompts"], *all_ids(whole)["reserve"]]
    gone = before[4]
    write_excluded(whole, {"broken_image": [gone]})
    after = all_ids(ImageFolder(str(tmp_path), {"prompts": 12, "reserve": 7}))
    kept = [i for i in before if i != gone]
    assert [*after["prompts"], *after["reserve"]][: len(kept)] == kept


def test_items_outside_a_split_are_errors(tmp_path: Path) -> None:
    make.write_imagefolder(tmp_path, odd=False)
    data = ImageFolder(str(tmp_path), {"prompts": 3})
    for wrong in (3, -1):
        with pytest.raises(IndexError, match="0 to 2"):
            data.captions("prompts", np.array([wrong]))
    with pytest.raises(KeyError, match="train"):
        data.images("train", np.array([0]))


# -- the check -----------------------------------------------------------------------------------------------------


def write_bed(folder: Path, cls: type[Listed], root: Path, **arguments: Any) -> Path:
    spec = {"class_path": f"{cls.__module__}.{cls.__name__}", "init_args": {"root": str(root), **arguments}}
    (folder / "bed.yaml").write_text(yaml.safe_dump({"schema": 1, "name": "bed", "data": spec}))
    return folder / "bed.yaml"


def test_the_check_finds_what_was_planted(tmp_path: Path) -> None:
    make.write_imagefolder(tmp_path)
    data = ImageFolder(str(tmp_path), {}, max_pixels=make.MAX_PIXELS)
    planted = {name: sorted(f"b/{file}" for file in files) for name, files in make.PLANTED.items()}
    planted["missing_file"] = ["b/gone.jpg"]
    headers = inspect(data)
    unread = {
        one for name in ("broken_image", "huge_image", "unsupported_mode", "missing_file") for one in planted[name]
    }
    large = sorted({e.id for e in data.unchecked} - unread)
    assert headers.pop("enlarged") == sorted([*large, "b/truncated.jpg"])
    assert headers == {**planted, "broken_image": ["b/text.jpg"]}  # the truncated one has a whole header
    decoded = inspect(data, decode=True)
    assert decoded.pop("enlarged") == large
    assert decoded == {**planted, "duplicate_image": ["b/copy.jpg"]}


def test_what_the_check_wrote_is_left_out_and_part_of_the_identity(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "data"
    make.write_imagefolder(root)
    arguments = {"max_pixels": make.MAX_PIXELS, "sizes": {"prompts": 29}, "resolution": 8}
    bed = write_bed(tmp_path, ImageFolder, root, **arguments)
    before = ImageFolder(str(root), **arguments)
    assert any("never checked" in note for note in before.notes())
    assert main([str(bed)]) == 1
    assert not (root / EXCLUDED).exists()
    assert main([str(bed), "--decode", "--write"]) == 0
    said = capsys.readouterr().out
    for line in ("broken_image", "no_caption", "duplicate_id", "cmyk"):
        assert line in said
    out = [json.loads(line)["id"] for line in (root / EXCLUDED).read_text().splitlines()]
    assert out == sorted(["b/truncated.jpg", "b/text.jpg", "b/huge.png", "b/float.tiff", "b/gone.jpg", "b/copy.jpg"])
    after = ImageFolder(str(root), **{**arguments, "sizes": {"prompts": 28}})
    assert sorted(after.report()["excluded"]) == out
    assert after.images("prompts", np.arange(28)).shape == (28, 8, 8, 3)
    assert after.found_digest != before.found_digest
    assert after.found_digest in said
    with pytest.raises(ValueError, match=r"at most 28 together, the images with captions \(7 left out\)"):
        ImageFolder(str(root), **arguments)
    first = (root / EXCLUDED).read_bytes()
    assert main([str(bed), "--decode", "--write"]) == 0  # again, over what it left out itself
    assert (root / EXCLUDED).read_bytes() == first
    assert main([str(bed), "--decode"]) == 0


def test_the_check_says_what_is_wrong_with_its_arguments(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "no.yaml")]) == 2
    bed = write_bed(tmp_path, ImageFolder, tmp_path / "nowhere")
    assert main([str(bed)]) == 2
    assert "is missing, there is no such folder; allowed" in capsys.readouterr().err
    (tmp_path / "scenes.yaml").write_text("data: {class_path: datamodules.scenes.dataset.Scenes}")
    assert main([str(tmp_path / "scenes.yaml")]) == 2
    assert "nothing to check" in capsys.readouterr().err


def test_a_list_of_excluded_ids_that_nobody_wrote_is_refused(tmp_path: Path) -> None:
    make.write_imagefolder(tmp_path, odd=False)
    (tmp_path / EXCLUDED).write_text('{"id": "a/00.jpg", "reason": "broken_image"}\n"a/01.jpg"\n')
    with pytest.raises(ValueError, match=r"excluded\.jsonl: line 2"):
        ImageFolder(str(tmp_path), {})


# -- what each layout has of its own -------------------------------------------------------------------------------


def test_karpathys_parts_are_kept_apart(tmp_path: Path) -> None:
    make.write_coco_karpathy(tmp_path)
    sizes = {"prompts": 18, "evaluation": 9, "floor": 10}
    data = CocoCaptions(str(tmp_path), sizes, resolution=8)
    part = {e.id: e.part for e in data.listing}
    found = {split: {part[i] for i in of} for split, of in all_ids(data).items()}
    assert found == {"prompts": {"train", "restval"}, "evaluation": {"test"}, "floor": {"val"}}
    assert len(data.captions("prompts", np.arange(18))[0]) in (5, 6)


@pytest.mark.parametrize("year", [2014, 2017])
def test_coco_annotations_of_both_years(year: int, tmp_path: Path) -> None:
    make.write_coco_annotations(tmp_path, year)
    data = CocoAnnotations(str(tmp_path), {"prompts": 18, "evaluation": 5, "floor": 5}, year=year, resolution=8)
    assert data.images("floor", np.arange(5)).shape == (5, 8, 8, 3)
    first = data.ids("floor", np.array([0]))[0]
    assert data.captions("floor", np.array([0])) == [tuple(make.sentences(f"image {first}"))]
    with pytest.raises(ValueError, match="year: found 2015; allowed: 2014, 2017"):
        CocoAnnotations(str(tmp_path), {}, year=2015)


def test_a_list_that_is_not_as_published_names_its_file(tmp_path: Path) -> None:
    make.write_coco_karpathy(tmp_path)
    (tmp_path / "dataset_coco.json").write_text("[1, 2")
    with pytest.raises(ValueError, match=r"dataset_coco\.json: found no JSON object"):
        CocoCaptions(str(tmp_path), {})
    make.write_flickr(tmp_path)
    (tmp_path / "results_20130124.token").write_text("1.jpg a caption without a tab\n")
    with pytest.raises(ValueError, match=r"token: line 1: found '1\.jpg a"):
        Flickr30kTokens(str(tmp_path), {})


def test_the_caption_field_of_an_imagefolder_can_be_named(tmp_path: Path) -> None:
    make.write_imagefolder(tmp_path, field="beschreibung", odd=False)
    data = ImageFolder(str(tmp_path), {"prompts": 20}, caption="beschreibung")
    assert {len(texts) for texts in data.captions("prompts", np.arange(20))} == {1, 2, 3}
    with pytest.raises(ValueError, match="caption: found 'text'; allowed: beschreibung, file_name"):
        ImageFolder(str(tmp_path), {"prompts": 20})
    (tmp_path / "a" / "metadata.jsonl").write_text('{"file_name": "00.jpg", "text": 7}\n')
    with pytest.raises(ValueError, match=r"metadata\.jsonl: line 1: text: found 7; allowed: a text"):
        ImageFolder(str(tmp_path), {})


@pytest.mark.parametrize("cells", ["struct", "bytes"])
def test_parquet_rows_hold_their_own_image(cells: str, tmp_path: Path) -> None:
    make.write_parquet(tmp_path, cells=cells)
    data = ParquetImages(str(tmp_path), {"prompts": 21}, **TABLE, resolution=24)
    for name, entry in ((e.id, e) for e in data.listing):
        number = 3 if name == "4" else int(name)  # of two rows with id 4, the captions of row 3 sort first
        if number in (5, 6):
            with pytest.raises(BrokenImage, match=r"no such file|no whole image"):
                data.picture(entry)
        else:
            stored = Image.open(io.BytesIO(make.plain(number)))
            np.testing.assert_array_equal(data.picture(entry), np.asarray(stored.crop((4, 0, 28, 24))))
            assert entry.captions == tuple(make.sentences(f"row {number}", 1 + number % 6))
    assert inspect(data)["broken_image"] == ["6"]
    assert inspect(data)["missing_file"] == ["5"]


def test_parquet_of_datasets_itself_loads(tmp_path: Path) -> None:
    files = []
    for number in range(6):
        (tmp_path / f"{number}.jpg").write_bytes(make.plain(number))
        files.append(str(tmp_path / f"{number}.jpg"))
    features = Features({"image": HubImage(), "text": Value("string")})
    rows = Dataset.from_dict({"image": files, "text": [f"number {n}" for n in range(6)]}, features=features)
    rows.to_parquet(tmp_path / "data" / "train-00000-of-00001.parquet")
    data = ParquetImages(str(tmp_path / "data"), {"prompts": 6}, caption="text", resolution=24)
    images, captions = data.images("prompts", np.arange(6)), data.captions("prompts", np.arange(6))
    for image, (text,) in zip(images, captions, strict=True):
        stored = Image.open(tmp_path / f"{text.split()[-1]}.jpg")
        np.testing.assert_array_equal(image, np.asarray(stored.crop((4, 0, 28, 24))))


def test_parquet_with_paths_and_wrong_columns(tmp_path: Path) -> None:
    (tmp_path / "0.jpg").write_bytes(make.plain(0))
    pq.write_table(pa.table({"image": ["0.jpg", "1.jpg"], "caption": ["here", "not here"]}), tmp_path / "x.parquet")
    data = ParquetImages(str(tmp_path), {"prompts": 2}, resolution=8)
    assert inspect(data) == {"missing_file": ["x.parquet#000000001"]}
    with pytest.raises(ValueError, match=r"x\.parquet: caption: found 'text'; allowed: image, caption"):
        ParquetImages(str(tmp_path), {}, caption="text")
    pq.write_table(pa.table({"image": [1], "caption": ["a"]}), tmp_path / "x.parquet")
    with pytest.raises(ValueError, match=r"x\.parquet: row 0: image: found"):
        ParquetImages(str(tmp_path), {}, caption="image")
    (tmp_path / "y.parquet").write_text("no table")
    with pytest.raises(ValueError, match=r"y\.parquet: found no Parquet file"):
        ParquetImages(str(tmp_path), {})


def test_listing_and_checking_are_free_of_torch(tmp_path: Path) -> None:
    make.write_imagefolder(tmp_path, odd=False)
    code = (
        "import sys\n"
        "import datamodules.check, datamodules.coco, datamodules.flickr30k, datamodules.parquet, datamodules.pairs\n"
        "from datamodules.imagefolder import ImageFolder\n"
        f"data = ImageFolder({str(tmp_path)!r}, {{'prompts': 3}})\n"
        "data.images('prompts', [0, 1, 2]); datamodules.check.inspect(data, decode=True)\n"
        "print(sorted({'torch', 'datasets', 'pandas'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_a_check_of_headers_keeps_what_one_of_pixels_has_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It cannot see that the picture ends early, so it has no reason to take it back."""
    for i in range(4):
        noise = np.random.default_rng(i).integers(0, 255, (90, 90, 3), dtype=np.uint8)
        Image.fromarray(noise).save(tmp_path / f"{i}.jpg")
    lines = [json.dumps({"file_name": f"{i}.jpg", "text": [f"number {i}"]}) for i in range(4)]
    (tmp_path / "metadata.jsonl").write_text("\n".join(lines))
    whole = (tmp_path / "2.jpg").read_bytes()
    (tmp_path / "2.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "3.jpg").write_bytes((tmp_path / "1.jpg").read_bytes())
    bed = tmp_path / "bed.yaml"
    data = {"class_path": "datamodules.imagefolder.ImageFolder", "init_args": {"root": str(tmp_path), "resolution": 32}}
    bed.write_text(json.dumps({"schema": 1, "name": "bed", "data": data}))
    assert main([str(bed), "--decode", "--write"]) == 0
    before = (tmp_path / "excluded.jsonl").read_text()
    assert before.count("\n") == 2
    assert "2 images can be drawn" in capsys.readouterr().out
    assert main([str(bed), "--write"]) == 0
    said = capsys.readouterr()
    assert (tmp_path / "excluded.jsonl").read_text() == before
    assert "2 that were found with --decode stay left out (2.jpg, 3.jpg)" in said.err
    (tmp_path / "2.jpg").write_bytes(whole)
    assert main([str(bed), "--decode", "--write"]) == 0
    assert (tmp_path / "excluded.jsonl").read_text().count("\n") == 1
