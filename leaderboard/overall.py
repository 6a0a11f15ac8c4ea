"""Tables over the groups: one overall table per modality, and every secondary metric in one wide table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from leaderboard.board import Board, Group
from leaderboard.line import Line
from leaderboard.readings import BoardRow
from records.names import MODALITIES, MetricName
from records.results import CellResult, MetricInfo


@dataclass(frozen=True)
class OverallLine:
    """One method over all scenarios of a modality.

    Attributes:
        mitigation: Its name.
        scenarios: Scenarios scored completely, as "2/3"; those where it does not apply are not counted.
        prevented: Mean collapse prevented; None where incomplete.
        rank: Mean rank range; None where incomplete or descriptive.
        note: Why there are no numbers.
    """

    mitigation: str
    scenarios: str
    prevented: float | None = None
    rank: tuple[float, float] | None = None
    note: str = ""


@dataclass(frozen=True)
class Overall:
    """The overall table of a modality and the groups that could not enter it."""

    modality: str
    lines: tuple[OverallLine, ...]
    left_out: tuple[str, ...]


@dataclass(frozen=True)
class WideLine:
    """One mitigation's means at T; a metric without a complete set of seeds has a label in its place."""

    mitigation: str
    seeds: str
    values: tuple[float | str, ...]


@dataclass(frozen=True)
class Wide:
    """Every metric of one scenario variant and modality, at T."""

    scenario: str
    variant: str
    modality: str
    metrics: tuple[str, ...]
    directions: tuple[str, ...]
    primary: tuple[bool, ...]
    lines: tuple[WideLine, ...]

    @property
    def title(self) -> str:
        """Scenario, variant and modality."""
        return f"{self.scenario} / {self.variant}: {self.modality}"


def overall(board: Board) -> list[Overall]:
    """Return one table per modality: equal weight per scenario, complete methods only.

    Variants weigh equally within a scenario. Scenarios that name a parent are mitigations themselves and do
    not enter. Groups whose controls say nothing (invalid, did not collapse, incomplete) are left out.
    """
    tables = []
    for modality in (m for m in board.modalities if m in MODALITIES):
        groups = [g for g in board.groups if g.modality == modality and g.parent is None]
        scored = [g for g in groups if _says_something(g)]
        names = dict.fromkeys(x.mitigation for g in groups for x in g.lines if x.role == "method")
        lines = [_overall_line(name, scored) for name in names]
        lines.sort(key=lambda line: sum(line.rank) if line.rank else float("inf"))
        left_out = [f"{g.scenario} / {g.variant}: {g.controls.label}" for g in groups if g not in scored]
        tables.append(Overall(modality, tuple(lines), tuple(left_out)))
    return tables


def _says_something(group: Group) -> bool:
    return group.controls.judged


def _overall_line(name: str, groups: Sequence[Group]) -> OverallLine:
    by_scenario: dict[str, list[Line]] = {}
    for group in groups:
        for line in group.lines:
            if line.mitigation == name and line.role == "method":
                by_scenario.setdefault(group.scenario, []).append(line)
    if not by_scenario:
        return OverallLine(name, "0/0", note="nowhere to be scored")
    done = [all(x.prevented is not None for x in lines) for lines in by_scenario.values()]
    scenarios = f"{sum(done)}/{len(done)}"
    if not all(done):
        return OverallLine(name, scenarios, note="incomplete, no overall number")
    prevented = np.mean([np.mean([x.prevented.value for x in ls if x.prevented]) for ls in by_scenario.values()])
    if any(x.rank is None for lines in by_scenario.values() for x in lines):
        return OverallLine(name, scenarios, float(prevented), note="unranked")
    low, high = (
        float(np.mean([np.mean([x.rank[i] for x in ls if x.rank]) for ls in by_scenario.values()])) for i in (0, 1)
    )
    return OverallLine(name, scenarios, float(prevented), (low, high))


def wide(board: Board) -> list[Wide]:
    """Return every metric at T, a table per scenario variant and modality ("set" = the synthetic data)."""
    tables = []
    for scenario, variant in dict.fromkeys(row.group for row in board.rows):
        rows = [row for row in board.rows if row.group == (scenario, variant)]
        cells = [cell for row in rows for cell in row.cells(board.results)]
        info = {metric: about for cell in reversed(cells) for metric, about in cell.info.items()}
        names = {m for c in cells for point in (*c.metrics, *c.sets) for m in point.values}
        names |= {m for cell in cells for m in cell.absent}
        for modality in sorted({MetricName.parse(name).side for name in names}):
            metrics = tuple(sorted(name for name in names if MetricName.parse(name).side == modality))
            lines = [
                WideLine(row.mitigation, *_at_end(board, row, metrics, info))
                for row in sorted(rows, key=lambda row: not row.is_control)
            ]
            directions = tuple(info[m].direction if m in info else "" for m in metrics)
            primary = tuple(m in info and info[m].primary for m in metrics)
            tables.append(Wide(scenario, variant, modality, metrics, directions, primary, tuple(lines)))
    return tables


def at_end(board: Board, row: BoardRow, metric: str) -> float | str:
    """Return the mean of one metric at T over a complete row, or a label."""
    cells = row.cells(board.results)
    about = next((cell.info[metric] for cell in cells if metric in cell.info), None)
    return _at_end(board, row, (metric,), {} if about is None else {metric: about})[1][0]


def _at_end(
    board: Board, row: BoardRow, metrics: tuple[str, ...], info: dict[str, MetricInfo]
) -> tuple[str, tuple[float | str, ...]]:
    """Return the seeds complete and, per metric, the mean at T or a label."""
    cells = row.cells(board.results)
    complete = [cell for cell in cells if cell.status == "complete"]
    seeds = f"{len(complete)}/{len(row.keys)}"
    if len(complete) < len(row.keys) or not complete:
        failed = any(cell.status == "failed" for cell in cells)
        return seeds, tuple("failed" if failed else "incomplete" for _ in metrics)
    return seeds, tuple(_mean_at_end(complete, metric, info.get(metric)) for metric in metrics)


def _mean_at_end(cells: Sequence[CellResult], metric: str, about: MetricInfo | None) -> float | str:
    if about and any(c.info[metric].protocol != about.protocol for c in cells if metric in c.info):
        return "other protocol"
    values = [cell.value(metric, cell.iterations) for cell in cells]
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return "absent" if any(metric in cell.absent for cell in cells) else "-"
    mean = float(np.mean(known))
    return mean if np.isfinite(mean) else "not finite"
