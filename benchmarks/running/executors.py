"""Who runs the steps: this process, or worker processes of one thread each.

An executor gets steps in an order in which inputs come first, runs what it can, and reports each one as done or
failed. A failed step takes down what depends on it and nothing else, but for those that come first (`Step.first`): they
run before the others, one at a time, and where one fails the others are not started.
"""

from __future__ import annotations

import copy
import math
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from benchmarks.running import ending, worker
from benchmarks.running.agenda import Agenda, Listener
from benchmarks.running.leases import Leases, accelerators
from benchmarks.running.limits import LOOK, Watch
from benchmarks.running.worker import Trouble, perform, surroundings
from benchmarks.steps import Step
from benchmarks.storage.leftovers import sweep
from benchmarks.storage.scratch import Scratch
from benchmarks.storage.store import Record, Store
from benchmarks.study.suite import Executions

#: Seconds in which a process that was killed is gone, but for one that waits for a disk or a device.
GONE = 5.0


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
            listener.progress(step.key, 0, 0)
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
        bucket: Address of the object store beside that folder; "" = there is none.
    """

    def __init__(self, root: Path, workers: int, execution: Executions | None = None, bucket: str = ""):
        self.root, self.bucket, self.leases = root, bucket, Leases(accelerators(), execution or Executions())
        # Where fits take several accelerators in turn, a second worker on one would only wait.
        self.workers = min(workers, len(self.leases.names)) if self.leases.wide else workers

    def run(self, steps: Sequence[Step], store: Store, listener: Listener) -> None:
        """Run all steps, earlier cells first, inputs before their readers."""
        if steps:
            _Pool(self, Agenda(steps, store, listener), listener).run()


class _Pool:
    """Hands out steps to a crew of workers, and to a new one where a worker died.

    Raises:
        UsageError: A process cannot be made a worker.
    """

    def __init__(self, executor: LocalExecutor, agenda: Agenda, listener: Listener):
        self.executor, self.agenda, self.listener = executor, agenda, listener
        self.running: dict[Future[Record | Trouble], Step] = {}
        self.watch = Watch(executor.leases.execution.time_limit, agenda.schedule.steps)

    def run(self) -> None:
        """Run what is ready until nothing is."""
        crew = _Crew(self.executor, self.listener, self.watch)
        try:
            while not self.agenda.over:
                whole = self.submit(crew)
                if not self.running:
                    self.agenda.idle()
                for future in wait(self.running, self.agenda.patience or LOOK, FIRST_COMPLETED).done:
                    whole &= self.settle(future)
                whole &= not list(self.watch.end_late())
                if not whole:  # the pool is gone, and with it every step in flight
                    for future in wait(self.running).done:
                        self.settle(future)
                    crew.dismiss()
                    crew = _Crew(self.executor, self.listener, self.watch)
                    self.watch.ended.clear()
        finally:
            crew.dismiss()

    def submit(self, crew: _Crew) -> bool:
        """Hand out steps; False when the pool turns out to be dead."""
        while len(self.running) < self.executor.workers and (step := self.agenda.next()) is not None:
            try:
                self.running[crew.submit(step)] = step
            except BrokenProcessPool:  # an idle worker died
                self.agenda.back(step)
                return False
        return True

    def settle(self, future: Future[Record | Trouble]) -> bool:
        """Book a finished step; False when a worker died meanwhile."""
        step, error = self.running.pop(future), future.exception()
        self.watch.over(step.key)
        if isinstance(error, BrokenProcessPool):
            self.watch.again(step.key)
            if step.key in self.watch.ended:
                self.agenda.settle(step, Trouble(self.watch.ended[step.key]))
            elif self.watch.ended:  # its worker went with that of a step that took too long
                self.agenda.back(step)
            else:
                self.agenda.lost(step, "its worker process died twice (out of memory? fewer --workers leave it more)")
            return False
        if isinstance(error, worker.Unfit):
            self.agenda.back(step)
            raise error
        self.agenda.settle(step, Trouble.of(error) if error is not None else future.result())
        return True


class _Crew:
    """A pool of workers and the pipe of their progress.

    The pipe has no lock, which a killed worker could take along: a message is far below the size up to which writes
    to a pipe are atomic.
    """

    def __init__(self, executor: LocalExecutor, listener: Listener, watch: Watch):
        context = multiprocessing.get_context("spawn")
        self.executor, self.listener, self.watch, self.scratch = executor, listener, watch, Scratch()
        self.reader, self.writer = context.Pipe(duplex=False)
        leases = executor.leases
        if leases.wide:  # anew for every crew: a worker that was killed keeps what it holds
            leases = replace(leases, locks=tuple(context.Lock() for _ in leases.names))
        setup = worker.Setup(executor.root, list(sys.path), os.getpid(), leases, executor.workers, executor.bucket)
        self.pool = ProcessPoolExecutor(
            executor.workers, context, initializer=worker.admit,
            initargs=(worker.begin, self.scratch.folder, setup, self.writer, context.Value("i", 0)),
        )  # fmt: skip
        self.workers: dict[int, Any] = {}
        threading.Thread(target=self.hear, daemon=True).start()

    def submit(self, step: Step) -> Future[Record | Trouble]:
        """Hand out a step. A worker that starts now is deaf to Ctrl-C from its first instruction on."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            return self.pool.submit(worker.work, step)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            self.workers |= getattr(self.pool, "_processes", None) or {}  # a pool forgets those that died

    def hear(self) -> None:
        """Pass progress on until the last writer has gone; a message of two says who has begun what."""
        with self.reader, suppress(EOFError, OSError):
            while True:
                key, *said = self.reader.recv()
                if len(said) == 1:
                    self.watch.began(key, said[0])
                    said = [0, 0]
                with suppress(Exception):  # who hears no more would fail the steps of all workers
                    self.listener.progress(key, *said)

    def dismiss(self) -> None:
        """End the workers, also in the middle of a step, and what they have started and left."""
        self.pool.shutdown(wait=False, cancel_futures=True)
        for number, process in self.workers.items():
            ending.end_group(number)
            process.kill()  # where it has not come to lead one
        for process in self.workers.values():
            process.join(GONE)
        self.writer.close()
        self.scratch.remove()
        with suppress(OSError):  # the store has gone
            sweep(self.executor.root, math.inf)  # what those that are dead now had begun to write
