"""Who makes which sample of an ensemble, who trains, and who is measured."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from benchmarks.analytic.data import class_names
from benchmarks.planning.plan import Plan
from benchmarks.seeds import draw_items
from benchmarks.steps.fit import segment_of
from datamodules.pairs import Pairs
from records.errors import StepError, UsageError
from tests.engine.conftest import run_in_memory

Planner = Callable[..., Plan]


def ensemble(planned: Planner, variant: str) -> Plan:
    return planned(scenarios=[{"file": "diverse_ensemble", "variants": [variant]}], seeds=[0])


def steps(plan: Plan, kind: str) -> list:
    cell = next(iter(plan.cells.values()))
    return [plan.steps[k] for k in cell.needs if plan.steps[k].kind == kind]


def test_sample_i_comes_from_generator_i_mod_k_and_captioner_i_div_k_mod_k(planned: Planner, tmp_path: Path) -> None:
    plan = ensemble(planned, "k3_live")
    _, store = run_in_memory(plan, tmp_path)
    for kind, share in (("images", lambda i: i % 3), ("captions", lambda i: i // 3 % 3)):
        for step in steps(plan, kind):
            t, member = step.identity["t"], step.identity["member"][0]
            place = {item: i for i, item in enumerate(draw_items(0, t, 16, 64).tolist())}
            assert {place[i] for i in store.get(step.key).ids.tolist()} == {i for i in range(16) if share(i) == member}
    for pool in steps(plan, "curate"):
        assert np.array_equal(store.get(pool.key).ids, draw_items(0, pool.identity["t"], 16, 64))


@pytest.mark.parametrize(("variant", "fits"), [("k3_live", 6), ("k3_frozen", 2), ("k3_copies", 6)])
def test_who_trains(variant: str, fits: int, planned: Planner) -> None:
    # Two modalities and two iterations; in the last one only the anchors are needed for what is measured.
    made = steps(ensemble(planned, variant), "fit")
    assert sum(s.iteration == 1 for s in made) == fits
    assert sum(s.iteration == 2 for s in made) == 2


def test_copies_share_weights_and_differ_in_seeds(planned: Planner) -> None:
    plan = ensemble(planned, "k3_copies")
    first = [s for s in steps(plan, "images") if s.iteration == 1]
    assert len({s.inputs["model"] for s in first}) == 1
    assert len({s.identity["seed"] for s in first}) == 3


def test_frozen_members_stay_at_base(planned: Planner) -> None:
    plan = ensemble(planned, "k3_frozen")
    used = {
        t: {s.identity["member"][0]: s.inputs["model"] for s in steps(plan, "images") if s.iteration == t}
        for t in (1, 2)
    }
    assert used[1][0] != used[2][0]
    assert used[1][1] == used[2][1]
    assert used[1][2] == used[2][2]


SEGMENTED = {"scenario_patch": {"members": {"count": 3, "kind": "copies", "segments": True}}}


def segmented(planned: Planner, folder: Path, **changes: Any) -> Plan:
    file = folder / "segmented.yaml"
    file.write_text(yaml.safe_dump({"schema": 1, "name": "segmented", "source": "here", **SEGMENTED}))
    return planned((str(file),), mitigations=["none"], **{"seeds": [0], **changes})


def test_segments_part_the_pool_among_the_members(planned: Planner, tmp_path: Path) -> None:
    plan = segmented(planned, tmp_path, scenarios=[{"file": "joint_finetune", "variants": ["real_prompts"]}])
    _, store = run_in_memory(plan, tmp_path)
    cell = next(plan.cells[row.keys[0]] for row in plan.rows if row.mitigation == "segmented")
    made = [plan.steps[k] for k in cell.needs]
    pools = {s.iteration: (s.key, store.get(s.key)) for s in made if s.kind == "curate"}
    parts = {}
    for fit in (s for s in made if s.kind == "fit"):
        key, pool = pools[fit.iteration]
        assert fit.inputs["pool"] == key
        part = segment_of(pool, *fit.identity["segment"])
        parts[fit.iteration, fit.modality, fit.identity["segment"][0]] = part.ids.tolist()
        if fit.modality == "captioner":  # its fit is the frequencies of what it saw
            counts = np.bincount([class_names(3).index(text) for text in part.captions], minlength=3)
            assert np.allclose(store.get(fit.key).shares, counts / counts.sum())
    whole = pools[1][1].ids.tolist()
    first = [parts[1, "captioner", member] for member in range(3)]
    assert sorted(i for part in first for i in part) == sorted(whole)
    assert sorted(map(len, first)) == [5, 5, 6]
    assert [parts[1, "generator", member] for member in range(3)] == first
    assert all([i for i in whole if i in part] == part for part in first), "in the order of the pool"
    again = segment_of(pools[1][1], *next(s.identity["segment"] for s in made if s.kind == "fit" and s.iteration == 2))
    assert again.ids.tolist() not in first, "drawn anew in every iteration"


def test_members_take_all_steps_whatever_their_share(planned: Planner, tmp_path: Path) -> None:
    plan = segmented(planned, tmp_path, scenarios=[{"file": "single_model_captioner"}])
    outcome, _ = run_in_memory(plan, tmp_path)
    cost = {row.mitigation: outcome.results[row.keys[0]].cost for row in plan.rows}
    # Three members in the first iteration; in the second the anchor is all that is measured.
    assert cost["segmented"].training_steps == 2 * cost["none"].training_steps
    assert cost["segmented"].synthetic_samples == cost["none"].synthetic_samples


def test_who_trains_on_all_of_the_pool_has_the_keys_that_it_had(planned: Planner, tmp_path: Path) -> None:
    for name, members in {"all": {"count": 3}, "said": {"count": 3, "segments": False}}.items():
        method = {"schema": 1, "name": name, "source": "here", "scenario_patch": {"members": members}}
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(method))
    plan = planned((str(tmp_path / "all.yaml"), str(tmp_path / "said.yaml")), mitigations=["none"], seeds=[0])
    keys = {row.mitigation: row.keys for row in plan.rows}
    assert keys["all"] == keys["said"] != keys["none"]


def test_a_pool_that_does_not_go_round_is_refused(planned: Planner, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="n: found 2; allowed: 3 or more, a pair for each"):
        segmented(planned, tmp_path, n=2)
    pool = Pairs(ids=[1, 2], images=np.zeros(2), captions=["a", "b"], prompts=["", ""], origin=[0, 0])
    with pytest.raises(StepError, match="found 2 pairs for 3 members; allowed: one each, or more"):
        segment_of(pool, 0, 3, 7)
