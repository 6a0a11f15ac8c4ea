"""The whole loop on data from files, with as many captions an image as there are, and every testbed of real data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from datasets import Dataset

from benchmarks.planning.needs import require_present, unmet_needs
from benchmarks.planning.planner import make_plan
from benchmarks.running.execute import execute
from benchmarks.running.executors import InProcessExecutor
from benchmarks.seeds import sample_seeds
from benchmarks.steps.items import one_each, references
from records.errors import UsageError
from tests.datamodules import conftest as make
from tests.memory_store import MemoryStore

TOYS = "tests.datamodules.toys"
FAMILIES = [
    "benchmarks.metrics.captions.diversity.CaptionDiversity",
    "benchmarks.metrics.alignment.CaptionerAlignment",
    "benchmarks.metrics.images.distance.ImageDistance",
]


def write_study(folder: Path, root: Path, caption: str = "text") -> Path:
    """A joint study of one iteration on an image folder."""
    data = {
        "root": str(root),
        "resolution": 8,
        "caption": caption,
        "sizes": {"prompts": 6, "evaluation": 6, "floor": 6},
    }
    bed: dict[str, Any] = {
        "schema": 1,
        "name": "files",
        "data": {"class_path": "datamodules.imagefolder.ImageFolder", "init_args": data},
        "captioners": [{"name": "c", "class_path": f"{TOYS}.Captioner"}],
        "generators": [{"name": "g", "class_path": f"{TOYS}.Generator"}],
        "judges": [{"name": "j", "class_path": f"{TOYS}.Judge"}],
    }
    fit = {"steps": 1, "learning_rate": 1.0}
    suite = {
        "schema": 1, "name": "files", "testbed": "bed.yaml", "iterations": 2, "n": 6, "seeds": [0],
        "fit": {"captioner": fit, "generator": fit}, "evaluate": {"n": 6, "draw_inputs": 0, "floor_draws": 3},
        "metrics": FAMILIES, "primary": {"captioner": "alignment", "generator": "frechet"},
        "scenarios": [{"file": "joint_finetune", "variants": ["real_prompts"]}],
    }  # fmt: skip
    (folder / "bed.yaml").write_text(yaml.safe_dump(bed))
    (folder / "files.yaml").write_text(yaml.safe_dump(suite))
    return folder / "files.yaml"


@pytest.mark.parametrize("count", [1, 2, 5, 6, "ragged"])
def test_the_loop_runs_with_any_number_of_captions(count: Any, tmp_path: Path) -> None:
    make.write_imagefolder(tmp_path / "data", odd=False)
    names = [f"{number:02d}.jpg" for number in range(20)]
    many = (lambda i: 2 + i % 5) if count == "ragged" else (lambda i: count)
    rows = [{"file_name": name, "text": make.sentences(name, many(i))} for i, name in enumerate(names)]
    (tmp_path / "data" / "a" / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    plan = make_plan(str(write_study(tmp_path, tmp_path / "data")))
    require_present(plan)
    store = MemoryStore()
    outcome = execute(plan, store, InProcessExecutor(), tmp_path / "results")
    assert [result.error for result in outcome.failed] == []
    captioner, generator = [], []
    for key, step in plan.steps.items():
        if step.kind == "floor":
            (generator if "ImageDistance" in step.identity["family"].execution else captioner).append(store.get(key))
    assert generator[0]["floors"]["frechet"]["value"] > 0
    for floor in captioner:
        if count == 1:
            assert floor["floors"] == {}
            assert set(floor["absent"].values()) == {
                "6 of 6 evaluation items have a single caption: none is left to compare it with"
            }
        else:
            assert floor["floors"]
            assert all(np.isfinite(f["value"]) for f in floor["floors"].values())
    pools = [store.get(k) for k, s in plan.steps.items() if s.kind == "captions"]
    assert pools
    for pool in pools:
        assert {name.partition("@")[0] for text in pool.source for name in text.split(" + ")} == {
            "Captioner",
            "Generator",
        }
        assert all(text.startswith("Generator@") for text in pool.source)
        assert len(np.unique(pool.seeds)) == len(pool)


def test_pools_of_a_run_open_with_datasets(tmp_path: Path) -> None:
    make.write_imagefolder(tmp_path / "data", odd=False)
    plan, store = make_plan(str(write_study(tmp_path, tmp_path / "data"))), MemoryStore()
    execute(plan, store, InProcessExecutor(), tmp_path / "results")
    key = next(k for k, s in plan.steps.items() if s.kind == "captions" and s.identity["t"] == 2)
    pool = store.get(key)
    pool.save(tmp_path / "pool")
    rows = Dataset.from_parquet(str(tmp_path / "pool" / "pairs.parquet"), cache_dir=str(tmp_path / "cache"))
    assert rows["iteration"][:] == [2] * 6
    assert rows["source"][:] == list(pool.source)
    np.testing.assert_array_equal(np.stack([np.asarray(i) for i in rows["image"]]), pool.images)


def test_a_picture_that_breaks_fails_its_cells_with_one_sentence(tmp_path: Path) -> None:
    make.write_imagefolder(tmp_path / "data", odd=False)
    plan = make_plan(str(write_study(tmp_path, tmp_path / "data")))
    name = plan.world.data.ids("floor", np.arange(1))[0]
    (tmp_path / "data" / name).write_bytes(b"broken since")
    outcome = execute(plan, MemoryStore(), InProcessExecutor(), tmp_path / "results")
    errors = {result.error.message for result in outcome.failed if result.error}
    assert len(errors) == 1
    assert f"image '{name}': the bytes are no whole image" in errors.pop()


def test_notes_on_the_data_are_said_before_a_run(tmp_path: Path) -> None:
    make.write_imagefolder(tmp_path / "data")
    said = unmet_needs(make_plan(str(write_study(tmp_path, tmp_path / "data"))))
    assert "entries left out: 1 no_caption (b/none.jpg)" in said[0]
    assert "were never checked" in said[1]


def test_too_few_images_and_a_wrong_field_end_the_plan_with_one_sentence(tmp_path: Path) -> None:
    make.write_imagefolder(tmp_path / "data", odd=False)
    study = write_study(tmp_path, tmp_path / "data", caption="words")
    with pytest.raises(UsageError, match=r"bed\.yaml: data: .*caption: found 'words'; allowed: file_name, text"):
        make_plan(str(study))
    (tmp_path / "data" / "a" / "metadata.jsonl").write_text('{"file_name": "00.jpg", "text": "one"}\n')
    with pytest.raises(
        UsageError, match=r"sizes: found 18 for prompts, evaluation, floor; allowed: at most 1 together"
    ):
        make_plan(str(write_study(tmp_path, tmp_path / "data")))


def test_references_are_at_most_five_and_each_is_chosen() -> None:
    ids = np.arange(400)
    six = [tuple("abcdef")] * 400
    old = (sample_seeds(7, ids) % np.uint64(5)).astype(int)
    assert one_each(six, 7, ids) == ["abcdef"[c] for c in old]
    for count in (1, 2, 3, 5):
        chosen = one_each([tuple("abcde"[:count])] * 400, 7, ids)
        assert set(chosen) == set("abcde"[:count])
    assert references(tuple("abcdef")) == tuple("abcde")
    assert references(("a",)) == ("a",)


@pytest.mark.parametrize("bed", ["coco", "coco2017", "flickr30k", "imagefolder", "parquet", "any_set"])
def test_every_testbed_of_real_data_plans_where_the_data_are_not(bed: str, monkeypatch: Any, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    changes = ["--testbed", f"testbeds/{bed}.yaml", "--n", "96", "--evaluate.n", "96", "--iterations", "2"]
    plan = make_plan("paper_lite", [*changes, "--seeds", "[0]"])
    assert plan.steps
    with pytest.raises(UsageError, match="is missing, there is no such folder; allowed: a folder with"):
        require_present(plan)
