"""How workers share out accelerators, without any."""

from __future__ import annotations

import multiprocessing
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from torch.nn import Linear

from benchmarks.analytic.models import GaussianGenerator
from benchmarks.running import leases, worker
from benchmarks.running.leases import Leases, accelerators
from benchmarks.steps.context import RunContext
from benchmarks.study.suite import Executions
from lightning_modules.settings import Execution
from records.errors import StepError
from tests.memory_store import MemoryStore


def setup(tmp_path: Path, names: tuple[str, ...], workers: int, **execution: Any) -> worker.Setup:
    sides = {side: Execution(**execution) for side in ("captioner", "generator")}
    return worker.Setup(tmp_path, list(sys.path), os.getppid(), Leases(names, Executions(**sides)), workers)


@pytest.mark.parametrize(
    ("visible", "names"), [("0,1", ("0", "1")), ("", ()), ("-1", ()), ("GPU-8a1b, 3", ("GPU-8a1b", "3"))]
)
def test_what_the_user_shows_is_what_is_shared(
    visible: str, names: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert accelerators() == names


@pytest.mark.parametrize(
    ("files", "driver", "names"),
    [((), 0, ()), (("nvidia1",), 0, ("0",)), (("nvidia3", "nvidia7", "nvidiactl"), 0, ("0", "1")),
     (("nvidia0", "nvidia1"), 1, ("0",))],
)  # fmt: skip
def test_devices_of_a_container_are_counted_from_0(
    files: tuple[str, ...], driver: int, names: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its files have the numbers of the host, and may be more than what it may use; CUDA counts what it sees."""
    for name in files:
        (tmp_path / name).touch()
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(leases, "DEVICES", tmp_path)
    monkeypatch.setattr(leases, "driver_says", lambda: (1,) * driver)
    monkeypatch.setattr(leases, "version", lambda name: "2.13.0")
    assert accelerators() == names
    monkeypatch.setattr(leases, "version", lambda name: "2.13.0+cpu")
    assert accelerators() == ()


def test_a_device_that_torch_does_not_see_is_an_error_and_no_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    store = MemoryStore()
    context = RunContext(store)
    monkeypatch.setattr(store, "fresh", lambda key: Linear(2, 2) if key == "learned" else GaussianGenerator())
    with pytest.raises(StepError, match=r"sees no accelerator, and CUDA_VISIBLE_DEVICES is '1' here; allowed: one "):
        context.model("learned")
    context.model("arithmetic")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    context.model("learned")


@pytest.mark.parametrize(
    ("names", "execution", "expected"),
    [(("0", "1"), {}, ["0", "1", "0"]), ((), {}, ["free"] * 3), (("0", "1"), {"devices": 2}, ["0", "1", "0"])],
)
def test_each_worker_takes_its_turn(
    names: tuple[str, ...], execution: dict[str, Any], expected: list[str], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(worker, "_follow", lambda parent: None)
    monkeypatch.setattr(worker.sys, "path", list(worker.sys.path))
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        monkeypatch.setenv(name, "1")
    turn, found = multiprocessing.get_context("spawn").Value("i", 0), []
    for _ in range(3):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "free")
        worker.start(setup(tmp_path, names, 64, **execution), None, turn)
        found.append(os.environ["CUDA_VISIBLE_DEVICES"])
    assert found == expected
