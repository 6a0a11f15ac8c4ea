"""The pages of a suite, written beside its tables: the board, a run's report, and the board of committed entries."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.planning.plan import Plan, resolved
from leaderboard.text import counted
from records.files import write_text
from records.names import GroupName
from records.printable import printable

if TYPE_CHECKING:
    from benchmarks.reporting.pages.extras import Extras
    from leaderboard.board import Board
    from leaderboard.claims.family import ClaimFamily

BOARD, REPORT = "leaderboard.html", "report.html"
#: Most values of one kind that are named.
NAMED = 3


def write_pages(plan: Plan, board: Board, family: ClaimFamily | None, folder: Path) -> None:
    """Write the page of a board, and the report of a run where there are results of one.

    A page is for people: where it cannot be drawn, one note says so and nothing is raised but for a full disk.

    Args:
        plan: The current plan.
        board: Its board.
        family: The verdicts of the suite's claims.
        folder: Where the suite's results are and the pages go.

    Raises:
        OSError: A page cannot be written; names it.
    """
    try:
        texts = _pages(plan, board, family, folder)
    except Exception as error:  # no number waits for a page
        print(printable(f"note: the board has no page ({type(error).__name__}: {error})"[:300]), file=sys.stderr)
        return
    for name, text in texts.items():
        write_text(folder / name, text)


def _pages(plan: Plan, board: Board, family: ClaimFamily | None, folder: Path) -> dict[str, str]:
    from dataclasses import replace

    from benchmarks.reporting.pages.board_page import board_page, board_parts
    from benchmarks.reporting.pages.film import films
    from leaderboard.loops import loops

    parts = board_parts(board, plan.suite.name, source_of(board))
    extras = _extras(plan, board, family, plan.request.command("table"))
    texts = {BOARD: board_page(parts, extras)}
    homes = {
        GroupName(g.scenario, g.variant): loop.name for loop in loops(board) for g in (*loop.groups, *loop.children)
    }
    if any(row.cells(board.results) for row in board.rows if row.origin == "local"):
        found = films(plan, folder, homes) or None
        texts[REPORT] = board_page(parts, replace(extras, kind="report", films=found, command=plan.request.command()))
    return texts


def entry_page(plan: Plan, board: Board, family: ClaimFamily | None) -> str:
    """Return the page of a suite's committed entries: equal entries and suites give equal bytes."""
    from benchmarks.reporting.pages.board_page import PUBLISHED_PANELS, board_page, board_parts

    parts = board_parts(board, plan.suite.name, source_of(board), PUBLISHED_PANELS)
    return board_page(parts, _extras(plan, board, family, f"make leaderboard SUITE={plan.suite.name}"))


def _extras(plan: Plan, board: Board, family: ClaimFamily | None, command: str) -> Extras:
    from benchmarks.reporting.pages.claims import claim_views
    from benchmarks.reporting.pages.extras import Extras
    from benchmarks.reporting.pages.topology import topologies
    from records.canonical import canonical
    from records.yaml_text import yaml_text

    return Extras(
        claims=claim_views(family), topologies=topologies(plan), command=command, digest=plan.digest,
        settings=yaml_text(json.loads(canonical(resolved(plan)))), versions=_versions(board),
    )  # fmt: skip


def source_of(board: Board) -> str:
    """Return in words where a board's numbers are from."""
    methods = {origin: {r.mitigation for r in board.rows if r.origin == origin} for origin in ("entry", "local")}
    entries = len(methods["entry"])
    parts = [f"{counted(entries, 'committed entry', 'committed entries')}"] if entries else []
    if any(r.cells(board.results) for r in board.rows if r.origin == "local"):
        parts.append("the result files of one machine")
    return f"from {' and '.join(parts)}" if parts else "without results yet"


def _versions(board: Board) -> dict[str, str]:
    """Return package -> version over all results, the most frequent first where they differ."""
    found: dict[str, Counter[str]] = {}
    for cell in board.results.values():
        for name, version in cell.versions.items():
            found.setdefault(name, Counter())[version] += 1
    return {name: _listed(version for version, _ in counts.most_common()) for name, counts in sorted(found.items())}


def _listed(versions: Iterable[str]) -> str:
    known = [version or "absent" for version in versions]
    return ", ".join(known[:NAMED]) + (f" and {len(known) - NAMED} more" if len(known) > NAMED else "")
