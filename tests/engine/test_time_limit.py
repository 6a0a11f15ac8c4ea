"""A step that never ends is ended where its kind has a limit, named and failed; one that runs long is said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.planning.plan import Plan
from benchmarks.reporting import pace, reporter
from benchmarks.reporting.pace import Running
from benchmarks.running import limits
from benchmarks.running.execute import execute
from benchmarks.running.executors import LocalExecutor
from benchmarks.storage.store import LocalStore
from records.errors import UsageError
from tests.engine.test_reporter import Named
from tests.engine.test_stopping import stuck

Planner = Callable[..., Plan]


def test_a_step_that_takes_too_long_is_ended_and_its_neighbours_are_not_blamed(
    planned: Planner, tmp_path: Path
) -> None:
    method, mark = stuck(tmp_path)
    plan = planned(
        methods=(method,), mitigations=["none"], seeds=[0], iterations=1, execution={"time_limit": {"curate": 0.5}}
    )
    store = LocalStore(tmp_path / "store")
    outcome = execute(plan, store, LocalExecutor(store.root, 2, plan.suite.execution), tmp_path / "results")
    by_row = {row.mitigation: outcome.results[row.keys[0]] for row in plan.rows}
    assert mark.exists()
    assert by_row["none"].status == "complete"
    assert by_row["Stuck"].error is not None
    assert by_row["Stuck"].error.step == "curate"
    assert by_row["Stuck"].error.message == "took longer than the 0.5 s of execution.time_limit, and was ended"


def test_a_limit_is_no_part_of_what_a_step_is(planned: Planner) -> None:
    one, other = planned(), planned(overrides=("--execution.time_limit.fit", "60"))
    assert other.suite.execution.time_limit == {"fit": 60}
    assert (one.digest, set(one.steps), set(one.cells)) == (other.digest, set(other.steps), set(other.cells))
    assert [row.protocol for row in one.rows] == [row.protocol for row in other.rows]


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ({"fits": 1}, "execution.time_limit: found 'fits'; allowed: auxiliary, base, captions, curate, "),
        ({"fit": 0}, "execution.time_limit.fit: found 0.0; allowed: a number of seconds above 0"),
    ],
)
def test_limits_that_are_refused(limit: dict[str, float], said: str, planned: Planner) -> None:
    with pytest.raises(UsageError, match=said):
        planned(execution={"time_limit": limit})


def test_only_steps_of_a_kind_with_a_limit_are_late(monkeypatch: pytest.MonkeyPatch) -> None:
    now, ended = [0.0], list[int]()
    monkeypatch.setattr(limits.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(limits, "end", ended.append)
    steps: Any = {name: Named(kind, label=name) for name, kind in (("a", "fit"), ("b", "sample_part"), ("c", "real"))}
    watch = limits.Watch({"fit": 10, "sample": 20}, steps)
    for process, name in enumerate(steps):
        watch.began(name, process)
    now[0] = 15
    assert (list(watch.end_late()), ended) == (["a"], [0])
    now[0] = 99
    watch.over("b")
    watch.began("b", 1)  # a message that was slower than the step
    now[0] = 999
    assert (list(watch.end_late()), ended) == ([], [0])
    watch.again("b")
    watch.began("b", 1)
    assert list(watch.end_late()) == []
    now[0] = 9999
    assert (list(watch.end_late()), ended) == (["b"], [0, 1])


def test_what_runs_is_said_with_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(pace.time, "monotonic", lambda: now[0])
    steps: Any = [Named("fit", label=f"fit {i}") for i in range(3)]
    running = Running(steps)
    assert running.line() == ""
    running.moved("fit 0", 0, 0)
    now[0] = 60
    running.moved("fit 1", 0, 0)
    running.moved("fit 0", 3, 40)
    now[0] = 600
    assert running.line() == "'fit 0' 3/40 for 10 min, and 1 more"
    running.over("fit 0")
    running.moved("fit 0", 4, 40)  # a message that was slower than the step
    assert running.line() == "'fit 1' for 9 min"


def test_a_log_says_what_runs_where_nothing_ends(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class NoThread:
        def __init__(self, **_: Any) -> None: ...

        def start(self) -> None: ...

    monkeypatch.setattr(reporter, "SILENCE", 0.0)
    monkeypatch.setattr(reporter.threading, "Thread", NoThread)
    lines = reporter.Lines()
    step: Any = Named("fit", label="fit 0")
    rounds = iter([False, True])
    lines.start([step], 1)
    capsys.readouterr()
    lines.said = -1.0
    lines.progress(step.key, 0, 0)
    monkeypatch.setattr(lines.stopped, "wait", lambda _: next(rounds, True))
    lines.tick()
    assert capsys.readouterr().err == "running 'fit 0' for 10 s\n"
