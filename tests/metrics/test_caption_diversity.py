from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

from benchmarks.metrics.captions.diversity import BUDGET, CaptionDiversity, entropy, rarefied, unique_share
from benchmarks.metrics.view import View


def test_rarefaction_is_the_mean_over_subsamples():
    tokens = np.repeat(np.arange(30), np.arange(1, 31))
    rng = np.random.default_rng(0)
    drawn = [len(set(rng.choice(tokens, 50, replace=False).tolist())) for _ in range(4000)]
    exact = rarefied(Counter(tokens.tolist()), 50)
    assert exact == pytest.approx(np.mean(drawn), abs=4 * np.std(drawn) / math.sqrt(4000))
    by_hand = sum(1 - math.comb(465 - c, 50) / math.comb(465, 50) for c in range(1, 31))
    assert exact == pytest.approx(by_hand, rel=1e-10)


def test_rarefaction_at_the_ends():
    assert rarefied(Counter("aabbb"), 5) == 2
    assert rarefied(Counter("aabbb"), 1) == pytest.approx(1)
    assert rarefied(Counter(), 5) == 0
    assert rarefied(Counter("ab"), 1000) == 2  # nothing is extrapolated


def test_more_text_of_the_same_kind_is_not_more_diverse(real, evaluate):
    rng = np.random.default_rng(0)
    words = [f"w{i}" for i in range(200)]
    texts = [" ".join(rng.choice(words, 10)) for _ in range(400)]
    half, whole = (evaluate(CaptionDiversity(), View(captions=t)) for t in (texts[:200], texts))
    assert whole["vocabulary"] == pytest.approx(half["vocabulary"], rel=0.02)
    assert whole["distinct1"] == pytest.approx(half["distinct1"], rel=0.02)


def test_repeating_one_caption_lowers_diversity(real, evaluate):
    good = evaluate(CaptionDiversity(), real)
    half = evaluate(CaptionDiversity(), real.with_(captions=[*real.captions[:128], *[real.captions[0]] * 128]))
    for name in ("distinct1", "distinct2", "unique_share", "vocabulary", "word_entropy"):
        assert half[name] < good[name]


def test_one_caption_for_all(evaluate):
    values = evaluate(CaptionDiversity(), View(captions=["A red  dog."] * 500))
    assert values == pytest.approx(
        {
            "distinct1": 3 / BUDGET,
            "distinct2": 2 / BUDGET,
            "unique_share": 1 / 500,
            "vocabulary": 3,
            "length_mean": 3,
            "length_sd": 0,
            "word_entropy": math.log(3),
        }
    )


def test_silence_is_not_diverse(evaluate):
    values = evaluate(CaptionDiversity(), View(captions=[""] * 50))
    assert values.pop("unique_share") == 1 / 50
    assert set(values.values()) == {0}


def test_words_ignore_case_and_punctuation(evaluate):
    values = evaluate(CaptionDiversity(), View(captions=["It's a dog, a well-known DOG!", "dog"]))
    assert values["vocabulary"] == 4  # it's, a, dog, well-known
    assert values["length_mean"] == 3.5
    assert values["length_sd"] == 2.5
    assert unique_share(["A  dog", "a dog", "a cat"]) == pytest.approx(2 / 3)
    assert entropy(Counter("aabb")) == pytest.approx(math.log(2))
    assert entropy(Counter("a")) == entropy(Counter()) == 0
