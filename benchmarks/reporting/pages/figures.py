"""The main figures as files for a paper, by the specifications of the page, with their numbers beside them as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.reporting.pages.board_page import legends
from benchmarks.reporting.pages.colours import GREY, NONE, OFF, ON, PAPER, REAL
from benchmarks.reporting.pages.drawn import drawn
from benchmarks.reporting.pages.fronts import HIGH, LOW, front_panels, front_spec
from benchmarks.reporting.pages.grammar import Spec, layer, name_of, number_of
from benchmarks.reporting.pages.rows import Section, sections
from benchmarks.reporting.pages.trajectories import panels, spec, values, whole
from leaderboard.board import Board
from leaderboard.text import csv_field
from records.files import write_text

ENDINGS = ("pdf", "png")
#: Panels beside each other.
ACROSS = 2
Records = list[dict[str, Any]]


@dataclass(frozen=True)
class PaperFigure:
    """One figure: its name, its specification and the numbers that it was drawn from."""

    name: str
    spec: Spec
    records: Records


def write_figures(board: Board, folder: Path, methods: Sequence[str] = ()) -> list[Path]:
    """Write every main figure of a board that has something to show, each as PDF, PNG and CSV; return the files.

    Args:
        board: What was measured.
        folder: Where they go.
        methods: Whose trajectories are drawn beside the controls; default: those that a page draws at first.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for figure in (front_figure(board), trajectory_figure(board, methods), prevented_figure(board)):
        if figure is None:
            continue
        for ending in ENDINGS:
            written.append(folder / f"{figure.name}.{ending}")
            written[-1].write_bytes(drawn(figure.spec, ending))
        written.append(write_text(folder / f"{figure.name}.csv", _csv(figure.records)))
    return written


def front_figure(board: Board) -> PaperFigure | None:
    """Return collapse prevented against cost; None where no loop has two methods."""
    found = front_panels(board)
    if not found:
        return None
    made = [{**front_spec(panel), "title": panel.title} for panel in found]
    records = [
        {"loop": panel.loop.name, "cost": panel.cost, "method": p.method, "at": p.cost, "prevented": p.prevented,
         "low": p.low, "high": p.high, "front": int(p.front)}
        for panel in found for p in panel.points
    ]  # fmt: skip
    return PaperFigure("front", _beside(made), records)


def trajectory_figure(board: Board, methods: Sequence[str] = ()) -> PaperFigure | None:
    """Return the headline metrics over iterations; None where no row is complete."""
    known = legends(board, sections(board))
    styles = {legend.name: legend.style for legend in known}
    wanted = {"none", "real", *methods} if methods else {legend.name for legend in known if legend.shown}
    found = [
        panel
        for group in board.groups for panel in panels(board, group, whole(board, group)[:1])
        if panel.metric == group.metric
    ]  # fmt: skip
    if not found:
        return None
    names = [name for name in styles if name in wanted]
    parts = [replace(panel, curves=tuple(c for c in panel.curves if c.method in wanted)) for panel in found]
    made = [spec(panel, styles, legend=names) for panel in parts if panel.curves]
    channels = dict.fromkeys(("color", "strokeDash"), "shared")
    where = ("scenario", "variant")
    kept = ("method", "iteration", "mean", "low", "high")
    records = [
        {**{k: getattr(panel.group, k) for k in where}, "metric": panel.metric, **{k: record[k] for k in kept},
         "onset": int(bool(record["onset"]))}
        for panel in found for record in values(panel, {})
    ]  # fmt: skip
    shared = {"scale": channels, "legend": channels}
    return PaperFigure("trajectories", {**_beside(made), "resolve": shared}, records)


def prevented_figure(board: Board) -> PaperFigure | None:
    """Return collapse prevented method by method with its interval; None where no method has a number."""
    found = [(section, _dots(section)) for section in sections(board)]
    named = [(section, records) for section, records in found if records]
    if not named:
        return None
    made = [_forest(section, records) for section, records in named]
    return PaperFigure("prevented", _beside(made), [record for _, records in named for record in records])


def _dots(section: Section) -> Records:
    return [
        {"loop": section.loop, "side": section.side, "method": row.name, "prevented": row.dot.value,
         "low": row.dot.low, "high": row.dot.high, "rank": row.cells.get("rank", "")}
        for row in section.rows if row.dot and row.kind in ("method", "scenario")
    ]  # fmt: skip


def _forest(section: Section, records: Records) -> Spec:
    shown = [
        {**r, "x": min(max(r["prevented"], LOW), HIGH), "from": max(r["low"] if r["low"] is not None else LOW, LOW),
         "to": min(r["high"] if r["high"] is not None else HIGH, HIGH), "ranked": bool(r["rank"])}
        for r in records
    ]  # fmt: skip
    axis = {"domain": False, "ticks": False, "grid": False}
    y = name_of("method", title=None, sort=[r["method"] for r in records], axis=axis)
    about = "collapse prevented, 95 % interval (0 as none, 1 as real)"
    x = number_of("x", about, scale={"domain": [LOW, HIGH]}, axis={"values": [-0.5, 0, 0.5, 1, 1.5]})
    fill = {"condition": {"test": "datum.ranked", "value": ON}, "value": PAPER}
    layers = [
        layer("rule", {"x": x}, [{"x": 0}], color=NONE, strokeWidth=1.3),
        layer("rule", {"x": x}, [{"x": 1}], color=REAL, strokeWidth=1.3),
        layer(
            "rule", {"y": y, "x": {**x, "field": "from"}, "x2": {"field": "to"}}, color=OFF, strokeWidth=2, opacity=0.6
        ),
        layer("point", {"y": y, "x": x, "fill": fill}, filled=True, size=60, opacity=1, stroke=ON, strokeWidth=1.4),
    ]
    title = {"text": f"{section.loop}: {section.side}", "subtitle": "hollow: not ranked", "subtitleColor": GREY}
    return {"title": title, "width": 315, "height": {"step": 18}, "data": {"values": shown}, "layer": layers}


def _beside(made: Sequence[Spec]) -> Spec:
    return {"concat": list(made), "columns": ACROSS, "spacing": 28}


def _csv(records: Sequence[Mapping[str, Any]]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(records[0])
    writer.writerows([csv_field(value) for value in record.values()] for record in records)
    return stream.getvalue()
