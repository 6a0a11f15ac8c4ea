"""Statistics on simulated trajectories with known truth, at the seed counts that suites ship with.

Every bound allows three standard errors of its number of simulations, so a correct statistic fails once in a few
hundred changes of the random stream; the streams are fixed.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from leaderboard import statistics as st
from leaderboard.joint import linearised
from leaderboard.onset import NEVER, onset, onsets
from leaderboard.power import detectable_difference, detectable_effect
from leaderboard.unpaired import prevented_unpaired, welch_interval
from tests.leaderboard.ratios import holds

SIMULATIONS, FEWER = 4000, 2000
NONE, METHOD, REAL = 0, 1, 2


def trajectories(rng, seeds, rates=(1.0, 0.4, 0.1), noise=0.15, seed_effect=0.3, iterations=5, size=SIMULATIONS):
    """Simulated studies: a drift per iteration, a random walk of its own, and a walk that all rows of a seed share.

    Returns:
        (size, rows, seeds, iterations + 1), worse is larger, 0 at iteration 0.
    """
    shared = seed_effect * rng.normal(size=(size, 1, seeds, iterations)).cumsum(axis=-1)
    own = noise * rng.normal(size=(size, len(rates), seeds, iterations)).cumsum(axis=-1)
    drift = np.arange(1, iterations + 1) * np.array(rates)[:, None, None]
    return np.concatenate([np.zeros((size, len(rates), seeds, 1)), drift + own + shared], axis=-1)


def share(hits):
    return float(np.mean(list(hits)))


@pytest.mark.parametrize("seeds", [3, 5])
def test_paired_interval_covers_the_true_gain(seeds):
    study = trajectories(np.random.default_rng([1, seeds]), seeds)[..., -1]
    truth = 5 * (1.0 - 0.4)
    intervals = [st.t_interval(ends[NONE] - ends[METHOD]) for ends in study]
    assert 0.93 <= share(i.low <= truth <= i.high for i in intervals) <= 0.97


@pytest.mark.parametrize("seeds", [3, 5])
@pytest.mark.parametrize("noise", [0.05, 0.3, 1.0])
def test_fieller_covers_the_true_share_prevented(seeds, noise):
    study = trajectories(np.random.default_rng([2, seeds, int(100 * noise)]), seeds, noise=noise)[..., -1]
    truth = (1.0 - 0.4) / (1.0 - 0.1)
    sets = [st.collapse_prevented(*ends) for ends in study]
    assert 0.93 <= share(holds(s, truth) for s in sets) <= 0.97


@pytest.mark.parametrize("seeds", [3, 5])
def test_fieller_covers_where_the_board_shows_it(seeds):
    """A ratio is shown only where the control has clearly collapsed; that choice must not spoil its coverage."""
    study = trajectories(np.random.default_rng([3, seeds]), seeds, noise=0.3)[..., -1]
    truth = (1.0 - 0.4) / (1.0 - 0.1)
    shown = [ends for ends in study if st.t_interval(ends[NONE] - ends[REAL]).low > 0.1]
    assert len(shown) > 0.5 * SIMULATIONS
    assert 0.93 <= share(holds(st.collapse_prevented(*ends), truth) for ends in shown) <= 0.97


@pytest.mark.parametrize("seeds", [3, 5])
def test_a_control_that_does_not_collapse_is_rarely_called_collapsed(seeds):
    """The interval is two-sided: where none and real are alike, its lower end passes zero in 2.5 % of studies."""
    study = trajectories(np.random.default_rng([4, seeds]), seeds, rates=(0.2, 0.2, 0.2))[..., -1]
    called = share(st.t_interval(ends[NONE] - ends[REAL]).low > 0 for ends in study)
    assert called == pytest.approx(0.025, abs=3 * np.sqrt(0.025 * 0.975 / SIMULATIONS))


def test_unpaired_intervals_cover_and_are_wider():
    rng = np.random.default_rng(5)
    here, elsewhere = (trajectories(rng, 5, noise=0.3)[..., -1] for _ in range(2))
    gain, ratio = 5 * (1.0 - 0.4), (1.0 - 0.4) / (1.0 - 0.1)
    pairs = list(zip(here[:2000], elsewhere[:2000], strict=True))
    welch = [welch_interval(a[NONE], b[METHOD]) for a, b in pairs]
    assert 0.93 <= share(i.low <= gain <= i.high for i in welch) <= 0.97
    sets = [prevented_unpaired(a[NONE], b[METHOD], a[REAL]) for a, b in pairs]
    assert 0.93 <= share(holds(s, ratio) for s in sets) <= 0.995, "on the safe side"
    paired = [st.t_interval(a[NONE] - a[METHOD]) for a in here]
    assert np.median([i.high - i.low for i in welch]) > 1.2 * np.median([i.high - i.low for i in paired])


@pytest.mark.parametrize("seeds", [3, 5])
@pytest.mark.parametrize("seed_effect", [0.0, 0.3])
def test_onset_is_not_seen_where_nothing_changes(seeds, seed_effect):
    rng = np.random.default_rng([6, seeds, int(10 * seed_effect)])
    still = trajectories(rng, seeds, rates=(0.0,), seed_effect=seed_effect)[:, 0]
    false_alarms = share(onsets(still, 0.0) != NEVER)
    assert false_alarms <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / SIMULATIONS)


@pytest.mark.parametrize("seeds", [3, 5])
@pytest.mark.parametrize("true_onset", [2, 4])
def test_onset_is_seldom_too_early_and_mostly_there(seeds, true_onset):
    rng = np.random.default_rng([7, seeds, true_onset])
    noise = rng.normal(0, 0.1, (SIMULATIONS, seeds, 6)).cumsum(axis=-1)
    change = np.where(np.arange(6) < true_onset, 0.0, 3.0) + noise - noise[..., :1]
    found = onsets(change, 0.0)
    assert share(found[found != NEVER] < true_onset) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / SIMULATIONS)
    assert share(found == true_onset) > 0.9


def test_onset_needs_effect_noise_and_duration():
    worse = np.array([[0.0, 1, 2, 3], [0, 1.1, 2.2, 3.1], [0, 0.9, 1.9, 2.8]])
    assert onset(worse, "down", 0.0) == 1
    assert onset(-worse, "up", 0.0) == 1
    assert onset(worse, "down", 1.5) == 2, "a change below the minimum effect does not count"
    assert onset(-worse, "down", 0.0) is None, "getting better is no onset"
    assert onset(np.where(np.arange(4) == 3, 0.0, worse), "down", 0.0) is None, "it was gone at T"
    assert onset([[0.0, 5], [0.0, -4], [0.0, 1]], "down", 0.0) is None, "within the noise between seeds"
    assert onset(worse[:1], "down", 0.0) is None, "one seed says nothing about noise"
    assert onset(np.tile([0.0, 0.0, 1.0], (3, 1)), "down", 0.0) == 2, "no spread at all is certain"


@pytest.mark.parametrize("seeds", [3, 5])
def test_the_power_line_is_true(seeds):
    rng = np.random.default_rng([8, seeds])
    size = 20_000
    for factor, power in ((1.0, 0.8), (0.0, 0.05)):
        difference = rng.normal(factor * detectable_effect(seeds), 1.0, (size, seeds))
        seen = share(stats.ttest_1samp(difference, 0, axis=1).pvalue < 0.05)
        assert seen == pytest.approx(power, abs=3 * np.sqrt(power * (1 - power) / size))


def test_the_power_line_pools_spreads():
    assert detectable_effect(5) == pytest.approx(1.682, abs=1e-3)
    assert detectable_effect(3) == pytest.approx(3.264, abs=1e-3)
    found = detectable_difference([[0.0, 2.0, 1.0, 1.0, 1.0], [3.0, 3.0, 3.0, 3.0, 3.0]])
    assert found.sd == pytest.approx(0.5)  # variances 0.5 and 0
    assert found.difference == pytest.approx(0.5 * detectable_effect(5))
    assert (found.seeds, found.pooled) == (5, 2)
    assert detectable_difference([]) is detectable_difference([[1.0]]) is None


def test_the_power_of_a_group_is_that_of_most_of_its_methods():
    """One that scatters thirty times as much, and one that is `none` itself, change next to nothing."""
    rng = np.random.default_rng(7)
    usual = list(rng.normal(size=(15, 5)))
    alone = detectable_difference(usual)
    with_wild = detectable_difference([*usual, 30 * rng.normal(size=5), np.zeros(5)])
    assert with_wild.difference == pytest.approx(alone.difference, rel=0.15)
    many = [detectable_difference(list(rng.normal(size=(15, 5)))).sd for _ in range(400)]
    assert np.mean(np.square(many)) == pytest.approx(1.0, abs=0.1), "the spread that it is, whatever the median's bias"


def joint_scores(rng, seeds, rates, noise):
    """Simulated joint loops: two sides with noise of their own, each row's linearised shares averaged, (size, rows, seeds)."""
    sides = [trajectories(rng, seeds, rates=rates, noise=n, size=FEWER)[..., -1] for n in noise]
    found = []
    for study in zip(*sides, strict=True):
        scores = [
            [linearised(side[NONE], side[row], side[REAL], "down") for side in study] for row in range(len(rates))
        ]
        found.append(np.mean(scores, axis=1))
    return np.array(found)


@pytest.mark.parametrize("seeds", [3, 5])
@pytest.mark.parametrize("noise", [(0.05, 0.1), (0.15, 0.3)])
def test_the_interval_of_both_sides_covers_the_mean_share(seeds, noise):
    """No exact interval is known for a mean of ratios; this one is the delta method's, with Student's t."""
    scores = joint_scores(np.random.default_rng([21, seeds, int(100 * noise[0])]), seeds, (1.0, 0.4, 0.1), noise)
    truth = (1.0 - 0.4) / (1.0 - 0.1)
    intervals = [st.t_interval(study[METHOD]) for study in scores]
    assert 0.93 <= share(i.low <= truth <= i.high for i in intervals) <= 0.97


@pytest.mark.parametrize("rate", [0.2, 0.5, 0.8])
def test_two_methods_that_prevent_equally_are_seldom_ranked_apart(rate):
    scores = joint_scores(np.random.default_rng([22, int(10 * rate)]), 5, (1.0, rate, 0.1, rate), (0.15, 0.3))
    apart = share(st.paired_p(study[METHOD], study[3]) < 0.05 for study in scores)
    assert apart == pytest.approx(0.05, abs=3 * np.sqrt(0.05 * 0.95 / FEWER))
