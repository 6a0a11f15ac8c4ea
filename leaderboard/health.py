"""False health: a model that looks better aligned while it forgets.

Alignment scores can rise during collapse, since the easy and frequent survives. Where they do while recall,
coverage or tail survival falls, the row is flagged, not averaged away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from leaderboard.grain import above, grain, items_of
from leaderboard.readings import BoardRow, minimum_effect, stacked
from leaderboard.statistics import t_interval, worsening
from records.names import MetricName
from records.results import CellResult

ALIGNMENT = ("alignment", "clipscore")
BREADTH = ("recall", "coverage", "survival")


def false_health(row: BoardRow, results: Mapping[str, CellResult], modality: str) -> str | None:
    """Return a flag such as "false health: clipscore better, recall worse", or None.

    A change counts where its mean over seeds from iteration 0 to T exceeds the metric's minimum effect and,
    with two seeds or more, its 95 % interval excludes zero.
    """
    cells = row.cells(results)
    if not cells or len(cells) < len(row.keys) or any(cell.status != "complete" for cell in cells):
        return None
    names = [m for m in cells[0].info if MetricName.parse(m).side == modality]
    better = [m for m in names if _is(m, ALIGNMENT) and _change(cells, m) < 0]
    worse = [m for m in names if _is(m, BREADTH) and _change(cells, m) > 0]
    if not better or not worse:
        return None
    fallen = ", ".join(sorted({MetricName.parse(metric).metric for metric in worse}))
    return f"false health: {MetricName.parse(min(better)).metric} better, {fallen} worse"


def _is(metric: str, words: tuple[str, ...]) -> bool:
    return any(word in MetricName.parse(metric).metric for word in words)


def _change(cells: Sequence[CellResult], metric: str) -> int:
    """Return 1 where the metric clearly worsened, -1 where it clearly improved, else 0."""
    curves, direction = stacked(cells, metric), cells[0].info[metric].direction
    if curves is None or direction == "none":
        return 0
    change = worsening(curves[:, 0], curves[:, -1], direction)
    interval = t_interval(change, least=grain(change, items_of(metric)))
    if not above(abs(interval.mean), minimum_effect(cells, metric)):
        return 0
    if len(cells) > 1 and interval.low <= 0 <= interval.high:
        return 0
    return 1 if interval.mean > 0 else -1
