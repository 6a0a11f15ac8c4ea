from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch

from benchmarks.metrics.alignment import CaptionerAlignment, GeneratorAlignment
from benchmarks.metrics.captions.clipscore import ClipScore
from benchmarks.metrics.captions.diversity import CaptionDiversity
from benchmarks.metrics.captions.embedding import CaptionEmbedding
from benchmarks.metrics.captions.oracle import CaptionOracle
from benchmarks.metrics.captions.overlap import CaptionOverlap
from benchmarks.metrics.captions.rare_words import RareWords
from benchmarks.metrics.captions.shift import CaptionShift
from benchmarks.metrics.captions.variety import CaptionVariety
from benchmarks.metrics.family import MetricUnavailable
from benchmarks.metrics.images.attribute_reader import AttributeReader
from benchmarks.metrics.images.cmmd import ImageCmmd
from benchmarks.metrics.images.distance import ImageDistance
from benchmarks.metrics.images.diversity import ImageDiversity
from benchmarks.metrics.images.memorisation import ImageMemorisation
from benchmarks.metrics.images.oracle import ImageOracle
from benchmarks.metrics.sets.images import SetImages
from benchmarks.metrics.sets.synthetic_set import SyntheticSet
from benchmarks.metrics.variance import CaptionerVariance, GeneratorVariance
from benchmarks.metrics.view import View
from records.declarations import facts
from records.sources import read_class

FAMILIES = [
    CaptionerAlignment, GeneratorAlignment, CaptionDiversity, CaptionOracle, CaptionOverlap, ImageDistance,
    ImageOracle, SyntheticSet, CaptionerVariance, GeneratorVariance, AttributeReader, CaptionShift, ClipScore, ImageCmmd,
    ImageDiversity, ImageMemorisation, SetImages, CaptionEmbedding, CaptionVariety, RareWords,
]  # fmt: skip
each_family = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)


@each_family
def test_literals_are_readable_without_import(family):
    literals = read_class(f"{family.__module__}.{family.__qualname__}").literals
    assert set(literals) - {"optional", "intervals"} == {"name", "version", "side", "needs", "declares"}
    assert literals["side"] in ("captioner", "generator", "set")
    assert set(literals.get("optional", ())) <= set(literals["needs"])
    assert literals["needs"] == family.needs
    assert set(literals.get("intervals", ())) <= set(literals["declares"])
    for about in literals["declares"].values():
        assert set(about) == {"direction", "range", "with_n", "source", "misses", "healthy"}
        assert about["direction"] in ("up", "down", "none")
        low, high = about["range"]
        assert low is None or high is None or low < high
        assert all("\n" not in about[text] for text in ("with_n", "source", "misses", "healthy"))


@each_family
def test_values_are_declared_float64_scalars_within_range(family, real):
    metric = family()
    metric.update(real)
    values = metric.compute()
    assert {name for name in family.declares if not name.endswith("*")} <= set(values)
    assert metric.absent == {}
    for name, value in values.items():
        low, high = facts(family.declares, name)["range"]
        assert value.dtype == torch.float64
        assert value.shape == ()
        assert low is None or value >= low
        assert high is None or value <= high


@each_family
def test_batches_do_not_matter(family, real, evaluate):
    whole = evaluate(family(), real)
    thirds = [real.take(part) for part in np.array_split(np.arange(256), 3)]
    thirds = [thirds[0], *(third.with_(draw_features=None) for third in thirds[1:])]
    if family in (CaptionerVariance, GeneratorVariance, ImageDiversity):
        thirds = [third.with_(draw_features=part) for third, part in
                  zip(thirds, np.array_split(real.draw_features, 3), strict=True)]  # fmt: skip
    assert evaluate(family(), *thirds) == pytest.approx(whole, rel=1e-12, abs=1e-12)


@each_family
def test_the_order_of_items_does_not_matter(family, real, evaluate):
    shuffled = real.take(np.random.default_rng(1).permutation(256))
    assert evaluate(family(), shuffled) == pytest.approx(evaluate(family(), real), rel=1e-9, abs=1e-9)


@each_family
def test_reset_forgets(family, real, evaluate):
    metric = family()
    metric.update(real.take(np.arange(100)))
    metric.reset()
    assert evaluate(metric, real) == evaluate(family(), real)


@each_family
def test_compute_without_items_is_an_error(family):
    with pytest.warns(UserWarning, match="before the"), pytest.raises(ValueError, match="never called"):
        family().compute()


@each_family
def test_a_missing_input_names_itself(family):
    required = set(family.needs) - set(family.optional) - {"java"}
    if not required:
        pytest.skip("every input is optional")
    with pytest.raises(MetricUnavailable, match="needs"):
        family().update(View())


def test_a_family_can_be_sent_to_another_process(real, evaluate):
    metric = ImageDistance()
    metric.update(real)
    assert evaluate(pickle.loads(pickle.dumps(metric))) == evaluate(metric)


def test_features_that_are_not_finite_are_refused(real):
    broken = real.features.copy()
    broken[3, 2] = np.nan
    metric = ImageDistance()
    metric.update(real.with_(features=broken))
    with pytest.raises(ValueError, match="NaN or infinite"):
        metric.compute()


def test_a_field_in_some_batches_only_is_refused(real):
    with pytest.raises(ValueError, match="captions is in 1 of 2 batches"):
        View.concat([View(captions=["a"]), View(prompts=["a"])])
    metric = SyntheticSet()
    metric.update(View(captions=["a"], features=np.zeros((1, 2))))
    metric.update(View(captions=["b"]))
    with pytest.raises(ValueError, match="features is in 1 of 2"):
        metric.compute()
