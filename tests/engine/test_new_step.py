"""A new kind of step is one class: planned, keyed, run in processes, costed and dropped like any other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest

from benchmarks.planning import planner as planning
from benchmarks.planning.estimate import estimate
from benchmarks.planning.loop import Walk
from benchmarks.planning.plan import Plan
from benchmarks.running.execute import execute
from benchmarks.running.executors import InProcessExecutor, LocalExecutor
from benchmarks.steps import Fit, Step
from benchmarks.steps.step import Work, reads
from benchmarks.storage.store import LocalStore
from records.results import Cost
from tests.memory_store import MemoryStore


@dataclass(frozen=True, eq=False, kw_only=True)
class Relay(Step):
    """A pool, handed on `factor` times over in cost: all there is to a kind of step."""

    kind: ClassVar[str] = "relay"
    version: ClassVar[int] = 1
    factor: int
    note: str | None = None
    pool: str = reads()

    def run(self, context: Any) -> tuple[Any, Cost]:
        return context.pool(self.pool), Cost(network_evaluations=self.factor)

    def work(self) -> Work:
        return Work(samples=1, evaluations=self.factor)

    def kept(self, retain: Any) -> bool:
        return retain.pools


class Relaying(Walk):
    """The loop, with a step more before each fit."""

    def train(self, t: int, pool: str) -> Iterator[Step]:
        step = Relay(factor=7, pool=pool, **self.at(t))
        yield step
        self.trace.work.setdefault(t, []).append(step.key)
        yield from super().train(t, step.key)


@pytest.fixture
def relayed(planned: Callable[..., Plan], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Plan]:
    def make(**changes: Any) -> Plan:
        with monkeypatch.context() as patch:
            patch.setattr(planning, "Walk", Relaying)
            return planned(**changes)

    return make


def relays(plan: Plan) -> list[Relay]:
    return [step for step in plan.steps.values() if isinstance(step, Relay)]


def test_it_is_planned_and_keyed(relayed: Callable[..., Plan]) -> None:
    plan = relayed()
    one = relays(plan)[0]
    assert {fit.pool for fit in plan.steps.values() if isinstance(fit, Fit)} == {step.key for step in relays(plan)}
    assert one.inputs == {"pool": one.pool}
    assert one.identity == {"factor": 7}
    assert "t=1 relay" in one.label
    assert Relay(factor=8, pool=one.pool).key != one.key
    assert Relay(factor=7, pool=one.pool, note="else").key != one.key
    assert Relay(factor=7, pool=one.pool, where="anywhere", iteration=9).key == one.key
    assert one.reading("anywhere", 9, pool="0" * 64).key == Relay(factor=7, pool="0" * 64).key


@pytest.mark.parametrize("workers", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_it_runs_and_is_costed(
    workers: int, planned: Callable[..., Plan], relayed: Callable[..., Plan], tmp_path: Path
) -> None:
    small = {"seeds": [0], "mitigations": ["none"]}
    plan = relayed(**small)
    store = LocalStore(tmp_path / "store") if workers else MemoryStore()
    executor = LocalExecutor(tmp_path / "store", workers) if workers else InProcessExecutor()
    (result,) = execute(plan, store, executor, tmp_path / "results").results.values()
    (plain,) = execute(planned(**small), MemoryStore(), InProcessExecutor(), tmp_path / "plain").results.values()
    assert result.metrics == plain.metrics
    assert result.cost.network_evaluations == plain.cost.network_evaluations + 2 * 7
    for step in relays(plan):
        assert store.record(step.key).kind == "relay"
        assert store.record(step.key).cost.network_evaluations == 7


def test_it_is_estimated_and_dropped_after_its_last_reader(relayed: Callable[..., Plan], tmp_path: Path) -> None:
    plan = relayed(retain={"pools": False})
    others = sum(step.work().evaluations for step in plan.steps.values() if step.kind != "relay")
    assert estimate(plan, tmp_path / "store")["network_evaluations"] == others + 7 * len(relays(plan))
    store = MemoryStore()
    execute(plan, store, InProcessExecutor(), tmp_path / "results")
    assert relays(plan)
    assert not any(store.has(step.key) for step in relays(plan))
