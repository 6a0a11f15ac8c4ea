"""Every shipped model-side method through the real engine, on tiny models of the real classes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import yaml

from benchmarks.planning.plan import Plan
from benchmarks.planning.planner import make_plan
from benchmarks.running.execute import Outcome, execute
from benchmarks.running.executors import InProcessExecutor
from lightning_modules.fitting import adapters
from lightning_modules.judges.scorer import DualScorer
from lightning_modules.weights import cards
from tests.engine.conftest import SMALL
from tests.lightning_modules.conftest import make_judge
from tests.memory_store import MemoryStore
from tests.mitigations.model_side import scenes, siblings, tiny

pytestmark = pytest.mark.slow
METHODS = ("lower_guidance", "redifine", "tce", "sims", "neon", "ema", "ema_steps", "wise_ft", "l2_base", "kl_base",
           "lora_rank", "triggered", "fresh_real_wise_ft")  # fmt: skip
DECODING = {"captioner": {"temperature": 1.0, "max_new_tokens": 8}, "generator": {"steps": 2, "guidance": 3.0}}
FIT = {"steps": 2, "learning_rate": 1e-2, "batch_size": 4}
N, STEPS, T = 8, 2, 2


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> tuple[Plan, MemoryStore, Outcome]:
    """A joint study of untrained models, run once with every method."""
    folder = tmp_path_factory.mktemp("study")
    bases = folder / "bases"
    models = {"captioners": tiny("captioner"), "generators": tiny("generator"), "scorers": make_judge("conv_dual", scenes()),
              "judges": make_judge("clip", scenes())}  # fmt: skip
    testbed: dict[str, Any] = {"schema": 1, "name": "tiny", "data": {"class_path": "datamodules.scenes.dataset.Scenes"}}
    assert siblings().is_dir()
    for role, model in models.items():
        model.save(bases / role)
        cards.write(bases / role, {})
        kind = DualScorer if role == "scorers" else type(model)
        path = f"{kind.__module__}.{kind.__qualname__}"
        testbed[role] = [{"name": role, "class_path": path, "folder": str(bases / role)}]
    suite = {
        **SMALL, "n": N, "seeds": [0], "iterations": T, "mitigations": ["none", *METHODS],
        "scenarios": [{"file": "joint_finetune", "variants": ["real_prompts"]}],
        "fit": {"captioner": FIT, "generator": FIT}, "generate": DECODING,
        "evaluate": {"n": 8, "draw_inputs": 0, "floor_draws": 2, "decoding": DECODING},
        "metrics": [f"benchmarks.metrics.{name}" for name in ("captions.diversity.CaptionDiversity", "images.distance.ImageDistance")],
        "primary": {"captioner": "distinct2", "generator": "frechet"},
    }  # fmt: skip
    (folder / "testbed.yaml").write_text(yaml.safe_dump(testbed))
    (folder / "tiny.yaml").write_text(yaml.safe_dump(suite))
    plan = make_plan(str(folder / "tiny.yaml"))
    store = MemoryStore()
    return plan, store, execute(plan, store, InProcessExecutor(), folder / "results")


def of(study: Any, name: str, kind: str = "", side: str = "") -> tuple[Any, list[Any]]:
    """Return a method's result, and its steps of a kind and modality."""
    plan, _, outcome = study
    key = next(r.keys[0] for r in plan.rows if r.mitigation == name)
    steps = [plan.steps[k] for k in plan.cells[key].needs]
    return outcome.results[key], [s for s in steps if s.kind == kind and side in ("", s.identity.get("modality"))]


def test_every_method_completes_and_differs_from_none(study: Any) -> None:
    none, _ = of(study, "none")
    for name in METHODS:
        result, _ = of(study, name)
        assert result.status == "complete", (name, result.error)
        assert result.metrics[0] == none.metrics[0], "the base is the base"
        # No token of an untrained captioner is as likely as 0.9: TCE leaves none out.
        assert (result.metrics != none.metrics) == (name != "tce"), name


def test_all_train_as_many_steps_and_what_goes_beyond_is_counted(study: Any) -> None:
    none = of(study, "none")[0].cost
    drawn = N * T * STEPS * 2  # denoising steps at two evaluations
    extra = {
        "lower_guidance": 0, "redifine": -N * T, "tce": 0, "sims": N * STEPS * 2 + STEPS * 4, "neon": 0, "ema": 0,
        "ema_steps": 0, "wise_ft": 0, "l2_base": 0, "kl_base": 2 * T * STEPS * 4, "lora_rank": 0,
        "triggered": 2 * 2 * N * T, "fresh_real_wise_ft": 0,
    }  # fmt: skip
    for name in METHODS:
        cost = of(study, name)[0].cost
        assert cost.network_evaluations - none.network_evaluations == extra[name], name
        assert cost.training_steps - none.training_steps == (STEPS if name == "sims" else 0), name
        assert cost.synthetic_samples == none.synthetic_samples, name
    assert none.network_evaluations == drawn + N * T + 2 * T * STEPS * 4
    # Measured against N real pairs an iteration; two of them are swapped in where the detector has fired.
    fired = [study[1].record(s.key).notes["fired"] for s in of(study, "triggered", "curate")[1]]
    assert of(study, "triggered")[0].cost.real_samples == N * T + 2 * sum(fired)
    assert fired == [0, 1]


@pytest.mark.parametrize("side", ["captioner", "generator"])
@pytest.mark.parametrize(
    ("name", "reads", "a", "b"),
    [("neon", "start", 1.5, -0.5), ("ema", "previous", 0.5, 0.5), ("wise_ft", "base", 0.5, 0.5)],
)
def test_merged_weights_are_those_of_the_formula_in_both_iterations(
    name: str, reads: str, a: float, b: float, side: str, study: Any
) -> None:
    from benchmarks.steps.context import RunContext

    context = RunContext(study[1])
    merges = of(study, name, "merge", side)[1]
    assert len(merges) == T
    for step in merges:
        new, other, made = (
            adapters.trained_state(context.fresh_model(k)) for k in (step.inputs["model"], step.inputs[reads], step.key)
        )
        assert all(torch.allclose(v, a * other[k] + b * new[k], atol=1e-6) for k, v in made.items())
        assert study[1].record(step.key).notes == {"refactoring_error": 0.0}


def test_lora_rank_keeps_adapters_of_that_rank(study: Any) -> None:
    for side in ("captioner", "generator"):
        for step in of(study, "lora_rank", "fit", side)[1]:
            model = study[1].get(step.key)
            assert (model.lora.rank, model.lora.alpha) == (4, 4.0)


def test_sims_steers_the_second_set_alone(study: Any) -> None:
    store = study[1]
    first, second = of(study, "sims", "images")[1]
    none = of(study, "none", "images")[1]
    assert "auxiliary.generator" not in first.inputs
    assert second.inputs["auxiliary.generator"] == of(study, "sims", "auxiliary")[1][0].key
    assert (store.get(first.key).images == store.get(none[0].key).images).all()
    assert store.record(second.key).cost.network_evaluations == 2 * store.record(none[1].key).cost.network_evaluations


def test_evaluation_never_sees_a_methods_sampling(study: Any) -> None:
    plan = study[0]
    for name in ("lower_guidance", "redifine", "sims"):
        samples = of(study, name, "sample", "generator")[1]
        assert len(samples) == T + 1
        assert all("hooks" not in s.identity and s.identity["decoding"].guidance == 3.0 for s in samples)
    assert plan.suite.generate.generator.guidance == 3.0
