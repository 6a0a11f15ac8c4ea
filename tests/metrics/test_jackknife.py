"""Intervals: what they are, and how often they hold what they should."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t

from benchmarks.metrics.captions.clipscore import ClipScore
from benchmarks.metrics.family import Family
from benchmarks.metrics.images.cmmd import ImageCmmd
from benchmarks.metrics.images.distance import ImageDistance
from benchmarks.metrics.images.diversity import ImageDiversity
from benchmarks.metrics.jackknife import block_numbers, interval, left_out_means
from benchmarks.metrics.sets.synthetic_set import SyntheticSet
from benchmarks.metrics.view import View
from tests.metrics.known_gaussians import frechet_distance

FAMILIES = [ClipScore, ImageCmmd, ImageDistance, ImageDiversity, SyntheticSet]


def test_the_interval_of_a_mean_is_the_usual_one():
    """Blocks of one item each: the jackknife of a mean is its standard error."""
    scores = np.random.default_rng(0).normal(size=20)
    low, high = interval(scores.mean(), left_out_means(scores, np.arange(20)))
    reach = t.ppf(0.975, 19) * scores.std(ddof=1) / np.sqrt(20)
    assert (low, high) == pytest.approx((scores.mean() - reach, scores.mean() + reach))


def test_blocks_are_equal_and_spread_out():
    assert block_numbers(59) is None
    assert np.bincount(block_numbers(513)).tolist() == [26] * 13 + [25] * 7


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
def test_every_declared_interval_is_there_and_holds_its_value(family, real):
    metric = family()
    metric.update(real)
    values, bounds = metric.compute(), metric.bounds()
    assert set(bounds) == set(family.intervals)
    for name, (low, high) in bounds.items():
        least, most = family.declares[name]["range"]
        assert low <= float(values[name]) <= high
        assert low < high
        assert least is None or low >= least
        assert most is None or high <= most
    again = family()
    again.update(real)
    assert again.bounds() == bounds


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
def test_left_out_values_are_those_of_the_other_items(family, real):
    """One block, taken out by hand."""
    few = real.take(np.arange(100)).with_(draw_features=None)
    blocks = block_numbers(100)
    metric = family()
    metric.update(few)
    metric.compute()
    found = metric.left_out(few, blocks)
    rest = family()
    rest.update(few.take(np.flatnonzero(blocks != 7)))
    expected = {name: float(value) for name, value in rest.compute().items() if name in family.intervals}
    assert {name: values[7] for name, values in found.items()} == pytest.approx(expected, rel=1e-9)


def test_few_items_have_no_interval(real):
    metric = ImageDistance()
    metric.update(real.take(np.arange(39)))
    assert metric.bounds() == {}


def test_a_family_that_declares_no_interval_has_none(real):
    class Plain(Family):
        version, side, needs, declares = 1, "generator", ("features",), {"x": {"range": [None, None]}}

        def evaluate(self, view):
            return {"x": 1.0}

    metric = Plain()
    metric.update(real)
    assert metric.bounds() == {}


@pytest.fixture(scope="module")
def simulated():
    """Values and intervals of 150 models that differ in their draws alone, against one real set."""
    rng = np.random.default_rng(0)
    n, d, draws = 160, 6, 150
    spread = np.arange(1, d + 1) ** -0.5
    real = rng.normal(size=(n, d)) * spread + 1
    found = {}
    for _ in range(draws):
        fake = (rng.normal(size=(n, d)) + 0.3) * spread + 1
        for family in (ImageDistance(), ImageCmmd(), ImageDiversity()):
            family.update(View(features=fake, real_features=real))
            values = family.compute()
            for name, ends in family.bounds().items():
                found.setdefault(name, []).append((float(values[name]), *ends))
    return real, spread, {name: np.array(rows) for name, rows in found.items()}


# A 95 % interval holds the mean in 0.90 of 150 draws with probability 0.995; those of recall and coverage are wider.
@pytest.mark.parametrize(
    "name",
    ["frechet", "kernel", "precision", "recall", "density", "coverage", "cmmd", "vendi", "effective_rank", "top_share"],
)
def test_intervals_hold_the_mean_over_models_against_the_same_real_set(name, simulated):
    values, low, high = simulated[2][name].T
    assert ((low <= values.mean()) & (values.mean() <= high)).mean() >= 0.89
    assert 0.8 < (high - low).mean() / 2 / t.ppf(0.975, 19) / values.std() < 2


def test_the_mean_frechet_distance_is_the_known_one_and_its_bias(simulated):
    """The law of the model against the moments of the real set is known; finite n adds a bias that the interval holds."""
    real, spread, found = simulated
    truth = frechet_distance(0.3 * spread + 1, np.diag(spread**2), real.mean(0), np.cov(real, rowvar=False))
    values = found["frechet"][:, 0]
    error = values.std() / np.sqrt(len(values))
    assert truth - 3 * error < values.mean() < truth + 2 * (spread**2).sum() * 6 / len(real)
