"""What is made smaller for a page keeps what the figure says."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from benchmarks.reporting.pages.colours import styles
from benchmarks.reporting.pages.drawn import drawn, page_svg
from benchmarks.reporting.pages.fronts import HIGH, LOW, front_panels, front_spec
from benchmarks.reporting.pages.rows import Dot
from benchmarks.reporting.pages.trajectories import MOST_POINTS, Curve, Panel, _ends, panels, spec, values
from leaderboard.committed import entry_board
from leaderboard.entries import read_entries


@pytest.fixture(scope="module")
def board():
    return entry_board(read_entries("board"))


def panel(length: int = 6, low: float = 0.9125) -> Panel:
    curve = tuple(low + 0.0125 * i for i in range(length))
    return Panel(_Group(), "captioner/x@n=4", "up", None, (Curve("none", 0, curve, curve, curve, 2),))  # type: ignore[arg-type]


class _Group:
    scenario, variant, modality = "a <script> loop", "default", "captioner"


def test_numbers_of_texts_are_not_cut() -> None:
    text = page_svg(spec(panel(), styles(["none"])), "about")
    assert "none: 0.912 to 0.975, worse than noise from iteration 2 on" in text
    labels = re.findall(r">(\d\.\d+)<", text)
    steps = np.diff([float(label) for label in labels])
    assert np.allclose(np.abs(steps), abs(steps[0]))


def test_what_is_foreign_is_escaped() -> None:
    text = page_svg(spec(panel(), styles(["none"]), named=True), 'a "<script>" b')
    assert "<script>" not in text
    assert "&lt;script&gt;" in text


def test_every_curve_has_the_number_of_its_method_and_every_mark_a_place(board) -> None:
    known = styles([line.mitigation for group in board.groups for line in group.lines])
    group = board.groups[0]
    (found,) = panels(board, group, [group.metric])
    text = page_svg(spec(found, known), found.alternative)
    drawn_names = {int(i) for i in re.findall(r'data-m="(\d+)"', text)}
    assert drawn_names == {known[curve.method].index for curve in found.curves}
    assert "aria-roledescription" not in text


def test_values_are_means_and_ends_over_seeds(board) -> None:
    group = board.groups[0]
    (found,) = panels(board, group, [group.metric])
    none = next(line for line in group.lines if line.mitigation == "none").reading.curves
    rows = [r for r in values(found, {}) if r["method"] == "none"]
    assert [r["mean"] for r in rows] == pytest.approx(list(none.mean(axis=0)))
    assert [r["low"] for r in rows] == pytest.approx(list(none.min(axis=0)))
    assert [r["high"] for r in rows] == pytest.approx(list(none.max(axis=0)))


def test_a_long_curve_is_sampled_with_both_its_ends_and_keeps_its_onset() -> None:
    shown = panel(1000).curves[0].shown
    assert len(shown) == MOST_POINTS
    assert (shown[0], shown[-1]) == (0, 999)
    assert 2 in shown
    assert any(row["onset"] for row in values(panel(1000), {}))


def test_the_front_of_a_panel_is_that_of_the_board(board) -> None:
    from leaderboard.loops import loops
    from leaderboard.pareto import front

    marked = {loop.name: front(loop.rows) for loop in loops(board)}
    for found in front_panels(board):
        assert {p.method for p in found.points if p.front} == marked[found.loop.name]


@pytest.mark.parametrize(("ending", "begins"), [("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<svg")])
def test_one_specification_serves_page_and_paper(board, ending: str, begins: bytes) -> None:
    made = drawn(front_spec(front_panels(board)[0]), ending)
    assert made.startswith(begins)
    assert b"#0|" not in made


def test_a_method_beyond_a_front_stands_at_its_edge_with_its_share(board) -> None:
    panel = front_panels(board)[0]
    wild = replace(panel.points[0], prevented=-7.7, low=-9.0, high=-5.0)
    records = front_spec(replace(panel, points=(wild, *panel.points[1:])))["data"]["values"]
    (told,) = [r for r in records if r["method"] == wild.method]
    assert told["short"] == f"{wild.short} at -7.70"
    assert told["y"] == told["low"] == told["high"] == LOW
    inside = {p.short for p in panel.points[1:] if p.prevented >= LOW}
    assert inside <= {r["short"] for r in records if r is not told}


def test_a_ruined_method_does_not_flatten_the_others(board) -> None:
    """A distance of 70 where none comes to 6 would press every other curve into one line."""
    group = next(group for group in board.groups if group.direction == "down")
    (found,) = panels(board, group, [group.metric])
    whole = replace(found, curves=tuple(c for c in found.curves if c.method in ("none", "real", "accumulate")))
    floor = [whole.floor.value] if whole.floor else []
    shown = [v for c in whole.curves if c.method in ("none", "real") for v in (*c.low, *c.high)] + floor
    wild = replace(whole.curves[0], method="wild", mean=(2.0, 99.0), low=(2.0, 90.0), high=(2.0, 120.0), onset=None)
    made = replace(whole, curves=(*whole.curves, wild))
    low, high = made.limits
    assert min(shown) >= low
    assert max(shown) <= high < 2 * max(shown)
    assert made.leaves == "wild (99 at T)"
    assert made.about.endswith("beyond the panel: wild (99 at T)")
    assert whole.leaves == ""
    assert "above" not in whole.about
    alone = replace(made, curves=(wild,))
    assert alone.limits[1] > 120  # without controls all is shown
    (end,) = [end for end in _ends(made, {}) if end.name == "wild"]
    assert end.value == high


def test_a_share_beyond_its_strip_is_an_arrow() -> None:
    assert (Dot(0.4).side, Dot(-7.7).side, Dot(3.0).side) == ("", " under", " over")
    assert Dot(0.5).at["value"] == 50
    assert Dot(-7.7, -9.0, -5.0).at == {"value": -20, "low": 0, "high": 0}


def test_every_name_of_a_front_has_a_place_of_its_own(board) -> None:
    panel = front_panels(board)[0]
    many = tuple(replace(panel.points[0], method=f"m{i}", short=f"m{i}") for i in range(40))
    made = front_spec(replace(panel, points=many))
    unit = (HIGH - LOW) / made["height"]
    heights = sorted(r["label_y"] / unit for r in made["data"]["values"])
    assert min(b - a for a, b in pairwise(heights)) > 14


def test_both_axes_of_a_front_say_what_they_are(board) -> None:
    for panel in front_panels(board):
        text = page_svg(front_spec(panel), panel.alternative)
        assert f">{panel.cost}<" in text
        assert ">collapse prevented<" in text
        assert {">as none 0<", ">as real 1<"} <= set(re.findall(r">as [a-z]+ [01]<", text))


def test_clips_are_named_by_what_they_leave_not_by_how_much_was_drawn_before(board) -> None:
    group = next(group for group in board.groups if group.direction == "down")
    (found,) = panels(board, group, [group.metric])
    wild = replace(found.curves[0], method="wild", mean=(2.0, 99.0), low=(2.0, 90.0), high=(2.0, 120.0), onset=None)
    made = spec(replace(found, curves=(*found.curves[:3], wild)), styles(["none"]))
    first, second = page_svg(made, "about"), page_svg(made, "about")
    assert first == second
    (clip,) = set(re.findall(r'<clipPath id="([^"]+)"', first))
    assert set(re.findall(r"url\(#([^)]+)\)", first)) == {clip}
