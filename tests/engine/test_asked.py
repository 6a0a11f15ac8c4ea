"""What only some families ask for, from the plan to the result file: training images, phrases, references, intervals."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks.planning.needs import unmet_needs
from benchmarks.planning.plan import Plan
from benchmarks.planning.protocols import metric_infos
from benchmarks.running.execute import execute
from benchmarks.running.executors import InProcessExecutor
from records.errors import UsageError
from records.results import CellResult, Interval
from tests.engine.test_judges import ONLY, planned
from tests.engine.test_judges import bert as bert  # folders with tiny random models
from tests.engine.test_judges import dino as dino
from tests.engine.test_judges import folders as folders
from tests.engine.test_judges import scenes as scenes
from tests.memory_store import MemoryStore

OLD = [
    f"benchmarks.metrics.{name}"
    for name in ("captions.diversity.CaptionDiversity", "images.distance.ImageDistance", "variance.GeneratorVariance")
]
NEW = [
    f"benchmarks.metrics.{name}"
    for name in (
        "captions.clipscore.ClipScore", "captions.shift.CaptionShift", "images.cmmd.ImageCmmd", "images.diversity.ImageDiversity",
        "images.memorisation.ImageMemorisation", "images.attribute_reader.AttributeReader", "images.oracle.ImageOracle",
        "sets.images.SetImages",
    )
]  # fmt: skip
LIST = {
    "schema": 1,
    "name": "list",
    "attributes": {"colour": {"red": ["a red circle"], "blue": ["a blue circle", "blue"]}},
}
BED = {
    "attributes": "list.yaml",
    "generators": [{"name": "g", "class_path": "tests.engine.test_judges.Painter", "trained_on": ["train"]}],
}
SIZE = {"n": 60, "draw_inputs": 4, "draws": 2, "floor_draws": 2}


def study(where: Path, folders: dict[str, Path], judges: tuple[str, ...] = ("clip",), **changes: Any) -> Plan:
    where.mkdir(exist_ok=True)
    (where / "list.yaml").write_text(yaml.safe_dump(changes.pop("listed", LIST), sort_keys=False))
    changes = {"metrics": OLD + NEW, "primary": ONLY, "evaluate": SIZE, "bed": BED, **changes}
    return planned(where, folders, judges, **changes)


@pytest.fixture(scope="module")
def plan(folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return study(tmp_path_factory.mktemp("asked"), folders)


@pytest.fixture(scope="module")
def run(plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> tuple[CellResult, MemoryStore]:
    store = MemoryStore()
    outcome = execute(plan, store, InProcessExecutor(), tmp_path_factory.mktemp("results"))
    (result,) = outcome.results.values()
    assert result.error is None
    return result, store


def test_everything_that_is_asked_for_is_measured(run: tuple[CellResult, MemoryStore]) -> None:
    result, _ = run
    for point in result.metrics:
        names = {
            *(f"captioner/{name}@clip,n=60" for name in ("clipscore", "ref_clipscore")),
            *(f"generator/{name}@clip,n=60" for name in ("cmmd", "vendi", "within_vendi", "memorisation", "reader_drift")),
            *(f"generator/reader_shift_colour_{value}@clip,n=60" for value in ("red", "blue")),
            "generator/attribute_drift_colour@n=60", "captioner/attribute_drift_background@n=60",
        }  # fmt: skip
        assert names <= set(point.values)
    (pool,) = result.sets
    assert "set/vendi@clip,n=8" in pool.values, "a set has N pairs, however many are evaluated"
    assert {"generator/memorisation@clip,n=60", "captioner/ref_clipscore@clip,n=60"} <= set(result.floors)
    assert set(result.info) >= {name for p in (*result.metrics, *result.sets) for name in p.values}
    assert not [name for name in result.info if "*" in name]
    assert result.info["generator/reader_shift_colour_red@clip,n=60"].direction == "none"
    assert result.info["generator/attribute_drift_shape@n=60"].direction == "down"


def test_intervals_stand_beside_their_values(run: tuple[CellResult, MemoryStore]) -> None:
    result, _ = run
    for point in result.metrics:
        found = point.intervals["generator/frechet@clip,n=60"]
        assert found.low < point.values["generator/frechet@clip,n=60"] < found.high
        assert "captioner/clipscore@clip,n=60" in point.intervals
        assert set(point.intervals) < set(point.values)
        assert not [name for name in point.intervals if "memorisation" in name or "drift" in name]


def test_equal_runs_leave_equal_files(plan: Plan, run: tuple[CellResult, MemoryStore], tmp_path: Path) -> None:
    outcome = execute(plan, MemoryStore(), InProcessExecutor(), tmp_path)
    (again,) = outcome.results.values()
    assert again.stable_json() == run[0].stable_json()
    assert CellResult.from_json(again.to_json()) == again


def test_a_file_without_intervals_is_still_read(run: tuple[CellResult, MemoryStore]) -> None:
    document = json.loads(run[0].to_json())
    for point in document["metrics"] + document["sets"]:
        del point["intervals"]
    old = CellResult.from_json(json.dumps({**document, "schema": 1}))
    assert old.metrics == tuple(replace(point, intervals={}) for point in run[0].metrics)
    assert run[0].metrics[0].intervals["generator/frechet@clip,n=60"] == Interval(
        **json.loads(run[0].to_json())["metrics"][0]["intervals"]["generator/frechet@clip,n=60"]
    )


def test_more_families_change_no_other_step(plan: Plan, folders: dict[str, Path], tmp_path: Path) -> None:
    before = study(tmp_path, folders, metrics=OLD)
    changed = {before.steps[key].kind for key in set(before.steps) - set(plan.steps)}
    assert changed == set()
    added = {plan.steps[key].kind for key in set(plan.steps) - set(before.steps)}
    assert added == {"metrics", "floor", "reference", "features"}  # of the set, which nothing measured


def test_what_a_list_says_is_part_of_the_key_of_its_own_numbers_only(
    plan: Plan, folders: dict[str, Path], tmp_path: Path
) -> None:
    other = study(tmp_path, folders, listed={**LIST, "name": "other", "attributes": {"size": {"a": ["x"], "b": ["y"]}}})
    lost = [plan.steps[key] for key in set(plan.steps) - set(other.steps)]
    paths = {
        step.identity["family"].execution.rpartition(".")[2] if "family" in step.identity else "phrases"
        for step in lost
    }
    assert paths == {"AttributeReader", "phrases"}
    assert not set(plan.steps) - set(study(tmp_path, folders, listed={**LIST, "name": "renamed"}).steps)


@pytest.mark.parametrize(
    "values",
    [{"blue": ["a blue circle", "blue"], "red": ["a red circle"]}, {"red": ["a red thing"], "blue": ["blue"]}],
    ids=["order", "phrases"],
)
def test_a_list_is_part_of_what_makes_numbers_comparable(
    values: dict[str, list[str]], plan: Plan, folders: dict[str, Path], tmp_path: Path
) -> None:
    """Phrases are embedded in the order of the list: another order read from the old features would swap them."""
    other = study(tmp_path, folders, listed={**LIST, "attributes": {"colour": values}})
    changed = [metric_infos(p, cell, "p") for p in (plan, other) for cell in p.cells.values()]
    differ = {name for name in changed[0] if changed[0][name].protocol != changed[1][name].protocol}
    assert differ
    assert all("/reader_" in name for name in differ)
    assert differ == {name for name in changed[0] if "/reader_" in name}
    assert not plan.cells.keys() & other.cells.keys()
    assert plan.digest != other.digest
    lost = {plan.steps[key].kind for key in set(plan.steps) - set(other.steps)}
    assert lost <= {"reference", "metrics", "floor"}


def test_what_cannot_be_asked_is_absent_and_said(folders: dict[str, Path], tmp_path: Path) -> None:
    plan = study(tmp_path, folders, bed={}, evaluate={**SIZE, "n": 8})
    said = unmet_needs(plan)
    assert "metrics of AttributeReader will be absent: testbed 'bed' names no list of attributes" in said
    assert (
        "metrics of ImageMemorisation will be absent: the first generator does not name 'train' under trained_on"
        in said
    )
    outcome = execute(plan, MemoryStore(), InProcessExecutor(), tmp_path / "results")
    (result,) = outcome.results.values()
    assert result.error is None
    for name, need in (("memorisation", "train_features"), ("reader_drift", "phrase_features")):
        assert result.absent[f"generator/{name}@clip,n=8"].endswith(
            f"needs {need}, which this evaluation does not have"
        )
    assert not result.metrics[0].intervals  # too few items


def test_a_list_that_is_missing_is_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"bed.yaml: attributes: no file 'nowhere' in .*; allowed: a path, or one of \['people'"
    ):
        study(tmp_path, folders, bed={"attributes": "nowhere"})
