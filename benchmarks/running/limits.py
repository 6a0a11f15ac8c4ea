"""Steps that run, since when and in which process; one that takes longer than its kind may is ended."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping

from benchmarks.running.ending import end
from benchmarks.steps import Step

#: Seconds between two looks at the clock; a signal that another thread was given is heard then, too.
LOOK = 1.0


def limit_of(step: Step, limits: Mapping[str, float]) -> float:
    """Return for how many seconds a step may take; a part of a sample may take as long as a whole one."""
    return limits.get(step.kind.removesuffix("_part"), math.inf)


def too_long(limit: float) -> str:
    """Say why a step was ended."""
    return f"took longer than the {limit:g} s of execution.time_limit, and was ended"


class Watch:
    """What runs now.

    Args:
        limits: Kind of step -> the seconds that one may take; kinds without one may take for ever.
        steps: The steps of a run, by key.
    """

    def __init__(self, limits: Mapping[str, float], steps: Mapping[str, Step]) -> None:
        self.limits = {key: limit_of(step, limits) for key, step in steps.items()}
        self.running: dict[str, tuple[int, float]] = {}
        self.ended: dict[str, str] = {}  # step -> why
        self._over: set[str] = set()

    def began(self, key: str, process: int) -> None:
        """Hear that a process has begun a step; what it waited for before does not count.

        Of a step that is over by now, whose process may be doing another, a late message says nothing.
        """
        if key not in self._over:
            self.running[key] = process, time.monotonic()

    def over(self, key: str) -> None:
        """Hear that a step is done with."""
        self._over.add(key)
        self.running.pop(key, None)

    def again(self, key: str) -> None:
        """Hear that a step is to be tried once more."""
        self._over.discard(key)

    def end_late(self) -> Iterator[str]:
        """End the processes of steps that take too long, and yield these."""
        for key, (process, since) in list(self.running.items()):
            if time.monotonic() - since > self.limits.get(key, math.inf):
                self.ended[key] = too_long(self.limits[key])
                self.over(key)
                end(process)
                yield key
