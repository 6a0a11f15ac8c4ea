"""The numbers of every other metric, for a reader who chooses one: of each row its ends, worsening and share.

What is ranked is the headline metric alone. Of the others a row has what it has on the board: mean at the first
iteration and at T, worsening with its standard deviation over seeds, and collapse prevented with Fieller's interval,
where the row may be compared with its controls and these judge methods by that metric: it collapsed, and is valid.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.reporting.pages.rows import PageRow, Section
from leaderboard import statistics as st
from leaderboard.board import Board, Group
from leaderboard.comparing import prevented
from leaderboard.controls import Controls, find_controls, mismatch
from leaderboard.readings import Reading, read
from records.names import GroupName, MetricName

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
                    numbers |= _section(board, section.rows, metric, direction)
            label = MetricName.parse(metric).beside
            made.append(Choice(metric, label, side, direction, numbers))
    return made, left


def _metrics(group: Group) -> dict[str, str]:
    """Return metric -> direction of a group's side, the headline first; those without a direction are not judged."""
    cells = [cell for line in group.lines for cell in line.reading.cells[:1]]
    found = {m: about.direction for cell in cells for m, about in cell.info.items() if about.direction != "none"}
    mine = [m for m in sorted(found) if MetricName.parse(m).side == group.modality]
    return {m: found[m] for m in sorted(mine, key=lambda m: m != group.metric)}


def _section(board: Board, rows: Sequence[PageRow], metric: str, direction: str) -> dict[str, Numbers]:
    planned = {(r.scenario, r.variant, r.mitigation): r for r in board.rows}
    controls: dict[GroupName, Controls] = {}
    found = {}
    for row in rows:
        own = planned.get((row.of[0], row.of[1], row.of[3]))
        reading = read(own, board.results, metric, ends=True) if own is not None else None
        if own is None or reading is None or reading.curves is None:
            continue
        if own.group not in controls:
            controls[own.group] = find_controls(own, board.rows, board.results, metric, ends=True)
        share = None if own.is_control else _share(reading, controls[own.group])
        found[row.key] = [_short(v) for v in (*_told(reading, direction), *(share or (None, None, None)))]
    return found


def _told(reading: Reading, direction: str) -> tuple[float, float, float, float | None]:
    worse = st.worsening(reading.at(0), reading.at(-1), direction)
    mean, sd = st.mean_sd(worse)
    return float(reading.at(0).mean()), float(reading.at(-1).mean()), mean, sd if len(worse) > 1 else None


def _share(reading: Reading, controls: Controls) -> tuple[float, float | None, float | None] | None:
    """Return collapse prevented as a board would show it; None where controls judge nothing, or not this row."""
    if not controls.judged or mismatch(reading, controls):
        return None
    ratio = prevented(controls.reading("none"), reading, controls.reading("real"))
    return (ratio.value, ratio.low, ratio.high) if ratio.kind == "bounded" else (ratio.value, None, None)


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.{DIGITS}g}")
