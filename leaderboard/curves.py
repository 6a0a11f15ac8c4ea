"""Curves of the primary metrics over iterations: one panel per scenario variant and modality.

Thin lines are seeds, thick lines their mean, the dashed line is the floor or ceiling (real data). `none` and
`real` keep their colours in every panel, and so does every mitigation. Rows without complete
and comparable curves are not drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from leaderboard.board import Board, Group, Line
from leaderboard.drawing import COLOURS, INK, dress_group, grid
from leaderboard.text import counted
from records.names import MODALITIES, MetricName

# Okabe-Ito without its red and green, which the controls own, then darker and warmer extras
PALETTE = ("#0072b2", "#e69f00", "#8e6bbf", "#56b4e9", "#a6761d", "#cc79a7", "#1b4965", "#7f7f7f")
STYLES = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)))  # another line style each time the palette is used up
LABEL_GAP = 0.055  # of the panel's height, between two labels at the end of the curves


def figure(board: Board, columns: int = 3, most: int = 6) -> Any:
    """Draw the panels.

    Args:
        board: The board; groups without a single complete row are left out.
        columns: Panels per row.
        most: Most mitigations drawn per panel besides the controls, best ranked first; those that a command line asked
            for are drawn whatever their rank, and how many are not is said.

    Returns:
        A matplotlib ``Figure``, not registered with pyplot.
    """
    groups = drawable(board)
    styles = _styles(groups)
    made, panels = grid(groups, columns, 5.2, lambda row: 3.7, "no complete curves yet")
    for panel, group in panels:
        _panel(panel, group, styles, most)
    return made


def drawable(board: Board) -> list[Group]:
    """Return the groups with a complete row; chains, in which nothing trains, are drawn by `leaderboard.frozen`."""
    return [group for group in board.groups if group.modality in MODALITIES and _known(group)]


def _known(group: Group) -> list[Line]:
    return [
        line
        for line in group.lines
        if line.reading.curves is not None and not line.headline.startswith("not comparable")
    ]


def _chosen(group: Group, most: int) -> list[Line]:
    """Return the controls, what was asked for, and the first others up to ``most``; a parent's controls are apart."""
    known = _known(group)
    others = [line for line in known if line.role != "control"]
    asked = [line for line in others if line.reading.row.added]
    shown = [*asked, *(line for line in others if not line.reading.row.added)][: max(most, len(asked))]
    return [line for line in known if line.role == "control" or line in shown]


def _label(group: Group, line: Line) -> str:
    return group.scenario if group.parent and line.mitigation == "none" else line.mitigation


def _styles(groups: Sequence[Group]) -> dict[str, tuple[str, Any]]:
    """Give every mitigation one colour and line style for the whole figure."""
    names = dict.fromkeys(_label(g, line) for g in groups for line in _known(g) if line.role != "control")
    styles = {
        name: (PALETTE[i % len(PALETTE)], STYLES[i // len(PALETTE) % len(STYLES)]) for i, name in enumerate(names)
    }
    return styles | {name: (colour, "-") for name, colour in COLOURS.items()}


def _panel(panel: Any, group: Group, styles: dict[str, tuple[str, Any]], most: int) -> None:
    ends: list[tuple[float, str, str]] = []
    last = 1
    for name, curves in _curves(group, most):
        colour, style = styles[name]
        steps = np.arange(curves.shape[1])
        last = max(last, int(steps[-1]))
        control = name in COLOURS
        panel.plot(steps, curves.T, color=colour, lw=0.7, alpha=0.28, zorder=2)
        mean = curves.mean(axis=0)
        panel.plot(steps, mean, color=colour, ls=style, lw=2.6 if control else 1.9, zorder=4 if control else 3)
        ends.append((float(mean[-1]), name, colour))
    if group.floor:
        panel.axhline(group.floor.value, color=INK, lw=1.1, ls=(0, (4, 3)), zorder=1)
        ends.append((group.floor.value, "floor" if group.direction == "down" else "ceiling", INK))
    _dress(panel, group, last)
    if left := len(_known(group)) - len(_chosen(group, most)):
        text = f"{counted(left, 'more row')} not drawn"
        panel.text(0.01, 0.01, text, transform=panel.transAxes, fontsize=7, color=INK, va="bottom")
    _end_labels(panel, ends, last)


def _curves(group: Group, most: int) -> list[tuple[str, np.ndarray]]:
    """Return (label, curves) to draw; a scenario with a parent shows the parent's controls beside its own."""
    chosen = [(_label(group, x), x.reading.curves) for x in _chosen(group, most)]
    own = {name for name, _ in chosen}
    readings = group.controls.readings if group.controls.inherited else ()
    borrowed = [(r.row.mitigation, r.curves) for r in readings if r.row.mitigation not in own]
    return [(name, curves) for name, curves in borrowed + chosen if curves is not None]


def _dress(panel: Any, group: Group, last: int) -> None:
    better = "lower is better" if group.direction == "down" else "higher is better"
    dress_group(panel, group, f"{group.modality} {MetricName.parse(group.metric).beside}, {better}")
    panel.set_xlabel("iteration", fontsize=8.5, color=INK)
    panel.set_xticks(range(0, last + 1, max(1, last // 10)))
    panel.margins(x=0.01, y=0.06)


def _end_labels(panel: Any, ends: list[tuple[float, str, str]], last: int) -> None:
    """Write each name beside the end of its curve, pushed apart so that none overlap."""
    low, high = panel.get_ylim()
    gap = LABEL_GAP * (high - low)
    ordered = sorted(ends)
    heights = [value for value, _, _ in ordered]
    for _ in range(100):  # a few sweeps settle it; the bound only guards against endless loops
        moved = False
        for i in range(1, len(heights)):
            overlap = gap - (heights[i] - heights[i - 1])
            if overlap > 1e-9 * gap:
                heights[i - 1] -= overlap / 2
                heights[i] += overlap / 2
                moved = True
        if not moved:
            break
    for height, (value, name, colour) in zip(heights, ordered, strict=True):
        panel.annotate(
            name, xy=(last, value), xytext=(last + 0.05 * last, height), fontsize=8, color=colour, va="center",
            weight="bold" if name in COLOURS else "normal", annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": colour, "lw": 0.5, "alpha": 0.6, "shrinkA": 0, "shrinkB": 0},
        )  # fmt: skip
