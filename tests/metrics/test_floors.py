from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from benchmarks.metrics.captions.oracle import CaptionOracle
from benchmarks.metrics.captions.overlap import CaptionOverlap
from benchmarks.metrics.floors import caption_floor_view, floor_draws, image_floor_view
from benchmarks.metrics.images.distance import ImageDistance
from benchmarks.metrics.images.oracle import ImageOracle
from benchmarks.metrics.view import View
from benchmarks.steps.items import compared
from benchmarks.steps.measuring import reference_features


class Counting:
    """Counts the images that an oracle reads."""

    def __init__(self, oracle):
        self.oracle, self.images = oracle, 0

    def __getattr__(self, name):
        return getattr(self.oracle, name)

    def read_images(self, images):
        self.images += len(images)
        return self.oracle.read_images(images)


def test_a_caption_floor_leaves_one_out(scenes, real):
    captions = scenes.captions("evaluation", np.arange(256))
    features = np.arange(256 * 6, dtype=float).reshape(256, 6, 1)
    view = caption_floor_view(real, captions, seed=3, caption_features=features)
    picks = []
    for i in range(256):
        assert set(view.references[i]) | {view.captions[i]} == set(captions[i])
        assert len(view.references[i]) == 5
        picks.append(captions[i].index(view.captions[i]))
        assert features[i, picks[i], 0] == view.features[i, 0]
    assert set(picks) == set(range(6))
    again = caption_floor_view(real, captions, seed=3)
    assert again.captions == view.captions
    assert again.features is None
    assert caption_floor_view(real, captions, seed=4).captions != view.captions


def test_an_image_floor_divides_the_union():
    rng = np.random.default_rng(0)
    evaluation, floor = (View(features=rng.normal(size=(n, 3)), prompts=[f"{n}"] * n) for n in (20, 30))
    view = image_floor_view(evaluation, floor, seed=1)
    assert view.features.shape == (20, 3)
    assert view.real_features.shape == (30, 3)
    union = np.concatenate([evaluation.features, floor.features])
    divided = np.concatenate([view.features, view.real_features])
    np.testing.assert_array_equal(np.sort(divided, axis=0), np.sort(union, axis=0))
    own = {tuple(row) for row in evaluation.features}
    assert [prompt == "20" for prompt in view.prompts] == [tuple(row) in own for row in view.features]
    assert 0 < view.prompts.count("20") < 20
    with pytest.raises(ValueError, match="needs features"):
        image_floor_view(View(), View(), seed=0)


def test_floor_values_are_means_over_draws():
    rng = np.random.default_rng(0)
    make_view = partial(image_floor_view, *(View(features=rng.normal(size=(100, 4))) for _ in range(2)))
    floors = floor_draws(ImageDistance, make_view)
    by_hand = []
    for seed in range(20):
        family = ImageDistance()
        family.update(make_view(seed))
        by_hand.append(float(family.compute()["frechet"]))
    assert set(floors) == set(ImageDistance.declares)
    assert floors["frechet"] == {
        "value": pytest.approx(np.mean(by_hand)),
        "sd": pytest.approx(np.std(by_hand, ddof=1)),
        "draws": 20,
        "minimum_effect": pytest.approx(2 * np.std(by_hand, ddof=1)),
    }
    assert floors["frechet"]["sd"] > 0
    with pytest.raises(ValueError, match="two draws"):
        floor_draws(ImageDistance, make_view, draws=1)


def test_images_are_read_once_over_all_draws(scenes):
    index = np.arange(40)
    oracle = Counting(scenes.oracle)
    evaluation, floor = (
        View(images=scenes.images(s, index), attributes=scenes.attributes(s, index), oracle=oracle)
        for s in ("evaluation", "floor")
    )
    floors = floor_draws(ImageOracle, partial(image_floor_view, evaluation, floor), draws=20)
    assert oracle.images == 80
    assert floors["attribute_accuracy"]["value"] > 0.95


@pytest.mark.parametrize("k", [2, 3, 5, 6])
def test_models_are_scored_against_as_many_references_as_people(k):
    texts = [tuple(f"{i} {place}" for place in range(k)) for i in range(4)]
    person = caption_floor_view(View(), texts, seed=0)
    assert [compared(len(six)) for six in texts] == [len(left) for left in person.references]
    features = np.arange(4.0 * 6 * 2).reshape(4, 6, 2)
    features[:, k:] = np.nan
    features[0, 3:] = np.nan  # the first item has three captions at most
    kept = reference_features({"captions": features})
    assert kept.shape == (4, compared(k), 2)
    assert (~np.isnan(kept[:, :, 0])).sum(axis=1).tolist() == [compared(min(k, 3)), *[compared(k)] * 3]
    np.testing.assert_array_equal(kept[1:], features[1:, : compared(k)])


def test_a_single_caption_is_a_reference_though_people_have_no_ceiling():
    assert compared(1) == 1
    assert reference_features({"captions": np.ones((2, 1, 3))}).shape == (2, 1, 3)
    assert reference_features({"images": np.ones((2, 3))}) is None


def test_the_minimum_effect_of_a_tail_metric_is_that_of_the_items_it_has(scenes):
    index = np.arange(256)
    truth = scenes.attributes("evaluation", index)
    view = View(attributes=truth, oracle=scenes.oracle)
    floors = floor_draws(
        CaptionOracle, lambda seed: caption_floor_view(view, scenes.captions("evaluation", index), seed)
    )
    pairs = sum(not set(scenes.oracle.tail(name)).isdisjoint(item[name]) for item in truth for name in item)
    assert pairs not in (0, 256)
    assert floors["tail_accuracy"] == {"value": 1, "sd": 0, "draws": 20, "minimum_effect": pytest.approx(1 / pairs)}
    counts = [sum(list(item[name]).count(v) for item in truth) for name in truth[0] for v in scenes.oracle.tail(name)]
    counted = [count for count in counts if count >= 20]
    assert floors["tail_survival"]["minimum_effect"] == pytest.approx(1 / (len(counted) * min(counted)))


@pytest.mark.java
def test_the_ceiling_of_a_captioner(scenes, real):
    captions = scenes.captions("evaluation", np.arange(256))

    def make_view(seed):
        return caption_floor_view(real, captions, seed)

    overlap = floor_draws(CaptionOverlap, make_view, draws=3)
    assert 0 < overlap["bleu4"]["value"] < 1
    assert overlap["cider"]["sd"] > 0
    oracle = floor_draws(CaptionOracle, make_view, draws=3)
    assert oracle["attribute_accuracy"] == {"value": 1, "sd": 0, "draws": 3, "minimum_effect": 0}
