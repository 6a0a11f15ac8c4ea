"""What a person sees of a run: a line a cell in a log, bars that hold at 80 columns, an estimate that does not jump."""

from __future__ import annotations

import io
import sys
from typing import Any

import pytest

from benchmarks.planning.planner import make_plan
from benchmarks.reporting import pace, reporter
from benchmarks.reporting.pace import Pace, clock
from benchmarks.running.executors import InProcessExecutor
from benchmarks.running.study import run_study
from benchmarks.storage.store import Record
from records.results import Cost
from tests.engine.conftest import write_suite


class Named:
    """A step by its kind alone."""

    part_of = ""

    def __init__(self, kind: str, modality: str = "", label: str = "a step") -> None:
        self.kind, self.modality, self.label, self.key = kind, modality, label, label


def record(seconds: float) -> Record:
    return Record("k", "kind", "label", Cost(wall_seconds=seconds))


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time that a run sees."""
    time = [0.0]
    monkeypatch.setattr(pace.time, "monotonic", lambda: time[0])
    return time


def test_what_is_left_is_told_by_kind(now: list[float]) -> None:
    steps: list[Any] = [*(Named("fit", "generator") for _ in range(10)), *(Named("metrics") for _ in range(100))]
    told = Pace(steps)
    for step in steps[:1] + steps[10:60]:
        seconds = 20.0 if step.kind == "fit" else 0.1
        now[0] += seconds / 2  # two workers
        told.step(step, record(seconds))
    assert told.remaining == pytest.approx((9 * 20 + 50 * 0.1) / 2)


def test_nothing_is_said_of_kinds_without_an_example(now: list[float]) -> None:
    steps: list[Any] = [*(Named("fit") for _ in range(10)), *(Named("metrics") for _ in range(10))]
    told = Pace(steps)
    for step in steps[10:]:
        now[0] += 10
        told.step(step, record(10.0))
        assert told.remaining is None
    now[0] += 1
    told.step(steps[0], None)
    assert told.remaining is None, "a failed step is no example"
    told.step(steps[1], record(1.0))
    assert told.remaining == pytest.approx(8.0)


def test_the_end_and_the_beginning(now: list[float]) -> None:
    assert Pace([]).remaining == 0
    told = Pace([Named("fit"), Named("fit")])  # type: ignore[list-item]
    now[0] = 1.0
    told.step(Named("fit"), record(1.0))  # type: ignore[arg-type]
    assert told.remaining is None, "one second tells nothing"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "not known yet"), (0.0, "nothing"), (3.0, "10 s"), (89, "90 s"), (600, "10 min"), (9000, "2.5 h"),
     (500_000, "5.8 days")],
)  # fmt: skip
def test_a_time_to_come_has_no_more_digits_than_it_deserves(seconds: float | None, text: str) -> None:
    assert clock(seconds) == text


def test_a_log_has_a_line_a_cell_with_its_headline(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    plan = make_plan(str(write_suite(tmp_path)))
    run_study(plan, tmp_path / "runs", mirror=False, executor=InProcessExecutor(), reporter=reporter.Lines())
    lines = capsys.readouterr().err.splitlines()
    cells = [line for line in lines if line.startswith("cell ")]
    assert len(cells) == len(plan.cells)
    assert all(" complete: " in line and " -> " in line for line in cells)
    assert cells[-1].startswith(f"cell {len(plan.cells)}/{len(plan.cells)} ")
    assert cells[-1].endswith("left: nothing")
    assert not any(line.startswith("step ") for line in lines)
    assert "workers are starting" in lines[0]
    end = dict(pair.split("=") for pair in lines[-1].removeprefix("end ").split())
    assert int(end["steps"]) == len(plan.steps)
    assert 0 < float(end["busy"]) <= float(end["seconds"]) + 0.1, "one process cannot be busier than the clock"


def test_a_whole_has_the_seconds_of_its_parts(now: list[float]) -> None:
    part, whole = Named("sample"), Named("sample")
    part.part_of = "whole"
    told = Pace([part, whole])  # type: ignore[list-item]
    told.step(part, record(3.0))  # type: ignore[arg-type]
    told.step(whole, record(4.0))  # type: ignore[arg-type]
    assert told.busy == 4.0


def test_a_long_silence_is_broken(now: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    lines = reporter.Lines()
    steps: Any = [Named("fit", label=f"fit {i}") for i in range(5)]
    lines.start(steps, 1)
    for step in steps[:4]:
        now[0] += 40
        lines.step(step, record(40.0), "")
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("step ")]
    assert said == ["step 2/5 'fit 1' left: 2 min", "step 4/5 'fit 3' left: 40 s"]


def test_bars_hold_at_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    raw = io.StringIO()
    monkeypatch.setattr(sys, "stderr", raw)
    bars = reporter.Bars()
    step: Any = Named("fit", label="diverse_ensemble/k3_frozen/annealed_truncation/seed=11 generator t=10 sample")
    bars.start([step] * 37_052, 90)
    bars.progress(step.key, 1, 2_000)
    bars.pace.left.clear()
    other: Any = Named("fit", label="another")
    bars.step(other, record(3.0), "")
    bars.progress(other.key, 1, 2)  # a message that was slower than its step
    bars.progress(step.key, 1_000, 2_000)
    bars.stop()
    shown = [line.rstrip() for line in raw.getvalue().splitlines() if line.strip()]
    assert any("t=10 sample" in line and "1000/2000" in line for line in shown)
    assert not any("another" in line for line in shown)
    assert max(map(len, shown)) <= 80
    assert not any("…" in line for line in shown), "nothing is cut by the terminal"


@pytest.mark.parametrize("kind", [reporter.Lines, reporter.Bars])
def test_what_will_never_be_begun_is_not_left(kind: Any, now: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.StringIO()
    monkeypatch.setattr(sys, "stderr", raw)
    shown, steps = kind(), [Named("fit", label=f"fit {i}") for i in range(5)]
    shown.start(steps, 1)
    now[0] += 40
    shown.step(steps[0], record(40.0), "")
    shown.step(steps[1], None, "no such thing")
    shown.cut(steps[2:4])
    shown.stop()
    assert shown.total == 3
    assert sum(shown.pace.left.values()) == 1
    assert shown.pace.remaining == pytest.approx(40)
