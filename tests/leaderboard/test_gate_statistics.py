"""The gate's test on simulated runs with known truth: false alarms, power, and what is never a regression."""

from __future__ import annotations

import numpy as np
import pytest

from leaderboard.gate_statistics import FAMILY_LEVEL, Sample, compare, equal_spreads

RUNS = 1000
#: Seeds of baseline and run, and gates of a spread group each, as in suites/analytic.yaml and suites/gate_scenes.yaml.
SHIPPED = {"analytic": (20, 20, [1, 1, 1, 1]), "gate_scenes": (10, 5, [2, 2, 1, 1])}


def simulated(rng, old, new, groups, change=0.0, both=True, relevant=1e-9, heavy=False):
    """Gates of different scales; within a group seeds are shared by the rows, so their noise goes together."""
    samples = []
    for index, size in enumerate(groups):
        scale = 10.0 ** (index - 1)
        common = [noise(rng, count, heavy) for count in (old, new)]
        for _ in range(size):
            before, after = (
                scale * (0.6 * shared + 0.8 * noise(rng, len(shared), heavy)) for shared in common
            )  # fmt: skip
            name = f"group{index}" if size > 1 else ""
            samples.append(Sample(5 + before, 5 + after + change * scale, relevant * scale, both, name))
    return samples


def noise(rng, count, heavy):
    return rng.standard_t(5, count) / np.sqrt(5 / 3) if heavy else rng.normal(size=count)


@pytest.mark.parametrize(
    ("suite", "heavy"),
    [
        pytest.param("analytic", False, marks=pytest.mark.slow),
        ("analytic", True),
        ("gate_scenes", False),
        pytest.param("gate_scenes", True, marks=pytest.mark.slow),
    ],
)
def test_fewer_than_two_percent_of_unchanged_runs_are_called_regressions(suite, heavy):
    """Without any relevant size, so that the statistics alone must hold the line; the level is 1 %."""
    rng = np.random.default_rng(7)
    old, new, groups = SHIPPED[suite]
    alarms = sum(any(c.regression for c in compare(simulated(rng, old, new, groups, heavy=heavy))) for _ in range(RUNS))
    assert alarms < 0.02 * RUNS


@pytest.mark.parametrize(
    ("suite", "both"),
    [
        pytest.param("analytic", True, marks=pytest.mark.slow),
        ("analytic", False),
        ("gate_scenes", True),
        pytest.param("gate_scenes", False, marks=pytest.mark.slow),
    ],
)
def test_a_change_of_three_spreads_is_seen_and_the_stated_power_is_true(suite, both):
    rng = np.random.default_rng(8)
    old, new, groups = SHIPPED[suite]
    found = [compare(simulated(rng, old, new, groups, change=3.0, both=both)) for _ in range(RUNS)]
    seen = np.mean([[c.regression for c in run] for run in found], axis=0)
    stated = np.mean([[c.power for c in run] for run in found], axis=0)
    assert (seen > 0.8).all(), "every gate by itself"
    assert np.mean([any(c.regression for c in run) for run in found]) > 0.99
    assert (seen > stated - 0.04).all(), "Holm's later steps only help, so what is stated is a lower bound"


def test_the_visible_change_is_seen_four_times_in_five():
    rng = np.random.default_rng(9)
    exact = np.array([-1.0, 1.0] * 5) * np.sqrt(0.9)  # mean 0, standard deviation 1
    (unchanged,) = compare([Sample(exact, exact[:4], 0.1)])
    seen = [
        compare([Sample(rng.normal(size=10), rng.normal(size=4) + unchanged.visible, 0.1)])[0].regression
        for _ in range(RUNS)
    ]
    assert np.mean(seen) == pytest.approx(0.8, abs=0.05)


def test_a_pooled_variance_sees_more():
    rng = np.random.default_rng(10)
    power = {name: [] for name in ("", "same")}
    for name, found in power.items():
        for _ in range(50):
            samples = [Sample(rng.normal(size=5), rng.normal(size=5), 0.1, spread=name) for _ in range(4)]
            found.extend(c.power for c in compare(samples))
    assert np.mean(power["same"]) > np.mean(power[""]) + 0.1


def test_size_and_significance_are_both_needed():
    tight, wide = np.array([0.0, 1e-3, -1e-3, 2e-3]), np.array([-3.0, 3.0, -2.0, 2.0])
    (small,) = compare([Sample(tight, tight + 0.05, relevant=0.1)])
    (noisy,) = compare([Sample(wide, wide + 1.0, relevant=0.1)])
    (both,) = compare([Sample(tight, tight + 0.5, relevant=0.1)])
    assert (small.p_value < 1e-6, small.regression) == (True, False)
    assert (abs(noisy.change) > 0.1, noisy.regression) == (True, False)
    assert both.regression


def test_an_improvement_is_reported_unless_both_signs_are_watched():
    x = np.array([0.0, 0.1, -0.1, 0.05])
    (better,) = compare([Sample(x, x - 2, 0.1)])
    (moved,) = compare([Sample(x, x - 2, 0.1, both=True)])
    assert (better.improved, better.regression) == (True, False)
    assert (moved.improved, moved.regression) == (False, True)


def test_seeds_that_do_not_differ_are_certain():
    x = np.full(3, 0.1)
    same, changed = compare([Sample(x, x, 0.01), Sample(x, x + 0.5, 0.01)])
    assert (same.regression, same.improved, same.change) == (False, False, 0.0)
    assert (changed.regression, changed.power) == (True, 1.0)


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(ValueError, match="without values"):
        compare([Sample(np.array([]), np.ones(3), 0.1)])
    with pytest.raises(ValueError, match="one seed"):
        compare([Sample(np.ones(1), np.ones(1), 0.1)])


def test_unequal_spreads_are_noticed():
    rng = np.random.default_rng(11)
    x = rng.normal(size=10)
    assert equal_spreads([x, rng.permutation(x) + 3]) > 0.5
    assert equal_spreads([x, 20 * rng.permutation(x)]) < 0.01
    assert FAMILY_LEVEL == 0.01
