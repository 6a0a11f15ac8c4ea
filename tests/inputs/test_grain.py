"""Numbers that are known to a grain: one item decides nothing, and a gap at a threshold is not above it."""

from __future__ import annotations

import numpy as np
import pytest

from leaderboard import statistics as st
from leaderboard.board import build
from leaderboard.claims.correlation import spearman
from leaderboard.claims.difference import Difference
from leaderboard.claims.dose import Dose, Level
from leaderboard.claims.finding import Undecided
from leaderboard.claims.terms import Collapse
from leaderboard.claims.trend import Course, Trend
from leaderboard.controls import Controls
from leaderboard.gate_statistics import Sample, compare, equal_spreads
from leaderboard.grain import above, below, difference, grain, items_of, tied
from leaderboard.health import false_health
from leaderboard.onset import onset, p_above
from leaderboard.power import detectable_difference
from leaderboard.readings import BoardRow
from leaderboard.unpaired import prevented_unpaired, welch_interval, welch_p
from records.results import CellResult, Floor, MetricInfo, Point, Row
from tests.leaderboard.cells import Cells

N = 512
ITEM = 1 / N
BASE = np.array([400, 410, 420, 405, 415]) / N
ACCURACY = "captioner/accuracy"


def test_one_item_at_every_seed_is_no_finding():
    p = st.paired_p(BASE, BASE - ITEM, N)
    assert 0.05 < p < 0.1, "a spread of one item: t is the root of five"
    interval = st.t_interval(BASE - (BASE - ITEM), least=grain(BASE - (BASE - ITEM), N))
    assert interval.low < 0 < interval.high
    values = {"a": BASE, "b": BASE - ITEM}
    ranks = st.rank_ranges(values, "up", test=lambda x, y: st.paired_p(values[x], values[y], N))
    assert set(ranks.values()) == {(1, 2)}


def test_many_items_at_every_seed_are_one():
    assert st.paired_p(BASE, BASE - 40 * ITEM, N) < 1e-5
    assert st.paired_p(BASE, BASE, N) == 1.0
    assert st.paired_p([2.0, 3.0], [1.0, 2.0]) == 0.0, "of numbers without a grain a deterministic testbed is certain"


@pytest.mark.parametrize(
    ("values", "items", "expected"),
    [
        (BASE, N, ITEM),
        ((BASE + ITEM) / 5, N, ITEM / 5),  # a mean over five attributes
        ([1.0, 1.0, 0.5], N, ITEM),
        ([1 / 37, 5 / 37], N, ITEM),  # a share of the tail alone
        ([0.3, 0.25], 10, 1 / 20),
        ([np.pi, 1.0], N, 0.0),
        (BASE, 0, 0.0),
        ([0.0, 0.0], N, 0.0),
        ([np.nan, 0.5], N, 0.0),
        ([np.inf], N, 0.0),
        ([1e300], N, ITEM),
    ],
)
def test_the_grain_of_numbers(values, items, expected):
    assert grain(values, items) == pytest.approx(expected)


def test_what_is_at_a_threshold_is_not_above_it():
    assert 0.8 - 0.6 > 0.2  # by rounding
    assert not above(0.8 - 0.6, 0.2)
    assert above(0.2001, 0.2)
    assert not below(1 - 0.95, 0.05)
    assert not below(0.05, 1 - 0.95)
    assert above(np.inf, 1.0)
    assert not above(-np.inf, 0.0)
    assert not above(np.nan, 0.0)
    assert above(5e-324, 0.0)
    assert difference(0.1 + 0.2, 0.3) == 0.0
    assert items_of("generator/frechet@clip,n=512") == 512
    assert items_of("generator/frechet@clip") == 0


def test_rounding_is_no_difference():
    noise = np.full(5, 0.1) + 0.2
    assert st.paired_p(noise, np.full(5, 0.3)) == 1.0
    assert not st.worsening(np.full(5, 0.3), noise, "down").any()
    assert st.seed_correlation(np.full(5, 0.1), [1, 2, 3, 4, 5]) is None
    assert st.seed_correlation([0.3, 0.1 + 0.2, 0.3], [1, 2, 3]) is None
    assert st.collapse_prevented(noise, np.full(5, 0.2), np.full(5, 0.3)).kind == "all", "nothing to prevent"
    assert welch_p(noise, np.full(5, 0.3)) == 1.0
    (change,) = compare([Sample(noise, np.full(5, 0.3), 1e-20)])
    assert not change.regression
    assert not change.improved


def test_ranks_do_not_come_from_rounding():
    assert len(np.unique(tied([0.3, 0.1 + 0.2, 0.2, 0.4]))) == 3
    spread = np.arange(8) / 8
    noisy = np.where(np.arange(8) % 2, 0.3, 0.1 + 0.2)
    noisy[0] = 0.5
    assert spearman("x", noisy, spread).effect == spearman("x", np.round(noisy, 9), spread).effect


def test_spreads_below_one_item_are_equal():
    flat, one = np.full(10, 0.75), 0.75 + ITEM * np.array([0, 0, 0, 1, 0, 1, -1, 1, -1, 1])
    assert equal_spreads([flat, one]) < 0.01
    assert equal_spreads([flat, one], ITEM) == 1.0


def test_collapse_at_the_minimum_effect_is_none():
    def collapsed(gap, minimum):
        interval = st.MeanInterval(gap, gap, gap, 5)
        return Controls((), "", False, floor=Floor(0.9, 0.1, 20, minimum), gap=interval).collapsed

    assert not collapsed(0.8 - 0.6, 0.2)
    assert not collapsed(ITEM, ITEM)
    assert collapsed(2 * ITEM, ITEM)
    assert not collapsed(float("-inf"), 0.0)


def test_validity_at_a_quarter_is_valid():
    assert st.validity([0.4], [0.8 - 0.7]).valid is True
    assert st.validity([1.2], [0.1 + 0.2]).valid is True  # 0.30000000000000004 / 1.2
    assert st.validity([1.2], [0.31]).valid is False


def test_the_share_prevented_has_a_set_of_one_item():
    none, method, real = BASE - 20 * ITEM, BASE - 10 * ITEM, BASE
    sharp, known = (st.collapse_prevented(none, method, real, items=n) for n in (0, N))
    assert sharp.low == pytest.approx(sharp.high)
    assert known.low < 0.5 < known.high
    assert st.collapse_prevented(none, method, none + ITEM, items=N).kind != "bounded", "a gap of one item may be zero"


def test_independent_samples_of_shares():
    flat = np.full(5, 0.75)
    assert welch_p(flat, flat - ITEM) == 0.0
    assert welch_p(flat, flat - ITEM, N) > 0.05
    assert welch_p(flat, flat - 100 * ITEM, N) < 1e-6
    low, high = (getattr(welch_interval(flat, flat - ITEM, items=N), end) for end in ("low", "high"))
    assert low < 0 < high
    assert prevented_unpaired(flat - ITEM, flat, flat, items=N).kind != "bounded"
    assert welch_interval([1.0], [2.0]).high == np.inf


def test_onsets_and_power():
    step = np.tile(np.array([0.75, 0.75, 0.75 - ITEM, 0.75 - ITEM]), (5, 1))
    assert onset(step, "up", 0.0) == 2
    assert onset(step, "up", ITEM, items=N) is None
    assert p_above(0.75 - step, 0.0, N)[2] == pytest.approx(0.0445, abs=1e-4)
    assert onset(step - np.arange(4) * 20 * ITEM, "up", ITEM, items=N) == 1
    at = np.tile([[0.0], [0.8 - 0.6]], (1, 3)).T[None]
    assert p_above(at, 0.2)[0, 1] == 1.0, "at the minimum effect by rounding"
    assert detectable_difference([np.full(5, ITEM)], N).difference > ITEM
    assert detectable_difference([np.zeros(5)], N).difference == 0.0


def test_a_gate_needs_more_than_one_item():
    flat = np.full(5, 0.75)
    (change,) = compare([Sample(flat, flat + ITEM, ITEM / 2, both=True, items=N)])
    assert not change.regression
    assert change.p_value > 0.05
    assert change.sd == pytest.approx(ITEM)
    (change,) = compare([Sample(flat, flat + 60 * ITEM, ITEM, both=True, items=N)])
    assert change.regression
    (at,) = compare([Sample(np.full(5, 0.6), np.full(5, 0.8), 0.2)])
    assert not at.regression, "equal to what matters, up to rounding"


def claims() -> Cells:
    cells = Cells()
    start = np.full(5, 450 / N)
    for row, lost in (("a/x/none", 1), ("b/x/none", 2), ("c/x/none", 60)):
        cells.add(row, {ACCURACY: np.stack([start, start - lost * ITEM], axis=1)}, minimum=ITEM)
    return cells


def test_claims_rest_on_more_than_one_item():
    evidence = claims().evidence
    small = Difference("a/x/none", "b/x/none", (ACCURACY,), "better").judge(evidence)
    assert small.p_value > 0.05
    assert Trend("a/x/none", (Course(ACCURACY, "worsens"),)).judge(evidence).p_value > 0.05
    dose = Dose((Level(1, "a/x/none"), Level(2, "b/x/none")), ACCURACY, "more").judge(evidence)
    assert dose.p_value > 0.05
    assert Difference("a/x/none", "c/x/none", (ACCURACY,), "better").judge(evidence).p_value < 1e-5
    with pytest.raises(Undecided, match="did not collapse"):
        Collapse("b/x/none", "a/x/none").demand(evidence, ACCURACY)
    Collapse("c/x/none", "a/x/none").demand(evidence, ACCURACY)


def board(lost: dict[str, int]):
    """A board of one metric, whose rows have lost so many items at T at every seed."""
    name, rows, results = f"{ACCURACY}@n={N}", [], {}
    for method, items in lost.items():
        keys = [f"{method}{seed}" for seed in range(5)]
        rows.append(BoardRow("loop", "default", method, None, tuple(range(5)), tuple(keys)))
        for seed, key in enumerate(keys):
            points = tuple(Point(t, {name: float(BASE[seed]) - items * t * ITEM}) for t in range(2))
            results[key] = CellResult(
                "s", "d", key, seed, 1, N, (Row("loop", "default", method),), ("captioner",), "complete", None, points,
                floors={name: Floor(1.0, 0.0, 20, ITEM)}, info={name: MetricInfo("up", True, "p")},
            )  # fmt: skip
    (group,) = build(rows, results).groups
    return group, {line.mitigation: line for line in group.lines}, results


def test_the_board_ranks_nothing_by_one_item():
    group, lines, _ = board({"none": 60, "real": 0, "one": 30, "other": 31, "bad": 50})
    assert group.controls.collapsed
    assert (lines["one"].rank, lines["other"].rank, lines["bad"].rank) == ((1, 2), (1, 2), (3, 3))
    assert all(0 < line.p_value < 0.01 for name, line in lines.items() if name in ("one", "other", "bad"))
    assert lines["one"].prevented.low < 0.5 < lines["one"].prevented.high


def test_the_board_calls_one_item_no_collapse():
    group, lines, results = board({"none": 1, "real": 0, "one": 0})
    assert not group.controls.collapsed
    assert lines["one"].headline == "control did not collapse"
    assert lines["none"].onset is None
    assert false_health(lines["none"].reading.row, results, "captioner") is None
