"""Every hook knows its iteration, and has a seed of its own step."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.methods.hooks import HOOKS
from benchmarks.planning.plan import Plan
from tests.engine.conftest import run_in_memory

METHOD = '''
from benchmarks.methods.hooks import Mitigation

FACTS = []


class Noting(Mitigation):
    """Note what every hook is told, and change nothing."""

    reads = {"curate": ("new",), "auxiliary": ("base",)}


def noting(name, result):
    def hook(self, ctx):
        FACTS.append((name, ctx.iteration, ctx.seed))
        return result(ctx)

    return hook


for name, result in {
    "prompts": lambda ctx: ctx.prompts, "sampling": lambda ctx: ctx.decoding, "curate": lambda ctx: ctx.new,
    "relabel": lambda ctx: ctx.caption(ctx.live), "objective": lambda ctx: None, "auxiliary": lambda ctx: ctx.base,
    "merge": lambda ctx: ctx.new_model,
}.items():
    setattr(Noting, name, noting(name, result))
'''


@pytest.mark.parametrize("iterations", [2])
def test_facts(iterations: int, planned: Callable[..., Plan], tmp_path: Path) -> None:
    (tmp_path / "noting.py").write_text(METHOD)
    plan = planned(
        methods=(f"{tmp_path / 'noting.py'}:Noting",), mitigations=["none"], iterations=iterations,
        scenarios=[{"file": "joint_finetune", "variants": ["closed"]}],
    )  # fmt: skip
    outcome, _ = run_in_memory(plan, tmp_path / "results")
    none, mine = (outcome.results[row.keys[0]] for row in plan.rows)
    assert mine.status == "complete", mine.error
    assert mine.metrics == none.metrics, "hooks that change nothing change no number"
    import noting  # type: ignore[import-not-found]

    assert {(name, t) for name, t, _ in noting.FACTS} == {(h, t) for h in HOOKS for t in range(1, iterations + 1)} - {
        # Nothing reads what auxiliary makes here, so it is not planned.
        ("auxiliary", t)
        for t in range(1, iterations + 1)
    }
    for name in HOOKS:
        seeds = {seed for hook, _, seed in noting.FACTS if hook == name}
        assert len(seeds) >= iterations * len(plan.suite.seeds) or name == "auxiliary", name
