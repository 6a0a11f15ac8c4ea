"""Methods that compare synthetic pairs with real ones in a scorer's space: detector resampling, self-correction."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from scipy.optimize import minimize

from benchmarks.methods.hooks import Mitigation
from benchmarks.mitigations.detector_resampling import DetectorResampling, crossed_logits, logistic
from benchmarks.mitigations.self_correction import SelfCorrection, corrected, k_means
from datamodules.pairs import Pairs
from tests.mitigations.toys import MODALITIES, N, ToyScorer, ask, bites, drawn, real, scores

both = pytest.mark.parametrize("modality", MODALITIES)


def embedded(pairs: Pairs) -> np.ndarray:
    scorer = ToyScorer()
    return np.concatenate([scorer.embed_images(pairs.images), scorer.embed_texts(pairs.captions)], axis=1) / 3.0


def reference_logits(positive: np.ndarray, negative: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """The same penalised regression, by a general optimiser."""
    points = np.concatenate([positive, negative])
    centre, spread = points.mean(0), np.where(points.std(0) > 1e-12, points.std(0), 1.0)

    def loss(c: np.ndarray) -> float:
        z = [((part - centre) / spread) @ c[:-1] + c[-1] for part in (positive, negative)]
        fit = np.logaddexp(0, -z[0]).mean() / 2 + np.logaddexp(0, z[1]).mean() / 2
        return float(fit * len(points) + (c[:-1] ** 2).sum() / 2)

    best = minimize(loss, np.zeros(points.shape[1] + 1), tol=1e-12, options={"gtol": 1e-9}).x
    return ((asked - centre) / spread) @ best[:-1] + best[-1]


def test_the_detector_is_a_penalised_logistic_regression() -> None:
    random = np.random.default_rng(5)
    for gap, sizes in ((0.5, (40, 40)), (8.0, (30, 10))):  # the second parts cleanly
        positive = random.standard_normal((sizes[0], 3)) + np.array([gap, 0, 0])
        negative, asked = random.standard_normal((sizes[1], 3)), random.standard_normal((9, 3))
        expected = reference_logits(positive, negative, asked)
        assert np.allclose(logistic(positive, negative)(asked), expected, atol=1e-3)


def test_no_pair_is_judged_by_a_detector_that_saw_it() -> None:
    random = np.random.default_rng(6)
    synthetic, other = random.standard_normal((60, 2)), random.standard_normal((60, 2))
    ids = np.tile(np.arange(30), 2)
    before = crossed_logits(synthetic, other, ids, np.arange(60), seed=3)
    changed = synthetic.copy()
    changed[ids == 4] += 5.0  # both candidates of one item
    after = crossed_logits(changed, other, ids, np.arange(60), seed=3)
    stays = np.isclose(before, after, atol=1e-12)
    halves = {bool(s) for s in stays[ids != 4]}
    assert halves == {True, False}, "the half with item 4 asks a detector that never saw it, the other one that did"
    twins = stays.reshape(2, 30)
    assert np.array_equal(np.delete(twins[0], 4), np.delete(twins[1], 4))


def pulled(modality: str, draws: int) -> Pairs:
    """Return a pool of which a part is like the real pairs and a part is not."""
    new = drawn(modality, draws=draws)
    means = np.array([4.0 * int(text[1:]) for text in new.captions])
    far = np.random.default_rng(1).random(len(new)) < 0.5
    return new.with_(images=np.where(far, new.images, means + 0.1))


@both
def test_resampling_follows_the_weights_of_the_paper(modality: str) -> None:
    def check(method: Mitigation) -> None:
        new, truth = pulled(modality, 2), real(first=5000)
        given = {"new": new, "scorers": scores(new), "real": [truth], "real_scores": [scores(truth)]}
        logit = crossed_logits(embedded(new), embedded(truth), new.ids, truth.ids, seed=7)
        weight = (1 - 1 / (1 + np.exp(-logit))) ** 3
        counts = np.zeros(len(new))
        place = {(i, d): row for row, (i, d) in enumerate(zip(new.ids.tolist(), new.draw.tolist(), strict=True))}
        assert isinstance(method, DetectorResampling)
        found = ask(method, **given)
        assert len(found) == N
        taken = Counter(place[pair] for pair in zip(found.ids.tolist(), found.draw.tolist(), strict=True))
        assert max(taken.values()) <= 2
        for seed in range(400):
            for row in set(first_drawn(method, np.log(weight), new, seed)):
                counts[row] += 1
        expected = weight / weight.sum()
        assert (np.abs(counts / 400 - expected) < 5 * np.sqrt(expected * (1 - expected) / 400) + 1e-9).all()
        likely = np.array([weight[row] * times for row, times in taken.items()]).sum() / N
        assert likely > weight.mean(), "what passes for real is drawn more often than evenly"

    bites(check, DetectorResampling(b=3.0))


def first_drawn(method: DetectorResampling, log_weight: np.ndarray, new: Pairs, seed: int) -> list[int]:
    """Return the one position that is drawn where only one is to be."""

    class Asked:
        n = N
        new: Pairs

    Asked.seed, Asked.new = seed, new  # type: ignore[attr-defined]
    noisy = method.drawn(log_weight, Asked)
    return noisy[:1].tolist()


def test_the_exponent_sharpens() -> None:
    new, truth = pulled("generator", 2), real(first=5000)
    given = {"new": new, "scorers": scores(new), "real": [truth], "real_scores": [scores(truth)]}
    logit = crossed_logits(embedded(new), embedded(truth), new.ids, truth.ids, seed=7)
    means = []
    for b in (0.01, 1.0, 20.0):
        rows = [row for seed in range(10) for row in ask(DetectorResampling(b), **given, seed=seed).ids.tolist()]
        means.append(np.mean([logit[new.ids == item].mean() for item in rows]))
    assert means[0] > means[1] > means[2]


def test_k_means_ends_at_a_fixed_point_that_is_better_than_its_start() -> None:
    points = np.random.default_rng(2).standard_normal((200, 3))
    centres = k_means(points, 6)
    nearest = ((points[:, None] - centres) ** 2).sum(2).argmin(1)
    for c in range(6):
        assert np.allclose(centres[c], points[nearest == c].mean(0))
    assert np.array_equal(k_means(points[:4], 9), k_means(points[:4], 4)), "no more centres than points"


def test_correction_of_strength_gamma() -> None:
    points, centres = np.array([[0.0, 0.0], [5.0, 5.0]]), np.array([[1.0, 1.0], [5.0, 9.0]])
    for gamma in (0.5, 1.0, 1e9):
        expected = [[gamma / (1 + gamma)] * 2, [5.0, (5 + gamma * 9) / (1 + gamma)]]
        assert np.allclose(corrected(points, centres, gamma), expected)


@both
@pytest.mark.parametrize("gamma", [0.5, 100.0])
def test_a_sample_becomes_the_candidate_nearest_to_its_corrected_features(modality: str, gamma: float) -> None:
    def check(method: Mitigation) -> None:
        new, truth = drawn(modality, draws=5), real(first=5000)
        found = ask(method, new=new, scorers=scores(new), real_scores=[scores(real(iteration=9)), scores(truth)])
        scorer = ToyScorer()

        def made(pairs: Pairs) -> np.ndarray:
            side = scorer.embed_images(pairs.images) if modality == "generator" else scorer.embed_texts(pairs.captions)
            return side / 3.0

        centres = k_means(made(truth), 3)
        assert found.ids.tolist() == new.ids[:N].tolist()
        for i, item in enumerate(found.ids.tolist()):
            candidates = made(new.take(new.ids == item))
            centre = centres[((candidates[0] - centres) ** 2).sum(1).argmin()]
            target = candidates[0] + gamma / (1 + gamma) * (centre - candidates[0])
            best = ((candidates - target) ** 2).sum(1).min()
            assert ((made(found)[i] - target) ** 2).sum() == pytest.approx(best, abs=1e-12)

    bites(check, SelfCorrection(k=3, gamma=gamma, factor=5))
