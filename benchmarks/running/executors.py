"""Who runs the steps: this process, or worker processes of one thread each.

An executor gets steps in an order in which inputs come first, runs what it can, and reports each one as done or
failed. A failed step takes down what depends on it and nothing else, but for those that come first (`Step.first`): they
run before the others, one at a time, and where one fails the others are not started.
"""

from __future__ import annotations

import copy
import multiprocessing
import os
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from benchmarks.running import worker
from benchmarks.running.agenda import Agenda, Listener
from benchmarks.running.leases import Leases, accelerators
from benchmarks.running.worker import Trouble, perform, surroundings
from benchmarks.steps import Step
from benchmarks.storage.store import Record, Store
from benchmarks.study.suite import Executions


class Executor(Protocol):
    """Runs steps whose inputs are in the store or among the steps."""

    def run(self, steps: Sequence[Step], store: Store, listener: Listener) -> None:
        """Run all steps, inputs first."""


class InProcessExecutor:
    """Runs steps one after another in this process, so that a debugger stops in them.

    Args:
        execution: How each modality's fits and generations are run.
    """

    execution = Executions()

    def __init__(self, execution: Executions | None = None):
        self.execution = execution or self.execution

    def run(self, steps: Sequence[Step], store: Store, listener: Listener) -> None:
        """Run all steps in the order given, but for those that other runs do meanwhile."""
        from benchmarks.steps.context import RunContext

        worker.exact_float32()
        context, execution = RunContext(store, execution=self.execution), surroundings(self.execution) if steps else {}
        agenda = Agenda(steps, store, listener)
        while not agenda.over:
            step = agenda.next()
            if step is None:
                agenda.idle()
                continue
            context.progress = _reporter(listener, step.key)
            outcome: Record | Trouble
            try:
                outcome = perform(own(step), store, context, execution)
            except Exception as error:
                outcome = Trouble.of(error)
            agenda.settle(step, outcome)


def own(step: Step) -> Step:
    """Return a step with a method of its own, as one that is sent to a worker has: no other step shares its state."""
    return step if getattr(step, "hooked", None) is None else copy.deepcopy(step)


def _reporter(listener: Listener, key: str) -> Callable[[int, int], None]:
    return lambda done, total: listener.progress(key, done, total)


class LocalExecutor:
    """Worker processes on this machine, each with one thread or one accelerator.

    Threads of one process wait for each other on small tensors (docs/performance.md), so parallelism is
    over steps. When a worker dies (out of memory, a stray signal), the steps in flight are tried once more, each
    alone: the one that kills its worker again has failed, and its neighbours have not.

    Args:
        root: Folder of the store that workers open themselves.
        workers: How many processes; on a machine with accelerators they share those out among them.
        execution: How each modality's fits and generations are run.
    """

    def __init__(self, root: Path, workers: int, execution: Executions | None = None):
        self.root, self.leases = root, Leases(accelerators(), execution or Executions())
        # Where fits take several accelerators in turn, a second worker on one would only wait.
        self.workers = min(workers, len(self.leases.names)) if self.leases.wide else workers

    def run(self, steps: Sequence[Step], store: Store, listener: Listener) -> None:
        """Run all steps, earlier cells first, inputs before their readers."""
        if steps:
            _Pool(self, Agenda(steps, store, listener), listener).run()


class _Pool:
    """Hands out steps to a crew of workers, and to a new one where a worker died."""

    def __init__(self, executor: LocalExecutor, agenda: Agenda, listener: Listener):
        self.executor, self.agenda, self.listener = executor, agenda, listener
        self.running: dict[Future[Record | Trouble], Step] = {}

    def run(self) -> None:
        """Run what is ready until nothing is."""
        crew = _Crew(self.executor, self.listener)
        try:
            while not self.agenda.over:
                whole = self.submit(crew)
                if not self.running:
                    self.agenda.idle()
                for future in wait(self.running, self.agenda.patience, return_when=FIRST_COMPLETED).done:
                    whole &= self.settle(future)
                if not whole:  # the pool is gone, and with it every step in flight
                    for future in wait(self.running).done:
                        self.settle(future)
                    crew.dismiss()
                    crew = _Crew(self.executor, self.listener)
        finally:
            crew.dismiss()

    def submit(self, crew: _Crew) -> bool:
        """Hand out steps; False when the pool turns out to be dead."""
        while len(self.running) < self.executor.workers and (step := self.agenda.next()) is not None:
            try:
                self.running[crew.pool.submit(worker.work, step)] = step
            except BrokenProcessPool:  # an idle worker died
                self.agenda.back(step)
                return False
        return True

    def settle(self, future: Future[Record | Trouble]) -> bool:
        """Book a finished step; False when a worker died meanwhile."""
        step, error = self.running.pop(future), future.exception()
        if isinstance(error, BrokenProcessPool):
            self.agenda.lost(step, "its worker process died twice (out of memory?)")
            return False
        self.agenda.settle(step, Trouble.of(error) if error is not None else future.result())
        return True


class _Crew:
    """A pool of workers and the pipe of their progress.

    The pipe has no lock, which a killed worker could take along: a message is far below the size up to which writes
    to a pipe are atomic.
    """

    def __init__(self, executor: LocalExecutor, listener: Listener):
        context = multiprocessing.get_context("spawn")
        self.listener = listener
        self.reader, self.writer = context.Pipe(duplex=False)
        leases = executor.leases
        if leases.wide:  # anew for every crew: a worker that was killed keeps what it holds
            leases = replace(leases, locks=tuple(context.Lock() for _ in leases.names))
        setup = worker.Setup(executor.root, list(sys.path), os.getpid(), leases, executor.workers)
        self.pool = ProcessPoolExecutor(
            executor.workers, context, initializer=worker.start, initargs=(setup, self.writer, context.Value("i", 0))
        )
        threading.Thread(target=self.hear, daemon=True).start()

    def hear(self) -> None:
        """Pass progress on until the last writer has gone."""
        with self.reader, suppress(EOFError):
            while True:
                self.listener.progress(*self.reader.recv())

    def dismiss(self) -> None:
        """End the workers, also in the middle of a step."""
        workers = list((getattr(self.pool, "_processes", None) or {}).values())  # shutdown forgets them
        self.pool.shutdown(wait=False, cancel_futures=True)
        for process in workers:
            process.terminate()
        self.writer.close()
