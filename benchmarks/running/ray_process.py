"""What a process of a Ray cluster does: it says what it is, then runs steps, one after another. Free of Ray."""

from __future__ import annotations

import os
import socket
import sys
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.running import machine, worker
from benchmarks.running.assemble import versions
from benchmarks.running.leases import Leases
from benchmarks.running.worker import Trouble
from benchmarks.steps import Step
from benchmarks.storage.bucket import open_bucket
from benchmarks.storage.bucket_turns import BucketMarks
from benchmarks.storage.marks import FolderMarks, Marks
from benchmarks.storage.store import LocalStore, Record
from benchmarks.study.suite import Executions
from records import place
from records.errors import UsageError


@dataclass(frozen=True)
class Setup:
    """What every process of a run is started with.

    Attributes:
        root: Folder of the store, as the driver names it; beside a bucket, that of the copies on each node.
        probe: A mark that the driver has left where its artifacts go.
        path: The driver's import path.
        folder: The driver's working folder.
        execution: How each modality's fits and generations are run.
        device: Whether the process has an accelerator of its own.
        beside: How many such processes its machine has.
        bucket: Address of the object store through which artifacts go; "" = through the folder.
    """

    root: Path
    probe: str
    path: list[str]
    folder: str
    execution: Executions
    device: bool
    beside: int
    bucket: str = ""


@dataclass(frozen=True)
class Hello:
    """What a process says of itself before it is given work.

    Attributes:
        host: Its machine.
        sees: Whether it finds the driver's store where the driver has it, and may write there.
        versions: Of the project and of every package that can change a number.
        commit: Of the project's code.
        why: What is in its way, where it can say so.
    """

    host: str
    sees: bool
    versions: dict[str, str]
    commit: str
    why: str = ""


def marks_of(root: Path, bucket: str) -> Marks:
    """Return where a driver leaves its mark.

    Raises:
        UsageError: Nothing here knows how to reach the bucket.
    """
    return BucketMarks(open_bucket(bucket).hurried()) if bucket else FolderMarks(root)


def here(host: str = "", sees: bool = True, why: str = "") -> Hello:
    """Return what this process says of itself."""
    return Hello(host or socket.gethostname(), sees, versions(), place.commit(), why)


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
        self._why = ""
        if self._sees():
            leases = Leases((), setup.execution)
            worker.prepare(setup.root, leases, threads, setup.beside, 1, _Wire(news), setup.bucket)

    def hello(self) -> Hello:
        """Say what it is."""
        return here(sees=self._sees(), why=self._why)

    def work(self, steps: list[Step], freed: Sequence[str] = ()) -> list[Record | Trouble]:
        """Run steps in order; their artifacts go to the store, their records come back.

        Args:
            steps: Inputs first.
            freed: Artifacts of which nobody reads the copy on this node any more.
        """
        worker.free(freed)
        return [worker.work(step) for step in steps]

    def _sees(self) -> bool:
        probe = f"tmp/{self.setup.probe}"
        mine = f"{probe}{os.getpid()}{uuid.uuid4().hex}"
        try:
            marks = marks_of(self.setup.root, self.setup.bucket)
            if self.setup.bucket:
                LocalStore(self.setup.root)  # which has to be one that can be written
            elif marks.read(probe) != self.setup.probe:  # before anything is written to some other folder
                return False
            marks.write(mine, "")
            marks.remove(mine)
            return marks.read(probe) == self.setup.probe
        except (OSError, UsageError) as error:
            self._why = str(error)
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
