"""The main figures as files for a paper, by the specifications of the page, with their numbers beside them as CSV."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.reporting.pages.board_page import legends
from benchmarks.reporting.pages.chains import chain_figure
from benchmarks.reporting.pages.colours import GREY, NONE, OFF, ON, PAPER, REAL, styles
from benchmarks.reporting.pages.fronts import HIGH, LOW, clip, front_panels, front_spec
from benchmarks.reporting.pages.grammar import Spec, layer, name_of, number_of
from benchmarks.reporting.pages.paper import PaperFigure, Records, beside
from benchmarks.reporting.pages.rows import Section, sections
from benchmarks.reporting.pages.trajectories import Panel, panels, spec, values, whole
from leaderboard.board import Board, Group
from leaderboard.grain import below
from leaderboard.loops import NEVER
from leaderboard.statistics import LEVEL
from leaderboard.text import counted, share

ENDINGS = ("pdf", "png")
#: Of the plot of a forest, in pixels.
WIDTH = 315


def main_figures(board: Board, methods: Sequence[str] = ()) -> list[PaperFigure]:
    """Return every main figure of a board that has something to show.

    Args:
        board: What was measured.
        methods: Whose trajectories are drawn beside the controls; default: those that a page draws at first.
    """
    made = (front_figure(board), trajectory_figure(board, methods), prevented_figure(board), chain_figure(board))
    return [figure for figure in made if figure is not None]


def write_figures(board: Board, folder: Path, methods: Sequence[str] = ()) -> list[Path]:
    """Write every main figure of a board, each as PDF, PNG and CSV; return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for figure in main_figures(board, methods):
        written += [*(figure.picture(folder, ending) for ending in ENDINGS), figure.numbers(folder)]
    return written


def write_pictures(board: Board, folder: Path) -> None:
    """Write every main figure of a board as PNG."""
    for figure in main_figures(board):
        figure.picture(folder)


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
    return PaperFigure("front", beside(made), records)


def trajectory_figure(board: Board, methods: Sequence[str] = ()) -> PaperFigure | None:
    """Return the headline metrics over iterations; None where no row is complete."""
    known = legends(board, sections(board))
    wanted = {"none", "real", *methods} if methods else {legend.name for legend in known if legend.shown}
    given = styles(legend.name for legend in known if legend.name in wanted)  # of those drawn alone: few share one
    found = [
        panel
        for group in board.groups for panel in panels(board, group, whole(board, group)[:1])
        if panel.metric == group.metric
    ]  # fmt: skip
    if not found:
        return None
    parts = [replace(panel, curves=tuple(c for c in panel.curves if c.method in wanted)) for panel in found]
    made = [
        _trajectory(spec(part, given, named=True), part, len(panel.curves) - len(part.curves))
        for panel, part in zip(found, parts, strict=True)
        if part.curves
    ]
    where = ("scenario", "variant")
    kept = ("method", "iteration", "mean", "low", "high")
    records = [
        {**{k: getattr(panel.group, k) for k in where}, "metric": panel.metric, **{k: record[k] for k in kept},
         "onset": int(bool(record["onset"]))}
        for panel in found for record in values(panel, {})
    ]  # fmt: skip
    return PaperFigure("trajectories", beside(made), records)


def _trajectory(made: Spec, panel: Panel, left: int) -> Spec:
    """Say under a panel's title what is not drawn, and where its controls prove nothing."""
    about = [panel.about, *([f"{counted(left, 'more method')} not drawn"] if left else [])]
    return {**made, "title": {"text": panel.title, **_subtitle(", ".join(about), panel.group)}}


def _subtitle(about: str, group: Group | None) -> Spec:
    """Return the line under a title; in red, and with the reason, where the controls of a group prove nothing."""
    label = group.controls.label if group else "valid"
    if label.startswith("valid"):
        return {"subtitle": about, "subtitleColor": GREY}
    why = label.partition(" (")[0].replace("unknown", "validity unknown")
    return {"subtitle": f"{about} · {why}" if about else why, "subtitleColor": NONE}


def prevented_figure(board: Board) -> PaperFigure | None:
    """Return collapse prevented method by method with its interval; None where no method has a number."""
    found = [(section, _dots(board, section)) for section in sections(board)]
    named = [(section, records) for section, records in found if records]
    if not named:
        return None
    made = [_forest(section, records) for section, records in named]
    return PaperFigure("prevented", beside(made), [record for _, records in named for record in records])


def _dots(board: Board, section: Section) -> Records:
    lines = {(g.scenario, g.variant, g.modality, x.mitigation): x for g in board.groups for x in g.lines}
    return [
        {"loop": section.loop, "side": section.side, "method": row.name, "prevented": row.dot.value,
         "low": row.dot.low, "high": row.dot.high, "rank": row.cells.get("rank", ""),
         "p": lines[row.of].p_family if row.of in lines else None}
        for row in section.rows if row.dot and row.kind in ("method", "scenario")
    ]  # fmt: skip


def _forest(section: Section, records: Records) -> Spec:
    tested = any(r["p"] is not None for r in records)
    shown = [_placed(record, tested) for record in records]
    axis = {"domain": False, "ticks": False, "grid": False}
    y = name_of("method", title=None, sort=[r["method"] for r in records], axis=axis)
    about = "collapse prevented, 95 % interval (0 as none, 1 as real)"
    scale = {"domain": [LOW, HIGH]}
    x = number_of("x", about, scale=scale, axis={"values": [-0.5, 0, 0.5, 1, 1.5]})
    ink = name_of("ink", scale=None)
    fill = {"condition": {"test": "datum.ranked", "field": "ink", "type": "nominal", "scale": None}, "value": PAPER}
    references = [row.dot.value for row in section.rows if row.dot and row.mitigation == NEVER]
    rank = {"y": y, "x": {"value": WIDTH}, "text": {"field": "rank", "type": "nominal"}}
    layers = [
        layer("rule", {"x": x}, [{"x": 0}], color=NONE, strokeWidth=1.3),
        layer("rule", {"x": x}, [{"x": 1}], color=REAL, strokeWidth=1.3),
        layer("rule", {"x": x}, [{"x": v} for v in references if LOW < v < HIGH], color=GREY, strokeDash=[2, 2]),
        layer("rule", {"y": y, "x": {**x, "field": "from"}, "x2": {"field": "to"}, "color": ink}, strokeWidth=2,
              opacity=0.6),
        *(
            layer("point", {"y": y, "x": {**x, "field": end}, "fill": ink}, where=f"datum.{end} == {limit}",
                  shape=f"triangle-{shape}", size=40, opacity=1, strokeWidth=0)
            for end, limit, shape in (("from", LOW, "left"), ("to", HIGH, "right"))
        ),
        layer("point", {"y": y, "x": x, "fill": fill, "stroke": ink}, where="!datum.off", filled=True, size=60,
              opacity=1, strokeWidth=1.4),
        *(
            layer("text", {"y": y, "x": x, "text": {"field": "off", "type": "nominal"}, "color": ink},
                  where=f"datum.off && datum.x == {limit}", align=align, dx=dx)
            for limit, align, dx in ((LOW, "left", 8), (HIGH, "right", -8))
        ),
        layer("text", rank, align="left", dx=8, color=GREY),
    ]  # fmt: skip
    blue = "differs from none (Holm)" if tested else "interval clear of 0"
    said = ["number: rank range", f"blue, red: {blue}", *(["dotted: never trained"] if references else [])]
    title = {"text": f"{section.loop}: {section.side}", **_subtitle("; ".join(said), section.group)}
    return {"title": title, "width": WIDTH, "height": {"step": 18}, "data": {"values": shown}, "layer": layers}


def _placed(record: Mapping[str, Any], tested: bool = False) -> dict[str, Any]:
    """Say where in its panel a method is drawn; one that lies beyond the panel is named by its number instead."""
    value, low, high = record["prevented"], record["low"], record["high"]
    return {
        **record,
        "x": clip(value),
        "from": LOW if low is None else clip(low),
        "to": HIGH if high is None else clip(high),
        "off": "" if LOW <= value <= HIGH else share(value, low, high),
        "ranked": record["rank"] not in ("", "-"),
        "ink": _ink(record, tested),
    }


def _ink(record: Mapping[str, Any], tested: bool) -> str:
    """Return the colour of a method: by its test, or by its interval where none has one, as of the joint headline."""
    low, high = record["low"], record["high"]
    by_interval = low is not None and high is not None and not low <= 0 <= high
    told = by_interval if not tested else record["p"] is not None and below(record["p"], 1 - LEVEL)
    return OFF if not told else ON if record["prevented"] > 0 else NONE
