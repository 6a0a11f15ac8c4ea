"""What each metric of a cell means and which protocol it was measured by, from the plan alone."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

from benchmarks.study.world import DeclaredFamily
from records.canonical import digest
from records.declarations import facts
from records.results import MetricInfo

if TYPE_CHECKING:
    from benchmarks.planning.plan import Plan, PlannedCell


def metric_infos(
    plan: Plan, cell: PlannedCell, protocol: str, found: Collection[tuple[str, str]] = ()
) -> dict[str, MetricInfo]:
    """Return full metric name -> direction, whether it is a headline, protocol digest.

    Args:
        plan: The plan the cell belongs to.
        cell: The cell.
        protocol: Of the row that the cell is shown in; a cell can serve rows of two scenarios.
        found: (class path of the family, metric) of values that are there: the data say which names a family has that
            declares one with `*`.
    """
    world, primary = plan.world, plan.suite.primary
    infos = {}
    for side in (*sorted(cell.cell.scenario.trains), "set"):
        for family, judge in world.by_judge[side]:
            if family.chained and cell.cell.scenario.trains:
                continue
            first = world.judges_of(family)[0] if judge else None
            phrases = world.phrases([family])
            measured_by = digest([protocol, family.identity, world.judge(judge), *([phrases] if phrases else [])])
            for metric, declared in _declared(family, found):
                headline = primary.get(side) == metric and judge == first
                name = family.name(metric, cell.cell.evaluate.n, judge)
                infos[name] = MetricInfo(declared["direction"], headline, measured_by)
    return infos


def _declared(family: DeclaredFamily, found: Collection[tuple[str, str]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the metrics of a family and what it says of them; one that ends in `*` by the names that were found."""
    yield from ((m, declared) for m, declared in family.declares.items() if not m.endswith("*"))
    for metric in sorted(m for path, m in found if path == family.class_path and m not in family.declares):
        declared = facts(family.declares, metric)
        if declared is not None:
            yield metric, declared
