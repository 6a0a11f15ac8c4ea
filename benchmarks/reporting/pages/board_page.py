"""The page of a board: what came out, the front, rows with their evidence, trajectories, claims, how to repeat it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from benchmarks.reporting.pages.choices import choices
from benchmarks.reporting.pages.colours import Style, styles
from benchmarks.reporting.pages.drawn import page_svg
from benchmarks.reporting.pages.fronts import front_panels, front_spec
from benchmarks.reporting.pages.render import rendered
from benchmarks.reporting.pages.rows import COLUMNS, Section, csv_lines, sections
from benchmarks.reporting.pages.trajectories import MOST_POINTS, Panel, panels, spec, whole
from leaderboard.board import Board
from leaderboard.loops import loops
from leaderboard.render import warnings
from leaderboard.sentences import headline, sizes

if TYPE_CHECKING:
    from benchmarks.reporting.pages.extras import Extras

#: Panels of trajectories, and curves in them, at most: headline metrics first, then others; what is left out is said.
#: Beside a table fewer are drawn than on a page that is published: a table is made while somebody waits.
MOST_PANELS, PUBLISHED_PANELS, MOST_CURVES = 12, 24, 400
#: Methods whose curves are drawn at first, beside the controls; the others wait for a click.
SHOWN = 5


@dataclass(frozen=True)
class Figure:
    """A drawing on a page, with what tells it from its neighbours."""

    title: str
    about: str
    svg: str
    loop: str = ""
    side: str = ""
    metric: str = ""
    headline: bool = True


@dataclass(frozen=True)
class Legend:
    """Which line is which: a method, how it is drawn, and whether it is drawn at first."""

    name: str
    style: Style
    shown: bool = field(default=True)


def board_parts(board: Board, title: str, source: str, most: int = MOST_PANELS) -> dict[str, Any]:
    """Return the parts of a board's page that follow from the board alone, for `board_page`.

    Args:
        board: What was measured.
        title: Name of the suite.
        source: Where the numbers are from, in words.
        most: Panels of trajectories at most.
    """
    found = sections(board)
    named = legends(board, found)
    known = {legend.name: legend.style for legend in named}
    head, lines = csv_lines(board, found)
    chosen, left = choices(board, found)
    curves, more = _trajectories(board, known, most)
    metrics = {c.name: {"direction": c.direction, "side": c.side, "label": c.label, "rows": c.numbers} for c in chosen}
    return {
        "title": title, "source": source, "sizes": sizes(board) if board.rows else "", "sections": found,
        "columns": _columns(found), "sentences": [*warnings(board), *(headline(board) if board.rows else [])],
        "fronts": _fronts(board, known), "figures": curves, "legends": named,
        "metrics": [{"name": c.name, "label": c.label, "side": c.side} for c in chosen],
        "data": {"csv": head, "lines": lines, "title": title, "metrics": metrics},
        "notes": {"panels": more, "metrics": left, "points": MOST_POINTS},
        "most": _costs(found),
    }  # fmt: skip


def board_page(parts: dict[str, Any], extras: Extras) -> str:
    """Return a page as HTML: the parts of a board, and what else is known of it."""
    return rendered("board.html.jinja", **parts, extras=extras)


def _columns(found: Sequence[Section]) -> list[tuple[str, str, str]]:
    """Return the columns that some row fills."""
    filled = {name for section in found for row in section.rows for name, text in row.cells.items() if text}
    return [column for column in COLUMNS if column[0] in filled or column[0] != "learns"]


def _costs(found: Sequence[Section]) -> list[int]:
    """Return the numbers of network evaluations that rows have, for a reader to choose the most from."""
    costs = [int(row.sorts["evaluations"]) for section in found for row in section.rows if "evaluations" in row.sorts]
    return sorted(set(costs))


def legends(board: Board, found: Sequence[Section]) -> list[Legend]:
    """Return every curve's name with its style: the controls, what was asked for and the best are drawn at first."""
    named = [row.mitigation for section in found for row in section.rows if row.kind not in ("reference", "scenario")]
    named += [group.scenario for group in board.groups if group.parent]
    named += [line.mitigation for group in board.groups for line in group.lines]
    order = [name for name in ("none", "real") if name in named]
    names = list(dict.fromkeys([*order, *named]))
    added = [line.mitigation for group in board.groups for line in group.lines if line.reading.row.added]
    first = {*order, *added, *[name for name in names if name not in order][:SHOWN]}
    return [Legend(name, style, name in first) for name, style in styles(names).items()]


def _fronts(board: Board, known: dict[str, Style]) -> list[Figure]:
    index = {name: style.index for name, style in known.items()}
    return [
        Figure(p.title, p.cost, page_svg(front_spec(p, index=index), p.alternative), p.loop.name)
        for p in front_panels(board)
    ]


def _trajectories(board: Board, known: dict[str, Style], most: int) -> tuple[list[Figure], int]:
    """Return the panels that are drawn, and how many more there would be."""
    named = [(group, whole(board, group)) for group in board.groups]
    first = [(group, metrics[:1]) for group, metrics in named if metrics[:1] == [group.metric]]
    later = [(group, [metric]) for group, metrics in named for metric in metrics if metric != group.metric]
    wanted = [*first, *later]
    drawn: list[Panel] = []
    for group, metrics in wanted[:most]:
        if sum(len(panel.curves) for panel in drawn) < MOST_CURVES:
            drawn += panels(board, group, metrics)
    homes = {id(g): loop.name for loop in loops(board) for g in (*loop.groups, *loop.children)}
    made = [_figure(panel, known, homes[id(panel.group)]) for panel in drawn]
    return made, len(wanted) - len(drawn)


def _figure(panel: Panel, known: dict[str, Style], loop: str) -> Figure:
    svg = page_svg(spec(panel, known), panel.alternative)
    primary = panel.metric == panel.group.metric
    return Figure(panel.title, panel.about, svg, loop, panel.group.modality, panel.metric, primary)
