"""Rows that were measured differently are compared by no claim, as the board compares them in no table."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.study.loading import load_suite
from leaderboard.board import Board, build
from leaderboard.claims.difference import Difference
from leaderboard.claims.dose import Dose, Level
from leaderboard.claims.family import ClaimFamily, judge_all, load_claims
from leaderboard.claims.finding import Undecided
from leaderboard.claims.terms import Collapse
from leaderboard.claims.trend import Course, Trend
from leaderboard.committed import entry_board
from leaderboard.entries import Entry, read_entries
from leaderboard.series import Evidence, NoSeries
from records.results import MetricInfo, Row
from tests.leaderboard.cells import Cells, line

NONE, REAL, METHOD, ALONE = "joint/x/none", "joint/x/real", "joint/x/method", "alone/x/none"
FRECHET = "generator/frechet"
FULL = f"{FRECHET}@n=512"
COURSES = (Course(FRECHET, "worsens"),)
KINDS = {
    "a row and its control": Trend(NONE, COURSES, control=REAL),
    "the collapse that a course asks for": Trend(METHOD, COURSES, collapse=Collapse(NONE, REAL, FRECHET)),
    "two rows": Difference(REAL, NONE, (FRECHET,), "better"),
    "a row and the collapse": Difference(REAL, REAL, (FRECHET,), "better", collapse=Collapse(NONE)),
    "levels of a knob": Dose((Level(1, NONE), Level(2, REAL)), FRECHET, "less"),
    "a knob and the collapse": Dose((Level(1, REAL), Level(2, ALONE)), FRECHET, "more", collapse=Collapse(NONE)),
}


def study(**protocols: str) -> Cells:
    """A loop with both controls and a method, and another loop; `p` unless a row's mitigation has another protocol."""
    cells = Cells()
    for seed, (row, step) in enumerate([(NONE, 1.0), (REAL, 0.05), (METHOD, 0.5), (ALONE, 0.7)]):
        name = "alone" if row == ALONE else row.rpartition("/")[2]
        cells.add(row, {FRECHET: line(2, step, seed=seed)}, protocol=protocols.get(name, "p"))
    return cells


def other(cells: Cells, row: str, seed: int, protocol: str) -> None:
    """Give one cell of a row another protocol."""
    found = cells.evidence.row(row)
    info = {FULL: MetricInfo("down", False, protocol)}
    cells.replace(found, seed, info=info)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_rows_of_a_variant_must_be_of_one_protocol(kind) -> None:
    assert not kind.judge(study().evidence).reason
    with pytest.raises(Undecided, match=r"joint/x/\w+ and joint/x/\w+ differ in protocol"):
        kind.judge(study(real="q").evidence)


def test_rows_of_two_scenarios_have_two_protocols_by_design() -> None:
    apart = Difference(NONE, ALONE, (FRECHET,), "worse")
    assert not apart.judge(study(alone="q").evidence).reason
    both = Dose((Level(1, ALONE), Level(2, NONE), Level(3, METHOD)), FRECHET, "less")
    assert not both.judge(study(alone="q").evidence).reason
    with pytest.raises(Undecided, match="joint/x/none and joint/x/method differ"):
        both.judge(study(alone="q", method="r").evidence)


def test_a_cell_of_two_variants_holds_the_protocol_of_only_one() -> None:
    cells = study(real="of the other variant")
    for seed in range(5):
        cells.replace(cells.evidence.row(REAL), seed, rows=(Row("other", "x", "none"), Row("joint", "x", "real")))
    for kind in KINDS.values():
        assert not kind.judge(cells.evidence).reason
    other(cells, REAL, 2, "q")
    cells.replace(cells.evidence.row(REAL), 2, rows=(Row("joint", "x", "real"),))
    with pytest.raises(Undecided, match="differ in protocol"):
        KINDS["two rows"].judge(cells.evidence)


def board_of(cells: Cells) -> Board:
    """The board of the same cells, where the metric is a headline."""
    for key, cell in cells.results.items():
        info = {m: replace(about, primary=True) for m, about in cell.info.items()}
        cells.results[key] = replace(cell, info=info)
    return build(cells.rows, cells.results)


def test_all_cells_of_a_row_are_of_one_protocol() -> None:
    cells = study()
    other(cells, METHOD, 3, "q")
    with pytest.raises(NoSeries, match="joint/x/method: its seeds were measured by different protocols"):
        cells.evidence.series(METHOD, FRECHET)
    lines = {x.mitigation: x for group in board_of(cells).groups for x in group.lines if group.scenario == "joint"}
    assert lines["method"].headline == "not comparable: mixed protocols"


def told(entries: tuple[Entry, ...]) -> tuple[Board, ClaimFamily]:
    """The board and the verdicts of a suite's entries."""
    suite, file = load_suite(entries[0].suite)
    board = entry_board(entries)
    claims = load_claims(suite.claims, file)
    return board, judge_all(suite.name, claims, Evidence(board.rows, board.results, file.parent))


def measured_otherwise(entry: Entry) -> Entry:
    rows = [
        replace(row, info={m: replace(about, protocol="0" * 64) for m, about in row.info.items()})
        for row in entry.rows
    ]  # fmt: skip
    return replace(entry, rows=tuple(rows))


@pytest.mark.parametrize("suite", ["scenes_ten", "scenes_renamed_generator"])
def test_board_and_claims_agree_on_a_control_of_another_protocol(suite: str) -> None:
    entries = read_entries(suite)
    board, family = told(entries)
    assert any(verdict.word == "supported" for verdict in family.verdicts)
    assert not [v for v in family.verdicts if "protocol" in v.reason]
    mixed = tuple(measured_otherwise(e) if e.method == "real" else e for e in entries)
    board, family = told(mixed)
    assert {group.controls.problem for group in board.groups} == {"no control: none and real differ in protocol"}
    resting = [v for v in family.verdicts if "real" in str(v.claim.init_args) and "no row" not in v.reason]
    assert resting
    assert all(v.word == "undecided" and "differ in protocol" in v.reason for v in resting)
