"""What a person sees while a suite runs: bars with an estimate of what is left, or plain lines where no terminal is."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from benchmarks.steps import Step
from benchmarks.storage.store import Record
from records.names import RowName
from records.results import CellResult


def make_reporter(quiet: bool = False) -> Any:
    """Return bars on a terminal, lines elsewhere."""
    return Bars() if sys.stderr.isatty() and not quiet else Lines()


class Lines:
    """One `key=value` line per step on standard error: quiet enough for a log, easy to parse."""

    def start(self, steps: Sequence[Step], cells: int) -> None:
        """Say how much there is to do."""
        self.total, self.ended, self.began = len(steps), 0, time.monotonic()
        self.say(f"start steps={len(steps)} cells={cells}")

    def step(self, step: Step, record: Record | None, message: str) -> None:
        """Say that a step ended."""
        self.ended += 1
        spent = time.monotonic() - self.began
        left = spent / self.ended * (self.total - self.ended)
        state = f"seconds={record.cost.wall_seconds:.2f}" if record else f"failed={message!r}"
        self.say(f"step {self.ended}/{self.total} {step.label!r} {state} eta={left:.0f}s")

    def progress(self, key: str, done: int, total: int) -> None:
        """Stay silent: lines are for ends."""

    def cell(self, result: CellResult) -> None:
        """Say how a cell ended."""
        row = result.rows[0]
        name = f"{RowName.of(row)}/seed={result.seed}"
        error = (
            f" step={result.error.step} iteration={result.error.iteration}: {result.error.message}"
            if result.error
            else ""
        )
        self.say(f"cell {result.key[:16]} {name} {result.status}{error}")

    def note(self, text: str) -> None:
        """Say something that ends nothing."""
        self.say(f"note {text}")

    def stop(self) -> None:
        """Say how long it took."""
        self.say(f"end steps={self.ended} seconds={time.monotonic() - self.began:.1f}")

    @staticmethod
    def say(line: str) -> None:
        """Print one line at once; whoever was reading may have gone."""
        with suppress(OSError, ValueError):
            print(line, file=sys.stderr, flush=True)


class Bars:
    """One bar for the suite, one for every running step."""

    bars: Any = None

    def start(self, steps: Sequence[Step], cells: int) -> None:
        """Open the bars."""
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        self.bars = Progress(
            TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
            TextColumn("left"), TimeRemainingColumn(), console=Console(stderr=True),
        )  # fmt: skip
        self.labels = {s.key: s.label for s in steps}
        self.suite = self.bars.add_task("suite", total=len(steps))
        self.running: dict[str, Any] = {}
        self.bars.start()

    def step(self, step: Step, record: Record | None, message: str) -> None:
        """Move the suite's bar and close the step's."""
        if step.key in self.running:
            self.bars.remove_task(self.running.pop(step.key))
        if record is None:
            self.say("failed", f"{step.label}: {message}")
        self.bars.advance(self.suite)

    def progress(self, key: str, done: int, total: int) -> None:
        """Move a step's bar."""
        if key not in self.running:
            self.running[key] = self.bars.add_task(self.labels.get(key, key[:8]), total=total)
        self.bars.update(self.running[key], completed=done, total=total)

    def cell(self, result: CellResult) -> None:
        """Print failed cells; complete ones show on the board."""
        if result.error:
            self.say("cell failed", f"{result.rows[0].scenario} seed={result.seed}: {result.error}")

    def note(self, text: str) -> None:
        """Print something that ends nothing."""
        if self.bars is not None:
            self.say("note", text)
        else:  # before there are bars
            Lines.say(f"note: {text}")

    def say(self, head: str, text: str) -> None:
        """Print a line above the bars, brackets of a text as they are."""
        from rich.text import Text

        with suppress(OSError, ValueError):
            self.bars.console.print(Text.assemble((head, "red" if "failed" in head else ""), " ", text))

    def stop(self) -> None:
        """Close the bars."""
        self.bars.stop()
