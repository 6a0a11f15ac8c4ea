"""Every split that a step reads is there, or the study is refused when it is planned."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks.commands import main as commands
from benchmarks.planning.needs import data_notes, require_splits
from benchmarks.planning.planner import make_plan
from benchmarks.study.loading import SUITES
from records.errors import UsageError
from tests.datamodules import conftest as make
from tests.datamodules.test_loop_on_files import write_study
from tests.engine.conftest import SMALL, TESTBED, write_suite


def study(folder: Path, sizes: dict[str, int], *metrics: str) -> Path:
    make.write_imagefolder(folder / "data", odd=False)
    file = write_study(folder, folder / "data")
    bed = yaml.safe_load((folder / "bed.yaml").read_text())
    bed["data"]["init_args"]["sizes"] = sizes
    (folder / "bed.yaml").write_text(yaml.safe_dump(bed))
    suite = yaml.safe_load(file.read_text())
    suite["metrics"] += metrics
    file.write_text(yaml.safe_dump(suite))
    return file


SIZES = {"prompts": 6, "evaluation": 6, "floor": 6}


@pytest.mark.parametrize("family", ["captions.overlap.CaptionOverlap", "captions.rare_words.RareWords"])
@pytest.mark.parametrize("more", [{}, {"train": 0}])
def test_metrics_that_read_the_train_split_are_refused_without_one(family: str, more: Any, tmp_path: Path) -> None:
    path = f"benchmarks.metrics.{family}"
    name = family.rpartition(".")[2]
    with pytest.raises(UsageError) as caught:
        make_plan(str(study(tmp_path, {**SIZES, **more}, path)))
    said = str(caught.value)
    assert f"metrics: {name} reads 1 or more items of split 'train', of which testbed 'files' has 0; allowed: " in said
    assert len(said) < 300
    assert make_plan(str(study(tmp_path, {**SIZES, "train": 1}, path))).steps


@pytest.mark.parametrize("gone", ["prompts", "evaluation", "floor"])
def test_other_splits_are_refused_as_well(gone: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=rf"found 6; allowed: at most 0, the size of split '{gone}'"):
        make_plan(str(study(tmp_path, {split: size for split, size in SIZES.items() if split != gone})))


def test_every_step_of_a_plan_finds_its_split(tmp_path: Path) -> None:
    plan = make_plan(str(write_suite(tmp_path, copy.deepcopy(TESTBED), metrics=SMALL["metrics"])))
    require_splits(plan)
    plan.world.data.sizes = {"prompts": 64, "floor": 64, "train": 64, "reserve": 64}
    with pytest.raises(UsageError, match=r"step \w+ reads 32 or more items of split 'evaluation', of which testbed"):
        require_splits(plan)


@pytest.mark.parametrize("bed", sorted(file.stem for file in (SUITES / "testbeds").glob("*.yaml")))
def test_every_shipped_testbed_of_files_has_what_the_shipped_metrics_read(bed: str) -> None:
    data = yaml.safe_load((SUITES / "testbeds" / f"{bed}.yaml").read_text(encoding="utf-8")).get("data")
    if data is not None and "sizes" in data["init_args"] and "root" in data["init_args"]:
        # A folder of one's own, of a thousand pictures: no method takes unseen ones.
        few = bed in ("any_set", "imagefolder", "parquet")
        needed = {"train", "prompts", "evaluation", "floor"} | (set() if few else {"reserve"})
        assert needed <= data["init_args"]["sizes"].keys()


def test_a_plan_says_what_a_run_says_of_the_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = study(tmp_path, SIZES)
    make.put(tmp_path / "data", {"a/.ipynb_checkpoints/metadata.jsonl": b"{}"})
    assert commands.main(["plan", str(file)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    for note in data_notes(make_plan(str(file))):
        assert " ".join(note.split()) in said
    assert "passed over, as hidden or copies: 1 (a/.ipynb_checkpoints/metadata.jsonl)" in said
