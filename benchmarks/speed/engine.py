"""What the engine itself costs: planning, scheduling, the store and workers, a step; and its share of a real run.

    python -m benchmarks.speed.engine                      # steps that do nothing
    python -m benchmarks.speed.engine --run joint_loop     # a suite, run in an empty folder: what no step was busy with
    python -m benchmarks.speed.engine --run joint_loop --workers 1 --seeds '[0]'     # any key of it may be given

Machines are noisy: compare numbers of one run of this command alone.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tabulate import tabulate

from benchmarks.planning.planner import make_plan
from benchmarks.running.agenda import Failure
from benchmarks.running.execute import Reporter
from benchmarks.running.executors import LocalExecutor
from benchmarks.running.schedule import Schedule
from benchmarks.running.study import run_study
from benchmarks.steps.step import Step, reads
from benchmarks.storage.store import LocalStore, Record
from records.results import Cost

#: Steps that do nothing, in chains of this length.
STEPS, CHAIN = 2000, 10
#: A suite, and as many seeds as make its plan hold more than 100,000 steps.
LARGE, SEEDS = "paper_full", 14


@dataclass(frozen=True, eq=False, kw_only=True)
class Idle(Step):
    """A step that does nothing."""

    kind = "idle"
    number: int = 0
    before: str | None = reads(default=None)

    def run(self, context: Any) -> tuple[Any, Cost]:
        """Return next to nothing."""
        return {"number": self.number}, Cost()


class Ends(Reporter):
    """Hears when steps end."""

    def __init__(self) -> None:
        self.at: list[float] = []

    def done(self, step: Step, record: Record) -> None:
        """Hear that a step is in the store."""
        self.at.append(time.perf_counter())

    def found(self, step: Step) -> None:
        """Hear that another run has made a step: there is none."""

    def failed(self, failure: Failure) -> None:
        """Hear that a step could not be done.

        Raises:
            RuntimeError: A step that does nothing can be done.
        """
        raise RuntimeError(failure.message)


def idle_steps(count: int = STEPS) -> list[Step]:
    """Return steps that do nothing, each but the first of a chain reading the one before."""
    steps: list[Step] = []
    for number in range(count):
        before = steps[-1].key if number % CHAIN else None
        steps.append(Idle(number=number, before=before))
    return steps


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return the seconds that something takes, and what it returns."""
    start = time.perf_counter()
    made = work()
    return time.perf_counter() - start, made


def planning() -> list[tuple[str, str]]:
    """Return what a plan of more than 100,000 steps takes, and what its schedule does."""
    override = ("--seeds", str(list(range(SEEDS))))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds, plan = timed(lambda: make_plan(LARGE, override, ()))
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    count = len(plan.steps)
    walked, _ = timed(lambda: _walk(Schedule(list(plan.steps.values()))))
    return [
        (
            f"plan of {LARGE} with {SEEDS} seeds, {count:,} steps",
            f"{seconds:.1f} s, {seconds / count * 1e6:.0f} us a step",
        ),
        ("memory of the process then", f"{most / 1024:,.0f} MB; {before / 1024:,.0f} MB before"),
        ("scheduling of them", f"{walked:.1f} s, {walked / count * 1e6:.0f} us a step"),
    ]


def _walk(schedule: Schedule) -> None:
    while keys := schedule.open():
        schedule.begin(keys[0])
        schedule.done(keys[0])


def storing(folder: Path) -> list[tuple[str, str]]:
    """Return what an artifact takes to be put on the disk and to be read again."""
    store, steps = LocalStore(folder), idle_steps(STEPS // 10)
    put, _ = timed(lambda: _put(store, steps))
    got, _ = timed(lambda: [LocalStore(folder).get(step.key) for step in steps])
    return [("store: put, and get anew", f"{put / len(steps) * 1e3:.1f} and {got / len(steps) * 1e3:.1f} ms")]


def _put(store: LocalStore, steps: Sequence[Step]) -> None:
    for step in steps:
        store.put(Record(step.key, step.kind), {"number": 1})


def working(folder: Path, workers: int) -> list[tuple[str, str]]:
    """Return what a step that does nothing takes in worker processes, without their start."""
    store, executor, ends = LocalStore(folder), LocalExecutor(folder, workers), Ends()
    seconds, _ = timed(lambda: executor.run(idle_steps(), store, ends))
    steady = ends.at[-1] - ends.at[0]
    said = f"{steady / (len(ends.at) - 1) * 1e3:.1f} ms a step; {seconds - steady:.1f} s to start and to end"
    return [(f"{workers} worker{'s' * (workers > 1)}: steps that do nothing", said)]


def share(suite: str, workers: int, overrides: Sequence[str]) -> list[tuple[str, str]]:
    """Run a suite in an empty folder, and return what workers were not busy with steps."""
    plan = make_plan(suite, overrides, ())
    with tempfile.TemporaryDirectory() as name:
        runs = Path(name)
        wall, outcome = timed(lambda: run_study(plan, runs, workers=workers))
        store = LocalStore(runs / "store")
        known = store.recorded()
        busy = sum(store.record(key).cost.wall_seconds for key in plan.to_run.steps if key in known)
    failed = f"; {len(outcome.failed)} cells failed" if outcome.failed else ""
    return [
        (f"{suite}, {workers} workers, {outcome.computed:,} steps", f"{wall:.0f} s{failed}"),
        ("all workers busy with steps", f"{busy:.0f} s"),
        (
            "neither: start, engine, waiting, board, pictures, MLflow",
            f"{1 - busy / (workers * wall):.1%} of their time",
        ),
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed.engine", description=__doc__.splitlines()[0])
    parser.add_argument("--run", metavar="SUITE", help="a suite to run in an empty folder")
    parser.add_argument("--workers", type=int, default=2)
    options, overrides = parser.parse_known_args(arguments)
    if options.run:
        rows = share(options.run, options.workers, overrides)
    elif overrides:
        parser.error(f"found {overrides[0]!r}; allowed: keys of a suite, beside --run")
    else:
        rows = planning()
        with tempfile.TemporaryDirectory() as name:
            rows += storing(Path(name) / "store")
            for workers in (1, options.workers):
                rows += working(Path(name) / f"workers{workers}", workers)
    print(tabulate(rows, tablefmt="plain", disable_numparse=True))
    return 0


if __name__ == "__main__":
    sys.exit(main())
