"""Renderings: golden bytes, widths, and text that cannot break a table."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path

import pytest

from leaderboard import latex, overview, render, tables, text
from leaderboard.board import build
from leaderboard.markdown import markdown
from leaderboard.statistics import Ratio

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("board.md", markdown),
        ("board.csv", tables.csv_text),
        ("board.txt", render.terminal),
        ("overview.txt", overview.terminal),
        ("board.json", lambda board: tables.json_text(board, "zoo")),
        ("board.tex", lambda board: latex.latex(board, "zoo")),
    ],
)
def test_golden(zoo, name: str, write):
    """Regenerate on purpose with UPDATE_GOLDEN=1, and read the difference."""
    made = write(build(zoo.rows, zoo.results))
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.mkdir(exist_ok=True)
        (GOLDEN / name).write_text(made, encoding="utf-8")
    assert made == (GOLDEN / name).read_text(encoding="utf-8")


def test_golden_fails_for_a_removed_row(zoo):
    golden = (GOLDEN / "board.md").read_text(encoding="utf-8")
    for gone in zoo.rows:
        rows = [row for row in zoo.rows if row != gone]
        assert markdown(build(rows, zoo.results)) != golden


def test_order_of_result_files_does_not_matter(zoo):
    shuffled = dict(reversed(zoo.results.items()))
    assert markdown(build(zoo.rows, shuffled)) == markdown(build(zoo.rows, zoo.results))


@pytest.mark.parametrize("width", [80, 120])
def test_terminal_fits(zoo, width):
    shown = render.terminal(build(zoo.rows, zoo.results), width)
    assert max(map(len, shown.splitlines())) <= width


def test_markdown_tables_are_rectangular_and_messages_cannot_break_them(zoo):
    page = markdown(build(zoo.rows, zoo.results))
    assert "loss is NaN \\| stopped" in page
    width = None
    for line in page.splitlines():
        if line.startswith("|"):
            cells = line.replace("\\|", "").count("|")
            assert width in (None, cells)
            width = cells
        else:
            width = None


def test_csv_can_be_read_back(zoo):
    board = build(zoo.rows, zoo.results)
    rows = list(csv.DictReader(io.StringIO(tables.csv_text(board))))
    assert len(rows) == sum(len(group.lines) for group in board.groups)
    found = next(r for r in rows if r["mitigation"] == "missing_seed")
    assert (found["label"], found["prevented"], found["end"]) == ("incomplete 4/5", "", "")


def test_empty_boards_say_so(zoo):
    assert "nothing was measured" in markdown(build([], {}))
    assert "incomplete 0/5" in render.terminal(build(zoo.rows, {}))
    assert tables.csv_text(build([], {})) == ""
    assert "not part of the current plan" in render.terminal(build(zoo.rows[:1], zoo.results))


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, ""), (0.0, "0"), (0.12345, "0.123"), (10.04, "10"), (12345.6, "12346"), (1.5e7, "1.50e+07")],
)
def test_number(value, shown):
    assert text.number(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(0, "0"), (1234, "1234"), (34_500, "34.5k"), (5_600_000, "5.6M"), (2.5e10, "25G")]
)
def test_count(value, shown):
    assert text.count(value) == shown


HOSTILE = (
    "<script>alert(1)</script>",
    "a|b",
    "=HYPERLINK(1)",
    "+1",
    "@sum",
    "![x](http://x.y)",
    "`code`",
    r"\input{secret}",
    "$x_{1}$ & 50% #1 ~^",
)


@pytest.fixture
def hostile(world):
    """A board whose methods have names that some format would act upon."""
    w = world()
    for name, rate in (("none", 1.0), ("real", 0.05), *((name, 0.5) for name in HOSTILE)):
        w.add("joint", "real_prompts", name, rate)
    return build(w.rows, w.results)


def test_names_do_nothing_in_markdown(hostile):
    page = markdown(hostile)
    assert "<" not in page.replace("&lt;", "")
    for line in page.splitlines():
        assert "](" not in line.replace("\\](", "")
    tables = [line for line in page.splitlines() if line.startswith("| ") and "a\\|b" in line]
    assert tables
    heads = {line.replace("\\|", "").count("|") for line in page.splitlines() if line.startswith("| mitigation")}
    assert {line.replace("\\|", "").count("|") for line in tables} <= heads | {6}


def test_every_number_stands_in_a_line_of_its_own(zoo):
    board = build(zoo.rows, zoo.results)
    lines = list(csv.DictReader(io.StringIO(tables.csv_tidy(board))))
    wanted = [
        (row.scenario, row.variant, row.mitigation, cell.seed, point.iteration, metric, value)
        for row in zoo.rows for cell in row.cells(zoo.results) for point in (*cell.metrics, *cell.sets)
        for metric, value in point.values.items()
    ]  # fmt: skip
    assert len(lines) == len(wanted) > 100
    words = ("scenario", "variant", "mitigation")
    found = {
        (*(x[word] for word in words), int(x["seed"]), int(x["iteration"]), x["metric"]): float(x["value"])
        for x in lines
    }
    for *where, value in wanted:
        assert found[tuple(where)] == pytest.approx(value, rel=1e-5, nan_ok=True)
    assert {x["direction"] for x in lines} <= {"up", "down", "none", ""}


def test_names_do_nothing_in_a_spreadsheet(hostile):
    for written in (tables.csv_text(hostile), tables.csv_tidy(hostile)):
        rows = list(csv.DictReader(io.StringIO(written)))
        names = {row["mitigation"] for row in rows}
        assert {"'=HYPERLINK(1)", "'+1", "'@sum"} <= names
        assert not any(name[0] in "=+-@" for name in names)
        assert len({len(row) for row in rows}) == 1


def test_names_do_nothing_in_latex(hostile):
    made = latex.latex(hostile, "zoo")
    assert r"\textbackslash{}input\{secret\}" in made
    assert r"\$x\_\{1\}\$ \& 50\% \#1 \textasciitilde{}\textasciicircum{}" in made
    for line in made.splitlines():
        if line.endswith(r"\\"):
            assert line.replace(r"\&", "").count("&") in (4, 8)


def test_numbers_below_zero_stay_numbers_in_csv():
    assert text.csv_field(-0.5) == "-0.5"
    assert text.csv_field(-0.0) == "0"
    assert text.csv_field("-") == "-"
    assert text.csv_field("-1+1") == "'-1+1"


def test_a_share_that_rounds_to_zero_has_no_sign_and_an_unbounded_one_no_ends():
    assert text.share(-0.001, -0.004, 0.002) == "0.00 [0.00, 0.00]"
    assert text.share(-0.005001, -0.5, 0.25) == "-0.01 [-0.50, 0.25]"
    assert render.ratio(Ratio(0.5, -1.0, 2.0, "exclusive")) == text.share(0.5, None, None) == "0.50 [unbounded]"
