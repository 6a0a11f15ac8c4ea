"""What a study will cost, said before it runs: network evaluations, hours, disk, and what it needs on this machine.

Counts follow from the plan. Hours and sizes are those of equal work that a store has records of (the same kind of
step on the same base model); without a record there is no estimate, and the plan says so.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from pathlib import Path
from typing import Any

from benchmarks.planning.disk import Sizes, peak_and_kept
from benchmarks.planning.missing import missing
from benchmarks.planning.needs import present
from benchmarks.planning.plan import Plan
from benchmarks.steps import Base
from benchmarks.steps.step import Work
from benchmarks.storage.store import DamagedArtifact, LocalStore, Record

#: Records read for each kind of step and base model: their mean is what an equal step will cost.
RECORDS_READ = 20
#: A record of more than so many times the usual seconds says nothing of an equal step: a machine slept, or was paused.
STALLED = 5.0


def estimate(plan: Plan, store_root: Path) -> dict[str, Any]:
    """Return the estimate as plain JSON data.

    Returns:
        network_evaluations, training_samples: of all steps, done or not;
        steps_left: how many a run would do: not those that nobody reads any more, dropped or not;
        hours: of these, on one worker or device, None where some kind of step has no record;
        unknown: the kinds of step without a record; peak_gigabytes, kept_gigabytes: of this study's artifacts, as
        recorded or told from pictures and models; unsized: models that are not here, whose features and trained
        weights are not in these; models, data: what must be there, and whether it is.
    """
    done = LocalStore.listing(store_root)
    recorded = done | LocalStore.listing(store_root, "dropped.json")
    work = {key: step.work() for key, step in plan.steps.items()}
    groups = _groups(plan)
    rates = _rates(groups, work, LocalStore.reader(store_root), recorded)
    left = [step.key for step in missing(plan, plan.cells.values(), done, recorded)]
    unknown = sorted({plan.steps[key].kind for key in left if groups[key] not in rates})
    seconds = sum(work[key].unit * rates[groups[key]][0] for key in left if groups[key] in rates)
    told, sizes = Sizes(plan, work), {}
    for key, step in plan.steps.items():  # as recorded, else as far as plan and files tell
        sizes[key] = rates[groups[key]][1] * work[key].left if groups[key] in rates else told.of(step)
    peak, kept = peak_and_kept(plan, sizes)
    return {
        "network_evaluations": sum(w.evaluations for w in work.values()),
        "training_samples": sum(w.trained for w in work.values()),
        "steps_left": len(left),
        "hours": None if unknown else round(seconds / 3600, 2),
        "unknown": unknown,
        "peak_gigabytes": round(peak / 1e9, 2),
        "kept_gigabytes": round(kept / 1e9, 2),
        "unsized": sorted(told.unknown),
        **present(plan),
    }


def seconds_of(plan: Plan, store_root: Path) -> tuple[dict[str, float], list[str]]:
    """Return how long each step takes by the records of equal work, and the kinds of step that have no record."""
    recorded = LocalStore.listing(store_root) | LocalStore.listing(store_root, "dropped.json")
    work, groups = {key: step.work() for key, step in plan.steps.items()}, _groups(plan)
    rates = _rates(groups, work, LocalStore.reader(store_root), recorded)
    unknown = sorted({step.kind for key, step in plan.steps.items() if groups[key] not in rates})
    return {key: work[key].unit * rates[groups[key]][0] for key in plan.steps if groups[key] in rates}, unknown


def _groups(plan: Plan) -> dict[str, tuple[str, str, str]]:
    """Return, per step, what steps that take equally long have in common: kind, base model, whatever else it says."""
    base = {"": "", **{key: step.rated for key, step in plan.steps.items() if isinstance(step, Base)}}
    return {key: (step.kind, base[plan.origins[key]], step.rated) for key, step in plan.steps.items()}


def _rates(
    groups: dict[str, tuple[str, str, str]], work: dict[str, Work], reader: Any, recorded: set[str]
) -> dict[tuple[str, str, str], tuple[float, float]]:
    """Return seconds and bytes per unit of work for every group with records."""
    chosen: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for key, group in groups.items():
        if key in recorded and len(chosen[group]) < RECORDS_READ:
            chosen[group].append(key)
    rates = {}
    for group, keys in chosen.items():
        records: list[Record] = []
        for key in list(keys):
            try:
                records.append(reader(key))
            except (DamagedArtifact, FileNotFoundError):  # a run makes it again
                keys.remove(key)
        if keys:
            seconds = [record.cost.wall_seconds for record in records]
            left = sum(work[key].left for key in keys)
            rates[group] = (
                _pace(seconds, [work[key].unit for key in keys]),
                sum(record.size for record in records) / left,
            )
    return rates


def _pace(seconds: list[float], units: list[float]) -> float:
    """Return seconds per unit of work, without records of steps that stood still."""
    paces = [s / u for s, u in zip(seconds, units, strict=True)]
    most = STALLED * statistics.median(paces)
    kept = [i for i, pace in enumerate(paces) if pace <= most]
    return sum(seconds[i] for i in kept) / sum(units[i] for i in kept)
