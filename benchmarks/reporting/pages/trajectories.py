"""Small multiples of a metric over iterations: mean over seeds, the band from lowest to highest, floor and onset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.reporting.pages.colours import CONTROLS, GREY, INK, PALETTE, Style
from benchmarks.reporting.pages.ends import End
from benchmarks.reporting.pages.ends import named as named_ends
from benchmarks.reporting.pages.grammar import DESCRIBED, Spec, layer, name_of, number_of
from leaderboard.board import Board, Group
from leaderboard.line import Line
from leaderboard.readings import Reading, floor_of, read
from leaderboard.text import number
from records.names import MODALITIES, MetricName
from records.results import Floor

#: Points of a curve that are drawn at most: the first, the last and evenly between; the onset is told from all.
MOST_POINTS = 40
#: How much of what the controls span a panel shows beyond them.
BEYOND = 0.5


@dataclass(frozen=True)
class Curve:
    """One method's curve: per iteration its mean over seeds, the lowest and the highest of them."""

    method: str
    first: int
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    onset: int | None = None

    @property
    def shown(self) -> list[int]:
        """The positions that are drawn."""
        n = len(self.mean)
        count = min(n, MOST_POINTS)
        found = {round(i * (n - 1) / max(count - 1, 1)) for i in range(count)}
        if self.onset is not None and self.onset - self.first not in found:  # in place of its nearest neighbour
            found.remove(min(found - {0, n - 1}, key=lambda i: abs(i - (self.onset or 0) + self.first)))
            found.add(self.onset - self.first)
        return sorted(found)

    @property
    def told(self) -> str:
        """The curve in words."""
        since = "" if self.onset is None else f", worse than noise from iteration {self.onset} on"
        return f"{self.method}: {number(self.mean[0])} to {number(self.mean[-1])}{since}"


@dataclass(frozen=True)
class Panel:
    """One metric in one scenario variant: what is drawn beside each other."""

    group: Group
    metric: str
    direction: str
    floor: Floor | None
    curves: tuple[Curve, ...]

    @property
    def title(self) -> str:
        """Scenario and variant."""
        return f"{self.group.scenario} · {self.group.variant}"

    @property
    def about(self) -> str:
        """Which side and metric, and which way is better."""
        better = {"down": ", lower is better", "up": ", higher is better"}.get(self.direction, "")
        left = f"; beyond the panel: {self.leaves}" if self.leaves else ""
        return f"{self.group.modality} {MetricName.parse(self.metric).beside}{better}{left}"

    @property
    def limits(self) -> tuple[float, float]:
        """The ends of the scale: what controls do and half as much beyond, or all where that takes less.

        A method that is far worse than no mitigation would press all others into one line.
        """
        floor = [] if self.floor is None else [self.floor.value]
        every, controls = (
            [v for curve in curves for v in (*curve.low, *curve.high)] + floor
            for curves in (self.curves, [c for c in self.curves if c.method in CONTROLS])
        )
        low, high = min(every), max(every)
        if len(controls) > len(floor) and max(controls) > min(controls):
            more = BEYOND * (max(controls) - min(controls))
            low, high = max(low, min(controls) - more), min(high, max(controls) + more)
        room = 0.05 * ((high - low) or abs(high) or 1.0)
        return low - room, high + room

    @property
    def leaves(self) -> str:
        """The methods whose mean leaves the panel, each with the value at T; "" where none does."""
        low, high = self.limits
        out = [c for c in self.curves if min(c.mean) < low or max(c.mean) > high]
        return ", ".join(f"{c.method} ({number(c.mean[-1])} at T)" for c in out)

    @property
    def alternative(self) -> str:
        """What a reader hears who cannot see the panel."""
        return f"{self.title}, {self.about}, over iterations. {'; '.join(curve.told for curve in self.curves)}."


def panels(board: Board, group: Group, metrics: Sequence[str]) -> list[Panel]:
    """Return the panels of a group, one a metric that has a whole curve in some row of it."""
    found = []
    for metric in metrics:
        same = metric == group.metric
        readings = [x.reading if same else read(x.reading.row, board.results, metric) for x in group.lines]
        borrowed = [r.row for r in group.controls.readings if group.controls.inherited]
        named = [("", read(row, board.results, metric)) for row in borrowed]
        named += [(_label(group, line), r) for line, r in zip(group.lines, readings, strict=True)]
        curves = [c for label, reading in named if (c := _curve(reading, label)) is not None]
        curves = list({c.method: c for c in curves}.values())  # a parent's `none` gives way to one of the same name
        cells = [cell for _, reading in named for cell in reading.cells]
        if curves:
            direction = next((c.info[metric].direction for c in cells if metric in c.info), "none")
            found.append(Panel(group, metric, direction, floor_of(cells, metric), tuple(curves)))
    return found


def whole(board: Board, group: Group) -> list[str]:
    """Return the metrics of a group's side that have a whole curve, the headline first; none of a chain."""
    if group.modality not in MODALITIES:
        return []
    cells = [cell for line in group.lines for cell in line.reading.cells][:1]
    names = [m for cell in cells for m, about in cell.info.items() if about.direction != "none"]
    mine = [m for m in sorted(names) if MetricName.parse(m).side == group.modality]
    row = next((line.reading.row for line in group.lines if line.reading.curves is not None), None)
    known = [m for m in mine if row is not None and read(row, board.results, m).curves is not None]
    return sorted(known, key=lambda name: name != group.metric)


def _label(group: Group, line: Line) -> str:
    return group.scenario if group.parent and line.mitigation == "none" else line.mitigation


def _curve(reading: Reading, label: str) -> Curve | None:
    curves = reading.curves
    if curves is None:
        return None
    mean, low, high = (tuple(map(float, f(curves, axis=0))) for f in (np.mean, np.min, np.max))
    first = MetricName.parse(reading.metric).first
    return Curve(label or reading.row.mitigation, first, mean, low, high, reading.onset())


def values(panel: Panel, styles: Mapping[str, Style]) -> list[dict[str, object]]:
    """Return the numbers of a panel, a record for each method and iteration."""
    return [
        {
            "method": curve.method, "iteration": i + curve.first, "mean": curve.mean[i], "low": curve.low[i],
            "high": curve.high[i], "onset": i + curve.first == curve.onset, "about": _about(curve, styles),
            "colour": styles[curve.method].colour if curve.method in styles else PALETTE[0],
        }
        for curve in panel.curves for i in curve.shown
    ]  # fmt: skip


def _about(curve: Curve, styles: Mapping[str, Style]) -> str:
    style = styles.get(curve.method)
    return f"#{style.index}|{curve.told}" if style else curve.told


def spec(panel: Panel, styles: Mapping[str, Style], named: bool = False, size: tuple[int, int] = (300, 190)) -> Spec:
    """Return the specification of a panel.

    Args:
        panel: What to draw.
        styles: Colour and dashes of every method.
        named: Whether each line has its name at its end, for figures that say themselves which line is which.
        size: Of the plot, in pixels.
    """
    names = [curve.method for curve in panel.curves]
    own = [styles.get(name, Style(0, PALETTE[0])) for name in names]
    last = max(curve.first + len(curve.mean) - 1 for curve in panel.curves)
    low, high = panel.limits
    ticks = {"values": list(range(0, last + 1, max(1, last // 8))), "grid": False, "format": "d"}
    domain = {"domain": [min(c.first for c in panel.curves), last], "nice": False}
    x = number_of("iteration", "iteration", axis=ticks, scale=domain)
    scale = {"domain": [low, high], "nice": False, "zero": False}
    y = number_of("mean", scale=scale, axis={"tickCount": 5, "domain": False})
    colour = name_of("method", legend=None, scale={"domain": names, "range": [s.colour for s in own]})
    dashes = name_of("method", legend=None, scale={"domain": names, "range": [list(s.dash) or [1, 0] for s in own]})
    plain = name_of("colour", scale=None)  # a band in a legend would be as pale as it is
    # A colour comes back once the palette is used up: marks are told apart by method.
    mean = {"x": x, "y": y, "detail": name_of("method"), **DESCRIBED}
    band = {**mean, "y": {**y, "field": "low"}, "y2": {"field": "high"}, "color": plain}
    floor = [] if panel.floor is None else [{"floor": panel.floor.value}]
    cut = not all(low <= v <= high for c in panel.curves for v in (*c.low, *c.high))
    layers = [
        layer("rule", {"y": number_of("floor")}, floor, strokeDash=[4, 3], color=GREY),
        layer("area", band, fillOpacity=0.14, clip=cut),
        layer("line", {**mean, "color": colour, "strokeDash": dashes}, strokeWidth=2, clip=cut),
        layer(
            "point",
            {**mean, "color": plain},
            where=f"datum.onset && {low} <= datum.mean && datum.mean <= {high}",
            shape="diamond",
            size=70,
            filled=True,
            opacity=1,
        ),
        *(named_ends(_ends(panel, styles), x, y, size) if named else ()),
    ]
    made: Spec = {"width": size[0], "height": size[1], "data": {"values": values(panel, styles)}, "layer": layers}
    return {**made, "title": {"text": panel.title, "subtitle": panel.about}} if named else made


def _ends(panel: Panel, styles: Mapping[str, Style]) -> list[End]:
    low, high = panel.limits
    ends = [
        End(min(max(c.mean[-1], low), high), c.method, styles[c.method].colour if c.method in styles else INK,
            c.method in CONTROLS)
        for c in panel.curves
    ]  # fmt: skip
    if panel.floor is not None:
        ends.append(End(panel.floor.value, "ceiling" if panel.direction == "up" else "floor", GREY))
    return ends
