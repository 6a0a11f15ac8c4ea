"""Collapse prevented against what it costs: the front, the others, their intervals; and all of it method by method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.reporting.pages.colours import FAINT, GREY, INK, NONE, OFF, ON, PAPER, REAL
from benchmarks.reporting.pages.grammar import DESCRIBED, Spec, layer, number_of
from benchmarks.reporting.pages.labels import spread
from leaderboard.board import Board
from leaderboard.loops import Loop, Row, loops
from leaderboard.pareto import front
from leaderboard.text import count, hundredths

#: Of every panel, so that panels can be compared by eye; what lies beyond stands at the edge.
LOW, HIGH = -0.7, 1.5
#: Field of a cost, its name.
COSTS = (("network_evaluations", "network evaluations"), ("real_samples", "real pairs"))
#: Pixels from one name to the next, and from the plot to the column of names.
NAME, AWAY = 15, 16
#: What the ends of the scale are called.
SAID = "datum.value == 0 ? 'as none 0' : datum.value == 1 ? 'as real 1' : datum.label"


@dataclass(frozen=True)
class Point:
    """One method of a loop: what it prevents, the ends of that, what it costs, whether it is on the front."""

    method: str
    short: str
    prevented: float
    low: float | None
    high: float | None
    cost: float
    front: bool


PREVENTED = "collapse prevented"


@dataclass(frozen=True)
class FrontPanel:
    """One loop against one cost."""

    loop: Loop
    cost: str
    points: tuple[Point, ...]
    idle: float | None

    @property
    def title(self) -> str:
        """Which loop, and the sides that the share is of."""
        sides = [group.modality for group in self.loop.groups if group.controls.judged or len(self.loop.groups) == 1]
        return f"{self.loop.name}: {' and '.join(sides) or 'no valid side'}"

    @property
    def alternative(self) -> str:
        """What a reader hears who cannot see the panel."""
        best = ", ".join(f"{p.method} {hundredths(p.prevented)} for {count(p.cost)}" for p in self.points if p.front)
        return f"Collapse prevented against {self.cost}, {self.title}. On the front: {best or 'no method'}."


def front_panels(board: Board) -> list[FrontPanel]:
    """Return the panels: loops with two methods or more that have a number, against every cost that differs."""
    found = []
    for loop in loops(board):
        rows = [row for row in loop.rows if row.judged and row.value is not None and row.cost is not None]
        if len(rows) < 2:
            continue
        marked = front(loop.rows)
        idle = next((row.value for row in loop.rows if row.idle), None)
        differ = [c for c in COSTS if len({getattr(row.cost, c[0]) for row in rows}) > 1] or [COSTS[0]]
        for field, name in differ:
            points = tuple(_point(row, field, row.name in marked) for row in rows)
            found.append(FrontPanel(loop, name, points, idle))
    return found


def _point(row: Row, field: str, marked: bool) -> Point:
    low, high = ends(row)
    assert row.value is not None
    return Point(row.name, row.short, row.value, low, high, float(getattr(row.cost, field)), marked)


def ends(row: Row) -> tuple[float | None, float | None]:
    """Return the ends of a row's interval: of all sides, or of the only one; None where it has none."""
    if row.joint is not None:
        return row.joint.share.low, row.joint.share.high
    shares = [line.prevented for line in row.lines.values() if line.prevented is not None]
    if len(shares) == 1 and shares[0].kind == "bounded":
        return shares[0].low, shares[0].high
    return None, None


def front_spec(panel: FrontPanel, size: tuple[int, int] = (255, 320), index: dict[str, int] | None = None) -> Spec:
    """Return the specification of a panel, with every method's name in a column beside the plot.

    Args:
        panel: What to draw.
        size: Of the plot, in pixels; it grows with the number of names.
        index: Method -> number by which a page finds its marks.
    """
    points = sorted(panel.points, key=lambda p: (p.cost, p.prevented))
    width, height = size[0], max(size[1], NAME * (len(points) + 1))
    wide = max(p.cost for p in points) - min(p.cost for p in points) or max(points[-1].cost, 1.0)
    domain = [points[0].cost - 0.06 * wide, points[-1].cost + 0.06 * wide]
    scale = {"domain": domain, "nice": False, "zero": False}
    x = number_of("cost", panel.cost, scale=scale, axis={"grid": False, "format": "~s", "tickCount": 5})
    axis = {"values": [-0.5, 0, 0.5, 1, 1.5], "domain": False, "labelExpr": SAID}
    y = number_of("y", PREVENTED, scale={"domain": [LOW, HIGH]}, axis=axis)
    low, high = {**y, "field": "low"}, {"field": "high"}
    column = {"value": width + AWAY}
    beside = {"x": column, "y": {**y, "field": "label_y"}, "text": {"field": "short"}, **DESCRIBED}
    leader = {"x": x, "y": y, "x2": column, "y2": {"field": "label_y"}, **DESCRIBED}
    stairs = [{"cost": p.cost, "y": clip(p.prevented)} for p in _stairs([p for p in points if p.prevented > 0])]
    idle = [] if panel.idle is None or not LOW < panel.idle < HIGH else [panel.idle]
    references = [("as none", 0.0, NONE), ("as real", 1.0, REAL), *(("never trained", value, GREY) for value in idle)]
    layers = [
        *(layer("rule", {"y": number_of("at", PREVENTED)}, [{"at": at}], color=colour, strokeWidth=1.4,
                strokeDash=[2, 2] if name == "never trained" else [1, 0]) for name, at, colour in references),
        layer("text", {"x": {"value": width}, "y": number_of("at", PREVENTED), "text": {"value": "never trained"}},
              [{"at": max(value, 1.0) if abs(value - 1) < 0.09 else value} for value in idle],
              align="right", dy=-6, color=GREY, fontSize=10),
        layer("line", {"x": x, "y": y}, stairs, interpolate="step-after", color=ON, strokeWidth=1.2, opacity=0.6),
        layer("rule", {"x": x, "y": low, "y2": high, "color": _marked(OFF), **DESCRIBED}, where="isValid(datum.low)",
              strokeWidth=1.4, opacity=0.45),
        layer("rule", leader, strokeWidth=0.5, color=FAINT),
        layer("point", {"x": x, "y": y, "stroke": _marked(OFF), "fill": _marked(PAPER), **DESCRIBED}, filled=True,
              size=70, opacity=1, strokeWidth=1.5),
        layer("text", {**beside, "color": _marked(INK)}, align="left", baseline="middle", dx=3),
    ]  # fmt: skip
    records = _placed(points, height, index or {})
    return {"width": width, "height": height, "data": {"values": records}, "layer": layers}


def _marked(other: str) -> Spec:
    """Return the colour of what is on the front, and another one for the rest."""
    return {"condition": {"test": "datum.front", "value": ON}, "value": other}


def _called(point: Point) -> str:
    """Return the name beside a point; of one that lies beyond the panel, and stands at its edge, with its share."""
    inside = LOW <= point.prevented <= HIGH
    return point.short if inside else f"{point.short} at {hundredths(point.prevented)}"


def clip(value: float) -> float:
    """Return a share as high as a panel is: what lies beyond stands at the edge."""
    return min(max(value, LOW), HIGH)


def _stairs(points: Sequence[Point]) -> list[Point]:
    """Return the points whose share nobody cheaper reaches, by this panel's cost alone."""
    best: list[Point] = []
    for point in points:
        if best and best[-1].cost == point.cost and point.prevented > best[-1].prevented:
            best.pop()
        if not best or point.prevented > best[-1].prevented:
            best.append(point)
    return best


def _placed(points: Sequence[Point], height: int, index: dict[str, int]) -> list[dict[str, Any]]:
    """Return the records of the points, with a place for each name in one column beside them all, apart from others."""
    ordered = sorted(points, key=lambda p: (p.prevented, -p.cost))
    gap = NAME / height * (HIGH - LOW)
    heights = spread([clip(p.prevented) for p in ordered], gap, LOW + gap / 2, HIGH - gap / 2)
    records = []
    for p, place in zip(ordered, heights, strict=True):
        told = f"{p.method}: {hundredths(p.prevented)}"
        if p.low is not None and p.high is not None:
            told += f" [{hundredths(p.low)}, {hundredths(p.high)}]"
        told += f" for {count(p.cost)}{', on the front' if p.front else ''}"
        records.append({
            "method": p.method, "short": _called(p), "prevented": p.prevented, "y": clip(p.prevented),
            "low": None if p.low is None else clip(p.low), "high": None if p.high is None else clip(p.high),
            "cost": p.cost, "front": p.front, "label_y": place,
            "about": f"#{index[p.method]}|{told}" if p.method in index else told,
        })  # fmt: skip
    return records
