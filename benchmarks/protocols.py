"""What each metric of a cell means and which protocol it was measured by, from the plan alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.evaluation import families_by_judge
from benchmarks.keys import digest
from benchmarks.results import MetricInfo

if TYPE_CHECKING:
    from benchmarks.plan import Plan, PlannedCell


def metric_infos(plan: Plan, cell: PlannedCell, protocol: str) -> dict[str, MetricInfo]:
    """Return full metric name -> direction, whether it is a headline, protocol digest.

    Args:
        plan: The plan the cell belongs to.
        cell: The cell.
        protocol: Of the row that the cell is shown in; a cell can serve rows of two scenarios.
    """
    world, primary = plan.world, plan.suite.primary
    found = {}
    for side in (*sorted(cell.cell.scenario.trains), "set"):
        for family, judge in families_by_judge(world, side):
            first = world.judges_of(family)[0] if judge else None
            for metric, facts in family.declares.items():
                name = family.name(metric, cell.cell.evaluate.n, judge)
                headline = primary.get(side) == metric and judge == first
                found[name] = MetricInfo(
                    facts["direction"], headline, digest([protocol, family.identity, world.judge(judge)])
                )
    return found
