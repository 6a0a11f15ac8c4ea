"""A chain: what one iteration makes the next begins with, nothing trains, and generation 0 is real."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from benchmarks.planning.needs import require_judged
from benchmarks.planning.plan import Plan, PlannedCell
from benchmarks.planning.planner import make_plan
from benchmarks.seeds import sample_seeds, step_seed
from benchmarks.steps import Captions, Curate, Images
from benchmarks.steps.order import in_order
from datamodules.pairs import Pairs
from records.errors import UsageError
from tests.engine.conftest import run_in_memory
from tests.memory_store import MemoryStore

LEFT = "benchmarks.metrics.sets.attributes_left.AttributesLeft"
POOL = "benchmarks.analytic.families.PoolLaw"
CHAIN: dict[str, Any] = {
    "scenarios": [{"file": "frozen_loop"}], "mitigations": ["none"], "iterations": 3, "seeds": [0],
    "metrics": [POOL, LEFT], "primary": {"set": "attributes_left"},
}  # fmt: skip
TRAINING: dict[str, Any] = {
    "metrics": [f"benchmarks.analytic.families.{name}" for name in ("CaptionLaw", "ImageMoments", "PoolLaw")],
    "primary": {"captioner": "heterozygosity"},
}
Planner = Callable[..., Plan]


def cells(plan: Plan) -> dict[str, PlannedCell]:
    return {row.variant: plan.cells[row.keys[0]] for row in plan.rows}


def generations(plan: Plan, cell: PlannedCell, store: MemoryStore) -> list[Pairs]:
    """Return the pairs of generation 0, 1, ..."""
    pools = [store.get(k) for k in cell.needs if isinstance(plan.steps[k], Curate)]
    return [store.get(cell.trace.samples["captioner", 0]), *pools]


def test_a_chain_from_a_caption_draws_what_the_last_caption_says(planned: Planner, tmp_path: Path) -> None:
    plan = planned(**CHAIN)
    outcome, store = run_in_memory(plan, tmp_path / "results")
    assert {r.status for r in outcome.results.values()} == {"complete"}
    course = generations(plan, cells(plan)["from_caption"], store)
    assert len(course) == 4
    for before, after in pairwise(course):
        assert after.prompts == before.captions
        assert after.ids.tolist() == before.ids.tolist()
    assert [set(p.origin.tolist()) for p in course] == [{0}, {1}, {2}, {3}]


def test_a_chain_from_an_image_captions_the_last_image_and_draws_that(planned: Planner, tmp_path: Path) -> None:
    plan = planned(**CHAIN)
    _, store = run_in_memory(plan, tmp_path / "results")
    cell = cells(plan)["from_image"]
    course = generations(plan, cell, store)
    (captioner,) = {s.model for k in cell.needs if isinstance(s := plan.steps[k], Captions)}
    for t, (before, after) in enumerate(pairwise(course), start=1):
        seeds = sample_seeds(step_seed(0, "captioner", t, 0), before.ids, np.zeros(len(before), np.int16))
        said = store.get(str(captioner)).generate(before.images, plan.suite.generate.captioner, seeds)
        assert after.captions == after.prompts == tuple(said.outputs)


def test_nothing_trains_and_the_models_are_the_bases_to_the_end(planned: Planner) -> None:
    plan = planned(**CHAIN)
    kinds = {step.kind for step in plan.steps.values()}
    assert kinds == {"base", "real", "images", "captions", "curate", "metrics", "generation_metrics"}
    makers = [step for step in plan.steps.values() if isinstance(step, (Images, Captions))]
    assert len(makers) == 2 * 2 * 3
    assert {plan.steps[str(step.model)].kind for step in makers} == {"base"}


def test_the_first_alternation_is_that_of_the_closed_loop(planned: Planner) -> None:
    """So what a loop that trains loses beyond the chain is what its fits lose."""
    closed = planned(**{**CHAIN, **TRAINING, "scenarios": [{"file": "joint_finetune", "variants": ["closed"]}]})
    chain = planned(**CHAIN)
    shared = closed.steps.keys() & chain.steps.keys()
    assert {("images", 1), ("captions", 1), ("curate", 1)} <= {
        (s.kind, getattr(s, "t", 0)) for k in shared for s in [chain.steps[k]]
    }


def test_shards_and_members_change_no_item(planned: Planner, tmp_path: Path) -> None:
    def course(**changes: Any) -> list[Pairs]:
        plan = planned(**{**CHAIN, **changes})
        _, store = run_in_memory(plan, tmp_path / "results")
        return generations(plan, cells(plan)["from_image"], store)

    for whole, parts in zip(course(), course(shard=5), strict=True):
        assert whole.captions == parts.captions
        assert np.array_equal(whole.images, parts.images)


def test_more_members_take_turns_in_a_chain(planned: Planner, suite: Callable[..., Path], tmp_path: Path) -> None:
    plan = planned(("ensemble",), **CHAIN)
    rows = {(row.variant, row.mitigation): row for row in plan.rows}
    assert set(rows) == {(v, m) for v in ("from_caption", "from_image") for m in ("none", "ensemble")}
    outcome, store = run_in_memory(plan, tmp_path / "results")
    assert {r.status for r in outcome.results.values()} == {"complete"}
    cell = plan.cells[rows["from_image", "ensemble"].keys[0]]
    made = [s for k in cell.needs if isinstance(s := plan.steps[k], Images) and s.t == 2]
    assert sorted(s.member for s in made) == [(0, 3), (1, 3), (2, 3)]
    pool = in_order(Pairs.concat([store.get(s.key) for s in made]), None)
    assert len(pool) == 16


@pytest.mark.parametrize("name", ["real", "accumulate", "fresh_real", "corpus_injection", "partial_relabel", "l2_base",
                                  "frozen_relabel", "frozen_generator", "fresh_real_wise_ft", "ema", "neon", "dataset_growth"])  # fmt: skip
def test_what_acts_on_training_alone_has_no_row(name: str, planned: Planner) -> None:
    plan = planned((name,), **CHAIN)
    assert {row.mitigation for row in plan.rows} == {"none"}
    assert plan.idle == (name,)


@pytest.mark.parametrize("name", ["budget_temperature", "ensemble_frozen", "ensemble_copies"])
def test_what_changes_how_is_sampled_has_a_row(name: str, planned: Planner) -> None:
    assert {row.mitigation for row in planned((name,), **CHAIN).rows} == {"none", name}


def test_a_hook_for_sampling_has_a_row(planned: Planner, suite: Callable[..., Path]) -> None:
    (suite().parent / "sharper.py").write_text(
        "from dataclasses import replace\n\nfrom benchmarks.methods.hooks import Mitigation\n\n\n"
        "class Sharper(Mitigation):\n    def sampling(self, ctx):\n"
        "        return replace(ctx.decoding, temperature=0.5) if ctx.modality == 'captioner' else ctx.decoding\n"
    )
    plan = planned((str(suite().parent / "sharper.py") + ":Sharper",), **CHAIN)
    assert {row.mitigation for row in plan.rows} == {"none", "Sharper"}


def test_numbers_of_a_chain_enter_nothing_where_something_trains(planned: Planner) -> None:
    both = {"scenarios": [{"file": "joint_finetune"}, {"file": "frozen_loop"}], "mitigations": ["none", "real"]}
    without = planned(**{**TRAINING, "scenarios": both["scenarios"][:1]})
    primary = {"set": "attributes_left", "captioner": "heterozygosity"}
    plan = planned(**both, metrics=[*TRAINING["metrics"], LEFT], primary=primary)
    trained = {r.keys for r in plan.rows if r.scenario == "joint_finetune"}
    assert trained == {r.keys for r in without.rows}
    assert {r.mitigation for r in plan.rows if r.scenario == "frozen_loop"} == {"none"}


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "real prompts: every iteration would be the first": (
        {"prompts": "real"},
        "trains: found nothing; allowed: captioner",
    ),
    "real images": ({"images": "real"}, "trains: found nothing"),
    "no captioner": ({"captions": "prompt", "prompts": "real"}, "trains: found nothing"),
    "no captioner in a closed chain": ({"captions": "prompt"}, "prompts: previous_captions needs captions: captioner"),
    "new captions and training": (
        {"trains": ["captioner"], "prompts": "new_captions"},
        "prompts: found 'new_captions' with trains: captioner; allowed: real or previous_captions, or trains: []",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_chain_that_could_not_drift_is_refused(name: str, suite: Callable[..., Path]) -> None:
    changes, sentence = REFUSED[name]
    file = suite(**{**CHAIN, "scenarios": [{"file": "mine.yaml"}]})
    scenario = {"schema": 1, "name": "mine", "trains": [], "images": "generator", "captions": "captioner",
                "prompts": "previous_captions", **changes}  # fmt: skip
    (file.parent / "mine.yaml").write_text(yaml.safe_dump(scenario))
    with pytest.raises(UsageError) as error:
        make_plan(str(file))
    assert sentence in str(error.value)
    assert len(str(error.value).replace(str(file.parent), "")) < 300


def test_a_chain_that_no_primary_metric_judges_is_refused(planned: Planner) -> None:
    plan = planned(**{**CHAIN, **TRAINING})
    with pytest.raises(
        UsageError, match=r"primary: found none of set; allowed: a metric of sets, since nothing trains"
    ):
        require_judged(plan)


def test_settings_of_training_make_no_other_chain(planned: Planner, suite: Callable[..., Path]) -> None:
    """What is said of training where nothing trains is nothing: the same cells under the same keys."""
    plain = planned(**CHAIN)
    scenario = {"schema": 1, "name": "frozen_loop", "trains": [], "images": "generator", "captions": "captioner",
                "start": "base", "frozen": ["captioner"], "prompts": "previous_captions"}  # fmt: skip
    (suite().parent / "mine.yaml").write_text(yaml.safe_dump(scenario))
    odd = planned(**{**CHAIN, "scenarios": [{"file": "mine.yaml"}], "fit": {"captioner": {"steps": 9}}})
    assert list(odd.cells) == [cells(plain)["from_caption"].key]
