"""A testbed may hold captioners alone, or generators alone: what asks nothing of the other side runs on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.planning.needs import unmet_needs
from benchmarks.planning.planner import make_plan
from records.errors import UsageError
from tests.engine.conftest import TESTBED, run_in_memory, write_suite

MODALITIES = ("captioner", "generator")


def bed(*sides: str, **more: Any) -> dict[str, Any]:
    """Return the small testbed with the models of some sides only."""
    gone = {f"{modality}s" for modality in MODALITIES} - {f"{side}s" for side in sides}
    return {key: value for key, value in TESTBED.items() if key not in gone} | more


def planned(folder: Path, testbed: dict[str, Any], *scenarios: Any, **changes: Any) -> Any:
    entries = [s if isinstance(s, dict) else {"file": s} for s in scenarios]
    return make_plan(str(write_suite(folder, testbed, scenarios=entries, **changes)))


@pytest.mark.parametrize("empty", [False, True])
@pytest.mark.parametrize("side", MODALITIES)
def test_a_single_model_study_runs_and_says_what_it_says_on_both(tmp_path, side, empty):
    other = next(m for m in MODALITIES if m != side)
    testbed = bed(side, **({f"{other}s": []} if empty else {}))
    alone = planned(tmp_path / "one", testbed, f"single_model_{side}")
    both = planned(tmp_path / "both", TESTBED, f"single_model_{side}")
    assert set(alone.cells) == set(both.cells)  # a cell's key holds nothing that it does not touch
    outcome, _ = run_in_memory(alone, tmp_path / "results")
    assert all(cell.status == "complete" and cell.trains == (side,) for cell in outcome.results.values())
    assert not any("generator" in sentence for sentence in unmet_needs(alone))


def test_so_does_a_study_of_one_side_s_own_metrics(tmp_path):
    families = ["benchmarks.analytic.families.CaptionLaw"]
    plan = planned(
        tmp_path, bed("captioner"), "single_model_captioner", metrics=families, primary={"captioner": "heterozygosity"}
    )
    assert {name.partition("/")[0] for cell in run_in_memory(plan, tmp_path / "r")[0].results.values()
            for name in cell.metrics[0].values} == {"captioner"}  # fmt: skip


def test_an_ensemble_of_one_side_needs_no_members_of_the_other(tmp_path):
    scenario = {"schema": 1, "name": "choir", "trains": ["captioner"], "images": "real", "captions": "captioner",
                "members": {"count": 3}}  # fmt: skip
    (tmp_path / "choir.yaml").write_text(str(scenario))
    assert planned(tmp_path, bed("captioner"), "choir.yaml").cells
    few = bed("captioner", captioners=TESTBED["captioners"][:2])
    with pytest.raises(UsageError, match=r"members\.count: found 3; allowed: at most 2, the number of captioners"):
        planned(tmp_path, few, "choir.yaml")


@pytest.mark.parametrize(
    ("side", "scenario", "found"),
    [
        ("captioner", "single_model_generator", "images: found 'generator', and testbed 'small' names no generators"),
        ("generator", "single_model_captioner", "captions: found 'captioner', and testbed 'small' names no captioners"),
        ("captioner", "joint_finetune", "images: found 'generator'"),
        ("generator", "frozen_relabel", "captions: found 'captioner'"),
        ("captioner", "diverse_ensemble", "images: found 'generator'"),
        ("generator", {"file": "joint_finetune", "variants": ["closed"]}, "joint_finetune: closed: captions: found"),
    ],
)
def test_a_scenario_that_needs_the_other_side_is_refused(tmp_path, side, scenario, found):
    with pytest.raises(UsageError, match=found) as error:
        planned(tmp_path, bed(side), scenario)
    assert "small.yaml: scenarios: " in str(error.value)
    assert "; allowed: scenarios that ask no " in str(error.value)
    assert len(str(error.value).replace(str(tmp_path), "")) < 300


def test_a_testbed_of_no_models_is_refused(tmp_path):
    with pytest.raises(UsageError, match="captioners, generators: found none; allowed: one or more"):
        planned(tmp_path, bed(), "single_model_captioner")
    with pytest.raises(UsageError, match="captioners, generators: found none; allowed: one or more"):
        planned(tmp_path, bed(captioners=[], generators=[]), "single_model_generator")
