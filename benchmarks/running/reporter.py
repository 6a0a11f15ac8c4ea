"""Who shows people what happens while a study runs; what goes wrong in showing it ends nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from benchmarks.steps import Step
from benchmarks.storage.store import Record
from records.results import CellResult


class Reporter:
    """Shows people what happens; this one shows nothing."""

    def start(self, steps: Sequence[Step], cells: int) -> None:
        """Hear how many steps are about to run."""

    def step(self, step: Step, record: Record | None, message: str) -> None:
        """Hear that a step ended: with a record, or with the reason why not."""

    def cut(self, steps: Sequence[Step]) -> None:
        """Hear which steps will never be begun, since what they read has failed."""

    def progress(self, key: str, done: int, total: int) -> None:
        """Hear how far a running step has come; 0 of 0 = it begins."""

    def cell(self, result: CellResult) -> None:
        """Hear that a cell ended."""

    def note(self, text: str) -> None:
        """Hear something that ends nothing: damage that is made good, a picture that could not be drawn."""

    def stop(self) -> None:
        """Hear that everything ended."""


class Shown(Reporter):
    """A reporter as a run calls it: one call at a time, of however many threads.

    Whatever becomes of the terminal that it draws on, the run goes on. How far a step is, is heard while it runs, in
    its own process even: nothing that goes wrong there is the step's.

    Args:
        reporter: Draws, or prints.
    """

    def __init__(self, reporter: Any):
        self.reporter, self._lock = reporter, threading.RLock()

    @classmethod
    def by(cls, reporter: Any) -> Shown:
        """Return a reporter as a run calls it."""
        return reporter if isinstance(reporter, cls) else cls(reporter or Reporter())

    def start(self, steps: Sequence[Step], cells: int) -> None:
        """Pass it on."""
        self._pass(lambda: self.reporter.start(steps, cells))

    def step(self, step: Step, record: Record | None, message: str) -> None:
        """Pass it on."""
        self._pass(lambda: self.reporter.step(step, record, message))

    def cut(self, steps: Sequence[Step]) -> None:
        """Pass it on to those that count what is left."""
        if steps and hasattr(self.reporter, "cut"):
            self._pass(lambda: self.reporter.cut(steps))

    def progress(self, key: str, done: int, total: int) -> None:
        """Pass it on."""
        with suppress(Exception):
            self._pass(lambda: self.reporter.progress(key, done, total))

    def cell(self, result: CellResult) -> None:
        """Pass it on."""
        self._pass(lambda: self.reporter.cell(result))

    def note(self, text: str) -> None:
        """Pass it on."""
        self._pass(lambda: self.reporter.note(text))

    def stop(self) -> None:
        """Pass it on."""
        self._pass(self.reporter.stop)

    def _pass(self, call: Callable[[], object]) -> None:
        with self._lock, suppress(OSError, ValueError):  # a terminal that has gone, a stream that is closed
            call()
