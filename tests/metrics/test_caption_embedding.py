from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import sqrtm

from benchmarks.metrics.captions.embedding import CaptionEmbedding
from benchmarks.metrics.view import View
from benchmarks.steps.measuring import one_caption_each
from benchmarks.study.world import DeclaredFamily


def both(said, real):
    family = CaptionEmbedding()
    family.update(View(features=said, real_caption_features=real))
    return {name: float(value) for name, value in family.compute().items()}, family.absent


def test_formulas_of_the_papers():
    rng = np.random.default_rng(0)
    said, real = rng.normal(size=(40, 5)) * 1.5 + 0.3, rng.normal(size=(50, 5))
    values, absent = both(said, real)
    s1, s2 = np.cov(said, rowvar=False), np.cov(real, rowvar=False)
    cross = np.trace(sqrtm(s1 @ s2)).real
    shift = ((said.mean(0) - real.mean(0)) ** 2).sum()
    assert values["text_frechet"] == pytest.approx(shift + np.trace(s1) + np.trace(s2) - 2 * cross, rel=1e-9)

    def kernel(x, y):
        return (x @ y / 5 + 1) ** 3

    def mean(xs, ys, same):
        pairs = [kernel(x, y) for i, x in enumerate(xs) for j, y in enumerate(ys) if not (same and i == j)]
        return sum(pairs) / len(pairs)

    expected = mean(said, said, True) + mean(real, real, True) - 2 * mean(said, real, False)
    assert values["text_kernel"] == pytest.approx(expected, rel=1e-9)
    assert absent == {}


def test_equal_sets_give_the_floor_and_collapse_raises_both():
    rng = np.random.default_rng(1)
    draws = [both(rng.normal(size=(100, 8)), rng.normal(size=(100, 8)))[0]["text_kernel"] for _ in range(30)]
    assert abs(np.mean(draws)) < 4 * np.std(draws) / np.sqrt(30)
    real = rng.normal(size=(200, 8))
    assert both(real, real)[0]["text_frechet"] == pytest.approx(0, abs=1e-9)
    good = both(rng.normal(size=(200, 8)), real)[0]
    collapsed = both(np.repeat(rng.normal(size=(20, 8)), 10, axis=0), real)[0]
    assert all(collapsed[name] > good[name] for name in good)


def test_what_does_not_fit_is_said():
    assert both(np.ones((1, 3)), np.ones((9, 3))) == ({}, dict.fromkeys(CaptionEmbedding.declares, "too few captions"))
    with pytest.raises(ValueError, match="features have 3 dimensions, real_features 4"):
        both(np.ones((5, 3)), np.ones((5, 4)))
    with pytest.raises(ValueError, match="real_features hold NaN"):
        both(np.ones((5, 3)), np.full((5, 3), np.nan))


def test_one_caption_of_each_item_in_turn():
    captions = np.arange(4 * 3 * 2, dtype=np.float32).reshape(4, 3, 2)
    captions[1, 2:] = np.nan  # item 1 has two captions
    picked = one_caption_each({"captions": captions})
    np.testing.assert_array_equal(picked, captions[[0, 1, 2, 3], [0, 1, 2, 0]])
    captions[3, 1:] = np.nan
    np.testing.assert_array_equal(one_caption_each({"captions": captions})[3], captions[3, 0])
    assert one_caption_each({"images": captions}) is None


def test_it_wants_a_judge_of_captions():
    family = DeclaredFamily("x.Y", 1, CaptionEmbedding.side, CaptionEmbedding.needs, CaptionEmbedding.declares)
    assert family.judged
    assert family.served(("captions",))
    assert not family.served(("images",))
