"""Evaluation samples that several workers make in parts are those that one makes: same key, same files, same numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.analytic.models import GaussianGenerator
from benchmarks.planning.plan import Plan
from benchmarks.planning.planner import make_plan
from benchmarks.running import sharing
from benchmarks.running.execute import Outcome, execute
from benchmarks.running.executors import InProcessExecutor
from benchmarks.speed.memory import written
from benchmarks.steps import Sample
from benchmarks.steps.sample import SamplePart
from benchmarks.storage.store import LocalStore
from records.canonical import digest
from tests.engine.conftest import ARGUMENTS, TESTBED, write_suite
from tests.memory_store import MemoryStore

N = 40  # three parts of 16, 16 and 8


class Several(InProcessExecutor):
    """Two workers, as far as anybody can tell."""

    workers = 2


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "BATCH", 16)


@pytest.fixture
def pictures(tmp_path: Path) -> Plan:
    return make_plan(str(written(tmp_path, N, 32, 16, 1, "none")))


def run(plan: Plan, folder: Path, executor: InProcessExecutor) -> tuple[Outcome, LocalStore]:
    store = LocalStore(folder / "store")
    return execute(plan, store, executor, folder / "results"), store


def facts(file: Path) -> Any:
    """Return a result file without what may differ between equal runs."""
    found = json.loads(file.read_text())
    for name in ("execution", "versions", "commit", "created"):
        del found[name]
    found["cost"] = {k: v for k, v in found["cost"].items() if "seconds" not in k}
    return found


def test_files_and_results_are_those_of_one_worker(pictures: Plan, tmp_path: Path) -> None:
    one, whole = run(pictures, tmp_path / "one", InProcessExecutor())
    two, parted = run(pictures, tmp_path / "two", Several())
    assert not one.failed
    assert one.computed == two.computed == len(pictures.steps), "parts are no steps of the plan"
    samples = [step for step in pictures.steps.values() if isinstance(step, Sample)]
    assert {step.modality for step in samples} == {"captioner", "generator"}
    for step in samples:
        mine, theirs = (json.loads((s.folder(step.key) / "manifest.json").read_text()) for s in (whole, parted))
        assert mine["files"] == theirs["files"], "every file has the same bytes"
        assert mine["cost"]["network_evaluations"] == theirs["cost"]["network_evaluations"]
    files = sorted(file.name for file in (tmp_path / "one" / "results").iterdir())
    assert files == sorted(file.name for file in (tmp_path / "two" / "results").iterdir())
    for name in files:
        assert facts(tmp_path / "one" / "results" / name) == facts(tmp_path / "two" / "results" / name)


def test_parts_are_made_where_they_are_worth_it_and_go_when_the_whole_is_there(
    pictures: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[SamplePart] = []
    plain = SamplePart.run
    monkeypatch.setattr(SamplePart, "run", lambda self, context: made.append(self) or plain(self, context))
    _, store = run(pictures, tmp_path / "two", Several())
    large = [step for step in pictures.steps.values() if isinstance(step, Sample) and step.n * step.draws > 16]
    small = [step for step in pictures.steps.values() if isinstance(step, Sample) and step.n * step.draws <= 16]
    assert large
    assert small, "a few draws of a few inputs stay with one worker"
    assert [part.rows for part in made] == [(0, 16), (16, 32), (32, 40)] * len(large)
    assert not any(store.has(part.key) for part in made)
    assert list((tmp_path / "two" / "store" / "tmp").iterdir()) == []


def test_seconds_of_parts_are_seconds_of_the_whole(pictures: Plan, tmp_path: Path) -> None:
    _, store = run(pictures, tmp_path / "two", Several())
    for step in (s for s in pictures.steps.values() if isinstance(s, Sample) and s.n * s.draws > 16):
        parts = [store.record(part.key).cost for part in step.shared_out(16)[1]]
        assert store.record(step.key).cost.wall_seconds > sum(cost.wall_seconds for cost in parts) > 0


def test_a_key_says_nothing_of_parts(pictures: Plan) -> None:
    step = next(s for s in pictures.steps.values() if isinstance(s, Sample))
    whole, parts = step.shared_out(16)
    assert whole.key == step.key
    assert digest(whole.identity) == digest(step.identity)
    assert set(whole.parents) == {step.model, *(part.key for part in parts)}
    assert step.parents == (step.model,)
    assert len({step.key, *(part.key for part in parts)}) == 4


def test_a_run_that_was_cut_goes_on_with_the_parts_that_are_there(
    pictures: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    plain = SamplePart.run

    def cut(self: SamplePart, context: Any) -> Any:
        if len(made) == 2:
            raise KeyboardInterrupt
        made.append(self.key)
        return plain(self, context)

    monkeypatch.setattr(SamplePart, "run", cut)
    with pytest.raises(KeyboardInterrupt):
        run(pictures, tmp_path / "cut", Several())
    first = list(made)
    monkeypatch.setattr(SamplePart, "run", lambda self, context: made.append(self.key) or plain(self, context))
    outcome, store = run(pictures, tmp_path / "cut", Several())
    assert not outcome.failed
    assert not set(first) & set(made[2:])
    assert not any(store.has(key) for key in made)


def test_what_was_left_of_parts_is_let_go(pictures: Plan, tmp_path: Path) -> None:
    """Killed between the whole and the end of its parts."""
    _, store = run(pictures, tmp_path / "one", InProcessExecutor())
    step = next(s for s in pictures.steps.values() if isinstance(s, Sample) and s.n > 16)
    part = step.shared_out(16)[1][0]
    store.put(store.record(step.key).__class__(part.key, part.kind), store.get(step.key))
    assert store.has(part.key)
    run(pictures, tmp_path / "one", Several())
    assert not store.has(part.key)


class Stumbling(GaussianGenerator):
    """Fails on the last of many."""

    name = "stumbling"

    def generate(self, inputs: Any, decoding: Any, seeds: Any, *more: Any, **options: Any) -> Any:
        if len(inputs) == 5:
            raise ValueError("no fifth row")
        return super().generate(inputs, decoding, seeds, *more, **options)


def test_a_part_that_fails_fails_the_cell_by_the_name_of_the_whole(tmp_path: Path) -> None:
    model = {"name": "g", "class_path": "tests.engine.test_samples_in_parts.Stumbling", "init_args": ARGUMENTS}
    file = write_suite(
        tmp_path, {**TESTBED, "generators": [model]}, seeds=[0], iterations=1, shard=16,
        evaluate={"n": 37, "draw_inputs": 0, "floor_draws": 2},
    )  # fmt: skip
    outcome = execute(make_plan(str(file)), MemoryStore(), Several(), tmp_path / "results")
    assert outcome.failed
    error = outcome.failed[0].error
    assert error is not None
    assert error.step == "sample"
    assert "no fifth row" in error.message


def test_parts_are_of_the_version_of_the_whole() -> None:
    """What a killed run has left of an older version is never put together to a newer whole."""
    assert SamplePart.version is Sample.version
