from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import torch
from torchmetrics.image.fid import FrechetInceptionDistance

from benchmarks.metrics.images import real_side as real_sides
from benchmarks.metrics.images.distance import ImageDistance
from benchmarks.metrics.images.frechet import frechet, gaussian
from benchmarks.metrics.images.kernels import kernel_distance
from benchmarks.metrics.images.real_side import real_side
from benchmarks.metrics.view import View
from tests.metrics.known_gaussians import frechet_distance


@pytest.fixture
def pair():
    rng = np.random.default_rng(0)
    mix = rng.normal(size=(8, 8))
    return rng.normal(size=(60, 8)) @ mix, rng.normal(size=(50, 8)) @ mix * 1.2 + 0.3


def moments(x):
    return x.mean(0), np.cov(x, rowvar=False)


def by_square_root(x, y):
    """The textbook formula."""
    (mu1, s1), (mu2, s2) = moments(x), moments(y)
    root = np.real(scipy.linalg.sqrtm(s1 @ s2))
    return ((mu1 - mu2) ** 2).sum() + np.trace(s1 + s2 - 2 * root)


class Identity(torch.nn.Module):
    """Passes features off as a network's output."""

    def __init__(self, dimensions):
        super().__init__()
        self.num_features = dimensions

    def forward(self, x):
        return x


def by_torchmetrics(x, y):
    fid = FrechetInceptionDistance(feature=Identity(x.shape[1]), normalize=True).set_dtype(torch.float64)
    # The class quantises images; hand the features over behind its image handling.
    for features, real in ((x, True), (y, False)):
        fid.inception = Identity(x.shape[1])
        fid.used_custom_model = True
        fid.update(torch.from_numpy(features), real=real)
    return float(fid.compute())


def test_frechet_equals_the_square_root_formula(pair):
    x, y = pair
    expected = by_square_root(x, y)
    assert frechet(gaussian(x), gaussian(y)) == pytest.approx(expected, rel=1e-9)
    assert frechet_distance(*moments(x), *moments(y)) == pytest.approx(expected, rel=1e-9)


def test_frechet_equals_torchmetrics(pair):
    x, y = pair
    assert frechet(gaussian(x), gaussian(y)) == pytest.approx(by_torchmetrics(x, y), rel=1e-6)


def test_frechet_of_fewer_items_than_dimensions(pair):
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(20, 64)), rng.normal(size=(30, 64)) + 0.1
    small = frechet(gaussian(x), gaussian(y))
    assert gaussian(x).root.shape == (20, 64)
    assert small == pytest.approx(frechet_distance(*moments(x), *moments(y)), rel=1e-6)
    assert small == pytest.approx(by_torchmetrics(x, y), rel=1e-4)
    # Turning the space changes nothing, and neither does adding dimensions that are always zero.
    turn = np.linalg.qr(rng.normal(size=(64, 64)))[0]
    assert frechet(gaussian(x @ turn), gaussian(y @ turn)) == pytest.approx(small, rel=1e-9)
    wide = [np.pad(z, ((0, 0), (0, 100))) for z in (x, y)]
    assert frechet(gaussian(wide[0]), gaussian(wide[1])) == pytest.approx(small, rel=1e-9)


def test_frechet_of_known_gaussians():
    zero, one = np.zeros(3), np.eye(3)
    assert frechet_distance(zero, one, zero, 4 * one) == pytest.approx(3)
    assert frechet_distance(zero, one, zero + 2, one) == pytest.approx(12)
    assert frechet_distance(zero, one, zero, np.zeros((3, 3))) == pytest.approx(3)
    assert frechet_distance(zero, np.zeros((3, 3)), zero, np.zeros((3, 3))) == 0


def test_kernel_by_loops(pair):
    x, y = pair

    def k(a, b):
        return (a @ b / len(a) + 1) ** 3

    n, m = len(x), len(y)
    xx = sum(k(x[i], x[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    yy = sum(k(y[i], y[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    xy = sum(k(a, b) for a in x for b in y) / (n * m)
    assert kernel_distance(x, y) == pytest.approx(xx + yy - 2 * xy, rel=1e-9)


def test_kernel_is_unbiased():
    rng = np.random.default_rng(2)
    draws = [kernel_distance(rng.normal(size=(30, 4)), rng.normal(size=(30, 4))) for _ in range(400)]
    assert abs(np.mean(draws)) < 4 * np.std(draws) / 20
    assert min(draws) < 0


def test_manifolds_by_loops(pair, evaluate):
    fake, real = pair

    def distance(a, b):
        return np.sqrt(((a - b) ** 2).sum())

    def radius(points, i, k):
        return sorted(distance(points[i], points[j]) for j in range(len(points)) if j != i)[k - 1]

    real3, real5 = ([radius(real, i, k) for i in range(len(real))] for k in (3, 5))
    fake3 = [radius(fake, j, 3) for j in range(len(fake))]
    expected = {
        "precision": np.mean([any(distance(y, x) <= r for x, r in zip(real, real3, strict=True)) for y in fake]),
        "recall": np.mean([any(distance(x, y) <= r for y, r in zip(fake, fake3, strict=True)) for x in real]),
        "density": np.mean([sum(distance(y, x) <= r for x, r in zip(real, real5, strict=True)) / 5 for y in fake]),
        "coverage": np.mean([any(distance(y, x) <= r for y in fake) for x, r in zip(real, real5, strict=True)]),
    }
    values = evaluate(ImageDistance(), View(features=fake, real_features=real))
    assert {name: values[name] for name in expected} == pytest.approx(expected, rel=1e-12)
    assert 0 < values["recall"] < 1
    assert 0 < values["coverage"] < 1


def test_equal_sets(pair, evaluate):
    values = evaluate(ImageDistance(), View(features=pair[0], real_features=pair[0]))
    assert values["frechet"] == pytest.approx(0, abs=1e-9)
    assert values["precision"] == values["recall"] == values["coverage"] == 1
    assert values["density"] >= 1  # every real ball holds the point itself and its five neighbours


def test_duplicating_half_lowers_recall_and_coverage(evaluate):
    rng = np.random.default_rng(3)
    real, fake = rng.normal(size=(200, 6)), rng.normal(size=(200, 6))
    good = evaluate(ImageDistance(), View(features=fake, real_features=real))
    # Each remaining image three times over: its third neighbour is nearly itself.
    few = np.concatenate([fake[:50]] * 4)
    half = np.concatenate([fake[:100]] * 2)
    bad = evaluate(ImageDistance(), View(features=half, real_features=real))
    worse = evaluate(ImageDistance(), View(features=few, real_features=real))
    assert worse["recall"] < bad["recall"] < good["recall"]
    assert worse["coverage"] < bad["coverage"] < good["coverage"]
    assert worse["recall"] < 0.1


def test_one_image_for_all(evaluate):
    rng = np.random.default_rng(4)
    real = rng.normal(size=(100, 6))
    values = evaluate(ImageDistance(), View(features=np.tile(real[3], (100, 1)), real_features=real))
    assert values["precision"] == 1
    assert values["recall"] == 1 / 100
    assert values["coverage"] < 0.2
    assert values["frechet"] > 3


def test_too_few_images_leave_values_out(evaluate):
    family = ImageDistance()
    rng = np.random.default_rng(5)
    values = evaluate(family, View(features=rng.normal(size=(4, 3)), real_features=rng.normal(size=(4, 3))))
    assert set(values) == {"frechet", "kernel"}
    assert set(family.absent) == {"precision", "recall", "density", "coverage"}
    family = ImageDistance()
    assert evaluate(family, View(features=np.ones((1, 3)), real_features=np.ones((1, 3)))) == {}


def test_other_dimensions_are_refused():
    family = ImageDistance()
    family.update(View(features=np.ones((9, 3)), real_features=np.ones((9, 4))))
    with pytest.raises(ValueError, match="3 dimensions, real_features 4"):
        family.compute()


def test_the_real_side_is_computed_once(pair, monkeypatch):
    monkeypatch.setattr(real_sides, "_KEPT", {})
    x, y = pair
    first = real_side(x)
    assert real_side(x.copy()) is first
    assert real_side(y) is not first
    real_side(y[:20])
    assert len(real_sides._KEPT) == 2
