"""Every hook of a method asked once or twice, in this process and in seconds: what an author looks at first.

No numbers come of it: a study is cut down to a few pairs and one training step, its evaluation is left out, and what is
made lies in a folder that is gone afterwards. Steps are those of a run otherwise, so that what fails there fails here,
with its own traceback.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.methods.hooks import HOOKS, Context
from benchmarks.planning.plan import Plan, PlannedCell
from benchmarks.planning.planner import make_plan
from benchmarks.running.executors import own
from benchmarks.running.worker import perform, surroundings
from benchmarks.steps import Auxiliary, Curate, Fit, Merge, Step
from benchmarks.storage.store import LocalStore, Record
from benchmarks.study.loading import load_suite
from records.errors import UsageError
from records.names import MODALITIES, RowName
from records.overrides import heads

#: Where a method is tried unless its author says where: the smallest world of networks; every scenario is in it.
SUITE = "smoke"
PAIRS, ITERATIONS, TRAINING_STEPS, DENOISING_STEPS = 8, 2, 1, 2
#: What a loop is made for; evaluations are not run.
LOOP = (Curate, Fit, Merge, Auxiliary)


@dataclass(frozen=True)
class Rehearsal:
    """What is tried.

    Attributes:
        plan: The study, cut down.
        cell: Where most of the method's hooks are asked.
        name: The row's.
        asked: The hooks that steps of it ask.
        idle: The method's other hooks.
        steps: Those that run, inputs first.
    """

    plan: Plan
    cell: PlannedCell
    name: RowName
    asked: tuple[str, ...]
    idle: tuple[str, ...]
    steps: tuple[Step, ...]


def plan_rehearsal(suite: str, overrides: Sequence[str], method: str) -> Rehearsal:
    """Plan a study with one method, cut down to what its hooks need to be asked.

    Raises:
        UsageError: Anything in it is wrong, or the method changes none of its scenarios.
    """
    plan = make_plan(suite, [*overrides, *_small(suite, overrides)], [method])
    rows = [row for row in plan.rows if row.added]
    if not rows:
        raise UsageError(
            f"{plan.file}: method {method} applies to none of its scenarios; allowed: one that changes any of them "
            "(see --suite)"
        )

    def asking(row: Any) -> tuple[int, int]:
        cell = plan.cells[row.keys[0]]
        return len(_asked(plan, cell)), len(cell.cell.scenario.trains)

    row = max(rows, key=asking)  # of equals the first
    cell = plan.cells[row.keys[0]]
    asked = _asked(plan, cell)
    idle = tuple(hook for hook in HOOKS if cell.cell.method.hooks.overrides(hook) and hook not in asked)
    return Rehearsal(plan, cell, RowName.of(row), asked, idle, tuple(_steps(plan, cell)))


def rehearse(tried: Rehearsal, folder: Path, heard: Callable[[Step, Context, Record], None]) -> None:
    """Run the steps of a rehearsal, one after the other; whatever goes wrong in them is raised as it is.

    Args:
        tried: What is tried.
        folder: Where artifacts go, of this rehearsal alone.
        heard: Called after a step for every hook that was asked in it.
    """
    import torch

    from benchmarks.steps.context import RunContext

    torch.set_num_threads(1)
    context, machine = (
        RunContext(LocalStore(folder), execution=tried.plan.suite.execution),
        surroundings(tried.plan.suite.execution),
    )
    for step in tried.steps:
        record = perform(own(step), context.store, context, machine)
        for seen in context.hooked:
            heard(step, seen, record)


def moved(step: Merge, folder: Path) -> float | None:
    """Return how far a merge moved the weights that were trained, as a share of their length; None where unknown."""
    store = LocalStore(folder)
    try:
        before, after = (dict(store.get(key).state_dict()) for key in (step.model, step.key))
    except AttributeError:  # no network, as in the analytic world
        return None
    whole = sum(float((w.double() ** 2).sum()) for w in before.values())
    apart = sum(float(((after[k].double() - w.double()) ** 2).sum()) for k, w in before.items() if k in after)
    return (apart / whole) ** 0.5 if whole else None


def _small(suite: str, overrides: Sequence[str]) -> list[str]:
    """Return overrides that cut a study down, but for what the command line says itself."""
    found, _ = load_suite(suite, overrides)
    said = {head.partition(".")[0] for head in heads(overrides)}
    small = {
        "n": min(found.n, PAIRS), "iterations": min(found.iterations, ITERATIONS), "seeds": [found.seeds[0]],
        "mitigations": ["none"],
    }  # fmt: skip
    words = [word for key, value in small.items() if key not in said for word in (f"--{key}", str(value))]
    for side in MODALITIES if "fit" not in said else ():
        fit = getattr(found.fit, side)
        words += [f"--fit.{side}.steps", str(min(fit.steps, TRAINING_STEPS))]
        words += [f"--fit.{side}.batch_size", str(min(fit.batch_size, PAIRS))]
    if "generate" not in said:
        words += ["--generate.generator.steps", str(min(found.generate.generator.steps, DENOISING_STEPS))]
    return words


def _asked(plan: Plan, cell: PlannedCell) -> tuple[str, ...]:
    found: set[str] = set()
    for key in cell.needs:
        hooked: Any = getattr(plan.steps[key], "hooked", None)
        found |= set(hooked.hooks) if hooked is not None else set()
    return tuple(hook for hook in HOOKS if hook in found)


def _steps(plan: Plan, cell: PlannedCell) -> list[Step]:
    needs = [plan.steps[key] for key in cell.needs]
    loop = [s.key for s in needs if isinstance(s, LOOP) or getattr(s, "hooked", None) is not None]
    wanted: set[str] = set()
    while loop:
        key = loop.pop()
        if key not in wanted:
            wanted.add(key)
            loop.extend(plan.steps[key].parents)
    return [step for step in needs if step.key in wanted]
