"""Whether a row differs from `none` is asked once a loop and side: table, figure, evidence and words say the same."""

from __future__ import annotations

import pytest

from benchmarks.reporting.pages.colours import NONE, ON
from benchmarks.reporting.pages.figures import main_figures
from benchmarks.reporting.pages.rows import sections
from leaderboard import comparing
from leaderboard import statistics as st
from leaderboard.board import Board, build
from leaderboard.loops import Row, loops
from leaderboard.sentences import verdicts
from leaderboard.tables import records
from leaderboard.text import number

JOINT = ("joint", "real_prompts")
CLEAR = ("protects", "worse")


@pytest.fixture(params=[5, 3], ids=["five seeds", "three seeds"])
def board(request: pytest.FixtureRequest, world) -> Board:
    """A loop with many methods near the edge, some for one side alone, and scenarios that mitigate it, with methods."""
    w = world(seeds=range(request.param), noise=0.2)
    w.add(*JOINT, "none", 1.0)
    w.add(*JOINT, "real", 0.05)
    for i in range(9):
        applies_to = ("generator",) if i % 3 == 0 else ("captioner",) if i % 3 == 1 else ()
        w.add(*JOINT, f"method{'x' * i}", 0.55 + 0.07 * i, applies_to=applies_to)
    for name, rate in {"none": 0.7, "real": 0.05, "more": 0.8, "less": 0.9}.items():
        w.add("budget", "real_prompts", name, rate, parent="joint")
    return build(w.rows, w.results)


def told(board: Board) -> dict[tuple[str, str], tuple[Row, str]]:
    """(row, side) -> the row of the loop and its word."""
    (loop,) = loops(board)
    rows = {row.name: row for row in loop.rows}
    return {(name, side): (rows[name], word) for name, sides in verdicts(loop).items() for side, word in sides.items()}


def test_words_go_by_the_p_value_of_the_row(board: Board) -> None:
    found = told(board)
    assert len(found) == 2 * (9 + 3), "methods and side effects, and the scenario that mitigates with its methods"
    for (name, side), (row, word) in found.items():
        line = row.lines[side]
        assert line.p_family is not None
        assert (line.p_family < 0.05) == (word in CLEAR), (name, side)
        assert word != "protects" or line.gain.mean > 0
    assert {word for _, word in found.values()} > {"unclear"}


def test_it_is_adjusted_over_all_rows_of_the_loop_on_a_side(board: Board) -> None:
    for side in ("captioner", "generator"):
        lines = [row.lines[side] for (_, other), (row, _) in told(board).items() if other == side]
        raw = [comparing.p_value(line.controls.reading("none"), line.reading) for line in lines]
        assert [line.p_family for line in lines] == pytest.approx(st.holm(raw))
        alone = st.holm([p for p, line in zip(raw, lines, strict=True) if line.role == "method"])
        assert alone != [line.p_family for line in lines if line.role == "method"], "a family of its own is smaller"


def test_the_table_and_the_evidence_show_it(board: Board) -> None:
    found = told(board)
    seeds = len(board.rows[0].seeds)
    shown = {(r["scenario"], r["modality"], r["mitigation"]): r["p_holm"] for r in records(board)}
    said = {page.of: dict(page.evidence.facts) for section in sections(board) for page in section.rows}
    for (_, side), (row, _) in found.items():
        line = row.lines[side]
        own = line.reading.row
        expected = line.p_family if seeds >= 5 else None  # below, words and intervals are descriptive
        assert shown[own.scenario, side, own.mitigation] == expected
        facts = said[own.scenario, own.variant, side, own.mitigation]
        assert facts.get("Holm-adjusted p against none", "") == number(expected, 2)
    assert all(p is None for (_, _, name), p in shown.items() if name == "real")


def test_the_forest_is_coloured_where_the_words_say_so(board: Board) -> None:
    found, coloured = told(board), {}
    (figure,) = [figure for figure in main_figures(board) if figure.name == "prevented"]
    for panel in figure.spec["concat"]:
        for record in panel["data"]["values"]:
            coloured[record["method"], record["side"]] = record["ink"] in (ON, NONE)
    seen = {key for key in coloured if key[1] != "both"}
    assert len(seen) > 12
    for key in seen:
        assert coloured[key] == (found[key][1] in CLEAR), key
