"""What a person sees while a suite runs: bars with an estimate of what is left, or plain lines where no terminal is."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from benchmarks.reporting.pace import Pace, Running, clock
from benchmarks.steps import Step
from benchmarks.storage.store import Record
from leaderboard.text import number
from records.names import MetricName, RowName, judged_sides
from records.printable import printable
from records.results import CellResult

#: Seconds after which a log hears of a run again, though no cell has ended.
SILENCE = 60.0
LABEL = 32  # most characters of a step's name beside its bar, so that bars hold at 80 columns


def make_reporter(quiet: bool = False) -> Any:
    """Return bars on a terminal, lines elsewhere."""
    return Bars() if sys.stderr.isatty() and not quiet else Lines()


def cell_line(result: CellResult) -> str:
    """Return how a cell ended: its headline numbers from first to last iteration, or what went wrong."""
    name = f"{RowName.of(result.rows[0])}/seed={result.seed}"
    if result.error:
        return f"{name} {result.status} in {result.error}"
    return f"{name} {result.status}: {', '.join(headlines(result)) or 'no number'}"


def headlines(result: CellResult) -> list[str]:
    """Return the headline numbers of a cell, such as "frechet 1.6 -> 5.65", those of its own sides alone."""
    found = []
    for metric in sorted(name for name, info in result.info.items() if info.primary):
        name = MetricName.parse(metric)
        measured = [result.value(metric, t) for t in range(name.first, result.iterations + 1)]
        values = [value for value in measured if value is not None]
        if values and name.side in judged_sides(result.trains):
            found.append(f"{name.metric} {number(values[0])} -> {number(values[-1])}")
    return found


class Lines:
    """A line on standard error for every cell, for what fails, and for a minute without either: made for a log."""

    def start(self, steps: Sequence[Step], cells: int) -> None:
        """Say how much there is to do."""
        self.running = Running(steps)
        self.pace, self.total, self.ended, self.cells, self.closed = Pace(steps), len(steps), 0, cells, 0
        self.said = time.monotonic()
        loading = "; workers are starting, which takes some seconds" if steps else ""
        self.say(f"start steps={len(steps)} cells={cells}{loading}")
        self.stopped = threading.Event()
        threading.Thread(target=self.tick, daemon=True).start()

    def step(self, step: Step, record: Record | None, message: str) -> None:
        """Say that a step failed, or how far all have come where nothing was said for a while."""
        self.ended += 1
        self.pace.step(step, record)
        self.running.over(step.key)
        if record is None:
            self.say(f"step {self.ended}/{self.total} {step.label!r} failed={message!r}")
        elif time.monotonic() - self.said > SILENCE:
            self.say(f"step {self.ended}/{self.total} {step.label!r} left: {clock(self.pace.remaining)}")

    def cut(self, steps: Sequence[Step]) -> None:
        """Count what will never be begun no more."""
        self.pace.cut(steps)
        self.total -= len(steps)

    def progress(self, key: str, done: int, total: int) -> None:
        """Stay silent: lines are for ends, and for what does not end."""
        self.running.moved(key, done, total)

    def tick(self) -> None:
        """Say what runs, and since when, where nothing was said for long."""
        while not self.stopped.wait(SILENCE / 4):
            if time.monotonic() - self.said > SILENCE and (now := self.running.line()):
                self.say(f"running {now}")

    def cell(self, result: CellResult) -> None:
        """Say how a cell ended."""
        self.closed += 1
        left = clock(self.pace.remaining)
        self.say(f"cell {self.closed}/{self.cells} {cell_line(result)}; steps {self.ended}/{self.total}, left: {left}")

    def note(self, text: str) -> None:
        """Say something that ends nothing."""
        self.say(f"note {text}")

    def stop(self) -> None:
        """Say how long it took, and for how long all workers together were busy with steps."""
        self.stopped.set()
        self.say(f"end steps={self.ended} seconds={self.pace.spent:.1f} busy={self.pace.busy:.1f}")

    def say(self, line: str) -> None:
        """Print one line at once; whoever was reading may have gone."""
        self.said = time.monotonic()
        with suppress(OSError, ValueError):
            print(printable(line), file=sys.stderr, flush=True)


class Bars:
    """One bar for the suite, one for every running step, a line for every cell; they hold at 80 columns."""

    bars: Any = None

    def start(self, steps: Sequence[Step], cells: int) -> None:
        """Open the bars."""
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        self.bars = Progress(
            TextColumn("{task.description}", markup=False), BarColumn(12), MofNCompleteColumn(), TimeElapsedColumn(),
            TextColumn("{task.fields[left]}", markup=False), console=Console(stderr=True),
        )  # fmt: skip
        self.labels = {s.key: printable(s.label) for s in steps}
        self.pace = Pace(steps)
        begun = "workers start, some seconds" if steps else "everything is there"
        self.total = len(steps)
        self.suite = self.bars.add_task(begun, total=self.total, left="")
        self.running: dict[str, Any] = {}
        self.ended: set[str] = set()
        self.bars.start()

    def step(self, step: Step, record: Record | None, message: str) -> None:
        """Move the suite's bar and close the step's."""
        self.ended.add(step.key)
        if step.key in self.running:
            self.bars.remove_task(self.running.pop(step.key))
        self.pace.step(step, record)
        if record is None:
            self.say("failed", f"{step.label}: {message}")
        remaining = self.pace.remaining
        left = "" if remaining is None else f"{clock(remaining)} left"
        self.bars.update(self.suite, advance=1, description="all steps", left=left)

    def cut(self, steps: Sequence[Step]) -> None:
        """Count what will never be begun no more."""
        self.pace.cut(steps)
        self.total -= len(steps)
        self.bars.update(self.suite, total=self.total)

    def progress(self, key: str, done: int, total: int) -> None:
        """Move a step's bar."""
        if key in self.ended:  # the message was slower than the step
            return
        if key not in self.running:
            label = self.labels.get(key, key[:8])
            short = label if len(label) <= LABEL else f"...{label[3 - LABEL :]}"
            self.running[key] = self.bars.add_task(short, total=total or None, left="")
            self.bars.update(self.suite, description="all steps")
        if total:
            self.bars.update(self.running[key], completed=done, total=total)

    def cell(self, result: CellResult) -> None:
        """Print how a cell ended."""
        self.say("cell failed" if result.error else "cell", cell_line(result))

    def note(self, text: str) -> None:
        """Print something that ends nothing."""
        if self.bars is not None:
            self.say("note", text)
        else:  # before there are bars
            print(printable(f"note: {text}"), file=sys.stderr, flush=True)

    def say(self, head: str, text: str) -> None:
        """Print a line above the bars, brackets of a text as they are."""
        from rich.text import Text

        with suppress(OSError, ValueError):
            self.bars.console.print(Text.assemble((head, "red" if "failed" in head else ""), " ", printable(text)))

    def stop(self) -> None:
        """Close the bars; the terminal may have gone."""
        with suppress(OSError):
            self.bars.stop()
