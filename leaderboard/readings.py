"""From result files to the curves of one row: complete over every seed, or a reason why not.

Nothing here averages. A row whose cells are missing, failed, or hold something that is not a number is
labelled, and stays without curves.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from leaderboard.statistics import Array
from records.results import CellResult, Cost

CONTROLS = ("none", "real")
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

    @property
    def group(self) -> tuple[str, str]:
        """Scenario and variant."""
        return self.scenario, self.variant

    @property
    def is_control(self) -> bool:
        """Whether this is a control of its own group; with a parent, the parent's are used instead."""
        return self.parent is None and self.mitigation in CONTROLS

    def applies(self, modality: str) -> bool:
        """Say whether the mitigation is meant for a modality."""
        return not self.applies_to or modality in self.applies_to


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
        curves: (seeds, T + 1), or None.
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
    def hosts(self) -> frozenset[str]:
        """The kinds of hosts that the cells ran on."""
        return frozenset(self.hosts_by_seed)

    @property
    def hosts_by_seed(self) -> tuple[str, ...]:
        """The kind of host of each cell, such as "cpu x86_64"; "cuda:1" is the kind "cuda".

        Seeds of two rows are pairs only where these agree.
        """
        parts = ([str(c.execution.get(name, "")).partition(":")[0] for name in HOST_FIELDS] for c in self.cells)
        return tuple(" ".join(part) for part in parts)

    @property
    def shared(self) -> bool:
        """Whether a cell serves rows of several scenario variants, and so holds the protocol of only one."""
        return any(len({(row.scenario, row.variant) for row in cell.rows}) > 1 for cell in self.cells)

    def at(self, iteration: int) -> Array:
        """Return the values of one iteration over seeds; only where there are curves."""
        if self.curves is None:
            raise ValueError(f"{self.row} has no curves: {self.problem}")
        return self.curves[:, iteration]

    def cost(self) -> Cost | None:
        """Return the mean cost over seeds, or None unless every cell is there."""
        if self.curves is None:
            return None
        return mean_cost(self.cells)


def mean_cost(cells: tuple[CellResult, ...]) -> Cost:
    """Return the mean cost of cells, counts rounded to whole numbers."""

    def mean(name: str) -> float:
        return float(np.mean([getattr(cell.cost, name) for cell in cells]))

    counts = ("network_evaluations", "real_samples", "synthetic_samples", "training_steps")
    return Cost(
        **{name: round(mean(name)) for name in counts},
        device_seconds=mean("device_seconds"),
        wall_seconds=mean("wall_seconds"),
    )


def stem(metric: str) -> str:
    """Return the short name of a metric: "generator/recall@clip,n=512" is "recall"."""
    return metric.partition("/")[2].partition("@")[0] or metric


def read(row: BoardRow, results: Mapping[str, CellResult], metric: str) -> Reading:
    """Gather one row's curves of one metric, or the reason why there are none."""
    cells = tuple(results[key] for key in row.keys if key in results)
    complete = [cell for cell in cells if cell.status == "complete"]
    curves = [curve(cell, metric) for cell in complete]
    done = sum(c is not None and bool(np.isfinite(c).all()) for c in curves)
    problem, detail = _problem(row, cells, metric)
    if problem:
        return Reading(row, metric, cells, done, problem, detail)
    return Reading(row, metric, cells, done, "", "", np.stack([c for c in curves if c is not None]))


def curve(cell: CellResult, metric: str) -> Array | None:
    """Return one cell's values at iterations 0 to T, or None where one was not measured."""
    values = [cell.value(metric, iteration) for iteration in range(cell.iterations + 1)]
    if any(value is None for value in values):
        return None
    return np.array(values, dtype=np.float64)


def _problem(row: BoardRow, cells: tuple[CellResult, ...], metric: str) -> tuple[str, str]:
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
    for cell in complete:
        problem, detail = _cell_problem(cell, metric)
        if problem:
            return problem, detail
    return "", ""


def _cell_problem(cell: CellResult, metric: str) -> tuple[str, str]:
    if metric in cell.absent:
        return "not measured", f"seed {cell.seed}: {cell.absent[metric]}"
    if metric not in cell.info:
        return "not comparable: other metric", f"seed {cell.seed} has no {metric}" if metric else ""
    if cell.info[metric].direction == "none":
        return "no direction", f"{metric} says not which way is better, so it cannot be a headline"
    values = curve(cell, metric)
    if values is None:
        return "not measured", f"seed {cell.seed} lacks iterations"
    for iteration, value in enumerate(values):
        if not math.isfinite(value):
            return "not finite", f"seed {cell.seed} is {value} at iteration {iteration}"
    return "", ""
