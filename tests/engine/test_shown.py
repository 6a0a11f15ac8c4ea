"""What a person sees of a run ends nothing in it: an error while it is shown, a terminal that has gone."""

from __future__ import annotations

import errno
import os
import sys
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from benchmarks.planning.plan import Plan
from benchmarks.reporting.reporter import Bars
from benchmarks.running import worker
from benchmarks.running.agenda import Failure
from benchmarks.running.execute import execute
from benchmarks.running.executors import InProcessExecutor, LocalExecutor
from benchmarks.running.reporter import Reporter, Shown
from benchmarks.steps import Step
from benchmarks.storage.store import LocalStore, Record
from tests.engine.conftest import run_in_memory
from tests.engine.test_reporter import Named
from tests.memory_store import MemoryStore

Planner = Callable[..., Plan]


class Once:
    """A listener to which something happens while it hears how far a step is."""

    def __init__(self, at: int) -> None:
        self.left, self.ended, self.failures = at, list[str](), list[Failure]()

    def progress(self, key: str, done: int, total: int) -> None:
        self.left -= 1
        if self.left == 0:
            raise KeyError(7)  # as rich does for a bar that was removed at this moment

    def done(self, step: Step, record: Record) -> None:
        self.ended.append(step.key)

    def failed(self, failure: Failure) -> None:
        self.failures.append(failure)

    def found(self, step: Step) -> None: ...
    def note(self, text: str) -> None: ...


def test_an_error_while_progress_is_shown_costs_no_later_step(planned: Planner, tmp_path: Path) -> None:
    plan = planned(mitigations=["none"], seeds=[0], iterations=1)
    steps, listener = list(plan.steps.values()), Once(3)
    LocalExecutor(tmp_path / "store", 1).run(steps, LocalStore(tmp_path / "store"), listener)
    assert listener.left < 0
    assert listener.failures == []
    assert set(listener.ended) == set(plan.steps)


@pytest.mark.parametrize("at", [2, 6])
def test_nor_does_it_in_this_process(at: int, planned: Planner, tmp_path: Path) -> None:
    class Raising(Reporter):
        heard = 0

        def progress(self, key: str, done: int, total: int) -> None:
            Raising.heard += 1
            if Raising.heard == at:
                raise KeyError(7)

    plan = planned(mitigations=["none"], seeds=[0], iterations=1)
    outcome = execute(plan, MemoryStore(), InProcessExecutor(), tmp_path / "results", reporter=Raising())
    assert Raising.heard > at
    assert not outcome.failed


def test_a_worker_whom_nobody_hears_goes_on(planned: Planner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks.steps.context import RunContext

    class Closed:
        asked = 0

        def send(self, message: Any) -> None:
            Closed.asked += 1
            raise BrokenPipeError

    monkeypatch.setattr(worker, "_news", Closed())
    monkeypatch.setattr(worker, "_context", RunContext(MemoryStore()))
    step = next(iter(planned().steps.values()))
    assert isinstance(worker.work(step), Record)
    assert Closed.asked


def test_a_terminal_that_has_gone_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    master, slave = os.openpty()
    monkeypatch.setattr(threading, "excepthook", lambda error: None)  # of the thread that draws
    stream = os.fdopen(slave, "w")
    monkeypatch.setattr(sys, "stderr", stream)
    steps: Any = [Named("fit", label=f"fit {i}") for i in range(3)]
    shown = Shown.by(Bars())
    shown.start(steps, 1)
    os.close(master)
    shown.progress("fit 1", 1, 2)
    shown.step(steps[0], Record("fit 0", "fit"), "")
    shown.note("anything")
    shown.stop()
    monkeypatch.undo()
    with suppress(OSError):  # what it could not write
        stream.close()


def test_nothing_that_cannot_be_said_ends_a_run(planned: Planner, tmp_path: Path) -> None:
    asked = Counter[str]()

    class Gone(Reporter):
        def __getattribute__(self, name: str) -> Any:
            asked[name] += 1
            return self._gone if name in ("start", "step", "cell", "note", "stop") else super().__getattribute__(name)

        def _gone(self, *given: Any) -> None:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    plan = planned(mitigations=["none"], seeds=[0], iterations=1)
    outcome = execute(plan, MemoryStore(), InProcessExecutor(), tmp_path / "results", reporter=Gone())
    assert [result.status for result in outcome.results.values()] == ["complete"]
    assert {"start", "step", "cell", "stop"} <= asked.keys()


def test_one_call_at_a_time_reaches_what_is_shown() -> None:
    """Else a bar is moved that another thread has just removed."""
    free: list[bool] = []

    class Asking(Reporter):
        def step(self, step: Step, record: Record | None, message: str) -> None:
            other = threading.Thread(target=lambda: free.append(shown._lock.acquire(blocking=False)))
            other.start()
            other.join()

    shown = Shown(Asking())
    shown.step(Named("fit"), None, "")  # type: ignore[arg-type]
    assert free == [False]


def test_what_a_failed_step_leaves_undone_is_told_once(planned: Planner, tmp_path: Path) -> None:
    """Else what is left of a run is told too high to its end."""

    class Counting(Reporter):
        def __init__(self) -> None:
            self.total, self.ended, self.gone = 0, list[str](), list[str]()

        def start(self, steps: Sequence[Step], cells: int) -> None:
            self.total = len(steps)

        def step(self, step: Step, record: Record | None, message: str) -> None:
            self.ended.append(step.key)

        def cut(self, steps: Sequence[Step]) -> None:
            self.gone += [step.key for step in steps]

    class Failing(MemoryStore):
        def put(self, record: Record, value: Any) -> None:
            if record.kind == "fit":
                raise ValueError("no such thing")
            super().put(record, value)

    told = Counting()
    outcome = execute(planned(), Failing(), InProcessExecutor(), tmp_path / "results", reporter=told)
    assert outcome.failed
    assert told.gone
    assert len(set(told.ended + told.gone)) == len(told.ended + told.gone) == told.total
    assert run_in_memory(planned(seeds=[0]), tmp_path / "whole")[0].failed == []
