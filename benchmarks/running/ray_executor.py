"""Runs steps in processes that a Ray cluster leases: the same graph, planner, store and keys as on one machine.

The driver keeps what is ready, and whose turn it is; Ray holds nothing but processes. What is sent are steps, what
comes back are records: artifacts go through the store, a folder that all machines share or a bucket.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from benchmarks.running import ray_cluster
from benchmarks.running.agenda import Agenda, Listener
from benchmarks.running.leases import accelerators
from benchmarks.running.limits import limit_of, too_long
from benchmarks.running.placing import DEPTH, Placing
from benchmarks.running.ray_members import FUTILE, LOOK, START, Member, Members
from benchmarks.running.worker import Trouble
from benchmarks.steps import Step
from benchmarks.storage.bucket_store import BucketStore
from benchmarks.storage.store import Record, Store
from benchmarks.study.suite import Executions
from records.errors import StepError, UsageError
from records.names import MODALITIES
from records.secrets import hidden

#: How many processes may die under a step before it is given up.
LIVES = 3


class RayExecutor:
    """Processes of a Ray cluster, one a device or else one an allotted processor; a context.

    Args:
        root: Folder of the store, which every node of the cluster sees under this path.
        address: "local" for a cluster of this machine alone, "auto" for the one that it is part of, or host:port.
        workers: Most processes; None = as many as there are places.
        execution: How each modality's fits and generations are run.
        bucket: Address of an object store through which artifacts go: the folder is then each node's own.

    Raises:
        UsageError: Ray is not installed, the cluster cannot be reached, or a fit asks for several devices.
    """

    def __init__(
        self,
        root: Path,
        address: str,
        workers: int | None = None,
        execution: Executions | None = None,
        bucket: str = "",
    ):
        self.execution, self.bucket = execution or Executions(), bucket
        require_one_device(self.execution)
        self.root, self.address = root.resolve(), address
        self.ray = ray_cluster.connect(address, workers, len(accelerators()))
        self.most = sys.maxsize if workers is None else workers
        self.workers = min(self.most, len(list(ray_cluster.places(self.ray))))

    def __enter__(self) -> RayExecutor:
        return self

    def __exit__(self, *error: object) -> None:
        self.ray.shutdown()

    def run(self, steps: Sequence[Step], store: Store, listener: Listener) -> None:
        """Run all steps, earlier cells first, inputs before their readers.

        Raises:
            UsageError: A node does not see the store, or has other code; or no process is left.
        """
        if steps:
            with Members(self.ray, self.root, self.most, self.execution, listener, self.bucket) as members:
                agenda = Agenda(steps, store, listener, LIVES, apart=False)
                _Driver(self.address, members, agenda, store, listener).run()


def require_one_device(execution: Executions) -> None:
    """Refuse fits on several devices: each process of the cluster has one.

    Raises:
        UsageError: Naming the key and what works.
    """
    for side in MODALITIES:
        devices = getattr(execution, side).devices
        if devices not in ("auto", 1):
            raise UsageError(
                f"execution.{side}.devices: found {devices}; allowed with --executor ray: 1, since each of its "
                "processes has one device; several runs without it share a store as well"
            )


class _Driver:
    """Keeps the processes of a cluster busy with what is ready."""

    def __init__(self, address: str, members: Members, agenda: Agenda, store: Store, listener: Listener):
        self.address, self.members, self.agenda, self.store = address, members, agenda, store
        self.ray, self.listener, self.placing = members.ray, listener, Placing(agenda)
        self._told = self._seen = time.monotonic()
        self._limits = members.execution.time_limit
        self._began: dict[str, float] = {}  # as far as news tell, which come twice a second
        self._late: dict[str, str] = {}
        self.bucket = members.bucket  # without one, the disk that is full is everybody's
        self._freed = store.freed if isinstance(store, BucketStore) else []

    def run(self) -> None:
        """Run what is ready until nothing is."""
        while not self.agenda.over:
            self.members.refresh()
            self.require_hands()
            self.hand_out()
            if waiting := self.members.waiting():
                ray_cluster.answered(self.ray, waiting, min(self.agenda.patience or LOOK, LOOK))
            else:
                time.sleep(LOOK / 4)
            self.agenda.idle()
            self.collect()
            self.tell()

    def require_hands(self) -> None:
        """Refuse to wait for ever where no process is left.

        Raises:
            UsageError: Naming why the last one ended.
        """
        if any(m.greeting is None for m in self.members):
            self._seen = time.monotonic()
        hopeless = not len(self.members) and FUTILE in self.members.futile.values()
        if hopeless or time.monotonic() - self._seen > START:
            raise UsageError(
                f"--address {self.address}: no process of the cluster runs ({self.members.why}); what was made is "
                "kept, and the same command goes on"
            )

    def hand_out(self) -> None:
        """Give every process something to do before any is given more."""
        hands = [m for m in list(self.members) if m.place.node not in self.members.full and self.members.greet(m)]
        for depth in range(DEPTH):
            for member in (m for m in hands if len(m.batches) == depth):
                batch = self.placing.batch(member, len(hands))
                for step in batch:
                    self._began.pop(step.key, None)  # what a process that is dead by now has said of it
                try:
                    if batch:
                        member.calls.append(member.actor.work.remote(batch, self._freed[member.told :]))
                        member.told = len(self._freed)
                except Exception as error:  # a step that cannot be sent
                    member.batches.pop()
                    for step in batch:
                        self.agenda.settle(step, Trouble.of(error))

    def collect(self) -> None:
        """Book what processes have done."""
        waiting = self.members.waiting()
        answered = set(ray_cluster.answered(self.ray, waiting, 0, len(waiting))) if waiting else set()
        for member in list(self.members):
            while member.calls and member.calls[0] in answered and self.settle(member):
                pass

    def settle(self, member: Member) -> bool:
        """Book the first batch of a process; False where it has died."""
        from ray.exceptions import RayTaskError

        try:
            outcomes: list[Record | Trouble] = self.ray.get(member.calls[0])
        except RayTaskError as error:  # around the steps: they cannot be read there, say
            outcomes = [around(error, member.host)] * len(member.batches[0])
        except Exception as error:  # the process has died, or its node
            self.bury(member, error)
            return False
        member.calls.pop(0)
        for step, outcome in zip(member.batches.popleft(), outcomes, strict=True):
            self._began.pop(step.key, None)
            member.made.append(step.key)
            if isinstance(outcome, Record):
                self.placing.learn(step, outcome.cost.wall_seconds)
            elif outcome.ends and self.bucket:
                if self.members.set_aside(member):
                    self.agenda.back(step)  # for a node that has room
                    continue
                outcome = replace(outcome, message=f"{member.host}: {outcome.message}")
            self.agenda.settle(step, outcome)
        self.members.futile.pop(member.place, None)
        return True

    def bury(self, member: Member, error: Exception) -> None:
        """Book what a dead process had in flight: what is in the store is done, one was being run, the rest waits."""
        self.hear()
        self.members.bury(member, error)
        left = []
        for step in member.in_flight:
            if record := self.made(step):
                self.agenda.settle(step, record)
            else:
                left.append(step)
        ended = any(step.key in self._late for step in member.in_flight)  # by us: it died of no step
        running = None if ended else self.running(left)
        for step in left:
            if step.key in self._late:
                self.agenda.settle(step, Trouble(self._late[step.key]))
            elif step is running:
                self.agenda.lost(step, f"its process died {LIVES} times (out of memory, or its node was lost?)")
            else:
                self.agenda.back(step)
        for step in member.in_flight:
            self._began.pop(step.key, None)

    def made(self, step: Step) -> Record | None:
        """Return the record of a step that is in the store; None where nobody can tell, too: it is tried anew."""
        try:
            return self.store.record(step.key) if self.store.has(step.key) else None
        except (OSError, StepError):
            return None

    def running(self, steps: Sequence[Step]) -> Step | None:
        """Return which of the steps in a process it is at: the last that news tell of, else the first."""
        return next((step for step in reversed(steps) if step.key in self._began), steps[0] if steps else None)

    def tell(self) -> None:
        """Pass on how far steps have come."""
        if time.monotonic() - self._told >= LOOK:
            self._told = time.monotonic()
            self.hear()
            self.end_late()

    def hear(self) -> None:
        """Take down what processes have said of steps that are in flight."""
        for key, (done, total) in self.members.news().items():
            self._began.setdefault(key, time.monotonic())
            self.listener.progress(key, done, total)

    def end_late(self) -> None:
        """End the processes of steps that take longer than their kind may."""
        for member in self.members:
            step = self.running(member.in_flight)
            limit = math.inf if step is None else limit_of(step, self._limits)
            if step is None or step.key in self._late:
                continue
            if time.monotonic() - self._began.get(step.key, math.inf) > limit:
                self._late[step.key] = too_long(limit)
                with suppress(Exception):  # it has gone meanwhile
                    self.ray.kill(member.actor)


def around(error: Exception, host: str) -> Trouble:
    """Take down what went wrong on a machine around its steps; by itself Ray says the whole traceback of there."""
    cause = getattr(error, "cause", None)
    trouble = Trouble.of(cause if isinstance(cause, BaseException) else error)
    return replace(trouble, message=f"{host}: {trouble.message}", traceback=hidden(str(error)))
