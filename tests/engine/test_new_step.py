"""A new kind of step is one class: planned, keyed, run in processes, costed and dropped like any other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from benchmarks.planning import plan as planning
from benchmarks.planning.estimate import estimate
from benchmarks.planning.loop import Walk
from benchmarks.planning.plan import Plan
from benchmarks.running.execute import execute
from benchmarks.running.executors import InProcessExecutor, LocalExecutor
from benchmarks.steps import Step
from benchmarks.steps.step import Work, reads
from benchmarks.storage.store import Cost, LocalStore, MemoryStore


@dataclass(frozen=True, eq=False, kw_only=True)
class Count(Step):
    """How many pairs a pool holds, times `factor`: all there is to a kind of step."""

    kind: ClassVar[str] = "count"
    version: ClassVar[int] = 1
    factor: int
    note: str | None = None
    pool: str = reads()

    def run(self, context: Any) -> tuple[dict[str, np.ndarray], Cost]:
        return {"count": np.array([self.factor * len(context.pool(self.pool))])}, Cost(network_evaluations=7)

    def work(self) -> Work:
        return Work(samples=1, evaluations=7)

    def kept(self, retain: Any) -> bool:
        return retain.pools


class Counting(Walk):
    """The loop, with a step more before each fit, without which a cell is not done."""

    def train(self, t: int, pool: str) -> Iterator[Step]:
        step = Count(factor=10, pool=pool, **self.at(t))
        yield step
        self.trace.work.setdefault(t, []).append(step.key)
        self.trace.floors.append(step.key)
        yield from super().train(t, pool)


@pytest.fixture
def counted(planned: Callable[..., Plan], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Plan]:
    def make(**changes: Any) -> Plan:
        with monkeypatch.context() as patch:
            patch.setattr(planning, "Walk", Counting)
            return planned(**changes)

    return make


def counts(plan: Plan) -> list[Count]:
    return [step for step in plan.steps.values() if isinstance(step, Count)]


def test_it_is_planned_and_changes_no_other_key(planned: Callable[..., Plan], counted: Callable[..., Plan]) -> None:
    plain, plan = planned(), counted()
    assert set(plain.steps) == {key for key, step in plan.steps.items() if step.kind != "count"}
    assert len(counts(plan)) > 0
    one = counts(plan)[0]
    assert one.inputs == {"pool": one.pool}
    assert one.identity == {"factor": 10}
    assert "t=1 count" in one.label
    assert Count(factor=11, pool=one.pool).key != one.key
    assert Count(factor=10, pool=one.pool, note="else", where="anywhere").key != one.key
    assert Count(factor=10, pool=one.pool, where="anywhere", iteration=9).key == one.key


@pytest.mark.parametrize("workers", [0, 1])
def test_it_runs_and_is_costed(workers: int, counted: Callable[..., Plan], tmp_path: Path) -> None:
    plan = counted(seeds=[0], mitigations=["none"])
    store = LocalStore(tmp_path / "store") if workers else MemoryStore()
    executor = LocalExecutor(tmp_path / "store", workers) if workers else InProcessExecutor()
    outcome = execute(plan, store, executor, tmp_path / "results")
    assert not outcome.failed
    for step in counts(plan):
        assert store.get(step.key)["count"] == [160]
        assert store.record(step.key).kind == "count"
        assert store.record(step.key).cost.network_evaluations == 7


def test_it_is_dropped_after_its_last_reader_and_estimated(counted: Callable[..., Plan], tmp_path: Path) -> None:
    plan = counted(retain={"pools": False})
    with_counts = estimate(plan, tmp_path / "store")["network_evaluations"]
    assert with_counts - sum(s.work().evaluations for s in plan.steps.values() if s.kind != "count") == 7 * len(
        counts(plan)
    )
    store = MemoryStore()
    execute(plan, store, InProcessExecutor(), tmp_path / "results")
    assert not any(store.has(step.key) for step in counts(plan))
