"""Lines in a judge's space: the loop's own measures, what moves them, and how often chance alone does."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from benchmarks.measuring.attributes import attribute_lines
from benchmarks.measuring.embeddings import Embeddings
from benchmarks.measuring.judges import EMBEDDED, find_judge
from benchmarks.measuring.lines import LEVEL, Line, chance, judged
from benchmarks.measuring.looking import Looked, load_judges
from benchmarks.measuring.space import Space, space_lines
from benchmarks.metrics.images.distance import image_distances
from benchmarks.metrics.images.real_side import RealSide
from benchmarks.metrics.variance import variance
from benchmarks.metrics.view import View

N, D = 200, 6


def draws(seed: int, n: int = N, modes: int = 4) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return 4.0 * np.eye(modes, D)[rng.integers(0, modes, n)] + rng.normal(size=(n, D))


def seen(features: np.ndarray, captions: np.ndarray | None = None) -> Embeddings:
    rows = np.arange(len(features))
    return Embeddings(features, rows, captions, None if captions is None else rows)


def by_name(lines: list[Line]) -> dict[str, Line]:
    return {line.name.partition("@")[0]: line for line in judged(lines)}


def test_measures_are_those_of_the_loop() -> None:
    mine, others = draws(0), draws(1)
    space, rows = Space(mine, RealSide(others)), np.arange(0, N, 2)
    view = View(features=mine[rows], real_features=others)
    known = image_distances(view)
    for name in ("frechet", "kernel", "recall", "coverage"):
        assert getattr(space, name)(rows) == pytest.approx(known[name])
    assert space.spread(rows) == pytest.approx(variance(mine[rows]))
    found = by_name(space_lines("j", seen(mine), seen(draws(2)), seen(others)))
    assert found["kernel"].bounds == (None, None)
    assert found["frechet"].value == pytest.approx(
        image_distances(View(features=mine, real_features=others))["frechet"]
    )


CHANGES: dict[str, tuple[Callable[[np.ndarray], np.ndarray], set[str]]] = {
    "nothing": (lambda x: x, set()),
    "narrower": (lambda x: 0.7 * x, {"frechet", "spread"}),
    "elsewhere": (lambda x: x + 2.0, {"frechet", "kernel", "recall", "coverage"}),
    "one mode": (lambda x: np.concatenate([x[x[:, 0] > 2]] * 5)[:N] + 1e-3 * np.arange(N)[:, None], {"coverage", "spread"}),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_what_moves_them(change: str) -> None:
    alter, expected = CHANGES[change]
    lines = space_lines("j", seen(alter(draws(3))), seen(draws(4)), seen(draws(5)))
    worse = {name for name, line in by_name(lines).items() if line.word == "worse"}
    assert expected <= worse
    assert bool(worse) == bool(expected)
    assert {line.name for line in lines if not line.whole} == {"memorised@j"}


def test_copies_of_real_items_are_memorised_and_nothing_else() -> None:
    others = draws(6)
    mine = draws(7)
    mine[:60] = others[:60] + 1e-3
    found = by_name(space_lines("j", seen(mine), seen(draws(8)), seen(others)))
    assert {name for name, line in found.items() if line.word == "worse"} == {"memorised"}
    share = found["memorised"].value
    assert share is not None
    assert 0.3 <= share <= 0.4  # and one in twenty of the others


def test_pairs_that_were_shuffled_do_not_align() -> None:
    pictures = draws(9)
    fit = seen(pictures, pictures + 0.1)
    shuffled = seen(pictures, np.roll(pictures, 1, axis=0))
    lines = by_name(space_lines("j", shuffled, fit, seen(draws(10), draws(11))))
    assert lines["alignment"].word == "worse"
    assert lines["alignment"].bounds == (-1.0, 1.0)
    first = fit.first(50)
    assert first.pairs()[0].shape == (50, D)
    some = Embeddings(pictures[:3], np.array([0, 2, 5]), pictures[:2], np.array([2, 7]))
    assert [len(part) for part in some.pairs()] == [1, 1]


def test_a_share_of_few_is_told_by_an_exact_test() -> None:
    line = Line("x", "images", "up", "", 0.075, 0.013, 0.015, 0.005, items=200)
    p = chance(line)
    assert p is not None
    assert 0.002 < p < 0.008  # Fisher's exact test of 15 and 3 of 200
    assert chance(Line("x", "images", "down", "", 0.0, 0.0, 0.0, 0.0, items=200)) == 1.0


ATTRIBUTES = {"colour": {"red": ["red"], "light_blue": ["light blue"], "green": ["green"]}}


def test_values_that_are_said_less_often_go_red() -> None:
    def said(reds: int, blues: int) -> Looked:
        texts = ["a red kite"] * reds + ["a light blue kite"] * blues + ["a Green kite; reddish"] * (N - reds - blues)
        return Looked(N, dict(enumerate(texts)), None, {})

    lines = {line.name: line for line in judged(attribute_lines(ATTRIBUTES, said(20, 80), said(80, 80)))}
    assert {name: line.value for name, line in lines.items()} == {
        "colour_red": 0.1, "colour_light_blue": 0.4, "colour_green": 0.5,
    }  # fmt: skip
    assert {name for name, line in lines.items() if line.word == "worse"} == {"colour_red"}
    few = attribute_lines(ATTRIBUTES, said(0, 80), said(19, 80))
    assert "19 of 200 real items" in few[0].reason
    assert attribute_lines({}, said(1, 1), None) == []
    # what is too rare is said by other real items than those that are compared with
    rare = attribute_lines(ATTRIBUTES, said(0, 80), said(30, 80), said(19, 80))
    assert "19 of 200 real items" in rare[0].reason
    asked = attribute_lines(ATTRIBUTES, said(0, 80), said(0, 80), said(30, 80))
    assert (asked[0].value, asked[0].real, asked[0].reason) == (0.0, 0.0, "")
    low, high = asked[0].interval
    assert (low, high) == (0.0, pytest.approx(0.01828, abs=1e-4)), "Clopper and Pearson: none of 200 is not none at all"
    alone = attribute_lines(ATTRIBUTES, said(20, 80), None)
    assert {line.word for line in judged(alone)} == {"unknown"}


def test_a_list_that_a_judge_cannot_read_says_so() -> None:
    (judge,) = load_judges([find_judge(EMBEDDED)])
    looked = Looked(N, {}, None, {EMBEDDED: seen(draws(12))})
    (line,) = attribute_lines(
        {"who": {"man": ["a photo of a man"], "dog": ["a photo of a dog"]}}, looked, None, judges=[judge]
    )
    assert (line.name, line.value) == ("attributes@embedded", None)
    assert line.reason.startswith("embedded does not know")


@pytest.mark.slow
def test_at_most_one_fresh_sample_of_twenty_is_called_worse() -> None:
    called = 0
    for seed in range(200):
        mine, real, others = (seen(draws(1000 + 3 * seed + i)) for i in range(3))
        called += any(line.word == "worse" for line in judged(space_lines("j", mine, real, others, seed)))
    assert called <= LEVEL * 200
