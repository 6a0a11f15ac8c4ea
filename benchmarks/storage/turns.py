"""Whose turn a step is, where several runs work on one store: a step is leased before it is run.

A lease is a small file, made exclusively, that names its run; it holds for as long as that run is alive. A lease of a
dead run is not removed but followed by the next number: of all that want to take it over exactly one makes that file.
Where a run that was thought dead goes on, both make the same artifact, and the second loses quietly. The files lie
beside the artifacts, or in a bucket (`benchmarks.storage.marks`).
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from benchmarks.storage.alive import FOLDER, Run, Watch, tell
from benchmarks.storage.marks import FolderMarks, Marks


class Turns:
    """The leases of one run; a context: at its end they are given back.

    Args:
        where: Folder of the store, or the marks that stand for it.
        work: What the run does: runs of equal work need the same artifacts.
        period: Seconds without a sign of life after which another run counts as dead; None = those of the marks.
        clock: The observer's own seconds.
    """

    def __init__(
        self,
        where: Path | Marks,
        work: str,
        period: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.marks: Marks = FolderMarks(where) if isinstance(where, Path) else where
        self.period, self.clock = period or self.marks.period, clock
        self.run, self.name = Run.here(work), uuid.uuid4().hex
        self.watch = Watch(self.marks, self.period, clock)
        self.met = False  # whether another run was ever seen at work
        self._mine: dict[str, int] = {}
        self._others: dict[str, Run | None] = {}
        self._looked = -self.period
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beats, daemon=True, name="alive")

    def __enter__(self) -> Turns:
        self.beat(0)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ended.set()
        self._thread.join(self.period)  # else its last sign could come after the end
        for key in list(self._mine):
            self.release(key)
        self.marks.remove(f"{FOLDER}/{self.name}")

    def beat(self, count: int) -> None:
        """Give a sign of life."""
        tell(self.marks, self.name, self.run, count)

    def _beats(self) -> None:
        count = 0
        while not self._ended.wait(self.period / 6):
            count += 1
            self.beat(count)

    def take(self, key: str) -> bool:
        """Lease a step; False = another run that is alive has it."""
        if key in self._mine:
            return True
        number = 0
        while True:
            owner = self._owner(key, number)
            free = owner is None and self._owner(key, number + 1) is None
            if owner == self.name or (free and self.marks.make(lease(key, number), f"{self.name}\n")):
                if self._owner(key, number + 1) is None:
                    self._mine[key] = number
                    return True
                self.marks.remove(lease(key, number))  # somebody followed a lease that went meanwhile
            elif owner is not None and self._lives(key, number, owner):
                return False
            elif owner is not None or self._owner(key, number + 1) is not None:
                number += 1

    def held(self, key: str) -> bool:
        """Whether another run that is alive has a step."""
        number, owners = 0, [self._owner(key, 0), self._owner(key, 1)]
        while any(owner is not None for owner in owners):
            if owners[0] not in (None, self.name) and self._lives(key, number, str(owners[0])):
                return True
            number, owners = number + 1, [owners[1], self._owner(key, number + 2)]
        return False

    def release(self, key: str) -> None:
        """Give a lease back, with those of the dead that it followed."""
        for number in range(self._mine.pop(key, -1), -1, -1):
            self.marks.remove(lease(key, number))

    def others(self) -> dict[str, Run | None]:
        """Return the other runs that may be at work on this store, looked at anew once a sixth of the period."""
        if self.clock() - self._looked >= self.period / 6:
            self._others = {name: run for name, run in self.watch.runs().items() if name != self.name}
            self._looked = self.clock()
            self.met |= bool(self._others)
        return self._others

    @property
    def strangers(self) -> bool:
        """Whether a run may be at work that needs other artifacts than this one."""
        return any(run is None or run.work != self.run.work for run in self.others().values())

    def _owner(self, key: str, number: int) -> str | None:
        """Return the run that a lease names; None = there is no such lease, "" = it says nothing (yet)."""
        text = self.marks.read(lease(key, number))
        return None if text is None else text.strip()

    def _lives(self, key: str, number: int, owner: str) -> bool:
        """Whether a lease holds. One that says nothing was cut short, or is being written."""
        self.met = True
        return self.watch.lives(owner) if owner.isalnum() else self.watch.changes(f"{key}.{number}", owner)


def lease(key: str, number: int) -> str:
    """Return what a lease is called."""
    return f"{key[:2]}/{key}.turn{number}"
