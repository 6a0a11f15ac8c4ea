"""docs/method-api.md says all that a method is given, and nothing else: read from the code and from a run."""

from __future__ import annotations

import re
import typing
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from benchmarks.methods import contexts
from benchmarks.methods.hooks import HOOKS, NOT_YET, SCORED, SIDED, SOURCES, Mitigation
from benchmarks.planning.plan import Plan
from benchmarks.study.loading import ROOT
from datamodules.pairs import Pairs
from tests.engine.conftest import run_in_memory
from tests.engine.test_add_a_method_page import API, blocks
from tests.mitigations.test_own_likelihood import curated

TEXT = API.read_text(encoding="utf-8")
#: What every context has, whatever its hook.
COMMON = {"iteration", "seed"}


def table(heading: str, number: int = 0) -> dict[str, list[str]]:
    """Return a table below a heading: every name in the first column -> the other cells."""
    below = TEXT.split(f"## {heading}\n")[1].split("\n## ")[0]
    tables = re.findall(r"(?:^\|.*\|\n)+", below, flags=re.M)
    rows = [line.strip("|\n").split("|") for line in tables[number].splitlines()[2:]]
    return {name: row[1:] for row in rows for name in re.findall(r"`(\w+)", row[0])}


def protocol(hook: str) -> dict[str, typing.Any]:
    """Return what the context of a hook has, by its type."""
    found: dict[str, typing.Any] = {}
    for cls in getattr(contexts, f"{hook.capitalize()}Context").__mro__:
        found |= getattr(cls, "__annotations__", {})
    return found


def facts(hook: str) -> set[str]:
    """Return what the page says that a hook is told."""
    return set(re.findall(r"`(\w+)", table("Hooks")[hook][1]))


def readable(hook: str) -> set[str]:
    """Return what the page says that a hook may read."""
    rows = table("What a hook may read")
    own = {"auxiliary": ("sampling", "objective", "merge")}
    said = {name: set(re.findall(r"`(\w+)`", cells[-1])) for name, cells in rows.items()}
    every = {name for name, cells in rows.items() if cells[-1].strip() == "all"}
    return every | {n for n, hooks in said.items() if hook in hooks} | {n for n, h in own.items() if hook in h}


def test_the_page_names_every_hook_source_field_and_number() -> None:
    assert set(table("Hooks")) == set(HOOKS)
    assert set(table("What a hook may read")) == set(SOURCES)
    assert set(table("Pairs")) == {field.name for field in fields(Pairs)}
    numbers = {n for n in vars(Mitigation) if not n.startswith("_")} - set(HOOKS) - {"name", "reads", "overrides", "acts", "source_digest"}  # fmt: skip
    assert set(table("Other numbers of a method")) == numbers
    assert all(f"`{hook}`" in TEXT.split("act on one modality")[0] for hook in SIDED)


@pytest.mark.parametrize("hook", HOOKS)
def test_page_types_and_code_agree(hook: str) -> None:
    assert f"`{hook.capitalize()}Context`" in table("Hooks")[hook][0]
    typed = set(protocol(hook))
    sources = typed & set(SOURCES)
    assert typed - sources == facts(hook) | COMMON
    assert not sources & set(NOT_YET[hook])
    assert readable(hook) <= sources


PROBE = """
import re
from benchmarks.methods import contexts
from benchmarks.methods.hooks import Mitigation

SEEN = {}
HAS = %r


class Probe(Mitigation):
    \"\"\"Touch all that the type of each context has.\"\"\"

    reads = %r


def touching(hook, result):
    def asked(self, ctx):
        SEEN.setdefault(hook, {}).update({name: type(getattr(ctx, name)).__name__ for name in HAS[hook]})
        return result(ctx)

    return asked


for hook, result in {
    "prompts": lambda ctx: ctx.prompts, "sampling": lambda ctx: ctx.decoding, "curate": lambda ctx: ctx.new,
    "relabel": lambda ctx: ctx.caption(ctx.live), "objective": lambda ctx: None, "auxiliary": lambda ctx: {"a": 1},
    "merge": lambda ctx: ctx.new_model,
}.items():
    setattr(Probe, hook, touching(hook, result))
"""


@pytest.mark.parametrize("late", [False, True], ids=["read by a fit", "made after it"])
def test_a_context_has_all_that_its_type_says(late: bool, planned: Callable[..., Plan], tmp_path: Path) -> None:
    has = {hook: sorted(set(protocol(hook)) - SCORED) for hook in HOOKS}
    if late:  # what is made of the fitted model is read by the next iteration's sampling alone
        for hook in ("objective", "merge"):
            has[hook].remove("auxiliary")
    else:
        has["auxiliary"].remove("fitted")
    reads = {hook: tuple(name for name in has[hook] if name in SOURCES) for hook in HOOKS}
    module = f"probe_{late}".lower()
    (tmp_path / f"{module}.py").write_text(PROBE % (has, reads))
    plan = planned(
        methods=(f"{tmp_path / module}.py:Probe",), mitigations=["none"], seeds=[0],
        scenarios=[{"file": "joint_finetune", "variants": ["real_prompts"]}],
    )  # fmt: skip
    outcome, _ = run_in_memory(plan, tmp_path / "results")
    assert [r.error for r in outcome.results.values()] == [None, None]
    seen = __import__(module).SEEN
    assert {hook: set(found) for hook, found in seen.items()} == {hook: set(has[hook]) for hook in HOOKS}
    assert seen["curate"]["new"] == "Pairs"
    assert {seen["curate"][name] for name in ("captioner", "likelihood")} == {"function"}


@pytest.mark.parametrize(("own", "shipped"), [("Surprising", "surprise_filter"), ("Sure", "self_verification")])
def test_the_filters_of_the_page_choose_what_the_shipped_ones_choose(
    own: str, shipped: str, planned: Callable[..., Plan], tmp_path: Path
) -> None:
    code = next(text for text in blocks(API, "python") if text.startswith("# filters.py"))
    module = f"filters_{own.lower()}"
    (tmp_path / f"{module}.py").write_text(code)
    plan = planned(
        methods=(f"{tmp_path / module}.py:{own}", shipped), mitigations=["none"], seeds=[0, 1],
        scenarios=[{"file": "single_model_captioner"}, {"file": "joint_finetune"}, {"file": "single_model_generator"}],
    )  # fmt: skip
    outcome, store = run_in_memory(plan, tmp_path / "results")
    rows = {name: [r for r in plan.rows if r.mitigation == name] for name in (own, shipped)}
    assert [(r.scenario, r.variant) for r in rows[own]] == [(r.scenario, r.variant) for r in rows[shipped]] != []
    for mine, theirs in zip(rows[own], rows[shipped], strict=True):
        for one, other in zip(mine.keys, theirs.keys, strict=True):
            first, second = outcome.results[one], outcome.results[other]
            assert first.status == second.status == "complete"
            assert [p.values for p in first.metrics] == [p.values for p in second.metrics]
            assert first.cost.network_evaluations == second.cost.network_evaluations
    pools = [[store.get(step.key) for step in curated(plan, name)] for name in (own, shipped)]
    assert all(np.array_equal(a.ids, b.ids) and a.captions == b.captions for a, b in zip(*pools, strict=True))


def test_the_sampler_of_the_page_changes_no_number(planned: Callable[..., Plan], tmp_path: Path) -> None:
    code = next(text for text in blocks(API, "python") if text.startswith("class Twice"))
    head = "from benchmarks.methods.hooks import Mitigation\n\n\n"
    mine = "\n\nclass Again(Mitigation):\n    def sampling(self, ctx):\n        return Twice()\n"
    (tmp_path / "again.py").write_text(head + code + mine)
    plan = planned(methods=(f"{tmp_path / 'again.py'}:Again",), mitigations=["none"], seeds=[0])
    outcome, _ = run_in_memory(plan, tmp_path / "results")
    none, again = (outcome.results[row.keys[0]] for row in plan.rows)
    assert again.metrics == none.metrics
    assert again.cost.network_evaluations > none.cost.network_evaluations


def test_the_imports_of_the_page_are_there() -> None:
    exec(blocks(API, "python")[0], {})
    assert (ROOT / "docs" / "add-a-method.md").is_file()
