"""What is asked: every pair of contestants as often, on different items, checks that are right, nothing that is equal."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from benchmarks.survey.design import _noise, design
from benchmarks.survey.entrants import PEOPLE, Shown
from benchmarks.survey.page import picture_uri
from records.errors import UsageError
from tests.survey.people import material

NAMES = ["base", "accumulate", "none", PEOPLE["generator"]]


def test_every_pair_is_asked_as_often_on_every_sheet_and_on_different_items() -> None:
    made = design([material("generator", n=60)], 12, 3, 5, 0)
    assert [len(sheet) for sheet in made.sheets] == [12, 12, 12]
    for sheet in made.sheets:
        pairs = Counter(frozenset(pair.whose) for pair in sheet)
        assert pairs == Counter({frozenset(pair): 2 for pair in combinations(NAMES, 2)})
    items = [pair.item for sheet in made.sheets for pair in sheet]
    assert len(set(items)) == len(items) == 36


def test_what_is_shown_is_what_was_made_under_one_seed_of_both() -> None:
    given = material("generator")
    for sheet in design([given], 40, 1, 5, 1).sheets:
        for pair in sheet:
            assert pair.text == given.texts[pair.item]
            found = [
                {s for s in (0, 1) if np.array_equal(given.output(name, s, pair.item), out)}
                for name, out in zip(pair.whose, pair.outputs, strict=True)
            ]
            assert set.intersection(*found)


def test_a_check_is_what_people_made_beside_noise_or_beside_words_of_another_picture() -> None:
    both = [material("captioner"), material("generator")]
    made = design(both, 16, 1, 20, 2)
    assert Counter(pair.side for pair in made.checks) == {"captioner": 10, "generator": 10}
    for pair in made.checks:
        given = both[pair.side == "generator"]
        outputs = dict(zip(pair.whose, pair.outputs, strict=True))
        assert np.array_equal(outputs["right"], given.output(PEOPLE[pair.side], None, pair.item))
        if pair.side == "captioner":
            assert pair.image is not None
            assert outputs["wrong"] != outputs["right"]
            words = set(outputs["right"].split())
            assert (
                len(words & set(outputs["wrong"].split())) <= min(len(words & set(t.split())) for t in given.texts) + 1
            )
    assert {pair.whose for pair in made.checks} == {("right", "wrong"), ("wrong", "right")}


def test_noise_has_the_shape_of_the_picture_and_is_small_on_the_page() -> None:
    for shape in ((32, 32, 3), (700, 1024, 3), (5, 900, 3)):
        noise = _noise(shape, np.random.default_rng(0))
        assert noise.shape == shape
        assert noise.std() > 60
        assert len(picture_uri(noise, 768)) < 150_000


def test_what_two_made_the_same_is_counted_and_not_asked() -> None:
    given = material("captioner", n=20)
    shown = given.made["base", 0]
    half = Shown((*shown.texts[:10], *(f"{text} again" for text in shown.texts[10:])), shown.images)
    same = {**given.made, ("base", 1): shown, ("none", 0): half, ("none", 1): half}
    made = design([replace(given, made=same)], 80, 1, 5, 0)
    assert made.same["base / none"] <= set(range(10))
    asked = [pair for pair in made.sheets[0] if set(pair.whose) == {"base", "none"}]
    assert len(asked) >= 10
    assert all(pair.outputs[0] != pair.outputs[1] and pair.item >= 10 for pair in asked)
    twins = {**given.made, ("base", 1): shown, ("none", 0): shown, ("none", 1): shown}
    made = design([replace(given, made=twins)], 40, 1, 5, 0)
    assert len(made.same["base / none"]) == 20
    assert not [pair for pair in made.sheets[0] if set(pair.whose) == {"base", "none"}]
    assert len(made.sheets[0]) == 40


def test_where_all_made_the_same_or_too_little_is_asked_it_says_so() -> None:
    given = material("captioner", n=5)
    equal = Shown(("a ring",) * 5, given.images)
    with pytest.raises(UsageError, match="the captioners made the same of all items; allowed: outputs that differ"):
        design([replace(given, made=dict.fromkeys(given.made, equal))], 10, 1, 5, 0)
    with pytest.raises(UsageError, match="--questions: found 3 on 1 sheet; 4 are compared as captioner; allowed: 4 or"):
        design([given], 3, 1, 5, 0)
