"""False health: a model that looks better aligned while it forgets.

Alignment scores can rise during collapse, since the easy and frequent survives. Where they do while recall,
coverage or tail survival falls, the row is flagged, not averaged away.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from leaderboard.readings import BoardRow, curve, stem
from leaderboard.statistics import t_interval, worsening
from records.results import CellResult

ALIGNMENT = ("alignment", "clipscore")
BREADTH = ("recall", "coverage", "survival")


def false_health(row: BoardRow, results: Mapping[str, CellResult], modality: str) -> str | None:
    """Return a flag such as "false health: clipscore better, recall worse", or None.

    A change counts where its mean over seeds from iteration 0 to T exceeds the metric's minimum effect and,
    with two seeds or more, its 95 % interval excludes zero.
    """
    cells = [results[key] for key in row.keys if key in results and results[key].status == "complete"]
    if not cells or len(cells) < len(row.keys):
        return None
    names = [m for m in cells[0].info if m.startswith(f"{modality}/")]
    better = [m for m in names if _is(m, ALIGNMENT) and _change(cells, m) < 0]
    worse = [m for m in names if _is(m, BREADTH) and _change(cells, m) > 0]
    if not better or not worse:
        return None
    fallen = ", ".join(sorted({stem(metric) for metric in worse}))
    return f"false health: {stem(sorted(better)[0])} better, {fallen} worse"


def _is(metric: str, words: tuple[str, ...]) -> bool:
    return any(word in stem(metric) for word in words)


def _change(cells: list[CellResult], metric: str) -> int:
    """Return 1 where the metric clearly worsened, -1 where it clearly improved, else 0."""
    curves = [curve(cell, metric) for cell in cells]
    known = [c for c in curves if c is not None and np.isfinite(c).all()]
    if len(known) < len(cells):
        return 0
    direction = cells[0].info[metric].direction
    if direction == "none":
        return 0
    change = worsening([c[0] for c in known], [c[-1] for c in known], direction)
    floor = cells[0].floors.get(metric)
    interval = t_interval(change)
    if abs(interval.mean) <= (floor.minimum_effect if floor else 0.0):
        return 0
    if len(known) > 1 and interval.low <= 0 <= interval.high:
        return 0
    return 1 if interval.mean > 0 else -1
