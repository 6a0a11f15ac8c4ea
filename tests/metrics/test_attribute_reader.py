from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.metrics.captions.shift import CaptionShift
from benchmarks.metrics.images.attribute_reader import AttributeReader, zero_shot
from benchmarks.metrics.view import View
from benchmarks.study.loading import SUITES, read
from benchmarks.study.testbed import AttributeList
from datamodules.scenes.dataset import Scenes
from lightning_modules.judges.clip import ClipJudge
from records.errors import UsageError

BASES = Path(__file__).parents[2] / "lightning_modules" / "bases" / "scenes"


def test_the_nearest_direction_is_read():
    phrases = {"red": np.array([[1.0, 0], [0, 10]]), "blue": np.array([[-1.0, 0]])}  # red points to 45 degrees
    assert zero_shot(np.array([[1.0, 0], [0, 0.1], [-3, 0.1], [-1, 3]]), phrases) == ["red", "red", "blue", "red"]


AXES = {"side": {"left": np.array([[-1.0, 0, 0]]), "right": np.array([[1.0, 0, 0]])},
        "height": {"low": np.array([[0, -1.0, 0]]), "middle": np.array([[0, 0, 1.0]]), "high": np.array([[0, 1.0, 0]])}}  # fmt: skip


def placed(**counts):
    """Features of images of known readings: left_low=3 is three images at the left and low."""
    sides, heights = {"left": -1, "right": 1}, {"low": (-2, 0), "middle": (0, 2), "high": (2, 0)}
    rows = [
        (sides[s], *heights[h]) for name, count in counts.items() for s, h in [name.split("_")] for _ in range(count)
    ]
    return np.array(rows, float)


def test_shifts_and_drifts_by_hand(evaluate):
    real = placed(left_low=40, right_middle=30, right_high=30)
    fake = placed(left_low=12, right_middle=4, right_high=4)
    values = evaluate(AttributeReader(), View(features=fake, real_features=real, phrase_features=AXES))
    assert values == pytest.approx(
        {
            "reader_shift_side_left": 0.2, "reader_shift_side_right": -0.2, "reader_drift_side": 0.2,
            "reader_shift_height_low": 0.2, "reader_shift_height_middle": -0.1, "reader_shift_height_high": -0.1,
            "reader_drift_height": 0.2, "reader_drift": 0.2,
            "reader_tail_survival": (1 + 0.2 / 0.3) / 2,  # of "left" and of "high", the first of two rarest
        }
    )  # fmt: skip
    same = evaluate(AttributeReader(), View(features=real, real_features=real, phrase_features=AXES))
    assert same["reader_drift"] == 0
    assert same["reader_tail_survival"] == 1


def test_a_tail_that_is_not_read_off_real_images_is_absent(evaluate):
    family, few = AttributeReader(), placed(left_low=9, right_high=9)
    evaluate(family, View(features=few, real_features=few, phrase_features=AXES))
    assert family.absent == {"reader_tail_survival": "no tail value is read off 20 real images"}


def test_an_error_of_the_reader_cancels(evaluate):
    """A reader that takes a third of the ones for the others sees two thirds of their shift, and none where there is none."""
    rng = np.random.default_rng(0)

    def seen(share):
        true = rng.random(30_000) < share
        wrong = true & (rng.random(30_000) < 1 / 3)
        return np.where((true & ~wrong)[:, None], [-1.0, 0, 0], [1.0, 0, 0])

    phrases = {"side": AXES["side"]}
    view = View(features=seen(0.2), real_features=seen(0.5), phrase_features=phrases)
    assert evaluate(AttributeReader(), view)["reader_shift_side_left"] == pytest.approx(-0.3 * 2 / 3, abs=0.02)
    view = View(features=seen(0.5), real_features=seen(0.5), phrase_features=phrases)
    assert evaluate(AttributeReader(), view)["reader_drift"] < 0.02


@pytest.fixture(scope="module")
def read_by_clip():
    """What the shipped judge reads off 768 scenes without training, and what the oracle reads: lone objects only."""
    scenes, index = Scenes(), np.arange(768)
    listed = read(AttributeList, SUITES / "attributes" / "shapes.yaml")
    judge, images = ClipJudge.load(BASES / "clip"), scenes.images("evaluation", index)
    exact = scenes.oracle.read_images(images)
    alone = exact.values["shape"][:, 1] == ""
    features = judge.embed_images(images[alone])
    return {
        attribute: (
            np.array(zero_shot(features, {value: judge.embed_texts(said) for value, said in values.items()})),
            exact.values[attribute][alone, 0],
            len(values),
        )
        for attribute, values in listed.attributes.items()
    }


@pytest.mark.parametrize(("attribute", "times"), [("colour", 4), ("background", 2), ("shape", 1.4)])
def test_the_shipped_judge_reads_what_the_oracle_reads(attribute, times, read_by_clip):
    """Agreement beyond that of two readers with these frequencies who do not look: four standard errors at least."""
    seen, true, count = read_by_clip[attribute]
    blind = sum(np.mean(seen == value) * np.mean(true == value) for value in set(true))
    agreement = np.mean(seen == true)
    assert agreement > times * blind
    assert agreement > blind + 4 * np.sqrt(blind * (1 - blind) / len(true))
    balanced = np.mean([np.mean(seen[true == value] == value) for value in set(true)])
    assert balanced > times / count


@pytest.mark.parametrize("name", ["people", "shapes"])
def test_shipped_lists_are_read(name):
    assert read(AttributeList, SUITES / "attributes" / f"{name}.yaml").name == name


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ("{}", "attributes: found none; allowed: one or more"),
        ("{age: {old: [old]}}", "attributes: age: found old; allowed: two values or more"),
        ("{age: {old: [old], young: []}}", "attributes: age: young: found no phrase; allowed: one or more"),
        ("{'a ge': {old: [old], young: [young]}}", "attributes: a ge: found 'a ge'; allowed: letters, digits, _ and -"),
    ],
)
def test_a_list_that_says_nothing_is_refused(attributes, words, tmp_path):
    file = tmp_path / "list.yaml"
    file.write_text(f"schema: 1\nname: list\nattributes: {attributes}\n")
    with pytest.raises(UsageError) as caught:
        read(AttributeList, file)
    assert words in str(caught.value)


def test_captions_shift_attribute_by_attribute(scenes, real, evaluate):
    values = evaluate(CaptionShift(), real)
    assert set(values) == {f"attribute_drift_{name}" for name in scenes.oracle.attributes}
    assert set(values.values()) == {0}
    said = [text.replace("blue", "red") for text in real.captions]
    values = evaluate(CaptionShift(), real.with_(captions=said))
    slots = [colour for item in real.attributes for colour in item["colour"]]
    assert values["attribute_drift_colour"] == pytest.approx(slots.count("blue") / len(slots))
    assert values["attribute_drift_shape"] == 0
