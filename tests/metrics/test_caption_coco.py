"""The whole of `COCOEvalCap`, its own tokeniser and all, against ours."""

from __future__ import annotations

from types import SimpleNamespace

import pycocoevalcap.eval
import pytest

from benchmarks.metrics.captions.meteor import Meteor
from benchmarks.metrics.captions.overlap import CaptionOverlap
from benchmarks.metrics.java.ptb import find_java
from benchmarks.metrics.view import View
from tests.metrics.caption_texts import evaluation

pytestmark = pytest.mark.java

NAMES = {
    "bleu1": "Bleu_1", "bleu2": "Bleu_2", "bleu3": "Bleu_3", "bleu4": "Bleu_4", "rouge_l": "ROUGE_L", "cider": "CIDEr",
    "meteor": "METEOR",
}  # fmt: skip


def nothing(name):
    """Makes what stands in the place of a scorer: SPICE would download its models, METEOR takes its time."""
    return lambda: SimpleNamespace(method=lambda: name, compute_score=lambda real, said: (0.0, [{} for _ in real]))


def annotated(texts):
    # A line separator inside a caption shifts all later ones in the reference: it gets single spaces.
    annotations = {i: [{"caption": " ".join(text.split())} for text in each] for i, each in enumerate(texts)}
    return SimpleNamespace(getImgIds=lambda: list(annotations), imgToAnns=annotations)


def compare(families, evaluate, monkeypatch):
    monkeypatch.setenv("PATH", str(find_java().parent), prepend=":")
    monkeypatch.setattr(pycocoevalcap.eval, "Spice", nothing("SPICE"))
    captions, references = evaluation(120)
    assert "" in captions
    assert max(len(text.split()) for text in captions) > 190
    reference = pycocoevalcap.eval.COCOEvalCap(annotated(references), annotated([[text] for text in captions]))
    reference.evaluate()
    view = View(captions=captions, references=references, document_frequency=references)
    for family in families:
        values = evaluate(family(), view)
        assert set(values) == set(family.declares)
        for name, value in values.items():
            assert value == pytest.approx(reference.eval[NAMES[name]], rel=1e-9, abs=1e-12), name
            assert 0.02 < value < 9


def test_equal_to_the_coco_caption_evaluation(monkeypatch, evaluate):
    monkeypatch.setattr(pycocoevalcap.eval, "Meteor", nothing("METEOR"))
    compare([CaptionOverlap], evaluate, monkeypatch)


@pytest.mark.slow
def test_equal_to_the_coco_caption_evaluation_with_meteor(monkeypatch, evaluate):
    compare([CaptionOverlap, Meteor], evaluate, monkeypatch)
