"""What each metric of a cell means and which protocol it was measured by, from the plan alone."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from benchmarks.study.world import DeclaredFamily
from records.canonical import digest
from records.declarations import facts
from records.names import MetricName
from records.results import MetricInfo

if TYPE_CHECKING:
    from benchmarks.planning.cells import Cell
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
    world, primary, pairs = plan.world, plan.suite.primary, set_items(cell.cell)
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
                items = pairs if family.side == "set" else cell.cell.evaluate.n
                name = family.name(metric, items, judge)
                infos[name] = MetricInfo(declared["direction"], headline, measured_by)
    return infos


def infos_with(plan: Plan, cell: PlannedCell, protocol: str, held: Iterable[str]) -> dict[str, MetricInfo]:
    """Return the same where full names are known that cells hold: those that a family declares with `*` are there too.

    Args:
        plan: The plan the cell belongs to.
        cell: The cell.
        protocol: Of the row that the cell is shown in.
        held: Full names of metrics; what no family declares is left out.
    """
    names, known = set(held), metric_infos(plan, cell, protocol)
    metrics = {MetricName.parse(name).metric for name in names}
    found = {(family.class_path, metric) for family in plan.world.families for metric in metrics}
    more = metric_infos(plan, cell, protocol, found) if names - known.keys() else {}
    return {**known, **{name: about for name, about in more.items() if name in names and name not in known}}


def set_items(cell: Cell) -> int:
    """Return how many pairs of each synthetic set of a cell are measured, as the names of its metrics say.

    At most as many as are evaluated, and no more than its smallest pool has: one name has to hold at every iteration.
    Nor more than N, so that a method that adds real pairs has the names of `none`, with which it is compared.
    """
    pools = (cell.method.hooks.pool_size(t, cell.n) for t in range(1, cell.iterations + 1))
    return min(cell.evaluate.n, cell.n, *pools)


def _declared(family: DeclaredFamily, found: Collection[tuple[str, str]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the metrics of a family and what it says of them; one that ends in `*` by the names that were found."""
    yield from ((m, declared) for m, declared in family.declares.items() if not m.endswith("*"))
    for metric in sorted(m for path, m in found if path == family.class_path and m not in family.declares):
        declared = facts(family.declares, metric)
        if declared is not None:
            yield metric, declared
