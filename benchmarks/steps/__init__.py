"""What each kind of step does: `run(step, context) -> (value, Cost)`, found by the step's kind."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from benchmarks.steps import Step
from benchmarks.steps.context import RunContext
from benchmarks.storage.store import Cost

#: Step kind -> module of this package that holds a function of the same name.
MODULES = {
    "base": "generate", "real": "generate", "images": "generate", "captions": "generate", "score": "generate",
    "curate": "train", "auxiliary": "train", "fit": "train", "merge": "train",
    "sample": "measure", "features": "measure", "reference": "measure", "metrics": "measure", "floor": "measure",
}  # fmt: skip


def run_step(step: Step, context: RunContext) -> tuple[Any, Cost]:
    """Run one step; its module (and with it torch) is imported here, on first use.

    What the hooks of a method said that they consumed is added to the step's cost.
    """
    import importlib

    context.hooked.clear()
    module = importlib.import_module(f"benchmarks.steps.{MODULES[step.kind]}")
    value, cost = getattr(module, step.kind)(step, context)
    for hooked in context.hooked:
        cost = replace(cost, **{name: getattr(cost, name) + count for name, count in hooked.spent.items()})
    return value, cost
