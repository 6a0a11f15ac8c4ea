"""What a row is decides where it counts: controls of scenarios that mitigate, rows `real_X`, and rows of fewer seeds."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from leaderboard import comparing, overview, tables
from leaderboard import statistics as st
from leaderboard.board import build
from leaderboard.joint import linearised
from leaderboard.learned import Learned
from leaderboard.learning import shares
from leaderboard.loops import NEVER, loops
from leaderboard.overall import overall
from leaderboard.pareto import front
from leaderboard.sentences import headline, limits, verdicts
from leaderboard.sorting import sort_board
from records.results import Cost
from tests.leaderboard.conftest import World

LOOP = ("joint", "default")


def study(seeds=range(5), **rates: float) -> World:
    w = World(seeds=seeds)
    for name, rate in {"none": 1.0, "real": 0.05, **rates}.items():
        w.add(*LOOP, name, rate)
    return w


def lines_of(w: World, scenario: str = "joint", modality: str = "generator") -> dict:
    (group,) = (g for g in build(w.rows, w.results).groups if (g.scenario, g.modality) == (scenario, modality))
    return {line.mitigation: line for line in group.lines}


def costing(w: World, name: str, *, real: int, synthetic: int) -> None:
    row = next(row for row in w.rows if row.mitigation == name)
    for seed in row.seeds:
        w.change(row, seed, cost=Cost(1000, real, synthetic, 10, 1.0, 1.0))


def test_the_control_of_a_scenario_that_mitigates_is_ranked_nowhere():
    """Its `none` is the scenario as it is; its `real` is no method, and changes nothing of those that are."""
    w, without = study(some=0.4), study(some=0.4)
    for world, names in ((w, {"none": 0.5, "real": 0.05, "more": 0.2}), (without, {"none": 0.5, "more": 0.2})):
        for name, rate in names.items():
            world.add("budget", "five", name, rate, parent="joint/default")
    found, expected = lines_of(w, "budget"), lines_of(without, "budget")
    assert {name: line.role for name, line in found.items()} == {"none": "method", "real": "control", "more": "method"}
    real = found.pop("real")
    assert (real.headline, real.prevented, real.rank, real.p_value) == ("-", None, None, None)
    for name, line in expected.items():
        assert (found[name].p_value, found[name].rank) == (line.p_value, line.rank)
        assert line.rank is not None
    powers = [g.power for world in (w, without) for g in build(world.rows, world.results).groups if g.parent]
    assert powers[:2] == powers[2:]
    (loop,) = loops(build(w.rows, w.results))
    assert "budget/five + real" not in verdicts(loop)
    page = "\n".join(overview.markdown(build(w.rows, w.results))).splitlines()
    head = [cell.strip() for cell in next(line for line in page if line.startswith("| mitigation")).split("|")]
    for line in (line for line in page if line.startswith("| budget")):
        cells = dict(zip(head, (cell.strip() for cell in line.split("|")), strict=True))
        assert [cells[name] for name in head if name.endswith("rank")] == [""] * 3


@pytest.mark.parametrize(("real", "synthetic", "role"), [(1024, 0, "reference"), (1024, 1024, "method")])
def test_real_pairs_all_the_way_are_a_reference_whatever_else_is_called_so(real: int, synthetic: int, role: str):
    w = study(some=0.4, other=0.6, real_some=0.02)
    costing(w, "real_some", real=real, synthetic=synthetic)
    board = build(w.rows, w.results)
    (loop,) = loops(board)
    rows = {row.name: row for row in loop.rows}
    line = rows["real_some"].lines["generator"]
    assert line.role == role
    assert line.prevented is not None, "shown all the same"
    method = role == "method"
    assert (line.rank is not None, line.p_value is not None, rows["real_some"].rank is not None) == (method,) * 3
    assert ("real_some" in verdicts(loop)) is method
    assert ("real_some" in front(loop.rows)) is method
    assert ("real_some" in {x.mitigation for table in overall(board) for x in table.lines}) is method
    assert (overview.TAUGHT in "\n".join(overview.markdown(board))) is not method
    assert rows["some"].rank == ((2, 2) if method else (1, 1))
    order = ["none", "real", NEVER, "real_some", "some", "other"]
    assert [row.name for row in loop.rows] == order
    learned = shares("it", next(g for g in board.groups if g.modality == "generator"))
    assert ("real_some" in learned.own, "some" in learned.shares) == (method, not method)


def test_a_method_whose_name_begins_as_a_reference_has_the_share_of_its_own_pairs():
    found = Learned("it", own={"real_augmentation": st.Ratio(0.5, 0.4, 0.6, "bounded")},
                    as_real=frozenset({"real_augmentation", "sims"}))  # fmt: skip
    assert found.basis("real_augmentation") == "own pairs"
    assert found.share("real_augmentation") == found.own["real_augmentation"]
    assert found.basis("sims") == "not run"
    assert found.absent("augmentation") == "no row real_augmentation in it"


def test_rows_that_are_there_without_a_share_say_why():
    w = study(real_ema=0.02, real_kl=0.02, accumulate=0.4)
    for name in ("real_ema", "real_kl"):
        costing(w, name, real=1024, synthetic=0)
    w.remove(next(row for row in w.rows if row.mitigation == "real_ema"), 3)
    kl = next(row for row in w.rows if row.mitigation == "real_kl")
    for seed in kl.seeds:
        w.change(kl, seed, execution={"device": "cuda:0", "machine": "x86_64"})
    board = build(w.rows, w.results)
    found = shares("it", next(g for g in board.groups if g.modality == "generator"))
    assert found.absent("ema") == "real_ema (incomplete 4/5)"
    assert found.absent("kl") == "real_kl (ran on another kind of host than real)"
    own = replace(found, dropped={"accumulate": "incomplete 4/5"}, own={}, as_real=frozenset({"accumulate"}))
    assert (own.basis("accumulate"), own.absent("accumulate")) == ("", "accumulate (incomplete 4/5)")
    shown = overview.terminal(replace(board, learning={"generator": found}))
    assert "no row there for accumulate." in " ".join(shown.split())


def fewer_seeds(rate: float = 0.4) -> World:
    w = study(seeds=range(9), some=0.4)
    w.add("relabel", "default", "none", rate, parent="joint/default", seeds=range(5))
    return w


def test_a_scenario_of_fewer_seeds_is_tested_against_those_of_its_parent():
    w = fewer_seeds()
    (loop,) = loops(build(w.rows, w.results))
    row = next(row for row in loop.rows if row.child)
    line = row.lines["generator"]
    none, real = (line.controls.reading(name) for name in ("none", "real"))
    assert none.row.seeds == line.reading.row.seeds == tuple(range(5))
    assert comparing.p_value(none, line.reading) == st.paired_p(none.at(-1), line.reading.at(-1))
    assert verdicts(loop)[row.name] == {"captioner": "protects", "generator": "protects"}
    parts = [
        linearised(x.controls.reading("none").at(-1), x.reading.at(-1), x.controls.reading("real").at(-1), direction)
        for x, direction in ((line, "down"), (row.lines["captioner"], "up"))
    ]
    assert row.joint.share.n == len(real.row.seeds)
    assert row.joint.share.mean == pytest.approx(np.mean(parts))
    whole = next(line for line in loop.groups[0].lines if line.mitigation == "none").reading
    with pytest.raises(ValueError, match="rows of other seeds are not compared"):
        comparing.paired(whole, none)


def test_a_scenario_of_fewer_seeds_that_changes_nothing_is_said_to():
    w = fewer_seeds()
    child, none = w.rows[-1], w.rows[0]
    for seed in child.seeds:
        w.change(child, seed, metrics=w.results[none.keys[seed]].metrics)
    w.add(*LOOP, "placebo", 1.0)
    (loop,) = loops(build(w.rows, w.results))
    assert verdicts(loop)["relabel"] == {"captioner": "nothing", "generator": "nothing"}
    assert "unclear" in verdicts(loop)["placebo"].values()
    (said,) = limits(loop)
    assert said.startswith("With 9 seeds (scenarios that mitigate: 5 or more), differences of ")


def test_seeds_in_another_order_are_the_same_seeds():
    w = study(some=0.4)
    expected = lines_of(w)["some"]
    row = w.rows[-1]
    w.rows[-1] = replace(row, seeds=row.seeds[::-1], keys=row.keys[::-1])
    found = lines_of(w)["some"]
    assert (found.prevented, found.gain, found.p_value) == (expected.prevented, expected.gain, expected.p_value)


def test_a_method_that_prevents_nothing_is_on_no_front_and_none_of_an_invalid_loop_is():
    assert front(loops(build(*plan_of(study(bad=1.5))))[0].rows) == frozenset()
    assert front(loops(build(*plan_of(study(good=0.5))))[0].rows) == {"good"}
    w = World()
    for name, rate in (("none", 1.0), ("real", 0.6), ("some", 0.2)):
        w.add("harsh", "default", name, rate, trains=("generator",))
    board = build(w.rows, w.results)
    (loop,) = loops(board)
    assert next(row for row in loop.rows if row.name == "some").value > 0
    assert front(loop.rows) == frozenset()
    assert "no method is judged by these numbers" in "\n".join(overview.markdown(board))
    assert "INVALID (real worsens by 60%" in "\n".join(overview.markdown(board))


def plan_of(w: World):
    return w.rows, w.results


def test_an_invalid_loop_is_named_in_words_wherever_it_stands():
    w = study(some=0.4)
    for name, rate in (("none", 1.0), ("real", 0.6), ("some", 0.2)):
        w.add("harsh", "default", name, rate, trains=("generator",))
    for name in ("none", "real", "some"):
        w.add("calm", "default", name, 0.001, trains=("generator",))
    said = headline(build(w.rows, w.results))
    assert sum(s.startswith("In harsh: the generator: real pairs harm by 60%") for s in said) == 1
    assert not any("calm" in s and "collapse" in s for s in said), "whose rows have a label in place of a number"


def test_standing_still_is_known_to_a_grain_over_both_sides():
    """The interval of the model that is never trained rests on what `none` loses, which is a share of n items."""
    w = World(seeds=range(5), noise=0.0)
    for name, rate in (("none", 1.0), ("real", 0.05), ("some", 0.4)):
        w.add(*LOOP, name, rate)
    metric = "captioner/accuracy@n=512"
    for row in w.rows:
        for seed in row.seeds:
            cell = w.results[row.keys[seed]]
            ends = {"none": 0.5, "real": 464 / 512, "some": 400 / 512}[row.mitigation]
            points = tuple(
                replace(p, values={**p.values, metric: ends if p.iteration == 4 else 465 / 512}) for p in cell.metrics
            )
            w.change(row, seed, metrics=points)
    rows = {row.name: row for row in loops(build(w.rows, w.results))[0].rows}
    half = (rows[NEVER].joint.share.high - rows[NEVER].joint.share.low) / 2
    item = 1 / 512 / ((464 - 256) / 512)  # of one side's collapse
    assert half >= 2.776 * item / 2 / np.sqrt(5) - 1e-9


def test_a_row_that_never_begins_to_worsen_is_the_best_by_its_onset():
    w = study(good=0.2, still=0.0)
    named = [x.mitigation for x in sort_board(build(w.rows, w.results), "onset").groups[1].lines]
    assert named.index("still") == 2, "behind the controls"
    w.remove(w.add(*LOOP, "lost", 0.3), 1)
    assert [x.mitigation for x in sort_board(build(w.rows, w.results), "onset").groups[1].lines][-1] == "lost"


def test_programs_read_which_sets_are_intervals():
    (found, *_) = tables.records(build(*plan_of(study(some=0.4))))
    assert {"prevented_kind", "first"} <= set(found)
    document = json.loads(tables.json_text(build(*plan_of(study(some=0.4))), "it"))
    assert [group["untrained_kind"] for group in document["groups"]] == ["bounded"] * 2
