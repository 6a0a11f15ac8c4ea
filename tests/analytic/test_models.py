from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kstest

from benchmarks.analytic.data import AnalyticData, class_shares, draw_classes, normal
from benchmarks.analytic.families import CaptionLaw, ImageMoments, PoolLaw
from benchmarks.analytic.models import CategoricalCaptioner, GaussianGenerator
from benchmarks.metrics.view import View
from benchmarks.seeds import sample_seeds, uniform
from lightning_modules.fitting.contracts import NonFiniteLoss
from lightning_modules.settings import CaptionDecoding, FitSettings
from tests.analytic.loops import DRAWN, SAMPLED, SETTINGS, make, pairs

SEEDS = sample_seeds(7, np.arange(4000))


def test_data_are_a_function_of_seed_split_and_item():
    data, again = AnalyticData(classes=5), AnalyticData(classes=5)
    index = np.array([3, 1, 900])
    assert np.array_equal(data.images("prompts", index), again.images("prompts", index))
    assert np.array_equal(data.images("prompts", index)[1:2], data.images("prompts", np.array([1])))
    other = AnalyticData(classes=5, seed=1).images("prompts", index)
    assert not np.isin(data.images("prompts", index), other).any()
    splits = [data.images(split, np.arange(data.sizes[split])) for split in data.sizes]
    joined = np.concatenate(splits)
    assert len(np.unique(joined)) == len(joined)


def test_data_follow_their_law():
    data = AnalyticData(classes=3, probabilities=[2, 1, 1], spacing=5, sigma=2, sizes={"train": 20_000})
    index = np.arange(20_000)
    classes = data.classes("train", index)
    assert np.abs(np.bincount(classes) / 20_000 - [0.5, 0.25, 0.25]).max() < 0.015
    residuals = (data.images("train", index) - 5.0 * classes) / 2
    assert kstest(residuals, "norm").pvalue > 1e-3
    assert data.captions("train", index)[0] == (f"c{classes[0]}",) * 6
    assert data.attributes("train", index)[9] == {"class": (f"c{classes[9]}",)}


def test_data_refuse_what_does_not_exist():
    data = AnalyticData()
    with pytest.raises(KeyError, match="unknown split"):
        data.images("nowhere", np.arange(1))
    with pytest.raises(IndexError, match="numbered"):
        data.captions("floor", np.array([512]))
    with pytest.raises(ValueError, match="probabilities"):
        AnalyticData(classes=2, probabilities=[1, 2, 3])
    with pytest.raises(ValueError, match="sizes"):
        AnalyticData(sizes={"nowhere": 1})


def test_the_likelihood_of_captions_is_that_of_the_law_they_are_drawn_from():
    blind = CategoricalCaptioner(classes=3, probabilities=[3, 1, 0])
    assert np.exp(blind.log_likelihood(np.zeros(3), ["c0", "c1", "c2"])).tolist() == pytest.approx([0.75, 0.25, 0])
    sees = CategoricalCaptioner(classes=2, probabilities=[3, 1], spacing=2.0, reads_images=True)
    images = np.array([0.0, 1.0, 5.0])
    density = np.array([3.0, 1.0]) * np.exp(-0.5 * (images[:, None] - [0.0, 2.0]) ** 2)
    wanted = density / density.sum(1, keepdims=True)
    for k in range(2):
        assert np.exp(sees.log_likelihood(images, [f"c{k}"] * 3)) == pytest.approx(wanted[:, k])


def test_oracle_reads_names_and_nearest_means():
    oracle = AnalyticData(classes=4, spacing=10).oracle
    assert oracle.read_captions(["c2", "cat", ""]).values["class"][:, 0].tolist() == ["c2", "?", "?"]
    assert oracle.read_images(np.array([-3.0, 14.0, np.nan])).values["class"][:, 0].tolist() == [
        "c0",
        "c1",
        "?",
    ]
    assert oracle.tail("class") == ("c3", "c2")
    assert sum(oracle.frequencies()["class"].values()) == pytest.approx(1)


def test_uniform_and_normal_draws():
    u = uniform(SEEDS)
    assert u.min() > 0
    assert u.max() < 1
    assert kstest(u, "uniform").pvalue > 1e-3
    assert kstest(normal(SEEDS), "norm").pvalue > 1e-3
    assert draw_classes(np.array([0.5, 0.5, 0.0]), np.array([0.0001, 1 - 1e-17])).tolist() == [0, 1]


def test_samples_do_not_depend_on_their_batch():
    _, generator, captioner = make(classes=3, reads=True)
    prompts = ["c1"] * 100
    images = generator.generate(prompts, DRAWN, SEEDS[:100]).outputs
    assert np.array_equal(images[40:], generator.generate(prompts[40:], DRAWN, SEEDS[40:100]).outputs)
    captions = captioner.generate(images, SAMPLED, SEEDS[:100]).outputs
    assert captions[40:] == captioner.generate(images[40:], SAMPLED, SEEDS[40:100]).outputs


def test_models_survive_a_round_trip(tmp_path):
    _, generator, captioner = make(classes=3, reads=True, learns=True)
    pool = pairs([0.1, 0.7, 9.0], ["c0", "c0", "c1"])
    for model in (generator, captioner):
        model.fit_pairs(pool, SETTINGS, 0)
        model.save(tmp_path / model.modality)
        again = type(model).load(tmp_path / model.modality)
        assert again.__dict__.keys() == model.__dict__.keys()
        for name, value in model.__dict__.items():
            assert np.array_equal(getattr(again, name), value)


def test_generator_fit_is_maximum_likelihood_by_class_and_keeps_the_unseen():
    generator = GaussianGenerator(classes=3, spacing=8)
    generator.fit_pairs(pairs([1.0, 3.0, 7.0], ["c0", "c0", "c1"]), SETTINGS, 0)
    assert generator.means.tolist() == [2, 7, 16]
    assert generator.variances.tolist() == [1, 0, 1]


def test_fits_honour_weights_as_repeated_pairs():
    images, captions = [1.0, 3.0, 8.0, 9.5], ["c0", "c0", "c1", "c1"]
    weights = np.array([1, 3, 2, 1], dtype=np.float32)
    repeated = np.repeat(np.arange(4), [1, 3, 2, 1])
    for build in (lambda: make(2)[1], lambda: make(2, reads=True, learns=True)[2]):
        one, two = build(), build()
        one.fit_pairs(pairs(images, captions, weights=weights), SETTINGS, 0)
        two.fit_pairs(pairs(np.array(images)[repeated], [captions[i] for i in repeated]), SETTINGS, 0)
        for name, value in one.__dict__.items():
            np.testing.assert_allclose(value, getattr(two, name))


def test_no_steps_is_no_fit_and_bad_input_is_refused():
    generator = GaussianGenerator()
    report = generator.fit_pairs(pairs([5.0], ["c0"]), FitSettings(steps=0, learning_rate=1.0), 0)
    assert (generator.means[0], report.steps, report.losses) == (0, 0, [])
    with pytest.raises(NonFiniteLoss):
        generator.fit_pairs(pairs([np.nan], ["c0"]), SETTINGS, 0)
    with pytest.raises(ValueError, match="names none"):
        generator.fit_pairs(pairs([1.0], ["a cat"]), SETTINGS, 0)
    with pytest.raises(ValueError, match="weights"):
        generator.fit_pairs(pairs([1.0], ["c0"]), SETTINGS, 0, objective=lambda losses, context: losses.mean())
    with pytest.raises(ValueError, match="temperature alone"):
        make()[2].generate(np.zeros(1), CaptionDecoding(beams=2), SEEDS[:1])


def test_captioner_samples_its_law_and_its_posterior():
    shares = class_shares(3)
    blind = CategoricalCaptioner(3)
    drawn = blind.generate(np.zeros(4000), SAMPLED, SEEDS).outputs
    frequencies = np.array([drawn.count(f"c{k}") for k in range(3)]) / 4000
    assert np.abs(frequencies - shares).max() < 0.03
    reader = CategoricalCaptioner(2, probabilities=[0.5, 0.5], spacing=2.0, reads_images=True)
    drawn = reader.generate(np.full(4000, 1.5), SAMPLED, SEEDS).outputs
    # Posterior of class 1 at 1.5: logistic of (spacing / sigma^2) * (1.5 - midpoint).
    assert drawn.count("c1") / 4000 == pytest.approx(1 / (1 + np.exp(-1.0)), abs=0.03)
    greedy = reader.generate(np.array([0.9, 1.1]), CaptionDecoding(), SEEDS[:2]).outputs
    assert greedy == ["c0", "c1"]


def test_an_extinct_class_stays_extinct_and_a_degenerate_one_is_read():
    reader = make(2, reads=True, learns=True, spacing=2.0)[2]
    reader.fit_pairs(pairs([2.0, 2.1], ["c1", "c1"]), SETTINGS, 0)
    assert reader.generate(np.zeros(50), SAMPLED, SEEDS[:50]).outputs == ["c1"] * 50
    reader.fit_pairs(pairs([2.0, 0.0, 0.1], ["c1", "c0", "c0"]), SETTINGS, 0)
    assert reader.generate(np.array([2.0, 0.05]), SAMPLED, SEEDS[:2]).outputs == ["c1", "c0"]


def measured(family, **fields):
    family.update(View(**fields))
    return {name: float(value) for name, value in family.compute().items()}


def test_image_moments_cancel_evaluation_noise():
    data, generator, _ = make(classes=3, spacing=8.0)
    index = np.arange(512)
    truth, prompts = data.attributes("evaluation", index), [c[0] for c in data.captions("evaluation", index)]

    def moments():
        images = generator.generate(prompts, DRAWN, SEEDS[:512]).outputs
        return measured(ImageMoments(), images=images, attributes=truth, oracle=data.oracle)

    before = moments()
    generator.variances *= 0.37
    after = moments()
    for name in ("variance", "variance_head", "variance_tail", "mean_drift"):
        assert after[name] / before[name] == pytest.approx(0.37)
    assert before["variance"] == pytest.approx(1, abs=0.3)


def test_caption_law_by_hand():
    oracle = AnalyticData(classes=3, probabilities=[0.5, 0.3, 0.2]).oracle
    values = measured(CaptionLaw(), captions=["c0", "c0", "c1", "c2"], oracle=oracle)
    assert values["heterozygosity"] == pytest.approx(4 / 3 * (1 - 6 / 16))
    assert values["tail_survival"] == 1
    assert values["tail_alive"] == 1
    assert values["class_drift"] == pytest.approx(0.05)
    lost = measured(CaptionLaw(), captions=["c0", "noise"], oracle=oracle)
    assert lost["tail_alive"] == 0
    assert lost["class_drift"] == pytest.approx(0.5)


def test_pool_law_is_what_the_fits_learn():
    data, generator, captioner = make(classes=4, spacing=2.0)
    index = np.arange(64)
    pool = pairs(data.images("prompts", index), [c[0] for c in data.captions("prompts", index)])
    generator.fit_pairs(pool, SETTINGS, 0)
    captioner.fit_pairs(pool, SETTINGS, 0)
    values = measured(PoolLaw(), captions=pool.captions, images=pool.images, oracle=data.oracle)
    assert values["heterozygosity"] == pytest.approx(1 - (captioner.shares**2).sum())
    assert values["variance_within"] == pytest.approx(captioner.shares @ generator.variances)
    family = PoolLaw()
    assert set(measured(family, captions=pool.captions, oracle=data.oracle)) | set(family.absent) == set(
        PoolLaw.declares
    )
