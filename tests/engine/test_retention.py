"""What need not be kept is dropped after its last reader; numbers, resume and later methods do not notice."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.planning.plan import Plan
from benchmarks.planning.planner import make_plan
from benchmarks.running.agenda import Listener
from benchmarks.running.execute import execute
from benchmarks.running.executors import InProcessExecutor
from benchmarks.running.study import run_study
from benchmarks.steps import Step
from benchmarks.storage.store import LocalStore, Store
from records.results import CellResult
from tests.engine.conftest import run_in_memory, write_suite
from tests.memory_store import MemoryStore

POOLS = {"real", "images", "captions", "score", "curate"}
MODELS = {"fit", "merge", "auxiliary"}
LEAN = {"pools": False, "models": False}
METHODS = ["none", "real", "accumulate"]
JOINT = [{"file": "joint_finetune"}]


class Cut(InProcessExecutor):
    """Stops after so many steps, as a killed run does."""

    def __init__(self, count: int) -> None:
        self.count = count

    def run(self, steps: Sequence[Step], store: Store, listener: Listener) -> None:
        super().run(steps[: self.count], store, listener)


def numbers(folder: Path) -> dict[str, Any]:
    """Return every result file without what may differ between equal runs."""
    found = {}
    for file in sorted(folder.glob("*.json")):
        data = json.loads(file.read_text())
        for free in ("execution", "versions", "commit", "created"):
            data.pop(free)
        for seconds in ("device_seconds", "wall_seconds"):
            data["cost"].pop(seconds)
        found[file.name] = data
    return found


def kinds(plan: Plan, store: Store) -> set[str]:
    return {s.kind for s in plan.steps.values() if store.has(s.key)}


def test_a_lean_run_leaves_no_pools_and_no_models_and_the_same_numbers(
    planned: Callable[..., Plan], tmp_path: Path
) -> None:
    whole, _ = run_in_memory(planned(scenarios=JOINT, mitigations=METHODS), tmp_path / "whole")
    plan = planned(scenarios=JOINT, mitigations=METHODS, retain=LEAN)
    lean, store = run_in_memory(plan, tmp_path / "lean")
    assert not lean.failed
    assert lean.computed == whole.computed
    assert not kinds(plan, store) & (POOLS | MODELS)
    assert {"base", "sample", "metrics", "floor"} <= kinds(plan, store)
    assert numbers(tmp_path / "lean") == numbers(tmp_path / "whole")


def test_samples_go_once_their_pictures_are_made(planned: Callable[..., Plan], tmp_path: Path) -> None:
    plan = planned(scenarios=JOINT, retain={"samples": False})
    store, seen = MemoryStore(), []

    def draw(key: str, result: CellResult) -> None:
        assert all(store.has(sample) for sample in plan.shown[key])
        seen.append(key)

    outcome = execute(plan, store, InProcessExecutor(), tmp_path / "lean", draw=draw)
    assert not outcome.failed
    assert set(seen) == set(plan.shown)
    assert "sample" not in kinds(plan, store)
    assert {"metrics", "curate", "fit"} <= kinds(plan, store)
    again = execute(plan, store, InProcessExecutor(), tmp_path / "lean", draw=lambda *_: None)
    assert again.computed == 0
    run_in_memory(planned(scenarios=JOINT), tmp_path / "whole")
    assert numbers(tmp_path / "lean") == numbers(tmp_path / "whole")


def test_a_second_lean_run_computes_nothing(planned: Callable[..., Plan], tmp_path: Path) -> None:
    plan = planned(retain=LEAN)
    _, store = run_in_memory(plan, tmp_path)
    before = numbers(tmp_path)
    again, _ = run_in_memory(plan, tmp_path, store)
    assert again.computed == 0
    assert numbers(tmp_path) == before


def test_a_method_that_comes_later_makes_again_what_it_reads(planned: Callable[..., Plan], tmp_path: Path) -> None:
    _, store = run_in_memory(planned(retain=LEAN), tmp_path / "first")
    plan = planned(retain=LEAN, mitigations=METHODS)
    outcome, _ = run_in_memory(plan, tmp_path / "second", store)
    fresh, _ = run_in_memory(planned(mitigations=METHODS), tmp_path / "fresh")
    assert not outcome.failed
    assert 0 < outcome.computed < fresh.computed
    assert numbers(tmp_path / "second") == numbers(tmp_path / "fresh")


def test_a_cut_lean_run_goes_on_to_the_same_numbers(planned: Callable[..., Plan], tmp_path: Path) -> None:
    plan = planned(scenarios=JOINT, retain=LEAN)
    run_in_memory(planned(scenarios=JOINT), tmp_path / "whole")
    store = LocalStore(tmp_path / "store")
    for count in (5, 20, 9, 1, 40):
        execute(plan, store, Cut(count), tmp_path / "lean")
    execute(plan, store, InProcessExecutor(), tmp_path / "lean")
    assert numbers(tmp_path / "lean") == numbers(tmp_path / "whole")
    assert not kinds(plan, store) & (POOLS | MODELS)


def test_retention_is_no_part_of_any_key(planned: Callable[..., Plan]) -> None:
    kept, lean = planned(), planned(retain=LEAN, execution={"generator": {"micro_batch": 2}})
    assert kept.digest == lean.digest
    assert list(kept.steps) == list(lean.steps)
    assert list(kept.cells) == list(lean.cells)


def test_a_dropped_artifact_keeps_its_record(planned: Callable[..., Plan], tmp_path: Path) -> None:
    plan = planned()
    for store in (MemoryStore(), LocalStore(tmp_path / "store")):
        execute(plan, store, InProcessExecutor(), tmp_path / "results")
        key = next(s.key for s in plan.steps.values() if s.kind == "images")
        record, value = store.record(key), store.get(key)
        store.drop(key)
        assert not store.has(key)
        assert key not in store.done()
        assert key in store.recorded()
        assert store.record(key) == record
        store.put(record, value)
        assert store.has(key)
        assert store.get(key).captions == value.captions


def test_what_another_study_keeps_is_not_thrown_away(tmp_path: Path) -> None:
    """One that keeps nothing shares all of its steps; as soon as the other's folder is gone, it keeps nothing."""

    def run(name: str, **changes: Any) -> Plan:
        (tmp_path / name).mkdir(exist_ok=True)
        plan = make_plan(str(write_suite(tmp_path / name, name=name, seeds=[0], **changes)))
        assert not run_study(plan, tmp_path / "runs", workers=0, mirror=False).failed
        return plan

    keeps = run("keeps")
    store = LocalStore(tmp_path / "runs" / "store")
    before = kinds(keeps, store)
    assert before & POOLS
    assert before & MODELS
    lean = run("lean", retain={"pools": False, "models": False, "samples": False})
    assert lean.steps.keys() == keeps.steps.keys()
    assert kinds(keeps, store) == before
    shutil.rmtree(keeps.home(tmp_path / "runs"))
    run("lean", retain={"pools": False, "models": False, "samples": False})
    assert not kinds(keeps, store) & (POOLS | MODELS | {"sample"})
