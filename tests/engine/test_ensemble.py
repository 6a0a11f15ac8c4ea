"""Who makes which sample of an ensemble, who trains, and who is measured."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmarks.planning.plan import Plan
from benchmarks.seeds import draw_items
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
