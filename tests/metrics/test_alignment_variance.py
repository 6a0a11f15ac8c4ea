from __future__ import annotations

import numpy as np
import pytest

from benchmarks.metrics.alignment import CaptionerAlignment, alignment
from benchmarks.metrics.variance import (
    CaptionerVariance,
    GeneratorVariance,
    variance_between,
    variance_total,
    variance_within,
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
    assert variance_within(draws) == pytest.approx(3 * 0.25, rel=0.03)
    assert variance_total(draws) == pytest.approx(3 * 4.25, rel=0.03)
    assert variance_between(means[:, 0]) == pytest.approx(3 * 4, rel=0.05)


def test_variances_are_traces_of_covariances(real, evaluate):
    values = evaluate(GeneratorVariance(), real)
    draws = real.draw_features
    assert values["variance_between"] == pytest.approx(np.trace(np.cov(real.features, rowvar=False)))
    assert values["variance_within"] == pytest.approx(np.mean([np.trace(np.cov(d, rowvar=False)) for d in draws]))
    assert values["variance_total"] == pytest.approx(np.trace(np.cov(draws.reshape(-1, 16), rowvar=False)))


def test_draws_may_be_missing(real, evaluate):
    family = CaptionerVariance()
    assert set(evaluate(family, real.with_(draw_features=None))) == {"variance_between"}
    assert set(family.absent) == {"variance_within", "variance_total"}


def test_a_deterministic_model_has_no_variance_within(real, evaluate):
    same = np.repeat(real.draw_features[:, :1], 4, axis=1)
    assert evaluate(CaptionerVariance(), real.with_(draw_features=same))["variance_within"] == 0
