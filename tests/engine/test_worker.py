"""How workers share out accelerators, without any."""

from __future__ import annotations

import multiprocessing
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.running import worker
from benchmarks.running.leases import Leases, accelerators
from benchmarks.study.suite import Executions
from lightning_modules.settings import Execution


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
