"""Disks that take nothing more, and a bucket that answers no more: what is begun ends, and one sentence says where."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks.commands.main import main
from benchmarks.planning.plan import Plan
from benchmarks.running import study, worker
from benchmarks.running.agenda import Agenda, Listener
from benchmarks.running.execute import Reporter, execute
from benchmarks.running.executors import InProcessExecutor, own
from benchmarks.running.worker import Trouble, perform, surroundings
from benchmarks.steps import Step
from benchmarks.steps.context import RunContext
from benchmarks.storage import bucket as buckets
from benchmarks.storage import full_disk, values
from benchmarks.storage.bucket_store import BucketStore
from benchmarks.storage.store import LocalStore, Record, Store
from tests.engine.conftest import run_in_memory, write_suite
from tests.object_store import World, register

Planner = Callable[..., Plan]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(buckets, "PATIENCE", 0.0)
    return register()


def full() -> OSError:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class Remote(InProcessExecutor):
    """Runs steps on a node with a folder of its own, several of them begun at a time, as with Ray and a bucket."""

    def __init__(self, folder: Path, several: int = 1) -> None:
        super().__init__()
        self.folder, self.several, self.away, self.outcomes = folder, several, False, list[Record | Trouble]()
        self.begun: list[Step] = []

    def run(self, steps: Sequence[Step], store: Store, listener: Listener) -> None:
        assert isinstance(store, BucketStore)
        node = BucketStore(self.folder / "node", store.bucket)
        context, where, agenda = RunContext(node), surroundings(self.execution), Agenda(steps, store, listener)
        while not agenda.over:
            while len(self.begun) < self.several and (step := agenda.next()) is not None:
                self.begun.append(step)
            step, self.away = self.begun.pop(0), True
            outcome: Record | Trouble
            try:
                outcome = perform(own(step), node, context, where)
            except Exception as error:
                outcome = Trouble.of(error)
            self.away = False
            self.outcomes.append(outcome)
            agenda.settle(step, outcome)


@pytest.fixture
def remote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Remote:
    found = Remote(tmp_path, several=3)
    monkeypatch.setattr(study, "InProcessExecutor", lambda execution: found)
    return found


def command(folder: Path) -> list[str]:
    file = write_suite(folder, seeds=[0], mitigations=["none", "real"], iterations=1)
    return [
        "run",
        str(file),
        "--runs",
        str(folder / "runs"),
        "--bucket",
        "objects://n/p",
        "--workers",
        "0",
        "--no-mirror",
    ]


def test_the_drivers_own_disk_is_full(tmp_path: Path, world: World, remote: Remote, capsys: Any) -> None:
    given = command(tmp_path)
    world.fails = lambda what, path: full() if what == "fetch" and not remote.away else None
    assert main(given) == 1
    lines = capsys.readouterr().err.splitlines()
    root = tmp_path / "runs" / "store"
    assert (
        lines[-1] == f"error: {root}: the disk takes nothing more (No space left on device); make room, and run again"
    )
    assert sum("nothing more is begun, since results cannot be had" in line for line in lines) == 1
    assert all(isinstance(outcome, Record) for outcome in remote.outcomes)
    assert remote.begun == [], "what was begun ended"
    world.back()
    assert main(given) == 0


def test_a_disk_that_has_room_again_in_the_end(tmp_path: Path, world: World, remote: Remote, capsys: Any) -> None:
    """What was owed is written down, and the command ends as if it had been so all the time."""
    given, cells = command(tmp_path), list[str]()

    def fails(what: str, path: str) -> Exception | None:
        if what == "fetch" and not remote.away and not cells:
            cells.append(path)
            return full()
        return None

    world.fails = fails
    main(given)
    assert cells
    assert "error: " not in capsys.readouterr().err
    assert main(given) == 0
    assert len(list((tmp_path / "runs").glob("small/results/*.json"))) == 2


def test_the_bucket_has_gone_when_the_driver_reads_a_result(
    tmp_path: Path, world: World, remote: Remote, capsys: Any
) -> None:
    given = command(tmp_path)

    def fails(what: str, path: str) -> Exception | None:
        gone = not remote.away and what in ("read", "fetch") and ("/artifacts/" in path or "/blobs/" in path)
        return ConnectionError("no route to host") if gone and remote.outcomes else None

    world.fails = fails
    assert main(given) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1].startswith("error: bucket objects://n/p does not answer (ConnectionError: no route to host)")
    assert sum("nothing more is begun, since results cannot be had" in line for line in lines) == 1
    assert all(isinstance(outcome, Record) for outcome in remote.outcomes)
    assert remote.begun == [], "what was begun ended"
    world.back()
    assert main(given) == 0


def test_a_node_whose_disk_takes_a_small_file_and_no_model_begins_no_more(
    tmp_path: Path, world: World, remote: Remote
) -> None:
    """It would fail fast, be given more, and fail all of it."""
    given = command(tmp_path)
    remote.several = 1
    assert main(given) == 0
    remote.outcomes.clear()
    remote.folder = tmp_path / "empty"
    world.fails = lambda what, path: full() if what == "fetch" and remote.away else None
    assert main([*given, "--iterations", "2"]) == 1
    (trouble,) = [outcome for outcome in remote.outcomes if isinstance(outcome, Trouble)]
    assert trouble.ends
    root = tmp_path / "empty" / "node"
    assert trouble.message.startswith(f"{root}: the disk takes nothing more (No space left on device); make room, and")


@pytest.mark.parametrize("number", [errno.EACCES, errno.ESTALE, 127])
@pytest.mark.parametrize("room", [False, True])
def test_a_store_that_can_be_written_no_more_ends_a_run(
    number: int, room: bool, planned: Planner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every step would be computed to its end and thrown away; what passes costs one step."""
    tries: list[Path] = []

    def refused(value: Any, folder: Path) -> str:
        tries.append(folder)
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(values, "save", refused)
    monkeypatch.setattr(worker, "has_room", lambda root: room)
    outcome = execute(planned(seeds=[0]), LocalStore(tmp_path / "store"), InProcessExecutor(), tmp_path / "results")
    assert (len(tries) > 1) is room
    messages = {result.error.message for result in outcome.failed if result.error is not None}
    assert messages == {f"the store cannot keep it ({os.strerror(number)}); make room or mend it, and run again"}


def test_what_names_a_file_of_the_store_is_its_disk(
    planned: Planner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A small file may fit where a checkpoint of a training does not."""
    store, begun = LocalStore(tmp_path / "store"), list[str]()

    def run(self: Any, context: Any) -> Any:
        begun.append(self.key)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(store.root / "training" / "state.pt"))

    monkeypatch.setattr("benchmarks.steps.sample.Sample.run", run)
    monkeypatch.setattr("benchmarks.steps.images.Images.run", run)
    outcome = execute(planned(seeds=[0]), store, InProcessExecutor(), tmp_path / "results")
    assert len(begun) == 1
    assert any(r.error is not None and "the store's disk is full" in r.error.message for r in outcome.failed)
    assert not full_disk.lies_in(OSError(errno.ENOSPC, "full", "/dev/shm/other"), store.root)


def test_a_result_that_cannot_be_written_lets_what_is_begun_end(
    planned: Planner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from records.results import CellResult

    settle, tries, notes = CellResult.settle, list[Path](), list[str]()

    class Noting(Reporter):
        def note(self, text: str) -> None:
            notes.append(text)

    def once(self: CellResult, file: Path) -> CellResult:
        tries.append(file)
        if len(tries) == 1:
            raise full()
        return settle(self, file)

    monkeypatch.setattr(CellResult, "settle", once)
    plan = planned()
    first = execute(plan, LocalStore(tmp_path / "store"), InProcessExecutor(), tmp_path / "results", reporter=Noting())
    assert len(notes) == 1
    assert tries[0] in tries[1:], "it is tried again in the end"
    assert [r.status for r in first.results.values()].count("complete") == 1
    monkeypatch.undo()
    again = execute(plan, LocalStore(tmp_path / "store"), InProcessExecutor(), tmp_path / "results")
    whole, _ = run_in_memory(plan, tmp_path / "whole")
    assert {k: r.stable_json() for k, r in again.results.items()} == {
        k: r.stable_json() for k, r in whole.results.items()
    }


def test_a_flush_that_fails_leaves_no_file_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened, closed = list[int](), list[int]()
    make, end = os.open, os.close

    def failing(handle: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    def kept(*given: Any) -> int:
        opened.append(make(*given))
        return opened[-1]

    def ended(handle: int) -> None:
        closed.append(handle)
        end(handle)

    (tmp_path / "file").touch()
    monkeypatch.setattr(values.os, "open", kept)
    monkeypatch.setattr(values.os, "close", ended)
    monkeypatch.setattr(values.os, "fsync", failing)
    with pytest.raises(OSError, match="Input/output error"):
        values.sync(tmp_path)
    assert opened
    assert closed == opened
