"""The picture of correlation claims: set quality against damage, one panel a claim, one point a variant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from leaderboard.claims.correlation import Correlation, Points
from leaderboard.claims.family import Verdict
from leaderboard.claims.finding import Undecided
from leaderboard.drawing import COLOURS, FAINT, INK, dress, grid
from leaderboard.series import Evidence
from records.names import RowName

POINT = "#0072b2"
LETTER = 3.6  # points that a letter of a name is wide
Panel = tuple[Verdict, Correlation, Points]


def panels(verdicts: Sequence[Verdict], kinds: Sequence[Any], evidence: Evidence) -> list[Panel]:
    """Return the correlation claims that have points, in the order of the suite."""
    found = []
    for verdict, kind in zip(verdicts, kinds, strict=True):
        if isinstance(kind, Correlation):
            try:
                found.append((verdict, kind, kind.points(evidence)))
            except Undecided:
                continue
    return found


def figure(drawn: Sequence[Panel], columns: int = 3) -> Any:
    """Draw one panel a claim, at least one.

    Returns:
        A matplotlib ``Figure``, not registered with pyplot.
    """
    made, found = grid(drawn, columns, 4.6, lambda row: 3.8)
    for panel, what in found:
        _panel(panel, *what)
    made.draw_without_rendering()  # labels are placed where the layout has put the points
    for panel, (_, _, points) in found:
        _name_points(panel, points, made.dpi)
    return made


def _name_points(panel: Any, points: Points, dpi: float) -> None:
    """Write each variant's name beside its point, on the first side where it covers no other name or point."""
    unit = dpi / 72
    at = panel.transData.transform(list(zip(points.quality, points.damage, strict=True))) / unit
    taken = [(x - 3, y - 3, x + 3, y + 3) for x, y in at]
    frame = panel.get_window_extent()
    for row, (x, y) in sorted(zip(points.rows, at, strict=True), key=lambda found: (-found[1][1], found[0])):
        name = RowName.parse(row).variant.replace("_", " ")
        wide = LETTER * len(name)
        places = [(dx, dy) for dy in (0, 7, -7, 14, -14, 21, -21, 28, -28) for dx in (5, -5 - wide)]
        boxes = [(x + dx, y + dy - 3, x + dx + wide, y + dy + 3) for dx, dy in places]
        free = (
            i for i, box in enumerate(boxes)
            if frame.x0 / unit < box[0] and box[2] < frame.x1 / unit and not any(_cover(box, t) for t in taken)
        )  # fmt: skip
        best = next(free, 0)
        taken.append(boxes[best])
        dx, dy = places[best]
        line = {"arrowstyle": "-", "color": "#999999", "lw": 0.6} if dy else None
        panel.annotate(
            name, (x * unit, y * unit), xycoords="figure pixels", xytext=(dx, dy), textcoords="offset points",
            fontsize=6.5, color=INK, va="center", arrowprops=line,
        )  # fmt: skip


def _cover(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _panel(panel: Any, verdict: Verdict, kind: Correlation, points: Points) -> None:
    panel.scatter(points.quality, points.damage, s=26, color=POINT, zorder=3)
    panel.axhline(0, color=COLOURS["real"], lw=1.0, zorder=1)
    panel.margins(0.16)
    if points.sign < 0:
        panel.invert_xaxis()  # worse sets stand on the right in every panel
    panel.set_xlabel(f"{kind.quality}, worse to the right", fontsize=8.5, color=INK)
    panel.set_ylabel(f"{kind.damage}, {kind.statistic}", fontsize=8.5, color=INK)
    part = verdict.finding.parts[0] if verdict.finding.parts else None
    size = f", rank correlation {part.effect:.2f} [{part.low:.2f}, {part.high:.2f}]" if part else ""
    dress(panel, verdict.claim.name.replace("_", " "), verdict.word + size, size=10)
    panel.grid(axis="x", color=FAINT, lw=0.5)
