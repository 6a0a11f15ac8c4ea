"""Which accelerators a step has: its worker's own, and for a fit on several the ones beside it.

A worker sees one accelerator, on which it draws, writes and looks. While a fit uses several, their workers wait: no
accelerator serves two steps at once. Free of torch.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.planning.devices import driver_says
from benchmarks.steps import Step
from benchmarks.study.suite import Executions
from records.errors import UsageError
from records.names import MODALITIES

if TYPE_CHECKING:
    from benchmarks.planning.plan import Plan

DEVICES = Path("/dev")


def accelerators() -> tuple[str, ...]:
    """Return the accelerators that workers share out, in the words of `CUDA_VISIBLE_DEVICES`; found without torch.

    Where that is not set they are counted from 0, as CUDA does; a container's files in /dev keep their host's numbers.
    """
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return tuple(name.strip() for name in chosen.split(",") if name.strip() not in ("", "-1"))
    if version("torch").endswith("+cpu"):  # a build that sees none
        return ()
    files = [file for file in DEVICES.glob("nvidia[0-9]*") if file.name.removeprefix("nvidia").isdigit()]
    return tuple(map(str, range(len(driver_says()) or len(files))))


@dataclass(frozen=True)
class Leases:
    """The accelerators of a run.

    Attributes:
        names: As `CUDA_VISIBLE_DEVICES` takes them; () = there are none.
        execution: How many of them a fit of each modality uses.
        locks: One an accelerator, of a run whose fits use several; whoever holds them all has a group. () = every
            worker keeps to its own, which several workers may have in common.
    """

    names: tuple[str, ...]
    execution: Executions
    locks: tuple[Any, ...] = ()

    @property
    def wide(self) -> bool:
        """Whether some fit uses several accelerators."""
        return len(self.names) > 1 and any(
            self._count(getattr(self.execution, side).devices) > 1 for side in MODALITIES
        )

    def own(self, number: int, workers: int) -> int:
        """Return which accelerator is a worker's own: fewer workers than accelerators stand apart."""
        n = len(self.names)
        return number % n if workers >= n else number % workers * n // workers

    def group(self, own: int, width: int) -> tuple[int, ...]:
        """Return so many neighbours, one of them a worker's own, in ascending order.

        Groups of a width are disjoint or equal where it divides the number of accelerators; else the last two overlap.
        """
        first = min(own // width * width, len(self.names) - width)
        return tuple(range(first, first + width))

    def width(self, step: Step) -> int:
        """Return how many devices a step uses: those of its fit, `auto` at most one a sample of the batch."""
        if step.fits is None:
            return 1
        devices = getattr(self.execution, step.fits).devices
        most: int = getattr(getattr(step, "settings", None), "batch_size", 1)
        return min(self._count(devices), most) if devices == "auto" else self._count(devices)

    @contextmanager
    def held(self, own: int, step: Step) -> Iterator[tuple[str, ...]]:
        """Have what a step uses, and nobody else has, in here; () where nothing has to be shared out.

        Locks are taken in ascending order, and none is held before: no two workers wait for each other.
        """
        if not self.locks:
            yield ()
            return
        numbers = self.group(own, self.width(step))
        with ExitStack() as stack:
            for number in numbers:
                stack.enter_context(self.locks[number])
            yield tuple(self.names[number] for number in numbers)

    def _count(self, devices: Any) -> int:
        """Return how many devices that is; more than there are accelerators were refused before."""
        if devices == "auto":
            return max(1, len(self.names))
        return min(devices, len(self.names)) if self.names else int(devices)  # of processors, processes


def require_devices(plan: Plan, names: Sequence[str]) -> None:
    """Refuse fits on more accelerators than a machine shows; one without any takes processors.

    Raises:
        UsageError: Naming the key, what was found and what is allowed.
    """
    for side in sorted({step.fits for step in plan.steps.values() if step.fits is not None}):
        asked = getattr(plan.suite.execution, side).devices
        if names and asked != "auto" and asked > len(names):
            raise UsageError(
                f"{plan.file}: execution.{side}.devices: found {asked}; allowed: at most {len(names)}, the "
                "accelerators that this machine shows (CUDA_VISIBLE_DEVICES), or auto"
            )


@dataclass(frozen=True)
class Setup:
    """What every worker of a run is started with.

    Attributes:
        root: Folder of the store.
        path: The import path of the process that started the run.
        parent: Its process number: a worker ends with it.
        leases: The accelerators, and how each modality's fits and generations are run.
        workers: How many workers there are.
        bucket: Address of the object store beside it; "" = there is none.
    """

    root: Path
    path: list[str]
    parent: int
    leases: Leases
    workers: int
    bucket: str = ""
