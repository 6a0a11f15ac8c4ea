"""What a run has to do: of the steps of some cells those that must run, by what a store has."""

from __future__ import annotations

from collections.abc import Container, Iterable

from benchmarks.planning.plan import Plan, PlannedCell
from benchmarks.steps import Step


def missing(plan: Plan, cells: Iterable[PlannedCell], done: Container[str], recorded: Container[str]) -> list[Step]:
    """Return the steps that must run, inputs first: a step nobody needs any more is not made again.

    Args:
        plan: The plan.
        cells: Those of its cells that are asked for.
        done: Keys of what a store has.
        recorded: Those, and keys of what it had and has let go of, whose costs are still known.
    """
    wanted = [
        k for cell in cells for kept, there in ((cell.trace.targets(), done), (cell.costed(), recorded))
        for k in kept if k not in there
    ]  # fmt: skip
    needed: set[str] = set()
    while wanted:
        key = wanted.pop()
        if key in needed:
            continue
        needed.add(key)
        wanted.extend(p for p in plan.steps[key].parents if p not in done)
    return [step for key, step in plan.steps.items() if key in needed]
