"""A listener for tests of what hands out steps."""

from __future__ import annotations

from benchmarks.running.agenda import Failure
from benchmarks.steps import Step
from benchmarks.storage.store import Record


class Deaf:
    """Keeps what failed, and hears nothing else."""

    def __init__(self) -> None:
        self.failures: list[Failure] = []

    def failed(self, failure: Failure) -> None:
        self.failures.append(failure)

    def done(self, step: Step, record: Record) -> None: ...
    def found(self, step: Step) -> None: ...
    def progress(self, key: str, done: int, total: int) -> None: ...
    def note(self, text: str) -> None: ...
