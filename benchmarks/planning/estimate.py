"""What a study will cost, said before it runs: network evaluations, hours, disk, and what it needs on this machine.

Counts follow from the plan. Hours and sizes are those of equal work that a store has records of (the same kind of
step on the same base model); without a record there is no estimate, and the plan says so.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.planning.needs import present
from benchmarks.planning.plan import Plan
from benchmarks.running.retention import droppable
from benchmarks.steps import Step
from benchmarks.storage.store import LocalStore, Record

#: Records read for each kind of step and base model: their mean is what an equal step will cost.
RECORDS_READ = 20


@dataclass(frozen=True)
class Work:
    """What one step will do.

    Attributes:
        samples: Images, captions or items made or looked at.
        evaluations: Forward passes of a network, one sample each, guidance and beams included.
        trained: Samples trained on.
        unit: What its seconds grow with.
    """

    samples: int = 0
    evaluations: int = 0
    trained: int = 0

    @property
    def unit(self) -> int:
        """Seconds are taken to grow with evaluations, else with training samples, else with samples."""
        return self.evaluations or self.trained or max(1, self.samples)


def work_of(step: Step) -> Work:
    """Return what a step will do, from its identity alone; a method's own sampling may differ."""
    identity = step.identity
    if step.kind in ("images", "captions"):
        start, stop = identity["shard"]
        member, k = identity["member"]
        run = 1 if step.kind == "images" else k  # neighbours that fall to the same member
        mine = (_turns(stop, member, k, run) - _turns(start, member, k, run)) * identity["draws"]
        return Work(mine, mine * identity["decoding"].evaluations)
    if step.kind == "sample":
        samples = identity["n"] * identity["draws"]
        return Work(samples, samples * identity["decoding"].evaluations)
    if step.kind == "fit":
        trained = identity["settings"].steps * identity["settings"].batch_size
        return Work(identity["settings"].steps, 0, trained)
    return Work(int(identity.get("n", 0)))


@cache
def _turns(stop: int, member: int, k: int, run: int) -> int:
    """Return how many of 0..stop-1 fall to a member, where `run` neighbours go to one member, then to the next."""
    laps, rest = divmod(stop, k * run)
    return laps * run + min(run, max(0, rest - member * run))


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
    work = {key: work_of(step) for key, step in plan.steps.items()}
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


def _groups(plan: Plan) -> dict[str, tuple[str, str]]:
    """Return, per step, its kind and the base model whose work it is."""
    base: dict[str, str] = {}
    found = {}
    for key, step in plan.steps.items():
        if step.kind == "base":
            base[key] = step.identity["model"].digest
        else:
            parent = step.inputs.get("model") or step.inputs.get("judge") or step.inputs.get("scorer")
            base[key] = base.get(str(parent), "") if parent else ""
        family = step.identity.get("family")
        found[key] = (step.kind, base[key] if family is None else family["class_path"])
    return found


def _rates(
    groups: dict[str, tuple[str, str]], work: dict[str, Work], reader: Any, recorded: set[str]
) -> dict[tuple[str, str], tuple[float, float]]:
    """Return seconds and bytes per unit of work for every group with records."""
    chosen: dict[tuple[str, str], list[str]] = defaultdict(list)
    for key, group in groups.items():
        if key in recorded and len(chosen[group]) < RECORDS_READ:
            chosen[group].append(key)
    rates = {}
    for group, keys in chosen.items():
        if keys:
            records: list[Record] = [reader(key) for key in keys]
            units = sum(work[key].unit for key in keys)
            seconds = sum(record.cost.wall_seconds for record in records)
            # Weights do not grow with the steps that made them, pictures do with their number.
            samples = len(keys) if group[0] == "fit" else sum(max(1, work[key].samples) for key in keys)
            rates[group] = (seconds / units, sum(record.size for record in records) / samples)
    return rates


def _size(step: Step, work: Work, rate: tuple[float, float] | None, plan: Plan) -> float:
    """Return the bytes of an artifact: as recorded, else at most those of uncompressed pictures."""
    if rate is not None:
        return rate[1] * (1 if step.kind == "fit" else max(1, work.samples))
    data = plan.world.data
    side = getattr(data, "resolution", getattr(data, "image_size", 0))
    samples = step.identity.get("size", work.samples) if step.kind == "curate" else work.samples
    holds_pictures = step.kind in ("real", "images", "captions", "curate") or (
        step.kind == "sample" and step.identity["modality"] == "generator"
    )
    return samples * side * side * 3.0 if holds_pictures else 0.0


def _disk(plan: Plan, sizes: dict[str, float]) -> tuple[float, float]:
    """Return the largest and the last sum of sizes while the steps run one after another under `retain`."""
    readers: dict[str, int] = defaultdict(int)
    for step in plan.steps.values():
        for parent in set(step.parents()):
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
        for parent in [*set(step.parents()), *closes[key]]:
            readers[parent] -= 1
            if not readers[parent] and droppable(plan.steps[parent], plan.suite.retain):
                now -= sizes[parent]
    return peak, now
