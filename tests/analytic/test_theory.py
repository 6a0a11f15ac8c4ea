"""Closed forms against brute force: enumeration, simulation of the definition, limits."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from tests.analytic import pair_theory, theory
from tests.analytic.agreement import assert_mean, scores

RNG_SEEDS = 4000


def test_refit_moments_keep_the_second_moment():
    t = np.arange(8)
    np.testing.assert_allclose(theory.refit_variance(5, t) + theory.refit_drift(5, t), 1)
    assert theory.refit_variance(5, 1) == pytest.approx(0.8)
    assert theory.refit_variance_square(5, 1) == pytest.approx(24 / 25)


def test_log_variance_by_simulation():
    chi2 = np.random.default_rng(2).chisquare(6, (RNG_SEEDS, 5)) / 7
    logs = np.log(chi2).cumsum(1)
    mean, variance = theory.refit_log_variance(7, np.arange(1, 6))
    assert_mean(dict(enumerate(logs)), mean, np.sqrt(variance))
    assert_mean(dict(enumerate((logs - mean) ** 2)), variance)
    assert (np.exp(mean) < theory.refit_variance(7, np.arange(1, 6))).all()


def test_retention_is_one_for_an_unseen_class_and_zero_after_one_image():
    assert theory.retention(np.ones(4) / 4).tolist() == [1, 0, 0.5, pytest.approx(2 / 3)]


def test_class_variance_for_a_certain_count_is_the_refit_formula():
    law = np.eye(9)[8]
    for same in (True, False):
        np.testing.assert_allclose(theory.class_variance(law, 5, same), theory.refit_variance(8, np.arange(6)))


def test_accumulate_for_independent_real_items_starts_like_a_pool_of_two_n():
    variance, drift = theory.accumulate(16, 50)
    assert variance[1] == pytest.approx(1 - 1 / 32)
    assert drift[1] == pytest.approx(1 / 32)
    assert (np.diff(variance[1:]) < 0).all()
    limit = variance[1] * theory.accumulate_limit(16)
    assert limit < variance[-1] < limit + 0.002


def test_accumulate_limit_is_the_infinite_product():
    for n in (1, 2, 4, 7, 100):
        k = np.arange(3, 200_000, dtype=np.float64)
        assert theory.accumulate_limit(n) == pytest.approx(np.prod(1 - 1 / (n * k**2)), rel=1e-5)


def test_finite_sample_by_drawing():
    rng = np.random.default_rng(0)
    values = rng.normal(0.3, 1.2, 20)
    draws = np.array([rng.permutation(values)[:6] for _ in range(20_000)])
    seen = np.stack([draws.var(1), draws.mean(1) ** 2], axis=1)
    assert_mean(dict(enumerate(seen)), np.array(theory.finite_sample(values, 6)))


@pytest.mark.parametrize("kept", [True, False])
def test_injected_real_images_by_simulation(kept):
    rng, m, r = np.random.default_rng(1), 6, 3
    rows = []
    for _ in range(RNG_SEEDS):
        mean, variance, real, row = 0.0, 1.0, rng.normal(size=r), []
        for _ in range(5):
            pool = np.concatenate([rng.normal(mean, np.sqrt(variance), m), real if kept else rng.normal(size=r)])
            mean, variance = pool.mean(), pool.var()
            row.append((variance, mean**2))
        rows.append(row)
    rows = np.array(rows)
    if kept:
        expected = theory.kept_images(m, r, 5)
    else:
        expected, drift = theory.fresh_images(m, r, 5)
        assert_mean(dict(enumerate(rows[..., 1])), drift[1:])
    assert_mean(dict(enumerate(rows[..., 0])), expected[1:])


def test_injection_has_a_positive_limit():
    variance, drift = theory.fresh_images(30, 10, 500)
    assert variance[-1] == pytest.approx(variance[-2])
    assert variance[-1] > 0.9
    assert drift[-1] < 0.1
    assert theory.kept_images(30, 10, 500)[-1] > 0.8
    assert theory.fresh_heterozygosity(30, 10, 500, np.full(4, 0.25))[-1] > 0.7


def test_injected_captions_by_simulation():
    rng, shares = np.random.default_rng(2), np.array([0.5, 0.3, 0.2])
    rows = []
    for _ in range(RNG_SEEDS):
        p, row = shares, []
        for _ in range(5):
            p = (rng.multinomial(8, p) + rng.multinomial(4, shares)) / 12
            row.append(1 - (p**2).sum())
        rows.append(row)
    assert_mean(dict(enumerate(np.array(rows))), theory.fresh_heterozygosity(8, 4, 5, shares)[1:])


def test_drift_law_is_a_martingale_that_loses_heterozygosity():
    law = theory.drift_law(6, 0.3, 5)
    counts = np.arange(7)
    np.testing.assert_allclose(law.sum(1), 1)
    np.testing.assert_allclose(law @ counts / 6, 0.3)
    h = law @ (2 * counts / 6 * (1 - counts / 6))
    np.testing.assert_allclose(h, theory.drift_heterozygosity(6, np.arange(1, 6), np.array([0.3, 0.7])))
    assert (np.diff(theory.alive(law)) < 0).all()
    assert (theory.survival(law, 0.3) <= 1).all()


def test_accumulated_heterozygosity_by_simulation():
    rng, shares, n = np.random.default_rng(3), np.array([0.6, 0.3, 0.1]), 5
    rows = []
    for _ in range(RNG_SEEDS):
        counts, row, p = rng.multinomial(n, shares), [], shares
        for _ in range(4):
            counts = counts + rng.multinomial(n, p)
            p = counts / counts.sum()
            row.append(1 - (p**2).sum())
        rows.append(row)
    assert_mean(dict(enumerate(np.array(rows))), theory.accumulate_heterozygosity(n, 4, shares)[1:])


def test_confusion_is_stationary_and_has_the_right_limits():
    shares, means, variances = np.array([0.5, 0.3, 0.2]), np.array([0.0, 1.5, 4.0]), np.array([1.0, 0.5, 2.0])
    kernel = pair_theory.confusion(shares, means, variances)
    np.testing.assert_allclose(kernel.sum(1), 1)
    np.testing.assert_allclose(shares @ kernel, shares, atol=1e-6)
    alike = pair_theory.confusion(shares, np.zeros(3), np.ones(3))
    np.testing.assert_allclose(alike, np.tile(shares, (3, 1)))
    apart = pair_theory.confusion(shares, 50.0 * np.arange(3), np.ones(3))
    np.testing.assert_allclose(apart, np.eye(3), atol=1e-12)


def test_confusion_by_monte_carlo():
    rng = np.random.default_rng(4)
    shares, means = np.array([0.7, 0.3]), np.array([0.0, 1.0])
    x = rng.normal(means[:, None], 1.0, (2, 40_000))
    density = shares * norm.pdf(x[..., None], means, 1.0)
    posterior = density[..., 0] / density.sum(-1)
    assert_mean(dict(enumerate(posterior.T)), pair_theory.confusion(shares, means, np.ones(2))[:, 0])


def test_diversity_loss_lies_between_none_and_that_of_drift():
    shares = np.array([0.5, 0.3, 0.2])
    h = 1 - (shares**2).sum()
    losses = [
        pair_theory.diversity_loss(shares, pair_theory.confusion(shares, s * np.arange(3), np.ones(3)), 10)
        for s in (0.0, 1.0, 3.0, 30.0)
    ]
    assert losses[0] == pytest.approx(h / 10)
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] == pytest.approx(0, abs=1e-12)


def test_reading_law_without_information_is_drift():
    n = 8
    prompts = theory.drift_law(n, 0.4, 1)[0]
    law = pair_theory.reading_law(n, 0.4, np.zeros(2), np.ones(2), prompts, 4, closed=True)
    np.testing.assert_allclose(law, theory.drift_law(n, 0.4, 4), atol=1e-10)


def test_real_prompts_lead_back_to_their_shares():
    prompts, shares = np.array([0.6, 0.4]), np.array([0.05, 0.95])
    for _ in range(300):
        shares = pair_theory.anchor_map(prompts, shares, np.array([0.0, 1.5]), np.ones(2))
    np.testing.assert_allclose(shares, prompts, atol=1e-4)


def test_the_agreement_check_sees_a_wrong_formula_and_passes_the_right_one():
    rng = np.random.default_rng(5)
    sample = dict(enumerate(rng.normal(1.0, 1.0, (1000, 3))))
    assert_mean(sample, np.ones(3))
    with pytest.raises(AssertionError, match="z"):
        assert_mean(sample, np.array([1.0, 1.0, 1.25]))
    assert np.isinf(scores({0: np.ones(1), 1: np.ones(1)}, np.array([2.0]))[0])
