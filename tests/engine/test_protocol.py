"""What makes two numbers comparable, and what may change without voiding an old one."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.planning.plan import Plan
from benchmarks.planning.planner import _Planner
from benchmarks.steps import Fit
from benchmarks.study.loading import SUITES, load_scenarios, load_suite, load_testbed
from benchmarks.study.opening import open_world
from benchmarks.study.suite import ScenarioEntry
from records.errors import UsageError
from tests.engine.conftest import SMALL, TESTBED, write_suite

Planner = Callable[..., Plan]
SCENARIOS = sorted(p.stem for p in (SUITES / "scenarios").glob("*.yaml"))
MITIGATIONS = sorted(p.stem for p in (SUITES / "mitigations").glob("*.yaml"))


def protocols(plan: Plan) -> list[str]:
    return [row.protocol for row in plan.rows]


def bed(**more: list[dict[str, Any]]) -> dict[str, Any]:
    data = copy.deepcopy(TESTBED)
    for role, models in more.items():
        data[role] = [*data.get(role, []), *models]
    return data


def another(role: str) -> dict[str, Any]:
    return {**TESTBED[role][0], "name": "another", "init_args": {"classes": 3, "spacing": 5.0}}


def test_a_new_member_a_new_metric_or_more_seeds_void_nothing(planned: Planner) -> None:
    old = planned()
    for new in (
        planned(testbed_data=bed(generators=[another("generators")], captioners=[another("captioners")])),
        planned(metrics=SMALL["metrics"][1:], primary={"generator": "variance"}),
        planned(seeds=[0, 1, 2]),
        planned(fit={**SMALL["fit"], "captioner": {"steps": 9, "learning_rate": 1.0}}),  # no captioner in this loop
    ):
        assert protocols(new) == protocols(old)
        assert {s for s in new.steps.values() if s.kind == "fit"}


@pytest.mark.parametrize(
    "changes",
    [
        {"n": 15},
        {"iterations": 3},
        {"fit": {**SMALL["fit"], "generator": {"steps": 2, "learning_rate": 1.0}}},
        {"generate": {"generator": {"steps": 2, "guidance": 1.0}}},
        {"evaluate": {**SMALL["evaluate"], "n": 31}},
        {"testbed_data": {**TESTBED, "generators": [another("generators")]}},
    ],
)
def test_what_makes_numbers_incomparable_changes_the_protocol(changes: dict[str, Any], planned: Planner) -> None:
    assert not set(protocols(planned())) & set(protocols(planned(**changes)))


def test_a_step_that_changed_by_design_changes_cells_and_protocols(
    planned: Planner, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = planned()
    monkeypatch.setattr(Fit, "version", Fit.version + 1)
    after = planned()
    assert not set(before.cells) & set(after.cells)
    assert not set(protocols(before)) & set(protocols(after))


#: The largest ensemble of the standard scenarios has six members a side; some methods need a scorer.
SIX_A_SIDE = {
    **TESTBED,
    "scorers": [{"name": "toy", "class_path": "tests.mitigations.toys.ToyScorer"}],
    **{role: [{**TESTBED[role][0], "name": f"{role}{i}"} for i in range(6)] for role in ("captioners", "generators")},
}


@pytest.mark.slow
def test_cells_of_one_key_measure_the_same_things(tmp_path: Path) -> None:
    """A key stands for the steps of its cell, whichever scenario, patch or control it was reached by."""
    targets: dict[str, list[str]] = {}
    served, evaluations = 0, {}  # type: ignore[var-annotated]
    file = write_suite(
        tmp_path, SIX_A_SIDE, seeds=[0], n=4,
        generate={"captioner": {"temperature": 0.0, "beams": 2}, "generator": {"steps": 10}},
    )  # fmt: skip
    suite, _ = load_suite(str(file))
    testbed, testbed_file = load_testbed(suite, file)
    world = open_world(suite, testbed, file, testbed_file)
    for name in SCENARIOS:
        for scenario in load_scenarios(name, file, None):
            for mitigation in MITIGATIONS:
                planner = _Planner(suite, file, world, tuned=False)
                planner.memo = evaluations
                try:
                    planner.add_scenario(ScenarioEntry(name, mitigations=(mitigation,)), scenario, ())
                except UsageError:  # beams, patched onto a variant that samples
                    continue
                for key, cell in planner.finish().cells.items():
                    served += 1
                    assert targets.setdefault(key, cell.trace.targets()) == cell.trace.targets()
    assert len(targets) < served, "some cells were reached twice"
