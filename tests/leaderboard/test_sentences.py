"""Every sentence at the end of a run, held against numbers that are known."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from leaderboard.board import build
from leaderboard.loops import NEVER, loops
from leaderboard.readings import BoardRow
from leaderboard.sentences import damage, headline, verdicts
from records.results import CellResult, Floor, MetricInfo, Point, Row

SPREAD = np.array([-1.0, 1.0, 0.5, -0.5, 0.0])  # over seeds, of mean 0
NAMES = {"generator": ("generator/frechet@n=8000", "down"), "captioner": ("captioner/attribute_accuracy@n=8000", "up")}


def plan(rows, seeds=5, sides=("generator",), noise=0.01, minimum=0.001, parents=None, start=2.0):
    """Return a board from {scenario/variant/mitigation: worsening at T, or one per side}; straight lines of four."""
    board_rows, results = [], {}
    for index, (name, amounts) in enumerate(rows.items()):
        label = Row(*name.split("/"), (parents or {}).get(name))
        amounts = amounts if isinstance(amounts, tuple) else (amounts,) * len(sides)
        keys = []
        for seed in range(seeds):
            points = []
            for t in range(5):
                values = {}
                for side, amount in zip(sides, amounts, strict=True):
                    metric, direction = NAMES[side]
                    worse = t / 4 * (amount + noise * np.roll(SPREAD, index)[seed])
                    values[metric] = start + (worse if direction == "down" else -worse)
                points.append(Point(t, values))
            key = f"{name}{seed}"
            info = {NAMES[side][0]: MetricInfo(NAMES[side][1], True, "p") for side in sides}
            results[key] = CellResult(
                suite="s", suite_digest="s", key=key, seed=seed, iterations=4, n=256, rows=(label,), trains=sides,
                status="complete", metrics=tuple(points), info=info,
                floors={metric: Floor(start, minimum / 2, 20, minimum) for metric in info},
            )  # fmt: skip
            keys.append(key)
        seeds_of = tuple(range(seeds))
        board_rows.append(
            BoardRow(label.scenario, label.variant, label.mitigation, label.parent, seeds_of, tuple(keys))
        )
    return build(board_rows, results)


def loop(*rows: tuple[str, object]):
    return {f"single/default/{name}": amount for name, amount in rows}


def test_what_collapses_is_said_with_its_interval():
    board = plan(loop(("none", 1.7), ("real", 0.02)))
    (sentence,) = damage(loops(board)[0])
    # the mean of five seeds, and 2.776 x sd / sqrt(5) of 0.01 x SPREAD = 0.0098 on either side
    assert sentence == (
        "on own output the generator's frechet rises by 1.7 [1.69, 1.71] in 4 iterations, on real pairs by 0.02 [0.0102, 0.0298]."
    )
    assert headline(board)[0] == f"O{sentence[1:]}"


@pytest.mark.parametrize(
    ("none", "real", "said"),
    [
        (0.4, 0.001, "falls by 0.4 [0.39, 0.41] in 4 iterations, on real pairs it does not clearly change."),
        (0.4, -0.1, "falls by 0.4 [0.39, 0.41] in 4 iterations, on real pairs it rises by 0.1 [0.0902, 0.11]."),
        (-0.4, -0.1, "rises by 0.4 [0.39, 0.41] in 4 iterations, on real pairs by 0.1 [0.0902, 0.11]."),
        (0.001, 0.4, "does not clearly change in 4 iterations, on real pairs it falls by 0.4 [0.39, 0.41]."),
    ],
)
def test_a_metric_that_should_be_high_falls_where_it_gets_worse(none, real, said):
    board = plan(loop(("none", none), ("real", real)), sides=("captioner",))
    assert damage(loops(board)[0]) == [f"on own output the captioner's attribute accuracy {said}"]


def test_methods_protect_harm_or_make_no_clear_difference():
    board = plan(loop(("none", 1.0), ("real", 0.0), ("good", 0.2), ("bad", 1.5), ("idle", 1.001)))
    assert verdicts(loops(board)[0]) == {
        "good": {"generator": "protects"}, "idle": {"generator": "unclear"}, "bad": {"generator": "worse"},
    }  # fmt: skip
    said = headline(board)
    assert said[1:4] == [
        "good protects the generator.",
        "bad makes the generator worse.",
        "idle makes no clear difference for the generator.",
    ]
    assert said[4].startswith("With 5 seeds, differences of ")
    assert said[4].endswith(
        "% (generator) of the collapse are found four times in five, smaller ones are often missed."
    )


def test_the_two_sides_of_a_joint_loop_are_told_apart():
    rows = {"none": (1.0, 1.0), "real": (0.0, 0.0), "both": (0.1, 0.2), "relabel": (0.1, 1.001), "split": (0.3, 1.4)}
    board = plan(loop(*rows.items(), ("spoils", (1.4, 1.5))), sides=("captioner", "generator"))
    assert headline(board)[2:6] == [
        "both protects both sides.",
        "split protects the captioner and makes the generator worse.",
        "relabel protects the captioner; no clear difference for the generator.",
        "spoils makes both sides worse.",
    ]


def test_names_stand_together_and_are_counted_beyond_five():
    rows = loop(("none", 1.0), ("real", 0.0), *((f"m{i}", 0.1 + 0.05 * i) for i in range(8)))
    assert "m0, m1, m2, m3, m4 and 3 more protect the generator." in headline(plan(rows))


def test_words_hold_for_all_rows_together():
    """One difference of p = 0.03 is clear where it is alone, and not among twenty."""
    sd = SPREAD.std(ddof=1)
    t = 3.3 * sd * 0.01 * np.sqrt(2 / 5)  # a paired t of about 3.3 at 4 degrees of freedom is p = 0.03
    alone = plan(loop(("none", 1.0), ("real", 0.0), ("some", 1.0 - t)))
    p = {"some": {"generator": "protects"}}
    assert verdicts(loops(alone)[0]) == p
    many = plan(loop(("none", 1.0), ("real", 0.0), ("some", 1.0 - t), *((f"idle{i}", 1.0001) for i in range(19))))
    found = verdicts(loops(many)[0])
    assert found.pop("some") == {"generator": "unclear"}
    assert set(map(str, found.values())) == {"{'generator': 'unclear'}"}


def test_few_seeds_are_said_to_be_few():
    rows = loop(("none", 1.0), ("real", 0.0), ("good", 0.2))
    said = headline(plan(rows, seeds=3))
    assert "good protects the generator." in said
    assert said[-1].startswith("With 3 seeds, methods are not ranked, which takes 5; differences of ")
    assert not any(sentence.startswith("With") for sentence in headline(plan(rows)))
    said = headline(plan(rows, seeds=1))
    assert said == [
        "On own output the generator's frechet rises by 0.99 in 4 iterations, on real pairs it does not change.",
        "The generator: one seed has no interval, so nothing can be told from noise.",
    ]


def test_nothing_is_said_of_methods_where_controls_say_nothing():
    flat = headline(plan(loop(("none", 0.001), ("real", 0.0), ("good", -0.5))))
    assert flat[1] == (
        "The generator: own output does not clearly harm more than real pairs, so there is no collapse to prevent."
    )
    harsh = headline(plan(loop(("none", 1.0), ("real", 0.5), ("good", 0.2))))
    assert harsh[1].startswith("The generator: real pairs harm by 50% of what own output does (limit 25%)")
    taught = headline(plan(loop(("none", -0.2), ("real", -1.0), ("good", -0.5))))
    assert taught[1].startswith("The generator: own output does no harm, real pairs only do better")
    alone = headline(plan(loop(("none", 1.0), ("good", 0.2))))
    assert alone[1] == "The generator: nothing is scored (no control: real not in the plan)."
    for said in (flat, harsh, taught, alone):
        assert not any("good" in sentence for sentence in said)


def test_a_side_that_does_not_collapse_is_left_out_of_the_verdicts():
    rows = loop(("none", (0.0, 1.0)), ("real", (0.0, 0.0)), ("good", (0.0, 0.2)))
    said = headline(plan(rows, sides=("captioner", "generator")))
    assert "good protects the generator." in said
    assert any(sentence.startswith("The captioner: own output does not clearly harm") for sentence in said)


def test_scenarios_that_mitigate_are_judged_as_methods_of_their_parent():
    rows = {
        "joint/open/none": 1.0, "joint/open/real": 0.0, "relabel/captions/none": 0.3, "relabel/images/none": 1.4,
        "relabel/images/real": 0.0, "other/default/none": 0.5, "other/default/real": 0.0,
    }  # fmt: skip
    parents = {name: "joint/open" for name in rows if name.startswith("relabel")}
    board = plan(rows, sides=("captioner", "generator"), parents=parents)
    said = headline(board)
    assert said[0].startswith("In joint/open: on own output the captioner's")
    assert "relabel/captions protects both sides." in said
    assert "relabel/images makes both sides worse." in said
    assert said[-1].startswith("In other: on own output the generator's")
    names = [row.name for row in loops(board)[0].rows]
    assert names == ["none", "real", NEVER, "relabel/captions", "relabel/images", "relabel/images + real"]


def test_the_joint_loop_leads_wherever_it_stands(world):
    w = world()
    for scenario, sides in (("captioner_only", ("captioner",)), ("joint", ("captioner", "generator"))):
        for name, rate in (("none", 1.0), ("real", 0.05)):
            w.add(scenario, "default", name, rate, trains=sides)
    assert [(x.name, x.kind) for x in loops(build(w.rows, w.results))] == [
        ("joint", "joint loop"), ("captioner_only", "captioner alone"),
    ]  # fmt: skip


def test_a_row_of_the_numbers_of_none_changes_nothing_and_one_that_stands_still_may_have_trained():
    board = plan(loop(("none", 1.0), ("real", 0.0), ("good", 0.2), ("same", 1.0), ("still", 0.0)))
    none, same, still = (board.rows[i].keys for i in (0, 3, 4))
    results = dict(board.results)
    for keys, points in (
        (same, lambda r: r.metrics),
        (still, lambda r: tuple(Point(p.iteration, r.metrics[0].values) for p in r.metrics)),
    ):
        for key, other in zip(keys, none, strict=True):
            results[key] = dataclasses.replace(results[key], metrics=points(results[other]))
    board = build(list(board.rows), results)
    assert verdicts(loops(board)[0]) == {
        "good": {"generator": "protects"}, "same": {"generator": "nothing"}, "still": {"generator": "still"},
    }  # fmt: skip
    said = headline(board)
    assert "same changes nothing for the generator: the numbers are those of none to the last bit." in said
    assert "still keeps the generator where it began: the numbers never move." in said
