"""The numbers of a metric that a reader chooses: those of a board, and no share where a board would refuse it."""

from __future__ import annotations

import pytest

from benchmarks.reporting.pages.choices import choices
from benchmarks.reporting.pages.rows import sections
from leaderboard.board import build
from leaderboard.learned import Learned
from leaderboard.statistics import Ratio
from tests.leaderboard.conftest import FRECHET, RECALL, World

LOOP = ("single", "default")


def numbers(w: World, metric: str) -> dict[str, list[float | None]]:
    """Return method -> start, end, worsening, its sd, share, low, high."""
    board = build(w.rows, w.results)
    found = sections(board)
    (chosen,) = (choice for choice in choices(board, found)[0] if choice.name == metric)
    return {row.name: chosen.numbers[row.key] for section in found for row in section.rows if row.key in chosen.numbers}


def study(real: float = 0.05, **more) -> World:
    w = World()
    for name, rate in (("none", 1.0), ("real", real), ("some", 0.4)):
        w.add(*LOOP, name, rate, trains=("generator",))
    w.add(*LOOP, "other", 0.4, trains=("generator",), **more)
    return w


@pytest.mark.parametrize("metric", [FRECHET, RECALL])
def test_a_share_is_that_of_a_board_with_this_headline(metric: str) -> None:
    found = numbers(study(), metric)
    assert found["none"][4:] == found["real"][4:] == [None] * 3
    lines = {x.mitigation: x for x in build(study().rows, study().results).groups[0].lines}
    share = lines["some"].prevented
    assert share is not None
    if metric == FRECHET:
        assert found["some"][4:] == pytest.approx([share.value, share.low, share.high], rel=1e-3)
    assert found["some"][4] is not None


@pytest.mark.parametrize(
    "change",
    [{"n": 512}, {"iterations": 2}, {"protocol": "q"}, {"seeds": (0, 1, 2, 3)}],
    ids=["N", "T", "protocol", "seeds"],
)
def test_what_a_board_does_not_compare_has_no_share(change: dict) -> None:
    found = numbers(study(**change), RECALL)
    assert found["some"][4] is not None
    assert found["other"][4:] == [None] * 3
    assert found["other"][0] is not None, "its own numbers are shown"


def test_controls_that_are_invalid_by_the_chosen_metric_give_no_share() -> None:
    assert numbers(study(real=0.6), RECALL)["some"][4:] == [None] * 3


def test_what_is_learned_is_sorted_whatever_it_is_a_share_of() -> None:
    w = study()
    share = Ratio(0.5, 0.4, 0.6, "bounded")
    told = Learned("it", shares={"some": share}, own={"other": Ratio(-0.2, -0.3, -0.1, "bounded")},
                   as_real=frozenset({"other"}))  # fmt: skip
    board = build(w.rows, w.results)
    object.__setattr__(board, "learning", {"generator": told})
    rows = {row.name: row.sorts.get("learns") for section in sections(board) for row in section.rows}
    assert rows == {"none": None, "real": None, "never trained": 0.0, "some": 0.5, "other": -0.2}
