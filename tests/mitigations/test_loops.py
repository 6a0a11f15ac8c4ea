"""Every shipped method through the engine: it runs, its pool is its own, and what it consumes is counted."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks.planning.plan import Plan, PlannedCell
from benchmarks.planning.planner import make_plan
from benchmarks.running.execute import Outcome
from benchmarks.study.loading import SUITES
from datamodules.pairs import Pairs
from records.errors import UsageError
from tests.engine.conftest import run_in_memory
from tests.memory_store import MemoryStore
from tests.mitigations.toys import same

Planner = Callable[..., Plan]
SCENARIOS = [
    {"file": "single_model_captioner"},
    {"file": "single_model_generator"},
    {"file": "joint_finetune", "variants": ["closed"]},
]
C, G, J = "single_model_captioner", "single_model_generator", "joint_finetune"
MIXING = ("accumulate", "accumulate_capped", "accumulate_subsample", "real_augmentation", "golden_ratio", "fresh_real")
CHOOSING = (
    "verifier_filter", "best_of_n", "preference_choice", "diversity_selection", "detector_resampling", "self_correction",
    "pluralistic_choice",
)  # fmt: skip
ENSEMBLES = ("ensemble", "ensemble_frozen", "ensemble_copies", "segmented_ensemble")
OWN = ("surprise_filter", "self_verification")
#: Methods that the closed-form models can serve, and the scenarios they have a row in.
ROWS: dict[str, set[str]] = {
    **{name: {C, G, J} for name in (*MIXING, *CHOOSING, *ENSEMBLES, "latent_filter")},
    **{name: {C, J} for name in OWN},
    "dataset_growth": {C, G},
    "corpus_injection": {J},
    "content_injection": {G, J},
    "partial_relabel": {C, J},
    "frozen_relabel": {C, J},
    "frozen_generator": {G, J},
    "budget_temperature": {C, J},
}
#: Methods that need tokens, beams or steps: a real class of captioner.
TINY = ("to_edit", "to_edit_synthetic", "budget", "budget_beams", "budget_best_of", "budget_top_p", *OWN)


def pools(plan: Plan, store: MemoryStore, cell: PlannedCell) -> list[Pairs]:
    return [store.get(key) for key in cell.needs if plan.steps[key].kind == "curate"]


def ran(plan: Plan, folder: Path) -> tuple[Outcome, MemoryStore, dict[tuple[str, str], PlannedCell]]:
    outcome, store = run_in_memory(plan, folder)
    for result in outcome.results.values():
        assert result.status == "complete", result.error
    return outcome, store, {(row.mitigation, row.scenario): plan.cells[row.keys[0]] for row in plan.rows}


@pytest.mark.parametrize("name", ROWS)
def test_a_method_runs_in_every_scenario_that_it_changes(name: str, planned: Planner, tmp_path: Path) -> None:
    plan = planned(name, scenarios=SCENARIOS, iterations=2)
    _, store, cells = ran(plan, tmp_path / "results")
    assert {scenario for method, scenario in cells if method == name} == ROWS[name]
    for scenario in ROWS[name]:
        mine, plain = (pools(plan, store, cells[method, scenario]) for method in (name, "none"))
        hooks = cells[name, scenario].cell.method.hooks
        assert [len(pool) for pool in mine] == [hooks.pool_size(t, 16) for t in (1, 2)]
        assert not same(mine[1], plain[1])


@pytest.mark.parametrize("name", TINY)
def test_a_method_of_tokens_runs_with_a_real_captioner(name: str, tmp_path: Path) -> None:
    captioner = {"class_path": "lightning_modules.tiny.models.TinyCaptioner", "init_args": {"family": "git"}}
    generator = {"class_path": "lightning_modules.tiny.models.TinyGenerator", "init_args": {"family": "sd15"}}
    sizes = {"prompts": 32, "reserve": 8, "evaluation": 8, "floor": 8}
    data = {"class_path": "datamodules.scenes.dataset.Scenes", "init_args": {"image_size": 16, "sizes": sizes}}
    testbed = {
        "schema": 1, "name": "tiny", "data": data, "captioners": [{"name": "c", **captioner}],
        "generators": [{"name": "g", **generator}],
    }  # fmt: skip
    decoding = {"temperature": 1.0, "max_new_tokens": 6}
    suite = {
        "schema": 1, "name": "tiny", "testbed": "testbed.yaml", "iterations": 1, "n": 6, "seeds": [0],
        "fit": {"captioner": {"steps": 1, "learning_rate": 0.001, "batch_size": 4}},
        "generate": {"captioner": decoding},
        "evaluate": {"n": 4, "draw_inputs": 0, "floor_draws": 2, "decoding": {"captioner": decoding}},
        "metrics": ["benchmarks.metrics.captions.oracle.CaptionOracle"], "primary": {"captioner": "attribute_accuracy"},
        "scenarios": [{"file": C}], "mitigations": ["none"],
    }  # fmt: skip
    (tmp_path / "testbed.yaml").write_text(yaml.safe_dump(testbed))
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(suite))
    method = yaml.safe_load((SUITES / "mitigations" / f"{name}.yaml").read_text())
    if "threshold" in method.get("init_args", {}):
        method["init_args"]["threshold"] = 0.0  # untrained, it is sure of nothing
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump({**method, "name": "mine"}))
    plan = make_plan(str(tmp_path / "tiny.yaml"), (), (str(tmp_path / "mine.yaml"),))
    outcome, store, cells = ran(plan, tmp_path / "results")
    mine, plain = (pools(plan, store, cells[m, C])[0] for m in ("mine", "none"))
    assert len(mine) == 6
    assert mine.captions != plain.captions
    cost = {m: outcome.results[cells[m, C].key].cost for m in ("mine", "none")}
    cell = plan.cells[cells["mine", C].key].cell
    made = cell.generate.captioner.evaluations * (name != "to_edit") * cell.method.hooks.oversample
    asked = cell.method.hooks.oversample * (name.startswith("to_edit") or name in OWN)
    fitting = cost["none"].network_evaluations - 6
    assert cost["mine"].network_evaluations == fitting + 6 * made + 6 * asked
    assert cost["mine"].real_samples == 6 * (name == "to_edit")


def test_what_methods_consume_is_counted(planned: Planner, tmp_path: Path) -> None:
    names = ("golden_ratio", "content_injection", "detector_resampling", "self_correction", "verifier_filter")
    plan = planned(*names, scenarios=[SCENARIOS[2]], iterations=2)
    outcome, _, cells = ran(plan, tmp_path / "results")
    cost = {name: outcome.results[cells[name, J].key].cost for name in (*names, "none")}
    assert {name: found.real_samples for name, found in cost.items()} == {
        "none": 0, "golden_ratio": 2 * 8, "content_injection": 2 * 4, "detector_resampling": 2 * 16,
        "self_correction": 2 * 16, "verifier_filter": 0,
    }  # fmt: skip
    synthetic = {name: found.synthetic_samples / cost["none"].synthetic_samples for name, found in cost.items()}
    assert synthetic == {
        "none": 1, "golden_ratio": 1, "content_injection": 1, "detector_resampling": 2, "self_correction": 4,
        "verifier_filter": 4,
    }  # fmt: skip
    more = {name: found.network_evaluations - cost["none"].network_evaluations for name, found in cost.items()}
    # An image and a caption a sample; a scorer looks at both; four pictures of people are captioned.
    assert more["golden_ratio"] == 0
    assert more["content_injection"] == 2 * 4
    assert more["verifier_filter"] == 2 * (3 * 2 * 16 + 4 * 2 * 16)
    assert more["detector_resampling"] == 2 * (2 * 16 + 2 * 2 * 16 + 2 * 16)
    assert {found.training_steps for found in cost.values()} == {cost["none"].training_steps}


def test_more_steps_are_paid_for(planned: Planner, tmp_path: Path) -> None:
    """The closed-form generator draws the same in any number of steps, and counts them all."""
    plan = planned("budget_steps", scenarios=SCENARIOS, iterations=2)
    outcome, _, cells = ran(plan, tmp_path / "results")
    assert {scenario for method, scenario in cells if method == "budget_steps"} == {G, J}
    for scenario in (G, J):
        cost = {m: outcome.results[cells[m, scenario].key].cost for m in ("budget_steps", "none")}
        assert cost["budget_steps"].network_evaluations - cost["none"].network_evaluations == 2 * 16 * 19


def test_steps_that_grow_with_the_rounds_are_paid_for(planned: Planner, tmp_path: Path) -> None:
    plan = planned("annealed_truncation", scenarios=SCENARIOS, iterations=3)
    outcome, _, cells = ran(plan, tmp_path / "results")
    assert {scenario for method, scenario in cells if method == "annealed_truncation"} == {G, J}
    for scenario in (G, J):
        cost = {m: outcome.results[cells[m, scenario].key].cost for m in ("annealed_truncation", "none")}
        assert cost["annealed_truncation"].network_evaluations - cost["none"].network_evaluations == 16 * (0 + 1 + 2)


@pytest.mark.parametrize("name", ["fresh_real", "golden_ratio", "content_injection"])
def test_no_reserve_item_is_used_twice(name: str, planned: Planner, tmp_path: Path) -> None:
    plan = planned(name, iterations=4, seeds=[0, 1], scenarios=[SCENARIOS[1]])
    _, store, _ = ran(plan, tmp_path / "results")
    used: list[frozenset[int]] = []
    for row in (row for row in plan.rows if row.mitigation == name):
        for key in row.keys:
            slices = [pool.ids[pool.origin == 0].tolist() for pool in pools(plan, store, plan.cells[key])]
            items = [item for part in slices for item in part]
            assert len(set(items)) == len(items) == 4 * plan.cells[key].cell.method.hooks.reserve_items(16)
            used.append(frozenset(items))
    assert len(set(used)) == 2, "each seed draws slices of its own"


PROBE = '''
import numpy as np

from benchmarks.methods.hooks import Mitigation
from tests.mitigations.toys import ToyScorer

SEEN = []


class Probe(Mitigation):
    """Look at what a hook is given beside the pool."""

    oversample = 2
    reads = {"curate": ("new", "scorers", "real", "real_scores", "captioner")}

    def curate(self, ctx):
        assert ctx.n == 16 and len(ctx.new) == 32
        assert ctx.new.draw.tolist() == [0] * 16 + [1] * 16
        assert np.array_equal(ctx.new.ids[:16], ctx.new.ids[16:])
        assert len(ctx.real) == len(ctx.real_scores) == ctx.iteration
        scorer = ToyScorer()
        for pairs, found in [(ctx.new, ctx.scorers), *zip(ctx.real, ctx.real_scores, strict=True)]:
            assert np.array_equal(found["toy"]["ids"], pairs.ids)
            assert np.array_equal(found["toy"]["images"], scorer.embed_images(pairs.images))
            assert np.array_equal(found["toy"]["captions"], scorer.embed_texts(pairs.captions))
        told = ctx.captioner(ctx.new.images[:16], ctx.new.ids[:16])
        some = ctx.captioner(ctx.new.images[3:5], ctx.new.ids[3:5])
        assert some.outputs == told.outputs[3:5]
        SEEN.append(told.outputs)
        return ctx.new.take(range(16))
'''


@pytest.mark.parametrize(
    "scenario", [SCENARIOS[0], {"file": "diverse_ensemble", "variants": ["k3_live"]}, SCENARIOS[2]]
)
def test_sources_lie_in_the_order_of_the_pool(scenario: dict[str, Any], planned: Planner, tmp_path: Path) -> None:
    """Whatever the shards, the members and the items of a closed loop."""
    (tmp_path / "probe.py").write_text(PROBE)
    ran(planned(f"{tmp_path / 'probe.py'}:Probe", scenarios=[scenario], mitigations=["none"], shard=5, seeds=[0, 1]),
        tmp_path / "results")  # fmt: skip


def test_where_captions_are_prompts_there_is_no_captioner(planned: Planner, tmp_path: Path) -> None:
    code = PROBE.split("    oversample")[0] + (
        '    reads = {"curate": ("new", "captioner")}\n\n    def curate(self, ctx):\n'
        "        assert ctx.captioner is None\n        return ctx.new\n"
    )
    (tmp_path / "alone.py").write_text(code)
    ran(planned(f"{tmp_path / 'alone.py'}:Probe", scenarios=[SCENARIOS[1]]), tmp_path / "results")


def test_an_undeclared_source_stays_closed(planned: Planner, tmp_path: Path) -> None:
    for source in ("captioner", "real_scores"):
        body = f"class Peek(Mitigation):\n    def curate(self, ctx):\n        return ctx.{source}\n"
        (tmp_path / f"peek_{source}.py").write_text(f"from benchmarks.methods.hooks import Mitigation\n\n\n{body}")
        plan = planned(f"{tmp_path}/peek_{source}.py:Peek", scenarios=[SCENARIOS[2]])
        outcome, _ = run_in_memory(plan, tmp_path / source)
        failed = [r for r in outcome.results.values() if r.status == "failed"]
        assert len(failed) == 1
        assert f"touched '{source}'" in json.dumps(failed[0].error.message)  # type: ignore[union-attr]


@pytest.mark.parametrize("hook", ["prompts", "sampling", "relabel", "objective", "auxiliary", "merge"])
@pytest.mark.parametrize("source", ["scorers", "captioner", "likelihood"])
def test_sources_of_curate_are_for_curate_alone(hook: str, source: str, planned: Planner, tmp_path: Path) -> None:
    name = f"early_{hook}_{source}"
    body = f"class Early(Mitigation):\n    reads = {{'{hook}': ('{source}',)}}\n\n    def {hook}(self, ctx): ...\n"
    (tmp_path / f"{name}.py").write_text(f"from benchmarks.methods.hooks import Mitigation\n\n\n{body}")
    with pytest.raises(UsageError, match=f"reads: {hook}: found '{source}', which is made later than it asks"):
        planned(f"{tmp_path}/{name}.py:Early")


@pytest.mark.parametrize("name", [*CHOOSING, "latent_filter"])
def test_a_testbed_without_a_scorer_is_told_so(name: str, planned: Planner) -> None:
    with pytest.raises(
        UsageError, match=f"mitigation {name}: reads: curate: .* testbed 'small' names no scorers; allowed"
    ):
        planned(name, scorers=())


def test_another_scorer_makes_another_cell(planned: Planner) -> None:
    scorer = {"class_path": "tests.mitigations.toys.ToyScorer"}
    found = []
    for scorers in ([{"name": "toy", **scorer}], [{"name": "toy", **scorer}, {"name": "again", **scorer}]):
        plan = planned("self_correction", scorers=tuple(scorers))
        found.append({row.mitigation: row.keys for row in plan.rows})
    assert found[0]["none"] == found[1]["none"]
    assert found[0]["self_correction"] != found[1]["self_correction"]


def test_subsamples_of_seeds_and_iterations_differ(planned: Planner, tmp_path: Path) -> None:
    plan = planned("accumulate_subsample", seeds=[0, 1], iterations=2)
    _, store, _ = ran(plan, tmp_path / "results")
    keys = next(row.keys for row in plan.rows if row.mitigation == "accumulate_subsample")
    drawn = [tuple(pool.images.tolist()) for key in keys for pool in pools(plan, store, plan.cells[key])]
    assert len(set(drawn)) == 4
    assert all(len(set(images)) == 16 for images in drawn)
