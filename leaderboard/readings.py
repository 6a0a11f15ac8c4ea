"""From result files to the curves of one row: complete over every seed, or a reason why not.

Nothing here averages. A row whose cells are missing, failed, or hold something that is not a number is
labelled, and stays without curves.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Literal

import numpy as np

from leaderboard.grain import items_of
from leaderboard.onset import onset
from leaderboard.statistics import Array
from records.names import CONTROLS, MODALITIES, GroupName, MetricName, RowName
from records.results import CellResult, Cost, Floor

HOST_FIELDS = ("device", "machine")  # of `CellResult.execution`: different kinds of hosts are not paired


@dataclass(frozen=True)
class BoardRow:
    """A row of the current plan.

    Attributes:
        scenario: Scenario name.
        variant: Scenario variant name.
        mitigation: Mitigation name; "none" and "real" are the controls.
        parent: For a scenario that already mitigates: the scenario whose `none` and `real` it is scored with.
        seeds: One per cell.
        keys: Cell keys, one per seed.
        applies_to: Modalities that the mitigation is ranked on; empty = all.
        origin: "local" for result files of this machine, "entry" for a committed entry.
        command: What makes the row.
        version: Version of the benchmark that made it; "" where unknown.
        added: Whether the command line asked for it beside the suite's own rows.
    """

    scenario: str
    variant: str
    mitigation: str
    parent: str | None
    seeds: tuple[int, ...]
    keys: tuple[str, ...]
    applies_to: tuple[str, ...] = ()
    origin: Literal["local", "entry"] = "local"
    command: str = ""
    version: str = ""
    added: bool = False

    @property
    def name(self) -> RowName:
        """Scenario, variant and mitigation."""
        return RowName.of(self)

    @property
    def group(self) -> GroupName:
        """Scenario and variant."""
        return self.name.group

    @property
    def is_control(self) -> bool:
        """Whether this is a control; with a parent, `none` is the scenario as it is, which is scored like a method."""
        return self.mitigation in (CONTROLS if self.parent is None else CONTROLS[1:])

    def applies(self, modality: str) -> bool:
        """Say whether the mitigation is meant for a modality; the sets of a chain are of both."""
        return not self.applies_to or modality in self.applies_to or modality not in MODALITIES

    def at(self, seeds: Collection[int]) -> BoardRow:
        """Return the row at those of its seeds that are among these."""
        kept = [(seed, key) for seed, key in zip(self.seeds, self.keys, strict=True) if seed in seeds]
        return replace(self, seeds=tuple(seed for seed, _ in kept), keys=tuple(key for _, key in kept))

    def in_order(self) -> BoardRow:
        """Return the row with its seeds from the least on: rows that were asked for in another order are pairs, too."""
        seeds, keys = zip(*sorted(zip(self.seeds, self.keys, strict=True)), strict=True) if self.keys else ((), ())
        return replace(self, seeds=seeds, keys=keys)

    def cells(self, results: Mapping[str, CellResult]) -> tuple[CellResult, ...]:
        """Return the row's cells that are there, in the order of its seeds."""
        return tuple(results[key] for key in self.keys if key in results)


@dataclass(frozen=True)
class Reading:
    """One row's curves of one metric.

    Attributes:
        row: The row.
        metric: The metric's full name.
        cells: The results found, complete or not, in the order of the seeds.
        done: Number of seeds with a complete, finite curve.
        problem: Why there are no curves; "" where there are.
        detail: The first underlying message, for a note.
        curves: (seeds, iterations) from the first that the metric is measured at to T, or None.
    """

    row: BoardRow
    metric: str
    cells: tuple[CellResult, ...]
    done: int
    problem: str
    detail: str = ""
    curves: Array | None = None

    @property
    def seeds(self) -> str:
        """Seeds complete, as "5/5"."""
        return f"{self.done}/{len(self.row.keys)}"

    @property
    def items(self) -> int:
        """How many items the metric was measured on; 0 where its name does not say."""
        return items_of(self.metric)

    @property
    def setting(self) -> tuple[frozenset[int], frozenset[int], tuple[int, ...]]:
        """What two rows must share whatever their scenario: N, T and seeds."""
        return (
            frozenset(cell.n for cell in self.cells),
            frozenset(cell.iterations for cell in self.cells),
            self.row.seeds,
        )

    @property
    def protocols(self) -> frozenset[str]:
        """The protocol digests of the metric over all cells."""
        return frozenset(c.info[self.metric].protocol for c in self.cells if self.metric in c.info)

    @property
    def own_protocols(self) -> frozenset[str]:
        """Those of cells that serve no other scenario variant."""
        return own_protocols(self.cells, self.metric)

    @property
    def hosts_by_seed(self) -> tuple[str, ...]:
        """The kind of host of each cell: seeds of two rows are pairs only where these agree."""
        return tuple(host(cell) for cell in self.cells)

    def at(self, iteration: int) -> Array:
        """Return the values of one iteration over seeds; only where there are curves."""
        if self.curves is None:
            raise ValueError(f"{self.row} has no curves: {self.problem}")
        return self.curves[:, iteration]

    def onset(self) -> int | None:
        """Return the iteration from which the row is worse than at its first one; None where there is none."""
        if self.curves is None:
            return None
        direction, least = self.cells[0].info[self.metric].direction, minimum_effect(self.cells, self.metric)
        return onset(self.curves, direction, least, items=self.items, first=MetricName.parse(self.metric).first)

    def cost(self) -> Cost | None:
        """Return the mean cost over seeds, counts in whole numbers, or None unless every cell is there."""
        if self.curves is None:
            return None
        means = {f.name: float(np.mean([getattr(cell.cost, f.name) for cell in self.cells])) for f in fields(Cost)}
        return Cost(**{name: mean if name.endswith("_seconds") else round(mean) for name, mean in means.items()})  # type: ignore[arg-type]


def read(row: BoardRow, results: Mapping[str, CellResult], metric: str, ends: bool = False) -> Reading:
    """Return one row's curves of one metric, by seed, or the reason why there are none.

    Args:
        row: The row.
        results: Result files by cell key.
        metric: Full name; "" is no metric yet.
        ends: Whether curves are of the first iteration and T alone, which is all that entries keep of many metrics.
    """
    row = row.in_order()
    cells = row.cells(results)
    complete = [cell for cell in cells if cell.status == "complete"]
    done = sum(stacked([cell], metric, ends) is not None for cell in complete) if metric else 0
    problem, detail = _problem(row, cells, metric, ends)
    return Reading(row, metric, cells, done, problem, detail, None if problem else stacked(complete, metric, ends))


def curve(cell: CellResult, metric: str, ends: bool = False) -> Array | None:
    """Return one cell's values from the metric's first iteration to T, or both alone; None where one is missing."""
    first, last = MetricName.parse(metric).first, cell.iterations
    values = [cell.value(metric, t) for t in ((first, last) if ends else range(first, last + 1))]
    return None if any(value is None for value in values) else np.array(values, dtype=np.float64)


def stacked(cells: Sequence[CellResult], metric: str, ends: bool = False) -> Array | None:
    """Return the curves of cells, (cells, iterations), or None where one is not whole and finite or has another T."""
    curves = [c for cell in cells if (c := curve(cell, metric, ends)) is not None and np.isfinite(c).all()]
    whole = len(curves) == len(cells) and len({len(c) for c in curves}) == 1
    return np.stack(curves) if whole else None


def own_protocols(cells: Iterable[CellResult], metric: str) -> frozenset[str]:
    """Return the protocol digests of a metric over cells that serve one scenario variant: what must be one.

    A cell that serves rows of several holds the protocol of only one of them, which need not be the one asked about;
    its key is in the plan of each, and settles the rest.
    """
    own = [cell for cell in cells if len({(row.scenario, row.variant) for row in cell.rows}) <= 1]
    return frozenset(cell.info[metric].protocol for cell in own if metric in cell.info)


def floor_of(cells: Sequence[CellResult], metric: str) -> Floor | None:
    """Return what real data score, with the largest minimum effect of the cells; None where the metric has no floor."""
    floors = [cell.floors[metric] for cell in cells if metric in cell.floors]
    return max(floors, key=lambda floor: floor.minimum_effect) if floors else None


def minimum_effect(cells: Sequence[CellResult], metric: str) -> float:
    """Return the smallest change that the metric is trusted to see; 0 where it has no floor."""
    floor = floor_of(cells, metric)
    return floor.minimum_effect if floor else 0.0


def host(cell: CellResult) -> str:
    """Return the kind of host that a cell ran on, such as "cpu x86_64"; "cuda:1" is the kind "cuda"."""
    return " ".join(str(cell.execution.get(name, "")).partition(":")[0] for name in HOST_FIELDS)


def _problem(row: BoardRow, cells: tuple[CellResult, ...], metric: str, ends: bool) -> tuple[str, str]:
    """Return the row's label and a detail; the gravest problem wins."""
    total = len(row.keys)
    failed = [cell for cell in cells if cell.status == "failed"]
    if failed:
        first = failed[0]
        what = f"{first.error.step} {first.error.iteration}: {first.error.message}" if first.error else ""
        return f"failed {len(failed)}/{total}", f"seed {first.seed} failed in {what}"
    complete = [cell for cell in cells if cell.status == "complete"]
    if len(complete) < total or total == 0:
        return f"incomplete {len(complete)}/{total}", ""
    if len({cell.iterations for cell in complete}) > 1 or len({cell.n for cell in complete}) > 1:
        return "not comparable: mixed N or T", "its seeds ran with different settings"
    if len(own_protocols(complete, metric)) > 1:
        return "not comparable: mixed protocols", "its seeds were measured by different protocols"
    for cell in complete:
        problem, detail = _cell_problem(cell, metric, ends)
        if problem:
            return problem, detail
    return "", ""


def _cell_problem(cell: CellResult, metric: str, ends: bool) -> tuple[str, str]:
    if metric in cell.absent:
        return "not measured", f"seed {cell.seed}: {cell.absent[metric]}"
    if metric not in cell.info:
        return "not comparable: other metric", f"seed {cell.seed} has no {metric}" if metric else ""
    if cell.info[metric].direction == "none":
        return "no direction", f"{metric} says not which way is better, so it cannot be a headline"
    values = curve(cell, metric, ends)
    if values is None:
        return "not measured", f"seed {cell.seed} lacks iterations"
    for iteration, value in enumerate(values):
        if not math.isfinite(value):
            return "not finite", f"seed {cell.seed} is {value} at iteration {iteration}"
    return "", ""
