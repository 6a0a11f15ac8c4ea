"""Methods that ask the captioner how likely it finds its own captions, by the source `likelihood` of `curate`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.analytic.models import CategoricalCaptioner
from benchmarks.methods.hooks import Mitigation
from benchmarks.mitigations.self_verification import SelfVerification
from benchmarks.mitigations.surprise_filter import SurpriseFilter
from benchmarks.planning.plan import Plan
from benchmarks.seeds import draw_items
from benchmarks.steps import Curate
from benchmarks.steps.context import RunContext
from benchmarks.steps.order import in_order
from datamodules.pairs import Pairs
from records.errors import StepError
from tests.engine.conftest import run_in_memory
from tests.mitigations.toys import MODALITIES, N, ask, bites, drawn, same

Planner = Callable[..., Plan]
NAMES = {"surprise_filter": SurpriseFilter, "self_verification": SelfVerification}
both = pytest.mark.parametrize("modality", MODALITIES)


def toy(pairs: Pairs) -> np.ndarray:
    """Say of each pair the likelihood that a captioner would: a coarse one, so that some are equal."""
    return -np.abs(np.round(pairs.images - 4.0 * np.array([int(text[1:]) for text in pairs.captions])))


@both
@pytest.mark.parametrize("name", NAMES)
def test_the_n_at_one_end_of_the_pool(name: str, modality: str) -> None:
    def check(method: Mitigation) -> None:
        new = drawn(modality, draws=4)
        spent: list[dict[str, int]] = []
        found = ask(method, new=new, likelihood=toy, spend=lambda **counts: spent.append(counts))
        perplexity, sign = np.exp(-toy(new)), {"surprise_filter": -1, "self_verification": 1}[name]
        order = sorted(range(4 * N), key=lambda i: (sign * perplexity[i], i))
        assert same(found, new.take(sorted(order[:N])))
        assert spent == [{"network_evaluations": 4 * N}]

    bites(check, NAMES[name](4))


def test_the_two_are_opposite_ends() -> None:
    new = drawn("captioner", draws=2)
    unlike = lambda pairs: -np.arange(len(pairs), dtype=np.float64)  # noqa: E731
    ends = [ask(NAMES[name](2), new=new, likelihood=unlike) for name in NAMES]
    assert same(ends[0], new.take(range(N, 2 * N)))
    assert same(ends[1], new.take(range(N)))


def test_a_caption_that_cannot_be_is_the_most_surprising() -> None:
    new = drawn("captioner", draws=2)
    never = lambda pairs: np.where(np.arange(len(pairs)) < N, -np.inf, 0.0)  # noqa: E731
    assert same(ask(SurpriseFilter(2), new=new, likelihood=never), new.take(range(N)))
    assert same(ask(SelfVerification(2), new=new, likelihood=never), new.take(range(N, 2 * N)))


@pytest.mark.parametrize("name", NAMES)
def test_without_a_captioner_it_says_so(name: str) -> None:
    with pytest.raises(StepError, match="needs a captioner; allowed: scenarios with captions: captioner"):
        ask(NAMES[name](2), new=drawn("generator", draws=2), likelihood=None)


def curated(plan: Plan, name: str) -> list[Any]:
    row = next(row for row in plan.rows if row.mitigation == name)
    steps = [plan.steps[key] for key in plan.cells[row.keys[0]].needs]
    return [step for step in steps if isinstance(step, Curate)]


@pytest.mark.parametrize("name", NAMES)
def test_the_captioner_that_labels_is_asked(name: str, planned: Planner, tmp_path: Path) -> None:
    """What the analytic captioner finds likely is the share of a class: the rarest stay, or the commonest."""
    plan = planned(name, scenarios=[{"file": "single_model_captioner"}], shard=5)
    outcome, store = run_in_memory(plan, tmp_path)
    steps = [plan.steps[key] for key in plan.cells[plan.rows[-1].keys[0]].needs]
    for step in curated(plan, name):
        drawn_by = {s.inputs["model"] for s in steps if s.kind == "captions" and s.iteration == step.iteration}
        assert {step.inputs["likelihood"]} == drawn_by
        assert step.hooked.decoding is None, "how captions are drawn changes no likelihood"
        new = in_order(Pairs.concat([store.get(key) for key in step.inputs["new"]]), draw_items(*step.items, 64))
        labeller = RunContext(store).model(step.inputs["likelihood"])
        share = labeller.shares[[int(text[1:]) for text in new.captions]]
        order = np.argsort(share if name == "surprise_filter" else -share, kind="stable")
        assert same(store.get(step.key), new.take(np.sort(order[:16])))
    cost = {row.mitigation: outcome.results[row.keys[0]].cost for row in plan.rows}
    assert cost[name].synthetic_samples == 4 * cost["none"].synthetic_samples
    # Four captions a picture where there was one, and each is looked at once more.
    assert cost[name].network_evaluations - cost["none"].network_evaluations == 2 * (3 * 16 + 4 * 16)
    assert cost[name].training_steps == cost["none"].training_steps


def test_an_author_may_ask_as_well(planned: Planner, tmp_path: Path) -> None:
    """The method in a line of docs/add-a-method.md chooses what the shipped one chooses."""
    (tmp_path / "line.py").write_text(
        "import numpy as np\n\nfrom benchmarks.methods.hooks import Mitigation\n\n\n"
        "class Surprised(Mitigation):\n    oversample = 4\n    reads = {'curate': ('new', 'likelihood')}\n\n"
        "    def curate(self, ctx):\n        return ctx.new.take(np.argsort(ctx.likelihood(ctx.new))[: ctx.n])\n"
    )
    names = (f"{tmp_path / 'line.py'}:Surprised", "surprise_filter")
    plan = planned(*names, scenarios=[{"file": "single_model_captioner"}], iterations=1)
    _, store = run_in_memory(plan, tmp_path)
    pools = [store.get(step.key) for name in ("Surprised", "surprise_filter") for step in curated(plan, name)]
    rarest = [sorted(Counter(pool.captions).items()) for pool in pools]
    assert rarest[0] == rarest[1]


def test_a_frozen_labeller_is_the_one_that_is_asked(planned: Planner) -> None:
    plan = planned("surprise_filter", scenarios=[{"file": "frozen_relabel", "variants": ["captioner_frozen"]}])
    asked = {step.inputs["likelihood"] for step in curated(plan, "surprise_filter")}
    assert [plan.steps[key].kind for key in asked] == ["base"]


def test_the_generator_alone_gets_no_row(planned: Planner) -> None:
    plan = planned(*NAMES, scenarios=[{"file": "single_model_generator"}, {"file": "single_model_captioner"}])
    assert {row.scenario for row in plan.rows if row.mitigation in NAMES} == {"single_model_captioner"}


def test_a_captioner_that_cannot_say_is_named(
    planned: Planner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(CategoricalCaptioner, "log_likelihood")
    outcome, _ = run_in_memory(planned("self_verification", scenarios=[{"file": "single_model_captioner"}]), tmp_path)
    failed = [r.error.message for r in outcome.results.values() if r.error is not None]
    assert len(failed) == 1
    assert "CategoricalCaptioner has no log_likelihood; allowed: a captioner that has" in failed[0]
