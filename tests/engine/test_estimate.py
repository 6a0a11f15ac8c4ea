"""What a plan says of its cost agrees with what the run then consumes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.planning.disk import Sizes, peak_and_kept
from benchmarks.planning.estimate import estimate
from benchmarks.planning.plan import Plan
from benchmarks.planning.planner import make_plan
from benchmarks.reporting.outputs import describe
from benchmarks.reporting.plan_screen import screen
from benchmarks.running.executors import InProcessExecutor
from benchmarks.running.study import run_study
from benchmarks.steps import Features, Fit
from benchmarks.storage.manifests import opened, sealed
from benchmarks.storage.store import LocalStore
from benchmarks.study.about import About
from records.place import located
from tests.engine.conftest import write_suite

ENSEMBLE = [{"file": "diverse_ensemble", "variants": ["k3_live"]}, {"file": "joint_finetune"}]


def run(plan: Plan, runs: Path) -> LocalStore:
    store = LocalStore(runs / "store")
    run_study(plan, runs, mirror=False, store=store, executor=InProcessExecutor())
    return store


def shown(plan: Plan, store: Path = Path("/nowhere")) -> str:
    """Return what `plan` says of a suite about which its file says nothing."""
    return screen(describe(plan, store), About(), "make bench")


@pytest.mark.parametrize("kind", ["images", "captions"])
def test_every_step_of_a_pool_is_counted_as_it_runs(kind: str, planned: Callable[..., Plan]) -> None:
    plan = planned(scenarios=ENSEMBLE, n=29, shard=8)
    steps = [s for s in plan.steps.values() if s.kind == kind]
    assert {s.identity["member"][1] for s in steps} == {1, 3}
    for step in steps:
        assert step.work().samples == len(step.mine(29)) * step.draws


def test_evaluations_and_sizes_are_those_of_the_run(tmp_path: Path) -> None:
    plan = make_plan(str(write_suite(tmp_path, scenarios=ENSEMBLE)))
    before = estimate(plan, tmp_path / "runs" / "store")
    assert before["hours"] is None
    assert {"images", "captions", "fit", "metrics"} <= set(before["unknown"])
    assert "How long is unknown, since no base, " in shown(plan)
    store = run(plan, tmp_path / "runs")
    spent = sum(store.record(k).cost.network_evaluations for k, s in plan.steps.items() if s.kind != "fit")
    after = estimate(plan, tmp_path / "runs" / "store")
    assert before["network_evaluations"] == after["network_evaluations"] == spent
    assert after["hours"] == 0
    assert after["unknown"] == []
    on_disk = sum(f.stat().st_size for f in (tmp_path / "runs" / "store").rglob("value/**/*") if f.is_file())
    assert after["kept_gigabytes"] == pytest.approx(on_disk / 1e9, abs=0.01)


def test_a_part_that_ran_tells_the_hours_of_the_whole(tmp_path: Path) -> None:
    file = str(write_suite(tmp_path, seeds=list(range(4)), iterations=3))
    run(make_plan(file, ["--seeds", "[0]", "--iterations", "1"]), tmp_path / "runs")
    found = estimate(make_plan(file), tmp_path / "runs" / "store")
    assert found["unknown"] == []
    assert np.isfinite(found["hours"])


def test_a_step_that_a_machine_slept_through_changes_no_estimate(tmp_path: Path) -> None:
    file = str(write_suite(tmp_path, seeds=list(range(8)), iterations=3))
    ran = make_plan(file, ["--seeds", "[0, 1]"])
    store = run(ran, tmp_path / "runs")
    fits = [key for key, step in ran.steps.items() if step.kind == "fit"]
    assert len(fits) >= 5
    for key in fits:
        pace(store, key, 1.0)
    before = estimate(make_plan(file), tmp_path / "runs" / "store")["hours"]
    assert before > 0
    pace(store, fits[0], 36_000.0)
    assert estimate(make_plan(file), tmp_path / "runs" / "store")["hours"] == before
    for key in fits:
        pace(store, key, 36_000.0)
    assert estimate(make_plan(file), tmp_path / "runs" / "store")["hours"] > 10 * len(fits)


def pace(store: LocalStore, key: str, seconds: float) -> None:
    """Have a record say that its step took so long."""
    file = store.folder(key) / "manifest.json"
    document = opened(file.read_bytes(), key, "it")
    document["cost"]["wall_seconds"] = seconds
    file.write_text(sealed(document))


def test_dropping_pools_lowers_the_peak(planned: Callable[..., Plan], monkeypatch: pytest.MonkeyPatch) -> None:
    whole = planned(mitigations=["none"], iterations=5)
    lean = planned(mitigations=["none"], iterations=5, retain={"pools": False})
    for plan in (whole, lean):
        monkeypatch.setattr(type(plan.world.data), "resolution", 100_000, raising=False)
    sizes = [estimate(plan, Path("/nowhere")) for plan in (whole, lean)]
    assert sizes[1]["peak_gigabytes"] < sizes[0]["peak_gigabytes"] * 0.7
    assert sizes[1]["kept_gigabytes"] < sizes[0]["kept_gigabytes"]


def test_what_is_needed_is_named_with_whether_it_is_there() -> None:
    facts = estimate(make_plan("paper_full"), Path("/nowhere"))
    missing = [m["name"] for m in facts["models"] if not m["present"]]
    assert {"blip2_opt_2.7b", "sdxl_base", "flux_dev", "inception", "clip_l14"} <= set(missing)
    assert "laion_b32" not in missing, "no method of this suite reads a scorer"
    assert "dataset_coco.json" in facts["data"]["missing"]
    assert "\nMISSING: captioner blip2_opt_2.7b (Salesforce/blip2-opt-2.7b)\n" in shown(make_plan("paper_full"))


def test_a_base_that_does_not_ship_is_said_to_be_trained_first() -> None:
    assert "\ntrained first: captioner blip2\nthere: data scenes" in shown(make_plan("scenes_textures"))
    assert "captioner blip2" in shown(make_plan("scenes_renamed")).partition("\nthere: ")[2].partition("\n")[0]


def test_features_and_trained_models_are_counted_before_anything_has_run() -> None:
    lora = ["--fit.captioner.lora.rank=8", "--fit.captioner.lora.alpha=8"]
    whole, thin = (make_plan("joint_loop", ["--seeds", "[0]", "--iterations", "1", *more]) for more in ([], lora))
    sizes, kept, fits = {}, {}, {}
    for plan in (whole, thin):
        told = Sizes(plan, {key: step.work() for key, step in plan.steps.items()})
        sizes[plan.digest] = {key: told.of(step) for key, step in plan.steps.items()}
        kept[plan.digest] = peak_and_kept(plan, sizes[plan.digest])[1]
        fits[plan.digest] = next(k for k, s in plan.steps.items() if isinstance(s, Fit) and s.modality == "captioner")
        assert told.unknown == set()
    base: Any = whole.steps[whole.origins[fits[whole.digest]]]
    shipped = (located(base.spec.folder) / "model.safetensors").stat().st_size  # in half precision, trained in single
    assert sizes[whole.digest][fits[whole.digest]] == pytest.approx(2 * shipped, rel=0.05)
    assert 0 < sizes[thin.digest][fits[thin.digest]] < 0.2 * shipped
    assert kept[whole.digest] > kept[thin.digest] > 0
    judge: Any = next(s for s in whole.steps.values() if isinstance(s, Features) and s.sample and not s.draws)
    wide = json.loads((located(str(whole.world.testbed.judges[0].folder)) / "config.json").read_text())[
        "projection_dim"
    ]
    assert sizes[whole.digest][judge.key] == 4 * wide * whole.steps[judge.sample].work().samples


def test_what_cannot_be_sized_is_named() -> None:
    facts = estimate(make_plan("paper_lite"), Path("/nowhere"))
    assert {"blip_base", "sd_1.5", "clip_l14"} <= set(facts["unsized"])
    text = " ".join(shown(make_plan("paper_lite")).split())
    assert "kept, and what is made with blip_base, clip_l14, sd_1.5 (not here)" in text
