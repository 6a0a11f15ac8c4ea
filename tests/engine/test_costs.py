"""What a method consumes is counted in full: every sample that its pool is made of, whoever made it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from benchmarks.planning.plan import Plan
from records.results import Cost
from tests.engine.conftest import run_in_memory

N, ITERATIONS = 16, 2


def costs(planned: Callable[..., Plan], folder: Path, scenario: dict, **changes: object) -> dict[str, Cost]:
    plan = planned(scenarios=[scenario], seeds=[0], iterations=ITERATIONS, **changes)
    outcome, _ = run_in_memory(plan, folder)
    return {r.mitigation: outcome.results[r.keys[0]].cost for r in plan.rows}


def test_a_joint_pool_bears_its_images_and_its_captions(planned: Callable[..., Plan], tmp_path: Path) -> None:
    found = costs(planned, tmp_path, {"file": "joint_finetune", "variants": ["real_prompts"]})
    assert found["none"].synthetic_samples == N * ITERATIONS
    assert found["none"].network_evaluations - found["real"].network_evaluations == 2 * N * ITERATIONS
    assert found["none"].training_steps == found["real"].training_steps == 2 * ITERATIONS


def test_real_pays_for_real_samples_alone(planned: Callable[..., Plan], tmp_path: Path) -> None:
    found = costs(planned, tmp_path, {"file": "single_model_generator"}, mitigations=["real", "accumulate"])
    assert (found["real"].real_samples, found["real"].synthetic_samples) == (N * ITERATIONS, 0)
    assert found["accumulate"].synthetic_samples == N * ITERATIONS


def test_every_member_of_an_ensemble_is_paid(planned: Callable[..., Plan], tmp_path: Path) -> None:
    found = costs(planned, tmp_path, {"file": "diverse_ensemble", "variants": ["k3_live"]})
    # The other members of the last iteration are not measured, so they are not trained.
    assert found["none"].training_steps == 2 * 3 + 2
    assert found["none"].synthetic_samples == N * ITERATIONS
