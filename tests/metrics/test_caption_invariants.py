from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.metrics.captions.diversity import CaptionDiversity
from benchmarks.metrics.captions.overlap import CaptionOverlap
from benchmarks.metrics.captions.rare_words import RareWords
from benchmarks.metrics.captions.variety import CaptionVariety
from benchmarks.metrics.view import View
from tests.metrics.caption_texts import evaluation

pytestmark = pytest.mark.java

UP = ("distinct1", "distinct2", "distinct3", "unique_share", "vocabulary", "word_entropy")
few = settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(scope="module")
def written():
    """240 captions with case, punctuation and accidents; a pinned split of as many."""
    captions, references = evaluation(240, seed=3)
    return View(captions=captions, references=references, document_frequency=evaluation(240, seed=4)[1])


def everything(*views):
    values = {}
    for family in (CaptionOverlap(), CaptionDiversity(), CaptionVariety(), RareWords()):
        for view in views:
            family.update(view)
        values |= {name: float(value) for name, value in family.compute().items()}
    return values


@given(seed=st.integers(0, 2**32), cuts=st.sets(st.integers(1, 239), max_size=4))
@few
def test_order_and_batches_change_nothing(written, seed, cuts):
    shuffled = written.take(np.random.default_rng(seed).permutation(240))
    parts = [shuffled.take(part) for part in np.split(np.arange(240), sorted(cuts))]
    assert everything(*parts) == pytest.approx(everything(written), rel=1e-9, abs=1e-12)


@given(item=st.integers(10, 238), many=st.integers(80, 239))
@few
def test_repeating_one_caption_lowers_every_diversity(written, item, many):
    said = list(written.captions)
    repeated = [said[item]] * many + said[many:]
    before, after = everything(written), everything(written.with_(captions=repeated))
    for name in UP:
        assert after[name] < before[name], name
    assert after["self_bleu"] > before["self_bleu"]
    if many > 200:  # one short caption with a rare word in place of long ones without may raise their share at first
        assert after["rare_word_survival"] < before["rare_word_survival"]


@given(which=st.lists(st.integers(0, 4), min_size=240, max_size=240))
@few
def test_copies_of_references_reach_the_ceiling(written, which):
    copies = [texts[i] for texts, i in zip(written.references, which, strict=True)]
    values = everything(written.with_(captions=copies))
    for name in ("bleu1", "bleu2", "bleu3", "bleu4", "rouge_l"):
        assert values[name] == pytest.approx(1)
    # Five references, one of them the caption itself: a fifth of ten at least.
    assert 2 <= values["cider"] <= 10
    alone = written.with_(captions=copies, references=[(text,) for text in copies])
    family = CaptionOverlap()
    family.update(alone)
    assert float(family.compute()["cider"]) == pytest.approx(10, abs=1e-6)
