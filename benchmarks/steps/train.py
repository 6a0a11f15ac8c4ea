"""Steps that change models: curate, auxiliary, fit, merge."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.steps import Step
from benchmarks.steps.context import RunContext, in_order, items_of
from benchmarks.storage.store import Cost
from datamodules.pairs import Pairs
from records.errors import StepError


def curate(step: Step, context: RunContext) -> tuple[Pairs, Cost]:
    """The pool that is trained on, of exactly the size that was planned."""
    identity = step.identity
    hooked = context.hook(step, "curate", n=identity["n"])
    if hooked is None:
        pool = in_order(context.pool(step.inputs["new"]), items_of(step, context))
    else:
        pool = hooked[0].curate(hooked[1])
    if len(pool) != identity["size"]:
        raise StepError(f"curate returned {len(pool)} pairs; the plan says {identity['size']}")
    return pool, Cost(real_samples=int(np.sum(pool.origin == 0)))


def auxiliary(step: Step, context: RunContext) -> tuple[Any, Cost]:
    """Whatever a method makes beside the models: an auxiliary model, a detector."""
    facts = {
        "pool": context.pool(step.inputs["pool"]), "modality": step.identity["modality"],
        "settings": step.identity["settings"], "seed": step.identity["seed"], "progress": context.progress,
        "fresh": lambda name: context.fresh_model(str(step.inputs[name])),
    }  # fmt: skip
    hooked = context.hook(step, "auxiliary", **facts)
    assert hooked is not None
    made = hooked[0].auxiliary(hooked[1])
    value, report = made if isinstance(made, tuple) else (made, None)
    return value, Cost() if report is None else fit_cost(report)


def fit(step: Step, context: RunContext) -> tuple[Any, Cost]:
    """Fine-tune one model on the pool: exactly the planned steps, a fresh optimizer, no early stopping."""
    model = context.fresh_model(str(step.inputs["model"]))
    pool = context.pool(step.inputs["pool"])
    hooked = context.hook(
        step, "objective", modality=step.identity["modality"], pool=pool, settings=step.identity["settings"]
    )
    objective = None if hooked is None else hooked[0].objective(hooked[1])
    report = model.fit_pairs(
        pool, step.identity["settings"], step.identity["seed"], objective=objective, progress=context.progress
    )
    return model, fit_cost(report)


def fit_cost(report: Any) -> Cost:
    """Return what a fit consumed."""
    return Cost(network_evaluations=report.network_evaluations, training_steps=report.steps)


def merge(step: Step, context: RunContext) -> tuple[Any, Cost]:
    """The next model out of base, previous and new weights."""
    new = context.fresh_model(str(step.inputs["model"]))
    hooked = context.hook(step, "merge", new_model=new, modality=step.identity["modality"])
    assert hooked is not None
    return hooked[0].merge(hooked[1]), Cost()
