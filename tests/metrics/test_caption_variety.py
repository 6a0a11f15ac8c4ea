from __future__ import annotations

import math
from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from pycocoevalcap.bleu.bleu_scorer import BleuScorer

from benchmarks.metrics.captions.diversity import words
from benchmarks.metrics.captions.rare_words import RareWords, _expected, halves, rare_word_survival, rare_words
from benchmarks.metrics.captions.variety import (
    CaptionVariety,
    distinct,
    self_bleu,
    sequence_repetition,
    zipf_exponent,
)
from benchmarks.metrics.view import View


def sentences(n, seed=0, vocabulary=30):
    rng = np.random.default_rng(seed)
    shares = 1 / np.arange(1, vocabulary + 1)
    return [[f"w{i}" for i in rng.choice(vocabulary, rng.integers(4, 9), p=shares / shares.sum())] for _ in range(n)]


def exact_self_bleu(texts, references):
    """Averages matches and closest lengths over every choice of references, one text after the other."""
    matched, guessed, closest = np.zeros(4), np.zeros(4), 0.0
    for i, text in enumerate(texts):
        choices = list(combinations([other for j, other in enumerate(texts) if j != i], references))
        for n in range(1, 5):
            said = Counter(tuple(text[k : k + n]) for k in range(len(text) - n + 1))
            guessed[n - 1] += said.total()
            for chosen in choices:
                real = [Counter(tuple(t[k : k + n]) for k in range(len(t) - n + 1)) for t in chosen]
                matched[n - 1] += sum(min(c, max(r[g] for r in real)) for g, c in said.items()) / len(choices)
        for chosen in choices:
            closest += min((abs(len(t) - len(text)), len(t)) for t in chosen)[1] / len(choices)
    length = sum(map(len, texts))
    return math.exp(min(0, 1 - closest / length)) * (matched / guessed).prod() ** 0.25


def test_self_bleu_is_the_mean_over_every_choice_of_references():
    texts = sentences(8, vocabulary=3)
    texts[2], texts[5] = texts[1], ["w0"] * 12
    for references in (1, 3, 7):
        assert self_bleu(texts, references) == pytest.approx(exact_self_bleu(texts, references), rel=1e-12)


def test_self_bleu_is_that_of_pycocoevalcap_over_random_references():
    texts = sentences(300)
    rng = np.random.default_rng(0)
    drawn = []
    for _ in range(10):
        scorer = BleuScorer(n=4)
        for i, text in enumerate(texts):
            chosen = rng.permutation([j for j in range(300) if j != i])[:10]
            scorer += (" ".join(text), [" ".join(texts[j]) for j in chosen])
        drawn.append(scorer.compute_score(option="closest")[0][3])
    assert self_bleu(texts) == pytest.approx(np.mean(drawn), abs=4 * np.std(drawn, ddof=1) / math.sqrt(10) + 2e-3)


def test_more_captions_of_the_same_kind_change_nothing():
    few, many = sentences(400), sentences(1600, seed=1)
    small = np.mean([self_bleu(sentences(100, seed, vocabulary=8)) for seed in range(16)])
    large = np.mean([self_bleu(sentences(400, seed, vocabulary=8)) for seed in range(20, 24)])
    assert large == pytest.approx(small, rel=0.03)
    assert distinct(many, 3) == pytest.approx(distinct(few, 3), rel=0.03)
    counts = [Counter(word for text in texts for word in text) for texts in (few, many)]
    assert zipf_exponent(counts[1]) == pytest.approx(zipf_exponent(counts[0]), rel=0.05)


def test_self_bleu_at_the_ends():
    assert self_bleu([list("abcd")] * 20) == pytest.approx(1)
    assert self_bleu([[f"{i}{j}" for j in range(5)] for i in range(20)]) == 0


def test_repetition_by_hand():
    assert sequence_repetition([list("abab"), list("abcd"), []], 2) == pytest.approx((1 - 2 / 3) / 3)
    assert sequence_repetition([list("aaaaaaa")], 4) == pytest.approx(1 - 1 / 4)
    assert sequence_repetition([list("abc")], 4) == 0


def test_the_exponent_of_known_frequencies():
    assert zipf_exponent(Counter({str(i): 10 for i in range(100)})) == pytest.approx(0, abs=1e-12)
    for exponent in (0.7, 1.0, 1.4):
        shares = np.arange(1, 51) ** -exponent
        counts = Counter({str(i): int(c) for i, c in enumerate(np.ceil(shares / shares.sum() * 50_000))})
        assert zipf_exponent(counts, budget=5_000) == pytest.approx(exponent, rel=0.05)


def test_the_exponent_is_that_of_subsamples():
    counts = Counter(word for text in sentences(900, vocabulary=60) for word in text)
    rng = np.random.default_rng(0)
    slopes = []
    for _ in range(200):
        drawn = np.sort(rng.multivariate_hypergeometric(list(counts.values()), 1_000))[::-1]
        drawn = drawn[drawn > 0]
        slopes.append(-np.polyfit(np.log(np.arange(1, len(drawn) + 1)), np.log(drawn), 1)[0])
    assert zipf_exponent(counts) == pytest.approx(np.mean(slopes), abs=2 * np.std(slopes))


def test_what_cannot_be_had_is_absent(evaluate):
    family = CaptionVariety()
    assert set(evaluate(family, View(captions=["a dog on a mat"] * 10))) == {"distinct3", "repetition2", "repetition4"}
    assert family.absent["self_bleu"] == "10 captions: each needs 10 others"
    assert "50 words" in family.absent["zipf_exponent"]
    family = CaptionVariety()
    silent = evaluate(family, View(captions=[""] * 50))
    assert set(silent.values()) == {0}
    assert family.absent["self_bleu"] == "no caption has 4 words"


def test_rare_words_are_whole_classes_of_the_tail():
    counts = Counter({"the": 150, "dog": 36, "a": 5, "b": 3, "c": 3, "slip": 1, "typo": 1})
    assert rare_words(counts) == {"b", "c"}  # with "a" they would be more than a twentieth of 199 words
    assert rare_words(Counter({"x": 500, "y": 500})) == frozenset()


def test_survival_is_the_share_of_rare_words_in_subsamples():
    real = Counter({"the": 800, "red": 150, **{f"r{i}": 4 for i in range(12)}})
    said = Counter({"the": 700, "red": 80, **{f"r{i}": 5 for i in range(6)}})
    rare = rare_words(real)
    assert len(rare) == 12
    rng = np.random.default_rng(0)

    def seen(counts):
        tokens = np.array(sorted(counts.elements()))
        return np.mean([len(rare & set(rng.choice(tokens, 300, replace=False))) for _ in range(1000)])

    assert rare_word_survival(said, (real, real), 300) == pytest.approx(seen(said) / seen(real), rel=0.03)
    assert rare_word_survival(real, (real, real), 300) == 1
    assert rare_word_survival(Counter({"the": 900}), (real, real), 300) == 0
    other = Counter({"the": 800, "red": 150, **{f"s{i}": 4 for i in range(12)}})
    assert rare_word_survival(said, (real, other), 300) is None  # no rare word of one half is in the other
    assert rare_word_survival(Counter({"the": 299}), (real, real), 300) is None


def test_real_captions_score_one_as_words_are_not_counted_where_they_were_chosen():
    rng = np.random.default_rng(0)
    share = 1 / np.arange(1, 401)
    vocabulary = np.array([f"w{i}" for i in range(400)])

    def said(n):
        return Counter(rng.choice(vocabulary, n, p=share / share.sum()).tolist())

    crossed, plain = [], []
    for _ in range(40):
        first, second, new = said(10_000), said(10_000), said(5_000)
        both, rare = first + second, rare_words(first + second)
        crossed.append(rare_word_survival(new, (first, second)))
        plain.append(_expected(new, rare, 1000) / _expected(both, rare, 1000))
    assert abs(np.mean(crossed) - 1) < 0.025  # of four standard errors
    assert abs(np.mean(plain) - 1) > 0.1


def test_survival_of_real_captions_is_about_one(real, evaluate):
    assert evaluate(RareWords(), real)["rare_word_survival"] == pytest.approx(1, abs=0.25)
    rare = frozenset().union(*map(rare_words, halves(real.document_frequency)))
    common = [" ".join(w for w in words(caption) if w not in rare) for caption in real.captions]
    assert evaluate(RareWords(), real.with_(captions=common))["rare_word_survival"] == 0
    family = RareWords()
    assert evaluate(family, real.with_(captions=["a dog"] * 256)) == {}
    assert "512 words" in family.absent["rare_word_survival"]
