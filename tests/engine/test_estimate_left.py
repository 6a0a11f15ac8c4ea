"""What a plan says is left is what a run would do: nothing of a complete study that keeps little."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.planning.plan import Plan
from benchmarks.planning.planner import make_plan
from benchmarks.reporting.outputs import describe
from benchmarks.reporting.plan_screen import screen
from benchmarks.running.execute import missing_steps
from benchmarks.running.study import run_study
from benchmarks.storage.store import LocalStore
from benchmarks.study.about import About
from tests.engine.conftest import write_suite

LEAN = {"pools": False, "models": False, "samples": False}


@pytest.fixture
def lean(tmp_path: Path) -> Plan:
    """A complete study of which little is kept."""
    plan = make_plan(str(write_suite(tmp_path, seeds=[0], retain=LEAN)))
    assert not run_study(plan, tmp_path / "runs", workers=0, mirror=False).failed
    return plan


def test_nothing_is_left_of_a_complete_study_whose_artifacts_were_dropped(lean: Plan, tmp_path: Path) -> None:
    store = tmp_path / "runs" / "store"
    assert LocalStore.listing(store, "dropped.json") & set(lean.steps)
    facts = describe(lean, store)
    assert facts["steps_done"] == facts["steps_unique"]
    assert facts["estimate"]["hours"] == 0
    assert facts["estimate"]["unknown"] == []
    assert "all are done, a run only writes the board." in screen(facts, About(), "make bench")


def test_what_was_dropped_is_left_where_a_method_reads_it(lean: Plan, tmp_path: Path) -> None:
    more = make_plan(str(lean.file), (), ["accumulate"])
    store = tmp_path / "runs" / "store"
    left = missing_steps(more, more.cells.values(), LocalStore(store))
    assert any(step.key in lean.steps for step in left)
    facts = describe(more, store)
    assert facts["steps_done"] == len(more.steps) - len(left)
    assert facts["estimate"]["steps_left"] == len(left)


def test_steps_are_in_the_order_of_the_cells_asked_for_and_inputs_come_first(tmp_path: Path) -> None:
    plan = make_plan(str(write_suite(tmp_path, seeds=[0, 1], mitigations=["none", "real", "accumulate"])))
    store = LocalStore(tmp_path / "store")
    for asked in (list(plan.cells.values()), list(plan.cells.values())[1:][::-1]):
        steps = missing_steps(plan, asked, store)
        place = {step.key: i for i, step in enumerate(steps)}
        assert all(place[parent] < place[step.key] for step in steps for parent in step.parents)
        wanted: set[str] = set()
        for cell in asked:
            wanted.update(key for key in cell.needs if key in place)
            assert {step.key for step in steps[: len(wanted)]} == wanted
