"""The main figures of a board draw what can be compared, name every line once, and say what they leave out."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from benchmarks.reporting.pages.drawn import drawn
from benchmarks.reporting.pages.figures import (
    front_figure,
    main_figures,
    prevented_figure,
    trajectory_figure,
    write_pictures,
)
from benchmarks.reporting.pages.labels import beside, spread
from leaderboard.board import build
from records.results import Cost

BOTH = ("captioner", "generator")


def titles(figure: Any) -> list[str]:
    return [panel["title"]["text"] for panel in figure.spec["concat"]]


def texts(panel: dict[str, Any]) -> list[str]:
    """Return the names at the ends of a panel's lines."""
    (records, *_) = [part["data"]["values"] for part in panel["layer"] if part["mark"]["type"] == "text"]
    return [record["name"] for record in records]


def test_trajectories_are_of_groups_with_a_whole_curve(zoo) -> None:
    found = titles(trajectory_figure(build(zoo.rows, zoo.results)))
    assert found.count("relabel · real_prompts") == 2
    assert trajectory_figure(build([], {})) is None


def test_every_line_is_named_once_and_so_is_the_floor(world) -> None:
    w = world()
    for row, parent in (("joint/real_prompts", None), ("budget/steps_5", "joint/real_prompts")):
        for name, rate in (("none", 1.0), ("real", 0.05)):
            w.add(*row.split("/"), name, rate, parent=parent, trains=("generator",))
    figure = trajectory_figure(build(w.rows, w.results))
    assert figure is not None
    for panel in figure.spec["concat"]:
        assert texts(panel).count("real") == 1, panel["title"]
        assert {"floor", "ceiling"} & set(texts(panel))


def test_what_is_left_out_is_said_and_what_was_asked_for_is_drawn(world) -> None:
    w = world()
    for i, name in enumerate(("none", "real", *(f"m{i}" for i in range(9)))):
        w.add("single", "default", name, 1.0 if name == "none" else 0.05 * i, trains=("generator",))
    w.rows[-1] = w.rows[-1].__class__(**{**vars(w.rows[-1]), "added": True})
    figure = trajectory_figure(build(w.rows, w.results))
    assert figure is not None
    (panel,) = figure.spec["concat"]
    assert {"none", "real", "m0", "m8"} <= set(texts(panel))
    assert "more methods not drawn" in panel["title"]["subtitle"]


def test_controls_that_prove_nothing_are_said_in_red(zoo) -> None:
    figure = trajectory_figure(build(zoo.rows, zoo.results))
    assert figure is not None
    by_title = {panel["title"]["text"]: panel["title"] for panel in figure.spec["concat"]}
    stable = by_title["captioner_only · greedy"]
    assert stable["subtitle"].endswith(" · control did not collapse")
    assert stable["subtitleColor"] != by_title["joint · real_prompts"]["subtitleColor"]


def test_the_forest_draws_methods_with_a_number_only(zoo) -> None:
    figure = prevented_figure(build(zoo.rows, zoo.results))
    assert figure is not None
    names = {record["method"] for record in figure.records}
    assert {"accumulate", "placebo"} <= names
    assert names.isdisjoint({"none", "real", "missing_seed", "failing", "other_protocol"})
    assert prevented_figure(build([], {})) is None


@pytest.mark.parametrize(("rate", "at"), [(0.05, None), (-1.0, 0.5)], ids=["harmed", "taught"])
def test_the_forest_has_one_line_of_the_untrained_model(world, rate: float, at: float | None) -> None:
    """Where real pairs teach as much as own output harms, a model that is never trained stands at one half."""
    w = world()
    for name, pace in (("none", 1.0), ("real", rate), ("some", 0.4)):
        w.add("single", "default", name, pace, trains=("captioner",))
    figure = prevented_figure(build(w.rows, w.results))
    assert figure is not None
    (panel,) = figure.spec["concat"]
    dotted = [p["data"]["values"] for p in panel["layer"] if p["mark"].get("strokeDash")]
    (lines,) = dotted
    assert len(lines) == 1
    if at is not None:
        assert lines[0]["x"] == pytest.approx(at, abs=0.1)


def test_colours_tell_what_differs_from_none(world) -> None:
    w = world()
    for name, pace in (("none", 1.0), ("real", 0.05), ("good", 0.3), ("same", 1.0), ("bad", 1.6)):
        w.add("single", "default", name, pace, trains=("generator",))
    figure = prevented_figure(build(w.rows, w.results))
    assert figure is not None
    (panel,) = figure.spec["concat"]
    inks = {record["method"]: record["ink"] for record in panel["data"]["values"]}
    assert len(set(inks.values())) == 3


def test_equal_boards_give_equal_bytes(zoo, tmp_path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_pictures(build(zoo.rows, zoo.results), tmp_path / name)
    found = {file.name for file in (tmp_path / "a").iterdir()}
    assert found == {f"{figure.name}.png" for figure in main_figures(build(zoo.rows, zoo.results))}
    assert {"trajectories.png", "prevented.png"} <= found
    for name in found:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_nothing_to_show_is_no_figure() -> None:
    assert main_figures(build([], {})) == []
    assert front_figure(build([], {})) is None


@pytest.mark.parametrize("unit", [1.0, 1e-7])
@pytest.mark.parametrize("heights", [[0.0, 0.01, 0.02], [0.9, 0.95, 0.99, 1.0], [0.0] * 8])
def test_names_at_the_ends_are_a_gap_apart_and_stay_in_their_panel(heights: list[float], unit: float) -> None:
    found = [at / unit for at in spread([at * unit for at in heights], 0.1 * unit, 0.0, unit)]
    assert all(b - a >= 0.1 - 1e-6 for a, b in itertools.pairwise(found))
    assert found[0] >= -1e-6
    assert found[-1] <= 1 + 1e-6


def test_the_front_has_a_panel_for_each_cost_that_differs(world) -> None:
    w = world()
    for name, rate in (("none", 1.0), ("real", 0.05), ("good", 0.2), ("fair", 0.5)):
        w.add("joint", "default", name, rate)
    figure = front_figure(build(w.rows, w.results))
    assert figure is not None
    assert {record["method"] for record in figure.records} == {"good", "fair"}
    paid = w.add("joint", "default", "paid", 0.3)
    for seed in paid.seeds:
        w.change(paid, seed, cost=Cost(12_345_678, 512, 0, 10, 1.0, 1.0))
    figure = front_figure(build(w.rows, w.results))
    assert figure is not None
    assert {record["cost"] for record in figure.records} == {"real pairs"}  # all have the same evaluations
    assert front_figure(build(w.rows[:2], w.results)) is None


def test_names_of_points_cover_nothing_where_there_is_room() -> None:
    points = [(50.0, 50.0), (52.0, 50.0), (51.0, 52.0)]
    boxes = beside(points, ["one", "two", "three"], (200, 100))
    for i, a in enumerate(boxes):
        for b in boxes[i + 1 :]:
            assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]


def test_a_name_that_is_no_text_of_a_figure_stays_a_name(world) -> None:
    w = world()
    for name, pace in (("none", 1.0), ("real", 0.05), ("<script>alert(1)</script>", 0.4)):
        w.add("single", "default", name, pace, trains=("generator",))
    figure = trajectory_figure(build(w.rows, w.results))
    assert figure is not None
    svg = drawn(figure.spec, "svg").decode()
    assert "<script>" not in svg
