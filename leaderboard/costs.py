"""What is prevented against what it costs: a panel for network evaluations and one for real pairs, loop by loop.

Filled points are on the front of both costs together (`leaderboard.pareto`). The dotted line is the model that is never
trained, which costs nothing and is no method.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from leaderboard.board import Board
from leaderboard.drawing import COLOURS, GREY, INK, dress, grid
from leaderboard.loops import Loop, Row, loops
from leaderboard.pareto import front

#: What a panel's horizontal axis is: field of a cost, its name.
AXES = (("network_evaluations", "network evaluations (thousands)", 1e3), ("real_samples", "real pairs", 1.0))
ON, OFF = "#0072b2", "#7f7f7f"
LOW, HIGH = -0.7, 1.4  # of every panel; what lies beyond stands at the edge
INCHES = 4.4
LABEL = 0.036  # of the panel's height, between two labels beside each other


def drawable(board: Board) -> bool:
    """Whether any loop has two methods to choose between."""
    return any(len(_points(loop)) > 1 for loop in loops(board))


def figure(board: Board) -> Any:
    """Draw the panels; loops with fewer than two methods with a number are left out.

    Returns:
        A matplotlib ``Figure``, not registered with pyplot.
    """
    items = [(loop, axis) for loop in loops(board) if len(_points(loop)) > 1 for axis in _axes(loop)]
    made, panels = grid(items, 2, 6.4, lambda row: INCHES, "no loop has two methods with a number yet")
    for panel, (loop, (cost, name, unit)) in panels:
        _panel(panel, loop, cost, name, unit)
    return made


def _axes(loop: Loop) -> list[tuple[str, str, float]]:
    """Return the costs that differ between methods; network evaluations where none does."""
    costs = [[getattr(row.cost, field) for row in _points(loop)] for field, _, _ in AXES]
    return [axis for axis, values in zip(AXES, costs, strict=True) if len(set(values)) > 1] or [AXES[0]]


def _points(loop: Loop) -> list[Row]:
    return [row for row in loop.rows if row.judged and row.value is not None and row.cost is not None]


def _panel(panel: Any, loop: Loop, cost: str, name: str, unit: float) -> None:
    rows, marked = _points(loop), front(loop.rows)
    sides = [group.modality for group in loop.groups if group.controls.judged or len(loop.groups) == 1]
    dress(panel, loop.name, f"{loop.kind}: collapse prevented, {' and '.join(sides) or 'no valid side'}")
    panel.axhline(0, color=COLOURS["none"], lw=1.2, zorder=1)
    panel.axhline(1, color=COLOURS["real"], lw=1.2, zorder=1)
    idle = next((row.value for row in loop.rows if row.reference), None)
    if idle is not None and LOW < idle < HIGH:
        panel.axhline(idle, color=OFF, lw=1.0, ls=(0, (2, 2)), zorder=1)
    at = np.array([getattr(row.cost, cost) / unit for row in rows])
    shares = np.array([float(np.clip(row.value, LOW, HIGH)) for row in rows if row.value is not None])
    width = float(np.ptp(at)) or max(float(at.max()), 1.0)
    panel.set_xlim(at.min() - 0.06 * width, at.max() + 0.45 * width)
    panel.set_ylim(LOW, HIGH)
    for x, y, row in zip(at, shares, rows, strict=True):
        ink, face = (ON, ON) if row.name in marked else (OFF, "white")
        panel.plot([x], [y], "o", ms=6, mfc=face, mec=ink, mew=1.2, zorder=5 if ink == ON else 4, clip_on=False)
    _labels(panel, at, shares, [row.short for row in rows], [row.name in marked for row in rows], width)
    panel.set_yticks([-0.5, 0, 0.5, 1], ["-0.5", "none", "0.5", "real"], fontsize=8.5)
    panel.set_xlabel(f"{name}; filled: none prevents as much at as little of both costs", fontsize=8.5, color=INK)
    if idle is not None and LOW < idle < HIGH:
        where = panel.get_yaxis_transform()
        panel.text(0.995, idle, "never trained", transform=where, fontsize=7, color=GREY, ha="right", va="bottom")


def _labels(
    panel: Any, at: np.ndarray, shares: np.ndarray, names: Sequence[str], marked: Sequence[bool], width: float
) -> None:
    """Write each name beside its point; those of points above each other are pushed apart."""
    gap = LABEL * (HIGH - LOW)
    columns: dict[int, list[int]] = {}
    for i in np.argsort(at, kind="stable"):
        columns.setdefault(round(float(at[i]) / width * 12), []).append(int(i))
    for members in columns.values():
        members.sort(key=lambda i: shares[i])
        heights = spread([float(shares[i]) for i in members], gap, LOW + gap, HIGH - gap)
        right = max(float(at[i]) for i in members) + 0.04 * width
        for i, height in zip(members, heights, strict=True):
            panel.annotate(
                names[i], xy=(at[i], shares[i]), xytext=(right, height), fontsize=7, va="center",
                color=ON if marked[i] else INK, annotation_clip=False, zorder=3,
                bbox={"boxstyle": "square,pad=0.1", "fc": "white", "ec": "none", "alpha": 0.8},
                arrowprops={"arrowstyle": "-", "color": OFF, "lw": 0.4, "alpha": 0.6, "shrinkA": 0, "shrinkB": 3},
            )  # fmt: skip


def spread(heights: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Return ascending heights moved as little as needed to be a gap apart and between two limits, where they fit."""
    found = list(heights)
    for _ in range(200):  # a few sweeps settle it; the bound only guards against endless loops
        before = list(found)
        for i in range(1, len(found)):
            overlap = gap - (found[i] - found[i - 1])
            if overlap > 1e-9:
                found[i - 1] -= overlap / 2
                found[i] += overlap / 2
        if found and found[0] < low:
            found = [max(h, low + i * gap) for i, h in enumerate(found)]
        if found and found[-1] > high:
            found = [min(h, high - (len(found) - 1 - i) * gap) for i, h in enumerate(found)]
        if np.allclose(found, before, atol=1e-9):
            break
    return found
