"""Which runs on one store are alive: each keeps one small file there, whose content changes while it lives.

Whoever looks measures on a clock of its own for how long a file has not changed, so that clocks which differ between
machines do no harm. No lock of the file system is needed. The content is compared, not the time of the file: a network
file system may show an old time for a minute, and shows the content as it is when a file is opened. A bucket does as
well as a folder.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass

from benchmarks.storage.marks import PERIOD, Marks
from records.process import machine, started

#: Where runs keep their files.
FOLDER = "running"


@dataclass(frozen=True)
class Run:
    """A run, as its file says it.

    Attributes:
        work: What it does: runs of equal work need the same artifacts.
        host: Where it runs, for people.
        machine: Tells apart the boots of machines, and containers on one; "" = unknown.
        pid: Its process there.
        started: Tells apart processes that had the same number one after the other.
    """

    work: str
    host: str
    machine: str
    pid: int
    started: str

    @classmethod
    def here(cls, work: str) -> Run:
        """Return this process as a run."""
        return cls(work, socket.gethostname(), machine(), os.getpid(), started(os.getpid()))

    @property
    def ended(self) -> bool:
        """Whether its process is known to have ended, since it is, or was, one of this machine."""
        return bool(self.machine) and self.machine == machine() and started(self.pid) != self.started


class Watch:
    """Tells from outside which runs are alive.

    Args:
        marks: Where runs keep their files.
        period: Seconds without a change after which one is dead.
        clock: The observer's own seconds.
    """

    def __init__(self, marks: Marks, period: float = PERIOD, clock: Callable[[], float] = time.monotonic):
        self.marks, self.period, self.clock = marks, period, clock
        self._seen: dict[str, tuple[str, float]] = {}  # what was last read, and since when it is that

    def lives(self, name: str) -> bool:
        """Whether a run may still be at work. The file of one that is not is removed."""
        text = self.marks.read(f"{FOLDER}/{name}")
        if text is None:  # runs that end take their file along
            return False
        text = text or self._seen.get(name, ("", 0.0))[0]
        run = parse(text)
        if not (run is not None and run.ended) and self.changes(name, text):
            return True
        self.marks.remove(f"{FOLDER}/{name}")
        return False

    def changes(self, name: str, text: str) -> bool:
        """Note what was read; False when it has been the same for longer than the period."""
        said, since = self._seen.get(name, (None, 0.0))
        now = self.clock()
        if said != text:
            self._seen[name] = (text, now)
            return True
        return now - since <= self.period

    def runs(self) -> dict[str, Run | None]:
        """Return the runs that may be at work; None = its file cannot be read now."""
        return {name: parse(self._seen[name][0]) for name in self.marks.names(FOLDER) if self.lives(name)}


def parse(text: str) -> Run | None:
    """Return the run that a file tells of; None where it does not."""
    try:
        return Run(**json.loads(text.partition("\n")[0]))
    except (ValueError, TypeError):
        return None


def tell(marks: Marks, name: str, run: Run, beat: int) -> None:
    """Say that a run is alive; a disk that is full stops none."""
    with suppress(OSError):
        marks.write(f"{FOLDER}/{name}", f"{json.dumps(asdict(run))}\n{beat}\n")
