"""The picture of correlation claims: set quality against damage, one panel a claim, one point a variant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.reporting.pages.colours import GREY, OFF, ON, REAL
from benchmarks.reporting.pages.grammar import Spec, layer, number_of
from benchmarks.reporting.pages.labels import HEIGHT
from benchmarks.reporting.pages.labels import beside as names_beside
from benchmarks.reporting.pages.paper import PaperFigure, Records, beside
from leaderboard.claims.correlation import Correlation, Points
from leaderboard.claims.family import Verdict
from leaderboard.claims.finding import Undecided
from leaderboard.series import Evidence
from leaderboard.statistics import Array
from records.names import RowName

#: Of a plot, in pixels; share of a scale that is left free at either end.
SIZE, MARGIN = (300, 240), 0.16


def claims_figure(verdicts: Sequence[Verdict], kinds: Sequence[Any], evidence: Evidence) -> PaperFigure | None:
    """Return a panel for every correlation claim that has points, in the order of the suite; None without any."""
    made, records = [], []
    for verdict, kind in zip(verdicts, kinds, strict=True):
        if isinstance(kind, Correlation):
            try:
                points = kind.points(evidence)
            except Undecided:
                continue
            found = _records(points)
            made.append(_panel(verdict, kind, points, found))
            kept = ("variant", "quality", "damage")
            records += [{"claim": verdict.claim.name, **{name: r[name] for name in kept}} for r in found]
    return PaperFigure("claims", beside(made, across=3), records) if made else None


def _limits(values: Array) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    room = MARGIN * ((high - low) or abs(high) or 1.0)
    return low - room, high + room


def _scales(points: Points) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return both scales, from left to right and from bottom to top: worse sets stand on the right in every panel."""
    left, right = _limits(points.quality)
    return ((left, right) if points.sign > 0 else (right, left)), _limits(np.append(points.damage, 0.0))


def _records(points: Points) -> Records:
    (left, right), (low, high) = _scales(points)
    wide, tall = SIZE
    at = [
        (float((q - left) / (right - left) * wide), float((high - d) / (high - low) * tall))
        for q, d in zip(points.quality, points.damage, strict=True)
    ]
    names = [RowName.parse(row).variant.replace("_", " ") for row in points.rows]
    found = []
    for name, (x, y), box, quality, damage in zip(
        names, at, names_beside(at, names, SIZE), points.quality, points.damage, strict=True
    ):
        middle = box[1] + HEIGHT / 2
        found.append({
            "variant": name, "quality": float(quality), "damage": float(damage), "x": x, "y": y, "at": box[0],
            "to": middle, "near": box[0] if box[0] > x else box[2], "moved": bool(abs(middle - y) > 1),
        })  # fmt: skip
    return found


def _panel(verdict: Verdict, kind: Correlation, points: Points, records: Records) -> Spec:
    across, up = _scales(points)
    x = number_of("quality", f"{kind.quality}, worse to the right", scale={"domain": list(across), "nice": False},
                  axis={"tickCount": 5, "domain": False})  # fmt: skip
    y = number_of("damage", f"{kind.damage}, {kind.statistic}", scale={"domain": list(up), "nice": False},
                  axis={"tickCount": 5, "domain": False})  # fmt: skip
    pixel = {"type": "quantitative", "scale": None}
    names = {"x": {**pixel, "field": "at"}, "y": {**pixel, "field": "to"}, "text": {"field": "variant"}}
    leader = {
        "x": {**pixel, "field": "x"},
        "y": {**pixel, "field": "y"},
        "x2": {"field": "near"},
        "y2": {"field": "to"},
    }
    layers = [
        layer("rule", {"y": {**y, "field": "zero"}}, [{"zero": 0.0}], color=REAL),
        layer("rule", leader, where="datum.moved", color=OFF, strokeWidth=0.6),
        layer("point", {"x": x, "y": y}, filled=True, size=45, color=ON, opacity=1),
        layer("text", names, align="left", baseline="middle", fontSize=8),
    ]
    part = verdict.finding.parts[0] if verdict.finding.parts else None
    size = f", rank correlation {part.effect:.2f} [{part.low:.2f}, {part.high:.2f}]" if part else ""
    title = {"text": verdict.claim.name.replace("_", " "), "subtitle": verdict.word + size, "subtitleColor": GREY}
    return {"title": title, "width": SIZE[0], "height": SIZE[1], "data": {"values": records}, "layer": layers}
