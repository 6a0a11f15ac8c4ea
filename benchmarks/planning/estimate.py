"""What a study will cost, said before it runs: network evaluations, hours, disk, and what it needs on this machine.

Counts follow from the plan. Hours and sizes are those of equal work that a store has records of (the same kind of
step on the same base model); without a record there is no estimate, and the plan says so.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

from benchmarks.planning.needs import present
from benchmarks.planning.plan import Plan
from benchmarks.steps import Base, Step
from benchmarks.steps.step import Work
from benchmarks.storage.store import DamagedArtifact, LocalStore, Record

#: Records read for each kind of step and base model: their mean is what an equal step will cost.
RECORDS_READ = 20


def estimate(plan: Plan, store_root: Path) -> dict[str, Any]:
    """Return the estimate as plain JSON data.

    Returns:
        network_evaluations, training_samples: of all steps, done or not;
        hours: of what is left, on one worker or device, None where some kind of step has no record;
        unknown: the kinds of step without a record; peak_gigabytes, kept_gigabytes: of this study's artifacts,
        for all steps with a record or a known picture size; models, data: what must be there, and whether it is.
    """
    done = LocalStore.listing(store_root)
    recorded = done | LocalStore.listing(store_root, "dropped.json")
    work = {key: step.work() for key, step in plan.steps.items()}
    groups = _groups(plan)
    rates = _rates(groups, work, LocalStore.reader(store_root), recorded)
    left = [key for key in plan.steps if key not in done]
    unknown = sorted({plan.steps[key].kind for key in left if groups[key] not in rates})
    seconds = sum(work[key].unit * rates[groups[key]][0] for key in left if groups[key] in rates)
    sizes = {key: _size(step, work[key], rates.get(groups[key]), plan) for key, step in plan.steps.items()}
    peak, kept = _disk(plan, sizes)
    return {
        "network_evaluations": sum(w.evaluations for w in work.values()),
        "training_samples": sum(w.trained for w in work.values()),
        "hours": None if unknown else round(seconds / 3600, 2),
        "unknown": unknown,
        "peak_gigabytes": round(peak / 1e9, 2),
        "kept_gigabytes": round(kept / 1e9, 2),
        **present(plan),
    }


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
            except DamagedArtifact:  # a run makes it again
                keys.remove(key)
        if keys:
            units = sum(work[key].unit for key in keys)
            seconds = sum(record.cost.wall_seconds for record in records)
            left = sum(work[key].left for key in keys)
            rates[group] = (seconds / units, sum(record.size for record in records) / left)
    return rates


def _size(step: Step, work: Work, rate: tuple[float, float] | None, plan: Plan) -> float:
    """Return the bytes of an artifact: as recorded, else at most those of uncompressed pictures."""
    if rate is not None:
        return rate[1] * work.left
    data = plan.world.data
    side = getattr(data, "resolution", getattr(data, "image_size", 0))
    return step.pictures * side * side * 3.0


def _disk(plan: Plan, sizes: dict[str, float]) -> tuple[float, float]:
    """Return the largest and the last sum of sizes while the steps run one after another under `retain`."""
    readers: dict[str, int] = defaultdict(int)
    for step in plan.steps.values():
        for parent in set(step.parents):
            readers[parent] += 1
    order = {key: i for i, key in enumerate(plan.steps)}
    closes: dict[str, list[str]] = defaultdict(list)  # last step of a cell -> the samples that its pictures show
    for cell, samples in plan.shown.items():
        closes[max(plan.cells[cell].needs, key=order.__getitem__)].extend(samples)
        for sample in samples:
            readers[sample] += 1
    now = peak = 0.0
    for key, step in plan.steps.items():
        now += sizes[key]
        peak = max(peak, now)
        for parent in [*set(step.parents), *closes[key]]:
            readers[parent] -= 1
            if not readers[parent] and not plan.steps[parent].kept(plan.suite.retain):
                now -= sizes[parent]
    return peak, now
