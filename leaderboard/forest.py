"""The board's main figure: collapse prevented per method with its interval, one panel per scenario and modality.

0 is no mitigation, 1 is real data, the dotted line a model that is never trained. Only methods with a headline number
are drawn, in the order of the board. Blue and red ones differ from `none` after Holm's adjustment; hollow ones are not
ranked. Intervals that leave the panel end in an arrow.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from leaderboard.board import Board, Group, Line
from leaderboard.curves import COLOURS, FAINT, INK
from leaderboard.render import row_name
from leaderboard.statistics import LEVEL

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
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    groups = [group for group in board.groups if _drawn(group)]
    columns = max(1, min(columns, len(groups)))
    rows = [groups[i : i + columns] for i in range(0, len(groups), columns)]
    heights = [1.25 + ROW * max(len(_drawn(group)) for group in row) for row in rows] or [1.5]
    layout = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.12)
    made = Figure(figsize=(6.4 * columns, sum(heights)), dpi=150, layout=layout, facecolor="white")
    FigureCanvasAgg(made)
    if not groups:
        made.text(0.5, 0.5, "no method has a headline number yet", ha="center", va="center", color=INK, fontsize=12)
        return made
    panels = made.subplots(len(rows), columns, squeeze=False, gridspec_kw={"height_ratios": heights})
    for panel, group in zip(panels.flat, groups, strict=False):
        _panel(panel, group)
    for panel in panels.flat[len(groups) :]:
        panel.set_axis_off()
    return made


def write_png(board: Board, path: Path, columns: int = 2) -> Path:
    """Draw and save a PNG without a time stamp, so equal boards give equal bytes on one machine."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure(board, columns).savefig(path, metadata={"Software": None})
    return path


def _drawn(group: Group) -> list[Line]:
    return [line for line in group.lines if line.prevented is not None and line.role == "method"]


def _panel(panel: Any, group: Group) -> None:
    lines = _drawn(group)
    panel.axvline(0, color=COLOURS["none"], lw=1.4, zorder=1)
    panel.axvline(1, color=COLOURS["real"], lw=1.4, zorder=1)
    covered = _draw_untrained(panel, group.controls.untrained)
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
    panel.tick_params(length=0)
    panel.grid(axis="y", color=FAINT, lw=0.5)
    panel.set_axisbelow(True)
    panel.spines[["top", "right", "left"]].set_visible(False)
    panel.spines["bottom"].set_color(FAINT)
    panel.set_title(f"{group.scenario} · {group.variant}", loc="left", fontsize=11, color=INK, weight="bold", pad=20)
    about = f"{group.modality}, {group.metric.partition('/')[2]}"
    valid = group.controls.label.startswith("valid")
    if not valid:
        about += f" · {group.controls.label.partition(' (')[0]}"
    colour = "#666666" if valid else COLOURS["none"]
    panel.text(0, 1.012, about, transform=panel.transAxes, fontsize=8.5, color=colour, va="bottom")
    panel.text(1.01, 1.012, "rank", transform=panel.transAxes, fontsize=8, color="#666666", va="bottom")


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
    differs = line.p_value is not None and line.p_value < 1 - LEVEL
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
