"""Running a study as a function, for the command line, notebooks and other programs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from benchmarks.planning.needs import require_present
from benchmarks.planning.plan import Plan, PlannedCell
from benchmarks.running.execute import Outcome, execute
from benchmarks.running.executors import Executor, InProcessExecutor, LocalExecutor
from benchmarks.running.leases import accelerators, require_devices
from benchmarks.running.machine import processors
from benchmarks.running.reporter import Reporter, Shown
from benchmarks.running.sharing import part_keys
from benchmarks.running.sound import remove_damaged, set_results_aside
from benchmarks.storage.bucket_store import BucketStore, open_store
from benchmarks.storage.bucket_turns import BucketTurns
from benchmarks.storage.store import LocalStore, Store
from benchmarks.storage.turns import Turns
from benchmarks.storage.wanted import note
from records.canonical import digest
from records.errors import UsageError
from records.files import sweep
from records.leftovers import OLD


def run_study(
    plan: Plan,
    runs: Path,
    *,
    workers: int | None = None,
    cells: Mapping[str, PlannedCell] | None = None,
    mirror: bool = True,
    store: Store | None = None,
    bucket: str = "",
    executor: Executor | None = None,
    reporter: Reporter | None = None,
    show: Callable[[str], object] | None = None,
) -> Outcome:
    """Run what is missing of a plan, then write results, pictures, the board, and MLflow's copy.

    Args:
        plan: What `benchmarks.planning.planner.make_plan` made of a suite.
        runs: Folder of stores and results; results go to `runs/<suite>/`.
        workers: Worker processes; 0: every step in this process; default: one an accelerator, else one a core.
        cells: Some of the plan's cells; default: those that were asked for (`Plan.asked`).
        mirror: Whether MLflow gets a copy.
        store: Where artifacts are kept; default: `runs/store`.
        bucket: Address of an object store in which they are kept, too, by the default store; other runs share it.
        executor: Who runs the steps; default: worker processes on this machine, which open `runs/store` themselves.
        reporter: Shows people what happens; default: nobody.
        show: Is given the screen that a run ends with where the board cannot be written; else the outcome holds it.

    Returns:
        Results by cell key, the steps that were computed, the screen in words for a terminal.

    Raises:
        UsageError: Data, weights or entries are not to be read, or the folder or the bucket not to be used.
        OSError: The board cannot be written.
    """
    from benchmarks.reporting.boards import make_board, published
    from benchmarks.reporting.cell_pictures import write_pictures
    from benchmarks.reporting.outputs import try_mirror

    workers = (len(accelerators()) or processors()) if workers is None else workers
    _require_all(plan, workers)
    reporter, folder, results = Shown.by(reporter), plan.home(runs), plan.results(runs)
    asked = plan.asked if cells is None else cells
    with ExitStack() as stack:
        if store is None:
            store = _shared_store(runs / "store", [sorted(asked), asdict(plan.suite.retain)], stack, bucket)
            for said in (*set_results_aside(results), *_made_sound(plan, asked, folder, store)):
                reporter.note(said)
        execution = plan.suite.execution
        local = LocalExecutor(runs / "store", workers, execution, bucket) if executor is None and workers else None
        executor = executor or local or InProcessExecutor(execution)
        outcome = execute(
            plan, store, executor, results, asked, reporter,
            draw=lambda key, result: write_pictures(plan, store, folder, key, result),
        )  # fmt: skip
    try:
        outcome = replace(outcome, board=published(plan, make_board(plan, results), folder, show))
    except UsageError as error:  # an entry of which a line was lost meanwhile: it takes no result away
        reporter.note(f"no board was made: {error}")
    return replace(outcome, mirrored=try_mirror(plan, runs) if mirror else "")


def _require_all(plan: Plan, workers: int) -> None:
    """Refuse what cannot be run here, or be compared in the end."""
    from benchmarks.reporting.boards import require_entries

    if workers < 0:
        raise UsageError(f"--workers: found {workers}; allowed: 1 or more, or 0 for this process itself")
    require_present(plan)
    require_devices(plan, accelerators())
    require_entries(plan)


def _shared_store(root: Path, work: list[Any], stack: ExitStack, bucket: str) -> LocalStore:
    """Open a store that other runs may be at work on, too; what killed ones left is removed where none is."""
    store = open_store(root, bucket)
    here = store.turns = stack.enter_context(Turns(store.root, digest(work)))
    if isinstance(store, BucketStore):
        store.bucket.require_usable()
        store.turns = stack.enter_context(BucketTurns(store.bucket, digest(work), here))
    # What another machine writes for hours is only known to be left by nobody where nobody else is at work.
    store.sweep(older_than=float("inf") if here.others() else OLD)
    return store


def _made_sound(plan: Plan, cells: Mapping[str, PlannedCell], folder: Path, store: LocalStore) -> Iterator[str]:
    """Write down what a study needs, and have that be what was written, wherever the store has it; yield sentences."""
    folder.mkdir(parents=True, exist_ok=True)  # a note counts for as long as its folder is there
    sweep(folder)
    keys = [*plan.steps, *part_keys(plan)]
    kept = [key for key, step in plan.steps.items() if step.kept(plan.suite.retain)]
    note(store.root, folder, plan.request.command(), keys, kept)
    yield from remove_damaged(plan, cells.values(), store)
    yield from store.shared(keys)
