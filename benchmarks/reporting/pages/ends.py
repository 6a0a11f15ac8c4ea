"""Names at the ends of lines, apart from each other: a figure that says itself which line is which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.reporting.pages.grammar import Spec, layer, name_of
from benchmarks.reporting.pages.labels import spread

#: Pixels from one name to the next, and from the end of a line to its name.
GAP, AWAY = 12, 10


@dataclass(frozen=True, order=True)
class End:
    """The end of one line: how high it is, what it is called, in which colour, and whether in bold letters."""

    value: float
    name: str
    ink: str
    bold: bool = False


def named(ends: Sequence[End], x: Spec, y: Spec, size: tuple[int, int]) -> list[Spec]:
    """Return the layers that name lines where a plot ends.

    Args:
        ends: Of the lines.
        x: The horizontal channel; its scale has a domain.
        y: The vertical channel; its scale has a domain.
        size: Of the plot, in pixels.
    """
    (left, last), (low, high) = x["scale"]["domain"], y["scale"]["domain"]
    unit = (high - low) / size[1]
    ordered = sorted(ends)
    heights = spread([(end.value - low) / unit for end in ordered], GAP, 0, size[1])
    right = last + AWAY / size[0] * (last - left)
    records = [
        {"at": last, "from": end.value, "right": right, "to": low + height * unit, "name": end.name, "ink": end.ink,
         "bold": end.bold}
        for height, end in zip(heights, ordered, strict=True)
    ]  # fmt: skip
    ink = name_of("ink", scale=None)
    at = {"x": {**x, "field": "right"}, "y": {**y, "field": "to"}, "text": {"field": "name"}, "color": ink}
    leader = {
        "x": {**x, "field": "at"}, "x2": {"field": "right"}, "y": {**y, "field": "from"}, "y2": {"field": "to"},
        "color": ink,
    }  # fmt: skip
    texts = [
        layer("text", at, records, where, align="left", dx=2, fontWeight=weight, baseline="middle")
        for where, weight in (("!datum.bold", "normal"), ("datum.bold", "bold"))
    ]
    return [layer("rule", leader, records, strokeWidth=0.6, opacity=0.6), *texts]
