"""Identity: what shares steps, what does not, and what never enters a key."""

from __future__ import annotations

import copy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.planning.plan import Plan, PlannedRow
from benchmarks.study.loading import ROOT
from tests.engine.conftest import TESTBED, write_suite

Planner = Callable[..., Plan]
JOINT = {"file": "joint_finetune"}


def row(plan: Plan, scenario: str, mitigation: str, variant: str = "default") -> PlannedRow:
    return next(r for r in plan.rows if (r.scenario, r.variant, r.mitigation) == (scenario, variant, mitigation))


def kinds(plan: Plan, cell: str, *wanted: str) -> set[str]:
    return {k for k in plan.cells[cell].needs if plan.steps[k].kind in wanted}


def test_names_and_places_enter_no_key(tmp_path: Path) -> None:
    from benchmarks.planning.planner import make_plan

    renamed = copy.deepcopy(TESTBED)
    for model in [*renamed["captioners"], *renamed["generators"]]:
        model["name"] = "other_" + model["name"]
    here = make_plan(str(write_suite(tmp_path / "here")))
    there = make_plan(str(write_suite(tmp_path / "there", renamed, name="renamed", question="Why?")))
    assert list(here.steps) == list(there.steps)
    assert list(here.cells) == list(there.cells)


def test_what_changes_numbers_changes_keys(planned: Planner) -> None:
    base = set(planned(mitigations=["none"]).steps)
    for changes in (
        {"seeds": [2, 3]}, {"n": 15}, {"generate": {"generator": {"steps": 2, "guidance": 1.0}}},
        {"fit": {"generator": {"steps": 1, "learning_rate": 0.5}}}, {"shard": 8},
    ):  # fmt: skip
        other = planned(mitigations=["none"], **changes)
        made = {k for k, s in other.steps.items() if s.kind == "fit"}
        assert made
        assert not made & base, changes


def test_more_seeds_or_iterations_keep_what_was_done(planned: Planner) -> None:
    small, large = planned(), planned(seeds=[0, 1, 2], iterations=3)
    assert set(small.steps) <= set(large.steps)


def test_real_of_joint_is_the_real_of_the_single_models(planned: Planner) -> None:
    plan = planned(scenarios=[{"file": "single_model_captioner"}, {"file": "single_model_generator"}, JOINT])
    single = set()
    for scenario in ("single_model_captioner", "single_model_generator"):
        for key in row(plan, scenario, "real").keys:
            single |= set(plan.cells[key].needs)
    for key in row(plan, "joint_finetune", "real", "real_prompts").keys:
        assert set(plan.cells[key].needs) <= single


def test_real_makes_no_synthetic_data(planned: Planner) -> None:
    plan = planned(scenarios=[JOINT])
    for key in row(plan, "joint_finetune", "real", "closed").keys:
        assert not kinds(plan, key, "images", "captions")


def test_none_and_real_differ_in_data_keys_only(planned: Planner) -> None:
    plan = planned()
    none, real = (
        next(
            plan.steps[k]
            for k in plan.cells[row(plan, "single_model_generator", m).keys[0]].needs
            if plan.steps[k].kind == "fit"
        )
        for m in ("none", "real")
    )
    assert none.identity == real.identity
    assert none.inputs["model"] == real.inputs["model"]
    assert none.inputs["pool"] != real.inputs["pool"]


def test_real_is_of_the_same_items_as_the_pool_it_stands_beside() -> None:
    """In every shipped scenario, at every iteration; a closed loop keeps its items, and so does its `real`."""
    from benchmarks.planning.planner import make_plan

    plan, seen = make_plan("smoke"), set()
    for planned_row in plan.rows:
        for key in planned_row.keys:
            steps = [plan.steps[k] for k in plan.cells[key].needs]
            scenario = plan.cells[key].cell.scenario
            real = {s.t for s in steps if s.kind == "real" and s.start is None and s.split == "prompts"}
            drawn = {s.items[1] for s in steps if s.kind in ("images", "captions")}
            at_all = {1} if scenario.closed else set(range(1, plan.cells[key].cell.iterations + 1))
            assert real <= at_all, planned_row
            assert drawn <= at_all, planned_row
            seen.add((scenario.closed, bool(real), bool(drawn)))
    assert {(True, True, True), (True, True, False), (False, True, False)} <= seen


def test_closed_and_real_prompts_share_the_first_iteration(planned: Planner) -> None:
    plan = planned(scenarios=[JOINT], iterations=1)
    assert (
        row(plan, "joint_finetune", "none", "closed").keys != row(plan, "joint_finetune", "none", "real_prompts").keys
    )
    closed, anchored = (
        set(plan.cells[row(plan, "joint_finetune", "none", v).keys[0]].needs) for v in ("closed", "real_prompts")
    )
    assert closed == anchored


def test_a_patch_is_the_scenario_it_makes(planned: Planner) -> None:
    relabel = {"file": "frozen_relabel", "variants": ["captioner_frozen"]}
    plan = planned(
        scenarios=[{**JOINT, "variants": ["real_prompts"]}, relabel], mitigations=["none", "real", "frozen_relabel"]
    )
    patched = row(plan, "joint_finetune", "frozen_relabel", "real_prompts")
    assert patched.keys == row(plan, "frozen_relabel", "none", "captioner_frozen").keys
    assert len(plan.cells[patched.keys[0]].rows) == 2


def test_a_patch_that_changes_nothing_gives_no_row(planned: Planner) -> None:
    plan = planned(mitigations=["none", "frozen_relabel"])
    assert [r.mitigation for r in plan.rows] == ["none"]


def test_a_level_equal_to_the_own_decoding_is_the_plain_scenario(planned: Planner) -> None:
    sweep = {"file": "budget_sweep", "variants": ["steps_10"]}
    decoding = {"captioner": {"temperature": 1.0}, "generator": {"steps": 10, "guidance": 1.0}}
    plan = planned(scenarios=[{"file": "single_model_generator"}, sweep], generate=decoding)
    assert row(plan, "budget_sweep", "none", "steps_10").keys == row(plan, "single_model_generator", "none").keys


def test_equal_evaluations_change_n(planned: Planner) -> None:
    sweep = {"file": "budget_sweep", "variants": ["steps_5_equal_evaluations", "steps_20_equal_evaluations"]}
    plan = planned(scenarios=[sweep])
    sizes = {r.variant: plan.cells[r.keys[0]].cell.n for r in plan.rows if r.mitigation == "none"}
    assert sizes == {"steps_5_equal_evaluations": 32, "steps_20_equal_evaluations": 8}
    assert {r.mitigation for r in plan.rows} == {"none", "real"}


METHOD = '''
from benchmarks.methods.hooks import Mitigation


class Turned(Mitigation):
    """Train on the pool in reverse."""

    reads = {{"curate": ("new",)}}

    def curate(self, ctx):
        return ctx.new.take(range(len(ctx.new))[::{step}])
'''


def keys_of_method(folder: Path, suite: Path) -> set[str]:
    """Plan in a process of its own, as a user does, and return the keys of the cells of the method."""
    code = (
        "from benchmarks.planning.planner import make_plan\n"
        f"plan = make_plan({str(suite)!r}, [], [{str(folder / 'turned.py') + ':Turned'!r}])\n"
        "for row in plan.rows:\n"
        "    for key in row.keys if row.added else ():\n"
        "        print(*[k + plan.steps[k].kind for k in plan.cells[key].needs])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    return set(done.stdout.split())


def test_editing_a_method_changes_exactly_its_own_steps(tmp_path: Path) -> None:
    suite = write_suite(tmp_path)
    (tmp_path / "turned.py").write_text(METHOD.format(step=-1))
    before = keys_of_method(tmp_path, suite)
    (tmp_path / "turned.py").write_text(METHOD.format(step=1))
    after = keys_of_method(tmp_path, suite)
    kept = {key[64:] for key in before & after}
    assert "curate" not in kept
    assert "fit" not in kept
    first_images = 2  # one a seed; those of the second iteration come from other models
    assert sum(key.endswith("images") for key in before & after) == first_images
