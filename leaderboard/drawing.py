"""What every picture shares: colours, a grid of panels, the dress of a panel, a file without a time stamp."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from leaderboard.board import Group

COLOURS = {"none": "#c8443a", "real": "#2f7d4f"}
INK, GREY, FAINT = "#333333", "#666666", "#d9d9d9"
Item = TypeVar("Item")


def grid(
    items: Sequence[Item], columns: int, width: float, height: Callable[[Sequence[Item]], float], empty: str = ""
) -> tuple[Any, list[tuple[Any, Item]]]:
    """Return a matplotlib ``Figure``, not registered with pyplot, and each item with its panel.

    Args:
        items: One a panel, row by row.
        columns: Most panels a row.
        width: Inches a panel.
        height: Row of items -> its inches.
        empty: What stands in a figure without items.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    columns = max(1, min(columns, len(items)))
    rows = [items[i : i + columns] for i in range(0, max(1, len(items)), columns)]
    heights = [height(row) for row in rows]
    layout = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.12)
    made = Figure(figsize=(width * columns, sum(heights)), dpi=150, layout=layout, facecolor="white")
    FigureCanvasAgg(made)
    if not items:
        made.text(0.5, 0.5, empty, ha="center", va="center", color=INK, fontsize=12)
        return made, []
    panels = made.subplots(len(rows), columns, squeeze=False, gridspec_kw={"height_ratios": heights}).flat
    for panel in panels[len(items) :]:
        panel.set_axis_off()
    return made, list(zip(panels, items, strict=False))


def dress(panel: Any, title: str, about: str, colour: str = GREY, size: float = 11) -> None:
    """Give a panel its title, the line below that, and quiet axes."""
    panel.set_title(title, loc="left", fontsize=size, color=INK, weight="bold", pad=18)
    panel.text(0, 1.012, about, transform=panel.transAxes, fontsize=8.5, color=colour, va="bottom")
    panel.tick_params(colors=INK, labelsize=8, length=0)
    panel.grid(axis="y", color=FAINT, lw=0.5)
    panel.set_axisbelow(True)
    panel.spines[["top", "right"]].set_visible(False)
    panel.spines[["left", "bottom"]].set_color(FAINT)


def dress_group(panel: Any, group: Group, about: str) -> None:
    """Dress the panel of a group; in red, and with the reason, where its controls prove nothing."""
    label = group.controls.label
    if not label.startswith("valid"):
        about += f" · {label.partition(' (')[0].replace('unknown', 'validity unknown')}"
    colour = GREY if label.startswith("valid") else COLOURS["none"]
    dress(panel, f"{group.scenario} · {group.variant}", about, colour)


def write_png(figure: Any, path: Path) -> Path:
    """Save a figure without a time stamp, so equal boards give equal bytes on one machine; return the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Software": None})
    return path
