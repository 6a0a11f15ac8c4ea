"""Kill a run with SIGKILL at random moments; the restarted one ends with the same result files."""

from __future__ import annotations

import os
import random
import select
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from benchmarks.planning.planner import make_plan
from benchmarks.storage.store import LocalStore
from benchmarks.study.loading import ROOT
from records.results import read_results
from tests.engine.conftest import run_in_memory, write_suite


def start(suite: Path, runs: Path) -> subprocess.Popen[bytes]:
    command = [
        sys.executable,
        "-m",
        "benchmarks",
        "run",
        str(suite),
        "--runs",
        str(runs),
        "--workers",
        "2",
        "--no-mirror",
    ]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def workers_of(parent: int) -> list[int]:
    """Return a handle of every process whose parent is `parent`; it becomes readable when the process ends."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has just ended
            if int(status.read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(os.pidfd_open(int(status.parent.name)))
    return found


def wait_for_artifacts(process: subprocess.Popen[bytes], store: Path, count: int) -> None:
    """Return when the store holds so many artifacts, or the process has ended."""
    while len(LocalStore.listing(store)) < count:
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.02)
            return


JOINT: dict[str, Any] = {"scenarios": [{"file": "joint_finetune"}]}
CHAIN: dict[str, Any] = {
    "scenarios": [{"file": "frozen_loop"}], "mitigations": ["none"], "primary": {"set": "attributes_left"},
    "metrics": ["benchmarks.metrics.sets.attributes_left.AttributesLeft"],
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("kills", "changes"), [(1, JOINT), (10, JOINT), (4, CHAIN)], ids=["1", "10", "a chain"])
def test_killed_runs_end_with_the_same_bytes(kills: int, changes: dict[str, Any], tmp_path: Path) -> None:
    suite = write_suite(tmp_path, iterations=3, seeds=[0], **changes)
    plan = make_plan(str(suite))
    whole, _ = run_in_memory(plan, tmp_path / "whole")
    expected = {k: r.stable_json() for k, r in whole.results.items()}
    runs, rng = tmp_path / "killed", random.Random(5)
    # Moments are counted in artifacts, so that a slow machine is killed at the same places as a fast one.
    for moment in sorted(rng.sample(range(1, len(plan.steps)), kills)):
        process = start(suite, runs)
        wait_for_artifacts(process, runs / "store", moment)
        workers = workers_of(process.pid)
        process.send_signal(signal.SIGKILL)
        process.wait()
        for worker in workers:  # they end by themselves: no orphan computes on
            ended, _, _ = select.select([worker], [], [], 120)
            assert ended, "a worker outlived its parent"
            os.close(worker)
    half = runs / "store" / "tmp" / "half-written"
    (half / "value").mkdir(parents=True)
    last = start(suite, runs)
    assert last.wait() == 0
    found = {k: r.stable_json() for k, r in read_results(runs / "small" / "results").items()}
    assert found == expected
    assert LocalStore.listing(runs / "store") == set(plan.steps)
