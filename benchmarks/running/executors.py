"""Who runs the steps: this process, or worker processes of one thread each.

An executor gets steps in an order in which inputs come first, runs what it can, and reports each one as done or
failed. A failed step takes down what depends on it and nothing else, but for those that come first (`Step.first`): they
run before the others, one at a time, and where one fails the others are not started.
"""

from __future__ import annotations

import copy
import heapq
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from benchmarks.running import ending, worker
from benchmarks.running.leases import Leases, accelerators
from benchmarks.running.limits import LOOK, Watch
from benchmarks.running.worker import Trouble, perform, surroundings
from benchmarks.steps import Step
from benchmarks.storage.scratch import Scratch
from benchmarks.storage.store import Record, Store
from benchmarks.study.suite import Executions

#: Seconds in which a process that was killed is gone, but for one that waits for a disk or a device.
GONE = 5.0


@dataclass(frozen=True)
class Failure:
    """Why a step has no artifact: a sentence, and the traceback where one is known."""

    step: Step
    message: str
    traceback: str = ""


class Listener(Protocol):
    """Hears what happens; the reporter and the result writer are listeners."""

    def done(self, step: Step, record: Record) -> None:
        """Hear that a step is in the store."""

    def failed(self, failure: Failure) -> None:
        """Hear that a step could not be done."""

    def progress(self, key: str, done: int, total: int) -> None:
        """Hear how far a running step has come; 0 of 0 = it begins."""


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
        """Run all steps in the order given."""
        from benchmarks.steps.context import RunContext

        worker.exact_float32()
        context, execution = RunContext(store, execution=self.execution), surroundings(self.execution) if steps else {}
        lost: set[str] = set()
        refused = False
        for step in steps:
            if refused and not step.first:
                return
            if lost and not lost.isdisjoint(step.parents):
                lost.add(step.key)
                continue
            context.progress = _reporter(listener, step.key)
            listener.progress(step.key, 0, 0)
            try:
                record = perform(own(step), store, context, execution)
            except Exception as error:
                lost.add(step.key)
                refused |= step.first
                trouble = Trouble.of(error)
                listener.failed(Failure(step, trouble.message, trouble.traceback))
            else:
                listener.done(step, record)


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
            _Schedule(self, steps, listener).run()


class _Schedule:
    """What is ready, what waits for what, and what was in flight when a worker died."""

    def __init__(self, executor: LocalExecutor, steps: Sequence[Step], listener: Listener):
        self.executor, self.listener = executor, listener
        self.steps = {s.key: s for s in steps}
        self.rank = {s.key: i for i, s in enumerate(steps)}
        self.waiting = {s.key: {p for p in s.parents if p in self.steps} for s in steps}
        self.readers: dict[str, list[str]] = {}
        for key, parents in self.waiting.items():
            for parent in parents:
                self.readers.setdefault(parent, []).append(key)
        self.ready = [(self.rank[k], k) for k, parents in self.waiting.items() if not parents]
        heapq.heapify(self.ready)
        self.suspects: list[str] = []  # in flight when a worker died, and not tried again yet
        self.suspected: set[str] = set()
        self.first = {s.key for s in steps if s.first}  # that have not ended yet
        self.refused = False
        self.watch = Watch(executor.leases.execution.time_limit, self.steps)

    def run(self) -> None:
        """Run what is ready until nothing is."""
        crew = _Crew(self.executor, self.listener, self.watch)
        running: dict[Future[Record | Trouble], str] = {}
        try:
            while self.ready or self.suspects or running:
                whole = self.submit(crew, running)
                for future in wait(running, LOOK, FIRST_COMPLETED).done:
                    whole &= self.settle(future, running.pop(future))
                whole &= not list(self.watch.end_late())
                if not whole:  # the pool is gone, and with it every step in flight
                    for future in wait(running).done:
                        self.settle(future, running.pop(future))
                    crew.dismiss()
                    crew = _Crew(self.executor, self.listener, self.watch)
                    self.watch.ended.clear()
        finally:
            crew.dismiss()

    def submit(self, crew: _Crew, running: dict[Future[Record | Trouble], str]) -> bool:
        """Hand out steps; False when the pool turns out to be dead. A suspect runs alone, so that the culprit shows."""
        workers = 1 if self.first else self.executor.workers
        while len(running) < workers and self.suspected.isdisjoint(running.values()):
            if self.suspects and running:
                return True
            if not (self.suspects or self.ready):
                return True
            key = self.suspects[0] if self.suspects else self.ready[0][1]
            try:
                running[crew.submit(self.steps[key])] = key
            except BrokenProcessPool:  # an idle worker died
                return False
            if self.suspects:
                self.suspects.pop(0)
            else:
                heapq.heappop(self.ready)
        return True

    def settle(self, future: Future[Record | Trouble], key: str) -> bool:
        """Book a finished step; False when a worker died meanwhile."""
        error = future.exception()
        self.watch.over(key)
        if isinstance(error, BrokenProcessPool):
            self.again(key)
            return False
        self.suspected.discard(key)
        outcome = Trouble.of(error) if error is not None else future.result()
        if isinstance(outcome, Record):
            self.listener.done(self.steps[key], outcome)
            self.first.discard(key)
            for reader in self.readers.get(key, ()):
                self.waiting[reader].discard(key)
                if not self.waiting[reader]:
                    heapq.heappush(self.ready, (self.rank[reader], reader))
        else:
            self.fail(key, outcome)
        if self.refused and not self.first:
            self.ready.clear()
        return True

    def fail(self, key: str, trouble: Trouble) -> None:
        """Book a step that cannot be done. Its readers stay waiting for ever: they are never ready, so never run."""
        self.refused |= self.steps[key].first
        self.first -= {key, *self.readers.get(key, ())}
        self.listener.failed(Failure(self.steps[key], trouble.message, trouble.traceback))

    def again(self, key: str) -> None:
        """Try a step once more, or give it up where a worker died under it alone."""
        self.watch.again(key)
        if key in self.watch.ended:
            self.suspected.discard(key)
            self.fail(key, Trouble(self.watch.ended[key]))
        elif self.watch.ended:  # whose worker went with that of a step that took too long
            self.suspected.discard(key)
            heapq.heappush(self.ready, (self.rank[key], key))
        elif key not in self.suspected:
            self.suspected.add(key)
            self.suspects.append(key)
        else:
            self.suspected.discard(key)
            self.fail(key, Trouble("its worker process died twice (out of memory? fewer --workers leave it more)"))


class _Crew:
    """A pool of workers and the pipe of their progress.

    The pipe has no lock, which a killed worker could take along: a message is far below the size up to which writes
    to a pipe are atomic.
    """

    def __init__(self, executor: LocalExecutor, listener: Listener, watch: Watch):
        context = multiprocessing.get_context("spawn")
        self.listener, self.watch, self.scratch = listener, watch, Scratch()
        self.reader, self.writer = context.Pipe(duplex=False)
        leases = executor.leases
        if leases.wide:  # anew for every crew: a worker that was killed keeps what it holds
            leases = replace(leases, locks=tuple(context.Lock() for _ in leases.names))
        setup = worker.Setup(executor.root, list(sys.path), os.getpid(), leases, executor.workers)
        self.pool = ProcessPoolExecutor(
            executor.workers, context, initializer=worker.begin,
            initargs=(self.scratch.folder, setup, self.writer, context.Value("i", 0)),
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
        with self.reader, suppress(EOFError):
            while True:
                key, *said = self.reader.recv()
                if len(said) == 1:
                    self.watch.began(key, said[0])
                    said = [0, 0]
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
