"""Every hook is called, its effect arrives, and what it does not declare stays closed to it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmarks.planning.plan import Plan
from tests.engine.conftest import run_in_memory

Planner = Callable[..., Plan]
HEAD = "import numpy as np\nfrom benchmarks.methods.hooks import Mitigation\nfrom datamodules.pairs import Pairs\n\n\nclass Method(Mitigation):\n"
COUNT = iter(range(1000))


def method(folder: Path, body: str) -> str:
    """Write a method into a module of its own; return how the command line names it."""
    file = folder / f"method_{next(COUNT)}.py"
    file.write_text(HEAD + "\n".join("    " + line for line in body.strip().splitlines()) + "\n")
    return f"{file}:Method"


def run_method(
    planned: Planner, tmp_path: Path, body: str, scenario: str = "single_model_generator", **changes: object
):
    plan = planned(
        methods=(method(tmp_path, body),), scenarios=[{"file": scenario}], mitigations=["none"], seeds=[0], **changes
    )
    outcome, store = run_in_memory(plan, tmp_path / "results")
    keys = {r.mitigation: r.keys[0] for r in plan.rows}
    return plan, store, {name: (plan.cells[key], outcome.results[key]) for name, key in keys.items()}


def artifacts(plan: Plan, store, cell, kind: str) -> list:
    return [store.get(k) for k in cell.needs if plan.steps[k].kind == kind]


def test_prompts(planned: Planner, tmp_path: Path) -> None:
    plan, store, cells = run_method(planned, tmp_path, "def prompts(self, ctx):\n    return ['c0'] * len(ctx.prompts)")
    pools = artifacts(plan, store, cells["Method"][0], "images")
    assert [set(p.prompts) for p in pools] == [{"c0"}, {"c0"}]


def test_sampling_changes_generation_and_never_evaluation(planned: Planner, tmp_path: Path) -> None:
    body = "def sampling(self, ctx):\n    return Shifted()\n\nclass_body = None\n"
    shifted = (
        "class Shifted:\n    def generate(self, model, inputs, decoding, seeds):\n"
        "        made = model.generate(inputs, decoding, seeds)\n"
        "        return type(made)(made.outputs + 100.0, made.network_evaluations)\n"
    )
    name = method(tmp_path, body)
    file = Path(name.rpartition(":")[0])
    file.write_text(file.read_text() + "\n\n" + shifted)
    plan = planned(methods=(name,), mitigations=["none"], seeds=[0], iterations=1)
    _, store = run_in_memory(plan, tmp_path / "results")
    none, mine = (plan.cells[r.keys[0]] for r in plan.rows)
    moved = artifacts(plan, store, mine, "images")[0].images - artifacts(plan, store, none, "images")[0].images
    assert np.allclose(moved, 100.0)
    assert artifacts(plan, store, mine, "sample")[0].images.max() < 50


def test_relabel(planned: Planner, tmp_path: Path) -> None:
    body = "reads = {'relabel': ('base',)}\n\ndef relabel(self, ctx):\n    return [c[::1] for c in ctx.caption(ctx.base)][:-1] + ['c2']"
    plan, store, cells = run_method(planned, tmp_path, body, "single_model_captioner")
    assert all(p.captions[-1] == "c2" for p in artifacts(plan, store, cells["Method"][0], "captions"))


def test_objective_reaches_the_fit(planned: Planner, tmp_path: Path) -> None:
    # The analytic models refuse an objective, so a failed fit shows that it arrived.
    _, _, cells = run_method(
        planned, tmp_path, "def objective(self, ctx):\n    return lambda losses, context: losses.sum()"
    )
    result = cells["Method"][1]
    assert result.status == "failed"
    assert (result.error.step, result.error.iteration) == ("fit", 1)
    assert cells["none"][1].status == "complete"


def test_merge(planned: Planner, tmp_path: Path) -> None:
    body = "reads = {'merge': ('base',)}\n\ndef merge(self, ctx):\n    return ctx.base"
    plan, _, cells = run_method(planned, tmp_path, body)
    curve = [p.values["generator/variance@n=32"] for p in cells["Method"][1].metrics]
    assert curve == [curve[0]] * 3
    assert [plan.steps[k].kind for k in cells["Method"][0].needs].count("merge") == 2


def test_auxiliary_is_handed_to_merge_and_to_the_next_sampling(planned: Planner, tmp_path: Path) -> None:
    body = """
reads = {"auxiliary": ("base",), "merge": ("auxiliary",), "sampling": ("auxiliary",)}

def auxiliary(self, ctx):
    model = ctx.base
    assert len(ctx.pool) == 16
    return model

def merge(self, ctx):
    return ctx.auxiliary["generator"]

def sampling(self, ctx):
    assert ctx.iteration == 1 or "generator" in ctx.auxiliary
    return ctx.decoding
"""
    _, _, cells = run_method(planned, tmp_path, body)
    result = cells["Method"][1]
    assert result.status == "complete", result.error
    curve = [p.values["generator/variance@n=32"] for p in result.metrics]
    assert curve == [curve[0]] * 3


def test_oversample_makes_more_candidates_and_costs_them(planned: Planner, tmp_path: Path) -> None:
    body = "oversample = 3\nreads = {'curate': ('new',)}\n\ndef curate(self, ctx):\n    return ctx.new.take(np.flatnonzero(ctx.new.draw == 2))"
    plan, store, cells = run_method(planned, tmp_path, body)
    pool = artifacts(plan, store, cells["Method"][0], "images")[0]
    assert len(pool) == 48
    assert len(set(pool.images.tolist())) == 48
    assert cells["Method"][1].cost.synthetic_samples == 3 * cells["none"][1].cost.synthetic_samples


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            "reads = {'curate': ('new',)}\n\ndef curate(self, ctx):\n    return ctx.new.take(range(3))",
            "returned 3 pairs; allowed: 16, as was planned",
        ),
        ("reads = {'curate': ('new',)}\n\ndef curate(self, ctx):\n    return ctx.real[0]", "touched 'real'"),
        ("def prompts(self, ctx):\n    return []", "returned 0 texts"),
    ],
)
def test_a_hook_that_breaks_its_word_fails_its_cell(body: str, said: str, planned: Planner, tmp_path: Path) -> None:
    _, _, cells = run_method(planned, tmp_path, body)
    result = cells["Method"][1]
    assert result.status == "failed"
    assert result.error.iteration == 1
    assert said in result.error.message
    assert cells["none"][1].status == "complete"
    kept = json.loads((tmp_path / "results" / result.file_name).read_text())
    assert kept["error"]["message"] == result.error.message


def test_accumulate_grows_and_keeps(planned: Planner, tmp_path: Path) -> None:
    plan = planned(mitigations=["accumulate"], seeds=[0], iterations=3)
    _, store = run_in_memory(plan, tmp_path / "results")
    cell = next(iter(plan.cells.values()))
    pools = artifacts(plan, store, cell, "curate")
    assert [len(p) for p in pools] == [32, 48, 64]
    assert pools[2].origin.tolist() == [0] * 16 + [1] * 16 + [2] * 16 + [3] * 16
    assert np.array_equal(pools[2].images[:48], pools[1].images)


def test_fresh_real_never_repeats_an_item(planned: Planner, tmp_path: Path) -> None:
    plan = planned(mitigations=["fresh_real"], seeds=[0], iterations=4)
    outcome, store = run_in_memory(plan, tmp_path / "results")
    cell = next(iter(plan.cells.values()))
    pools = artifacts(plan, store, cell, "curate")
    fresh = [i for p in pools for i in p.ids[p.origin == 0].tolist()]
    assert len(fresh) == len(set(fresh)) == 4 * 4
    assert all(len(p) == 16 for p in pools)
    assert outcome.results[cell.key].cost.real_samples == 16
