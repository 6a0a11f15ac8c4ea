"""Parts of samples that another run has made: one of fewer cells, which reads none of them, leaves them there."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks.planning.plan import Plan
from benchmarks.planning.planner import make_plan
from benchmarks.running import sharing
from benchmarks.running.execute import missing_steps
from benchmarks.running.sharing import share_out
from benchmarks.steps import Sample
from benchmarks.steps.sample import SamplePart
from benchmarks.storage.store import LocalStore, Record
from tests.engine.conftest import write_suite


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    monkeypatch.setattr(sharing, "BATCH", 16)
    return make_plan(str(write_suite(tmp_path, seeds=[0, 1], shard=16)))


@pytest.fixture
def whole(plan: Plan) -> Sample:
    """Samples of the second seed that are worth being made in parts."""
    first, second = (set(cell.needs) for cell in list(plan.cells.values())[:: len(plan.cells) - 1])
    steps = (step for key, step in plan.steps.items() if key in second - first)
    return next(step for step in steps if isinstance(step, Sample) and step.n > 16)


@pytest.fixture
def part(whole: Sample) -> SamplePart:
    return whole.shared_out(16)[1][0]


@pytest.fixture
def store(tmp_path: Path, part: SamplePart) -> LocalStore:
    """A store in which a run of all cells has made a part, and goes on."""
    made = LocalStore(tmp_path / "store")
    made.put(Record(part.key, part.kind), {"hours": 1})
    return made


def begin_another(plan: Plan, store: LocalStore) -> None:
    """Begin a run of the first seed alone."""
    share_out(plan, missing_steps(plan, list(plan.cells.values())[:1], store), store, 2)


def test_a_part_stays_while_its_whole_is_not_there(plan: Plan, store: LocalStore, part: SamplePart) -> None:
    begin_another(plan, store)
    assert store.has(part.key)


@pytest.mark.parametrize("dropped", [False, True])
def test_a_part_goes_when_its_whole_is_there_or_was(
    plan: Plan, store: LocalStore, whole: Sample, part: SamplePart, dropped: bool
) -> None:
    store.put(Record(whole.key, whole.kind), {})
    if dropped:
        store.drop(whole.key)
    begin_another(plan, store)
    assert not store.has(part.key)


def test_a_part_stays_beside_a_run_that_may_read_it(
    plan: Plan, store: LocalStore, whole: Sample, part: SamplePart
) -> None:
    store.put(Record(whole.key, whole.kind), {})
    turns: Any = SimpleNamespace(strangers=True)
    store.turns = turns
    begin_another(plan, store)
    assert store.has(part.key)
    turns.strangers = False
    begin_another(plan, store)
    assert not store.has(part.key)
