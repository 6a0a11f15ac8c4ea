"""A board in another order: by any column, or by any metric at T."""

from __future__ import annotations

import math
from dataclasses import replace

from leaderboard.board import Board, Group
from leaderboard.line import Line
from leaderboard.overall import at_end
from leaderboard.statistics import SEEDS_FOR_INTERVALS, MeanInterval, Ratio
from leaderboard.tables import COSTS
from records.errors import UsageError
from records.names import MetricName
from records.results import MetricInfo

COLUMNS = ("start", "end", "worsening", "prevented", "gain", "p_value", "rank", "area", "slope", "onset")
LARGE_IS_BETTER = ("prevented", "gain", "onset")


def sort_board(board: Board, key: str) -> Board:
    """Return the board with the lines of every group in order of ``key``, the best first, controls on top.

    Lines without a number come last, but for the onset, where a row that never begins to worsen is the best. Groups
    that do not have the metric keep their order.

    Args:
        board: The board.
        key: A column such as "area" or "device_seconds", or a metric at T by full or short name.

    Raises:
        UsageError: No group has such a column or metric, with those that there are.
    """
    groups = [_sorted(board, group, key) for group in board.groups]
    if all(new is None for new in groups):
        known = sorted({MetricName.parse(metric).metric for group in board.groups for metric in _infos(group)})
        raise UsageError(f"--sort: found {key!r}; allowed: {', '.join([*COLUMNS, *COSTS, *known])}")
    return replace(board, groups=tuple(new or old for new, old in zip(groups, board.groups, strict=True)))


def _sorted(board: Board, group: Group, key: str) -> Group | None:
    if key in (*COLUMNS, *COSTS):
        values = {id(line): _column(line, key) for line in group.lines}
        up = key in LARGE_IS_BETTER or (key in ("start", "end") and group.direction == "up")
        name = key
    else:
        infos = _infos(group)
        metric = next((m for m in infos if key in (m, MetricName.parse(m).metric)), None)
        if metric is None:
            return None
        values = {id(line): _at_end(board, line, metric) for line in group.lines}
        up = infos[metric].direction == "up"
        name = MetricName.parse(metric).beside

    def order(line: Line) -> tuple[bool, bool, float]:
        value = values[id(line)]
        if key == "onset" and value is None and line.worsening and line.worsening.n >= SEEDS_FOR_INTERVALS:
            value = math.inf  # it never begins to worsen, which is best
        return line.role != "control", value is None, 0.0 if value is None else -value if up else value

    lines = [replace(x, sorted_value=values[id(x)]) for x in sorted(group.lines, key=order)]
    return replace(group, lines=tuple(lines), sorted_by=name)


def _column(line: Line, key: str) -> float | None:
    value = getattr(line.cost, key) if key in COSTS and line.cost else getattr(line, key, None)
    if isinstance(value, MeanInterval):
        return value.mean
    if isinstance(value, Ratio):
        return value.value
    if isinstance(value, tuple):
        return float(sum(value)) / 2
    return None if value is None else float(value)


def _infos(group: Group) -> dict[str, MetricInfo]:
    """Return what the first cell that has it says of every metric of a group's modality, the primary one first."""
    cells = [cell for line in group.lines for cell in line.reading.cells]
    found = {m: about for cell in reversed(cells) for m, about in cell.info.items()}
    mine = [m for m in sorted(found) if MetricName.parse(m).side == group.modality]
    return {m: found[m] for m in sorted(mine, key=lambda name: name != group.metric)}


def _at_end(board: Board, line: Line, metric: str) -> float | None:
    value = at_end(board, line.reading.row, metric)
    return value if isinstance(value, float) else None
