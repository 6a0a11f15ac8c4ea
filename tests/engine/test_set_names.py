"""The n in the name of a set's metric is the number of pairs that is measured, which a small pool does not have."""

from __future__ import annotations

import pytest

from benchmarks.planning.plan import Plan
from benchmarks.planning.planner import make_plan
from benchmarks.planning.protocols import metric_infos, set_items
from benchmarks.running.assemble import _Reader
from benchmarks.steps.curate import Curate
from benchmarks.steps.metrics import Metrics
from benchmarks.study.loading import SUITES
from records.names import MetricName

SHIPPED = sorted(file.stem for file in SUITES.glob("*.yaml"))
#: Of suites that draw fewer pairs than they evaluate, the smallest pool.
SMALL = {"analytic": 32, "damage": 256, "joint_loop": 192, "smoke": 16}


def pools(plan: Plan, key: str) -> list[int]:
    """How many pairs each synthetic set of a cell has."""
    steps = (plan.steps[step] for step in plan.cells[key].needs)
    return [step.size for step in steps if isinstance(step, Curate)]


@pytest.mark.parametrize("suite", SHIPPED)
def test_no_name_says_more_items_than_the_smallest_pool_has(suite: str) -> None:
    plan = make_plan(suite)
    seen = set()
    for row in plan.rows:
        cell = plan.cells[row.keys[0]]
        infos = metric_infos(plan, cell, row.protocol)
        said = {name.n for name in map(MetricName.parse, infos) if name.side == "set"}
        others = {name.n for name in map(MetricName.parse, infos) if name.side != "set"}
        assert others <= {cell.cell.evaluate.n}, "models are measured at what is evaluated"
        if said:
            assert said == {min(cell.cell.evaluate.n, cell.cell.n, *pools(plan, row.keys[0]))}, row
        seen |= said
    if suite in SMALL:
        assert min(seen) == SMALL[suite]


def test_rows_of_a_variant_have_the_same_names() -> None:
    """A pool that grows, or that has real pairs beside the drawn ones, is named as that of `none` is."""
    plan = make_plan("analytic", (), ["accumulate"])
    counts = {row.mitigation: set_items(plan.cells[row.keys[0]].cell) for row in plan.rows}
    assert set(counts.values()) == {32}
    assert {"none", "real", "accumulate", "fresh_real"} <= counts.keys()


def test_a_result_file_and_its_plan_give_one_name() -> None:
    plan = make_plan("analytic")
    cell = next(iter(plan.cells.values()))
    infos = metric_infos(plan, cell, cell.rows[0]["protocol"])
    reader = _Reader(plan, None, set(), set_items(cell.cell))  # type: ignore[arg-type]  # no store is read for names
    keys = [key for key in cell.needs if isinstance(plan.steps[key], Metrics)]
    assert keys
    for key in keys:
        family = reader.families[plan.steps[key].family.execution]
        names = {reader.name(key, metric) for metric in family.declares if not metric.endswith("*")}
        assert names <= infos.keys()
