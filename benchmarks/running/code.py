"""A step runs the code that it was planned with: a class that was edited meanwhile is refused, by name.

An author's class is known by what it does, one of the project by its version.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Iterator
from typing import Any

from benchmarks.steps import Step
from records.canonical import Spec
from records.errors import StepError
from records.identity import authors, version_of, versioned
from records.loaded import current, imported

EDITED = "the code of {} was edited after the run was planned; start the run again"


def require_planned(step: Step) -> None:
    """Compare the code behind a step, as this process imported it and as its files are now, with that of the plan.

    Raises:
        StepError: Other code would run under the step's key.
    """
    for class_path, planned in _behind(step):
        if {imported(class_path), current(class_path)} != {planned}:
            raise StepError(EDITED.format(class_path))
    for class_path, version in _versioned(step):
        module, _, name = class_path.rpartition(".")
        kind = getattr(sys.modules.get(module), name, None)  # what nobody has imported here has made nothing
        if kind is not None and version_of(kind) != version:
            raise StepError(EDITED.format(class_path))
    again = copy.copy(step)
    again.__dict__.pop("key", None)  # made where the run was planned
    if again.key != step.key:
        raise StepError(EDITED.format(f"step {step.kind}"))


def _behind(step: Step) -> Iterator[tuple[str, str]]:
    """Yield the classes whose code is part of what a step is, each with its digest as planned."""
    yield from step.authored
    hooked: Any = getattr(step, "hooked", None)
    if hooked is not None:
        yield from hooked.method.execution.code
    for part in vars(step).values():
        if isinstance(part, Spec):
            yield from authors(part)


def _versioned(step: Step) -> Iterator[tuple[str, Any]]:
    """Yield the project's classes of the testbed, and those that the step names itself, each with its version."""
    yield from step.versions
    for part in vars(step).values():
        if isinstance(part, Spec):
            yield from versioned(part)
