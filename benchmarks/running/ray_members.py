"""The processes that a run has on a Ray cluster: who they are, and that one of the dead is followed by another."""

from __future__ import annotations

import os
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.running import ray_cluster
from benchmarks.running.agenda import Listener
from benchmarks.running.placing import Hand
from benchmarks.running.ray_cluster import Place
from benchmarks.running.ray_process import Hello, News, Process, Setup, here, marks_of
from benchmarks.storage.bucket import Unreachable
from benchmarks.study.suite import Executions
from records.errors import UsageError, brief
from records.secrets import hidden

#: How many processes in a row may die in one place without having done a step.
FUTILE = 3
#: Seconds that all processes have to say what they are before the first step, and for which none may be left.
START = 120.0
#: Seconds between two looks at the cluster, and at how far steps have come.
LOOK = 2.0


@dataclass(eq=False)
class Member(Hand):
    """A process of the cluster.

    Attributes:
        place: Where it is.
        actor: Ray's handle of it.
        greeting: What it has been asked first, until it has answered.
        calls: What is in flight, one a batch.
        told: How many of the artifacts that were let go of it has heard of.
        host: Its machine, once it has said so.
    """

    place: Place = field(kw_only=True)
    actor: Any = field(kw_only=True)
    greeting: Any = field(kw_only=True)
    calls: list[Any] = field(default_factory=list)
    told: int = 0
    host: str = ""


class Members:
    """The processes of one run: started where there is room, replaced where they die, asked who they are; a context.

    Args:
        ray: The library, connected.
        root: Folder of the store.
        most: How many there may be.
        execution: How each modality's fits and generations are run.
        listener: Is told of a node that is of no use.
        bucket: Address of the object store through which artifacts go; "" = through the folder.
    """

    def __init__(self, ray: Any, root: Path, most: int, execution: Executions, listener: Listener, bucket: str = ""):
        self.ray, self.root, self.most, self.execution, self.listener = ray, root, most, execution, listener
        self.bucket, self.marks = bucket, marks_of(root, bucket)
        self.probe = f"probe-{uuid.uuid4().hex}"
        self.members: list[Member] = []
        self.futile: dict[Place, int] = {}
        self.full: set[str] = set()  # nodes whose disk takes nothing more
        self.why = "it has no device and no processor to give"
        self._looked = float("-inf")
        self._news: Any = None

    def __enter__(self) -> Members:
        self._leave_mark()
        with ray_cluster.answering():
            self._news = self._actor(News, num_cpus=0).remote()
        try:
            self._welcome(time.monotonic() + START)
        except BaseException:
            self.__exit__()
            raise
        return self

    def _leave_mark(self) -> None:
        try:
            self.marks.write(f"tmp/{self.probe}", self.probe)
        except OSError as error:
            if isinstance(error.__cause__, Unreachable):  # a bucket has no file that could be named
                raise error.__cause__ from error
            raise

    def __iter__(self) -> Iterator[Member]:
        return iter(self.members)

    def __len__(self) -> int:
        return len(self.members)

    def _welcome(self, end: float) -> None:
        """Start all processes, and wait until they have said what they are: before anything runs."""
        self.refresh()
        while any(m.greeting is not None for m in self.members) and time.monotonic() < end:
            ray_cluster.answered(self.ray, self.waiting(), LOOK)
            for member in list(self.members):
                self.greet(member, strict=True)
            self.refresh()

    def __exit__(self, *error: object) -> None:
        self.marks.remove(f"tmp/{self.probe}")
        for actor in [m.actor for m in self.members] + [self._news]:
            with suppress(Exception):  # it has gone, or the cluster has
                self.ray.kill(actor)

    def _actor(self, cls: type, **options: Any) -> Any:
        return self.ray.remote(cls).options(max_restarts=0, max_task_retries=0, **options)

    def refresh(self) -> None:
        """Start a process wherever there is a place without one, and end those that are given nothing more."""
        if time.monotonic() - self._looked < LOOK:
            return
        self._looked = time.monotonic()
        for member in [m for m in self.members if m.place.node in self.full and not m.calls]:
            self._end(member)
        taken = {m.place for m in self.members}
        free = [place for place in self._usable() if place not in taken]
        for place in free[: max(0, self.most - len(self.members))]:
            with ray_cluster.answering():
                self.members.append(self._start(place))

    def _usable(self) -> list[Place]:
        return [p for p in ray_cluster.places(self.ray) if p.node not in self.full and self.futile.get(p, 0) < FUTILE]

    def set_aside(self, member: Member) -> bool:
        """Give a node whose disk is full nothing more; False = there is no other."""
        if member.place.node not in self.full:
            self.full.add(member.place.node)
            self.listener.note(f"{member.host}: its disk takes nothing more, so it is given no further steps")
            self._looked = float("-inf")
        return bool(self._usable())

    def _start(self, place: Place) -> Member:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        path, folder = [os.path.abspath(entry) for entry in sys.path], os.getcwd()
        setup = Setup(self.root, self.probe, path, folder, self.execution, place.device, place.beside, self.bucket)
        actor = self._actor(
            Process, num_cpus=0 if place.device else 1, num_gpus=int(place.device),
            scheduling_strategy=NodeAffinitySchedulingStrategy(place.node, soft=False),
        ).remote(setup, self._news)  # fmt: skip
        return Member(place=place, actor=actor, greeting=actor.hello.remote())

    def waiting(self) -> list[Any]:
        """Return everything that an answer is awaited to."""
        return [c for m in self.members for c in ([m.greeting] if m.greeting is not None else m.calls)]

    def greet(self, member: Member, strict: bool = False) -> bool:
        """Whether a process may be given work: it has said what it is, and that is what this one is.

        Raises:
            UsageError: It is not, and nothing has run yet.
        """
        if member.greeting is None:
            return True
        if not ray_cluster.answered(self.ray, [member.greeting], 0):
            return False
        try:
            hello = self.ray.get(member.greeting)
            member.host, problem = hello.host, unlike(hello, self.root, self.bucket)
        except Exception as error:  # it died, or could not be started
            self.bury(member, error)
            return False
        member.greeting = None
        if problem and strict:
            raise UsageError(problem)
        if problem:
            self.listener.note(problem)
            self.futile[member.place] = FUTILE
            self._end(member)
        return not problem

    def bury(self, member: Member, error: Exception) -> None:
        """Take a process out that has died; another follows in its place."""
        cause = getattr(error, "cause", None) or error  # by itself Ray says the whole traceback of there
        self.why = brief(" ".join(str(cause).split()), 160)
        self.futile[member.place] = self.futile.get(member.place, 0) + 1
        self._end(member)
        self._looked = float("-inf")

    def _end(self, member: Member) -> None:
        self.members.remove(member)
        with suppress(Exception):  # it has gone, or the cluster has
            self.ray.kill(member.actor)

    def news(self) -> dict[str, tuple[int, int]]:
        """Return how far steps have come."""
        with suppress(Exception):  # its node has gone; nothing else is told by it
            found: dict[str, tuple[int, int]] = self.ray.get(self._news.read.remote(), timeout=LOOK)
            return found
        return {}


def unlike(hello: Hello, root: Path, bucket: str = "") -> str:
    """Return why a process is of no use to this run, in one sentence; "" where it is."""
    mine = here()
    if hello.why and bucket:
        return f"{hello.host}: {hello.why}"
    if not hello.sees and bucket:
        return (
            f"{hello.host} does not find in the bucket {hidden(bucket)} what this machine writes there; allowed: the "
            "same endpoint on every node, known when Ray is started"
        )
    if not hello.sees:
        return (
            f"{hello.host} does not see the store at {root}, or may not write there; allowed: a folder that all nodes "
            "of the cluster share under one path (--runs)"
        )
    odd = [n for n in mine.versions if hello.versions.get(n) != mine.versions[n]]
    if odd:
        return (
            f"{hello.host} has {odd[0]} {hello.versions.get(odd[0])}, and this machine {mine.versions[odd[0]]}; "
            "allowed: the same packages on every node"
        )
    if hello.commit != mine.commit:
        return f"{hello.host} has the code of {hello.commit or 'a wheel'}, and this machine {mine.commit or 'a wheel'}"
    return ""
