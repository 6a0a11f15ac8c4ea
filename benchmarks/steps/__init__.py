"""What each kind of step does: `run(step, context) -> (value, Cost)`, found by the step's kind."""

from __future__ import annotations

from typing import Any

from benchmarks.keys import Step
from benchmarks.steps.context import RunContext
from benchmarks.store import Cost

#: Step kind -> module of this package that holds a function of the same name.
MODULES = {
    "base": "generate", "real": "generate", "images": "generate", "captions": "generate", "score": "generate",
    "curate": "train", "auxiliary": "train", "fit": "train", "merge": "train",
    "sample": "measure", "features": "measure", "reference": "measure", "metrics": "measure", "floor": "measure",
}  # fmt: skip


def run_step(step: Step, context: RunContext) -> tuple[Any, Cost]:
    """Run one step; its module (and with it torch) is imported here, on first use."""
    import importlib

    module = importlib.import_module(f"benchmarks.steps.{MODULES[step.kind]}")
    return getattr(module, step.kind)(step, context)
