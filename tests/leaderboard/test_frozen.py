"""The answer of a chain in words: what is left, and when half of the loss falls."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.reporting.pages.chains import chain_figure
from benchmarks.reporting.pages.figures import trajectory_figure
from leaderboard import frozen
from leaderboard.board import Board, build
from leaderboard.controls import find_controls
from leaderboard.latex import latex
from leaderboard.markdown import markdown
from leaderboard.overall import overall
from leaderboard.readings import BoardRow
from leaderboard.render import terminal
from leaderboard.screen import screen
from leaderboard.sentences import headline
from leaderboard.tables import records
from records.results import CellResult, MetricInfo, Point, Row

UP, NONE = (MetricInfo(direction, primary, "a" * 64) for direction, primary in (("up", True), ("none", False)))
INFO = {"set/attributes_left@n=8": UP, "set/attributes_left_cross@n=8": NONE, "set/attributes_unrelated@n=8": NONE}


def cell(seed: int, left: list[float], trains: tuple[str, ...] = (), **more: float) -> CellResult:
    points = [
        {"set/attributes_left@n=8": value, "set/attributes_left_cross@n=8": value / 2, "set/attributes_unrelated@n=8": 0.2,
         **{f"set/{name}": number for name, number in more.items()}}
        for value in left
    ]  # fmt: skip
    return CellResult(
        suite="s", suite_digest="d" * 64, key=f"{seed:064x}", seed=seed, iterations=len(left), n=8,
        rows=(Row("frozen_loop", "from_image", "none"),), trains=trains, status="complete",
        sets=tuple(Point(t, values) for t, values in enumerate(points, start=1)),
        info=INFO | {f"set/{name}": NONE for name in more},
        configuration={"scenario": {"prompts": "new_captions"}}, execution={"device": "cpu"},
    )  # fmt: skip


def board(*cells: CellResult) -> Board:
    row = BoardRow(
        "frozen_loop", "from_image", "none", None, tuple(c.seed for c in cells), tuple(c.key for c in cells)
    )  # fmt: skip
    return build([row], {c.key: c for c in cells})


@pytest.mark.parametrize(
    ("course", "half"),
    [
        ([0.9, 0.8, 0.7, 0.6], 2),
        ([0.6, 0.6, 0.6, 0.6], 1),
        ([1.0, 1.0, 1.0, 0.6], 4),
        ([1.0, 1.0], None),
        ([0.5, 0.9], 1),
    ],
)
def test_half_of_the_loss(course: list[float], half: int | None) -> None:
    assert frozen.half_of_the_loss(np.array(course)) == half


def test_the_answer_is_that_of_the_mean_over_seeds() -> None:
    made = board(cell(0, [0.9, 0.8, 0.7, 0.6]), cell(1, [0.7, 0.6, 0.5, 0.4]))
    (chain,) = frozen.chains(made)
    (first,) = frozen.words(chain)
    assert first == (
        "After 4 alternations 0.5 ± 0.14 of the attributes are left in images (of an unrelated scene: 0.2); "
        "half of the loss falls in the first 2."
    )
    assert headline(made) == [first]


def test_attributes_stand_in_the_order_of_what_is_left_beyond_chance() -> None:
    """Of two sizes half agree by chance: six tenths of them are less than one half of eight colours."""
    left = {"attribute_left_size@n=8": 0.6, "attribute_unrelated_size@n=8": 0.5,
            "attribute_left_colour@n=8": 0.5, "attribute_unrelated_colour@n=8": 0.125,
            "attribute_left_shape@n=8": 1.0, "attribute_unrelated_shape@n=8": 1.0}  # fmt: skip
    (chain,) = frozen.chains(board(cell(0, [0.9, 0.8], **left)))
    assert frozen.words(chain)[1] == (
        "Left of each (of an unrelated scene), most beyond chance first: colour 0.5 (0.125), size 0.6 (0.5), "
        "shape 1 (1)."
    )
    assert frozen.beyond(0.5, 0.125) == pytest.approx(3 / 7)
    assert frozen.beyond(0.1, 0.2) < 0


def test_a_similarity_stands_beside_what_it_means() -> None:
    numbers = {"similarity_same@clip,n=8": 0.9, "unrelated_same@clip,n=8": 0.1, "similarity_cross@clip,n=8": 0.3,
               "unrelated_cross@clip,n=8": 0.2, "real_cross@clip,n=8": 0.4, "mcd@clip,n=8": 0.6}  # fmt: skip
    (chain,) = frozen.chains(board(cell(0, [0.9], **numbers)))
    told = frozen.words(chain)
    assert "Similarity of images to the image that it began with: 0.9 (an unrelated pair has 0.1)." in told
    assert (
        "Similarity of captions to the image that it began with: 0.3 (an unrelated pair has 0.2, a real pair has 0.4)."
    ) in told
    assert told[0].endswith("half of the loss falls in the first; mean cumulative drift 0.6.")


def test_without_attributes_the_answer_is_a_similarity() -> None:
    found = cell(0, [0.9], **{"similarity_same@dino,n=8": 0.7, "unrelated_same@dino,n=8": 0.2})
    (chain,) = frozen.chains(
        board(
            replace(
                found,
                info={m: i for m, i in found.info.items() if "attr" not in m}
                | {"set/attributes_left@n=8": replace(UP, primary=True)},
                sets=(Point(1, {m: v for m, v in found.sets[0].values.items() if "attr" not in m}),),
            )
        )
    )
    assert frozen.headline(chain) == (
        "after 1 alternation images have a similarity of 0.7 to the image that they began with "
        "(of an unrelated one: 0.2); half of the loss falls in the first"
    )


def test_the_screen_shows_a_chain_beside_loops_of_one_side() -> None:
    said = screen(board(cell(0, [0.9, 0.8])), "mine", Path("runs"), []).splitlines()
    assert said[2].startswith("After 2 alternations 0.8 of the attributes are left in images")
    table = next(i for i, line in enumerate(said) if "set: attributes_left" in line)
    assert said[table + 1].split()[:4] == ["at", "1", "at", "T"]
    assert said[table + 2].split()[:3] == ["none", "0.9", "0.8"]


def test_an_incomplete_chain_and_a_loop_that_trains_say_nothing() -> None:
    trained = board(cell(0, [0.9], trains=("captioner",)))
    assert frozen.chains(trained) == []
    assert frozen.section(trained) == frozen.terminal(trained) == ""
    whole = cell(0, [0.9])
    row = BoardRow("frozen_loop", "from_image", "none", None, (0, 1), (whole.key, "f" * 64))
    assert frozen.chains(build([row], {whole.key: whole})) == []


def test_a_chain_has_a_row_without_controls_and_no_share_in_overall_tables() -> None:
    made = board(cell(0, [0.9, 0.8]), cell(1, [0.8, 0.7]))
    (group,) = made.groups
    assert (group.modality, group.metric, group.direction) == ("set", "set/attributes_left@n=8", "up")
    assert group.controls.label == "nothing trains: compare with generation 0"
    (line,) = group.lines
    assert (line.role, line.headline) == ("control", "-")
    assert line.worsening is not None
    assert line.worsening.mean == pytest.approx(0.1)
    assert overall(made) == []
    assert trajectory_figure(made) is None
    assert "at 1" in markdown(made)
    assert "at 0" not in markdown(made)


def test_the_figure_has_two_panels_a_chain_and_one_without_a_judge() -> None:
    numbers = {"similarity_same@clip,n=8": 0.9, "similarity_cross@clip,n=8": 0.3, "real_cross@clip,n=8": 0.4}
    both = chain_figure(board(cell(0, [0.9, 0.8], **numbers)))
    assert both is not None
    assert [panel["title"]["text"] for panel in both.spec["concat"]] == ["frozen_loop/from_image/none"] * 2
    lines = {record["line"] for record in both.records if record["quantity"] == "similarity to the first image"}
    assert lines == {"images", "captions", "a real pair"}
    only = chain_figure(board(cell(0, [0.9, 0.8])))
    assert only is not None
    assert len(only.spec["concat"]) == 1
    images = [r for r in only.records if r["line"] == "images"]
    assert [(r["alternation"], r["mean"]) for r in images] == [(0, 1.0), (1, 0.9), (2, 0.8)]
    assert chain_figure(build([], {})) is None


def test_a_chain_worsens_since_its_first_alternation_and_says_so() -> None:
    """What was lost in the first is no worsening here: no set was measured before it."""
    drops = [cell(seed, [0.6, 0.6, 0.6, 0.5 + 0.001 * seed, 0.5, 0.5]) for seed in range(5)]
    made = board(*drops)
    (line,) = made.groups[0].lines
    assert line.onset == 4
    assert line.worsening is not None
    assert line.worsening.mean == pytest.approx(0.1)
    assert "worsening since 1" in markdown(made)
    assert "worsening since 1" in terminal(made)
    assert "worsening since 1" in latex(made, "it")
    (told,) = records(made)
    assert (told["first"], told["start"], told["onset"]) == (1, pytest.approx(0.6), 4)


def test_rows_of_which_nothing_ran_yet_are_not_said_to_train_nothing() -> None:
    rows = [BoardRow("single_model_captioner", "default", "none", None, (0,), ("a" * 64,))]
    controls = find_controls(rows[0], tuple(rows), {}, "set/attributes_left@n=8")
    assert controls.problem == "no control: real not in the plan"
