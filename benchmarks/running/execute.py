"""Run a plan: only what is missing, in the order of the cells, a result file as soon as a cell is complete."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.planning.missing import missing
from benchmarks.planning.plan import Plan, PlannedCell
from benchmarks.running.agenda import LOST, Failure
from benchmarks.running.assemble import assemble, commit
from benchmarks.running.executors import Executor, InProcessExecutor
from benchmarks.running.painter import Painter
from benchmarks.running.reporter import Reporter, Shown
from benchmarks.running.retention import Retention
from benchmarks.running.sharing import SharedOut, share_out
from benchmarks.running.trials import refuse, trials
from benchmarks.running.worker import explain
from benchmarks.steps import Base, Step
from benchmarks.storage.manifests import AGAIN, CHANGED, DONE
from benchmarks.storage.store import Record, Store
from benchmarks.storage.wanted import kept_elsewhere
from records.files import write_text
from records.results import CellResult

#: How often a run looks anew at what is missing where another run let go of what this one reads.
ROUNDS = 8
GONE = f"another run has let go of what this one reads; {DONE}"


@dataclass
class Outcome:
    """What a run left.

    Attributes:
        results: Cell key -> its result.
        computed: Steps that ran.
        logs: Key of a failed step -> the file with its traceback.
        board: The screen that a run ends with, where a board was made.
        mirrored: One line on MLflow's copy, where one was made.
    """

    results: dict[str, CellResult] = field(default_factory=dict)
    computed: int = 0
    logs: dict[str, Path] = field(default_factory=dict)
    board: str = ""
    mirrored: str = ""

    @property
    def failed(self) -> list[CellResult]:
        """The cells that failed."""
        return [r for r in self.results.values() if r.status == "failed"]


def missing_steps(plan: Plan, cells: Iterable[PlannedCell], store: Store) -> list[Step]:
    """Return the steps that must run, inputs first: a step nobody needs any more is not made again."""
    return missing(plan, cells, store.done(), store.recorded())


def forget_outdated(plan: Plan, store: Store) -> None:
    """Let go of references to folders that are gone or hold other files by now: equal files may lie elsewhere."""
    done = store.done()
    for step in plan.steps.values():
        if isinstance(step, Base) and step.in_files and step.key in done and step.outdated(store.get(step.key)):
            store.forget(step.key)


def execute(
    plan: Plan,
    store: Store,
    executor: Executor,
    results: Path,
    cells: Mapping[str, PlannedCell] | None = None,
    reporter: Reporter | None = None,
    draw: Callable[[str, CellResult], None] | None = None,
) -> Outcome:
    """Run what is missing of some cells (default all) and write their result files.

    Models in files are tried first, one after the other. A failed cell does not stop the others. Cells whose steps are
    all there are assembled without running anything.
    `draw` makes the pictures of the first cell of a row as soon as it is complete, while its samples are still there.

    Raises:
        UsageError: A model in files cannot be loaded, or not be asked for what the study asks of it.
        StepError: One could not be tried, which is not its fault.
    """
    cells = plan.cells if cells is None else cells
    reporter = Shown.by(reporter)
    commit()  # now: by the time that the first cell is complete, the checkout may be another one
    outcome, computed = Outcome(), 0
    for left in reversed(range(ROUNDS)):
        books = _round(plan, store, executor, results, cells, reporter, draw, patient=left > 0)
        computed += books.outcome.computed
        outcome.results |= books.outcome.results
        outcome.logs |= books.outcome.logs
        if not books.gone:
            break
        for why in dict.fromkeys(books.gone.values()):
            reporter.note(why)
    return replace(outcome, computed=computed)


def _round(
    plan: Plan,
    store: Store,
    executor: Executor,
    results: Path,
    cells: Mapping[str, PlannedCell],
    reporter: Reporter,
    draw: Callable[[str, CellResult], None] | None,
    patient: bool,
) -> _Books:
    """Run what is missing now; return the books, with what another run has let go of meanwhile."""
    forget_outdated(plan, store)
    steps = missing_steps(plan, cells.values(), store)
    # One model that is of no use, met weeks from now, would make all that was computed with others wait for it.
    side_by_side = getattr(executor, "workers", 1) + (len(store.turns.others()) if store.turns else 0)
    shared = share_out(plan, steps, store, side_by_side)
    ordered = sorted([*shared.steps, *trials(plan, steps, store)], key=lambda s: not s.first)
    reporter.start(ordered, len(cells))
    planned = [plan.steps[k] for k in dict.fromkeys(k for cell in cells.values() for k in cell.needs)]
    shown = {k: samples for k, samples in plan.shown.items() if k in cells} if draw else {}
    root = getattr(store, "root", None)
    spared = kept_elsewhere(root, results.parent) if root is not None else ()
    retention = Retention(store, plan.suite.retain, planned, steps, shown, spared)
    # Beside the loop that hands out steps, where there is one: no worker waits for a picture.
    painter = None if draw is None else Painter(draw, beside=not isinstance(executor, InProcessExecutor))
    books = _Books(plan, store, results, cells, reporter, retention, painter, shared, patient)
    try:
        books.assemble_ready({s.key for s in steps})
        executor.run(ordered, store, books)
        refuse(plan, list(books.failures.values()))
        books.finish()
    finally:
        if painter is not None:
            painter.stop()
        reporter.stop()
    return books


def _logged(failure: Failure, folder: Path) -> Path | None:
    """Write the traceback of a failed step; a disk that is full ends nothing."""
    file = folder / f"{failure.step.kind}-{failure.step.key[:12]}.log"
    try:
        write_text(file, f"{failure.step.label}\n{failure.message}\n\n{failure.traceback}")
    except OSError:
        return None
    return file


class _Books:
    """Listens to the executor; knows which cells wait for which steps."""

    def __init__(
        self, plan: Plan, store: Store, results: Path, cells: Mapping[str, PlannedCell], reporter: Reporter,
        retention: Retention, painter: Painter | None, shared: SharedOut, patient: bool,
    ):  # fmt: skip
        self.plan, self.store, self.results, self.cells, self.reporter = plan, store, results, cells, reporter
        self.retention, self.painter, self.shared, self.patient = retention, painter, shared, patient
        self.outcome = Outcome()
        self.open: dict[str, set[str]] = {}  # cell -> steps it waits for
        self.waiting: dict[str, list[str]] = {}  # step -> cells that wait for it
        self.owed: dict[str, None] = {}  # cells whose steps are all there, and that are not written down yet
        self.failures: dict[str, Failure] = {}
        self.gone: dict[str, str] = {}  # steps whose inputs another run let go of, or damaged ones: what is said of it

    def assemble_ready(self, missing: set[str]) -> None:
        for key, cell in self.cells.items():
            self.open[key] = missing.intersection(cell.needs)
            for step in self.open[key]:
                self.waiting.setdefault(step, []).append(key)
            if not self.open[key]:
                self.close(cell)

    def done(self, step: Step, record: Record) -> None:
        self.outcome.computed += step.key in self.plan.steps
        self.reporter.step(step, record, "")
        self.ended(step)

    def found(self, step: Step) -> None:
        self.reporter.step(step, Record(step.key, step.kind), "")
        self.ended(step)

    def ended(self, step: Step) -> None:
        for key in self.waiting.get(step.key, ()):
            self.open[key].discard(step.key)
        ready = [key for key in self.waiting.get(step.key, ()) if not self.open[key]]
        self.owed |= dict.fromkeys(ready)  # whatever is lost on the way
        self.retention.done(step)
        self.shared.done(step, self.store)
        self.hang_up()
        for key in ready:
            self.close(self.cells[key])

    def failed(self, failure: Failure) -> None:
        whole = self.shared.whole(failure.step)
        if self.patient and self.let_go(failure.step.parents):
            self.gone[whole.key] = failure.message.replace(AGAIN, DONE) if CHANGED in failure.message else GONE
            return
        self.failures.setdefault(whole.key, replace(failure, step=whole, beyond=()))
        if failure.traceback and (log := _logged(failure, self.results.parent / "errors")):
            self.outcome.logs[whole.key] = log
        self.reporter.step(failure.step, None, failure.message)
        self.reporter.cut(failure.beyond)

    def let_go(self, keys: Iterable[str]) -> bool:
        """Whether another run, which needed it no more, let go of something that is read here."""
        turns = self.store.turns
        if turns is None or not (turns.others() or turns.met):
            return False
        return not all(self.store.has(key) for key in keys)

    def note(self, text: str) -> None:
        self.reporter.note(text)

    def progress(self, key: str, done: int, total: int) -> None:
        self.reporter.progress(key, done, total)

    def finish(self) -> None:
        """Write down the cells that did not complete, with the first step that failed them; and what is owed.

        Raises:
            OSError: Results cannot be had, or not be kept.
            StepError: The same.
        """
        lost: list[Exception] = []
        for key, cell in self.cells.items():
            if key in self.owed or (self.open[key] and not self.gone):
                try:
                    self.close(cell, next((self.failures[k] for k in cell.needs if k in self.failures), None))
                except LOST as error:
                    lost.append(error)
        self.hang_up(wait=True)
        if lost:
            raise lost[0]
        self.retention.finish()

    def close(self, cell: PlannedCell, failure: Failure | None = None) -> None:
        done = set(cell.needs) - self.open[cell.key]
        result = assemble(self.plan, cell, self.store, done, failure)
        result = result.settle(self.results / result.file_name)
        self.outcome.results[cell.key] = result
        self.owed.pop(cell.key, None)
        if self.painter is not None and cell.key in self.retention.shown and result.status == "complete":
            self.painter.draw(cell.key, result)
            self.hang_up()
        else:
            self.retention.closed(cell.key)
        self.reporter.cell(result)

    def hang_up(self, wait: bool = False) -> None:
        """Let go of the samples of cells whose pictures are drawn by now; they are for people, no number waits."""
        for key, error in self.painter.drawn(wait) if self.painter is not None else ():
            if error is not None and not self.let_go(self.retention.shown[key]):  # by whoever has drawn them
                self.reporter.note(f"no pictures of {self.cells[key].cell.label}: {explain(error)}")
            self.retention.closed(key)
