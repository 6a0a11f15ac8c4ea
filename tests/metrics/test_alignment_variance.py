from __future__ import annotations

import numpy as np
import pytest

from benchmarks.metrics.alignment import CaptionerAlignment, alignment
from benchmarks.metrics.variance import (
    CaptionerVariance,
    GeneratorVariance,
    variance,
    variance_parts,
)
from benchmarks.metrics.view import View


def test_alignment_is_the_mean_cosine(evaluate):
    x, y = np.array([[1.0, 0], [1, 1], [0, 2], [0, 0]]), np.array([[5.0, 0], [1, 0], [0, -1], [1, 0]])
    values = evaluate(CaptionerAlignment(), View(features=x, paired_features=y))
    assert values["alignment"] == pytest.approx((1 + 0.5**0.5 - 1 + 0) / 4)


def test_alignment_ignores_length():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 20, 5))
    assert alignment(x * rng.uniform(1, 9, (20, 1)), y) == pytest.approx(alignment(x, y))


def test_alignment_refuses_other_shapes():
    with pytest.raises(ValueError, match="do not pair up"):
        alignment(np.ones((3, 2)), np.ones((4, 2)))


def test_variances_of_a_known_mixture():
    rng = np.random.default_rng(0)
    means = rng.normal(size=(4000, 1, 3)) * 2
    draws = means + rng.normal(size=(4000, 4, 3)) * 0.5
    within, between = variance_parts(draws)
    assert within == pytest.approx(3 * 0.25, rel=0.03)
    assert between == pytest.approx(3 * 4, rel=0.05)
    assert variance(draws[:, 0]) == pytest.approx(within + between, rel=0.03), "one draw each: the total"


def test_the_parts_are_those_of_an_analysis_of_variance():
    draws = np.random.default_rng(1).normal(size=(9, 3, 1)) + np.arange(9)[:, None, None]
    inputs, k = draws.shape[:2]
    flat = draws[..., 0]
    mean_square_within = ((flat - flat.mean(1, keepdims=True)) ** 2).sum() / (inputs * (k - 1))
    mean_square_between = k * ((flat.mean(1) - flat.mean()) ** 2).sum() / (inputs - 1)
    assert variance_parts(draws) == pytest.approx((mean_square_within, (mean_square_between - mean_square_within) / k))


def test_inputs_that_do_not_matter_have_no_variance_between():
    rng = np.random.default_rng(2)
    found = [variance_parts(rng.normal(size=(40, 4, 6)))[1] for _ in range(200)]
    assert abs(np.mean(found)) < 4 * np.std(found) / np.sqrt(200), "unbiased: below 0 as often as above"


def test_the_values_are_traces_of_covariances_and_add_up(real, evaluate):
    values = evaluate(GeneratorVariance(), real)
    draws = real.draw_features
    assert values["variance"] == pytest.approx(np.trace(np.cov(real.features, rowvar=False)))
    assert values["variance_within"] == pytest.approx(np.mean([np.trace(np.cov(d, rowvar=False)) for d in draws]))
    assert values["variance_total"] == pytest.approx(values["variance_within"] + values["variance_between"])


def test_draws_may_be_missing(real, evaluate):
    family = CaptionerVariance()
    assert set(evaluate(family, real.with_(draw_features=None))) == {"variance"}
    assert set(family.absent) == {"variance_within", "variance_between", "variance_total"}


def test_a_deterministic_model_has_no_variance_within(real, evaluate):
    same = np.repeat(real.draw_features[:, :1], 4, axis=1)
    assert evaluate(CaptionerVariance(), real.with_(draw_features=same))["variance_within"] == 0
