"""What a run has to do: of the steps of some cells those that must run, by what a store has."""

from __future__ import annotations

from collections.abc import Container, Iterable

from benchmarks.planning.plan import Plan, PlannedCell
from benchmarks.steps import Step


def missing(plan: Plan, cells: Iterable[PlannedCell], done: Container[str], recorded: Container[str]) -> list[Step]:
    """Return the steps that must run, inputs first: a step nobody needs any more is not made again.

    They are in the order of the cells asked for: what a cell shares with one that is not asked for comes in its own
    turn, so that the first cells are complete first.

    Args:
        plan: The plan.
        cells: Those of its cells that are asked for.
        done: Keys of what a store has.
        recorded: Those, and keys of what it had and has let go of, whose costs are still known.
    """
    cells = list(cells)
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
    order = dict.fromkeys(key for keys in (*(cell.needs for cell in cells), plan.steps) for key in keys)
    return [plan.steps[key] for key in order if key in needed]
