"""A process that cannot become a worker ends the run with why, at once: no step is to blame, and none dies of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.planning.plan import Plan
from benchmarks.running import executors, worker
from benchmarks.running.execute import execute
from benchmarks.running.executors import LocalExecutor
from benchmarks.running.leases import Leases, Setup
from benchmarks.steps.context import RunContext
from benchmarks.storage.store import LocalStore
from benchmarks.study.suite import Executions
from records.errors import UsageError
from records.leftovers import mark
from tests.memory_store import MemoryStore


def test_a_worker_that_cannot_start_is_no_steps_fault(
    planned: Callable[..., Plan], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    crews: list[Any] = []

    class Counted(executors._Crew):
        def __init__(self, *given: Any) -> None:
            crews.append(self)
            super().__init__(*given)

    monkeypatch.setattr(executors, "_Crew", Counted)
    (tmp_path / "file").touch()
    store = MemoryStore()
    with pytest.raises(UsageError) as error:
        execute(planned(seeds=[0]), store, LocalExecutor(tmp_path / "file" / "store", 1), tmp_path / "results")
    assert "no worker can be started: runs folder " in str(error.value)
    assert "cannot be written (Not a directory)" in str(error.value)
    assert len(crews) == 1
    assert list(store.done()) == []  # type: ignore[call-overload]
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize(("names", "said"), [((), ""), (("3",), " on accelerator 3")])
def test_the_accelerator_of_one_is_named(names: tuple[str, ...], said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*given: Any) -> None:
        raise RuntimeError("CUDA error: an illegal instruction\nwas encountered")

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    monkeypatch.setattr(worker, "_unfit", "")
    worker.admit(broken, Path(), Setup(Path(), [], 1, Leases(names, Executions()), 1), None, None)
    with pytest.raises(worker.Unfit) as error:
        worker.work(None)  # type: ignore[arg-type]
    text = "RuntimeError: CUDA error: an illegal instruction was encountered"
    assert str(error.value).startswith(f"no worker can be started{said}: {text}")
    assert str(error.value).endswith("; what was made is kept, and the same command goes on")


def test_what_a_dead_worker_spooled_goes_with_its_crew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mark says whose a spool is; that of a process of this machine that is dead is nobody's."""
    store = LocalStore(tmp_path / "store")
    context = RunContext(store)
    mine = context.spool()
    assert mine is not None
    assert mark() in mine.name
    machine = mark().split("-")[1]
    dead = mine.with_name(f"spool-by-{machine}-999999999-1-0123")
    dead.mkdir()
    (dead / "picture").write_bytes(b"1" * 100)

    class Hearing:
        def progress(self, key: str, done: int, total: int) -> None: ...

    crew = executors._Crew(LocalExecutor(store.root, 1), Hearing(), executors.Watch({}, {}))  # type: ignore[arg-type]
    crew.dismiss()
    assert not dead.exists()
    assert mine.exists(), "its writer lives"
    context.tidy()
    assert not mine.exists()
