"""Distances and diversities of images against the formulas of their papers, written out."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import torch
from torchmetrics.image.fid import _compute_fid

from benchmarks.metrics.images import pairs as image_pairs
from benchmarks.metrics.images.cmmd import ImageCmmd
from benchmarks.metrics.images.diversity import (
    ImageDiversity,
    covariance_spectrum,
    effective_number,
    vendi_score,
    within_diversity,
)
from benchmarks.metrics.images.frechet import frechet, gaussian, left_out_frechet
from benchmarks.metrics.images.kernels import cmmd, kernel_distance
from benchmarks.metrics.images.neighbours import left_out_manifolds, manifolds, radii
from benchmarks.metrics.images.pairs import squared_distances
from benchmarks.metrics.jackknife import block_numbers
from benchmarks.metrics.view import View
from tests.metrics.known_gaussians import frechet_distance


def sets(kind):
    """Generated and real items of many shapes, distances between them far from zero."""
    rng = np.random.default_rng(len(kind))
    mix = rng.normal(size=(24, 24)) * np.arange(1, 25) ** -0.5
    n, m, d = {"few": (20, 15, 24), "fewer generated": (10, 80, 24), "fewer real": (80, 10, 24)}.get(kind, (90, 70, 24))
    fake, real = rng.normal(size=(n, d)) @ mix * 1.2 + 1, rng.normal(size=(m, d)) @ mix
    if kind == "flat":  # both live in a space of six dimensions, not the same one
        fake[:, 6:], real[:, 3:] = 1, 0
        real[:, 10:13] = rng.normal(size=(m, 3))
    if kind == "copies":
        fake[8:] = fake[rng.integers(8, size=n - 8)]
    if kind == "far":  # a common part that is large beside the spread
        fake, real = fake + 100, real + 100
    return fake, real


KINDS = ["regular", "few", "fewer generated", "fewer real", "flat", "copies", "far"]
each_kind = pytest.mark.parametrize("kind", KINDS)


def moments(x):
    return x.mean(0), np.cov(x, rowvar=False)


def by_square_root(x, y):
    """The textbook formula. A tiny multiple of the unit matrix keeps the root of a singular product defined."""
    (mu1, s1), (mu2, s2) = moments(x), moments(y)
    nudge = 1e-14 * np.eye(len(mu1)) * max(np.trace(s1), np.trace(s2))
    root = scipy.linalg.sqrtm((s1 + nudge) @ (s2 + nudge))
    return ((mu1 - mu2) ** 2).sum() + np.trace(s1) + np.trace(s2) - 2 * np.trace(np.real(root))


@each_kind
def test_frechet_is_scipys_formula_and_that_of_torchmetrics(kind):
    fake, real = sets(kind)
    found = frechet(gaussian(fake), gaussian(real))
    assert found == pytest.approx(by_square_root(fake, real), rel=1e-6)
    (mu1, s1), (mu2, s2) = ((torch.from_numpy(part) for part in moments(x)) for x in (fake, real))
    assert found == pytest.approx(float(_compute_fid(mu1, s1, mu2, s2)), rel=1e-6)
    assert found == pytest.approx(frechet_distance(*moments(fake), *moments(real)), rel=1e-6)
    assert found == pytest.approx(frechet(gaussian(real), gaussian(fake)), rel=1e-6)


def test_frechet_of_nearly_equal_sets_keeps_its_digits():
    """Where eigenvalues are too coarse: the distance is a millionth of the traces, and half of the dimensions are flat."""
    rng = np.random.default_rng(0)
    fake = np.zeros((400, 40))
    fake[:, :20] = rng.normal(size=(400, 20))
    moved = fake.copy()
    moved[:, 0] += 1e-3
    assert frechet(gaussian(fake), gaussian(moved)) == pytest.approx(1e-6, rel=1e-6)
    assert frechet(gaussian(fake), gaussian(fake)) == pytest.approx(0, abs=1e-12)


@each_kind
def test_frechet_without_a_block_is_that_of_the_others(kind):
    fake, real = sets(kind)
    blocks = np.arange(len(fake)) % 5
    expected = [frechet(gaussian(fake[blocks != block]), gaussian(real)) for block in range(5)]
    assert left_out_frechet(gaussian(fake), gaussian(real), blocks) == pytest.approx(expected, rel=1e-6)


@each_kind
def test_squared_distances_by_loops(kind):
    fake, real = sets(kind)
    assert squared_distances(fake, real) == pytest.approx(((fake[:, None] - real) ** 2).sum(2), rel=1e-9)
    own = squared_distances(fake, fake)
    assert (np.diag(own) == 0).all()
    assert own == pytest.approx(((fake[:, None] - fake) ** 2).sum(2), rel=1e-8)


def loops(fake, real):
    def distance(a, b):
        return np.sqrt(((a - b) ** 2).sum())

    def radius(points, i, k):
        return sorted(distance(points[i], points[j]) for j in range(len(points)) if j != i)[k - 1]

    real3, real5 = ([radius(real, i, k) for i in range(len(real))] for k in (3, 5))
    fake3 = [radius(fake, j, 3) for j in range(len(fake))]
    return {
        "precision": np.mean([any(distance(y, x) <= r for x, r in zip(real, real3, strict=True)) for y in fake]),
        "recall": np.mean([any(distance(x, y) <= r for y, r in zip(fake, fake3, strict=True)) for x in real]),
        "density": np.mean([sum(distance(y, x) <= r for x, r in zip(real, real5, strict=True)) / 5 for y in fake]),
        "coverage": np.mean([any(distance(y, x) <= r for y in fake) for x, r in zip(real, real5, strict=True)]),
    }


@pytest.mark.parametrize("kind", [*KINDS, "border"])
def test_neighbours_by_loops(kind, monkeypatch):
    fake, real = sets(kind)
    fake = fake - fake.mean(0) + real.mean(0)  # near enough to be among each other
    if kind == "border":  # generated items that are real ones: balls end on them
        fake[:40] = real[:40]
    monkeypatch.setattr(image_pairs, "ROWS", 32)
    assert manifolds(fake, real, radii(real, 3, 5)) == pytest.approx(loops(fake, real), rel=1e-12)


def test_neighbours_without_a_block_are_those_of_the_others(monkeypatch):
    fake, real = sets("regular")
    fake = fake[:, :4] - fake[:, :4].mean(0)
    real = real[:, :4] - real[:, :4].mean(0)
    monkeypatch.setattr(image_pairs, "ROWS", 32)
    blocks, known = block_numbers(len(fake)), radii(real, 3, 5)
    found = left_out_manifolds(fake, real, known, blocks)
    for block in range(20):
        expected = manifolds(fake[blocks != block], real, known)
        assert {name: values[block] for name, values in found.items()} == pytest.approx(expected, rel=1e-12)
    assert all(len(set(values)) > 1 for values in found.values())


@each_kind
def test_kernels_by_loops(kind, monkeypatch):
    fake, real = sets(kind)
    fake, real = fake[:20], real[:15]
    monkeypatch.setattr(image_pairs, "ROWS", 8)

    def mmd(k, x, y):
        n, m = len(x), len(y)
        own = sum(k(x[i], x[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
        other = sum(k(y[i], y[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
        return own + other - 2 * sum(k(a, b) for a in x for b in y) / (n * m)

    def direct(x):
        return [row / np.linalg.norm(row) for row in x]

    by_kid = mmd(lambda a, b: (a @ b / len(a) + 1) ** 3, fake, real)
    by_cmmd = 1000 * mmd(lambda a, b: np.exp(-((a - b) ** 2).sum() / 200), direct(fake), direct(real))
    assert kernel_distance(fake, real) == pytest.approx(by_kid, rel=1e-7)
    assert cmmd(fake, real) == pytest.approx(by_cmmd, rel=1e-6, abs=1e-9)


def test_cmmd_is_unbiased_and_nearly_ten_times_the_squared_distance_of_mean_directions():
    rng = np.random.default_rng(2)
    draws = [cmmd(rng.normal(size=(30, 4)) + 1, rng.normal(size=(30, 4)) + 1) for _ in range(300)]
    assert abs(np.mean(draws)) < 4 * np.std(draws) / np.sqrt(300)
    fake, real = (rng.normal(size=(2000, 4)) + 3 * np.eye(4)[axis] for axis in (0, 1))
    means = [np.mean(x / np.linalg.norm(x, axis=1, keepdims=True), axis=0) for x in (fake, real)]
    assert cmmd(fake, real) == pytest.approx(10 * ((means[0] - means[1]) ** 2).sum(), rel=0.02)


def by_definition(x):
    """Vendi score: exp of the entropy of the eigenvalues of K / n."""
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    weights = np.linalg.eigvalsh(unit @ unit.T / len(x))
    weights = weights[weights > 1e-12]
    return np.exp(-(weights * np.log(weights)).sum())


@each_kind
def test_vendi_by_definition(kind):
    fake, _ = sets(kind)
    assert vendi_score(fake) == pytest.approx(by_definition(fake), rel=1e-8)


def test_vendi_counts_kinds():
    assert vendi_score(np.eye(7)) == pytest.approx(7)
    assert vendi_score(np.repeat(np.eye(7), 3, axis=0) * 5) == pytest.approx(7)
    assert vendi_score(np.ones((5, 3))) == pytest.approx(1)
    assert vendi_score(np.zeros((4, 3))) == pytest.approx(4)


def test_spectrum_of_a_known_covariance():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(100_000, 3)) * [3, 2, 1]
    assert covariance_spectrum(x) == pytest.approx([1, 4, 9], rel=0.03)
    assert covariance_spectrum(x[:50]) == pytest.approx(np.linalg.eigvalsh(np.cov(x[:50], rowvar=False)))
    wide = rng.normal(size=(5, 40))
    assert covariance_spectrum(wide)[1:] == pytest.approx(np.linalg.eigvalsh(np.cov(wide, rowvar=False))[-4:])
    assert covariance_spectrum(wide).sum() == pytest.approx(wide.var(0, ddof=1).sum())
    assert effective_number(np.array([2.0, 2, 2, 0])) == pytest.approx(3)


def test_within_diversity_by_loops(real):
    draws = real.draw_features
    cosine = [
        1 - a @ b / np.linalg.norm(a) / np.linalg.norm(b)
        for of_one in draws for i, a in enumerate(of_one) for j, b in enumerate(of_one) if i != j
    ]  # fmt: skip
    assert within_diversity(draws) == pytest.approx(np.mean(cosine), rel=1e-12)
    assert within_diversity(np.repeat(draws[:, :1], 4, axis=1)) == pytest.approx(0, abs=1e-12)


def test_diversity_without_draws_or_spread(evaluate):
    family = ImageDiversity()
    same = np.repeat(np.random.default_rng(0).normal(size=(1, 64)), 500, axis=0)  # their mean is rounded
    assert evaluate(family, View(features=same)) == {"vendi": pytest.approx(1)}
    assert set(family.absent) == {"effective_rank", "top_share", "within_diversity", "within_vendi"}


def test_cmmd_needs_two_images(evaluate):
    family = ImageCmmd()
    assert evaluate(family, View(features=np.ones((1, 3)), real_features=np.ones((9, 3)))) == {}
    assert family.absent == {"cmmd": "too few images"}
