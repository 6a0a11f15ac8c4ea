"""Whose turn a step is, where several runs work on one store: a step is leased before it is run.

A lease is a file beside the artifact, made exclusively, that names its run; it holds for as long as that run is alive.
Made beside the artifact it also has a network file system look anew at that folder, so that what another machine has
just put there is seen. A lease of a dead run is not removed but followed by the next number: of all that want to take
it over exactly one makes that file. Where a run that was thought dead goes on, both make the same artifact, and the
second loses quietly.
"""

from __future__ import annotations

import os
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from benchmarks.storage.alive import PERIOD, Run, Watch, tell


class Turns:
    """The leases of one run; a context: at its end they are given back.

    Args:
        root: Folder of the store.
        work: What the run does: runs of equal work need the same artifacts.
        period: Seconds without a sign of life after which another run counts as dead.
        clock: The observer's own seconds.
    """

    def __init__(self, root: Path, work: str, period: float = PERIOD, clock: Callable[[], float] = time.monotonic):
        self.root, self.period, self.clock = root, period, clock
        self.run, self.name = Run.here(work), uuid.uuid4().hex
        self.watch = Watch(root / "running", period, clock)
        self.met = False  # whether another run was ever seen at work
        self._mine: dict[str, int] = {}
        self._others: dict[str, Run | None] = {}
        self._looked = -period
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beats, daemon=True, name="alive")

    def __enter__(self) -> Turns:
        self.watch.folder.mkdir(exist_ok=True)
        self.beat(0)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ended.set()
        self._thread.join(self.period)  # else its last sign could come after the end
        for key in list(self._mine):
            self.release(key)
        with suppress(OSError):
            (self.watch.folder / self.name).unlink(missing_ok=True)

    def beat(self, count: int) -> None:
        """Give a sign of life."""
        tell(self.watch.folder / self.name, self.run, count)

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
            if owner == self.name or (free and self._make(key, number)):
                if self._owner(key, number + 1) is None:
                    self._mine[key] = number
                    return True
                self._file(key, number).unlink(missing_ok=True)  # somebody followed a lease that went meanwhile
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
            with suppress(OSError):
                self._file(key, number).unlink(missing_ok=True)

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

    def _file(self, key: str, number: int) -> Path:
        return self.root / key[:2] / f"{key}.turn{number}"

    def _owner(self, key: str, number: int) -> str | None:
        """Return the run that a lease names; None = there is no such lease, "" = it says nothing (yet)."""
        try:
            return self._file(key, number).read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            return ""

    def _lives(self, key: str, number: int, owner: str) -> bool:
        """Whether a lease holds. One that says nothing was cut short, or is being written."""
        self.met = True
        return self.watch.lives(owner) if owner.isalnum() else self.watch.changes(f"{key}.{number}", owner)

    def _make(self, key: str, number: int) -> bool:
        """Make the file of a lease; False = somebody else has. Where none can be made, the step will say why."""
        file = self._file(key, number)
        try:
            file.parent.mkdir(exist_ok=True)
            handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        except FileExistsError:
            return False
        except OSError:  # a full disk, say: a lease saves work, it guards nothing
            return True
        with os.fdopen(handle, "wb", buffering=0) as lease, suppress(OSError):  # one that says nothing is timed as well
            lease.write(f"{self.name}\n".encode())
        return True
