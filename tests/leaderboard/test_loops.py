"""Loops: their sides beside each other, one headline and rank over both, a reference, and what pays."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from leaderboard import overview, tables
from leaderboard import statistics as st
from leaderboard.board import build
from leaderboard.joint import joint, linearised
from leaderboard.loops import NEVER, loops
from leaderboard.pareto import front
from leaderboard.sorting import sort_board
from records.results import Cost
from tests.leaderboard.conftest import World


def study(**rates: float) -> World:
    w = World()
    for name, rate in {"none": 1.0, "real": 0.05, **rates}.items():
        w.add("joint", "default", name, rate)
    return w


def rows_of(w: World) -> dict:
    (loop,) = loops(build(w.rows, w.results))
    return {row.name: row for row in loop.rows}


def test_seeds_of_a_linearised_share_have_its_mean_and_its_spread():
    rng = np.random.default_rng(0)
    none, method, real = (rng.normal(mean, 0.05, 4000) for mean in (2.0, 1.4, 1.0))
    seeds = linearised(none, method, real, "down")
    share = (none - method).mean() / (none - real).mean()
    assert seeds.mean() == pytest.approx(share)
    again = np.mean([
        ((none[i] - method[i]).mean() / (none[i] - real[i]).mean() - share) ** 2
        for i in rng.integers(0, 4000, size=(2000, 400))
    ])  # fmt: skip
    assert seeds.std() / np.sqrt(400) == pytest.approx(np.sqrt(again), rel=0.05)


def test_the_joint_headline_is_the_mean_of_both_sides():
    rows = rows_of(study(some=0.4))
    found = rows["some"]
    sides = [line.prevented.value for line in found.lines.values()]
    assert len(sides) == 2
    assert found.joint.share.mean == pytest.approx(np.mean(sides))
    assert found.value == found.joint.share.mean
    assert rows["none"].joint is None


def test_joint_ranks_are_those_of_paired_tests_of_both_sides():
    w = study(best=0.1, nearly=0.12, far=0.7)
    board = build(w.rows, w.results)
    groups = loops(board)[0].groups
    rows = {x.mitigation: {g.modality: next(y for y in g.lines if y.mitigation == x.mitigation) for g in groups}
            for x in groups[0].lines if x.role == "method"}  # fmt: skip
    found = joint(groups, rows, list(rows))

    def seeds(name: str) -> np.ndarray:
        ends = []
        for group in groups:
            none, real = (group.controls.reading(control).at(-1) for control in ("none", "real"))
            ends.append(linearised(none, rows[name][group.modality].reading.at(-1), real, group.direction))
        return np.mean(ends, axis=0)

    p = stats.ttest_rel(seeds("best"), seeds("nearly")).pvalue
    assert found["best"].rank == ((1, 2) if p > 0.025 else (1, 1))
    assert found["far"].rank == (3, 3)
    interval = st.t_interval(seeds("far"))
    assert (found["far"].share.low, found["far"].share.high) == pytest.approx((interval.low, interval.high))


def test_a_side_whose_controls_say_nothing_leaves_the_rank_to_the_other():
    w = World()
    for name, rate in (("none", 1.0), ("real", 0.05), ("good", 0.2), ("fair", 0.6)):
        for row in [w.add("joint", "default", name, rate)]:
            for key in row.keys:  # the captioner stays where it is
                cell = w.results[key]
                points = tuple(
                    type(p)(p.iteration, {m: 0.9 if m.startswith("captioner/") else v for m, v in p.values.items()})
                    for p in cell.metrics
                )
                w.results[key] = type(cell)(**{**cell.__dict__, "metrics": points})
    rows = rows_of(w)
    assert rows["good"].joint is None
    assert rows["good"].value == rows["good"].lines["generator"].prevented.value
    assert rows["good"].rank == rows["good"].lines["generator"].rank == (1, 1)
    assert rows["good"].lines["captioner"].headline == "control did not collapse"


def test_ranks_take_five_seeds_and_both_sides():
    w = World(seeds=(0, 1, 2))
    for name, rate in (("none", 1.0), ("real", 0.05), ("good", 0.2), ("fair", 0.6)):
        w.add("joint", "default", name, rate)
    rows = rows_of(w)
    assert rows["good"].rank is None
    assert rows["good"].joint.share.n == 3
    assert list(rows) == ["none", "real", NEVER, "good", "fair"], "what prevents more stands first all the same"


def test_a_model_that_is_never_trained_is_a_reference():
    w = study(some=0.4)
    rows = rows_of(w)
    idle = rows[NEVER]
    for group in loops(build(w.rows, w.results))[0].groups:
        line = idle.lines[group.modality]
        none, real = (group.controls.reading(name) for name in ("none", "real"))
        assert line.start == line.end == pytest.approx(none.at(0).mean())
        gone = (none.at(-1) - none.at(0)).mean() / (none.at(-1) - real.at(-1)).mean()
        assert line.prevented.value == pytest.approx(gone)
        assert line.prevented.kind == "bounded"
    assert idle.cost == Cost()
    assert idle.rank is None
    assert not idle.judged
    assert idle.value > 1, "fits on real pairs harm a little"
    assert list(rows) == ["none", "real", NEVER, "some"]
    assert NEVER not in tables.csv_text(build(w.rows, w.results))


def test_nothing_is_prevented_by_standing_still_where_nothing_collapses():
    w = World()
    for name in ("none", "real", "some"):
        w.add("joint", "default", name, 0.05)
    assert NEVER not in rows_of(w)


@pytest.mark.parametrize(
    ("costs_of", "expected"),
    [
        ({"a": (0.2, 100, 0), "b": (0.4, 100, 0)}, {"a"}),
        ({"a": (0.2, 200, 0), "b": (0.4, 100, 0)}, {"a", "b"}),
        ({"a": (0.2, 100, 50), "b": (0.4, 100, 0)}, {"a", "b"}),
        ({"a": (0.2, 100, 0), "b": (0.2, 100, 0)}, {"a", "b"}),
        ({"a": (0.2, 100, 0), "b": (0.4, 100, 50), "c": (0.6, 200, 50)}, {"a"}),
    ],
    ids=["prevents more", "costs more evaluations", "costs real pairs", "equal", "worse in all"],
)
def test_the_front_has_what_no_other_row_beats(costs_of, expected):
    w = study()
    for name, (rate, evaluations, real) in costs_of.items():
        row = w.add("joint", "default", name, rate)  # equal rates give equal curves
        for seed in w.seeds:
            w.change(row, seed, cost=Cost(evaluations, real, 0, 10, 1.0, 1.0))
    (loop,) = loops(build(w.rows, w.results))
    assert front(loop.rows) == expected


def test_an_order_that_was_asked_for_holds_in_the_tables_of_loops():
    w = study(good=0.2, fair=0.5, bad=1.3)
    board = build(w.rows, w.results)
    assert [row.name for row in loops(board)[0].rows] == ["none", "real", NEVER, "good", "fair", "bad"]
    other = sort_board(board, "start")
    named = [line.mitigation for line in sort_board(board, "onset").groups[0].lines]
    asked = sort_board(board, "onset")
    assert [row.name for row in loops(asked)[0].rows if not row.reference] == named
    assert [row.reference for row in loops(other)[0].rows].index(True) == 2, "behind the controls"
    worst = sort_board(board, "gain")
    worst = replace(worst, groups=tuple(replace(g, lines=tuple(reversed(g.lines))) for g in worst.groups))
    assert [row.name for row in loops(worst)[0].rows][3:] == ["bad", "fair", "good"]
    assert "onset" in overview.terminal(asked)


def test_one_table_a_kind_of_loop_in_the_width_of_a_terminal(zoo):
    board = build(zoo.rows, zoo.results)
    text = overview.terminal(board)
    assert max(map(len, text.splitlines())) <= 120
    titles = [line for line in text.splitlines() if line in ("joint loop", "captioner alone", "generator alone")]
    assert titles == ["joint loop", "captioner alone", "generator alone"]
    page = "\n".join(overview.markdown(board))
    assert [line for line in page.splitlines() if line.startswith("## ")] == [
        "## Joint loop", "## Captioner alone", "## Generator alone",
    ]  # fmt: skip


def test_programs_read_loops_as_people_do():
    w = study(good=0.2, fair=0.5)
    board = build(w.rows, w.results)
    (found,) = json.loads(tables.json_text(board, "it"))["loops"]
    assert (found["scenario"], found["variant"], found["kind"]) == ("joint", "default", "joint loop")
    rows = {row["name"]: row for row in found["rows"]}
    (loop,) = loops(board)
    for row in loop.rows:
        told = rows[row.name]
        assert told["prevented"] == (None if row.value is None else pytest.approx(row.value, rel=1e-5))
        assert told["reference"] is row.reference
        assert [told["rank_low"], told["rank_high"]] == (list(row.rank) if row.rank else [None, None])
    assert [row["name"] for row in found["rows"] if row["front"]] == ["good"]
