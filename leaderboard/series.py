"""One metric of one row over seeds and iterations, or the reason why there is none.

What gates and claims read. Unlike the board's readings it takes metrics without a direction and those of synthetic
sets, since claims are about variance and sets too.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np

from leaderboard import statistics as st
from leaderboard.grain import items_of
from leaderboard.readings import BoardRow, curve, host, minimum_effect, own_protocols
from leaderboard.statistics import Array
from records.findings import Statistic
from records.names import MetricName
from records.results import CellResult

#: Why there is nothing to read: not planned, not measured, a cell failed, a cell has not run, no finite number.
Lack = Literal["row", "metric", "failed", "incomplete", "not finite"]


class NoSeries(Exception):
    """Nothing can be read; `lack` says what kind of absence it is."""

    def __init__(self, lack: Lack, message: str):
        super().__init__(message)
        self.lack = lack


@dataclass(frozen=True)
class Series:
    """A metric of a row.

    Attributes:
        row: `scenario/variant/mitigation`.
        metric: Full name, with judge and n.
        direction: "up", "down" or "none".
        seeds: One per curve.
        n: Pairs an iteration.
        iterations: T.
        protocol: Digest of what makes the metric comparable.
        hosts: Kinds of hosts that the cells ran on.
        minimum_effect: Smallest change the metric is trusted to see; 0 where it declares none.
        curves: (seeds, T + 1); (seeds, T) for a synthetic set, which is measured from iteration 1.
        cells: The result files.
    """

    row: str
    metric: str
    direction: str
    seeds: tuple[int, ...]
    n: int
    iterations: int
    protocol: str
    hosts: frozenset[str]
    minimum_effect: float
    curves: Array
    cells: tuple[CellResult, ...]

    @property
    def signed(self) -> str:
        """The direction by which numbers are called worse; without one, more counts as worse."""
        return "down" if self.direction == "none" else self.direction

    @property
    def own_protocols(self) -> frozenset[str]:
        """The protocol of cells that serve no other scenario variant; none where all are shared."""
        return own_protocols(self.cells, self.metric)

    def worsening(self) -> Array:
        """Return per seed the change from first to last iteration, worse positive."""
        return st.worsening(self.curves[:, 0], self.curves[:, -1], self.signed)

    def statistic(self, name: Statistic) -> Array:
        """Return one number a seed: worse is positive, but for `end`, which is the value at T as it is."""
        known = {
            "worsening": self.worsening,
            "end": lambda: self.curves[:, -1],
            "slope": lambda: st.robust_slope(self.curves, self.signed),
            "area": lambda: st.trajectory_area(self.curves, self.signed),
        }
        return np.asarray(known[name](), dtype=np.float64)

    def items(self, name: Statistic) -> int:
        """Return into how many parts a statistic of a share is divided: its items, over T where it is per iteration."""
        return items_of(self.metric) * (max(self.iterations, 1) if name in ("slope", "area") else 1)

    def damage(self, name: Statistic) -> Array:
        """Return one number a seed, worse is positive for every statistic."""
        values = self.statistic(name)
        return -values if name == "end" and self.signed == "up" else values


@dataclass(frozen=True)
class Evidence:
    """All that may be read: the rows of a plan and the result files that are there.

    Attributes:
        rows: Of the current plan.
        results: By cell key.
        folder: Of the suite's file, where human votes are looked for.
    """

    rows: Sequence[BoardRow]
    results: Mapping[str, CellResult]
    folder: Path = field(default_factory=Path)

    def row(self, name: str) -> BoardRow:
        """Return a row by `scenario/variant/mitigation`.

        Raises:
            NoSeries: The plan has no such row.
        """
        for row in self.rows:
            if str(row.name) == name:
                return row
        raise NoSeries("row", f"no row {name}: not run, or not in the plan")

    def paired(self, *rows: str) -> Evidence:
        """Return the same evidence where all rows are read at the seeds that each of these is planned at.

        Of a question that needs more seeds than others, rows may be planned at more; what has failed is still missed.
        Rows that the plan does not have, and such without a seed in common, are left to who reads them.
        """
        planned = [set(row.seeds) for row in self.rows if str(row.name) in rows]
        common = set[int]().union(*planned).intersection(*planned)
        if not common or all(seeds == common for seeds in planned):
            return self
        return self.at(common)

    def at(self, seeds: Collection[int]) -> Evidence:
        """Return the same evidence where rows are read at those of their seeds that are among these."""
        return replace(self, rows=[row.at(seeds) for row in self.rows])

    def variants(self, scenario: str, mitigation: str = "none") -> tuple[str, ...]:
        """Return the names of a scenario's rows under one mitigation, in the plan's order."""
        return tuple(str(r.name) for r in self.rows if r.scenario == scenario and r.mitigation == mitigation)

    def series(self, row: str, metric: str) -> Series:
        """Read a metric of a row over all of its seeds.

        Raises:
            NoSeries: A cell is missing or failed, or the metric was not measured in every one.
        """
        found = self.row(row)
        cells = self._cells(found)
        full = full_name(cells[0], metric)
        if len({(c.n, c.iterations) for c in cells}) > 1 or any(full not in c.info for c in cells):
            raise NoSeries("metric", f"{row}: its seeds ran with different settings")
        if len(own_protocols(cells, full)) > 1:
            raise NoSeries("metric", f"{row}: its seeds were measured by different protocols")
        curves = np.stack([_curve(cell, full, row) for cell in cells])
        first = cells[0]
        return Series(
            row, full, first.info[full].direction, found.seeds, first.n, first.iterations, first.info[full].protocol,
            frozenset(map(host, cells)), minimum_effect(cells, full), curves, cells,
        )  # fmt: skip

    def _cells(self, row: BoardRow) -> tuple[CellResult, ...]:
        total, cells = len(row.keys), row.cells(self.results)
        failed = [cell for cell in cells if cell.status == "failed"]
        if failed and failed[0].error is not None:
            error = failed[0].error
            raise NoSeries(
                "failed", f"{row.name}: {len(failed)} of {total} seeds failed; seed {failed[0].seed} in {error.step} "
                f"of iteration {error.iteration}: {error.message}"
            )  # fmt: skip
        complete = sum(cell.status == "complete" for cell in cells)
        if complete < total or not total:
            raise NoSeries("incomplete", f"{row.name}: {complete} of {total} seeds are complete")
        return cells


def full_name(cell: CellResult, metric: str) -> str:
    """Return the full name of `side/metric` or `side/metric@judge`.

    Where several judges fit: the primary one, else that of the headlines, which are in one space then, else the first
    by name, whatever the order of a file.

    Raises:
        NoSeries: The cell has no such metric, or says why it is absent.
    """
    if metric in cell.info:
        return metric
    wanted = MetricName.parse(metric)
    fits = sorted(name for name in cell.info if MetricName.parse(name).fits(wanted))
    if not fits:
        raise NoSeries("metric", f"{metric} is not measured")
    headlines = {MetricName.parse(name).judge for name, about in cell.info.items() if about.primary} - {None}
    spaces = [name for name in fits if MetricName.parse(name).judge in headlines]
    return next((name for name in fits if cell.info[name].primary), (spaces or fits)[0])


def _curve(cell: CellResult, metric: str, row: str) -> Array:
    """Return a cell's values from its first iteration to T."""
    if metric in cell.absent:
        raise NoSeries("metric", f"{row}: seed {cell.seed} has no {metric}: {cell.absent[metric]}")
    values = curve(cell, metric)
    if values is None:
        raise NoSeries("metric", f"{row}: seed {cell.seed} lacks {metric} at some iterations")
    if not np.isfinite(values).all():
        raise NoSeries("not finite", f"{row}: seed {cell.seed} has a {metric} that is no finite number")
    return values
