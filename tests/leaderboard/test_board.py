"""The board on simulated results: every number it shows, and everything it refuses to show."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from leaderboard import statistics as st
from leaderboard.board import build
from leaderboard.comparing import UNPAIRED
from leaderboard.overall import overall, wide
from leaderboard.unpaired import prevented_unpaired
from records.results import MetricInfo, Point, Row

FRECHET = "generator/frechet@clip,n=512"
JOINT = ("joint", "real_prompts")


def group(world, scenario="joint", modality="generator"):
    board = build(world.rows, world.results)
    return next(g for g in board.groups if (g.scenario, g.modality) == (scenario, modality))


def line(world, mitigation, scenario="joint", modality="generator"):
    return next(x for x in group(world, scenario, modality).lines if x.mitigation == mitigation)


def controls(w, **kwargs):
    w.add(*JOINT, "none", 1.0, **kwargs)
    w.add(*JOINT, "real", 0.05, **kwargs)
    return w


def test_no_torch_and_no_mlflow_is_imported():
    code = (
        "import sys, leaderboard.board, leaderboard.render, leaderboard.frozen, leaderboard.overall;"
        "sys.exit(any(m in sys.modules for m in ('torch', 'mlflow', 'vl_convert')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_numbers_are_those_of_the_statistics(zoo):
    def ends(name):
        row = next(r for r in zoo.rows if r.mitigation == name and r.group == JOINT)
        return np.array([zoo.results[key].value(FRECHET, 4) for key in row.keys])

    found = line(zoo, "accumulate")
    assert found.prevented == st.collapse_prevented(ends("none"), ends("accumulate"), ends("real"))
    assert found.prevented.value == pytest.approx(0.6, abs=0.1)
    assert found.prevented.low < found.prevented.value < found.prevented.high
    assert found.end == pytest.approx(ends("accumulate").mean())
    assert found.gain.low > 0
    assert found.p_value < 0.01
    assert found.rank[0] == 1
    assert found.onset == 1
    assert found.cost.training_steps == 480
    assert found.seeds == "5/5"
    assert line(zoo, "none").headline == line(zoo, "real").headline == "-"
    assert line(zoo, "placebo").p_value > 0.05
    assert group(zoo).controls.label.startswith("valid")
    assert group(zoo).lines[0].mitigation == "none"


@pytest.mark.parametrize(
    ("name", "headline", "seeds"),
    [
        ("missing_seed", "incomplete 4/5", "4/5"),
        ("failing", "failed 1/5", "4/5"),
        ("not_a_number", "not finite", "4/5"),
        ("other_protocol", "not comparable: other protocol", "5/5"),
    ],
)
def test_what_cannot_be_scored_says_why_and_has_no_number(zoo, name, headline, seeds):
    found = line(zoo, name)
    assert (found.headline, found.seeds) == (headline, seeds)
    assert found.prevented is found.rank is found.p_value is None
    if headline != "not comparable: other protocol":
        assert found.start is found.end is found.worsening is found.cost is None


def test_details_reach_the_notes(zoo):
    assert line(zoo, "failing").notes == ("seed 2 failed in fit 3: loss is NaN | stopped",)
    assert line(zoo, "not_a_number").notes == ("seed 1 is nan at iteration 4",)
    assert line(zoo, "not_a_number", modality="captioner").prevented is not None  # that curve is whole


def test_side_effects_are_shown_and_not_ranked(zoo):
    assert line(zoo, "guidance").rank is not None
    other = line(zoo, "guidance", modality="captioner")
    assert other.role == "side effect"
    assert other.prevented is not None
    assert other.rank is None
    assert other.p_value is not None, "whether it spoils that side is asked all the same"


def test_false_health_is_flagged(zoo):
    assert "false health: clipscore better, recall worse" in line(zoo, "verifier").notes
    assert line(zoo, "accumulate").notes == ()


def test_parent_lends_its_controls(zoo):
    child = line(zoo, "none", "relabel")
    row = next(r for r in zoo.rows if r.mitigation == "accumulate")
    assert child.role == "method"
    assert child.prevented.value == pytest.approx(0.73, abs=0.05)
    assert line(zoo, "none", "relabel_short").headline == "not comparable: T 2, the parent 4"
    assert "parent gone" in line(zoo, "none", "relabel_orphan").headline
    assert row.parent is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"n": 512}, "N 512, the parent 1024"),
        ({"seeds": (4, 5, 6)}, "seeds 4,5,6, the parent 0,1,2,3,4"),
        ({"seeds": (5, 6, 7, 8, 9)}, "seeds 5,6,7,8,9"),
    ],
)
def test_parent_of_another_setting_is_not_comparable(world, change, words):
    w = controls(world())
    w.add("relabel", "real_prompts", "none", 0.3, parent="joint", **change)
    found = line(w, "none", "relabel")
    assert words in found.headline
    assert found.prevented is None


def test_a_parent_at_more_seeds_lends_those_of_the_row(world):
    """A study may ask its headline at more seeds than the rest."""
    seeds = (0, 1, 2, 3)
    few, many = controls(world(seeds)), controls(world())
    for w in (few, many):
        w.add("relabel", "real_prompts", "none", 0.3, parent="joint", seeds=seeds)
    found, expected = line(many, "none", "relabel"), line(few, "none", "relabel")
    assert found.prevented == expected.prevented
    assert found.gain == expected.gain
    assert line(many, "none").seeds == "5/5"


def test_controls_that_do_not_collapse_or_are_invalid(zoo):
    assert line(zoo, "accumulate", "captioner_only", "captioner").headline == "control did not collapse"
    harsh = group(zoo, "generator_only")
    assert harsh.controls.label.startswith("INVALID (real worsens by 60%")
    found = line(zoo, "accumulate", "generator_only")
    assert found.rank is None
    assert "unranked: invalid testbed" in found.notes


def test_a_testbed_of_unknown_validity_is_not_called_invalid(world):
    """Where `none` gets better, and `real` more so, there is no worsening that `real` could have a share of."""
    w = world(noise=0.02)
    for name, rate in (("none", -0.2), ("real", -1.0), ("some", -0.5)):
        w.add(*JOINT, name, rate)
    assert "unranked: validity unknown, none did not worsen" in line(w, "some").notes


def test_no_control_no_score(world):
    w = world()
    w.add(*JOINT, "none", 1.0)
    w.add(*JOINT, "accumulate", 0.4)
    assert line(w, "accumulate").headline == "no control: real not in the plan"
    w = controls(world())
    w.add(*JOINT, "accumulate", 0.4)
    w.remove(w.rows[1], 0)
    assert line(w, "accumulate").headline == "no control: real incomplete 4/5"
    assert group(w).controls.label == "unknown (no control: real incomplete 4/5)"


@pytest.mark.parametrize(("seeds", "note"), [((0, 1, 2), "descriptive: ranks need 5 seeds"), ((0,), None)])
def test_few_seeds_are_descriptive_and_one_has_no_interval(world, seeds, note):
    w = controls(world(seeds=seeds))
    w.add(*JOINT, "accumulate", 0.4)
    w.add(*JOINT, "placebo", 1.0)
    found = line(w, "accumulate")
    assert found.rank is found.p_value is None
    if note:
        assert note in found.notes
        assert found.prevented is not None
    else:
        assert found.headline == "one seed, no interval"
        assert found.end is not None


def test_host_kinds_are_not_paired(world):
    w = controls(world())
    w.add(*JOINT, "here", 0.4)
    w.add(*JOINT, "elsewhere", 0.4, device="cuda:0")
    w.add(*JOINT, "placebo", 1.0)
    found = line(w, "elsewhere")
    assert found.notes == (UNPAIRED,)
    assert found.correlation is None
    assert line(w, "here").notes == ()
    assert line(w, "here").correlation > 0.5
    none, method, real = (line(w, name).reading.at(-1) for name in ("none", "elsewhere", "real"))
    welch = stats.ttest_ind(none, method, equal_var=False)
    assert (found.gain.low, found.gain.high) == pytest.approx(tuple(welch.confidence_interval(0.95)))
    assert found.prevented == prevented_unpaired(none, method, real)
    assert found.p_value == pytest.approx(3 * welch.pvalue)  # Holm: the smallest of three
    assert found.rank == (1, 2)


def test_shared_cell_is_not_refused_for_the_protocol_of_its_other_row(world):
    w = controls(world())
    row = w.add(*JOINT, "frozen_relabel", 0.3, protocol="of the other scenario")
    assert line(w, "frozen_relabel").headline == "not comparable: other protocol"
    both = (Row("relabel", "real_prompts", "none", "joint"), Row(*JOINT, "frozen_relabel"))
    for seed in row.seeds:
        w.change(row, seed, rows=both)
    assert line(w, "frozen_relabel").prevented is not None


def test_primary_without_direction_is_no_headline(world):
    w = controls(world())
    for row in w.rows:
        for seed in row.seeds:
            info = w.results[row.keys[seed]].info | {FRECHET: MetricInfo("none", True, "p")}
            w.change(row, seed, info=info)
    assert line(w, "none").headline == "no direction"


def test_absent_metric_gives_its_reason(world):
    w = controls(world())
    row = w.add(*JOINT, "accumulate", 0.4)
    w.change(row, 3, absent={FRECHET: "no judge"})
    assert line(w, "accumulate").headline == "not measured"
    assert line(w, "accumulate").notes == ("seed 3: no judge",)
    w.change(row, 3, absent={}, metrics=(Point(0, {FRECHET: 2.0}),))
    assert line(w, "accumulate").headline == "not measured"


def test_only_cells_of_the_plan_are_shown(zoo):
    removed = [row for row in zoo.rows if row.mitigation != "placebo"]
    board = build(removed, zoo.results)
    assert board.ignored == 5
    assert all(x.mitigation != "placebo" for g in board.groups for x in g.lines)


def test_an_empty_run_shows_every_row_as_incomplete(zoo):
    board = build(zoo.rows, {})
    assert {x.headline for g in board.groups for x in g.lines} == {"incomplete 0/5"}
    assert sum(len(g.lines) for g in board.groups) == len(zoo.rows)
    assert build([], {}).groups == ()


def test_overall_is_of_complete_methods_in_scenarios_that_say_something(zoo):
    table = next(t for t in overall(build(zoo.rows, zoo.results)) if t.modality == "generator")
    by_name = {x.mitigation: x for x in table.lines}
    assert by_name["accumulate"].scenarios == "1/1"
    assert by_name["accumulate"].prevented == pytest.approx(0.6, abs=0.1)
    assert by_name["missing_seed"] == dataclasses.replace(
        by_name["missing_seed"], scenarios="0/1", prevented=None, rank=None
    )
    assert table.left_out == ("generator_only / guided: INVALID (real worsens by 60% of none's, limit 25%)",)
    assert [x.prevented is None for x in table.lines] == sorted(x.prevented is None for x in table.lines)


def test_overall_weighs_scenarios_equally(world):
    w = controls(world(noise=0.02))
    w.add(*JOINT, "half", 0.5)
    for variant in ("a", "b", "c"):
        for name, rate in (("none", 1.0), ("real", 0.0), ("half", 0.2)):
            w.add("single", variant, name, rate, trains=("generator",))
    table = next(t for t in overall(build(w.rows, w.results)) if t.modality == "generator")
    assert table.lines[0].scenarios == "2/2"
    assert table.lines[0].prevented == pytest.approx((0.5 / 0.95 + 0.8) / 2, abs=0.05)


def test_wide_table_labels_instead_of_averaging(zoo):
    tables = wide(build(zoo.rows, zoo.results))
    table = next(t for t in tables if (t.scenario, t.modality) == ("joint", "generator"))
    lines = {x.mitigation: dict(zip(table.metrics, x.values, strict=True)) for x in table.lines}
    assert lines["none"][FRECHET] == pytest.approx(10, abs=1)
    assert lines["missing_seed"][FRECHET] == "incomplete"
    assert lines["failing"][FRECHET] == "failed"
    assert lines["not_a_number"][FRECHET] == "not finite"
    assert lines["other_protocol"][FRECHET] == "other protocol"
    assert {t.modality for t in tables if t.scenario == "captioner_only"} == {"captioner", "set"}


def test_what_a_model_that_never_trains_would_prevent(zoo):
    found = group(zoo).controls
    none, real = (found.reading(name) for name in ("none", "real"))
    idle = st.collapse_prevented(none.at(-1), none.at(0), real.at(-1))
    assert found.untrained.value == pytest.approx(idle.value)
    assert found.untrained.value > 1, "fits on real pairs harm a little, too"


def test_without_a_collapse_there_is_nothing_to_prevent_by_standing_still(world):
    w = world()
    w.add(*JOINT, "none", 0.05)
    w.add(*JOINT, "real", 0.05)
    assert group(w).controls.untrained is None
