"""Do methods still let a model learn? What the renamed world asks of each: real pairs, trained as the method trains."""

from __future__ import annotations

import pytest
import yaml

from benchmarks.methods.ready import make_method
from benchmarks.planning.plan import Plan
from benchmarks.planning.planner import make_plan
from benchmarks.study.loading import SUITES

FOLDER = SUITES / "mitigations"
LEARNING = sorted(file.stem for file in FOLDER.glob("real_*.yaml") if "compose" in yaml.safe_load(file.read_text()))
#: Suite -> what it trains.
WORLDS = {"scenes_renamed": "captioner", "scenes_renamed_generator": "generator"}


@pytest.fixture(scope="module", params=WORLDS)
def world(request: pytest.FixtureRequest) -> tuple[Plan, str]:
    return make_plan(request.param, ("--seeds", "[0]")), WORLDS[request.param]


@pytest.mark.parametrize("name", LEARNING)
def test_it_is_the_method_on_real_pairs(name: str) -> None:
    mine, method = make_method(name, FOLDER), make_method(name.removeprefix("real_"), FOLDER)
    assert mine.spec.compose == ("real", method.spec.name)
    assert mine.spec.source == method.spec.source
    assert mine.spec.applies_to == method.spec.applies_to
    assert mine.fit_patch == method.fit_patch
    assert mine.method.active == method.method.active | {"curate"}


def test_every_one_that_trains_the_side_has_a_row_and_a_claim(world: tuple[Plan, str]) -> None:
    plan, side = world
    applies = {name for name in LEARNING if side in make_method(name, FOLDER).spec.applies_to}
    assert len(applies) >= 7
    assert [row.mitigation for row in plan.rows][:2] == ["none", "real"]
    assert {row.mitigation for row in plan.rows} == {"none", "real"} | applies
    claimed = {claim.init_args["a"].rpartition("/")[2] for claim in plan.suite.claims}
    assert claimed == applies
    assert plan.suite.primary[side] == "attribute_accuracy"


def test_none_of_them_sees_what_a_model_made(world: tuple[Plan, str]) -> None:
    plan, side = world
    for row in plan.rows:
        steps = [plan.steps[key] for key in plan.cells[row.keys[0]].needs]
        kinds = {step.kind for step in steps}
        assert ({"images", "captions"} & kinds != set()) == (row.mitigation == "none")
        fits = [step for step in steps if step.kind == "fit"]
        assert len(fits) == plan.suite.iterations
        assert {step.modality for step in fits} == {side}  # type: ignore[attr-defined]


def test_bases_are_those_of_the_old_world_and_no_judge_knows_the_old_words(world: tuple[Plan, str]) -> None:
    plan, side = world
    old = make_plan("smoke").world.models
    assert not plan.world.models["judges"]
    assert plan.world.data_spec.value["init_args"]["domain"] == "shapes_renamed"
    mine, theirs = (models[f"{side}s"][0].value for models in (plan.world.models, old))
    assert mine["weights"] == theirs["weights"]
    assert "recipe" not in mine
