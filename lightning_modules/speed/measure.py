"""Measuring a piece of work: on the clock of the device, at the best batch size, within a budget of seconds."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any

import torch

from lightning_modules import memory
from lightning_modules.fitting.devices import device

#: A doubled batch must be faster by this factor to go on doubling.
GAIN = 1.03


@dataclass(frozen=True)
class Work:
    """What one call did.

    Attributes:
        made: images or captions made, or samples trained on, while the clock ran.
        seconds: that this took.
        warmup: seconds of the call that do not count: compiling, moving weights, first steps.
        steps: denoising steps an image, tokens a caption, or optimizer steps.
    """

    made: int
    seconds: float
    warmup: float
    steps: int


@dataclass(frozen=True)
class Row:
    """One line of the result.

    Attributes:
        task: what was measured.
        side: "ours" or "plain".
        unit: of the rate.
        batch: the best batch size.
        rate: units a second; 0 where nothing was measured.
        made: units that were made in the measured call.
        steps: denoising steps, tokens, or optimizer steps.
        peak: largest memory of the device in GiB; 0 on a CPU, where it is not known.
        warmup: seconds that were not counted.
        swept: rates by batch size, of the sweep that chose the batch.
        skipped: why nothing was measured; "" = it was.
    """

    task: str
    side: str
    unit: str
    batch: int = 0
    rate: float = 0.0
    made: int = 0
    steps: int = 0
    peak: float = 0.0
    warmup: float = 0.0
    swept: dict[int, float] | None = None
    skipped: str = ""


class Budget:
    """Seconds that are left of a run."""

    def __init__(self, seconds: float) -> None:
        self.end = time.monotonic() + seconds

    def left(self) -> float:
        """Return the seconds that are left."""
        return self.end - time.monotonic()


def now() -> float:
    """Return the time, once the device has done all it was asked to."""
    if device().type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


class Laps:
    """Times of the ends of training steps; the first `skipped` ones are warm-up."""

    def __init__(self, skipped: int) -> None:
        self.skipped, self.start, self.ends = skipped, now(), list[float]()

    def __call__(self, *_: Any) -> None:
        """Note the end of a step."""
        self.ends.append(now())

    def work(self, batch: int) -> Work:
        """Return what was done after the warm-up, in steps of `batch` samples."""
        first = self.ends[self.skipped - 1]
        steps = len(self.ends) - self.skipped
        return Work(steps * batch, self.ends[-1] - first, first - self.start, len(self.ends))


@contextmanager
def watched(module: Any, method: str) -> Iterator[list[float]]:
    """Collect the seconds of every call of a method in here."""
    seconds: list[float] = []
    original = getattr(module, method)

    @wraps(original)
    def timed(*inputs: Any, **options: Any) -> Any:
        start = now()
        found = original(*inputs, **options)
        seconds.append(now() - start)
        return found

    setattr(module, method, timed)
    try:
        yield seconds
    finally:
        delattr(module, method)


def fresh() -> None:
    """Forget what lies about in the device's memory, and its peak."""
    if device().type == "cuda":
        gc.collect()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def peak() -> float:
    """Return the largest memory since `fresh` in GiB; 0 on a CPU."""
    return torch.cuda.max_memory_allocated() / 2**30 if device().type == "cuda" else 0.0


def sweep(work: Callable[[int], Work], sizes: list[int], budget: Budget) -> tuple[int, dict[int, float]]:
    """Double the batch until it no longer gains, the memory is full, or too little time is left for the next one.

    A quarter of the budget may go into one sweep. Each of the sizes is the double of the one before. Return the best
    size (0 if not even the first one fits), and the rates by size.
    """
    rates: dict[int, float] = {}
    limit, start, last = budget.left() / 4, time.monotonic(), 0.0
    for size in sizes:
        if rates and time.monotonic() - start + 2 * last > limit:
            break
        fresh()
        began = time.monotonic()
        memory.forget()
        try:
            done = work(size)
        except RuntimeError as error:  # torch.OutOfMemoryError, and kernels that cannot count so far
            if not rates and not isinstance(error, torch.OutOfMemoryError):
                raise
            break
        if memory.found():  # what does not fit was halved, and is no batch of this size
            break
        last = time.monotonic() - began
        rates[size] = done.made / done.seconds
        if len(rates) > 1 and rates[size] < GAIN * rates[size // 2]:
            break
    fresh()
    return (max(rates, key=rates.__getitem__) if rates else 0), rates


def row(
    names: tuple[str, str, str],
    work: Callable[[int], Work],
    best: tuple[int, dict[int, float]],
    budget: Budget,
    needs: float = 0.0,
) -> Row:
    """Measure at the best batch size, which `sweep` found, under the names of task, side and unit.

    `needs` are the seconds that this will take, as far as can be told beforehand.
    """
    size, swept = best
    if not size:
        return Row(*names, skipped="not even the smallest batch fits into the memory")
    if needs > budget.left():
        return Row(*names, size, swept=swept, skipped=f"needs about {needs:.0f} s of {max(0, budget.left()):.0f} left")
    fresh()
    try:
        done = work(size)
    except RuntimeError as error:  # no memory, or no compiler on this machine: the other rows are worth having
        why = (str(error).strip().splitlines() or [""])[0]
        return Row(*names, size, swept=swept, skipped=f"{type(error).__name__}: {why}")
    return Row(*names, size, done.made / done.seconds, done.made, done.steps, peak(), done.warmup, swept)
