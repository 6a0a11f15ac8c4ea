"""A step runs the code that it was planned with: a class that was edited meanwhile is refused, by name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks.steps import Step
from records.canonical import Spec
from records.errors import StepError
from records.identity import authors
from records.loaded import current, imported


def require_planned(step: Step) -> None:
    """Compare the code behind a step, as this process imported it and as its files are now, with that of the plan.

    Raises:
        StepError: Other code would run under the step's key.
    """
    for class_path, planned in _behind(step):
        if {imported(class_path), current(class_path)} != {planned}:
            raise StepError(f"the code of {class_path} was edited after the run was planned; start the run again")


def _behind(step: Step) -> Iterator[tuple[str, str]]:
    """Yield the classes whose code is part of what a step is, each with its digest as planned."""
    yield from step.authored
    hooked: Any = getattr(step, "hooked", None)
    if hooked is not None:
        yield from hooked.method.execution.code
    for part in vars(step).values():
        if isinstance(part, Spec):
            yield from authors(part)
