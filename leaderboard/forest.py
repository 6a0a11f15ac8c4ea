"""The board's main figure: collapse prevented per method with its interval, one panel per scenario and modality.

0 is no mitigation, 1 is real data, the dotted line a model that is never trained. Only methods with a headline number
are drawn, in the order of the board. Blue and red ones differ from `none` after Holm's adjustment; hollow ones are not
ranked. Intervals that leave the panel end in an arrow.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from leaderboard.board import Board, Group, Line
from leaderboard.drawing import COLOURS, GREY, INK, dress_group, grid
from leaderboard.grain import below
from leaderboard.render import row_name
from leaderboard.statistics import LEVEL
from records.names import MetricName

LOW, HIGH = -0.6, 1.3  # of every panel, so that panels can be compared by eye
BETTER, WORSE, UNCLEAR = "#0072b2", COLOURS["none"], "#7f7f7f"
ROW = 0.27  # inches a method


def drawable(board: Board) -> bool:
    """Whether any group has a method with a headline number."""
    return any(_drawn(group) for group in board.groups)


def figure(board: Board, columns: int = 2) -> Any:
    """Draw the panels; groups without any headline number are left out.

    Returns:
        A matplotlib ``Figure``, not registered with pyplot.
    """
    groups = [group for group in board.groups if _drawn(group)]
    made, panels = grid(groups, columns, 6.4, _height, "no method has a headline number yet")
    for panel, group in panels:
        _panel(panel, group)
    return made


def _height(groups: Sequence[Group]) -> float:
    return 1.25 + ROW * max((len(_drawn(group)) for group in groups), default=1)


def _drawn(group: Group) -> list[Line]:
    return [line for line in group.lines if line.prevented is not None and line.role == "method"]


def _panel(panel: Any, group: Group) -> None:
    lines = _drawn(group)
    dress_group(panel, group, f"{group.modality}, {MetricName.parse(group.metric).beside}")
    panel.axvline(0, color=COLOURS["none"], lw=1.4, zorder=1)
    panel.axvline(1, color=COLOURS["real"], lw=1.4, zorder=1)
    covered = _draw_untrained(panel, group.controls.untrained.value if group.controls.untrained else None)
    for height, line in enumerate(lines):
        _mark(panel, height, line)
    panel.set_xlim(LOW, HIGH)
    panel.set_ylim(len(lines) - 0.4, -0.6)
    panel.set_yticks(range(len(lines)), [row_name(group, line) for line in lines], fontsize=8.5, color=INK)
    ticks = {-0.5: "-0.5", 0: "none", 0.5: "0.5", 1: "real"}
    ticks = {at: name for at, name in ticks.items() if at in (0, 1) or not covered[0] < at < covered[1]}
    panel.set_xticks(list(ticks), list(ticks.values()), fontsize=8.5)
    panel.set_xlabel("collapse prevented, 95 % interval (blue, red: differs from none, Holm)", fontsize=8.5, color=INK)
    for tick, name in zip(panel.get_xticklabels(), ticks.values(), strict=True):
        tick.set_color(COLOURS.get(name, INK))
    panel.spines["left"].set_visible(False)
    panel.text(1.01, 1.012, "rank", transform=panel.transAxes, fontsize=8, color=GREY, va="bottom")


def _draw_untrained(panel: Any, idle: float | None) -> tuple[float, float]:
    """Draw the line of a model that is never trained; return where its name leaves no room for a tick's."""
    if idle is None or not LOW < idle < HIGH:
        return (HIGH, HIGH)
    panel.axvline(idle, color=UNCLEAR, lw=1.0, ls=(0, (2, 2)), zorder=1)
    side = "right" if 0.3 <= idle < 1 else "left"  # away from the names of the controls
    where = panel.get_xaxis_transform()
    room = 0.08  # half the width of a control's name
    beside = [control - room if side == "right" else control + room for control in (0, 1) if abs(idle - control) < room]
    at = (*beside, idle)[0]
    panel.text(at, -0.012, "untrained", transform=where, fontsize=6.5, color=UNCLEAR, ha=side, va="top")
    return (idle - 0.25, idle + 0.08) if side == "right" else (idle - 0.08, idle + 0.25)


def _mark(panel: Any, height: int, line: Line) -> None:
    ratio = line.prevented
    assert ratio is not None
    differs = line.p_value is not None and below(line.p_value, 1 - LEVEL)
    colour = UNCLEAR if not differs else BETTER if ratio.value > 0 else WORSE
    bounded = ratio.kind == "bounded"
    low, high = (max(ratio.low, LOW), min(ratio.high, HIGH)) if bounded else (LOW, HIGH)
    panel.plot([low, high], [height, height], color=colour, lw=2.0, alpha=0.55, solid_capstyle="butt", zorder=2)
    for end, limit, arrow in ((low, LOW, "<"), (high, HIGH, ">")):
        if end == limit:
            panel.plot([end], [height], marker=arrow, color=colour, ms=5, clip_on=False, zorder=3)
    if LOW <= ratio.value <= HIGH:
        face = colour if line.rank else "white"
        panel.plot([ratio.value], [height], marker="o", ms=6, mfc=face, mec=colour, mew=1.4, zorder=4)
    rank = f"{line.rank[0]}-{line.rank[1]}" if line.rank else "-"
    where = panel.get_yaxis_transform()
    panel.text(1.01, height, rank, transform=where, fontsize=8, color=INK, va="center", clip_on=False)
