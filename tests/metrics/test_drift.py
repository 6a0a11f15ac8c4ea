"""What is left of generation 0: numbers computed by hand, baselines, and what a judge cannot say."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.metrics.sets.attributes_left import AttributesLeft
from benchmarks.metrics.sets.drift import Drift, unrelated
from benchmarks.metrics.view import View

EAST, NORTH, NORTHEAST = np.array([1.0, 0.0]), np.array([0.0, 1.0]), np.array([1.0, 1.0])
HALF = math.sqrt(0.5)  # cosine of 45 degrees


def chain(begins: str, **changes) -> View:
    """Two items, generation 2: a first image of each that is kept, a caption that turns by 45 and then by 90 degrees."""
    images, captions = np.stack([EAST, NORTH]), np.stack([EAST, NORTH])
    turned = np.stack([NORTHEAST, NORTHEAST])
    view = View(
        begins=begins, origin_features=images, origin_paired_features=captions,
        earlier_features=images[:, None], earlier_paired_features=turned[:, None],
        features=3 * images, paired_features=np.stack([NORTH, EAST]),
    )  # fmt: skip
    return view.with_(**changes)


def test_similarities_of_a_chain_from_captions(evaluate):
    values = evaluate(Drift(), chain("captions"))
    assert values == pytest.approx(
        {
            "similarity_same": 0, "mcd_same": (HALF + 0) / 2, "unrelated_same": 1,
            "similarity_cross": 1, "mcd_cross": 1, "unrelated_cross": 0,
            "mcd": (HALF / 2 + 1) / 2, "real_cross": 1,
        }
    )  # fmt: skip


def test_from_images_same_and_cross_trade_places(evaluate):
    values = evaluate(Drift(), chain("images"))
    assert values["similarity_same"] == values["mcd_same"] == pytest.approx(1)
    assert values["mcd_cross"] == pytest.approx(HALF / 2)
    assert values["unrelated_cross"] == pytest.approx(1)


def test_generation_one_is_its_own_mean(evaluate):
    values = evaluate(Drift(), chain("captions", earlier_features=None, earlier_paired_features=None))
    assert values["mcd_same"] == values["similarity_same"] == pytest.approx(0)
    empty = np.empty((2, 0, 2))
    assert evaluate(Drift(), chain("captions", earlier_features=empty, earlier_paired_features=empty)) == values


def test_the_mean_is_over_generations_not_over_items_of_all():
    """Each generation weighs the same; the paper's mean of means."""
    family = Drift()
    family.update(chain("captions"))
    course = [HALF, 0.0]
    assert float(family.compute()["mcd_same"]) == pytest.approx(np.mean(course))


def test_a_judge_of_images_says_nothing_of_captions():
    gone = {"origin_paired_features": None, "earlier_paired_features": None, "paired_features": None}
    family = Drift()
    family.update(chain("images", **gone))
    values = family.compute()
    assert set(values) == {"similarity_same", "mcd_same", "unrelated_same"}
    assert family.absent == dict.fromkeys(
        ["similarity_cross", "mcd_cross", "mcd", "unrelated_cross", "real_cross"], "the judge does not embed captions"
    )
    family.reset()
    family.update(chain("captions", **gone))
    assert family.compute() == {}
    assert set(family.absent) == set(Drift.declares)


def test_one_item_has_no_other(evaluate):
    family = Drift()
    one = chain("captions").take(np.array([0]))
    values = evaluate(family, one)
    assert "unrelated_same" not in values
    assert family.absent["unrelated_same"] == family.absent["unrelated_cross"] == "one item has no other"


def test_unrelated_is_the_mean_over_all_pairs_of_two_items():
    rng = np.random.default_rng(0)
    one, two = rng.normal(size=(2, 7, 5))
    cosine = (one / np.linalg.norm(one, axis=1)[:, None]) @ (two / np.linalg.norm(two, axis=1)[:, None]).T
    pairs = [cosine[i, j] for i in range(7) for j in range(7) if i != j]
    assert unrelated(one, two) == pytest.approx(np.mean(pairs))
    assert unrelated(np.zeros((3, 5)), two[:3]) == 0


def left(scenes, begins: str, captions=None, images=None) -> dict[str, float]:
    index = np.arange(100)
    family = AttributesLeft()
    family.update(
        View(
            begins=begins, attributes=scenes.attributes("evaluation", index), oracle=scenes.oracle,
            captions=captions or [texts[3] for texts in scenes.captions("evaluation", index)],
            images=scenes.images("evaluation", index) if images is None else images,
        )
    )  # fmt: skip
    return {name: float(value) for name, value in family.compute().items()}


def test_real_pairs_have_all_attributes_and_another_scene_few(scenes):
    values = left(scenes, "captions")
    assert values["attributes_left"] == values["attributes_left_cross"] == 1
    assert {name for name in values if name.startswith("attribute_left_")} == {
        f"attribute_left_{name}" for name in scenes.oracle.attributes
    }
    assert 0.1 < values["attributes_unrelated"] < 0.6
    chances = [values[f"attribute_unrelated_{name}"] for name in scenes.oracle.attributes]
    assert np.mean(chances) == pytest.approx(values["attributes_unrelated"], abs=0.05)
    assert max(chances) > 2 * min(chances)  # which is why each attribute has a chance of its own


def test_which_side_is_read_is_that_which_the_chain_began_with(scenes):
    captions = ["nothing that a scene could be"] * 100
    assert left(scenes, "captions", captions)["attributes_left"] == 0
    assert left(scenes, "images", captions)["attributes_left"] == 1
    assert left(scenes, "images", captions)["attributes_left_cross"] == 0


def test_half_of_the_captions_lost_halve_what_is_left(scenes):
    real = [texts[0] for texts in scenes.captions("evaluation", np.arange(100))]
    values = left(scenes, "captions", [*real[:50], *["nothing"] * 50])
    assert values["attributes_left"] == pytest.approx(0.5)
    assert values["attribute_left_colour"] == pytest.approx(0.5)


def test_captions_of_the_next_item_are_what_unrelated_ones_are(scenes):
    texts = [texts[0] for texts in scenes.captions("evaluation", np.arange(100))]
    moved = [*texts[1:], texts[0]]  # each item says what the next one is
    values = left(scenes, "captions", moved)
    assert values["attributes_unrelated"] == 1
    assert {values[f"attribute_unrelated_{name}"] for name in scenes.oracle.attributes} == {1}
    assert values["attributes_left"] < 0.6
