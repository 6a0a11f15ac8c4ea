"""What a row trains is a cost of it: the front compares network evaluations, and each sample of a fit is one."""

from __future__ import annotations

from benchmarks.planning.plan import Plan
from benchmarks.planning.planner import make_plan
from benchmarks.steps.fit import fit_cost
from benchmarks.steps.step import Step
from leaderboard.board import build
from leaderboard.loops import loops
from leaderboard.pareto import front
from lightning_modules.fitting.contracts import FitReport
from records.results import Cost

LOOP = ("joint_finetune", "real_prompts")
ENSEMBLE = ("diverse_ensemble", "k3_live")


def fits_of(plan: Plan, scenario: str, variant: str) -> list[Step]:
    """The fits of one seed of a scenario variant as it is."""
    row = next(r for r in plan.rows if (r.scenario, r.variant, r.mitigation) == (scenario, variant, "none"))
    needed = [plan.steps[key] for key in plan.cells[row.keys[0]].needs if key in plan.steps]
    return [step for step in needed if step.kind == "fit"]


def spent(fits: list[Step]) -> Cost:
    """What these fits consume, as they report it: a network evaluation a sample, whatever the member."""
    costs = [fit_cost(FitReport(step.settings.steps, step.work().trained, step.work().trained)) for step in fits]
    return Cost(sum(c.network_evaluations for c in costs), 0, 0, sum(c.training_steps for c in costs))


def test_three_fits_an_iteration_are_dearer_than_one_and_the_front_sees_it(world) -> None:
    plan = make_plan("scenes_claims")
    costs = {
        "one": spent(fits_of(plan, *LOOP)),
        "three": spent(fits_of(plan, *ENSEMBLE)),
    }
    one, three = (len(fits_of(plan, *where)) for where in (LOOP, ENSEMBLE))
    assert three == 3 * one - 2 * 2, "nobody reads the last fits of two members on either side"
    for count in ("network_evaluations", "training_steps"):
        assert getattr(costs["three"], count) * one == getattr(costs["one"], count) * three > 0
    w = world()
    for name, rate in (("none", 1.0), ("real", 0.05)):
        w.add(*LOOP, name, rate)
    for name, cost in costs.items():
        row = w.add(*LOOP, name, 0.4)
        for seed in w.seeds:
            twin = w.results[w.rows[2].keys[row.seeds.index(seed)]]
            w.change(row, seed, cost=cost, metrics=twin.metrics)
    (loop,) = loops(build(w.rows, w.results))
    assert front(loop.rows) == {"one"}, "it prevents as much, and costs less"
