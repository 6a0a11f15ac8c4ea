"""The numbers of every other metric, for a reader who chooses one: of each row its ends, worsening and share.

What is ranked is the headline metric alone. Of the others a row has what it has on the board: mean at the first
iteration and at T, worsening with its standard deviation over seeds, and collapse prevented with Fieller's interval,
where `none` ends worse than `real` by more than the metric's minimum effect.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.reporting.pages.rows import PageRow, Section
from leaderboard import statistics as st
from leaderboard.board import Board, Group
from leaderboard.grain import above, grain, items_of
from leaderboard.readings import BoardRow, floor_of, host
from records.names import MetricName
from records.results import CellResult

#: Metrics of a side that can be chosen at most, the headline first; how many are left out is said.
MOST_METRICS = 24
DIGITS = 4
Numbers = list[float | None]


@dataclass(frozen=True)
class Choice:
    """A metric that can be chosen.

    Attributes:
        name: Its full name.
        label: Without its side.
        side: Modality.
        direction: Which way is better.
        numbers: Key of a row -> start, end, worsening, its sd, collapse prevented, its low and high end.
    """

    name: str
    label: str
    side: str
    direction: str
    numbers: dict[str, Numbers]


@dataclass(frozen=True)
class _Ends:
    """One row's values of a metric over seeds, at the first iteration and at T, and the hosts they ran on."""

    start: st.Array
    end: st.Array
    hosts: tuple[str, ...]


def choices(board: Board, sections: Sequence[Section]) -> tuple[list[Choice], int]:
    """Return the metrics that can be chosen beside the headlines, and how many are left out."""
    names: dict[str, dict[str, str]] = {}
    for section in sections:
        if section.group is not None:
            for metric, direction in _metrics(section.group).items():
                names.setdefault(section.side, {}).setdefault(metric, direction)
    left = sum(max(0, len(found) - MOST_METRICS) for found in names.values())
    made = []
    for side, found in names.items():
        for metric, direction in list(found.items())[:MOST_METRICS]:
            numbers: dict[str, Numbers] = {}
            for section in sections:
                if section.group is not None and section.side == side:
                    numbers |= _section(board, section.group, section.rows, metric, direction)
            label = MetricName.parse(metric).beside
            made.append(Choice(metric, label, side, direction, numbers))
    return made, left


def _metrics(group: Group) -> dict[str, str]:
    """Return metric -> direction of a group's side, the headline first; those without a direction are not judged."""
    cells = [cell for line in group.lines for cell in line.reading.cells[:1]]
    found = {m: about.direction for cell in cells for m, about in cell.info.items() if about.direction != "none"}
    mine = [m for m in sorted(found) if MetricName.parse(m).side == group.modality]
    return {m: found[m] for m in sorted(mine, key=lambda m: m != group.metric)}


def _section(board: Board, group: Group, rows: Sequence[PageRow], metric: str, direction: str) -> dict[str, Numbers]:
    planned = {(r.scenario, r.variant, r.mitigation): r for r in board.rows}
    controls = {r.row.mitigation: _ends(r.row, board, metric) for r in group.controls.readings}
    none, real = controls.get("none"), controls.get("real")
    cells = [cell for r in group.controls.readings for cell in r.cells]
    floor = floor_of(cells, metric)
    judged = none is not None and real is not None and _collapsed(none, real, direction, floor, metric)
    found = {}
    for row in rows:
        own = planned.get((row.of[0], row.of[1], row.of[3]))
        ends = _ends(own, board, metric) if own is not None else None
        if ends is not None:
            control = own is not None and own.is_control
            share = _share(none, ends, real, metric) if judged and not control and none and real else None
            found[row.key] = [_short(v) for v in (*_told(ends, direction), *(share or (None, None, None)))]
    return found


def _ends(row: BoardRow, board: Board, metric: str) -> _Ends | None:
    cells = row.cells(board.results)
    if not cells or len(cells) < len(row.keys):
        return None
    first = MetricName.parse(metric).first
    pairs = [(_value(cell, metric, first), _value(cell, metric, cell.iterations)) for cell in cells]
    whole = [(a, b) for a, b in pairs if a is not None and b is not None]
    if len(whole) < len(pairs):
        return None
    start, end = (np.array(x, dtype=np.float64) for x in zip(*whole, strict=True))
    return _Ends(start, end, tuple(map(host, cells)))


def _value(cell: CellResult, metric: str, iteration: int) -> float | None:
    value = cell.value(metric, iteration)
    return value if value is not None and value - value == 0 else None  # NaN and infinity are no numbers


def _collapsed(none: _Ends, real: _Ends, direction: str, floor: object, metric: str) -> bool:
    gaps = st.worsening(real.end, none.end, direction) if _paired(none, real) else None
    if gaps is None:
        return False
    least = getattr(floor, "minimum_effect", 0.0)
    return bool(above(st.t_interval(gaps, least=grain(gaps, items_of(metric))).low, least))


def _paired(*rows: _Ends) -> bool:
    return len({row.hosts for row in rows}) == 1


def _told(ends: _Ends, direction: str) -> tuple[float, float, float, float | None]:
    worse = st.worsening(ends.start, ends.end, direction)
    mean, sd = st.mean_sd(worse)
    return float(ends.start.mean()), float(ends.end.mean()), mean, sd if len(worse) > 1 else None


def _share(none: _Ends, own: _Ends, real: _Ends, metric: str) -> tuple[float, float | None, float | None] | None:
    if not _paired(none, own, real):
        return None
    ratio = st.collapse_prevented(none.end, own.end, real.end, items=items_of(metric))
    return (ratio.value, ratio.low, ratio.high) if ratio.kind == "bounded" else (ratio.value, None, None)


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.{DIGITS}g}")
