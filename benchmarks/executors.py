"""Who runs the steps: this process, or worker processes of one thread each.

An executor gets steps in an order in which inputs come first, runs what it can, and reports each one as done or
failed. A failed step takes down what depends on it and nothing else.
"""

from __future__ import annotations

import heapq
import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from benchmarks.errors import HookReadError, StepError
from benchmarks.keys import Step
from benchmarks.store import LocalStore, Record, Store

#: How often a step is tried again when its worker process died under it (out of memory, a stray signal).
RETRIES = 1


@dataclass(frozen=True)
class Failure:
    """Why a step has no artifact."""

    step: Step
    message: str


class Listener(Protocol):
    """Hears what happens; the reporter and the result writer are listeners."""

    def done(self, step: Step, record: Record) -> None:
        """A step is in the store."""

    def failed(self, failure: Failure) -> None:
        """A step could not be done."""

    def progress(self, key: str, done: int, total: int) -> None:
        """A running step has come this far."""


class Executor(Protocol):
    """Runs steps whose inputs are in the store or among the steps."""

    def run(self, steps: Sequence[Step], store: Store, listener: Listener) -> None:
        """Run all steps, inputs first."""


def perform(step: Step, store: Store, context: Any, execution: dict[str, Any]) -> Record:
    """Run one step and keep its value; the record holds what it cost."""
    from benchmarks.steps import run_step

    start, cpu = time.perf_counter(), time.process_time()
    value, cost = run_step(step, context)
    spent = replace(cost, wall_seconds=time.perf_counter() - start, device_seconds=time.process_time() - cpu)
    record = Record(step.key, step.kind, step.label, spent, execution)
    store.put(record, value)
    return record


def explain(error: BaseException) -> str:
    """Return one sentence about an error, the same on every machine."""
    text = " ".join(str(error).split()) or "no message"
    known = isinstance(error, (StepError, HookReadError)) or type(error).__name__ == "NonFiniteLoss"
    return text if known else f"{type(error).__name__}: {text}"


class InProcessExecutor:
    """Runs steps one after another in this process."""

    def run(self, steps: Sequence[Step], store: Store, listener: Listener) -> None:
        """Run all steps in the order given."""
        from benchmarks.steps.context import RunContext

        context = RunContext(store)
        lost: set[str] = set()
        for step in steps:
            if lost and not lost.isdisjoint(step.parents()):
                lost.add(step.key)
                continue
            context.progress = _reporter(listener, step.key)
            try:
                record = perform(step, store, context, {})
            except Exception as error:
                lost.add(step.key)
                listener.failed(Failure(step, explain(error)))
            else:
                listener.done(step, record)


def _reporter(listener: Listener, key: str) -> Callable[[int, int], None]:
    return lambda done, total: listener.progress(key, done, total)


class LocalExecutor:
    """Worker processes on this machine, each with one thread.

    One thread a process is several times faster than two on small tensors (docs/performance.md), so parallelism is
    over steps. A worker that dies takes its step down; the step is tried once more.

    Args:
        root: Folder of the store that workers open themselves.
        workers: How many processes.
    """

    def __init__(self, root: Path, workers: int):
        self.root, self.workers = root, workers

    def run(self, steps: Sequence[Step], store: Store, listener: Listener) -> None:
        """Run all steps, earlier cells first, inputs before their readers."""
        if steps:
            _Schedule(self, steps, listener).run()


class _Schedule:
    def __init__(self, executor: LocalExecutor, steps: Sequence[Step], listener: Listener):
        self.executor, self.listener = executor, listener
        self.steps = {s.key: s for s in steps}
        self.rank = {s.key: i for i, s in enumerate(steps)}
        self.waiting = {s.key: {p for p in s.parents() if p in self.steps} for s in steps}
        self.readers: dict[str, list[str]] = {}
        for key, parents in self.waiting.items():
            for parent in parents:
                self.readers.setdefault(parent, []).append(key)
        self.ready = [(self.rank[k], k) for k, parents in self.waiting.items() if not parents]
        heapq.heapify(self.ready)
        self.tries: dict[str, int] = {}
        self.context = multiprocessing.get_context("spawn")
        self.news = self.context.SimpleQueue()

    def pool(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            self.executor.workers, self.context, initializer=_start_worker,
            initargs=(self.executor.root, list(sys.path), self.news, os.getpid()),
        )  # fmt: skip

    def run(self) -> None:
        threading.Thread(target=self.hear, daemon=True).start()
        pool = self.pool()
        running: dict[Future[Record | str], str] = {}
        try:
            while self.ready or running:
                while self.ready and len(running) < self.executor.workers:
                    _, key = heapq.heappop(self.ready)
                    running[pool.submit(_work, self.steps[key])] = key
                finished, _ = wait(running, return_when=FIRST_COMPLETED)
                broken = [running.pop(f) for f in finished if not self.settle(f, running[f])]
                if broken:  # the pool is gone, and with it every step in flight
                    broken += list(running.values())
                    running = {}
                    pool.shutdown(wait=False, cancel_futures=True)
                    pool = self.pool()
                    for key in broken:
                        self.again(key)
                running = {f: k for f, k in running.items() if f not in finished}
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in list((getattr(pool, "_processes", None) or {}).values()):
                process.terminate()
            self.news.put(None)

    def settle(self, future: Future[Record | str], key: str) -> bool:
        """Book a finished step; False when its process died."""
        error = future.exception()
        if isinstance(error, BrokenProcessPool):
            return False
        outcome = explain(error) if error is not None else future.result()
        if isinstance(outcome, Record):
            self.listener.done(self.steps[key], outcome)
            for reader in self.readers.get(key, ()):
                self.waiting[reader].discard(key)
                if not self.waiting[reader]:
                    heapq.heappush(self.ready, (self.rank[reader], reader))
        else:
            # Readers stay waiting for ever: they are never ready, so they never run.
            self.listener.failed(Failure(self.steps[key], outcome))
        return True

    def again(self, key: str) -> None:
        self.tries[key] = self.tries.get(key, 0) + 1
        if self.tries[key] <= RETRIES:
            heapq.heappush(self.ready, (self.rank[key], key))
        else:
            self.listener.failed(Failure(self.steps[key], "its worker process died twice (out of memory?)"))

    def hear(self) -> None:
        while (news := self.news.get()) is not None:
            self.listener.progress(*news)


_context: Any = None
_news: Any = None


def _start_worker(root: Path, path: list[str], news: Any, parent: int) -> None:
    """Prepare a worker: one thread, the parent's import path, and an end when the parent ends."""
    global _context, _news
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"  # ours are the only bars
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    sys.path[:] = path
    threading.Thread(target=_follow, args=(parent,), daemon=True).start()
    import torch

    torch.set_num_threads(1)
    from benchmarks.steps.context import RunContext

    _context, _news = RunContext(LocalStore(root)), news


def _follow(parent: int) -> None:
    """End this worker when the run that started it was killed: an orphan would go on computing."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def _work(step: Step) -> Record | str:
    """Run a step in a worker; an error comes back as its sentence, since not every exception can be pickled."""
    last = 0.0

    def progress(done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last > 0.5:
            last = time.monotonic()
            _news.put((step.key, done, total))

    _context.progress = progress
    import platform

    execution = {"device": "cpu", "threads": 1, "machine": platform.machine()}
    try:
        return perform(step, _context.store, _context, execution)
    except Exception as error:
        return explain(error)
