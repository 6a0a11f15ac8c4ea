"""Methods that mix real, old and new pairs: pools and weights against the published formulas."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

from benchmarks.methods.hooks import Mitigation
from benchmarks.mitigations.accumulate import Accumulate
from benchmarks.mitigations.accumulate_subsample import AccumulateSubsample
from benchmarks.mitigations.fresh_real import FreshReal
from benchmarks.mitigations.golden_ratio import GoldenRatio, real_weight
from benchmarks.mitigations.real_augmentation import RealAugmentation
from datamodules.pairs import Pairs
from lightning_modules.settings import FitSettings
from tests.mitigations.toys import CLASSES, MODALITIES, SPACING, N, ask, bites, drawn, real, same

pytestmark = pytest.mark.parametrize("modality", MODALITIES)


def pool(method: Mitigation, modality: str, iteration: int = 3, seed: int = 7) -> Pairs:
    """Return what a method trains on in an iteration, of the size that it planned."""
    new = drawn(modality, draws=method.oversample, iteration=iteration)
    count = method.reserve_items(N)
    given = {
        "history": [drawn(modality, iteration=t) for t in range(1, iteration)],
        "real": [real(iteration=t) for t in range(1, iteration + 1)],
        "reserve": [real(count, t, 1000 * t) for t in range(1, iteration + 1)] if count else [],
    }
    found = ask(method, new=new, iteration=iteration, seed=seed, **given)
    assert len(found) == method.pool_size(iteration, N)
    return found


def test_accumulate_grows_and_keeps_old_pairs(modality: str) -> None:
    def check(method: Mitigation) -> None:
        before: Pairs | None = None
        for t in (1, 2, 3):
            found = pool(method, modality, t)
            assert found.origin.tolist() == [o for o in range(t + 1) for _ in range(N)]
            assert before is None or same(found.take(range(len(before))), before)
            before = found

    bites(check, Accumulate())


def test_a_capped_pool_keeps_the_real_pairs_and_the_latest(modality: str) -> None:
    def check(method: Mitigation) -> None:
        sizes = [Counter(pool(method, modality, t).origin.tolist()) for t in (1, 2, 3, 4)]
        assert sizes == [{0: N, 1: N}, {0: N, 1: N, 2: N}, {0: N, 2: N, 3: N}, {0: N, 3: N, 4: N}]

    bites(check, Accumulate(cap=3))


def test_a_subsample_is_a_constant_part_of_all_so_far_drawn_evenly(modality: str) -> None:
    def check(method: Mitigation) -> None:
        everything = pool(Accumulate(), modality, 3)
        counts = np.zeros(4)
        for seed in range(300):
            found = pool(method, modality, 3, seed)
            assert len(found) == N
            assert len({(o, i) for o, i in zip(found.origin.tolist(), found.images.tolist(), strict=True)}) == N
            assert set(found.images.tolist()) <= set(everything.images.tolist())
            counts += np.bincount(found.origin, minlength=4)
        # 3,600 draws over four equal parts: 900 each, 26 standard deviation; five of those.
        assert np.abs(counts - 900).max() < 130

    bites(check, AccumulateSubsample())


@pytest.mark.parametrize("ratio", [0.5, 1.0, 2.5])
def test_one_fixed_real_set_with_lambda_times_as_much_beside_it(modality: str, ratio: float) -> None:
    def check(method: Mitigation) -> None:
        for t in (1, 2):
            found = pool(method, modality, t)
            synthetic = round(ratio * N)
            assert found.origin.tolist() == [0] * N + [t] * synthetic
            assert same(found.take(range(N)), real(iteration=1).with_(draw=None))
            assert found.draw is not None
            assert sorted(zip(found.ids[N:], found.draw[N:], strict=True)) == sorted(
                set(zip(found.ids[N:], found.draw[N:], strict=True))
            ), "no draw twice"

    bites(check, RealAugmentation(ratio))


def test_fresh_real_pairs_come_first_and_never_twice(modality: str) -> None:
    def check(method: Mitigation) -> None:
        seen: set[int] = set()
        for t in (1, 2, 3):
            found = pool(method, modality, t)
            fresh = found.ids[found.origin == 0].tolist()
            assert len(fresh) == N // 4
            assert not seen & set(fresh)
            seen |= set(fresh)
            assert len(found) == N

    bites(check, FreshReal())


@pytest.mark.parametrize("k", [0.25, 1.0, 3.0])
def test_golden_ratio_weights(modality: str, k: float) -> None:
    def check(method: Mitigation) -> None:
        found = pool(method, modality)
        assert len(found) == N
        assert found.weights is not None
        is_real = found.origin == 0
        ratio = is_real.sum() / (~is_real).sum()
        w = (math.sqrt(ratio**2 + 4 * ratio) - ratio) / 2
        assert found.weights[is_real].sum() / found.weights.sum() == pytest.approx(w, rel=1e-6)
        assert len(set(found.weights[is_real].tolist())) == len(set(found.weights[~is_real].tolist())) == 1
        assert found.weights.mean() == pytest.approx(1, rel=1e-6)
        assert ratio == pytest.approx(k, rel=0.25)

    bites(check, GoldenRatio(k))


def test_the_golden_ratio_itself(modality: str) -> None:
    assert real_weight(1) == pytest.approx((math.sqrt(5) - 1) / 2)
    # The recursion of the paper for the mean of a Gaussian: the variance of w x_bar + (1 - w) y_bar settles at
    # (w^2 / n + (1 - w)^2 / m) / (1 - (1 - w)^2), which w* makes least.
    for k in (0.2, 1.0, 4.0):
        w = np.linspace(0.01, 0.99, 9801)
        limit = (w**2 / k + (1 - w) ** 2) / (1 - (1 - w) ** 2)
        assert w[limit.argmin()] == pytest.approx(real_weight(k), abs=2e-4)


def test_weights_reach_a_fit(modality: str) -> None:
    """A closed-form model fitted to the weighted pool has the mean that the weights say."""
    from benchmarks.analytic.models import CategoricalCaptioner, GaussianGenerator

    found = pool(GoldenRatio(), modality)
    assert found.weights is not None
    settings = FitSettings(steps=1, learning_rate=1.0)
    classes = np.array([int(text[1:]) for text in found.captions])
    mass = np.bincount(classes, found.weights, CLASSES)
    if modality == "generator":
        generator = GaussianGenerator(CLASSES, SPACING)
        generator.fit_pairs(found, settings, 0)
        means = np.bincount(classes, found.weights * found.images, CLASSES)[mass > 0] / mass[mass > 0]
        assert np.allclose(generator.means[mass > 0], means)
    else:
        captioner = CategoricalCaptioner(CLASSES)
        captioner.fit_pairs(found, settings, 0)
        assert np.allclose(captioner.shares, mass / mass.sum())
