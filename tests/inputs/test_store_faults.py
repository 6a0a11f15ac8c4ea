"""A disk that is full or read-only, a store that vanishes: one sentence, nothing corrupted, the same command goes on."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from safetensors import SafetensorError

from benchmarks.commands import main as command
from benchmarks.commands.main import main
from benchmarks.planning.plan import Plan
from benchmarks.planning.planner import make_plan
from benchmarks.running import study
from benchmarks.running.execute import execute
from benchmarks.running.executors import InProcessExecutor
from benchmarks.storage import store as stores
from benchmarks.storage.store import LocalStore
from records.results import read_results
from tests.engine.conftest import run_in_memory, write_suite


class Meddling(InProcessExecutor):
    """Does something to the store once so many steps are in it."""

    def __init__(self, moment: int, what: Any) -> None:
        super().__init__()
        self.moment, self.what = moment, what

    def run(self, steps: Any, store: Any, listener: Any) -> None:
        for i, step in enumerate(steps):
            if i == self.moment:
                self.what(store.root)
            super().run([step], store, listener)


def planned(folder: Path) -> Plan:
    return make_plan(str(write_suite(folder, seeds=[0], iterations=2)))


def stable(results: dict[str, Any]) -> dict[str, str]:
    return {key: result.stable_json() for key, result in results.items()}


@pytest.mark.parametrize("moment", [1, 5, 9, 15])
def test_a_store_that_vanishes_is_made_again(moment: int, tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    plan = planned(tmp_path)
    whole, _ = run_in_memory(plan, tmp_path / "whole")
    meddling = Meddling(moment, shutil.rmtree)
    monkeypatch.setattr(study, "InProcessExecutor", lambda execution: meddling)
    given = ["run", str(tmp_path / "small.yaml"), "--runs", str(tmp_path / "runs"), "--workers", "0", "--no-mirror"]
    given += ["--seeds", "[0]"]
    assert main(given) == 1
    said = capsys.readouterr().err.splitlines()
    assert any(line.startswith(("error: ", "failed: ")) for line in said)
    assert not any("Traceback" in line for line in said)
    monkeypatch.setattr(study, "InProcessExecutor", InProcessExecutor)
    assert main(given) == 0
    (results,) = (tmp_path / "runs" / "small").rglob("results")
    assert stable(read_results(results)) == stable(whole.results)
    assert list((tmp_path / "runs" / "store" / "tmp").iterdir()) == []


def _no_room(root: Path) -> bool:
    return False


@pytest.mark.parametrize(
    ("error", "ends"),
    [
        (SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"), True),
        (OSError("1000000 requested and 131056 written"), True),
        (OSError(errno.EIO, "Input/output error"), False),
        (SafetensorError("Error while serializing: invalid header"), False),
    ],
    ids=["safetensors", "numpy", "other number", "other text"],
)
def test_a_full_disk_is_known_in_the_words_of_every_library(
    error: Exception, ends: bool, tmp_path: Path, monkeypatch: Any
) -> None:
    """Weights and arrays are what fills a disk; the libraries that write them say it without a number."""

    def full(value: Any, folder: Path) -> str:
        tries.append(folder)
        raise error

    tries: list[Path] = []
    monkeypatch.setattr(stores.values, "save", full)
    outcome = execute(planned(tmp_path), LocalStore(tmp_path / "store"), InProcessExecutor(), tmp_path / "results")
    assert outcome.failed
    assert (len(tries) == 1) is ends, "nothing more is begun"


@pytest.mark.parametrize("room", [False, True])
def test_what_a_step_writes_aside_fills_the_disk_as_well(room: bool, tmp_path: Path, monkeypatch: Any) -> None:
    """Only where the store's own disk is full: another one (shared memory) says nothing of the next step."""
    begun: list[str] = []

    def full(self: Any, context: Any) -> Any:
        begun.append(self.key)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("benchmarks.steps.sample.Sample.run", full)
    monkeypatch.setattr("benchmarks.steps.images.Images.run", full)
    if not room:
        monkeypatch.setattr("benchmarks.running.worker.has_room", _no_room)
    outcome = execute(planned(tmp_path), LocalStore(tmp_path / "store"), InProcessExecutor(), tmp_path / "results")
    assert outcome.failed
    assert (len(begun) > 1) is room


FULL = {errno.ENOSPC: "No space left on device", errno.EROFS: "Read-only file system", errno.EDQUOT: "quota exceeded"}


@pytest.mark.parametrize("number", FULL)
@pytest.mark.parametrize("moment", [0, 7])
def test_a_disk_that_takes_nothing_more(number: int, moment: int, tmp_path: Path, monkeypatch: Any) -> None:
    plan = planned(tmp_path)
    whole, _ = run_in_memory(plan, tmp_path / "whole")
    saves, save = [0], stores.values.save

    def full(value: Any, folder: Path) -> str:
        saves[0] += 1
        if saves[0] > moment:
            (folder.parent / "half").write_text("x")
            raise OSError(number, os.strerror(number), str(folder))
        return save(value, folder)

    monkeypatch.setattr(stores.values, "save", full)
    store = LocalStore(tmp_path / "store")
    outcome = execute(plan, store, InProcessExecutor(), tmp_path / "results")
    assert saves[0] == moment + 1, "nothing more is begun"
    assert outcome.failed
    assert all(result.status != "complete" for result in outcome.results.values())
    for result in outcome.failed:
        assert result.error is not None
        assert result.error.message.startswith("the store cannot keep it (")
        assert FULL[number] in result.error.message
        assert str(tmp_path) not in result.error.message
    assert list((store.root / "tmp").iterdir()) == []
    monkeypatch.setattr(stores.values, "save", save)
    again = execute(plan, LocalStore(store.root), InProcessExecutor(), tmp_path / "results")
    assert stable(again.results) == stable(whole.results)
    assert stable(read_results(tmp_path / "results")) == stable(whole.results)


def test_results_that_cannot_be_written_end_a_run_with_one_sentence(
    tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    from records import files

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    given = ["run", str(write_suite(tmp_path, seeds=[0])), "--runs", str(tmp_path / "runs"), "--workers", "0"]
    monkeypatch.setattr(files.os, "fsync", full)
    monkeypatch.setattr(stores.values, "sync", lambda folder: None)
    assert main([*given, "--no-mirror"]) == command.EXIT_FAILED_CELLS
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("error: ")
    assert last.endswith(".json: No space left on device")
    monkeypatch.undo()
    assert main([*given, "--no-mirror"]) == 0


def test_a_rerun_that_fails_takes_no_complete_result_away(tmp_path: Path) -> None:
    """The store is lost, and what made it cannot be had any more."""
    plan, results = planned(tmp_path), tmp_path / "results"
    first = execute(plan, LocalStore(tmp_path / "store"), InProcessExecutor(), results)
    texts = {file.name: file.read_text() for file in results.iterdir()}

    class Failing(LocalStore):
        def put(self, record: Any, value: Any) -> None:
            if record.kind == "fit":
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            super().put(record, value)

    again = execute(plan, Failing(tmp_path / "other"), InProcessExecutor(), results)
    assert len(again.failed) == len(first.results)
    assert {file.name: file.read_text() for file in results.iterdir()} == texts
