"""The statistics against simulated truth and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from leaderboard import statistics as st
from leaderboard.controls import Controls
from records.results import Floor
from tests.leaderboard.ratios import holds


def pairs(rng, mean, sd, correlation, size):
    """Correlated normal pairs: (size, 5, 2)."""
    covariance = np.array([[sd[0] ** 2, correlation * sd[0] * sd[1]], [0, sd[1] ** 2]])
    covariance[1, 0] = covariance[0, 1]
    return rng.multivariate_normal(mean, covariance, size=(size, 5))


@pytest.mark.parametrize(("mean", "sd"), [((1.0, 2.0), (0.5, 0.5)), ((2.0, 2.0), (1.0, 2.0)), ((0.0, 0.1), (1.0, 1.0))])
def test_fieller_covers_its_level_at_five_seeds(mean, sd):
    sample = pairs(np.random.default_rng(1), mean, sd, 0.5, 2000)
    hits = [holds(st.fieller(s[:, 0], s[:, 1]), mean[0] / mean[1]) for s in sample]
    assert np.mean(hits) == pytest.approx(0.95, abs=0.015)  # 3 standard errors of 2,000 draws


def test_fieller_kinds_and_definition():
    rng = np.random.default_rng(2)
    kinds = set()
    for sample in pairs(rng, (0.3, 0.4), (1.0, 0.6), 0.3, 60):
        ratio = st.fieller(sample[:, 0], sample[:, 1])
        kinds.add(ratio.kind)
        for r in np.linspace(-5, 5, 21):  # the set is exactly what the paired t test does not reject
            assert holds(ratio, r) == (stats.ttest_1samp(sample[:, 0] - r * sample[:, 1], 0).pvalue >= 0.05)
    assert kinds == {"bounded", "exclusive", "all"}


def test_fieller_without_spread_is_a_point():
    ratio = st.fieller([1.0, 1.0, 1.0], [2.0, 2.0, 2.0])
    assert (ratio.value, ratio.low, ratio.high, ratio.kind) == (0.5, 0.5, 0.5, "bounded")
    assert st.fieller([1.0], [2.0]).kind == "all"
    assert st.fieller([1.0, 1.0], [0.0, 0.0]).kind == "all"


def test_collapse_prevented_is_a_ratio_of_means_in_either_direction():
    none, real = np.array([10.0, 12, 14, 11, 13]), np.array([2.0, 2, 3, 2, 1])
    half = (none + real) / 2
    assert st.collapse_prevented(none, half, real).value == pytest.approx(0.5)
    assert st.collapse_prevented(-none, -half, -real).value == pytest.approx(0.5)
    assert st.collapse_prevented(none, real, real).value == 1.0
    assert st.collapse_prevented(none, none, real).value == 0.0
    uneven = np.array([10.0, 2, 14, 2, 13])
    expected = (none - uneven).mean() / (none - real).mean()
    assert st.collapse_prevented(none, uneven, real).value == pytest.approx(expected)


def test_t_interval_and_paired_p_agree_with_scipy():
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=5), rng.normal(0.5, size=5)
    expected = stats.ttest_rel(a, b)
    interval = st.t_interval(a - b)
    assert st.paired_p(a, b) == pytest.approx(expected.pvalue)
    assert (interval.low, interval.high) == pytest.approx(tuple(expected.confidence_interval(0.95)))
    assert st.t_interval([3.0]) == st.MeanInterval(3.0, float("-inf"), float("inf"), 1)


def test_paired_p_without_spread():
    assert st.paired_p([1.0, 2, 3], [1.0, 2, 3]) == 1.0
    assert st.paired_p([2.0, 3, 4], [1.0, 2, 3]) == 0.0
    assert st.paired_p([0.1 + 0.2, 1.3], [0.3, 1.3]) == 1.0  # rounding is no effect
    assert st.paired_p([5.0], [1.0]) == 1.0


def test_holm_by_hand():
    assert st.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert st.holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])
    assert st.holm([]) == []
    assert st.holm([0.001, float("nan")]) == pytest.approx([0.002, 1.0]), "what cannot be told is no finding"


@pytest.mark.parametrize("direction", ["down", "up"])
def test_collapsed_needs_the_whole_interval_above_the_minimum_effect(direction):
    sign = 1 if direction == "down" else -1
    real, none = sign * np.array([2.0, 2.1, 1.9, 2.0, 2.0]), sign * np.array([5.0, 5.2, 4.8, 5.0, 5.1])

    def collapsed(none, real, minimum_effect):
        gap = st.t_interval(st.worsening(real, none, direction))
        return Controls((), "", False, floor=Floor(2.0, 0.1, 20, minimum_effect), gap=gap).collapsed

    assert collapsed(none, real, 0.1)
    assert not collapsed(none, real, 2.95)
    assert not collapsed(real, none, 0.1)  # better than real is no collapse
    assert not collapsed(none[:1], real[:1], 0.1)  # one seed proves nothing


def test_validity():
    assert st.validity([4.0, 4.0], [1.0, 1.0]) == st.Validity(True, 0.25)
    assert st.validity([4.0, 4.0], [1.1, 1.1]).valid is False
    assert st.validity([4.0], [-1.0]).valid is True
    assert st.validity([-1.0], [0.0]) == st.Validity(None, None)


def test_rank_ranges_separate_and_tie():
    rng = np.random.default_rng(4)
    seeds = rng.normal(0, 3, 5)  # a large shared seed effect, which pairing removes
    values = {
        "best": seeds + rng.normal(0, 0.05, 5),
        "also": seeds + rng.normal(0, 0.05, 5),
        "worst": seeds + 4 + rng.normal(0, 0.05, 5),
    }
    assert st.rank_ranges(values, "down") == {"best": (1, 2), "also": (1, 2), "worst": (3, 3)}
    assert st.rank_ranges(values, "up")["worst"] == (1, 1)
    assert st.rank_ranges({"only": seeds}, "down") == {"only": (1, 1)}


def test_rank_range_covers_the_true_rank():
    rng = np.random.default_rng(5)
    truth = np.array([0.0, 0.5, 1.0, 1.5])
    hits = 0
    for _ in range(300):
        sample = {str(i): m + rng.normal(0, 0.5, 5) for i, m in enumerate(truth)}
        low, high = st.rank_ranges(sample, "down")["1"]
        hits += low <= 2 <= high
    assert hits / 300 >= 0.92


def test_trajectories():
    curves = np.array([[2.0, 4, 6, 8], [1.0, 1, 1, 1]])
    assert st.trajectory_area(curves, "down") == pytest.approx([3.0, 0.0])
    assert st.trajectory_area(-curves, "up") == pytest.approx([3.0, 0.0])
    assert st.robust_slope(curves, "down") == pytest.approx([2.0, 0.0])
    assert st.robust_slope([[0.0, 1, 2, 3, 100]], "down") == pytest.approx([1.0], abs=0.5)  # one outlier
    assert st.trajectory_area([[3.0]], "down") == pytest.approx([0.0])


def test_seed_correlation():
    assert st.seed_correlation([1, 2, 3], [2, 4, 6]) == pytest.approx(1.0)
    assert st.seed_correlation([1, 2], [2, 4]) is None
    assert st.seed_correlation([1, 1, 1], [2, 4, 6]) is None
