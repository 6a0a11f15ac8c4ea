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

import numpy as np

from benchmarks.methods.hooks import HOOKS, Context
from benchmarks.planning.plan import Plan, PlannedCell
from benchmarks.planning.planner import make_plan
from benchmarks.running.counted import Work
from benchmarks.running.executors import own
from benchmarks.running.undisturbed import undisturbed
from benchmarks.running.worker import perform, surroundings
from benchmarks.steps import Auxiliary, Curate, Fit, Merge, Step
from benchmarks.storage.store import LocalStore, Record
from benchmarks.study.loading import load_suite
from datamodules.pairs import Pairs
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


def rehearse(tried: Rehearsal, folder: Path, heard: Callable[[Step, Context, Record], None]) -> list[str]:
    """Run the steps of a rehearsal, one after the other; whatever goes wrong in them is raised as it is.

    A step that asks hooks is run twice, to see whether it makes the same.

    Args:
        tried: What is tried.
        folder: Where artifacts go, of this rehearsal alone.
        heard: Called after a step for every hook that was asked in it.

    Returns:
        What an author may not have meant.
    """
    import torch

    from benchmarks.steps.context import RunContext

    torch.set_num_threads(1)
    context, machine = (
        RunContext(LocalStore(folder), execution=tried.plan.suite.execution),
        surroundings(tried.plan.suite.execution),
    )
    said: list[str] = []
    with Work(context) as work:
        for step in tried.steps:
            asked = own(step)
            before = _kept(asked)
            work.clear()
            record = perform(asked, context.store, context, machine)
            hooks = [seen.hook for seen in context.hooked]
            for seen in context.hooked:
                heard(step, seen, record)
            if hooks:
                label = ", ".join(dict.fromkeys(hooks))
                said += [f"{label}: {what}" for what in work.uncounted(record.cost)]
                if changed := sorted(k for k, v in _kept(asked).items() if before.get(k) != v):
                    kept = "an instance keeps nothing from step to step; what lasts goes through `auxiliary`"
                    said.append(f"{label} changed self.{changed[0]}: {kept}")
                if not _same(context, own(step)):
                    said.append(f"{label} makes something else when it is asked again: draw all from ctx.seed")
    return list(dict.fromkeys(said))


def _kept(step: Step) -> dict[str, str]:
    """Return what the instance of a step's method holds, in words."""
    hooked: Any = getattr(step, "hooked", None)
    held = {} if hooked is None else vars(hooked.method.execution.hooks)
    return {name: repr(value) for name, value in held.items()}


def _same(context: Any, step: Step) -> bool:
    """Run a step once more and say whether it makes the same; on accelerators nothing is."""
    from lightning_modules.fitting.devices import device

    if device().type != "cpu":
        return True
    with undisturbed(int(step.key[:8], 16)):
        value, _ = step.run(context)
    context.recall()
    return alike(value, context.store.get(step.key))


def alike(one: Any, other: Any) -> bool:
    """Whether two values of a step are the same; of what cannot be compared it is taken for granted."""
    if isinstance(one, Pairs) and isinstance(other, Pairs):
        fields = {**vars(one), "images": np.asarray(one.images)}, {**vars(other), "images": np.asarray(other.images)}
        return all(alike(fields[0][name], fields[1][name]) for name in fields[0])
    if callable(getattr(one, "state_dict", None)) and callable(getattr(other, "state_dict", None)):
        return alike(dict(one.state_dict()), dict(other.state_dict()))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(alike(one[name], other[name]) for name in one)
    if hasattr(one, "shape") and hasattr(other, "shape"):
        return np.array_equal(np.asarray(one), np.asarray(other), equal_nan=np.asarray(one).dtype.kind == "f")
    return bool(one == other) if isinstance(one, (str, int, float, list, tuple, type(None))) else True


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
