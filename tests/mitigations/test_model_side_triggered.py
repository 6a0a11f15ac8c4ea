"""`triggered` passes through until its detector fires, and is its inner method from then on."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from benchmarks.mitigations.detectors import Drift, SpreadLoss
from benchmarks.planning.planner import make_plan
from records.errors import UsageError
from tests.engine.conftest import TESTBED, run_in_memory, write_suite

SCORER = {"name": "s", "class_path": "tests.mitigations.trigger_helpers.Scorer", "trained_on": ["scorer"]}
ITERATIONS = 3


def run(folder: Path, inner: str | dict[str, Any], at: int, scenario: str = "single_model_generator") -> Any:
    """Run the inner method by itself, and triggered at an iteration; return both results and the plan and store."""
    bed = copy.deepcopy(TESTBED) | {"scorers": [SCORER]}
    detector = {"class_path": "tests.mitigations.trigger_helpers.At", "init_args": {"iteration": at}}
    path = "benchmarks.mitigations.triggered.Triggered"
    method = {"schema": 1, "name": "on", "class_path": path, "init_args": {"inner": inner, "detector": detector}}
    (folder / "on.yaml").write_text(yaml.safe_dump(method))
    plain = {"schema": 1, "name": "inner", **(inner if isinstance(inner, dict) else {})}
    (folder / "inner.yaml").write_text(yaml.safe_dump(plain))
    file = write_suite(
        folder, bed, seeds=[0], mitigations=["none"], iterations=ITERATIONS, scenarios=[{"file": scenario}]
    )
    methods = [str(folder / "inner.yaml") if isinstance(inner, dict) else inner, str(folder / "on.yaml")]
    plan = make_plan(str(file), [], methods)
    outcome, store = run_in_memory(plan, folder / "results")
    rows = {r.mitigation: r.keys[0] for r in plan.rows}
    assert [outcome.results[k].status for k in rows.values()] == ["complete"] * 3, [r.error for r in outcome.failed]
    return plan, store, rows, outcome.results


def values(result: Any) -> list[dict[str, float]]:
    return [p.values for p in result.metrics]


@pytest.mark.parametrize("scenario", ["single_model_captioner", "single_model_generator"])
@pytest.mark.parametrize(
    "inner",
    [
        "fresh_real",
        {"class_path": "tests.mitigations.trigger_helpers.All"},
        {"class_path": "tests.mitigations.trigger_helpers.Twice"},
    ],
)
def test_before_and_after(inner: Any, scenario: str, tmp_path: Path) -> None:
    twice = isinstance(inner, dict) and inner["class_path"].endswith("Twice")
    reached = {}
    for at in (1, 2, 9):
        _, _, rows, results = run(tmp_path, inner, at, scenario)
        reached[at] = values(results[rows["on"]])
        none, own = (values(results[rows[name]]) for name in rows if name != "on")
        cost = {name: results[key].cost for name, key in rows.items()}
        assert cost["on"].network_evaluations > cost["none"].network_evaluations, "scorers are costed"
        assert cost["on"].real_samples >= ITERATIONS * 16, "the real pairs it measures against are costed"
    assert own != none
    assert reached[9] == none, "never fired: as if it were not there"
    assert reached[2][:2] == none[:2], "fires at the second set: nothing before it is touched"
    assert reached[2][2:] != none[2:]
    if inner == "fresh_real" or twice:  # these act on what is trained on alone, so firing at 1 is being on throughout
        assert reached[1] == own


def test_a_closed_loop_has_no_real_pairs_to_measure_its_sets_against() -> None:
    """Its items are those of iteration 1; held against fresh ones even the base's own set would drift."""
    plan = make_plan("scenes_claims", ["--seeds", "[0]"], ["triggered"])
    there = {f"{row.scenario}/{row.variant}" for row in plan.rows if row.mitigation == "triggered"}
    closed = {
        f"{row.scenario}/{row.variant}" for row in plan.rows if plan.cells[row.keys[0]].cell.scenario.closed
    }  # fmt: skip
    assert "joint_finetune/real_prompts" in there
    assert closed == {"joint_finetune/closed"}
    assert not closed & there


def test_from_then_on_every_step_is_the_inner_methods(tmp_path: Path) -> None:
    plan, store, rows, _ = run(tmp_path, "fresh_real", 2)
    pools = {
        name: [store.get(k) for k in plan.cells[key].needs if plan.steps[k].kind == "curate"]
        for name, key in rows.items()
    }
    assert [int((p.origin == 0).sum()) for p in pools["on"]] == [0, 4, 4]
    for mine, inner in zip(pools["on"][1:], pools["fresh_real"][1:], strict=True):
        fresh = mine.origin == 0
        assert np.array_equal(mine.ids, inner.ids)
        assert np.array_equal(mine.images[fresh], inner.images[fresh])
    notes = [store.record(k).notes for k in plan.cells[rows["on"]].needs if plan.steps[k].kind == "curate"]
    assert notes == [{"fired": 0, "detector": 0.0}, {"fired": 1, "detector": 1.0}, {"fired": 1, "detector": 0.0}]


def test_drift_is_how_much_further_from_real_pairs_than_the_first_set() -> None:
    random = np.random.default_rng(0)
    real = [{"s": {"images": random.normal(size=(50, 3)), "captions": random.normal(size=(50, 2))}} for _ in range(3)]
    sets = [{"s": {"images": r["s"]["images"] * scale + shift, "captions": r["s"]["captions"]}}
            for r, scale, shift in zip(real, (0.9, 0.8, 1.0), (0.1, 0.3, 0.0), strict=True)]  # fmt: skip
    found = Drift(1.5).values(sets, real)

    def distance(made: np.ndarray, true: np.ndarray) -> float:
        mean, spread = made.mean(0) - true.mean(0), made.std(0) - true.std(0)
        return ((mean**2).sum() + (spread**2).sum()) / true.var(0).sum()

    by_hand = [distance(s["s"]["images"], r["s"]["images"]) for s, r in zip(sets, real, strict=True)]
    assert found == pytest.approx([d / by_hand[0] for d in by_hand])
    assert found[0] == 1
    assert Drift(1.5).limit == 1.5
    assert Drift(1.5).values(real, real) == [1, 1, 1]


def test_spread_loss_is_the_share_of_variance_that_is_gone() -> None:
    random = np.random.default_rng(0)
    real = [{"s": {"images": random.normal(size=(50, 3)), "captions": random.normal(size=(50, 2))}}]
    sets = [{"s": {"images": real[0]["s"]["images"], "captions": 0.5 * real[0]["s"]["captions"]}}]
    assert SpreadLoss(0.1).values(sets, real) == pytest.approx([0.75])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"inner": "accumulate"}, "makes pools of another size than N"),
        ({"inner": "redifine"}, "patches settings; allowed: a method with a class alone"),
        ({"inner": {"init_args": {}}}, r"inner: found the keys \['init_args'\]; allowed: class_path"),
        ({"inner": "fresh_real", "detector": {"class_path": "benchmarks.mitigations.detectors.Drift", "init_args": {"ratio": 1}}},
         "ratio: found 1; allowed: a number above 1"),
    ],
)  # fmt: skip
def test_refused(arguments: dict[str, Any], said: str, tmp_path: Path) -> None:
    bed = copy.deepcopy(TESTBED) | {"scorers": [SCORER]}
    method = {
        "schema": 1,
        "name": "on",
        "class_path": "benchmarks.mitigations.triggered.Triggered",
        "init_args": arguments,
    }
    (tmp_path / "on.yaml").write_text(yaml.safe_dump(method))
    with pytest.raises(UsageError, match=f"on.yaml: init_args: .*{said}"):
        make_plan(str(write_suite(tmp_path, bed)), [], [str(tmp_path / "on.yaml")])


def test_without_scorers_it_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"triggered: .* names no scorers; allowed: a testbed with scorers"):
        make_plan(str(write_suite(tmp_path)), [], ["triggered"])
