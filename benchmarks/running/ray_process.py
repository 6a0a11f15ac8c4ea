"""What a process of a Ray cluster does: it says what it is, then runs steps, one after another. Free of Ray."""

from __future__ import annotations

import os
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.running import machine, worker
from benchmarks.running.assemble import versions
from benchmarks.running.leases import Leases
from benchmarks.running.worker import Trouble
from benchmarks.steps import Step
from benchmarks.storage.store import Record
from benchmarks.study.suite import Executions
from records import place


@dataclass(frozen=True)
class Setup:
    """What every process of a run is started with.

    Attributes:
        root: Folder of the store, as the driver names it.
        probe: A file that the driver has written there.
        path: The driver's import path.
        folder: The driver's working folder.
        execution: How each modality's fits and generations are run.
        device: Whether the process has an accelerator of its own.
        beside: How many such processes its machine has.
    """

    root: Path
    probe: str
    path: list[str]
    folder: str
    execution: Executions
    device: bool
    beside: int


@dataclass(frozen=True)
class Hello:
    """What a process says of itself before it is given work.

    Attributes:
        host: Its machine.
        sees: Whether it finds the driver's store where the driver has it, and may write there.
        versions: Of the project and of every package that can change a number.
        commit: Of the project's code.
    """

    host: str
    sees: bool
    versions: dict[str, str]
    commit: str


def here(host: str = "", sees: bool = True) -> Hello:
    """Return what this process says of itself."""
    return Hello(host or socket.gethostname(), sees, versions(), place.commit())


class Process:
    """A long-lived process with its loaded models; Ray makes an actor of it.

    Args:
        setup: What it is started with.
        news: The actor that gathers how far steps have come.
    """

    def __init__(self, setup: Setup, news: Any):
        self.setup = setup
        if not setup.device:  # Ray leaves to us what a process without one sees
            os.environ["CUDA_VISIBLE_DEVICES"] = ""
        with suppress(OSError):
            os.chdir(setup.folder)
        sys.path += [entry for entry in setup.path if entry not in sys.path]
        threads = max(1, machine.processors() // setup.beside) if setup.device else 1
        if self._sees():
            leases = Leases((), setup.execution)
            worker.prepare(setup.root, leases, threads, setup.beside, 1, _Wire(news))

    def hello(self) -> Hello:
        """Say what it is."""
        return here(sees=self._sees())

    def work(self, steps: list[Step]) -> list[Record | Trouble]:
        """Run steps in order; their artifacts go to the store, their records come back."""
        return [worker.work(step) for step in steps]

    def _sees(self) -> bool:
        probe = self.setup.root / "tmp" / self.setup.probe
        mine = probe.with_name(f"{probe.name}-{os.getpid()}-{socket.gethostname()}")
        try:
            mine.touch()
            mine.unlink()
            return probe.read_text(encoding="utf-8") == self.setup.probe
        except OSError:
            return False


class News:
    """Gathers how far steps have come; Ray makes an actor of it, which the driver asks now and then."""

    def __init__(self) -> None:
        self.said: dict[str, tuple[int, int]] = {}

    def tell(self, key: str, done: int, total: int) -> None:
        """Take down how far a step is."""
        self.said[key] = (done, total)

    def read(self) -> dict[str, tuple[int, int]]:
        """Return what is new."""
        said, self.said = self.said, {}
        return said


class _Wire:
    """Sends what workers of a pool write into a pipe to an actor; that a step begins as 0 of 0."""

    def __init__(self, news: Any):
        self.news = news

    def send(self, message: tuple[str, int] | tuple[str, int, int]) -> None:
        key, *said = message
        self.news.tell.remote(key, *(said if len(said) == 2 else (0, 0)))
