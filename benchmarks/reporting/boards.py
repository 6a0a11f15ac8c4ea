"""Boards of a plan's result files and of committed entries: made, written, and shown at the end of a run."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from benchmarks.planning.plan import Plan
from benchmarks.planning.planner import make_plan
from benchmarks.planning.protocols import metric_infos
from benchmarks.planning.request import Request
from benchmarks.reporting.learning import known_learning
from benchmarks.reporting.pages.published import entry_page, write_pages
from records.files import write_text
from records.printable import printable
from records.results import read_results

#: (what it is, its files) for people.
Files: TypeAlias = tuple[tuple[str, tuple[str, ...]], ...]
#: What a run leaves for people, in the order of its screen; a name that ends in "/" is a folder.
FILES: Files = (
    ("page", ("report.html", "leaderboard.html")),
    ("board", ("leaderboard.md", "leaderboard.csv")),
    ("details", ("tables.txt", "metrics.csv")),
    ("pictures", ("trajectories.png", "prevented.png", "front.png", "chains.png", "pictures/")),
    ("results", ("results/",)),
)

if TYPE_CHECKING:
    from benchmarks.study.suite import Suite
    from leaderboard.board import Board
    from leaderboard.claims.family import ClaimFamily
    from leaderboard.series import Evidence


def make_board(plan: Plan, results: Path, entries: Path | None = None) -> Board:
    """Return the board of a plan's rows over the result files that are there, beside committed entries.

    Args:
        plan: The current plan.
        results: Folder of result files.
        entries: Folder of entries; default: the project's, of a suite of one's own those beside its file.
    """
    from leaderboard.board import build  # scipy: a second that planning does not have
    from leaderboard.committed import beside_local
    from leaderboard.entries_parts import read_study
    from leaderboard.readings import BoardRow

    added = dict.fromkeys(r.mitigation for r in plan.rows if r.added)
    typed = dict(zip(added, plan.request.methods, strict=True)) if len(added) == len(plan.request.methods) else {}
    rows = [
        BoardRow(
            r.scenario, r.variant, r.mitigation, r.parent, r.seeds, r.keys, r.applies_to,
            command=_command(plan.request, typed.get(r.mitigation, r.mitigation) if r.added else ""), added=r.added,
        )
        for r in plan.rows
    ]  # fmt: skip
    found = {k: r for k, r in read_results(results).items() if k in plan.cells}
    home = entries or entries_beside(plan)
    committed = read_study(plan.suite.name, home)
    asked = [*plan.suite.mitigations, *plan.request.methods]
    methods = [entry.method for entry in committed]
    knobs = {entry.method: entry.init_args for entry in committed} | _knobs(plan)
    learning = known_learning(plan.suite.learning, home, methods, asked, plan.file.parent, knobs)
    if not committed:
        return replace(build(rows, found), learning=learning)
    planned = {(r.scenario, r.variant): metric_infos(plan, plan.cells[r.keys[0]], r.protocol) for r in plan.rows}
    merged, cells, foreign = beside_local(rows, found, committed, planned)
    board = build(merged, {k: cells[k] for row in merged for k in row.keys if k in cells})
    return replace(board, foreign=foreign, learning=learning)


def _knobs(plan: Plan) -> dict[str, dict[str, Any]]:
    """Return method -> its knobs in a plan, as an entry of it has them."""
    from benchmarks.reporting.submit import public

    methods = {row.mitigation: plan.cells[row.keys[0]].cell.method for row in plan.rows}
    return {name: public(dict(method.init_args)) for name, method in methods.items()}


def require_entries(plan: Plan) -> None:
    """Read the entries that a plan's board will need, before anything is computed for it.

    Raises:
        UsageError: A file is none, naming it.
    """
    from leaderboard.entries_parts import read_study

    for suite in {plan.suite.name, *plan.suite.learning.values()}:
        read_study(suite, entries_beside(plan))


def entries_beside(plan: Plan) -> Path:
    """Return the folder of entries that a plan's rows are compared with: the project's, or beside one's own file."""
    from leaderboard.entries import FOLDER

    return plan.file.parent / "entries" if plan.own else FOLDER


def _command(request: Request, method: str) -> str:
    """Return what makes a row again, as it was asked for."""
    return replace(request, methods=(method,) if method else ()).command()


def write_board(plan: Plan, board: Board, folder: Path) -> None:
    """Write a board: leaderboard.md, tables.txt, leaderboard.csv, metrics.csv, pictures and pages.

    Args:
        plan: The current plan.
        board: Its board.
        folder: Where its results are and the board goes.

    Raises:
        OSError: A file cannot be written; names it.
    """
    from benchmarks.reporting.pages.figures import write_pictures
    from leaderboard import frozen
    from leaderboard.markdown import markdown
    from leaderboard.render import terminal
    from leaderboard.tables import csv_text, csv_tidy

    folder.mkdir(parents=True, exist_ok=True)
    page = markdown(board, title=plan.suite.name) + frozen.section(board) + claims_section(plan, board)
    write_text(folder / "leaderboard.md", page)
    write_text(folder / "tables.txt", "\n".join(filter(None, [terminal(board), frozen.terminal(board)])))
    write_text(folder / "leaderboard.csv", csv_text(board))
    write_text(folder / "metrics.csv", csv_tidy(board))
    try:
        write_pictures(board, folder)
    except Exception as error:  # pictures are for people: no number waits for them
        print(printable(f"note: the board has no pictures ({type(error).__name__}: {error})"), file=sys.stderr)
    write_pages(plan, board, _claims(plan.suite, plan.file, board), folder)


def published(plan: Plan, board: Board, folder: Path, show: Callable[[str], object] | None = None) -> str:
    """Write a board and return its screen, which is shown at once where the board cannot be written."""
    try:
        write_board(plan, board, folder)
    except OSError:  # a full disk takes no result away
        if show is not None:
            show(end_screen(plan, board, folder))
        raise
    return end_screen(plan, board, folder)


def end_screen(plan: Plan, board: Board, folder: Path) -> str:
    """Return what a run ends with: one screen of words, the rows that matter, and the files that are there."""
    from leaderboard.screen import screen

    family = _claims(plan.suite, plan.file, board)
    counts = Counter(verdict.word for verdict in family.verdicts) if family else {}
    claims = ", ".join(f"{n} {word}" for word, n in sorted(counts.items()))
    return screen(board, plan.suite.name, folder, written(folder), f"Claims of the suite: {claims}." if claims else "")


def written(folder: Path, names_of: Files = FILES) -> list[tuple[str, str]]:
    """Return what lies in the folder of a suite for people: (what it is, its files), nothing that is not there."""
    found = []
    for what, names in names_of:
        there = []
        for name in names:
            if name.endswith("/") and (folder / name).is_dir():
                count = sum(found.is_file() for found in (folder / name).rglob("[!.]*"))
                there.append(f"{name} ({count})")
            elif (folder / name).is_file():
                there.append(name)
        found += [(what, ", ".join(there))] if there else []
    return found


def claims_section(plan: Plan, board: Board) -> str:
    """Return the table of a suite's claims for the board's page; "" where it states none."""
    from leaderboard.claims.report import section

    family = _claims(plan.suite, plan.file, board)
    return f"\n{section(family)}" if family else ""


def claims_evidence(plan: Plan, results: Path, committed: bool = True) -> tuple[Evidence, str]:
    """Return what a suite's claims are tested on, and in words what that is.

    Args:
        plan: The current plan.
        results: Folder of result files.
        committed: Whether committed entries alone will do where no cell of the plan has a result file.
    """
    from leaderboard.committed import entry_board
    from leaderboard.entries_parts import in_words, read_study
    from leaderboard.series import Evidence

    entries = read_study(plan.suite.name, entries_beside(plan))
    if committed and entries and not any(key in plan.cells for key in read_results(results)):
        board, source = entry_board(entries), f"from {in_words(entries)}"
    else:
        board, source = make_board(plan, results), f"from the result files in {results.parent}"
        source += f" and {in_words(entries)}" if entries else ""
    return Evidence(board.rows, board.results, plan.file.parent), source


def _claims(suite: Suite, file: Path, board: Board) -> ClaimFamily | None:
    """Test a suite's claims on the rows of a board; None where it states none."""
    from leaderboard.claims.family import judge_all, load_claims
    from leaderboard.series import Evidence

    claims = load_claims(suite.claims, file)
    return judge_all(suite.name, claims, Evidence(board.rows, board.results, file.parent)) if claims else None


def _shipped(suite: str) -> tuple[Suite, Path] | None:
    """Return a shipped suite and its file: what it says about its own numbers; None for one that is not shipped."""
    from benchmarks.study.loading import SUITES, load_suite

    return load_suite(suite) if (SUITES / f"{suite}.yaml").is_file() else None


def write_entry_board(suite: str, entries: Path | None, boards: Path, publish: bool = False) -> list[Path]:
    """Write the committed board of a suite from its entries alone; return the files, none where it has no entry.

    Args:
        suite: Its name.
        entries: Folder of entries; default: the project's.
        boards: Folder of boards.
        publish: Whether to write the page of a shipped suite; one that lies there already is always written again.
    """
    from leaderboard import frozen
    from leaderboard.claims.report import json_text as claims_text
    from leaderboard.claims.report import section
    from leaderboard.committed import entry_board
    from leaderboard.entries import FOLDER
    from leaderboard.entries_parts import read_study
    from leaderboard.markdown import markdown
    from leaderboard.tables import csv_text, json_text

    committed = read_study(suite, entries or FOLDER)
    if not committed:
        return []
    board, known = entry_board(committed), _shipped(suite)
    family = _claims(*known, board) if known else None
    if known:
        knobs = {entry.method: entry.init_args for entry in committed}
        learning = known_learning(known[0].learning, entries or FOLDER, list(knobs), knobs=knobs)
        board = replace(board, learning=learning)
    texts = {
        "md": markdown(board, suite) + frozen.section(board) + (f"\n{section(family)}" if family else ""),
        "csv": csv_text(board),
        "json": json_text(board, suite),
    }
    if family:
        texts["claims.json"] = claims_text(family)
    if known and (publish or (boards / f"{suite}.html").is_file()):
        texts["html"] = entry_page(make_plan(suite), board, family)
    paths = []
    for ending, text in texts.items():
        paths.append(boards / f"{suite}.{ending}")
        write_text(paths[-1], text)
    return paths


def latex_text(plan: Plan, results: Path, entries: Path | None = None) -> str:
    """Return a suite's board as LaTeX tables: of its committed entries, or of its result files where it has none."""
    from leaderboard.committed import entry_board
    from leaderboard.entries_parts import read_study
    from leaderboard.latex import latex

    committed = read_study(plan.suite.name, entries or entries_beside(plan))
    return latex(entry_board(committed) if committed else make_board(plan, results), plan.suite.name)
