"""What a driver makes of nodes of a Ray cluster that are in a bad state; with a stand-in for Ray."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks.planning.plan import Plan
from benchmarks.running import ray_executor, ray_members, worker
from benchmarks.running.agenda import Agenda
from benchmarks.running.execute import Outcome, Reporter, execute
from benchmarks.running.executors import own
from benchmarks.running.ray_executor import _Driver
from benchmarks.running.ray_members import Member, Members
from benchmarks.running.ray_process import Process, here
from benchmarks.running.worker import Trouble, perform, surroundings
from benchmarks.steps import Step
from benchmarks.steps.context import RunContext
from benchmarks.storage import bucket as buckets
from benchmarks.storage.bucket import Unreachable, open_bucket
from benchmarks.storage.bucket_store import BucketStore
from benchmarks.storage.store import Record, Store
from benchmarks.study.suite import Executions
from records.errors import UsageError
from tests.engine.conftest import run_in_memory
from tests.engine.deaf import Deaf
from tests.memory_store import MemoryStore
from tests.object_store import World, register
from tests.ray_stand_in import Ray, TaskError, ray

__all__ = ["ray"]

ADDRESS = "objects://n/p"
FULL: set[str] = set()


class Node:
    """A process on a node with a folder of its own."""

    working = ""

    def __init__(self, setup: Any, news: Any, node: str) -> None:
        self.node, self.news = node, news
        self.store = BucketStore(setup.root.parent / f"node-{node}", open_bucket(setup.bucket))
        self.context = RunContext(self.store)

    def hello(self) -> Any:
        return here(f"host-{self.node}")

    def work(self, steps: list[Step], freed: Sequence[str] = ()) -> list[Record | Trouble]:
        Node.working = self.node
        try:
            return [self._work(step) for step in steps]
        finally:
            Node.working = ""

    def _work(self, step: Step) -> Record | Trouble:
        try:
            return perform(own(step), self.store, self.context, surroundings(Executions()))
        except Exception as error:
            return Trouble.of(error)


class Noting(Reporter):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


class Executor:
    """As `RayExecutor`, on a cluster that is there."""

    workers = 2

    def __init__(self, ray: Ray, root: Path) -> None:
        self.ray, self.root = ray, root

    def run(self, steps: Sequence[Step], store: Store, listener: Any) -> None:
        with Members(self.ray, self.root, 2, Executions(), listener, ADDRESS) as members:
            agenda = Agenda(steps, store, listener, ray_executor.LIVES, apart=False)
            _Driver("auto", members, agenda, store, listener).run()


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(buckets, "PATIENCE", 0.0)
    monkeypatch.setattr(ray_members, "Process", Node)
    world = register()
    refused = ("fetch", "send")
    world.fails = lambda what, path: (
        OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) if what in refused and Node.working in FULL else None
    )
    yield world
    FULL.clear()


def run(plan: Plan, folder: Path, ray: Ray, told: Noting) -> Outcome:
    store = BucketStore(folder / "store", open_bucket(ADDRESS))
    return execute(plan, store, Executor(ray, store.root), folder / "results", reporter=told)


def test_a_node_whose_disk_is_full_is_set_aside(
    planned: Callable[..., Plan], tmp_path: Path, ray: Ray, world: World
) -> None:
    FULL.add("two")
    plan, told = planned(), Noting()
    outcome = run(plan, tmp_path, ray, told)
    assert told.notes == ["host-two: its disk takes nothing more, so it is given no further steps"]
    whole, _ = run_in_memory(plan, tmp_path / "whole")
    assert {k: r.stable_json() for k, r in outcome.results.items()} == {
        k: r.stable_json() for k, r in whole.results.items()
    }


def test_a_run_ends_where_no_node_has_room(
    planned: Callable[..., Plan], tmp_path: Path, ray: Ray, world: World
) -> None:
    FULL.update(("one", "two"))
    plan, told = planned(), Noting()
    outcome = run(plan, tmp_path, ray, told)
    assert told.notes == [
        *(f"host-{node}: its disk takes nothing more, so it is given no further steps" for node in ("one", "two")),
        "nothing more is begun, since nothing could be kept",
    ]
    (message,) = {result.error.message for result in outcome.failed if result.error is not None}
    assert message.startswith("host-two: the store cannot keep it (No space left on device)")
    assert {result.status for result in outcome.results.values()} <= {"failed", "incomplete"}


class Crew(list[Member]):
    """Members of which one is told what is to be heard of them."""

    bucket, full = "", frozenset[str]()

    def __init__(self, ray: Ray, execution: Executions) -> None:
        super().__init__()
        self.ray, self.execution, self.said = ray, execution, dict[str, tuple[int, int]]()
        self.futile: dict[Any, int] = {}

    def news(self) -> dict[str, tuple[int, int]]:
        said, self.said = self.said, {}
        return said

    def bury(self, member: Member, error: Exception) -> None:
        self.remove(member)


class Broken(MemoryStore):
    """One that cannot be asked."""

    def has(self, key: str) -> bool:
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))


@pytest.fixture
def working(planned: Callable[..., Plan], ray: Ray) -> Callable[..., tuple[_Driver, Member, list[Step]]]:
    """Return a maker of a driver whose only process has a batch of three steps."""

    def make(store: MemoryStore | None = None, lives: int = 1, **limits: float) -> tuple[_Driver, Member, list[Step]]:
        store, steps = store or MemoryStore(), list(planned().steps.values())
        agenda = Agenda(steps, store, Deaf(), lives, apart=False)
        batch = [step for _ in range(3) if (step := agenda.next()) is not None]
        crew = Crew(ray, Executions(time_limit=limits))
        member = Member(place=None, actor="actor", greeting=None, host="host-one")  # type: ignore[arg-type]
        member.batches.append(batch)
        crew.append(member)
        return _Driver("auto", crew, agenda, store, agenda.listener), member, batch  # type: ignore[arg-type]

    return make


@pytest.mark.parametrize("at", [0, 1, 2])
def test_what_a_process_was_at_when_it_died_is_what_it_said_last(at: int, working: Any) -> None:
    driver, member, batch = working()
    driver.members.said = {step.key: (0, 0) for step in batch[: at + 1]}
    driver.bury(member, RuntimeError("died"))
    assert [failure.step for failure in driver.listener.failures] == [batch[at]]
    assert set(driver.agenda.schedule.open(99)) >= {step.key for step in batch if step is not batch[at]}
    assert driver._began == {}, "it tells nothing of the process that has them next"


def test_a_store_that_cannot_be_asked_ends_no_run_when_a_process_dies(working: Any) -> None:
    driver, member, batch = working(Broken(), lives=2)
    driver.bury(member, RuntimeError("died"))
    assert driver.listener.failures == []
    assert set(driver.agenda.schedule.open(99)) >= {step.key for step in batch}


def test_a_limit_of_time_is_that_of_the_step_that_runs(working: Any, ray: Ray, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(ray_executor.time, "monotonic", lambda: now[0])
    driver, member, batch = working(**dict.fromkeys(("base", "trial", "real", "reference", "floor"), 10.0))
    driver.members.said = {batch[0].key: (0, 0)}
    driver.hear()
    now[0] += 9
    driver.members.said = {batch[1].key: (0, 0)}
    driver.hear()
    now[0] += 9
    driver.end_late()
    assert ray.killed == []
    now[0] += 2
    driver.end_late()
    assert ray.killed == ["actor"]
    driver.bury(member, RuntimeError("killed"))
    (failure,) = driver.listener.failures
    assert failure.step is batch[1]
    assert failure.message == "took longer than the 10 s of execution.time_limit, and was ended"


def test_what_is_wrong_around_steps_is_one_line_with_its_machine(working: Any) -> None:
    driver, member, batch = working()

    class Answered:
        def answer(self) -> None: ...

    def get(call: Any, timeout: float = 0) -> Any:
        raise TaskError(ModuleNotFoundError("No module named 'mine'"))

    driver.ray.get = get
    member.calls.append(Answered())
    assert driver.settle(member)
    assert {failure.message for failure in driver.listener.failures} == {
        "host-one: ModuleNotFoundError: No module named 'mine'"
    }
    assert all("Traceback" in failure.traceback for failure in driver.listener.failures)
    assert len(driver.listener.failures) == len(batch)


def test_a_folder_that_cannot_be_written_fails_no_step_by_what_is_let_go_of(monkeypatch: pytest.MonkeyPatch) -> None:
    class ReadOnly(MemoryStore):
        def drop(self, key: str) -> None:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(worker, "_context", RunContext(ReadOnly()))
    monkeypatch.setattr(worker, "work", lambda step: "done")
    assert Process.work(Process.__new__(Process), ["a step"], ["key"]) == ["done"]  # type: ignore[list-item]


@pytest.mark.parametrize("what", ["wait", "nodes"])
def test_a_cluster_that_is_lost_is_one_sentence(
    what: str, planned: Callable[..., Plan], tmp_path: Path, ray: Ray, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Lost(Noting):
        def step(self, step: Step, record: Record | None, message: str) -> None:
            monkeypatch.setattr(ray, what, gone)
            monkeypatch.setattr(ray_members, "LOOK", -1.0)

    def gone(*given: Any, **more: Any) -> Any:
        raise RuntimeError("Failed to connect to GCS\nat address 10.0.0.1:6379")

    with pytest.raises(UsageError) as error:
        run(planned(), tmp_path, ray, Lost())
    assert str(error.value) == (
        "the Ray cluster answers no more (Failed to connect to GCS at address 10.0.0.1:6379); what was made is kept, "
        "and the same command goes on"
    )


def test_a_bucket_that_takes_no_mark_of_the_driver_is_named_as_one(tmp_path: Path, ray: Ray, world: World) -> None:
    world.gone()
    with (
        pytest.raises(Unreachable, match=r"bucket objects://n/p does not answer \(ConnectionError: no route to host\)"),
        Members(ray, tmp_path / "store", 2, Executions(), Deaf(), ADDRESS),
    ):
        pass
