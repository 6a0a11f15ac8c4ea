"""A trial that ends for want of a disk, or of a process, is not held against the model that was tried."""

from __future__ import annotations

import argparse
import errno
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks.commands import main as cli
from benchmarks.planning.plan import Plan
from benchmarks.running.agenda import Agenda, Listener
from benchmarks.running.execute import execute
from benchmarks.running.executors import InProcessExecutor
from benchmarks.steps import Step
from benchmarks.storage.store import Record, Store
from records.errors import StepError, UsageError
from tests.inputs.test_model_folders import home, study
from tests.inputs.test_trials import planned, run
from tests.memory_store import MemoryStore

__all__ = ["home", "planned", "study"]  # fixtures
Planner = Callable[..., Plan]


class Refusing(MemoryStore):
    """Keeps no trial."""

    def __init__(self, code: int):
        super().__init__()
        self.code = code

    def put(self, record: Record, value: Any) -> None:
        if record.kind == "trial":
            raise OSError(self.code, os.strerror(self.code))
        super().put(record, value)


class Dying(InProcessExecutor):
    """Its process dies twice under each trial."""

    def run(self, steps: Sequence[Step], store: Store, listener: Listener) -> None:
        agenda = Agenda([step for step in steps if step.kind == "trial"], store, listener)
        while (step := agenda.next()) is not None:
            agenda.lost(step, "its worker process died twice")


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_a_store_that_keeps_no_trial_is_named_and_no_model_is(code: int, planned: Planner, tmp_path: Path) -> None:
    store = Refusing(code)
    with pytest.raises(StepError) as caught:
        run(planned(), tmp_path, store=store)
    assert ": could not be tried: the store cannot keep it " in str(caught.value)
    assert f"({os.strerror(code)})" in str(caught.value)
    assert "folder:" not in str(caught.value)
    assert {store.record(key).kind for key in store.done()} <= {"base"}
    assert not list((tmp_path / "results").glob("*"))


def test_a_process_that_dies_under_a_trial_is_named(planned: Planner, tmp_path: Path) -> None:
    with pytest.raises(StepError, match="could not be tried: its worker process died twice"):
        execute(planned(), MemoryStore(), Dying(), tmp_path / "results")


def test_a_model_of_no_use_is_named_beside_a_store_that_keeps_nothing(planned: Planner, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r": g2: folder: "):
        run(planned(g2="small"), tmp_path, store=Refusing(errno.EIO))


def test_the_command_says_that_a_run_failed_and_not_that_its_input_is_bad(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def failing(options: argparse.Namespace) -> int:
        raise StepError("bed: g0: could not be tried: the store cannot keep it")

    monkeypatch.setattr(cli, "run", failing)
    assert cli.main(["run", "smoke"]) == cli.EXIT_FAILED_CELLS
    assert "error: bed: g0: could not be tried" in capsys.readouterr().err
